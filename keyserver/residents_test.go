package keyserver_test

import (
	"testing"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/keyserver"
	"github.com/omega-im/omega/wire"
)

// TestResidents counts whom a server is the first home of, as their newest records say: each
// account once.
func TestResidents(t *testing.T) {
	s := newServer(t, keyserver.Config{})
	var moved *account
	var first *wire.Record
	for _, homes := range [][]omega.Fingerprint{{fpOf(1)}, {fpOf(2)}, {fpOf(2), fpOf(1)}, {fpOf(3)}} {
		a := newAccount(t, 1)
		rec := a.record(a.devices[0], 1, nil, func(r *wire.Record) { r.Homes = homes })
		mustAccept(t, s, keyserver.FromServer, a.entry(rec))
		moved, first = a, rec
	}
	mustAccept(t, s, keyserver.FromServer, wire.Entry{Certificate: newAccount(t, 1).cert.Bytes()}) // a server
	rec := moved.record(moved.devices[0], 2, first, func(r *wire.Record) { r.Homes = []omega.Fingerprint{fpOf(1)} })
	mustAccept(t, s, keyserver.FromServer, moved.entry(rec))
	for fp, want := range map[omega.Fingerprint]int{fpOf(1): 2, fpOf(2): 2, fpOf(3): 0} {
		if got, err := s.Residents(t.Context(), fp); err != nil || got != want {
			t.Errorf("%v is the first home of %d, want %d (%v)", fp, got, want, err)
		}
	}
}
