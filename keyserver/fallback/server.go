package fallback

import (
	"fmt"
	"net"
	"strconv"
	"strings"
)

// A form is how a server wants to be asked.
type form string

const (
	formVKS form = "vks" // that of keys.openpgp.org
	formHKP form = "hkp" // draft-ietf-openpgp-hkp, over TLS
)

// A server is one public key server of the configuration.
type server struct {
	form form
	host string // host or host:port
}

// Check reports what is wrong with a list of servers, each vks://HOST or
// hkp://HOST, with :PORT if it is not 443. Both are asked over TLS.
func Check(servers []string) error {
	_, err := parse(servers)
	return err
}

// MaxServers are asked for one key.
const MaxServers = 4

func parse(list []string) ([]server, error) {
	if len(list) > MaxServers {
		return nil, fmt.Errorf("%d servers, at most %d", len(list), MaxServers)
	}
	var out []server
	for _, text := range list {
		kind, host, ok := strings.Cut(text, "://")
		s := server{form(kind), host}
		if !ok || s.form != formVKS && s.form != formHKP || !isHost(host) {
			return nil, fmt.Errorf("%q: write \"vks://keys.openpgp.org\", or \"hkp://HOST\" for another", text)
		}
		out = append(out, s)
	}
	return out, nil
}

// isHost reports whether text names a host, and perhaps a port, and nothing else.
func isHost(text string) bool {
	host := text
	if h, port, err := net.SplitHostPort(text); err == nil {
		if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
			return false
		}
		host = h
	}
	return host != "" && len(text) <= 253 && strings.Trim(strings.ToLower(host), "abcdefghijklmnopqrstuvwxyz0123456789.-") == ""
}
