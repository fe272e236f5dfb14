package fault

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	im "github.com/omega-im/omega"
	"github.com/omega-im/omega/clientrpc"
)

// A judge that never complains proves nothing: each broken promise is noticed.
func TestLedger(t *testing.T) {
	t.Parallel()
	start := time.Now().Add(-time.Hour)
	tests := []struct {
		name string
		mess func(l *ledger, s []*sending, d *device, deliver func(*sending, time.Duration))
		want string // part of the only complaint; "" for none
	}{
		{"all is well", func(_ *ledger, s []*sending, _ *device, deliver func(*sending, time.Duration)) {
			deliver(s[0], 0)
			deliver(s[1], 0)
		}, ""},
		{"lost", func(_ *ledger, s []*sending, _ *device, deliver func(*sending, time.Duration)) { deliver(s[0], 0) }, "lost"},
		{"twice", func(l *ledger, s []*sending, d *device, deliver func(*sending, time.Duration)) {
			deliver(s[0], 0)
			deliver(s[1], 0)
			l.times[d.fpr][s[1].id]++
		}, "twice"},
		{"out of order", func(_ *ledger, s []*sending, _ *device, deliver func(*sending, time.Duration)) {
			deliver(s[1], 0)
			deliver(s[0], time.Second)
		}, "order"},
		{"late enough to be overtaken", func(_ *ledger, s []*sending, _ *device, deliver func(*sending, time.Duration)) {
			deliver(s[1], orderWait)
			deliver(s[0], orderWait)
		}, ""},
		{"invented", func(l *ledger, s []*sending, d *device, deliver func(*sending, time.Duration)) {
			deliver(s[0], 0)
			deliver(s[1], 0)
			l.received(d, &clientrpc.Message{ID: im.ID{77}, Text: "hello"})
		}, "nobody sent"},
		{"changed", func(l *ledger, s []*sending, d *device, deliver func(*sending, time.Duration)) {
			deliver(s[0], 0)
			s[1].text = "other"
			deliver(s[1], 0)
			s[1].text = "text"
			l.received(d, &clientrpc.Message{ID: s[1].id, Text: "other", From: s[1].from.owner.fpr, Device: s[1].from.fpr, Verified: true})
			l.times[d.fpr][s[1].id]--
		}, "sent was"},
		{"not verified", func(l *ledger, s []*sending, d *device, deliver func(*sending, time.Duration)) {
			deliver(s[0], 0)
			deliver(s[1], 0)
			l.received(d, &clientrpc.Message{ID: s[1].id, Text: s[1].text, From: s[1].from.owner.fpr, Device: s[1].from.fpr, Problem: "signature"})
			l.times[d.fpr][s[1].id]--
		}, "verified=false"},
		{"accepted, then failed", func(l *ledger, s []*sending, _ *device, deliver func(*sending, time.Duration)) {
			deliver(s[0], 0)
			deliver(s[1], 0)
			l.sent(s[1], &clientrpc.SendResult{State: clientrpc.StateFailed}, nil)
		}, "failed"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l, rng := newLedger(), rand.New(rand.NewPCG(1, 1))
			a, b := fakePerson(t, "a", 1), fakePerson(t, "b", 2)
			l.device(a.devices[0], false)
			l.device(b.devices[0], false)
			var s []*sending
			for n := range 2 {
				one := l.sending(a.devices[0], b, n, rng)
				l.sent(one, &clientrpc.SendResult{State: clientrpc.StateStored}, nil)
				l.history[a.devices[0].fpr][one.id] = 1
				s = append(s, one)
			}
			d := b.devices[0]
			tt.mess(l, s, d, func(one *sending, after time.Duration) {
				l.received(d, &clientrpc.Message{ID: one.id, Text: one.text, From: a.fpr, Device: a.devices[0].fpr, Verified: true, Received: start})
				list := l.inbox[d.fpr]
				list[len(list)-1].at = start.Add(after)
				l.history[d.fpr][one.id] = 1
			})
			got := l.judge()
			switch {
			case tt.want == "" && len(got) > 0:
				t.Errorf("complaints: %q", got)
			case tt.want != "" && (len(got) != 1 || !strings.Contains(got[0], tt.want)):
				t.Errorf("complaints: %q, want one with %q", got, tt.want)
			}
		})
	}
}

func fakePerson(t *testing.T, name string, n int) *person {
	t.Helper()
	var fps []im.Fingerprint
	for i := range 2 {
		fp, err := im.ParseFingerprint(strings.Repeat(fmt.Sprintf("%02X", n*16+i), 20))
		if err != nil {
			t.Fatal(err)
		}
		fps = append(fps, fp)
	}
	p := &person{name: name, fpr: fps[0]}
	p.devices = []*device{{owner: p, name: name, fpr: fps[1]}}
	return p
}

// A server that loses what it had stored is noticed by what the other tests do.
func TestLossIsNoticed(t *testing.T) {
	t.Parallel()
	c := newServers(t, plain, 2)
	w := newCrowd(t, c)
	w.pause = 5 * time.Millisecond
	w.begin(t, 1)
	until(t, startTimeout, "something is received", func() bool { return w.ledger.totals().stored > 60 })
	w.stop()
	w.wg.Wait()
	until(t, settleTimeout, "everything has come", func() bool { return w.ledger.missing() == 0 })
	for _, s := range c.servers {
		s.process().kill()
		if err := os.RemoveAll(filepath.Join(s.dir, "mail")); err != nil {
			t.Fatal(err)
		}
		s.start(t)
	}
	w.settle(t, 5*time.Second)
	lost := 0
	for _, p := range w.ledger.judge() {
		if strings.HasPrefix(p, "lost") {
			lost++
		}
	}
	if lost == 0 {
		t.Error("the servers lost all mail and nobody noticed")
	}
	t.Logf("%d losses noticed", lost)
}
