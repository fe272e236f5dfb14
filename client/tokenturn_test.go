package client

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/history"
	"github.com/omega-im/omega/wire"
)

// secret is what somebody's device makes tokens from.
func (s *somebody) secret(t *testing.T) string {
	t.Helper()
	var a history.Admission
	must(t, s.db.View(t.Context(), func(tx *history.Tx) (err error) {
		a, err = tx.Admission(s.acc.Fingerprint)
		return err
	}))
	return string(a.Secret)
}

// setSecret has a device make one; empty: as before there was one.
func (s *somebody) setSecret(t *testing.T, version uint32, secret string) {
	t.Helper()
	must(t, s.db.Update(t.Context(), func(tx *history.Tx) error {
		return s.changeIn(t.Context(), tx, []chat.Setting{{Name: chat.SettingDelivery, Value: []byte(secret), Stamp: chat.Stamp{Version: version}}})
	}))
	s.queued.notify()
	s.letting.notify()
}

// tokenFrom is the token by which somebody writes to another one, as that one told it.
func (s *somebody) tokenFrom(t *testing.T, fp omega.Fingerprint) (out omega.Token) {
	t.Helper()
	must(t, s.db.View(t.Context(), func(tx *history.Tx) (err error) {
		out, err = tx.Token(fp)
		return err
	}))
	return out
}

// tokenFor is the token by which somebody lets another one in.
func (s *somebody) tokenFor(t *testing.T, fp omega.Fingerprint) (out omega.Token) {
	t.Helper()
	must(t, s.db.View(t.Context(), func(tx *history.Tx) (err error) {
		out, err = s.tokenOf(tx, fp)
		return err
	}))
	return out
}

// TestTokensFirstDeviceGone: while the device that was added first is away the next one
// waits for it, and then makes the secret in its place, and tells contacts. When the first
// one comes back it has the same. (spec/delivery.md, DELIV-50, DELIV-51)
func TestTokensFirstDeviceGone(t *testing.T) {
	p := newPost(t)
	clock := &drift{}
	ann := p.newSomebody(t, "ann", func(c *Config) { c.Clock = clock.now })
	bob := p.newSomebody(t, "bob", func(c *Config) { c.Clock = clock.now })
	until(t, "a device alone makes it at once", func() bool { return len(ann.secret(t)) == chat.DeliverySecretSize })
	first, next := ann, ann.second(t)
	first.setSecret(t, 2, strings.Repeat("a", chat.DeliverySecretSize))
	must(t, callOf(first.Client, clientrpc.AddContact, clientrpc.AddContactParams{ContactRef: clientrpc.ContactRef{Account: bob.acc.Fingerprint.String()}})())
	until(t, "bob is told", func() bool { return bob.tokenFrom(t, ann.acc.Fingerprint) == ann.tokenFor(t, bob.acc.Fingerprint) })
	until(t, "the other device has it, and the contact", func() bool {
		r, err := relationOf(t, next, bob)
		return err == nil && r.Contact == chat.Contact && next.secret(t) == first.secret(t)
	})
	if first.turn() != 0 { // of two that were added in one second, the one with the lower fingerprint was first
		first, next = next, first
	}
	if first.turn() != 0 || next.turn() != 1 {
		t.Fatalf("turns %d and %d", first.turn(), next.turn())
	}
	allSent(t, first, next, bob)
	old := first.tokenFor(t, bob.acc.Fingerprint)
	first.stop()
	next.setSecret(t, 5, "") // as if the first device had gone before it told
	never := time.Now().Add(100 * time.Millisecond)
	until(t, "time goes by", func() bool { next.letting.notify(); return time.Now().After(never) })
	if next.secret(t) != "" {
		t.Fatal("the next device made a secret at once")
	}
	// passes lets time pass until ok, in steps with a look at what is to do in each, and
	// returns how much did.
	passes := func(what string, ok func() bool) (d time.Duration) {
		t.Helper()
		until(t, what, func() bool {
			if ok() {
				return true
			}
			d += tokensPause
			clock.move(tokensPause)
			p.skew.Store(clock.ahead.Load())
			next.letting.notify()
			return false
		})
		return d
	}
	if d := passes("the next device makes it", func() bool { return next.secret(t) != "" }); d < tokensTurn-2*tokensPause {
		t.Errorf("the next device made a secret after %v, not %v", d, tokensTurn)
	}
	if next.tokenFor(t, bob.acc.Fingerprint) == old {
		t.Error("bob is let in by what the first device's secret made")
	}
	d := passes("bob is told by the next device", func() bool {
		return bob.tokenFrom(t, ann.acc.Fingerprint) == next.tokenFor(t, bob.acc.Fingerprint)
	})
	if d < tokensTurn-2*tokensPause {
		t.Errorf("bob was told after %v, not %v", d, tokensTurn+tokensPause)
	}
	first.open(t)
	until(t, "the first device has it when it is back", func() bool { return first.secret(t) == next.secret(t) })
}

func relationOf(t *testing.T, s, with *somebody) (r *history.Relation, err error) {
	err = s.db.View(t.Context(), func(tx *history.Tx) (err error) {
		r, err = tx.Relation(with.acc.Fingerprint)
		return err
	})
	return r, err
}

// TestTokensTwoSecrets: two devices that make a secret at once, apart, end with one, and a
// contact that was told by both writes by the one that is in force.
func TestTokensTwoSecrets(t *testing.T) {
	p := newPost(t)
	clock := &drift{}
	drifting := func(c *Config) { c.Clock = clock.now }
	ann, bob := p.newSomebody(t, "ann", drifting), p.newSomebody(t, "bob", drifting)
	until(t, "there is a secret", func() bool { return ann.secret(t) != "" })
	second := ann.second(t)
	ann.setSecret(t, 2, strings.Repeat("0", chat.DeliverySecretSize))
	must(t, callOf(ann.Client, clientrpc.AddContact, clientrpc.AddContactParams{ContactRef: clientrpc.ContactRef{Account: bob.acc.Fingerprint.String()}})())
	until(t, "the second device has all settings", func() bool {
		r, err := relationOf(t, second, bob)
		return err == nil && r.Contact == chat.Contact && second.secret(t) == ann.secret(t) && ann.secret(t) != ""
	})
	allSent(t, ann, second, bob)
	second.stop()
	ann.setSecret(t, 9, strings.Repeat("a", chat.DeliverySecretSize))
	until(t, "bob is told by the first device", func() bool {
		clock.move(tokensPause / 4)
		ann.letting.notify()
		return bob.tokenFrom(t, ann.acc.Fingerprint) == ann.tokenFor(t, bob.acc.Fingerprint)
	})
	{ // it made its own before it heard of that, later by its clock, under the same version
		c, err := Open(t.Context(), second.cfg)
		must(t, err)
		second.Client = c
		must(t, c.db.Update(t.Context(), func(tx *history.Tx) error {
			return c.changeIn(t.Context(), tx, []chat.Setting{{Name: chat.SettingDelivery, Value: []byte(strings.Repeat("b", chat.DeliverySecretSize)), Stamp: chat.Stamp{Version: 9}}})
		}))
		must(t, c.db.Close())
	}
	second.open(t)
	until(t, "both have one", func() bool { return ann.secret(t) == second.secret(t) && ann.secret(t)[0] == 'b' })
	until(t, "bob is told what is in force", func() bool {
		clock.move(tokensPause / 4)
		ann.letting.notify()
		return bob.tokenFrom(t, ann.acc.Fingerprint) == ann.tokenFor(t, bob.acc.Fingerprint)
	})
	if ann.tokenFor(t, bob.acc.Fingerprint) != second.tokenFor(t, bob.acc.Fingerprint) {
		t.Error("the two devices let bob in by different tokens")
	}
}

// toldAll has people know that their contacts were told all tokens: nothing more is said of
// them by itself.
func toldAll(t *testing.T, people ...*somebody) {
	t.Helper()
	for _, s := range people {
		until(t, s.acc.Name+" has a secret", func() bool { return s.secret(t) != "" })
		must(t, s.db.Update(t.Context(), func(tx *history.Tx) error {
			list, err := s.untold(tx, nil)
			must(t, err)
			for _, fp := range list {
				token, err := s.tokenOf(tx, fp)
				must(t, err)
				must(t, tx.PutToldToken(fp, token))
			}
			return nil
		}))
	}
}

// TestTokensUnreached: a contact whose certificate could not be had is not taken for told: it is
// looked for again after a while; one that no server knows is, until it writes.
func TestTokensUnreached(t *testing.T) {
	p := newFakeProxy(t)
	c := p.newCore(t)
	away, unknown := someServer(t, 1), someServer(t, 2)
	p.edit(func() {
		before := p.answer
		p.answer = func(f wire.Frame) (wire.Type, []byte) {
			if f.Type == wire.TypeLookup && bytes.Equal(f.Body, away.Wire()) {
				return wire.TypeError, wire.AppendStatus(nil, omega.CodeUnavailable, "")
			}
			if before != nil {
				return before(f)
			}
			return 0, nil
		}
	})
	w := tokenWorker{c: c, tried: map[omega.Fingerprint]omega.Token{}, without: map[omega.Fingerprint]time.Time{}}
	must(t, w.tellSome(t.Context(), []omega.Fingerprint{away, unknown}))
	if _, tried := w.tried[away]; tried || w.without[away].IsZero() {
		t.Errorf("the one that was not reached: tried %v, again at %v", tried, w.without[away])
	}
	if _, tried := w.tried[unknown]; !tried || !w.without[unknown].IsZero() {
		t.Errorf("the one that nobody knows: tried %v, again at %v", tried, w.without[unknown])
	}
}
