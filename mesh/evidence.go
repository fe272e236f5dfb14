package mesh

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/omega-im/omega"
)

// Times of evidence. (spec/cloud.md, CLOUD-19)
const (
	// ShunFor is how long the links of a server that told different things to
	// different others do not count, from the moment that it signed the later
	// one. So everybody shuns it for the same time.
	ShunFor = 24 * time.Hour

	// KeepEvidence is how long proofs are kept for people.
	KeepEvidence = 30 * 24 * time.Hour

	// evidenceGap is how much later a proof must be than the one at hand to
	// be news. It bounds what an equivocator can have flooded.
	evidenceGap = time.Hour
)

// ErrEvidence is returned for octets that prove nothing.
var ErrEvidence = errors.New("no evidence")

// Evidence is two announcements that one server signed under one sequence.
// Anyone who has the server's certificate can verify it.
//
// It travels and is kept as its two announcements, each with its length in 2
// octets before it. (spec/cloud.md, CLOUD-19)
type Evidence struct {
	Server        omega.Fingerprint
	Sequence      uint64
	First, Second []byte // announcements; First is the one whose signed part is lower in octets

	issued time.Time // what Issued says, if it is known: of those that are kept
}

func newEvidence(a, b *Record) Evidence {
	if bytes.Compare(a.signed(), b.signed()) > 0 {
		a, b = b, a
	}
	return Evidence{Server: a.Server, Sequence: a.Sequence, First: a.Bytes, Second: b.Bytes}
}

// AppendTo appends the encoding of ev to b.
func (ev *Evidence) AppendTo(b []byte) []byte {
	for _, a := range [][]byte{ev.First, ev.Second} {
		b = binary.BigEndian.AppendUint16(b, uint16(len(a)))
		b = append(b, a...)
	}
	return b
}

// DecodeEvidence reads what AppendTo wrote: two well-formed announcements of
// one server and sequence that differ in what is signed, in order. It does not
// verify the signatures; see Evidence.Verify.
func DecodeEvidence(b []byte) (*Evidence, error) {
	r := reader{b: b}
	first := r.take(int(r.u16()))
	second := r.take(int(r.u16()))
	if r.short || len(r.b) > 0 {
		return nil, fmt.Errorf("%w: %d octets", ErrEvidence, len(b))
	}
	x, err := Decode(first)
	if err != nil {
		return nil, fmt.Errorf("%w: first announcement: %w", ErrEvidence, err)
	}
	y, err := Decode(second)
	if err != nil {
		return nil, fmt.Errorf("%w: second announcement: %w", ErrEvidence, err)
	}
	one, two := newRecord(x, first), newRecord(y, second)
	switch {
	case x.Server != y.Server || x.Sequence != y.Sequence:
		return nil, fmt.Errorf("%w: announcements %d of %v and %d of %v", ErrEvidence, x.Sequence, x.Server, y.Sequence, y.Server)
	case bytes.Compare(one.signed(), two.signed()) >= 0:
		return nil, fmt.Errorf("%w: the announcements say the same, or are not in order", ErrEvidence)
	}
	ev := newEvidence(one, two)
	return &ev, nil
}

// Issued is when the later of the two announcements says that it was made, the
// zero time if they cannot be read.
func (ev *Evidence) Issued() time.Time {
	if !ev.issued.IsZero() {
		return ev.issued
	}
	var at time.Time
	for _, b := range [][]byte{ev.First, ev.Second} {
		if a, err := Decode(b); err == nil {
			at = maxTime(at, a.Issued)
		}
	}
	return at
}

// Verify checks both signatures. Nil means that the server told two things
// under one sequence.
func (ev *Evidence) Verify(verify VerifyFunc) error {
	for _, b := range [][]byte{ev.First, ev.Second} {
		if _, err := Open(b, verify); err != nil {
			return fmt.Errorf("evidence against %v: %w", ev.Server, err)
		}
	}
	return nil
}

// ApplyEvidence takes encoded evidence from a neighbour or from disk. It reports
// whether it is news, to be flooded to the other neighbours. Like Apply it may
// ask for a certificate first (ErrUnknownServer). It keeps no reference to b.
func (db *DB) ApplyEvidence(now time.Time, b []byte) (news bool, err error) {
	ev, err := DecodeEvidence(b)
	if err != nil {
		return false, err
	}
	if !db.provesMore(now, ev) {
		return false, nil
	}
	if err := ev.Verify(db.cfg.Verify); err != nil {
		if !errors.Is(err, ErrUnknownServer) {
			err = fmt.Errorf("%w: %w", ErrSignature, err)
		}
		return false, err
	}
	db.keepProof(now, *ev)
	return true, nil
}

// provesMore reports whether ev is young enough, and enough younger than the
// proof at hand.
func (db *DB) provesMore(now time.Time, ev *Evidence) bool {
	at := ev.Issued()
	if at.After(now.Add(omega.ClockTolerance)) || now.Sub(at) >= KeepEvidence {
		return false
	}
	old, ok := db.evidence[ev.Server]
	if !ok {
		_, room := db.evidenceRoom(ev.Server)
		return room
	}
	return at.Sub(old.Issued()) >= evidenceGap
}

// keepProof keeps ev if it proves more than what is kept, and shuns its server.
func (db *DB) keepProof(now time.Time, ev Evidence) {
	if db.provesMore(now, &ev) {
		if victim, _ := db.evidenceRoom(ev.Server); !victim.IsZero() {
			delete(db.evidence, victim)
			delete(db.shunned, victim)
		}
		ev.issued = ev.Issued() // which is asked of all that are kept when another one comes
		db.evidence[ev.Server] = ev
	}
	db.shun(now)
}

// shun brings up to date whose links do not count. This server never shuns
// itself: it knows its own links.
func (db *DB) shun(now time.Time) {
	for fp, ev := range db.evidence {
		want := now.Sub(ev.Issued()) < ShunFor && fp != db.cfg.Self
		if want == db.shunned[fp] {
			continue
		}
		if want {
			db.shunned[fp] = true
		} else {
			delete(db.shunned, fp)
		}
		db.version++
	}
}

// forgetEvidence drops proofs that nobody needs any more.
func (db *DB) forgetEvidence(now time.Time) {
	db.shun(now)
	for fp, ev := range db.evidence {
		if now.Sub(ev.Issued()) >= KeepEvidence {
			delete(db.evidence, fp)
		}
	}
}

// Shunned reports whether a server's links do not count now because it told
// different things to different others.
func (db *DB) Shunned(fp omega.Fingerprint) bool { return db.shunned[fp] }

// Evidence returns the proofs of equivocation, ascending by fingerprint. One
// per server is kept.
func (db *DB) Evidence() []Evidence {
	out := make([]Evidence, 0, len(db.evidence))
	for _, ev := range db.evidence {
		out = append(out, ev)
	}
	slices.SortFunc(out, func(x, y Evidence) int { return x.Server.Compare(y.Server) })
	return out
}
