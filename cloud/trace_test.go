package cloud

import (
	"testing"
	"time"

	"github.com/omega-im/omega/wire"
)

// A trace names every server on the way, with its round trip, and the last one.
func TestProbe(t *testing.T) {
	inBubble(t, func(t *testing.T, n *testNet) {
		nodes := n.shape(cube, nil)
		a, g := nodes["A"], nodes["G"]
		way := append(a.between(g.id.Account()), g.id.Account())
		tr, err := a.Probe(t.Context(), g.id.Account())
		if err != nil || !tr.Arrived || tr.Direct || len(tr.Hops) != 3 {
			t.Fatalf("%+v, %v", tr, err)
		}
		for i, fp := range way {
			if want := time.Duration(i+1) * 10 * time.Millisecond; tr.Hops[i].Server != fp || tr.Hops[i].RTT != want {
				t.Errorf("hop %d is %s after %v, want %s after %v", i, n.name(tr.Hops[i].Server), tr.Hops[i].RTT, n.name(fp), want)
			}
		}
		tr, err = a.Probe(t.Context(), nodes["B"].id.Account())
		if err != nil || !tr.Arrived || !tr.Direct || len(tr.Hops) != 1 {
			t.Errorf("to a neighbour: %+v, %v", tr, err)
		}
		if tr, err := a.Probe(t.Context(), a.id.Account()); err != nil || !tr.Arrived || len(tr.Hops) != 0 {
			t.Errorf("to itself: %+v, %v", tr, err)
		}
	})
}

// Where a packet vanishes the trace shows how far it came.
func TestProbeShowsBlackHole(t *testing.T) {
	inBubble(t, func(t *testing.T, n *testNet) {
		nodes := n.shape(cube, nil)
		a, g := nodes["A"], nodes["G"]
		hole := firstHop(t, nodes, a, g)
		n.setTap(func(from, to string, f wire.Frame) bool {
			if f.Type != wire.TypePacket || from != hole.addr {
				return false
			}
			p, err := wire.ParsePacket(f.Body)
			return err == nil && p.Source() == a.id.Account()
		})
		start := time.Now()
		tr, err := a.Probe(t.Context(), g.id.Account())
		if err != nil || tr.Arrived || len(tr.Hops) != 1 || tr.Hops[0].Server != hole.id.Account() {
			t.Errorf("%+v, %v", tr, err)
		}
		if took := time.Since(start); took != traceWait {
			t.Errorf("it took %v", took)
		}
	})
}

// Answers to traces are paced, so that a trace with a forged source is no
// weapon; own traces are bounded.
func TestTracesAreBounded(t *testing.T) {
	var p probes
	answered := 0
	for range 1000 {
		if p.mayAnswer(int64(time.Hour)) {
			answered++
		}
	}
	if answered != traceRate {
		t.Errorf("%d answers at once, want %d", answered, traceRate)
	}
	if p.mayAnswer(int64(time.Hour)+int64(time.Second)/(2*traceRate)) || !p.mayAnswer(int64(time.Hour)+int64(time.Second)) {
		t.Error("the pace is wrong")
	}
	for n := range uint64(maxProbes) {
		if _, err := p.begin(n, account(t, "B"), 0); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := p.begin(99, account(t, "B"), 0); err == nil {
		t.Error("one trace more than allowed")
	}
	for range 2 * maxAnswers {
		p.answered(account(t, "B"), 1, 3, 0)
		p.answered(account(t, "C"), 1, 4, 0)
		p.answered(account(t, "C"), 1234, 4, 0)
	}
	if tr := p.result(p.m[1]); len(tr.Hops) != 2 || tr.Hops[0].Server != account(t, "C") || !tr.Arrived {
		t.Errorf("%+v", tr)
	}
}
