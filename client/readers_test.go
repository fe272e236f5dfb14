package client

import (
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
	"github.com/omega-im/omega/history"
	"github.com/omega-im/omega/pgp"
)

// TestLostReader: a device of a subscriber that was revoked after a key was made ends the
// key when that is an hour old; one that was added or revoked elsewhen does not.
// (spec/group.md, GROUP-47)
func TestLostReader(t *testing.T) {
	p := newPost(t)
	ann, one := p.newSomebody(t, "ann"), p.newSomebody(t, "reader")
	id, link := newChannel(t, ann, "公告")
	other := one.second(t)
	one.subscribesTo(t, id, link)
	start := time.Now()
	cert, err := pgp.RevokeDevice(t.Context(), one.soft, one.certificate(), other.acc.Device, pgp.ReasonRetired, start.Add(10*time.Second))
	must(t, err)
	one.publishAs(t, cert)
	_, _, err = ann.peer(t.Context(), one.acc.Fingerprint, 0)
	must(t, err)
	must(t, ann.db.View(t.Context(), func(tx *history.Tx) error {
		s, err := ann.groupState(tx, id)
		must(t, err)
		suspects, err := tx.PeersLost(start.Add(-time.Hour))
		must(t, err)
		for _, row := range []struct {
			name      string
			made, now time.Duration // after the start
			want      bool
		}{
			{"before the device was", -time.Minute, 2 * time.Hour, false},
			{"while it was", 5 * time.Second, 2 * time.Hour, true},
			{"while it was, and the key is young", 5 * time.Second, time.Minute, false},
			{"after it was", 20 * time.Second, 2 * time.Hour, false},
		} {
			k := &chat.GroupKey{Group: id, Time: start.Add(row.made)}
			if lost, err := ann.lostReader(tx, s, k, suspects, start.Add(row.now)); err != nil || lost != row.want {
				t.Errorf("%s: %v, %v", row.name, lost, err)
			}
		}
		return nil
	}))
}

// TestSomeUnknown: those who are known are all there, and of the others each has its turn.
// (spec/group.md, GROUP-45)
func TestSomeUnknown(t *testing.T) {
	const made = 3*unknownOnce + 7
	ages := map[omega.Fingerprint]history.PeerAge{}
	var readers []omega.Fingerprint
	for n := range 10 + made {
		f, err := omega.FingerprintV4(append(make([]byte, 18), byte(n>>8), byte(n)))
		must(t, err)
		if readers = append(readers, f); n < 10 {
			ages[f] = history.PeerAge{}
		}
	}
	seen := map[omega.Fingerprint]bool{}
	now := time.Now()
	for turn := range 4 {
		list := someUnknown(readers, ages, now.Add(time.Duration(turn)*verdictAge))
		if len(list) != 10+unknownOnce {
			t.Errorf("%d are looked up", len(list)-10)
		}
		for _, fp := range list {
			seen[fp] = true
		}
	}
	if len(seen) < len(readers)-unknownOnce { // where the turns begin anew some are left for the next one
		t.Errorf("only %d of %d had their turn", len(seen), len(readers))
	}
	for _, odd := range []time.Time{time.Unix(-1e9, 0), time.Unix(1<<62, 0)} { // clocks that are wrong
		if list := someUnknown(readers, ages, odd); len(list) != 10+unknownOnce {
			t.Errorf("at %d %d are looked up", odd.Unix(), len(list)-10)
		}
	}
	if got := someUnknown(readers[:20], ages, now); len(got) != 20 {
		t.Errorf("%d of few", len(got))
	}
}
