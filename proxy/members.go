package proxy

import (
	"cmp"
	"slices"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/keyserver"
	"github.com/omega-im/omega/wire"
)

// A Member is a server of the cloud as a place for mail.
type Member struct {
	Server    omega.Fingerprint
	Full      bool         // a full member of the cloud
	Eligible  bool         // may be a home that nobody asked for (spec/delivery.md, DELIV-11)
	Reachable bool         // there is a way to it now
	Why       wire.HomeWhy // it is not Eligible
	Until     time.Time    // when that ends; zero: not known
	Stranger  bool         // was never a full member and has not the links of one: no account was made there
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

// homeReasons is homesFor, and behind it the servers that may not be chosen, with
// why: first those that may soonest.
func (p *Proxy) homeReasons(account omega.Fingerprint, present []omega.Fingerprint) []wire.HomeReason {
	known := make(map[omega.Fingerprint]Member)
	for _, m := range p.members() {
		known[m.Server] = m
	}
	var out []wire.HomeReason
	for _, o := range p.homesFor(account, present) {
		m := known[o.Server]
		delete(known, o.Server)
		out = append(out, wire.HomeReason{HomeOffer: o, Why: m.Why, Until: m.Until})
	}
	var passed []wire.HomeReason
	for _, m := range known {
		passed = append(passed, wire.HomeReason{HomeOffer: wire.HomeOffer{Server: m.Server, Flags: m.flags()}, Why: m.Why, Until: m.Until})
	}
	slices.SortFunc(passed, func(a, b wire.HomeReason) int {
		return cmp.Or(cmp.Compare(a.Why, b.Why), a.Until.Compare(b.Until), a.Server.Compare(b.Server))
	})
	return append(out, passed[:min(len(passed), wire.MaxHomeOffers-len(out))]...)
}
