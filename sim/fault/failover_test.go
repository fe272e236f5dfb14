package fault

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	im "github.com/omega-im/omega"
	"github.com/omega-im/omega/clientrpc"
)

// A stream is one person who writes to another all the time.
type stream struct {
	l        *ledger
	from, to *device

	texts []*sending // of the writing goroutine

	mu   sync.Mutex
	sent []time.Time       // when each text was queued; guarded by mu
	came map[int]time.Time // when each was received first; guarded by mu
	byID map[im.ID]int     // guarded by mu
}

// write sends a text every pause until ctx ends.
func (s *stream) write(ctx context.Context, t *testing.T, rng *rand.Rand, pause time.Duration) {
	for n := 0; ctx.Err() == nil; n++ {
		one := s.l.sending(s.from, s.to.owner, n, rng)
		s.mu.Lock()
		s.sent, s.byID[one.id] = append(s.sent, time.Now()), n
		s.mu.Unlock()
		r, err := clientrpc.Send.Call(t.Context(), s.from.conn, one.params("none", 5*time.Second))
		s.l.sent(one, r, err)
		s.texts = append(s.texts, one)
		pass(t, pause)
	}
	for _, one := range s.texts {
		r, err := clientrpc.Send.Call(t.Context(), s.from.conn, one.params("stored", waitStored))
		s.l.sent(one, r, err)
	}
}

// read takes what comes until ctx ends.
func (s *stream) read(ctx context.Context, t *testing.T) {
	for ctx.Err() == nil {
		r, err := clientrpc.Receive.Call(ctx, s.to.conn, clientrpc.ReceiveParams{Count: 100, Timeout: time.Second})
		if err != nil {
			if ctx.Err() == nil {
				t.Errorf("receive: %v", err)
			}
			return
		}
		var ids []im.ID
		s.mu.Lock()
		for i := range r.Messages {
			m := &r.Messages[i]
			if n, ok := s.byID[m.ID]; ok && s.came[n].IsZero() {
				s.came[n] = time.Now()
			}
			s.l.received(s.to, m)
			ids = append(ids, m.ID)
		}
		s.mu.Unlock()
		if len(ids) > 0 {
			_, _ = clientrpc.Confirm.Call(context.WithoutCancel(ctx), s.to.conn, clientrpc.ConfirmParams{IDs: ids})
		}
	}
}

// next is when the first text came that was written after a moment.
func (s *stream) next(after time.Time) (at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for n := len(s.sent) - 1; n >= 0 && s.sent[n].After(after); n-- {
		if c := s.came[n]; !c.IsZero() && (at.IsZero() || c.Before(at)) {
			at = c
		}
	}
	return at
}

// proxy is the server that a device is connected to; -1: none.
func (c *site) proxy(t *testing.T, d *device) int {
	t.Helper()
	st, err := clientrpc.Status.Call(t.Context(), d.conn, clientrpc.None{})
	if err != nil {
		t.Fatal(err)
	}
	if !st.Online {
		return -1
	}
	return slices.IndexFunc(c.servers, func(s *server) bool { return s.fpr == st.Proxy.String() })
}

// homes has a device's account live on some servers.
func (c *site) homes(t *testing.T, d *device, servers ...int) {
	t.Helper()
	var list []im.Fingerprint
	for _, i := range servers {
		fp, err := im.ParseFingerprint(c.servers[i].fpr)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, fp)
	}
	until(t, startTimeout, "the servers are known everywhere", func() bool {
		_, err := clientrpc.SetHomes.Call(t.Context(), d.conn, clientrpc.SetHomesParams{Homes: list})
		return err == nil
	})
	d.online(t, startTimeout)
}

// failoverTimeout bounds a failover on a machine that others share. How long it
// takes is printed, and stands in docs/benchmarks.md.
const failoverTimeout = 60 * time.Second

// The server dies or stops that a reader, or a writer, is connected to: the
// device is connected to another soon, nothing is lost and nothing comes twice.
func TestFailover(t *testing.T) {
	tests := []struct {
		name   string
		writer bool // its server is the victim
		strike func(*process)
		mend   func(*testing.T, *server)
		short  int
	}{
		{"the reader's is killed", false, (*process).kill, func(t *testing.T, s *server) { s.start(t) }, 3},
		{"the writer's stops", true, func(p *process) { p.signal(syscall.SIGSTOP) }, func(_ *testing.T, s *server) { s.process().signal(syscall.SIGCONT) }, 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := newServers(t, plain, 4)
			f := newStream(t, c)
			ctx, quit := context.WithCancel(t.Context())
			writing, stop := context.WithCancel(ctx)
			var wg, writer sync.WaitGroup
			defer wg.Wait()
			defer quit()
			wg.Go(func() { f.read(ctx, t) })
			s := seed(t)
			writer.Go(func() { f.write(writing, t, rand.New(rand.NewPCG(s, 1)), 20*time.Millisecond) })
			rng := rand.New(rand.NewPCG(s, 2))
			defer writer.Wait()
			defer stop()

			victim := f.to
			if tt.writer {
				victim = f.from
			}
			var took []time.Duration
			for len(took) < kills(tt.short) {
				i := c.failable(t, f, victim)
				pass(t, upTo(rng, 2*time.Second)) // not always at the same time after the last one
				began := time.Now()
				tt.strike(c.servers[i].process())
				until(t, failoverTimeout, "a text that was written later comes", func() bool { return !f.next(began).IsZero() })
				took = append(took, f.next(began).Sub(began))
				if tt.writer {
					until(t, failoverTimeout, "the writer is connected elsewhere", func() bool { n := c.proxy(t, victim); return n >= 0 && n != i })
				}
				tt.mend(t, c.servers[i])
			}
			stop()
			writer.Wait()
			until(t, settleTimeout, "everything has come", func() bool { return f.l.missing() == 0 })
			slices.Sort(took)
			t.Logf("%d times: the next text came after %v p50, %v at most; all: %v", len(took), took[len(took)/2].Round(time.Millisecond),
				took[len(took)-1].Round(time.Millisecond), fmt.Sprint(took))
			f.check(t)
		})
	}
}

// newStream makes the two people, each of whom lives on three servers.
func newStream(t *testing.T, c *site) *stream {
	t.Helper()
	f := &stream{l: newLedger(), came: map[int]time.Time{}, byID: map[im.ID]int{}}
	for i, at := range []int{3, 0} {
		p := newPerson(t, c.dir, []string{"writer", "reader"}[i], c.servers[at].address(), nil)
		d := p.devices[0]
		d.online(t, startTimeout)
		c.homes(t, d, 1, 2, 3-at)
		f.l.device(d, false)
		if i == 0 {
			f.from = d
		} else {
			f.to = d
		}
	}
	befriend(t, f.from.owner, f.to.owner)
	return f
}

// failable waits until all servers run and texts come again, and returns the
// server that the victim is connected to.
func (c *site) failable(t *testing.T, f *stream, victim *device) (i int) {
	t.Helper()
	until(t, startTimeout, "both are connected and all servers run", func() bool {
		i = c.proxy(t, victim)
		for _, s := range c.servers {
			if n, _ := s.full(get); n == 0 { // whole it need not be: links that came and went are held back
				return false
			}
		}
		return i >= 0 && c.proxy(t, f.from) >= 0 && c.proxy(t, f.to) >= 0 && !f.next(time.Now().Add(-time.Second)).IsZero()
	})
	return i
}

// check reports every broken promise.
func (f *stream) check(t *testing.T) {
	t.Helper()
	for _, d := range []*device{f.from, f.to} {
		(&crowd{ledger: f.l}).ownHistory(t, d)
	}
	f.l.report(t)
}
