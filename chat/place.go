package chat

import (
	"context"
	"time"

	"github.com/omega-im/omega/pgp"
)

// A place is where a message comes to stand among those of its device.
type place struct {
	track  *Track
	same   *Sighting  // with the same sequence
	next   *Sighting  // with the sequence after
	link   *Link      // of the message before, if it was seen
	before *time.Time // time of a message before it
}

// place looks up a message's neighbours. In order there is nothing to look up:
// the track knows the last one.
func (r *Receiver) place(ctx context.Context, st Store, c *claim) (*place, error) {
	m := c.message
	track, err := st.Track(ctx, m.Chat, m.Device)
	if err != nil {
		return nil, err
	}
	p := &place{track: track}
	if m.Sequence > track.Last {
		if track.Last > 0 {
			t := track.lastTime()
			p.before = &t
		}
		if track.Last > 0 && m.Sequence == track.Last+1 {
			p.link = &track.LastLink
		}
		return p, nil
	}
	if p.same, err = st.Seen(ctx, m.Chat, m.Device, m.Sequence); err != nil {
		return nil, err
	}
	if p.next, err = st.Seen(ctx, m.Chat, m.Device, m.Sequence+1); err != nil {
		return nil, err
	}
	previous, err := st.Seen(ctx, m.Chat, m.Device, m.Sequence-1)
	if err != nil {
		return nil, err
	}
	if previous != nil {
		t := time.UnixMilli(previous.Time)
		p.link, p.before = &previous.Link, &t
	}
	return p, nil
}

// duplicate reports whether exactly this message was taken before. The key
// must be good: under a bad one nothing was.
func (p *place) duplicate(c *claim) bool {
	return (c.key == nil || c.key.Problem == ProblemNone) && p.same != nil && p.same.Link == c.message.Link()
}

// problem reports a replay: the device signed another content for this
// sequence, or the messages around this one name others than it and its
// neighbours.
func (p *place) problem(c *claim) Problem {
	t := c.transcript
	switch {
	case p.same != nil,
		p.link != nil && *p.link != t.Previous,
		p.next != nil && p.next.Previous != c.message.Link(),
		c.key != nil && t.Sequence < c.key.First,
		(t.Sequence == 1) != (t.Previous == Link{}):
		return ProblemReplay
	}
	return ProblemNone
}

// listDiffers reports whether a key was made for another list of devices than
// the reader knows.
func (r *Receiver) listDiffers(from *pgp.Certificate, k *Key, a *Arrival) bool {
	for _, m := range k.Members {
		cert := from
		if m.Account == r.id.Account() {
			cert = r.id.Certificate
		} else if m.Account != k.From {
			continue // a peer whom another own device wrote to
		}
		if cert == nil {
			return true
		}
		active := cert.Active(a.heard())
		for _, d := range active {
			if !lists(k.Members, m.Account, d.Signing.Fingerprint()) {
				return true
			}
		}
		if len(active) != len(m.Devices) {
			return true
		}
	}
	return false
}
