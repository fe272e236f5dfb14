package node

import (
	"context"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/cloud"
	"github.com/omega-im/omega/keyserver"
	"github.com/omega-im/omega/mesh"
)

// Times of placing entries. (spec/keys.md, KEYS-7 and KEYS-8)
const (
	awayOwner  = time.Hour             // out of sight for so long, a server owns nothing any more
	founding   = time.Hour             // members so soon after the first are as old as that
	placeEvery = 5 * time.Second       // leaves change their owners, members come and go
	handEvery  = 50 * time.Millisecond // one leaf is looked through
	handRound  = time.Hour             // all of them, at most so often while nothing changes
	partners   = 16                    // other owners that are compared with beside the neighbours, per compareInterval
	soonAgain  = 8                     // changes of owners, one more per compareInterval, after which all are compared with at once
)

// owners lists the servers that entries are placed on: those that have been
// members for long enough, and were not away for longer than a restart takes.
// Who is no older than this server's own book counts as old.
func (m *members) owners(servers []cloud.Server, now time.Time) (out []keyserver.Candidate) {
	m.mu.Lock()
	defer m.mu.Unlock()
	oldest := now
	for _, a := range m.book {
		if a.first.Before(oldest) {
			oldest = a.first
		}
	}
	operators := m.now.Load().operators
	for _, s := range servers {
		a, known := m.book[s.Server]
		aged := now.Sub(a.first) >= m.minAge || a.first.Sub(oldest) < founding
		if known && aged && now.Sub(a.last) < awayOwner && s.State != mesh.Probationary && s.Flags&mesh.FlagDraining == 0 {
			out = append(out, keyserver.Candidate{Server: s.Server, Operator: operators[s.Server]})
		}
	}
	slices.SortFunc(out, func(a, b keyserver.Candidate) int { return a.Server.Compare(b.Server) })
	return out
}

// A placer keeps the key server's view of who owns what. It belongs to the
// goroutine of compare.
type placer struct {
	at       time.Time
	round    time.Time           // when partners were chosen
	partners []omega.Fingerprint // other owners to compare with
	spent    int                 // of soonAgain
}

// place tells the key server who owns what, when that may have changed. What it
// owns now and refused a moment ago, because it did not yet, it gets by comparing;
// in a large cloud, whose owners change all the time, when that is due anyway.
func (n *Node) place(p *placer, servers []cloud.Server, now time.Time) {
	owners := n.members.owners(servers, now)
	if len(owners) == 0 || now.Sub(p.at) < placeEvery {
		return
	}
	p.at = now
	if n.keys.Place(owners, now) {
		if p.spent < soonAgain {
			p.spent, p.round = p.spent+1, time.Time{}
			n.comparisons.meetAll()
		}
		select {
		case n.replaced <- struct{}{}:
		default:
		}
	}
}

// also lists owners to compare with that are no neighbours, others every time.
func (n *Node) also(p *placer, now time.Time) []omega.Fingerprint {
	if now.Sub(p.round) >= compareInterval {
		p.spent = max(0, p.spent-1)
		p.round, p.partners = now, n.keys.Partners(partners, keyserver.Leaf(rand.N(keyserver.Leaves)))
	}
	return p.partners
}

// handOff goes through the leaves of the key server, calmly, and hands what
// others own to them.
func (n *Node) handOff(ctx context.Context) error {
	tick := time.NewTicker(handEvery)
	defer tick.Stop()
	var at keyserver.Leaf
	var begun time.Time
	left := 0 // leaves of this round
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-n.replaced:
			// From where it is: in a large cloud that comes more often than a
			// round ends.
			begun, left = time.Now(), keyserver.Leaves
			continue
		case <-tick.C:
		}
		if left <= 0 && time.Since(begun) >= handRound {
			begun, left = time.Now(), keyserver.Leaves
		}
		if left <= 0 {
			continue
		}
		l, ok := n.keys.NextLeaf(at)
		if ok {
			if _, err := n.proxy.HandOff(ctx, l); err != nil && ctx.Err() == nil {
				n.log.Debug("entries not handed to their owners", "leaf", int(l), "err", err)
			}
		}
		left -= int(l) + 1 - int(at)
		at = l + 1 // after the last comes the first
	}
}

// placesKeys reports whether a server says that its key server knows placement.
// One that nothing is known of is taken for one that does.
func (n *Node) placesKeys(server omega.Fingerprint) bool {
	a := n.cloud.Announcement(server)
	return a == nil || a.Flags&mesh.FlagPlaces != 0
}
