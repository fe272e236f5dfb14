package cloud

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/omega-im/omega/mesh"
	"github.com/omega-im/omega/transport"
)

// A server that starts alone, without configured servers and with all its
// former neighbours gone for good, finds the cloud through those it remembers.
func TestNeighboursGone(t *testing.T) {
	inBubble(t, func(t *testing.T, n *testNet) {
		nodes := n.cloudOf(14, nil)
		n.await("all is saved", 2*time.Minute, func() bool {
			return !slices.ContainsFunc(nodes, func(nd *node) bool { return nd.saved() == nil })
		})
		lone := nodes[0]
		for _, nd := range nodes { // the one with the fewest neighbours
			if nd.Stats().Links < lone.Stats().Links {
				lone = nd
			}
		}
		var gone, rest []*node
		for _, nd := range nodes {
			switch {
			case nd == lone:
			case n.linked(lone, nd):
				gone = append(gone, nd)
			default:
				rest = append(rest, nd)
			}
		}
		lone.stop()
		for _, nd := range gone {
			nd.stop()
		}
		t.Logf("%d neighbours gone, %d servers left", len(gone), len(rest))
		n.await("the rest mends", time.Minute, func() bool { return n.agree(rest) })
		lone.start()
		took := n.await("it is back", time.Minute, func() bool { return n.agree(append(rest, lone)) })
		t.Logf("back after %v", took)
	})
}

func (nd *node) saved() []byte {
	nd.mu.Lock()
	defer nd.mu.Unlock()
	return nd.disk
}

// A server that restarts has the links that it had, as many as it may have in all,
// and measured nobody for that: also when others look for it before it looks for
// them, and when some of them are busy at first. (spec/cloud.md, CLOUD-45, CLOUD-50)
func TestFormerNeighbours(t *testing.T) {
	for _, row := range []struct {
		name   string
		before func(o *owner) // at a former neighbour, when the server starts
		meets  bool           // somebody else makes a link with it first
		within time.Duration
	}{
		{"undisturbed", nil, false, 5 * time.Second},
		{"somebody else is first", nil, true, 2 * lastRedial},
		{"two are busy", func(o *owner) { o.accepts = slices.Repeat([]time.Time{o.now}, maxAccepts) }, false, time.Minute},
	} {
		t.Run(row.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, n *testNet) {
				nodes := n.cloudOf(24, nil)
				back := nodes[23]
				former := n.restOf(back, nodes[:23])
				back.edit = func(cfg *Config) {
					cfg.Probe = func(context.Context, transport.Address) (time.Duration, error) {
						if row.before == nil {
							t.Error("it measures")
						}
						return 0, errors.New("nobody there")
					}
				}
				if row.before != nil {
					for _, nd := range former[:2] {
						nd.do(row.before)
					}
				}
				if row.meets {
					n.meet(nodes, former, back)
				} else {
					back.start()
				}
				linked := func(nd *node) bool { return n.linked(back, nd) }
				of := func(nodes []*node) int {
					return len(slices.DeleteFunc(slices.Clone(nodes), func(nd *node) bool { return !linked(nd) }))
				}
				took := n.await("it has its links again", row.within, func() bool {
					return of(nodes) >= mesh.SurplusLinks || !slices.ContainsFunc(former, func(nd *node) bool {
						return !linked(nd) && nd.Stats().Links < mesh.LinkCap-elderReserve // who is full is let go
					})
				})
				t.Logf("%d of %d links and %d others, back after %v", of(former), len(former), of(nodes)-of(former), took)
				if of(former) < mesh.TargetLinks-1 {
					t.Error("it has others instead")
				}
			})
		})
	}
}

// restOf stops a server whose links are saved, and waits for the rest to mend. It
// returns those that it had links to.
func (n *testNet) restOf(back *node, rest []*node) (former []*node) {
	n.t.Helper()
	n.await("its links are saved", 5*time.Minute, func() bool {
		former = former[:0]
		parts, _ := decodeState(back.saved())
		if len(parts) == 0 {
			return false
		}
		for _, l := range mesh.FormerLinks(parts[0], back.id.Account()) {
			k := slices.IndexFunc(rest, func(nd *node) bool { return nd.id.Account() == l.Peer })
			former = append(former, rest[k])
		}
		return len(former) >= mesh.TargetLinks && int64(len(former)) == back.Stats().Links
	})
	back.stop()
	n.await("the rest mends", time.Minute, func() bool { return n.agree(rest) })
	return former
}

// meet has a server that was no neighbour make a link with one that starts, before
// that has met anybody else.
func (n *testNet) meet(nodes, former []*node, back *node) {
	n.t.Helper()
	k := slices.IndexFunc(nodes, func(nd *node) bool { return nd != back && !slices.Contains(former, nd) })
	others := slices.DeleteFunc(slices.Clone(nodes), func(nd *node) bool { return nd == back || nd == nodes[k] })
	refuse := func(on bool) {
		for _, nd := range others {
			n.set(n.refuse, back, nd, on)
		}
	}
	refuse(true)
	back.start()
	n.await("somebody else has a link", time.Minute, func() bool {
		nodes[k].do(func(o *owner) { o.wantLink(back.id.Account(), mesh.ReasonReunion) }) // it may rest
		return back.Stats().Links > 0
	})
	refuse(false)
}

// A whole cloud that was stopped comes back by itself, whatever the order and
// with nobody configured; so does one of which half never returns.
func TestWholeCloudComesBack(t *testing.T) {
	for _, row := range []struct {
		name string
		back int
		gap  time.Duration
	}{
		{"all at once", 10, 0},
		{"one after the other", 10, 3 * time.Second},
		{"half of it", 5, time.Second},
		{"two of it", 2, time.Second},
	} {
		t.Run(row.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, n *testNet) {
				nodes := n.cloudOf(10, nil)
				for _, nd := range nodes {
					nd.stop()
				}
				rng := rand.New(rand.NewPCG(uint64(row.back), 7))
				rng.Shuffle(len(nodes), func(i, j int) { nodes[i], nodes[j] = nodes[j], nodes[i] })
				returning := nodes[:row.back]
				for _, nd := range returning {
					nd.start()
					time.Sleep(row.gap)
				}
				took := n.await("it is back", 3*time.Minute, func() bool { return n.agree(returning) })
				t.Logf("back after %v", took)
			})
		})
	}
}

// A third of all servers die in the same moment. The rest mends, and nobody is
// run over on the way: no more than five offers in ten seconds.
func TestManyDieAtOnce(t *testing.T) {
	inBubble(t, func(t *testing.T, n *testNet) {
		nodes := n.cloudOf(18, nil)
		time.Sleep(acceptWindow)
		rng := rand.New(rand.NewPCG(3, 3))
		rng.Shuffle(len(nodes), func(i, j int) { nodes[i], nodes[j] = nodes[j], nodes[i] })
		dead, rest := nodes[:6], nodes[6:]
		made := func() (sum int64) {
			for _, nd := range rest {
				sum += nd.Stats().Links + int64(nd.Stats().LinksLost)
			}
			return sum
		}
		before := made()
		for _, nd := range dead {
			n.isolate(nd, true) // silently: dials time out
		}
		took := n.await("the rest mends", time.Minute, func() bool { return n.agree(rest) })
		most := 0
		for _, nd := range rest {
			done := make(chan int)
			nd.do(func(o *owner) {
				o.acceptsAgain()
				done <- len(o.accepts)
			})
			most = max(most, <-done)
		}
		t.Logf("mended after %v, %.2f new links per survivor, at most %d offers in %v", took, float64(made()-before)/2/float64(len(rest)), most, acceptWindow)
		if most > maxAccepts {
			t.Errorf("%d offers within %v", most, acceptWindow)
		}
	})
}

// Links do not come and go once the cloud is at rest, and a link more than
// enough is given up at most once in an hour.
func TestCalm(t *testing.T) {
	inBubble(t, func(t *testing.T, n *testNet) {
		nodes := n.cloudOf(9, func(_ int, cfg *Config) { cfg.HelloInterval = 10 * time.Second })
		time.Sleep(10 * time.Minute)
		lost := func() (sum uint64) {
			for _, nd := range nodes {
				sum += nd.Stats().LinksLost
			}
			return sum
		}
		before := lost()
		time.Sleep(2 * time.Hour)
		if !n.agree(nodes) {
			t.Error("the cloud is not as it was")
		}
		if now := lost(); now-before > 2*uint64(len(nodes)) {
			t.Errorf("%d ends of links were lost in two hours", now-before)
		}
		for _, nd := range nodes {
			if d := nd.Stats().Links; d < mesh.TargetLinks {
				t.Errorf("%s has %d links", nd.addr, d)
			}
		}
	})
}
