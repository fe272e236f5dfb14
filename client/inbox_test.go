package client

import (
	"slices"
	"testing"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/wire"
)

// TestInboxOrder: mail is acknowledged in order; a gap is asked for once per
// place, repetitions and others' mail change nothing, and a new session starts
// where the home says.
func TestInboxOrder(t *testing.T) {
	p := newFakeProxy(t)
	c := p.newCore(t)
	home, me := p.id.Account(), c.acc.Device
	acked := func() (last uint64) {
		for _, b := range p.frames(wire.TypeAck) {
			a, err := wire.DecodeAck(b)
			must(t, err)
			if a.Seq < last || a.Home != home || a.Device != me {
				t.Fatalf("acknowledged %+v after %d", a, last)
			}
			last = a.Seq
		}
		return last
	}
	rewound := func() (out []uint64) {
		for _, b := range p.frames(wire.TypeRewind) {
			a, err := wire.DecodeAck(b)
			must(t, err)
			out = append(out, a.Seq)
		}
		return out
	}
	p.mail(t, home, me, 0, 1)
	until(t, "1 acknowledged", func() bool { return acked() == 1 })
	p.mail(t, home, me, 0, 1)    // again
	p.mail(t, home, fp(9), 1, 2) // another device's
	p.mail(t, fp(8), me, 0, 1)   // of a server that is no home
	p.mail(t, home, me, 2, 3)    // 2 is missing
	p.mail(t, home, me, 3, 4)    //
	p.mail(t, home, me, 4, 5)    //
	p.mail(t, home, me, 1, 2)    // here it is
	until(t, "2 acknowledged", func() bool { return acked() == 2 })
	p.mail(t, home, me, 4, 5) // a gap elsewhere
	until(t, "second rewind", func() bool { return len(rewound()) == 2 })
	p.mail(t, home, me, 2, 3)
	p.mail(t, home, me, 3, 4)
	p.mail(t, home, me, 4, 5)
	until(t, "5 acknowledged", func() bool { return acked() == 5 })
	if got := rewound(); !slices.Equal(got, []uint64{1, 2}) {
		t.Errorf("asked for what is after %v, want once after 1 and once after 2", got)
	}

	// The next session goes on after what the home says.
	p.mu.Lock()
	p.attached.Cursor = 5
	last := p.conns[len(p.conns)-1]
	p.mu.Unlock()
	last.Close()
	until(t, "attached again", func() bool { return len(p.frames(wire.TypeAttach)) == 2 })
	lease, err := wire.DecodeLease(p.frames(wire.TypeAttach)[1])
	must(t, err)
	if len(lease.Homes) != 1 || lease.Homes[0].Cursor != 5 || lease.Homes[0].Incarnation != p.attached.Incarnation {
		t.Errorf("lease %+v", lease.Homes)
	}
	until(t, "attached here too", func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		return c.homes[home] != nil
	})
	p.mail(t, home, me, 4, 5)
	p.mail(t, home, me, 5, 6)
	until(t, "6 acknowledged", func() bool { return acked() == 6 })
}

// TestVerdict: of several answers, what the person sees is about the others.
func TestVerdict(t *testing.T) {
	me, other := fp(1), fp(2)
	env := wire.Envelope{Class: wire.ClassText, ID: omega.ID{1}, Lifetime: omega.DefaultLifetime, Sender: me,
		Recipients: []omega.Fingerprint{me, other, fp(3)}, Payload: []byte("x")}
	b, err := env.AppendTo(nil)
	must(t, err)
	w := &outboxWorker{c: &Client{acc: &account{Fingerprint: me}}}
	const ok, full, gone, bad, down = omega.CodeOK, omega.CodeMailboxFull, omega.CodeNotFound, omega.CodeRefused, omega.CodeUnavailable
	for _, tt := range []struct {
		name      string
		code      omega.Code
		results   []wire.Result
		peer, all omega.Code
	}{
		{"all stored", ok, nil, ok, ok},
		{"nobody, to come", down, nil, down, down},
		{"nobody, for good", bad, nil, bad, bad},
		{"own account later", down, []wire.Result{{Index: 0, Code: down}}, ok, down},
		{"own account never", bad, []wire.Result{{Index: 0, Code: bad}}, ok, bad},
		{"one later", full, []wire.Result{{Index: 1, Code: full}}, full, full},
		{"one never", gone, []wire.Result{{Index: 2, Code: gone}}, gone, gone},
		{"never and later", gone, []wire.Result{{Index: 1, Code: gone}, {Index: 2, Code: full}}, full, full},
		{"later and never", full, []wire.Result{{Index: 1, Code: full}, {Index: 2, Code: gone}}, full, full},
		{"own later, other never", gone, []wire.Result{{Index: 0, Code: down}, {Index: 1, Code: gone}}, gone, down},
		{"results say that it is stored", full, []wire.Result{{Index: 1, Code: ok}}, ok, ok},
		{"nonsense index", full, []wire.Result{{Index: 99, Code: full}}, ok, ok},
	} {
		a := answer{code: tt.code, results: tt.results}
		a.out.Envelope = b
		if peer, all := w.verdict(a); peer != tt.peer || all != tt.all {
			t.Errorf("%s: %v, %v; want %v, %v", tt.name, peer, all, tt.peer, tt.all)
		}
	}
	if peer, all := w.verdict(answer{code: full, results: []wire.Result{{}}}); peer != omega.CodeBadRequest || all != peer {
		t.Errorf("no envelope: %v, %v", peer, all)
	}
}
