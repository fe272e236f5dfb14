package i18n

import "strings"

// Names that servers of a cloud on one machine give themselves (omegad dev): the operators
// of such a cloud are operator-1 and so on, and its site is the machine.
const (
	trialOperator = "operator-"
	trialSite     = "loopback"
)

// Operator is what a server says of who runs it, in words where that is nobody. What other
// people wrote stays as it is.
func Operator(name string, l Lang) string {
	n, ok := strings.CutPrefix(name, trialOperator)
	if !ok || n == "" || strings.Trim(n, "0123456789") != "" {
		return name
	}
	return T("operator.trial", n).In(l)
}

// Site is what a server says of where it stands.
func Site(name string, l Lang) string {
	if name != trialSite {
		return name
	}
	return T("site.trial").In(l)
}
