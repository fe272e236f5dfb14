package client

import (
	"context"
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/pgp"
	"github.com/omega-im/omega/wire"
)

// A registrar judges what is published at a fake proxy as key servers do, as far
// as one account needs it.
type registrar struct {
	p       *fakeProxy
	lose    int    // publications that get lost, with their session; guarded by p.mu
	swallow int    // answers that do; guarded by p.mu
	before  func() // called once, before the first publication is judged; with p.mu held
}

func (p *fakeProxy) registrar() *registrar {
	r := &registrar{p: p}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.answer = r.answer
	return r
}

func (r *registrar) answer(f wire.Frame) (wire.Type, []byte) {
	if f.Type != wire.TypePublish {
		return 0, nil
	}
	if r.lose > 0 {
		r.lose--
		r.p.conns[len(r.p.conns)-1].Close()
		return wire.TypeDone, nil
	}
	if r.before != nil {
		r.before()
		r.before = nil
	}
	code := r.judge(append([]byte(nil), f.Body...))
	if r.swallow > 0 {
		r.swallow--
		r.p.conns[len(r.p.conns)-1].Close()
	}
	return wire.TypeDone, wire.AppendStatus(nil, code, "")
}

func (r *registrar) judge(body []byte) omega.Code {
	e, err := wire.DecodeEntry(body)
	if err != nil {
		return omega.CodeBadRequest
	}
	rec, err := wire.DecodeRecord(e.Record)
	if err != nil {
		return omega.CodeBadRequest
	}
	if old, err := wire.DecodeRecord(r.p.entries[rec.User].Record); err == nil && old.Hash() != rec.Hash() {
		if rec.Sequence <= old.Sequence || rec.Sequence == old.Sequence+1 && rec.Previous != old.Hash() {
			return omega.CodeConflict
		}
	}
	r.p.entries[rec.User] = e
	return omega.CodeOK
}

// published are the records that came, in order.
func (p *fakeProxy) published(t *testing.T) (out []*wire.Record) {
	t.Helper()
	for _, b := range p.frames(wire.TypePublish) {
		e, err := wire.DecodeEntry(b)
		must(t, err)
		rec, err := wire.DecodeRecord(e.Record)
		must(t, err)
		out = append(out, rec)
	}
	return out
}

// noneTwice checks that no two of the records are different ones under one
// sequence, and that each that follows another links to it.
func noneTwice(t *testing.T, records []*wire.Record) {
	t.Helper()
	by := map[uint64]*wire.Record{}
	for _, r := range records {
		if other := by[r.Sequence]; other != nil && other.Hash() != r.Hash() {
			t.Errorf("two records under the sequence %d", r.Sequence)
		}
		by[r.Sequence] = r
	}
}

func listed(c *Client, on bool) error {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	_, err := clientrpc.Listed.Call(ctx, c, clientrpc.ListedParams{Listed: &on})
	return err
}

// A publication or the answer to it is lost: what was signed is sent again as it
// was unless the look-up shows it, and the next record comes after it.
func TestPublishWithoutAnswer(t *testing.T) {
	for _, tt := range []struct {
		name          string
		lose, swallow int
		sent          int // times that the first record comes
	}{
		{"lost twice", 2, 0, 3},
		{"only the answer", 0, 1, 1},
		{"both", 1, 1, 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := newFakeProxy(t)
			r := p.registrar()
			c := p.newCore(t)
			p.mu.Lock()
			r.lose, r.swallow = tt.lose, tt.swallow
			p.mu.Unlock()
			must(t, listed(c, true))
			must(t, listed(c, false))
			list := p.published(t)
			if len(list) != tt.sent+1 {
				t.Fatalf("%d publications, want %d", len(list), tt.sent+1)
			}
			for _, rec := range list[:tt.sent] {
				if rec.Hash() != list[0].Hash() {
					t.Errorf("signed again: %+v", rec)
				}
			}
			if next := list[tt.sent]; next.Sequence != list[0].Sequence+1 || next.Previous != list[0].Hash() {
				t.Errorf("the next is %+v", next)
			}
			if last, err := c.signedLast(t.Context()); last != nil || err != nil {
				t.Errorf("still without an answer: %+v, %v", last, err)
			}
		})
	}
}

// The process ends before the answer comes, or before anything is sent: the next
// one sends what was signed.
func TestPublishAfterRestart(t *testing.T) {
	t.Parallel()
	p := newFakeProxy(t)
	r := p.registrar()
	cfg := p.newHome(t)
	c, err := Open(t.Context(), cfg)
	must(t, err)
	stop := c.start(t)
	c.at(t, p)
	p.mu.Lock()
	p.mute = func(f wire.Frame) bool { return f.Type == wire.TypePublish && r.judge(f.Body) == omega.CodeOK }
	p.mu.Unlock()
	ctx, cancel := context.WithCancel(t.Context())
	failed := make(chan error, 1)
	go func() {
		on := true
		_, err := clientrpc.Listed.Call(ctx, c, clientrpc.ListedParams{Listed: &on})
		failed <- err
	}()
	until(t, "it is published", func() bool { return len(p.frames(wire.TypePublish)) == 1 })
	cancel()
	if err := <-failed; err == nil {
		t.Error("published without an answer")
	}
	stop()
	p.mu.Lock()
	p.mute = nil
	delete(p.entries, c.acc.Fingerprint) // the server had not stored it
	p.mu.Unlock()

	c, err = Open(t.Context(), cfg)
	must(t, err)
	defer c.start(t)()
	c.at(t, p)
	until(t, "what was signed counts", func() bool { return c.isListed() })
	list := p.published(t)
	if len(list) != 2 || list[0].Hash() != list[1].Hash() {
		t.Errorf("%d records published, %x", len(list), list[len(list)-1].Hash())
	}
}

// start runs the core until the function is called that it returns, which closes it.
func (c *Client) start(t *testing.T) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); c.Run(ctx) }()
	return func() {
		cancel()
		<-done
		must(t, c.Close())
	}
}

// Another device takes the sequence of what this one signed: theirs counts, and
// the next record is built on it. The device that was approved with the lost one
// is in it all the same.
func TestPublishLosesSequence(t *testing.T) {
	t.Parallel()
	p := newFakeProxy(t)
	r := p.registrar()
	c := p.newCore(t)
	now := time.Now()
	other, err := pgp.GenerateDevice(c.cfg.rand(), "other", now)
	must(t, err)
	third, err := pgp.GenerateDevice(c.cfg.rand(), "third", now)
	must(t, err)
	add := func(cert *pgp.Certificate, dev *pgp.DeviceSecrets) *pgp.Certificate {
		req, err := dev.Request(t.Context(), c.soft.Public(), now)
		must(t, err)
		cert, err = pgp.AddDevice(t.Context(), c.soft, cert, req, now)
		must(t, err)
		return cert
	}
	two := add(c.certificate(), other)
	must(t, c.publishCertificate(t.Context(), two))
	stands := p.published(t)[0]
	theirs := &wire.Record{Sequence: stands.Sequence + 1, Previous: stands.Hash(), Homes: stands.Homes, Flags: wire.RecordShowProxy}
	id, err := pgp.NewIdentity(two, other)
	must(t, err)
	must(t, signRecord(t.Context(), id, theirs, now))
	p.mu.Lock()
	r.swallow = 1
	r.before = func() { p.entries[c.acc.Fingerprint] = wire.Entry{Certificate: two.Bytes(), Record: theirs.Bytes()} }
	p.mu.Unlock()
	must(t, c.publishCertificate(t.Context(), add(two, third)))
	if _, ok := c.certificate().Device(third.Signing.Public().Fingerprint()); !ok {
		t.Error("the approved device is lost")
	}
	list := p.published(t)
	noneTwice(t, list[:2])
	last := list[len(list)-1]
	if last.Sequence != theirs.Sequence+1 || last.Previous != theirs.Hash() || last.Flags != theirs.Flags {
		t.Errorf("record %d after %x, flags %d", last.Sequence, last.Previous, last.Flags)
	}
	if !c.isListed() {
		t.Error("theirs does not count")
	}
}

// A server refuses a record for good: the next one has another sequence, since
// somebody may have the first.
func TestPublishRefused(t *testing.T) {
	t.Parallel()
	p := newFakeProxy(t)
	r := p.registrar()
	c := p.newCore(t)
	refuse := true
	p.mu.Lock()
	p.answer = func(f wire.Frame) (wire.Type, []byte) {
		if f.Type == wire.TypePublish && refuse {
			refuse = false
			return wire.TypeDone, wire.AppendStatus(nil, omega.CodeRefused, "not this one")
		}
		return r.answer(f)
	}
	p.mu.Unlock()
	if err := listed(c, true); err == nil {
		t.Error("the refusal was not told")
	}
	must(t, listed(c, true))
	list := p.published(t)
	if len(list) != 2 || list[1].Sequence != list[0].Sequence+1 || list[1].Previous != list[0].Hash() {
		t.Errorf("%d records; the last is %+v", len(list), list[len(list)-1])
	}
	noneTwice(t, list)
}
