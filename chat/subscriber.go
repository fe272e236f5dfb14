package chat

import (
	"encoding/binary"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/internal/canon"
)

// A SubscriberState is what an account is to a channel that it does, or did, read
// without being a member.
type SubscriberState uint8

// The states, the weakest first: of two at one time the stronger counts.
const (
	Subscribes    SubscriberState = iota
	Unsubscribed                  // by itself, or taken out
	SubscriberOut                 // it cannot come back
)

// A Subscriber is an entry of a channel's list. (spec/group.md, GROUP-40)
type Subscriber struct {
	Account omega.Fingerprint
	State   SubscriberState
	Time    time.Time // since when; milliseconds
}

// encode writes u8 state | u64 milliseconds | fp.
func (s *Subscriber) encode() []byte {
	b := binary.BigEndian.AppendUint64([]byte{byte(s.State)}, uint64(s.Time.UnixMilli()))
	return s.Account.AppendTo(b)
}

func (r *fieldReader) subscriber(b []byte) (s Subscriber) {
	const head = 1 + 8
	if len(b) <= head || SubscriberState(b[0]) > SubscriberOut {
		r.bad = true
		return s
	}
	millis := binary.BigEndian.Uint64(b[1:head])
	s = Subscriber{r.fingerprint(b[head:]), SubscriberState(b[0]), time.UnixMilli(int64(millis)).UTC()}
	r.bad = r.bad || s.Account.IsZero() || millis > canon.MaxMilli
	return s
}
