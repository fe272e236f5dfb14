package client

import (
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/history"
	"github.com/omega-im/omega/pgp"
	"github.com/omega-im/omega/wire"
)

// succeed keeps the chain: a later record takes the place of the one before, an
// older one never does, and what contradicts is kept with both records.
func TestSucceed(t *testing.T) {
	who, err := omega.ParseFingerprint("0123456789ABCDEF0123456789ABCDEF01234567")
	if err != nil {
		t.Fatal(err)
	}
	rec := func(seq uint64, prev *wire.Record, flags uint8) *wire.Record {
		r := &wire.Record{
			Sequence: seq, Flags: flags, User: who, Device: who, Homes: []omega.Fingerprint{who},
			Issued: time.UnixMilli(1e12), Expires: time.UnixMilli(2e12), Sig: wire.Signature{Time: 1e9},
		}
		if prev != nil {
			r.Previous = prev.Hash()
		}
		return r
	}
	one := rec(1, nil, 0)
	two := rec(2, one, 0)
	other := rec(2, one, 1) // under the same sequence
	three := rec(3, two, 0)
	loose := rec(3, nil, 0) // does not follow
	for _, tt := range []struct {
		name    string
		at      *wire.Record // known, nil: nothing
		chained uint64
		rec     *wire.Record
		want    *wire.Record
		from    uint64
		notice  string
	}{
		{"the first", nil, 0, two, two, 2, ""},
		{"the next", two, 1, three, three, 1, ""},
		{"the same again", two, 1, two, two, 1, ""},
		{"an older one", three, 1, two, three, 1, ""},
		{"some are missing", one, 1, three, three, 3, ""},
		{"does not follow", two, 1, loose, loose, 3, history.NoticeFork},
		{"two under one sequence", two, 2, other, two, 2, history.NoticeConflict},
		{"and the other way round", other, 2, two, other, 2, history.NoticeConflict},
	} {
		p := &history.Peer{Chained: tt.chained}
		if tt.at != nil {
			p.Record, p.Sequence = tt.at.Bytes(), tt.at.Sequence
		}
		notices := succeed(p, tt.rec)
		if got, want := refOf(p.Record), refOf(tt.want.Bytes()); got != want || p.Sequence != want.Sequence || p.Chained != tt.from {
			t.Errorf("%s: record %d (%x), chained from %d; want %d (%x), %d", tt.name, p.Sequence, got.Hash, p.Chained, want.Sequence, want.Hash, tt.from)
		}
		if (tt.notice == "") != (len(notices) == 0) {
			t.Errorf("%s: notices %+v", tt.name, notices)
			continue
		}
		if tt.notice != "" && (notices[0].Kind != tt.notice || notices[0].Sequence != tt.rec.Sequence ||
			string(notices[0].Served) != string(tt.rec.Bytes()) || string(notices[0].Other) != string(tt.at.Bytes())) {
			t.Errorf("%s: notice %+v", tt.name, notices[0])
		}
	}
}

// A proxy shows the record before a device was revoked, for ever. The message
// tells of the later one, and another server has it: no text is sealed for the
// revoked device, and nobody has to do anything.
func TestProxyShowsOldRecord(t *testing.T) {
	liar := newFakeProxy(t)
	c := liar.newCore(t)
	honest := c.newSecond(t, liar.id.Account())
	now := time.Now()
	primary, err := pgp.GenerateSigning(c.cfg.rand(), now)
	must(t, err)
	kept, err := pgp.GenerateDevice(c.cfg.rand(), "kept", now)
	must(t, err)
	lost, err := pgp.GenerateDevice(c.cfg.rand(), "lost", now)
	must(t, err)
	cert, err := bind(t.Context(), primary, time.Time{}, kept, now)
	must(t, err)
	req, err := lost.Request(t.Context(), primary.Public(), now)
	must(t, err)
	cert, err = pgp.AddDevice(t.Context(), primary, cert, req, now)
	must(t, err)
	id, err := pgp.NewIdentity(cert, kept)
	must(t, err)
	peer := id.Account()
	liar.put(entryOf(t, id, liar.id.Account(), 4), peer)
	if r, err := clientrpc.Lookup.Call(t.Context(), c, clientrpc.LookupParams{Fingerprint: peer}); err != nil || len(r.Devices) != 2 {
		t.Fatalf("%+v, %v", r, err)
	}

	without, err := pgp.RevokeDevice(t.Context(), primary, cert, lost.Signing.Public().Fingerprint(), pgp.ReasonCompromised, now)
	must(t, err)
	id, err = pgp.NewIdentity(without, kept)
	must(t, err)
	newer := entryOf(t, id, liar.id.Account(), 6) // 5 is nobody's business
	honest.put(newer, peer)
	rec, err := wire.DecodeRecord(newer.Record)
	must(t, err)
	roster, err := chat.NewRoster(without, id.Device(), c.certificate(), now)
	must(t, err)
	sender, err := chat.NewSender(id, c.cfg.rand(), "peer", chat.SenderState{Chat: roster.Chat})
	must(t, err)
	sender.Tell(chat.View{Own: chat.RefOf(rec.Sequence, rec.Hash())})
	s := &stranger{sender, roster, id, peer}
	liar.push(t, s.seal(t, c, "my phone is gone")...)
	if r, err := clientrpc.Receive.Call(t.Context(), c, clientrpc.ReceiveParams{Count: 1, Timeout: 10 * time.Second}); err != nil || len(r.Messages) != 1 || !r.Messages[0].Verified {
		t.Fatalf("%+v, %v", r, err)
	}
	r, err := clientrpc.Send.Call(t.Context(), c, clientrpc.SendParams{ID: omega.ID{7}, To: peer.String(), Text: "poor you", Wait: "stored", Timeout: 20 * time.Second})
	if err != nil || r.State != clientrpc.StateStored {
		t.Fatalf("%+v, %v", r, err)
	}
	var state chat.SenderState
	must(t, c.db.View(t.Context(), func(tx *history.Tx) (err error) {
		state, err = tx.Sender(roster.Chat)
		return err
	}))
	for _, m := range state.Key.Members {
		if m.Account == peer && (len(m.Devices) != 1 || m.Devices[0] != id.Device()) {
			t.Errorf("sealed for the devices %v", m.Devices)
		}
	}
	// What the liar showed was never enough for a warning: the truth was found.
	if n, err := clientrpc.Notices.Call(t.Context(), c, clientrpc.NoticesParams{}); err != nil || len(n.Notices) != 0 {
		t.Errorf("notices %+v, %v", n, err)
	}
}

// A server that shows an older record than this device has seen is told of, but not
// before that one had time to travel, nor while what is known does not hold any more.
func TestRolledBack(t *testing.T) {
	who, clock := newIdentity(t, "first"), time.Now()
	rec := func(seq uint64, issued time.Time) *wire.Record {
		r := &wire.Record{
			Sequence: seq, User: who.Account(), Homes: []omega.Fingerprint{who.Account()}, Issued: issued, Expires: issued.Add(time.Hour),
		}
		if err := signRecord(t.Context(), who, r, issued); err != nil {
			t.Fatal(err)
		}
		return r
	}
	old, late := rec(1, clock), rec(2, clock)
	forged := rec(1, clock)
	forged.Sig.Bytes[0] ^= 1
	for _, tt := range []struct {
		name  string
		known *wire.Record
		shown *wire.Record
		after time.Duration
		want  bool
	}{
		{"an older one, late", late, old, travelled + time.Second, true},
		{"an older one, at once", late, old, time.Second, false},
		{"the same", late, late, travelled + time.Second, false},
		{"a later one", old, late, travelled + time.Second, false},
		{"one that nobody signed", late, forged, travelled + time.Second, false},
	} {
		n := rolledBack(who.Certificate, tt.known.Bytes(), who.Certificate, tt.shown, clock.Add(tt.after))
		if (n != nil) != tt.want {
			t.Errorf("%s: %+v", tt.name, n)
		}
		if n != nil && (n.Kind != history.NoticeRollback || n.Sequence != tt.known.Sequence || string(n.Other) != string(tt.known.Bytes()) || string(n.Served) != string(tt.shown.Bytes())) {
			t.Errorf("%s: %+v", tt.name, n)
		}
	}
}
