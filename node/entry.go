package node

import (
	"context"
	"errors"
	"net"
	"regexp"
	"time"

	"github.com/omega-im/omega/cloud"
	"github.com/omega-im/omega/internal/i18n"
	"github.com/omega-im/omega/transport"
)

// An Entry is a configured member of a cloud that could not be met, and why.
type Entry struct {
	Address string    `json:"address"`
	Reason  string    `json:"reason"` // role, identity, plain, silent or other
	Error   string    `json:"error"`
	Again   time.Time `json:"again,omitzero"` // when it is tried again
}

// saysItIs finds who answered in the place of the configured server.
var saysItIs = regexp.MustCompile(`it says it is ([0-9A-F]{40,64})`)

func entryOf(u cloud.Unmet) Entry {
	e := Entry{Address: u.Address, Reason: "other", Error: u.Err.Error(), Again: u.Again.UTC()}
	var network net.Error
	switch {
	case errors.Is(u.Err, transport.ErrRole):
		e.Reason = "role"
	case errors.Is(u.Err, transport.ErrServer) && saysItIs.MatchString(e.Error):
		e.Reason = "identity"
	case errors.Is(u.Err, transport.ErrPlain):
		e.Reason = "plain"
	case errors.As(u.Err, &network), errors.Is(u.Err, context.DeadlineExceeded):
		e.Reason = "silent"
	}
	return e
}

// Words says what is wrong, and what to do.
func (e Entry) Words() i18n.Text {
	said := e.Error
	if m := saysItIs.FindStringSubmatch(e.Error); m != nil {
		said = m[1]
	}
	return i18n.T("entry."+e.Reason, e.Address, said)
}

// Entries are the words for why there was no way into a cloud, nil where err is
// about something else.
func Entries(err error) (out []Entry) {
	var none cloud.NoEntry
	if errors.As(err, &none) {
		for _, u := range none {
			out = append(out, entryOf(u))
		}
	}
	return out
}
