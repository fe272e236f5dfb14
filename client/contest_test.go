package client

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/history"
	"github.com/omega-im/omega/internal/i18n"
	"github.com/omega-im/omega/pgp"
	"github.com/omega-im/omega/wire"
)

// A quarrel is an account whose first device runs; the others, linked an hour after each
// other, are keys in the hands of the test.
type quarrel struct {
	*somebody
	clock   *drift
	devices []*pgp.DeviceSecrets // without the first
	blocks  [][]byte             // what revokes them
}

func newQuarrel(t *testing.T, p *post, others int) *quarrel {
	t.Helper()
	q := &quarrel{clock: &drift{}}
	q.somebody = p.newSomebody(t, "ann", func(c *Config) { c.Clock = q.clock.now })
	cert := q.certificate()
	for i := range others {
		q.wait(time.Hour)
		now := q.clock.now()
		dev, err := pgp.GenerateDevice(q.cfg.rand(), fmt.Sprintf("other %d", i), now)
		must(t, err)
		req, err := dev.Request(t.Context(), q.soft.Public(), now)
		must(t, err)
		cert, err = pgp.AddDevice(t.Context(), q.soft, cert, req, now)
		must(t, err)
		q.devices = append(q.devices, dev)
	}
	for i := range q.devices {
		block, err := pgp.RevokeBefore(t.Context(), q.soft, cert, q.fp(i), q.clock.now())
		must(t, err)
		q.blocks = append(q.blocks, block)
	}
	q.take(t, cert)
	return q
}

// wait lets time pass for the device and its server.
func (q *quarrel) wait(d time.Duration) {
	q.clock.move(d)
	q.p.skew.Store(q.clock.ahead.Load())
}

func (q *quarrel) fp(i int) omega.Fingerprint { return q.devices[i].Signing.Public().Fingerprint() }

// take has the device learn of a certificate, as from its server.
func (q *quarrel) take(t *testing.T, cert *pgp.Certificate) {
	t.Helper()
	must(t, q.takeOwn(t.Context(), wire.Entry{Certificate: cert.Bytes()}))
}

// removes has one of the others remove another one, at a time by its own word.
func (q *quarrel) removes(t *testing.T, by, about int, at time.Time) {
	t.Helper()
	cert, err := pgp.Remove(t.Context(), q.devices[by].Signing, q.certificate(), q.fp(about), q.blocks[about], at)
	must(t, err)
	q.take(t, cert)
}

// TestNewsSayWhoRemoved: news of a device that is gone name the device that removed it; of
// one that the primary key revoked nobody.
func TestNewsSayWhoRemoved(t *testing.T) {
	q := newQuarrel(t, newPost(t), 3)
	q.removes(t, 1, 0, q.clock.now())
	cert, err := pgp.RevokeDevice(t.Context(), q.soft, q.certificate(), q.fp(2), pgp.ReasonRetired, q.clock.now())
	must(t, err)
	q.take(t, cert)
	news, err := clientrpc.DeviceNewsOf.Call(t.Context(), q.Client, clientrpc.DeviceNewsParams{})
	must(t, err)
	by := map[omega.Fingerprint]omega.Fingerprint{}
	for _, n := range news.News {
		if n.Kind != clientrpc.DeviceRevoked {
			continue
		}
		by[n.Device] = n.By
		if want := map[bool]string{true: "other 1"}[!n.By.IsZero()]; n.ByName != want {
			t.Errorf("%s was removed by %q, want %q", n.DeviceName, n.ByName, want)
		}
	}
	if len(by) != 2 || by[q.fp(0)] != q.fp(1) || !by[q.fp(2)].IsZero() {
		t.Errorf("removed by: %v", by)
	}
}

// TestContestRefused: where nothing can be contested it says so, and where several devices
// removed others it does not choose for the person.
func TestContestRefused(t *testing.T) {
	q := newQuarrel(t, newPost(t), 3)
	contest := func(p clientrpc.ContestParams) *clientrpc.Error {
		t.Helper()
		_, err := clientrpc.Contest.Call(t.Context(), q.Client, p)
		var e *clientrpc.Error
		if err != nil && !errors.As(err, &e) {
			t.Fatal(err)
		}
		return e
	}
	if e := contest(clientrpc.ContestParams{}); e == nil || e.Code != clientrpc.CodeNotFound || e.Next.Key != "next.nocontest" {
		t.Errorf("with nothing removed: %+v", e)
	}
	q.removes(t, 1, 0, q.clock.now())
	q.removes(t, 2, 1, q.clock.now())
	if e := contest(clientrpc.ContestParams{Device: q.fp(0)}); e == nil || e.Code != clientrpc.CodeNotFound || e.Next.Key != "next.devices" {
		t.Errorf("against a device that removed none: %+v", e)
	}
	switch e := contest(clientrpc.ContestParams{}); {
	case e == nil || e.Code != clientrpc.CodeUsage:
		t.Errorf("with two that removed others: %+v", e)
	default:
		for _, by := range []int{1, 2} {
			if why := e.Why.In(i18n.English); !strings.Contains(why, q.fp(by).String()) {
				t.Errorf("device %d is not named: %s", by, why)
			}
		}
	}
	if d, _ := q.certificate().Device(q.fp(0)); !d.Removed {
		t.Error("what was refused took something back")
	}
	list, err := clientrpc.Devices.Call(t.Context(), q.Client, clientrpc.None{})
	must(t, err)
	for _, d := range list.Devices {
		want := map[omega.Fingerprint][]omega.Fingerprint{q.fp(1): {q.fp(0)}, q.fp(2): {q.fp(1)}}[d.Fingerprint]
		if !slices.Equal(d.Removed, want) {
			t.Errorf("%s removed %v, want %v", d.Name, d.Removed, want)
		}
	}
	if e := contest(clientrpc.ContestParams{Device: q.fp(1)}); e != nil {
		t.Fatalf("against one: %+v", e)
	}
	for i, want := range []bool{false, true, false} {
		if d, _ := q.certificate().Device(q.fp(i)); d.Revoked != want {
			t.Errorf("device %d is revoked: %v, want %v", i, d.Revoked, want)
		}
	}
}

// TestOpenRemovals: a removal can be contested for 72 hours from the time that it gives, or
// from when this device learned of it.
func TestOpenRemovals(t *testing.T) {
	q := newQuarrel(t, newPost(t), 3)
	q.wait(100 * time.Hour)
	dated := q.clock.now().Add(-80 * time.Hour)
	q.removes(t, 2, 0, dated)                  // of a device that could object
	q.removes(t, 1, 2, dated.Add(time.Minute)) // by an earlier device: nobody is in dispute, so nobody noted when that came
	open := func() (out []omega.Fingerprint) {
		list, err := q.openRemovals(t.Context())
		must(t, err)
		for _, w := range list {
			out = append(out, w.About)
		}
		return out
	}
	if got := open(); !slices.Equal(got, []omega.Fingerprint{q.fp(0)}) {
		t.Errorf("open: %v", got)
	}
	q.wait(pgp.ContestTime - time.Minute)
	if got := open(); len(got) != 1 {
		t.Errorf("open just before the time is over: %v", got)
	}
	q.wait(2 * time.Minute)
	if got := open(); len(got) != 0 {
		t.Errorf("open after the time: %v", got)
	}
	q.removes(t, 1, 0, q.clock.now())
	if got := open(); !slices.Equal(got, []omega.Fingerprint{q.fp(0)}) {
		t.Errorf("open after a new one: %v", got)
	}
}

// TestOvertaken: two devices sign a record under one sequence. What the servers agree on,
// that of the lower hash, takes the place of this device's own, and the person is told if
// it says something else; the higher one does not. (spec/delivery.md, DELIV-2)
func TestOvertaken(t *testing.T) {
	q := newQuarrel(t, newPost(t), 1)
	other, err := pgp.NewIdentity(q.certificate(), q.devices[0])
	must(t, err)
	// one stands where half of all records would: others are found on either side of it
	own := &wire.Record{Sequence: 50, Homes: q.ownHomes()}
	for i, middle := 0, false; !middle; i++ {
		must(t, signRecord(t.Context(), q.identity(), own, q.clock.now().Add(-time.Duration(i)*time.Second)))
		h := own.Hash()
		middle = h[0] >= 0x40 && h[0] < 0xc0
	}
	must(t, q.useRecord(t.Context(), own))
	overtaken := func() (out []uint64) {
		res, err := clientrpc.Notices.Call(t.Context(), q.Client, clientrpc.NoticesParams{Standing: true})
		must(t, err)
		for _, n := range res.Notices {
			if n.Kind == clientrpc.NoticeOvertaken {
				out = append(out, n.Sequence)
			}
		}
		return out
	}
	// signed is a record of the other device that stands before that of this one, or behind it.
	signed := func(before bool, homes []omega.Fingerprint) *wire.Record {
		for i := range 100 {
			r := &wire.Record{Sequence: 50, Homes: homes}
			must(t, signRecord(t.Context(), other, r, q.clock.now().Add(-time.Duration(i)*time.Second)))
			a, b := r.Hash(), own.Hash()
			if bytes.Compare(a[:], b[:]) < 0 == before {
				return r
			}
		}
		t.Fatal("no such record in a hundred")
		return nil
	}
	take := func(r *wire.Record) {
		must(t, q.takeOwn(t.Context(), wire.Entry{Certificate: q.certificate().Bytes(), Record: r.Bytes()}))
	}
	elsewhere := []omega.Fingerprint{newIdentity(t, "another home").Account()}
	take(signed(false, elsewhere))
	if got := overtaken(); len(got) != 0 || q.sequence() != 50 || !slices.Equal(q.ownHomes(), own.Homes) {
		t.Errorf("by the record behind it: notices %v, homes %v", got, q.ownHomes())
	}
	first := signed(true, elsewhere)
	take(first)
	if got := overtaken(); !slices.Equal(got, []uint64{50}) || !slices.Equal(q.ownHomes(), elsewhere) {
		t.Errorf("by the record before it: notices %v, homes %v", got, q.ownHomes())
	}
	next := &wire.Record{Sequence: 51, Homes: own.Homes, Previous: first.Hash()}
	must(t, signRecord(t.Context(), q.identity(), next, q.clock.now()))
	take(next)
	if got := overtaken(); len(got) != 0 {
		t.Errorf("after the next record: notices %v", got)
	}
}

// TestLearnedOfOneSecond: of two removals that were said to be of one second each counts from
// when this device learned of it.
func TestLearnedOfOneSecond(t *testing.T) {
	c := newPost(t).newSomebody(t, "ann").Client
	now := time.Now().Truncate(time.Second)
	first := pgp.Word{By: someServer(t, 1), About: someServer(t, 2), At: now.Add(-time.Hour)}
	second := first
	second.About = someServer(t, 3)
	must(t, c.db.Update(t.Context(), func(tx *history.Tx) error {
		_, err := tx.AddNotice(&history.Notice{Account: c.acc.Fingerprint, Kind: history.NoticeDisputed, Sequence: wordKey(first), Time: now})
		must(t, err)
		for w, want := range map[*pgp.Word]time.Time{&first: now, &second: second.At} {
			if got, err := learned(tx, c.acc.Fingerprint, *w, now); !got.Equal(want) || err != nil {
				t.Errorf("learned at %v, %v, want %v", got, err, want)
			}
		}
		_, err = tx.AddNotice(&history.Notice{Account: c.acc.Fingerprint, Kind: history.NoticeDisputed, Sequence: uint64(second.At.Unix()), Time: now}) // as before
		must(t, err)
		if got, err := learned(tx, c.acc.Fingerprint, second, now); !got.Equal(now) || err != nil {
			t.Errorf("of a notice of before: %v, %v", got, err)
		}
		return nil
	}))
}
