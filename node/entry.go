package node

import (
	"cmp"
	"context"
	"errors"
	"net"
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
	Other   string    `json:"other,omitempty"` // who answered instead, if Reason is identity
	Again   time.Time `json:"again,omitzero"`  // when it is tried again
}

func entryOf(u cloud.Unmet) Entry {
	e := Entry{Address: u.Address, Reason: "other", Error: u.Err.Error(), Again: u.Again.UTC()}
	var network net.Error
	var other *transport.OtherServer
	switch {
	case errors.Is(u.Err, transport.ErrRole):
		e.Reason = "role"
	case errors.As(u.Err, &other):
		e.Reason, e.Other = "identity", other.Says.String()
	case errors.Is(u.Err, transport.ErrPlain):
		e.Reason = "plain"
	case errors.As(u.Err, &network), errors.Is(u.Err, context.DeadlineExceeded):
		e.Reason = "silent"
	}
	return e
}

// Words says what is wrong, and what to do.
func (e Entry) Words() i18n.Text {
	return i18n.T("entry."+e.Reason, e.Address, cmp.Or(e.Other, e.Error))
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
