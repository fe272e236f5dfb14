package proxy

import (
	"bytes"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/pgp"
	"github.com/omega-im/omega/prekeys"
	"github.com/omega-im/omega/wire"
)

// withPrekeys gives every server a store of prekeys in memory.
func withPrekeys(c *testCloud) {
	c.edit = func(cfg *Config) {
		s, err := prekeys.Open(vfs.NewMem(), "/prekeys")
		if err != nil {
			c.t.Fatal(err)
		}
		cfg.Prekeys = s
	}
}

// stock is a signed stock of n prekeys for one wrap, made of the octet first and
// those after it; first itself is the one for a week.
func (c *testClient) stock(home *testServer, first byte, n int, edit func(*wire.PrekeyStock)) []byte {
	c.t.Helper()
	now := time.Now()
	prekey := func(i int) []byte { return bytes.Repeat([]byte{first + byte(i)}, wire.PrekeySize) }
	w := &wire.PrekeyStock{Home: home.fp(), User: c.person.fp(), Device: c.person.device(c.n), Made: now, Week: prekey(0)}
	for i := range n {
		w.Once = append(w.Once, prekey(1+i))
	}
	if edit != nil {
		edit(w)
	}
	sig, err := pgp.SignCompact(c.t.Context(), c.person.devices[c.n].Signing, w.Signed(), now)
	if err != nil {
		c.t.Fatal(err)
	}
	w.Sig = wire.Signature{Time: now.Unix(), Bytes: sig}
	return w.Bytes()
}

// counted asks and wants this number of prekeys left.
func (c *testClient) counted(what string, t wire.Type, body []byte, want uint8) {
	c.t.Helper()
	f := c.request(t, body)
	n, err := wire.DecodePrekeyCount(f.Body)
	if f.Type != wire.TypePrekeyCount || err != nil || n.Left != want {
		c.t.Fatalf("%s: answer of type %d: %+v, %v (%v), want %d", what, f.Type, n, err, wire.DecodeStatus(f.Body), want)
	}
}

func (c *testClient) refused(what string, t wire.Type, body []byte, want omega.Code) {
	c.t.Helper()
	f := c.request(t, body)
	if err := wire.DecodeStatus(f.Body); f.Type != wire.TypeError || codeOf(err) != want {
		c.t.Errorf("%s: answer of type %d, %v; want %s", what, f.Type, err, want)
	}
}

func (c *testClient) question(home *testServer, whose *testPerson, id byte) []byte {
	return wire.AppendPrekeyTake(nil, &wire.PrekeyTake{Home: home.fp(), User: whose.fp(), Asker: c.person.fp(), ID: wire.PrekeyID{id}})
}

// takes asks for prekeys; what comes is the first octet of each device's.
func (c *testClient) takes(home *testServer, whose *testPerson, id byte) map[omega.Fingerprint]byte {
	c.t.Helper()
	f := c.request(wire.TypePrekeyTake, c.question(home, whose, id))
	list, err := wire.DecodePrekeys(f.Body)
	if f.Type != wire.TypePrekeys || err != nil {
		c.t.Fatalf("take: answer of type %d: %v", f.Type, err)
	}
	out := map[omega.Fingerprint]byte{}
	for _, d := range list {
		out[d.Device] = d.Prekey[0]
	}
	return out
}

// A stock goes to a home elsewhere and is given out there, one prekey per device and
// question, through a third server and straight.
func TestPrekeysTravel(t *testing.T) {
	inCloud(t, 3, func(t *testing.T, c *testCloud) {
		home := c.servers[1]
		owner := c.register(2, home)
		phone, laptop := newClient(owner, 0).connect(c.servers[0]), newClient(owner, 1).connect(home)
		phone.counted("put", wire.TypePrekeyPut, phone.stock(home, 10, 9, nil), 9)
		laptop.counted("put", wire.TypePrekeyPut, laptop.stock(home, 100, 9, nil), 9)
		asker := newClient(c.register(1, c.servers[2]), 0).connect(c.servers[2])
		first := asker.takes(home, owner, 1)
		if k, l := first[owner.device(0)], first[owner.device(1)]; k <= 10 || k > 19 || l <= 100 || l > 109 {
			t.Errorf("taken: %v", first)
		}
		if again := asker.takes(home, owner, 1); again[owner.device(0)] != first[owner.device(0)] {
			t.Error("the same question, and another prekey")
		}
		if other := asker.takes(home, owner, 2); other[owner.device(0)] == first[owner.device(0)] {
			t.Error("another question, and the same prekey")
		}
		look := wire.AppendPrekeyLook(nil, wire.PrekeyLook{Home: home.fp(), User: owner.fp(), Device: owner.device(0)})
		phone.counted("look", wire.TypePrekeyLook, look, 7)
		if straight := newClient(c.register(1, home), 0).connect(home).takes(home, owner, 1); len(straight) != 2 || straight[owner.device(0)] == first[owner.device(0)] {
			t.Errorf("straight: %v", straight)
		}
	}, withPrekeys)
}

// What is refused is refused with a code of its own, and changes nothing.
func TestPrekeyRefusals(t *testing.T) {
	inCloud(t, 3, func(t *testing.T, c *testCloud) {
		home, other := c.servers[1], c.servers[2]
		a := newClient(c.register(1, home), 0).connect(c.servers[0])
		thief := newClient(c.register(1, other), 0).connect(other)
		put := func(edit func(*wire.PrekeyStock)) []byte { return a.stock(home, 1, 3, edit) }
		a.refused("another home", wire.TypePrekeyPut, a.stock(other, 1, 3, nil), omega.CodeNotFound)
		a.refused("too old", wire.TypePrekeyPut, put(func(w *wire.PrekeyStock) { w.Made = w.Made.Add(-48 * time.Hour) }), omega.CodeExpired)
		a.refused("of tomorrow", wire.TypePrekeyPut, put(func(w *wire.PrekeyStock) { w.Made = w.Made.Add(24 * time.Hour) }), omega.CodeBadRequest)
		changed := put(nil)
		changed[len(changed)-64-9-1]++
		a.refused("changed", wire.TypePrekeyPut, changed, omega.CodeRefused)
		a.refused("cut short", wire.TypePrekeyPut, changed[:999], omega.CodeBadRequest)
		thief.refused("in another's name", wire.TypePrekeyPut, put(nil), omega.CodeBadRequest)
		thief.refused("taken in another's name", wire.TypePrekeyTake, a.question(home, a.person, 1), omega.CodeBadRequest)
		look := wire.AppendPrekeyLook(nil, wire.PrekeyLook{Home: home.fp(), User: a.person.fp(), Device: a.person.device(0)})
		thief.refused("counted by another", wire.TypePrekeyLook, look, omega.CodeBadRequest)
		if got := thief.takes(home, a.person, 1); len(got) != 0 {
			t.Errorf("after refusals there are prekeys: %v", got)
		}
		a.counted("put", wire.TypePrekeyPut, put(nil), 3)
		a.refused("again at once", wire.TypePrekeyPut, put(func(w *wire.PrekeyStock) { w.Made = w.Made.Add(time.Second) }), omega.CodeRateLimited)
	}, withPrekeys)
}

// Prekeys of a revoked device are given to nobody, and go.
func TestPrekeysOfRevoked(t *testing.T) {
	var stores []*prekeys.Store
	inCloud(t, 2, func(t *testing.T, c *testCloud) {
		home := c.servers[0]
		owner := c.register(2, home)
		for n := range 2 {
			d := newClient(owner, n).connect(home)
			d.counted("put", wire.TypePrekeyPut, d.stock(home, 10, 3, nil), 3)
		}
		owner.revoke(1)
		c.publish(owner.entry(home))
		asker := newClient(c.register(1, c.servers[1]), 0).connect(c.servers[1])
		if got := asker.takes(home, owner, 1); len(got) != 1 || got[owner.device(0)] == 0 {
			t.Errorf("taken: %v", got)
		}
		synctest.Wait()
		if n, err := stores[0].Count(owner.fp(), owner.device(1)); err != nil || n.Left != 0 {
			t.Errorf("the revoked device's: %+v, %v", n, err)
		}
		if n, err := stores[0].Count(owner.fp(), owner.device(0)); err != nil || n.Left != 2 {
			t.Errorf("the other device's: %+v, %v", n, err)
		}
	}, withPrekeys, func(c *testCloud) {
		edit := c.edit
		c.edit = func(cfg *Config) { edit(cfg); stores = append(stores, cfg.Prekeys) }
	})
}

// A home that moves away gives nothing any more.
func TestPrekeysOfMoved(t *testing.T) {
	inCloud(t, 3, func(t *testing.T, c *testCloud) {
		old, home := c.servers[0], c.servers[1]
		owner := c.register(1, old)
		d := newClient(owner, 0).connect(c.servers[2])
		d.counted("put", wire.TypePrekeyPut, d.stock(old, 10, 3, nil), 3)
		c.publish(owner.entry(home))
		asker := newClient(c.register(1, home), 0).connect(home)
		synctest.Wait()
		if got := asker.takes(old, owner, 1); len(got) != 0 {
			t.Errorf("the old home gives %v", got)
		}
	}, withPrekeys)
}
