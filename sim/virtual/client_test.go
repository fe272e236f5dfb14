package virtual

import (
	"context"
	"crypto/rand"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/client"
	"github.com/omega-im/omega/clientrpc"
)

// A device is an account with the client that people use, package client, with
// its history on disk. It moves to another proxy when its own is gone.
type device struct {
	w    *world
	host string
	core *client.Client
	fpr  omega.Fingerprint
	stop context.CancelFunc
	wg   sync.WaitGroup

	mu   sync.Mutex
	came map[omega.ID][]time.Time // every time a message was received; guarded by mu
	row  []omega.ID               // in the order in which they came; guarded by mu
}

// own makes somebody who lives at homes and is attached to proxy, near to it.
func (w *world) own(proxy *server, homes ...*server) *device {
	w.t.Helper()
	w.devices++
	d := &device{w: w, host: fmt.Sprintf("d%d", w.devices), came: map[omega.ID][]time.Time{}}
	at := w.place(proxy.host)
	w.settle(d.host, &at)
	cfg := client.Config{Home: filepath.Join(w.t.TempDir(), d.host), Name: d.host, Dialer: w.dialler(d.host)}
	info, err := client.Init(w.t.Context(), client.InitConfig{Config: cfg, Server: proxy.cfg.Listen.Client + "#" + proxy.id.String(), DeviceName: "device"})
	if err == nil {
		d.fpr = info.Fingerprint
		d.core, err = client.Open(w.t.Context(), cfg)
	}
	if err != nil {
		w.t.Fatalf("%s: %v", d.host, err)
	}
	ctx, stop := context.WithCancel(context.Background())
	d.stop = stop
	d.wg.Go(func() { d.core.Run(ctx) })
	var list []omega.Fingerprint
	for _, h := range homes {
		list = append(list, h.id)
	}
	w.until(d.host+" lives at its homes", 30*time.Second, 20*time.Millisecond, func() bool {
		_, err := clientrpc.SetHomes.Call(w.t.Context(), d.core, clientrpc.SetHomesParams{Homes: list})
		return err == nil
	})
	w.until(d.host+" is attached to them", 30*time.Second, 20*time.Millisecond, func() bool { return d.attached() == len(homes) })
	d.wg.Go(func() { d.receive(ctx) })
	return d
}

// close ends the client.
func (d *device) close() {
	d.stop()
	d.wg.Wait()
	if err := d.core.Close(); err != nil {
		d.w.t.Errorf("%s: %v", d.host, err)
	}
}

func (d *device) status() *clientrpc.StatusResult {
	d.w.t.Helper()
	st, err := clientrpc.Status.Call(d.w.t.Context(), d.core, clientrpc.None{})
	if err != nil {
		d.w.t.Fatalf("%s: %v", d.host, err)
	}
	return st
}

// attached is how many homes the device is attached to.
func (d *device) attached() (n int) {
	for _, h := range d.status().Homes {
		if h.Attached {
			n++
		}
	}
	return n
}

// proxy is the server that the device is connected to; nil: none.
func (d *device) proxy() *server {
	st := d.status()
	if !st.Online {
		return nil
	}
	return d.w.server(st.Proxy)
}

// receive takes in what comes until ctx ends.
func (d *device) receive(ctx context.Context) {
	for ctx.Err() == nil {
		r, err := clientrpc.Receive.Call(ctx, d.core, clientrpc.ReceiveParams{Timeout: time.Minute})
		if err != nil {
			if ctx.Err() == nil {
				d.w.t.Errorf("%s receives: %v", d.host, err)
			}
			return
		}
		var ids []omega.ID
		d.mu.Lock()
		for _, m := range r.Messages {
			d.came[m.ID] = append(d.came[m.ID], time.Now())
			d.row, ids = append(d.row, m.ID), append(ids, m.ID)
		}
		d.mu.Unlock()
		if len(ids) == 0 {
			continue
		}
		if _, err := clientrpc.Confirm.Call(ctx, d.core, clientrpc.ConfirmParams{IDs: ids}); err != nil && ctx.Err() == nil {
			d.w.t.Errorf("%s confirms: %v", d.host, err)
		}
	}
}

// A text is one that was written, and when.
type text struct {
	id      omega.ID
	written time.Time
}

// write puts a text to somebody into the outbox.
func (d *device) write(to *device) text {
	d.w.t.Helper()
	one := text{written: time.Now()}
	rand.Read(one.id[:])
	p := clientrpc.SendParams{ID: one.id, To: to.fpr.String(), Text: one.id.String(), Wait: "none"}
	if _, err := clientrpc.Send.Call(d.w.t.Context(), d.core, p); err != nil {
		d.w.t.Fatalf("%s writes: %v", d.host, err)
	}
	return one
}

// check counts the texts that did not come, and reports what came twice or out
// of order.
func (d *device) check(texts []text) (lost int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	place := map[omega.ID]int{}
	for i, id := range d.row {
		place[id] = i
	}
	last := -1
	for i, one := range texts {
		switch n := len(d.came[one.id]); {
		case n == 0:
			lost++
			continue
		case n > 1:
			d.w.t.Errorf("text %d came %d times", i, n)
		}
		if at := place[one.id]; at < last {
			d.w.t.Errorf("text %d came out of order", i)
		} else {
			last = at
		}
	}
	return lost
}

// has reports whether a text has come, and when.
func (d *device) has(id omega.ID) (at time.Time, ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if c := d.came[id]; len(c) > 0 {
		return c[0], true
	}
	return at, false
}

// maxAway is how long a client whose proxy is gone receives nothing.
const maxAway = 1500 * time.Millisecond

// chatty is how often a reader says something: who waits for nothing notices
// a proxy that falls silent only later. (spec/delivery.md, DELIV-20)
const chatty = 500 * time.Millisecond

// TestClientMoves has the proxy of a client fail, the reader's or the writer's,
// while one text after the other is written, and measures until the first comes
// that was written after the failure: the client is at work on another server.
// Nothing is lost, comes twice or out of order.
func TestClientMoves(t *testing.T) {
	tests := []struct {
		what   string
		fail   failure
		writer bool
		goal   time.Duration
	}{
		{"the reader's proxy", crash, false, maxAway},
		{"the writer's proxy", crash, true, maxAway},
		{"the writer's proxy", silent, true, maxAway},
		{"the writer's proxy", deaf, true, maxAway},
		{"the reader's proxy", silent, false, chatty + maxAway},
		{"the reader's proxy", deaf, false, chatty + maxAway},
	}
	for i, tt := range tests {
		if !*figuresFlag && i != 0 && i != 2 {
			continue // one of each kind is enough for a test
		}
		what := tt.what + " " + tt.fail.name
		t.Run(what, func(t *testing.T) {
			var took delay
			lost := 0
			for i := range *worldsFlag {
				inWorld(t, *seedFlag+uint64(i), func(w *world) {
					w.grow(min(*serversFlag, 12))
					d, l := w.move(tt.fail, tt.writer)
					took, lost = append(took, d...), lost+l
				})
			}
			took.sort()
			note(what+", until a text comes", took, lost)
			t.Logf("%v; %d lost", took, lost)
			if took.at(1) > tt.goal || lost > 0 {
				t.Errorf("%v, want at most %v; %d lost", took, tt.goal, lost)
			}
		})
	}
}

// A talk is two people who write to each other, one of them most of the time.
type talk struct {
	writer, reader *device
	texts, answers []text
}

// talk makes two people with three homes each, none of which is the server that
// they are attached to.
func (w *world) talk() *talk {
	w.t.Helper()
	s := w.servers
	return &talk{writer: w.own(s[1], s[3], s[4], s[5]), reader: w.own(s[2], s[4], s[5], s[6])}
}

func (k *talk) close() {
	k.writer.close()
	k.reader.close()
}

// run has them write for a while.
func (k *talk) run(during time.Duration) {
	for end := time.Now().Add(during); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		k.texts = append(k.texts, k.writer.write(k.reader))
		if n := len(k.answers); n == 0 || time.Since(k.answers[n-1].written) >= chatty {
			k.answers = append(k.answers, k.reader.write(k.writer))
		}
	}
}

// settle waits until all has come, and returns how many texts never did.
func (k *talk) settle() (lost int) {
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if lost = k.reader.check(k.texts) + k.writer.check(k.answers); lost == 0 {
			return 0
		}
	}
	return lost
}

// since is how long after a moment the first text came that was written later.
func (k *talk) since(moment time.Time) (took time.Duration) {
	took = -1
	for _, one := range k.texts {
		if at, ok := k.reader.has(one.id); ok && !one.written.Before(moment) && (took < 0 || at.Sub(moment) < took) {
			took = at.Sub(moment)
		}
	}
	return took
}

// move has the proxy of one of two people fail who talk, and returns how long
// nothing came, and how many texts never did; for figures several times, each
// time the server that the person has moved to.
func (w *world) move(f failure, writers bool) (took delay, lost int) {
	w.t.Helper()
	k := w.talk()
	defer k.close()
	who := k.reader
	if writers {
		who = k.writer
	}
	times := 1
	if *figuresFlag {
		times = 2 // of three homes one is left
	}
	for range times {
		k.run(2*time.Second + time.Duration(w.rng.IntN(int(time.Second))))
		victim := who.proxy()
		if victim == nil {
			w.t.Fatalf("%s is not connected", who.host)
		}
		moment := time.Now()
		f.server(victim)
		k.run(4 * time.Second)
		if p := who.proxy(); p == victim || p == nil {
			w.t.Errorf("%s is still at the server that %s", who.host, f.name)
		}
		took = append(took, k.since(moment))
		if f.name == crash.name {
			continue // it stays away
		}
		victim.wake()
		k.run(10 * time.Second)
	}
	return took, k.settle()
}

// A proxy that gives a sign of life late, but within its time, is not left, though
// others have been dialled by then.
func TestClientStays(t *testing.T) {
	inWorld(t, *seedFlag, func(w *world) {
		w.grow(*serversFlag)
		k := w.talk()
		defer k.close()
		for range 3 {
			k.run(2 * time.Second)
			at := k.writer.proxy()
			at.silence()
			k.run(900 * time.Millisecond)
			at.wake()
			k.run(2 * time.Second)
			if now := k.writer.proxy(); now != at {
				t.Fatal("the writer left a server that stood still for 0.9 s")
			}
		}
		if lost := k.settle(); lost > 0 {
			t.Errorf("%d texts never came", lost)
		}
	})
}
