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

	// Ended: an operation ended the subscription, whose time was a millisecond before this one;
	// the operation says when. State is Unsubscribed.
	Ended bool
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
	s = Subscriber{Account: r.fingerprint(b[head:]), State: SubscriberState(b[0]), Time: time.UnixMilli(int64(millis)).UTC()}
	r.bad = r.bad || s.Account.IsZero() || millis > canon.MaxMilli
	return s
}

// ended marks the entries that operations ended, by their places: ascending, each once.
func (r *fieldReader) ended(g *GroupNews, places []uint32) {
	least := 0
	for _, n := range places {
		if int64(n) < int64(least) || int64(n) >= int64(len(g.Subscribers)) || g.Subscribers[n].State != Unsubscribed {
			r.bad = true
			return
		}
		g.Subscribers[n].Ended, least = true, int(n)+1
	}
}
