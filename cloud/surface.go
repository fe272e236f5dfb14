package cloud

import (
	"sync/atomic"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/mesh"
)

// Topology returns the cloud as this server sees it now. The analysis is made
// by the first caller after a change and shared; do not change it.
func (c *Cloud) Topology() *mesh.Topology { return c.table.Load().topology() }

// A Server is one server of the cloud as this one sees it.
type Server struct {
	*mesh.Record // its announcement, and that in octets

	State     mesh.ServerState
	RTT       time.Duration // round trip to it: measured, or the sum of the way; 0: not known, or this server
	Connected bool          // over a connection of its own
}

// Servers returns every server that is known, this one included, ascending by
// fingerprint.
func (c *Cloud) Servers() []Server {
	t := c.table.Load()
	out := make([]Server, 0, len(t.view.Records))
	for i, r := range t.view.Records {
		s := Server{Record: r, State: t.view.States[i]}
		if t.view.Tree != nil {
			s.RTT, _ = t.view.Tree.Distance(r.Server)
		}
		if l := t.links[r.Server]; l != nil {
			s.Connected = true
			if rtt := l.rtt.Load(); rtt != 0 {
				s.RTT = time.Duration(rtt)
			}
		}
		out = append(out, s)
	}
	return out
}

// Announcement returns the newest announcement of a server, nil if there is
// none. Do not change it.
func (c *Cloud) Announcement(server omega.Fingerprint) *mesh.Announcement {
	if r := c.table.Load().view.Record(server); r != nil {
		return r.Announcement
	}
	return nil
}

// Announcements returns the newest announcement of every server in octets, but
// for those on probation: clients choose their proxies from it. They prove themselves to everyone who has the servers' certificates. Do not
// change them.
func (c *Cloud) Announcements() [][]byte {
	v := c.table.Load().view
	out := make([][]byte, 0, len(v.Records))
	for i, r := range v.Records {
		if v.States[i] != mesh.Probationary {
			out = append(out, r.Bytes)
		}
	}
	return out
}

// Digest returns the digest of this server's database: servers that have equal
// ones see the same cloud.
func (c *Cloud) Digest() (mesh.Digest, error) {
	var d mesh.Digest
	done := make(chan struct{})
	if !c.do(func(o *owner) { d = o.db.Digest(); close(done) }) {
		return d, ErrStopped
	}
	<-done
	return d, nil
}

// Evidence returns the proofs at hand that servers told different things to
// different others.
func (c *Cloud) Evidence() ([]mesh.Evidence, error) {
	var ev []mesh.Evidence
	done := make(chan struct{})
	if !c.do(func(o *owner) { ev = o.db.Evidence(); close(done) }) {
		return nil, ErrStopped
	}
	<-done
	return ev, nil
}

// Stats are counts since the start, and some that are now.
type Stats struct {
	Connections int64 // now, links included
	Links       int64 // now, links of the mesh

	Sent      uint64 // packets made here
	Delivered uint64 // packets for this server
	Forwarded uint64 // packets of others, sent on

	NoWay    uint64 // packets dropped or refused: no way to the server
	Busy     uint64 // the same: the queue on the way was full
	HopLimit uint64 // dropped: it went round too long
	Forged   uint64 // dropped: a leaf claimed to carry it, or it came back
	Refused  uint64 // refused: this server forwards for nobody
	Unproven uint64 // dropped: its MAC does not verify
	Repeated uint64 // dropped: it was delivered before
	Unknown  uint64 // frames of an unknown type, ignored

	Nacked   uint64 // packets that this server refused, for whatever reason
	Refusals uint64 // packets that the next server refused
	Hedged   uint64 // packets sent around a connection that stalled
	Rerouted uint64 // the same, that ended
	Bounced  uint64 // packets whose origin was told that they do not arrive
	Returned uint64 // own packets that somebody said so of
	Retried  uint64 // own packets repeated for want of a receipt
	Lost     uint64 // own packets given up
	Kept     int64  // octets of memory in packets, now
	Letters  int64  // own packets without a receipt, now
	Suspects int64  // servers that packets may vanish at, now

	Circuits        int64  // that this server relays, now
	CircuitsRefused uint64 // requests and offers that were too many, or made no sense

	Dialled    uint64 // connections made
	DialFailed uint64
	Silent     uint64 // connections ended because the peer fell silent
	LinksLost  uint64

	Announced  uint64 // own announcements
	News       uint64 // announcements of others that were taken
	Flooded    uint64 // announcements sent on, or made, per link
	LSARefused uint64 // announcements not taken
	CertsAsked uint64 // certificates asked for

	LinksRefused uint64 // requests for links that were refused here
	Rationed     uint64 // questions of neighbours that asked too much
	Evidence     uint64 // proofs of equivocation that were news
}

// counters is Stats while it is being counted.
type counters struct {
	connections, linksUp                             atomic.Int64
	sent, delivered, forwarded                       atomic.Uint64
	noWay, busy, hopLimit, forged, refused, unknown  atomic.Uint64
	unproven, repeated, nacked, refusals, hedged     atomic.Uint64
	rerouted, bounced, returned, retried, lost       atomic.Uint64
	circuitsRefused                                  atomic.Uint64
	dialled, dialFailed, silent, linksLost           atomic.Uint64
	announced, news, flooded, lsaRefused, certsAsked atomic.Uint64
	linksRefused, evidence, rationed                 atomic.Uint64
}

// Stats returns the counts for metrics.
func (c *Cloud) Stats() Stats {
	s := &c.stats
	return Stats{
		Connections: s.connections.Load(), Links: s.linksUp.Load(),
		Sent: s.sent.Load(), Delivered: s.delivered.Load(), Forwarded: s.forwarded.Load(),
		NoWay: s.noWay.Load(), Busy: s.busy.Load(), HopLimit: s.hopLimit.Load(), Forged: s.forged.Load(),
		Refused: s.refused.Load(), Unknown: s.unknown.Load(), Unproven: s.unproven.Load(), Repeated: s.repeated.Load(),
		Nacked: s.nacked.Load(), Refusals: s.refusals.Load(), Hedged: s.hedged.Load(), Rerouted: s.rerouted.Load(),
		Bounced: s.bounced.Load(), Returned: s.returned.Load(), Retried: s.retried.Load(), Lost: s.lost.Load(),
		Kept: c.custody.own.Load() + c.custody.transit.Load(), Letters: int64(c.letters.len()), Suspects: int64(c.scores.held.Load()),
		Circuits: int64(c.circuits.len()), CircuitsRefused: c.stats.circuitsRefused.Load(),
		Dialled: s.dialled.Load(), DialFailed: s.dialFailed.Load(), Silent: s.silent.Load(), LinksLost: s.linksLost.Load(),
		Announced: s.announced.Load(), News: s.news.Load(), Flooded: s.flooded.Load(),
		LSARefused: s.lsaRefused.Load(), CertsAsked: s.certsAsked.Load(),
		LinksRefused: s.linksRefused.Load(), Rationed: s.rationed.Load(), Evidence: s.evidence.Load(),
	}
}
