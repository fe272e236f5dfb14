package virtual

import (
	"fmt"
	"testing"
	"time"

	"github.com/omega-im/omega/mesh"
)

// TestKnown has servers crash and fall silent, and measures until the others
// have heard of it: each of them, and all.
func TestKnown(t *testing.T) {
	for _, tt := range []struct {
		failure
		goal time.Duration // for all
	}{{crash, 350 * time.Millisecond}, {silent, 2 * time.Second}} {
		what := "everybody knows of a server that " + tt.name
		t.Run(what, func(t *testing.T) {
			var each, all delay
			for i := range *worldsFlag {
				inWorld(t, *seedFlag+uint64(i), func(w *world) {
					w.grow(*serversFlag)
					for range min(4, len(w.servers)/4) {
						e := w.untilKnown(tt.failure)
						each, all = append(each, e...), append(all, e.at(1))
					}
				})
			}
			each.sort()
			all.sort()
			note(what+", each", each, 0)
			note(what+", the last", all, 0)
			if each.at(.99) > tt.goal {
				t.Errorf("%v, want at most %v", each, tt.goal)
			}
		})
	}
}

// untilKnown has one more server fail and returns how long it took each of the
// others to know.
func (w *world) untilKnown(f failure) (each delay) {
	i := 1 + w.rng.IntN(len(w.servers)-1)
	victim := w.servers[i]
	others := append(append([]*server{}, w.servers[:i]...), w.servers[i+1:]...)
	f.server(victim)
	start := time.Now()
	knows := map[*server]bool{}
	w.until(fmt.Sprintf("everybody knows that %s is gone", victim.host), 10*time.Second, 5*time.Millisecond, func() bool {
		for _, s := range others {
			if !knows[s] && s.state(victim.id) == mesh.Unreachable {
				knows[s] = true
				each = append(each, time.Since(start))
			}
		}
		return len(knows) == len(others)
	})
	each.sort()
	w.servers = others
	w.net.Kill(victim.host)
	victim.end()
	time.Sleep(5 * time.Second) // it mends itself
	return each
}

// TestNewcomer measures from the start of a server to the moment at which it sees
// everybody, itself included, as a full member, and at which everybody does.
func TestNewcomer(t *testing.T) {
	const goal = 6 * time.Second
	var own, all delay
	for i := range *worldsFlag {
		inWorld(t, *seedFlag+uint64(i), func(w *world) {
			w.grow(*serversFlag)
			for range 3 {
				time.Sleep(time.Duration(w.rng.IntN(1000)) * time.Millisecond)
				start := time.Now()
				s := w.add()
				w.until("the newcomer is a full member", 30*time.Second, 5*time.Millisecond, func() bool { return s.full() == len(w.servers) })
				own = append(own, time.Since(start))
				w.until("everybody says so", 30*time.Second, 5*time.Millisecond, func() bool {
					for _, o := range w.servers {
						if o.state(s.id) != mesh.Full {
							return false
						}
					}
					return true
				})
				all = append(all, time.Since(start))
			}
		})
	}
	own.sort()
	all.sort()
	note("a newcomer knows all and is a full member", own, 0)
	note("and all know", all, 0)
	if all.at(.99) > goal {
		t.Errorf("%v, want at most %v", all, goal)
	}
}

// TestStretch measures the first message between two servers without a
// connection and the ones after it, against the way of light between them.
func TestStretch(t *testing.T) {
	var first, later delay // stretch in percent, as if they were milliseconds
	for i := range *worldsFlag {
		inWorld(t, *seedFlag+uint64(i), func(w *world) {
			w.grow(*serversFlag)
			for range 12 {
				a, b := w.unmet()
				if a == nil {
					break
				}
				s := &stream{from: w.join(a, a), to: w.join(b, b)}
				// What the ends add is the same for both.
				ends := w.oneWay(s.from.host, a.host) + w.oneWay(s.to.host, b.host)
				stretch := func(m *message) time.Duration {
					return time.Duration(float64(m.came.Sub(m.sent)-ends) / float64(w.oneWay(a.host, b.host)) * 100 * float64(time.Millisecond))
				}
				w.run([]*stream{s}, 3*time.Second, 6*time.Second, 5*time.Second)
				if missing([]*stream{s}) > 0 {
					t.Errorf("a message did not arrive")
					continue
				}
				first, later = append(first, stretch(s.sent[0])), append(later, stretch(s.sent[1]))
			}
		})
	}
	first.sort()
	later.sort()
	note("the way of the first message, in % of the direct one", first, 0)
	note("of those after it", later, 0)
	if later.at(1) > 101*time.Millisecond {
		t.Errorf("messages after the first take %v %% of the direct way", later)
	}
}
