package proxy

import (
	"slices"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/keyserver"
	"github.com/omega-im/omega/wire"
)

// A Member is a server of the cloud as a place for mail.
type Member struct {
	Server    omega.Fingerprint
	Full      bool // a full member of the cloud
	Eligible  bool // may be a home that nobody asked for (spec/delivery.md, DELIV-11)
	Reachable bool // there is a way to it now
	Stranger  bool // was never a full member and has not the links of one: no account was made there
}

func (p *Proxy) members() []Member {
	if p.cfg.Members == nil {
		return []Member{{Server: p.self, Full: true, Eligible: true, Reachable: true}}
	}
	return p.cfg.Members()
}

func (m Member) flags() (f wire.HomeFlags) {
	if m.Full {
		f |= wire.HomeFull
	}
	if m.Eligible {
		f |= wire.HomeEligible
	}
	if m.Reachable {
		f |= wire.HomeReachable
	}
	return f
}

// homesFor lists the present homes of an account, then its deputies, then the
// servers that may be chosen without having been asked for, ranked.
// (spec/delivery.md, DELIV-19)
func (p *Proxy) homesFor(account omega.Fingerprint, present []omega.Fingerprint) []wire.HomeOffer {
	known := make(map[omega.Fingerprint]Member)
	var others []omega.Fingerprint
	for _, m := range p.members() {
		known[m.Server] = m
		if m.Eligible {
			others = append(others, m.Server)
		}
	}
	var out []wire.HomeOffer
	listed := make(map[omega.Fingerprint]bool)
	first := append(slices.Clone(present), keyserver.DeputiesOf(account, present, p.reachable())...)
	for _, fp := range append(first, keyserver.Rank(account, others)...) {
		if !listed[fp] && len(out) < wire.MaxHomeOffers {
			listed[fp] = true
			out = append(out, wire.HomeOffer{Server: fp, Flags: known[fp].flags()})
		}
	}
	return out
}
