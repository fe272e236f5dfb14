package client

import (
	"testing"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/wire"
)

// TestChoiceStays: homes that the program thought of give way to those that the
// account's owner chose meanwhile.
func TestChoiceStays(t *testing.T) {
	p := newFakeProxy(t)
	r := p.registrar()
	c := p.newCore(t)
	second := c.newSecond(t, p.id.Account())
	p.put(wire.Entry{Certificate: second.id.Certificate.Bytes()}, second.id.Account())
	c.mu.Lock()
	had := c.record
	c.mu.Unlock()
	chosen := &wire.Record{
		Flags: had.Flags | wire.RecordHomesChosen, Sequence: had.Sequence + 1, Previous: had.Hash(), Homes: []omega.Fingerprint{p.id.Account()},
	}
	must(t, signRecord(t.Context(), c.identity(), chosen, c.signingTime()))
	published := false
	p.mu.Lock()
	r.before = func() { // another device of the account is faster
		published = true
		p.entries[c.acc.Fingerprint] = wire.Entry{Certificate: c.identity().Certificate.Bytes(), Record: chosen.Bytes()}
	}
	p.answer = func(f wire.Frame) (wire.Type, []byte) {
		if f.Type == wire.TypeHomes {
			return wire.TypeHomeList, wire.AppendHomeOffers(nil, []wire.HomeOffer{
				{Server: p.id.Account(), Flags: wire.HomeReachable | wire.HomeEligible}, {Server: second.id.Account(), Flags: wire.HomeReachable | wire.HomeEligible},
			})
		}
		return r.answer(f)
	}
	p.mu.Unlock()
	s := c.at(t, p)
	must(t, c.improveHomes(t.Context(), s))
	p.mu.Lock()
	defer p.mu.Unlock()
	if !published {
		t.Error("there was nothing to improve")
	}
	rec, err := wire.DecodeRecord(p.entries[c.acc.Fingerprint].Record)
	must(t, err)
	if rec.Hash() != chosen.Hash() {
		t.Errorf("flags %v, homes %v", rec.Flags, rec.Homes)
	}
}
