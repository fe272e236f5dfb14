package omega

import "fmt"

// A Code is what the other side is told when something failed. Codes are
// stable and travel as one octet; the text beside them is for people. Each
// boundary has one place that turns errors into codes. (spec/wire.md, WIRE-9)
type Code uint8

const (
	CodeOK          Code = 0  // done
	CodeInternal    Code = 1  // the server failed; try again later
	CodeBadRequest  Code = 2  // the request breaks the protocol; do not repeat it
	CodeAuth        Code = 3  // the one answer to every failed handshake
	CodeNeedCert    Code = 4  // send the certificate: the account is unknown here
	CodeRefused     Code = 5  // policy forbids it (registration closed, not the owner)
	CodeNotFound    Code = 6  // nothing by that name
	CodeConflict    Code = 7  // a newer record stands; fetch it and build on it
	CodeMailboxFull Code = 8  // the recipient's mailbox is over its quota
	CodeDiskFull    Code = 9  // the home has no room on stable storage
	CodeUnavailable Code = 10 // the home cannot be reached now; the sender keeps it
	CodeTooLarge    Code = 11 // over a limit of limits.go
	CodeRateLimited Code = 12 // too many requests; slow down
	CodeExpired     Code = 13 // a lease, ticket or record ran out
	CodeVersion     Code = 14 // no protocol version in common
	CodeShutdown    Code = 15 // the server is draining; attach to another
	CodeSuperseded  Code = 16 // a newer session of this device took over
	CodeQueued      Code = 17 // the proxy keeps it durably and goes on trying; no home has it yet
	CodeDeleted     Code = 18 // the owner deleted the account; that is final
)

var codeNames = [...]string{
	CodeOK:          "ok",
	CodeInternal:    "internal",
	CodeBadRequest:  "bad_request",
	CodeAuth:        "auth",
	CodeNeedCert:    "need_cert",
	CodeRefused:     "refused",
	CodeNotFound:    "not_found",
	CodeConflict:    "conflict",
	CodeMailboxFull: "mailbox_full",
	CodeDiskFull:    "disk_full",
	CodeUnavailable: "unavailable",
	CodeTooLarge:    "too_large",
	CodeRateLimited: "rate_limited",
	CodeExpired:     "expired",
	CodeVersion:     "version",
	CodeShutdown:    "shutdown",
	CodeSuperseded:  "superseded",
	CodeQueued:      "queued",
	CodeDeleted:     "deleted",
}

// String returns the code's stable lower-case name.
func (c Code) String() string {
	if int(c) < len(codeNames) {
		return codeNames[c]
	}
	return fmt.Sprintf("code_%d", uint8(c))
}

// ParseCode reads what String returns; anything else is CodeInternal.
func ParseCode(name string) Code {
	for c, n := range codeNames {
		if n == name {
			return Code(c)
		}
	}
	return CodeInternal
}

// Retry reports whether the same request may succeed later without a change
// by the user.
func (c Code) Retry() bool {
	switch c {
	case CodeInternal, CodeMailboxFull, CodeDiskFull, CodeUnavailable, CodeRateLimited, CodeShutdown, CodeSuperseded, CodeQueued:
		return true
	}
	return false
}

// An Error is a code that came from, or goes to, the other side, with a text
// for people. errors.As finds it through wrapping.
type Error struct {
	Code Code
	Text string
}

// Error returns the code's name and the text.
func (e *Error) Error() string {
	if e.Text == "" {
		return e.Code.String()
	}
	return e.Code.String() + ": " + e.Text
}

// Is reports whether target is an *Error of the same code, so that
// errors.Is(err, &omega.Error{Code: omega.CodeNotFound}) works.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Code == e.Code && t.Text == ""
}

// Errorf returns an *Error.
func Errorf(code Code, format string, args ...any) error {
	return &Error{Code: code, Text: fmt.Sprintf(format, args...)}
}
