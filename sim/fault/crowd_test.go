package fault

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	im "github.com/omega-im/omega"
	"github.com/omega-im/omega/clientrpc"
)

// A crowd is people who write to each other, and to some who are away.
type crowd struct {
	people []*person
	away   []*person // their devices are not open before finish
	ledger *ledger
	pause  time.Duration // between two texts of one device

	stop   context.CancelFunc            // ends writing
	quit   context.CancelFunc            // ends reading
	wg     sync.WaitGroup                // writers
	rd     sync.WaitGroup                // readers
	follow func(t *testing.T, d *device) // has one more device read
}

// newCrowd makes one person per server; the first two have two devices, the
// second ones at other servers than their first. On every server lives one more
// person, who is away.
func newCrowd(t *testing.T, c *site) *crowd {
	t.Helper()
	w := &crowd{ledger: newLedger(), pause: pace()}
	for i, s := range c.servers {
		w.people = append(w.people, newPerson(t, c.dir, fmt.Sprintf("p%d", i+1), s.address(), s.dial))
		w.away = append(w.away, newPerson(t, c.dir, fmt.Sprintf("away%d", i+1), s.address(), s.dial))
	}
	befriend(t, append(slices.Clone(w.people), w.away...)...)
	for i := range min(2, len(w.people)) {
		w.people[i].devices[0].online(t, startTimeout)
		w.people[i].link(t, c.dir, c.servers[(i+1)%len(c.servers)].address())
	}
	w.each(w.people, func(d *device) {
		d.online(t, startTimeout)
		w.ledger.device(d, false)
	})
	w.each(w.away, func(d *device) {
		d.online(t, startTimeout)
		w.ledger.device(d, true)
		d.conn.Close()
	})
	return w
}

// pace is the pause of a crowd. In the short form its servers have the rest of
// what else runs: what a crowd proves, it proves by being there all the time.
func pace() time.Duration {
	if *killsFlag == 0 && *faultsFlag == 0 {
		return 160 * time.Millisecond
	}
	return 40 * time.Millisecond
}

// each calls f for every device of some people.
func (w *crowd) each(people []*person, f func(*device)) {
	for _, p := range people {
		for _, d := range p.devices {
			f(d)
		}
	}
}

// listen lets everybody read.
func (w *crowd) listen(t *testing.T) {
	reading, quit := context.WithCancel(t.Context())
	w.stop, w.quit = func() {}, quit
	t.Cleanup(func() { quit(); w.rd.Wait() })
	w.follow = func(t *testing.T, d *device) { w.rd.Go(func() { w.read(reading, t, d) }) }
	w.each(w.people, func(d *device) { w.follow(t, d) })
}

// begin lets everybody read and write.
func (w *crowd) begin(t *testing.T, seed uint64) {
	w.listen(t)
	writing, stop := context.WithCancel(t.Context())
	w.stop = stop
	t.Cleanup(func() { stop(); w.wg.Wait() })
	n := uint64(0)
	w.each(w.people, func(d *device) {
		n++
		rng := rand.New(rand.NewPCG(seed, n))
		w.wg.Go(func() { w.write(writing, t, d, rng) })
	})
}

// waitStored bounds how long a writer waits for a text to be stored: longer
// than any outage here, so that a state is known for most.
const waitStored = 20 * time.Second

// write sends texts in order until ctx ends. One in eight is waited for, so
// that some are alone on their way and some are many.
func (w *crowd) write(ctx context.Context, t *testing.T, d *device, rng *rand.Rand) {
	var behind sync.WaitGroup // what is waited for in the background
	defer behind.Wait()
	slots := make(chan struct{}, 64)
	for n := 1; ctx.Err() == nil; n++ {
		s := w.ledger.sending(d, w.choose(d, rng), n, rng)
		// The calls go on when ctx ends: what was begun has a result.
		r, err := clientrpc.Send.Call(t.Context(), d.conn, s.params("none", 5*time.Second))
		w.ledger.sent(s, r, err)
		if err == nil && rng.IntN(8) == 0 {
			r, err = clientrpc.Send.Call(t.Context(), d.conn, s.params("stored", waitStored))
			w.ledger.sent(s, r, err)
		} else if err == nil {
			slots <- struct{}{}
			behind.Go(func() {
				r, err := clientrpc.Send.Call(t.Context(), d.conn, s.params("stored", waitStored))
				w.ledger.sent(s, r, err)
				<-slots
			})
		}
		select {
		case <-ctx.Done():
		case <-time.After(upTo(rng, 2*w.pause)):
		}
	}
}

// choose returns somebody else to write to; one in four is away.
func (w *crowd) choose(d *device, rng *rand.Rand) *person {
	if len(w.away) > 0 && rng.IntN(4) == 0 {
		return w.away[rng.IntN(len(w.away))]
	}
	for {
		if to := w.people[rng.IntN(len(w.people))]; to != d.owner {
			return to
		}
	}
}

// read takes what arrives until ctx ends.
func (w *crowd) read(ctx context.Context, t *testing.T, d *device) {
	for ctx.Err() == nil {
		if err := w.readOnce(ctx, d, time.Second); err != nil && ctx.Err() == nil {
			t.Errorf("%s: receive: %v", d.name, err)
			return
		}
	}
}

// readOnce receives, notes and confirms.
func (w *crowd) readOnce(ctx context.Context, d *device, timeout time.Duration) error {
	r, err := clientrpc.Receive.Call(ctx, d.conn, clientrpc.ReceiveParams{Count: 100, Timeout: timeout})
	if err != nil || len(r.Messages) == 0 {
		return err
	}
	var ids []im.ID
	for i := range r.Messages {
		w.ledger.received(d, &r.Messages[i])
		ids = append(ids, r.Messages[i].ID)
	}
	_, err = clientrpc.Confirm.Call(context.WithoutCancel(ctx), d.conn, clientrpc.ConfirmParams{IDs: ids})
	return err
}

// finish ends writing, waits until everything has arrived, and reports every
// broken promise.
func (w *crowd) finish(t *testing.T, within time.Duration) {
	t.Helper()
	w.settle(t, within)
	w.ledger.report(t)
}

// settle waits until everything has arrived, or the time is over.
func (w *crowd) settle(t *testing.T, within time.Duration) {
	t.Helper()
	w.stop()
	lap := time.Now()
	phase := func(name string) {
		t.Logf("%v until %s", time.Since(lap).Round(10*time.Millisecond), name)
		lap = time.Now()
	}
	w.wg.Wait()
	phase("the writers are done")
	w.await(within, func() bool { return w.ledger.missing() == 0 })
	phase("everything has come")
	// What is left are receipts and copies for the writers' own devices.
	w.await(within, func() bool { return w.waiting(t) == 0 })
	phase("the outboxes are empty")
	w.quit()
	w.rd.Wait()
	if len(w.away) > 0 {
		w.comeBack(t, within)
		phase("who was away has everything")
	}
	// What comes again, comes at the latest when the home is opened again.
	w.each(slices.Concat(w.people, w.away), func(d *device) {
		d.conn.Close()
		d.open(t)
		d.online(t, startTimeout)
		if err := w.readOnce(t.Context(), d, 300*time.Millisecond); err != nil {
			t.Errorf("%s: receive again: %v", d.name, err)
		}
		w.ownHistory(t, d)
	})
}

// waiting counts what is in the outboxes.
func (w *crowd) waiting(t *testing.T) (n int) {
	t.Helper()
	w.each(w.people, func(d *device) {
		st, err := clientrpc.Status.Call(t.Context(), d.conn, clientrpc.None{})
		if err != nil {
			t.Fatalf("status of %s: %v", d.name, err)
		}
		n += st.Outbox
	})
	return n
}

// await waits for a condition, but not for ever: who calls looks again.
func (w *crowd) await(within time.Duration, ok func() bool) {
	for deadline := time.Now().Add(within); !ok() && time.Now().Before(deadline); {
		time.Sleep(50 * time.Millisecond)
	}
}

// comeBack has all who write go, and then all who were away come. Nobody is
// there to send anything again: what was stored comes from the servers.
func (w *crowd) comeBack(t *testing.T, within time.Duration) {
	t.Helper()
	for _, s := range w.ledger.toAway() {
		r, err := clientrpc.Send.Call(t.Context(), s.from.conn, s.params("stored", waitStored))
		w.ledger.sent(s, r, err)
	}
	w.each(w.people, func(d *device) { d.conn.Close() })
	ctx, quit := context.WithCancel(t.Context())
	var reading sync.WaitGroup
	w.each(w.away, func(d *device) {
		d.open(t)
		w.ledger.back(d)
		reading.Go(func() { w.read(ctx, t, d) })
	})
	w.await(within, func() bool { return w.ledger.missing() == 0 })
	quit()
	reading.Wait()
	w.ledger.noteLost()
}

// ownHistory notes what a device shows of what its account sent and received.
func (w *crowd) ownHistory(t *testing.T, d *device) {
	t.Helper()
	for _, p := range w.ledger.partners(d.owner) {
		var before im.ID
		for {
			r, err := clientrpc.History.Call(t.Context(), d.conn, clientrpc.HistoryParams{Chat: p.fpr.String(), Count: 200, Before: before})
			if err != nil {
				break // no such chat: nothing was written
			}
			for i := range r.Messages {
				w.ledger.shown(d, &r.Messages[i])
			}
			if len(r.Messages) < 200 {
				break
			}
			before = r.Messages[0].ID
		}
	}
}
