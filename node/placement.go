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
	handAgain  = 15 * time.Second      // before a leaf that its owners do not hold comes again, the first time
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
	var h handing
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-n.replaced:
			h.begin(time.Now())
			continue
		case <-tick.C:
		}
		l, ok := h.next(time.Now(), n.keys.NextLeaf)
		if !ok {
			continue
		}
		if _, err := n.proxy.HandOff(ctx, l); err != nil && ctx.Err() == nil {
			h.failed(l)
			n.log.Debug("entries not handed to their owners", "leaf", int(l), "err", err)
		}
	}
}

// A handing is a way through the leaves of the key server. Leaves whose owners are out
// of reach, or have not learnt yet that they are their owners, come again.
type handing struct {
	at    keyserver.Leaf
	begun time.Time // this round
	left  int       // leaves of this round

	again []keyserver.Leaf // of these, in turn
	turn  int              // leaves of again that are still to come this time
	due   time.Time        // when again is looked at
	wait  time.Duration    // before that; doubled each time
}

// begin begins a round from where it is: in a large cloud the owners change more often
// than a round ends.
func (h *handing) begin(now time.Time) {
	*h = handing{at: h.at, begun: now, left: keyserver.Leaves, wait: handAgain}
}

// failed notes that a leaf is to come again.
func (h *handing) failed(l keyserver.Leaf) { h.again = append(h.again, l) }

// next is the leaf to look through now; false: none. existing returns the first leaf from
// one on that has entries.
func (h *handing) next(now time.Time, existing func(keyserver.Leaf) (keyserver.Leaf, bool)) (keyserver.Leaf, bool) {
	if h.left <= 0 && now.Sub(h.begun) >= handRound {
		h.begin(now)
	}
	if h.left <= 0 {
		return h.retry(now)
	}
	l, ok := existing(h.at)
	h.left -= int(l) + 1 - int(h.at)
	h.at = l + 1 // after the last comes the first
	if h.left <= 0 {
		h.due = now.Add(h.wait)
	}
	return l, ok
}

func (h *handing) retry(now time.Time) (keyserver.Leaf, bool) {
	if len(h.again) == 0 || now.Before(h.due) {
		return 0, false
	}
	if h.turn == 0 {
		h.turn = len(h.again)
	}
	l := h.again[0]
	h.again = h.again[1:]
	if h.turn--; h.turn == 0 {
		h.wait *= 2
		h.due = now.Add(h.wait)
	}
	return l, true
}

// placesKeys reports whether a server says that its key server knows placement.
// One that nothing is known of is taken for one that does.
func (n *Node) placesKeys(server omega.Fingerprint) bool {
	a := n.cloud.Announcement(server)
	return a == nil || a.Flags&mesh.FlagPlaces != 0
}
