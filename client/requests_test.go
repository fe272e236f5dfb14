package client

import (
	"fmt"
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
	"github.com/omega-im/omega/history"
	"github.com/omega-im/omega/mesh"
)

// TestPlacesOfStrangers: keys that somebody makes at one server take half of the places for
// strangers, at two servers two thirds, and so on: whoever comes from another server finds
// one; all servers that nobody knows count as one; and after a time places are free again, also without a word of this account's
// person. (spec/chat.md, CHAT-74)
func TestPlacesOfStrangers(t *testing.T) {
	p := newFakeProxy(t)
	clock := &drift{}
	c := p.newCore(t, func(c *Config) { c.Clock = clock.now })
	number := 0
	fingerprint := func() omega.Fingerprint {
		number++
		fp, err := omega.ParseFingerprint(fmt.Sprintf("%040X", number))
		must(t, err)
		return fp
	}
	var last omega.Fingerprint
	comes := func(home omega.Fingerprint) (placed bool) {
		t.Helper()
		last = fingerprint()
		must(t, c.db.Update(t.Context(), func(tx *history.Tx) (err error) {
			must(t, tx.PutPeer(&history.Peer{Fingerprint: last, Certificate: []byte{1}, Record: entryOf(t, c.identity(), home, 1).Record}))
			placed, err = (&taken{c: c}).place(tx, last, false)
			return err
		}))
		return placed
	}
	fill := func(home omega.Fingerprint) (n int) {
		t.Helper()
		for n < maxRequests && comes(home) {
			n++
		}
		return n
	}
	one, two, three := fingerprint(), fingerprint(), fingerprint()
	for _, fp := range []omega.Fingerprint{one, two, three} {
		c.mu.Lock()
		c.servers[fp] = &knownServer{Server: history.Server{Fingerprint: fp}, announced: &mesh.Announcement{Server: fp}}
		c.mu.Unlock()
	}
	if n := fill(one); n != maxRequests/2 {
		t.Errorf("%d keys of one server have places, want %d", n, maxRequests/2)
	}
	if n := fill(two); n != maxRequests/4 {
		t.Errorf("%d of the next one, want %d", n, maxRequests/4)
	}
	if comes(one) {
		t.Error("one more of the first one has a place")
	}
	if !comes(three) {
		t.Fatal("somebody from another server has none")
	}
	friend := last
	again := func() (placed bool) {
		must(t, c.db.Update(t.Context(), func(tx *history.Tx) (err error) {
			placed, err = (&taken{c: c}).place(tx, friend, false)
			return err
		}))
		return placed
	}
	if !again() {
		t.Error("who has a place has none the next time")
	}
	if n := fill(three); n != maxRequests/8-1 {
		t.Errorf("%d more of the third, want %d", n, maxRequests/8-1)
	}
	must(t, c.db.Update(t.Context(), func(tx *history.Tx) error { // who is accepted makes room
		return c.changeIn(t.Context(), tx, []chat.Setting{contactSetting(friend, chat.SettingContact, chat.Contact)})
	}))
	if !comes(three) || comes(three) {
		t.Error("one that was accepted made room for another number than one")
	}
	clock.move(maxRequestAge + time.Minute)
	if n := fill(one); n != maxRequests/2 {
		t.Errorf("after the time %d of the first server have places, want %d", n, maxRequests/2)
	}
	clock.move(maxRequestAge + time.Minute)
	n := 0
	for n < maxRequests && comes(fingerprint()) {
		n++
	}
	if n != maxRequests/2 || !comes(one) {
		t.Errorf("%d of servers that were made up have places, want %d", n, maxRequests/2)
	}
}
