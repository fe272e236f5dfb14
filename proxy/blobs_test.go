package proxy

import (
	"bytes"
	"context"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/media"
	"github.com/omega-im/omega/media/disk"
	"github.com/omega-im/omega/media/mediatest"
	"github.com/omega-im/omega/pgp"
	"github.com/omega-im/omega/wire"
)

// withBlobs gives every server a store of blobs in memory, in order of their
// start.
func withBlobs(stores *[]media.Store) func(*testCloud) {
	return func(c *testCloud) {
		c.edit = func(cfg *Config) {
			s, err := disk.Open(disk.Config{Dir: "media", FS: vfs.NewMem(), Quota: 1 << 20})
			if err != nil {
				c.t.Fatal(err)
			}
			*stores = append(*stores, s)
			c.finally = append(c.finally, func() { s.Close() })
			cfg.Media = s
		}
	}
}

// claim is a signed claim; edit may change it after.
func (c *testClient) claim(home *testServer, octets []byte, edit func(*wire.BlobClaim)) []byte {
	c.t.Helper()
	return c.claimed(home, octets, nil, edit)
}

// signedClaim is claim, where edit changes it before it is signed.
func (c *testClient) signedClaim(home *testServer, octets []byte, edit func(*wire.BlobClaim)) []byte {
	c.t.Helper()
	return c.claimed(home, octets, edit, nil)
}

func (c *testClient) claimed(home *testServer, octets []byte, before, after func(*wire.BlobClaim)) []byte {
	c.t.Helper()
	now := time.Now()
	b := &wire.BlobClaim{
		User: c.person.fp(), Device: c.person.device(c.n), Home: home.fp(), Name: mediatest.NameOf(octets), Size: uint64(len(octets)),
		Issued: now, Until: now.Add(media.DefaultClaim),
	}
	if before != nil {
		before(b)
	}
	sig, err := pgp.SignCompact(c.t.Context(), c.person.devices[c.n].Signing, b.Signed(), now)
	if err != nil {
		c.t.Fatal(err)
	}
	b.Sig = wire.Signature{Time: now.Unix(), Bytes: sig}
	if after != nil {
		after(b)
	}
	return b.Bytes()
}

// state asks and wants a BlobState with this code.
func (c *testClient) state(what string, t wire.Type, body []byte, want omega.Code) wire.BlobState {
	c.t.Helper()
	f := c.request(t, body)
	s, err := wire.DecodeBlobState(f.Body)
	if f.Type != wire.TypeBlobState || err != nil || s.Code != want {
		c.t.Fatalf("%s: answer of type %d: %v, %v, want %s", what, f.Type, s.Code, err, want)
	}
	return s
}

// put uploads a blob to a home.
func (c *testClient) put(home *testServer, octets []byte) {
	c.t.Helper()
	s := c.state("claim", wire.TypeBlobClaim, c.claim(home, octets, nil), omega.CodeOK)
	for s.Flags&wire.BlobStored == 0 {
		n := min(wire.MaxBlobPart, len(octets)-int(s.Offset))
		s = c.state("append", wire.TypeBlobAppend, wire.AppendBlobAppend(nil, &wire.BlobAppend{
			Home: home.fp(), User: c.person.fp(), Name: mediatest.NameOf(octets), Offset: s.Offset, Octets: octets[s.Offset:][:n],
		}), omega.CodeOK)
	}
}

func (c *testClient) part(what string, g wire.BlobGet, want omega.Code) wire.BlobPart {
	c.t.Helper()
	f := c.request(wire.TypeBlobGet, wire.AppendBlobGet(nil, &g))
	p, err := wire.DecodeBlobPart(f.Body)
	if f.Type != wire.TypeBlobPart || err != nil || p.Code != want {
		c.t.Fatalf("%s: answer of type %d: %s, %v, want %s", what, f.Type, p.Code, err, want)
	}
	return p
}

// get fetches a blob from a server.
func (c *testClient) get(server *testServer, name media.Hash) (out []byte) {
	c.t.Helper()
	for {
		p := c.part("get", wire.BlobGet{Server: server.fp(), Name: name, Offset: uint64(len(out)), Length: wire.MaxBlobPart}, omega.CodeOK)
		if out = append(out, p.Octets...); uint64(len(out)) == p.Size {
			return out
		}
	}
}

// A blob goes from a client through its proxy to its home, and from there through
// another proxy to another client; straight where the proxy is the home.
func TestBlobTravels(t *testing.T) {
	var stores []media.Store
	inCloud(t, 3, func(t *testing.T, c *testCloud) {
		a := newClient(c.register(1, c.servers[1]), 0).connect(c.servers[0])
		b := newClient(c.register(1, c.servers[2]), 0).connect(c.servers[2])
		for i, size := range []int{1, 200_000} {
			o := mediatest.Octets(uint64(i), size)
			a.put(c.servers[1], o)
			if got := b.get(c.servers[1], mediatest.NameOf(o)); !bytes.Equal(got, o) {
				t.Errorf("%d octets come back, and they differ", len(got))
			}
			p := b.part("leaves", wire.BlobGet{Server: c.servers[1].fp(), What: wire.BlobLeaves, Name: mediatest.NameOf(o), Length: 32}, omega.CodeOK)
			if p.Size != uint64(size) || media.Hash(p.Octets) != media.LeafOf(o) {
				t.Errorf("leaves of %d octets: %x", p.Size, p.Octets)
			}
		}
		// How much an account uses its home says to nobody else.
		nothing := func(b *wire.BlobClaim) { b.Name, b.Size, b.Until = [32]byte{}, 0, b.Issued }
		for name, q := range map[string]struct {
			body []byte
			code omega.Code
			used uint64
		}{
			"own": {a.signedClaim(c.servers[1], nil, nothing), omega.CodeOK, 200_001}, "something": {a.signedClaim(c.servers[1], mediatest.Octets(1, 9), nil), omega.CodeBadRequest, 0},
			"not signed": {a.claim(c.servers[1], nil, nothing), omega.CodeRefused, 0}, "no home": {a.signedClaim(c.servers[0], nil, nothing), omega.CodeNotFound, 0},
		} {
			f := a.request(wire.TypeBlobUsage, q.body)
			u, err := wire.DecodeBlobUsed(f.Body)
			if f.Type != wire.TypeBlobUsed || err != nil || u.Code != q.code || u.Used != q.used || (u.Most > 0) != (q.code == omega.CodeOK) {
				t.Errorf("%s: answer of type %d: %+v, %v", name, f.Type, u, err)
			}
		}
		here := mediatest.Octets(9, 70_000)
		b.put(c.servers[2], here)
		if got := b.get(c.servers[2], mediatest.NameOf(here)); !bytes.Equal(got, here) {
			t.Error("without another server: other octets")
		}
		if n := stores[0].Stats().Blobs; n != 0 {
			t.Errorf("the proxy keeps %d blobs", n)
		}
		if a.conn == nil || c.servers[0].proxy.Metrics().Relayed == 0 {
			t.Error("nothing was relayed")
		}
	}, withBlobs(&stores))
}

// What is refused is refused with a code of its own, and changes nothing.
func TestBlobRefusals(t *testing.T) {
	var stores []media.Store
	inCloud(t, 3, func(t *testing.T, c *testCloud) {
		home, other := c.servers[1], c.servers[2]
		a := newClient(c.register(2, home), 0).connect(c.servers[0])
		thief := newClient(c.register(1, other), 0).connect(other)
		o := mediatest.Octets(1, 100_000)
		name := mediatest.NameOf(o)

		a.state("another home", wire.TypeBlobClaim, a.claim(other, o, nil), omega.CodeNotFound)
		a.state("changed", wire.TypeBlobClaim, a.claim(home, o, func(b *wire.BlobClaim) { b.Size++ }), omega.CodeRefused)
		a.state("over the quota", wire.TypeBlobClaim, a.claim(home, mediatest.Octets(2, 1<<20+1), nil), omega.CodeMailboxFull)
		if f := a.request(wire.TypeBlobClaim, a.claim(home, o, func(b *wire.BlobClaim) { b.User = thief.person.fp() })); f.Type != wire.TypeError {
			t.Errorf("for somebody else: answer of type %d", f.Type)
		}
		if f := thief.request(wire.TypeBlobAppend, wire.AppendBlobAppend(nil, &wire.BlobAppend{
			Home: home.fp(), User: a.person.fp(), Name: name, Octets: o[:10],
		})); f.Type != wire.TypeError {
			t.Errorf("octets for somebody else: answer of type %d", f.Type)
		}
		part := func(at int) []byte {
			return wire.AppendBlobAppend(nil, &wire.BlobAppend{Home: home.fp(), User: a.person.fp(), Name: name, Offset: uint64(at), Octets: o[at:][:10]})
		}
		a.state("octets before a claim", wire.TypeBlobAppend, part(0), omega.CodeNotFound)
		a.state("claim", wire.TypeBlobClaim, a.claim(home, o, nil), omega.CodeOK)
		// Another server cannot bring octets of it.
		frame := wire.AppendFrame(nil, wire.TypeBlobAppend, 77, part(0))
		home.proxy.Receive(c.ctx, other.fp(), wire.ClassBulk, frame)
		if s := a.state("claim again", wire.TypeBlobClaim, a.claim(home, o, nil), omega.CodeOK); s.Offset != 0 {
			t.Errorf("another server brought %d octets", s.Offset)
		}
		if s := a.state("in between", wire.TypeBlobAppend, part(500), omega.CodeOK); s.Offset != 0 {
			t.Errorf("octets from the middle on were taken: %d", s.Offset)
		}
		a.put(home, o)

		get := wire.BlobGet{Server: home.fp(), Name: name, Length: 10}
		missing := get
		missing.Name[0] ^= 1
		thief.part("unknown", missing, omega.CodeNotFound)
		behind := get
		behind.Offset = uint64(len(o))
		thief.part("behind its end", behind, omega.CodeBadRequest)
		strange := get
		strange.What = 9
		thief.part("another question", strange, omega.CodeBadRequest)
		nowhere := get
		nowhere.Server = a.person.fp()
		thief.part("no server", nowhere, omega.CodeUnavailable)

		c.mu.Lock()
		c.drop = func(_, to int, f wire.Frame) bool { return f.Type == wire.TypeBlobPart }
		c.mu.Unlock()
		thief.part("the answer is lost", get, omega.CodeUnavailable)
		if m := other.proxy.Metrics(); m.RelaysLost != 1 {
			t.Errorf("%d relays lost, want 1", m.RelaysLost)
		}
	}, withBlobs(&stores))
}

// A session has so many questions under way and no more, and what it is refused
// is not lost to others.
func TestBlobWindow(t *testing.T) {
	var stores []media.Store
	inCloud(t, 2, func(t *testing.T, c *testCloud) {
		a := newClient(c.register(1, c.servers[1]), 0).connect(c.servers[0])
		o := mediatest.Octets(1, 1000)
		a.put(c.servers[1], o)
		c.mu.Lock()
		c.drop = func(_, _ int, f wire.Frame) bool { return f.Type == wire.TypeBlobGet }
		c.mu.Unlock()
		body := wire.AppendBlobGet(nil, &wire.BlobGet{Server: c.servers[1].fp(), Name: mediatest.NameOf(o), Length: 10})
		for i := range maxSessionBlobs + 5 {
			a.conn.write(wire.TypeBlobGet, uint32(1000+i), body)
		}
		time.Sleep(time.Second)
		count := func(code omega.Code) (n int) {
			a.mu.Lock()
			defer a.mu.Unlock()
			for _, f := range a.frames {
				if p, err := wire.DecodeBlobPart(f.Body); f.Type == wire.TypeBlobPart && err == nil && p.Code == code {
					n++
				}
			}
			return n
		}
		if n := count(omega.CodeRateLimited); n != 5 {
			t.Errorf("%d refused at once, want 5", n)
		}
		time.Sleep(relayTimeout + 2*time.Second)
		if n := count(omega.CodeUnavailable); n != maxSessionBlobs {
			t.Errorf("%d given up, want %d", n, maxSessionBlobs)
		}
		c.mu.Lock()
		c.drop = nil
		c.mu.Unlock()
		if got := a.get(c.servers[1], mediatest.NameOf(o)); !bytes.Equal(got, o) {
			t.Error("afterwards: other octets")
		}
		if n := c.servers[0].proxy.blobs.relays.bytes; n != 0 {
			t.Errorf("%d octets still count", n)
		}
	}, withBlobs(&stores))
}

// A home that answers nothing, and any number of accounts that ask it, leave room for
// who asks another one. (spec/delivery.md, DELIV-42)
func TestRelaysLeaveRoom(t *testing.T) {
	var stores []media.Store
	inCloud(t, 3, func(t *testing.T, c *testCloud) {
		proxy, silent, home := c.servers[0], c.servers[1], c.servers[2]
		a := newClient(c.register(1, home), 0).connect(proxy)
		o := mediatest.Octets(1, 1000)
		a.put(home, o)
		c.mu.Lock()
		c.drop = func(_, to int, _ wire.Frame) bool { return to == silent.n }
		c.mu.Unlock()
		greedy := wire.AppendBlobGet(nil, &wire.BlobGet{Server: silent.fp(), Name: mediatest.NameOf(o), Length: 10})
		for range 8 {
			g := newClient(c.register(1, home), 0).connect(proxy)
			for i := range maxSessionBlobs {
				g.conn.write(wire.TypeBlobGet, uint32(1000+i), greedy)
			}
		}
		time.Sleep(time.Second)
		if got := a.get(home, mediatest.NameOf(o)); !bytes.Equal(got, o) {
			t.Error("other octets")
		}
		time.Sleep(relayTimeout + 2*time.Second)
		r := &proxy.proxy.blobs.relays
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.bytes != 0 || len(r.by)+len(r.to) != 0 {
			t.Errorf("%d octets still count, for %d accounts and %d servers", r.bytes, len(r.by), len(r.to))
		}
	}, withBlobs(&stores))
}

// A client that asks for parts of blobs and reads none costs hardly any looks at its
// connection.
func TestPartsThatNobodyReads(t *testing.T) {
	var stores []media.Store
	inCloud(t, 1, func(t *testing.T, c *testCloud) {
		home := c.servers[0]
		a := newClient(c.register(1, home), 0).connect(home)
		o := mediatest.Octets(1, 4*wire.MaxBlobPart)
		a.put(home, o)
		a.conn.handOver()
		body := wire.AppendBlobGet(nil, &wire.BlobGet{Server: home.fp(), Name: mediatest.NameOf(o), Length: wire.MaxBlobPart})
		for i := range 4 {
			a.conn.write(wire.TypeBlobGet, uint32(1000+i), body)
		}
		time.Sleep(time.Second)
		looks := func() int {
			a.conn.mu.Lock()
			defer a.conn.mu.Unlock()
			return a.conn.looks
		}
		before := looks()
		time.Sleep(10 * time.Second)
		if n := looks() - before; n == 0 || n > 200 {
			t.Errorf("%d looks in ten seconds", n)
		}
		begun := time.Now()
		for parts := 0; parts < 4; {
			if f, ok := a.conn.next(true); !ok {
				t.Fatal("the session ended")
			} else if f.Type == wire.TypeBlobPart {
				parts++
			}
		}
		if took := time.Since(begun); took > time.Second {
			t.Errorf("the parts took %v once the client read", took)
		}
	}, withBlobs(&stores))
}

// The claims of a deleted account go with it.
func TestDeletedAccountLosesBlobs(t *testing.T) {
	var stores []media.Store
	inCloud(t, 1, func(t *testing.T, c *testCloud) {
		p := c.register(1, c.servers[0])
		a := newClient(p, 0).connect(c.servers[0])
		a.put(c.servers[0], mediatest.Octets(1, 1000))
		c.servers[0].proxy.deleted(context.Background(), p.fp())
		if st := stores[0].Stats(); st.Claims != 0 {
			t.Errorf("%d claims are left", st.Claims)
		}
	}, withBlobs(&stores))
}

// An account that moved takes back what it claimed at its former home, and claims nothing
// new there. (spec/media.md, MEDIA-25)
func TestClaimAtFormerHome(t *testing.T) {
	var stores []media.Store
	inCloud(t, 2, func(t *testing.T, c *testCloud) {
		former, home := c.servers[0], c.servers[1]
		alice := c.register(1, former)
		a := newClient(alice, 0).connect(former)
		o := mediatest.Octets(1, 100_000)
		a.put(former, o)
		e := alice.entry(home)
		if f := a.request(wire.TypePublish, wire.AppendEntry(nil, &e)); f.Type != wire.TypeDone || wire.DecodeStatus(f.Body) != nil {
			t.Fatalf("publish = %d %q", f.Type, f.Body)
		}
		a.state("a new one", wire.TypeBlobClaim, a.claim(former, mediatest.Octets(2, 100), nil), omega.CodeNotFound)
		if got := a.get(former, mediatest.NameOf(o)); !bytes.Equal(got, o) {
			t.Fatal("the blob is gone before it is taken back")
		}
		over := func(b *wire.BlobClaim) { b.Issued, b.Until = b.Issued.Add(time.Minute), b.Issued.Add(time.Minute) }
		a.state("taken back", wire.TypeBlobClaim, a.signedClaim(former, o, over), omega.CodeOK)
		a.part("get", wire.BlobGet{Server: former.fp(), Name: mediatest.NameOf(o), Length: 1}, omega.CodeNotFound)
		a.state("what was never claimed", wire.TypeBlobClaim, a.signedClaim(former, mediatest.Octets(3, 10), over), omega.CodeOK)
		if used, _, err := stores[0].Usage(c.ctx, alice.fp()); err != nil || used != 0 {
			t.Errorf("the former home counts %d octets, %v", used, err)
		}
	}, withBlobs(&stores))
}
