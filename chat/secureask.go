package chat

import (
	"github.com/omega-im/omega"
	"github.com/omega-im/omega/internal/chatpb"
)

// Limits of what one message asks of a secure chat. (spec/chat.md, CHAT-39)
const (
	MaxAskedEpochs  = 64  // that are here, that do not open, and with gaps
	MaxAskedNumbers = 100 // of one device in one epoch
)

// A SecureAsk asks for what is missing of a secure chat. (spec/chat.md, CHAT-39)
type SecureAsk struct {
	Chat omega.ChatID
	Have []Locator   // epochs that are here
	Lost []Locator   // of those whose wraps do not open
	IDs  []omega.ID  // envelopes that no epoch opens; at most MaxIDs
	Gaps []SecureGap // at most MaxAskedEpochs
}

// A SecureGap is messages of one device that are missing in one epoch.
type SecureGap struct {
	Epoch   Locator
	Device  omega.Fingerprint
	Numbers []uint32 // at most MaxAskedNumbers
}

func (a *SecureAsk) encode() *chatpb.SecureAsk {
	if a == nil {
		return nil
	}
	p := &chatpb.SecureAsk{Chat: a.Chat[:]}
	for _, l := range a.Have {
		p.Have = append(p.Have, l[:])
	}
	for _, l := range a.Lost {
		p.Lost = append(p.Lost, l[:])
	}
	for _, id := range a.IDs {
		p.Ids = append(p.Ids, id[:])
	}
	for _, g := range a.Gaps {
		p.Gaps = append(p.Gaps, &chatpb.SecureGap{Locator: g.Epoch[:], Device: wireOrNil(g.Device), Numbers: g.Numbers})
	}
	return p
}

func (r *fieldReader) secureAsk(p *chatpb.SecureAsk) *SecureAsk {
	if p == nil {
		return nil
	}
	out := &SecureAsk{}
	r.bad = r.bad || len(p.Ids) > MaxIDs || len(p.Have) > MaxAskedEpochs || len(p.Lost) > MaxAskedEpochs || len(p.Gaps) > MaxAskedEpochs || len(p.Chat) != len(out.Chat)
	if r.bad {
		return nil
	}
	r.fixed(out.Chat[:], p.Chat)
	out.Have, out.Lost = r.locators(p.Have), r.locators(p.Lost)
	for _, id := range p.Ids {
		var one omega.ID
		r.fixed(one[:], id)
		out.IDs = append(out.IDs, one)
	}
	for _, g := range p.Gaps {
		if len(g.Numbers) > MaxAskedNumbers {
			r.bad = true
			return nil
		}
		gap := SecureGap{Device: r.fingerprint(g.Device), Numbers: g.Numbers}
		r.fixed(gap.Epoch[:], g.Locator)
		out.Gaps = append(out.Gaps, gap)
	}
	return out
}

func (r *fieldReader) locators(list [][]byte) (out []Locator) {
	for _, b := range list {
		var l Locator
		r.fixed(l[:], b)
		out = append(out, l)
	}
	return out
}
