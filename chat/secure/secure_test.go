package secure

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/pgp"
)

var now = time.Date(2026, 11, 1, 12, 0, 0, 123e6, time.UTC)

type device struct {
	account omega.Fingerprint
	sign    *pgp.SecretKey
	classic *pgp.SecretKey
	prekey  *pgp.PrekeySecret // nil: has none
	signed  *Prekey
}

func (d *device) id() omega.Fingerprint { return d.sign.Public().Fingerprint() }

// own is how records name the device.
func (d *device) own() Device {
	r := Reader{Signing: d.id(), Prekey: d.signed, Classic: d.classic.Public()}
	own, _ := r.Device()
	return own
}

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

// people makes accounts with devices; the last device of the last account has
// no prekey if classic is set.
func people(tb testing.TB, accounts, each int, classic bool) []*device {
	tb.Helper()
	rnd := rand.NewChaCha8([32]byte{9})
	var out []*device
	for range accounts {
		primary, err := pgp.GenerateSigning(rnd, now)
		must(tb, err)
		for range each {
			d := &device{account: primary.Public().Fingerprint()}
			d.sign, err = pgp.GenerateSigning(rnd, now)
			must(tb, err)
			d.classic, err = pgp.GenerateEncryption(rnd, now)
			must(tb, err)
			d.prekey, err = pgp.GeneratePrekey(rnd, now)
			must(tb, err)
			d.signed, err = SignPrekey(tb.Context(), d.sign, d.account, d.prekey.Public(), UseOnce, now, now.Add(time.Hour))
			must(tb, err)
			out = append(out, d)
		}
	}
	if classic {
		out[len(out)-1].prekey, out[len(out)-1].signed = nil, nil
	}
	return out
}

func plan(devices []*device) *Plan {
	p := &Plan{Chat: omega.ChatID{1}, Opener: devices[0].account, Time: now}
	for _, d := range devices {
		p.Readers = append(p.Readers, Reader{Account: d.account, Signing: d.id(), Prekey: d.signed, Classic: d.classic.Public()})
	}
	return p
}

// accept has a device read an opened epoch as it came.
func (d *device) accept(o *Opened) (*Epoch, error) {
	wraps, err := ParseWraps(o.Wraps[d.account])
	if err != nil {
		return nil, err
	}
	for i := range wraps {
		var secret []byte
		if d.prekey != nil {
			secret, err = d.prekey.Open(wraps[i].Packet)
		} else {
			secret, err = d.classic.OpenSessionKey(nil, wraps[i].Packet) //nolint:staticcheck // software keys need none
		}
		if err == nil {
			return Accept(o.Record, &wraps[i], secret, d.own())
		}
	}
	return nil, fmt.Errorf("no wrap for %s: %w", d.id(), ErrUnsealed)
}

func open(tb testing.TB, devices []*device) (*Opened, []*Epoch) {
	tb.Helper()
	o, err := Open(tb.Context(), rand.NewChaCha8([32]byte{1}), devices[0].sign, plan(devices))
	must(tb, err)
	epochs := []*Epoch{o.Epoch}
	for _, d := range devices[1:] {
		e, err := d.accept(o)
		must(tb, err)
		must(tb, e.Record.VerifyRecord(devices[0].sign.Public()))
		epochs = append(epochs, e)
	}
	return o, epochs
}

func TestEpoch(t *testing.T) {
	for _, size := range []struct{ accounts, each int }{{1, 2}, {2, 1}, {3, 2}, {5, 3}} {
		devices := people(t, size.accounts, size.each, size.accounts == 3)
		_, epochs := open(t, devices)
		for i, from := range devices {
			for n := range 3 {
				text := fmt.Appendf(nil, "message %d of %d", n, i)
				payload, err := epochs[i].Seal(from.id(), now, text)
				must(t, err)
				for j, e := range epochs {
					if j == i {
						continue
					}
					in, err := e.Unseal(payload)
					if err != nil || in.Device != from.id() || in.Number != uint32(n) || !bytes.Equal(in.Octets, text) {
						t.Fatalf("device %d: %+v, %v", j, in, err)
					}
					if _, err := e.Unseal(payload); !errors.Is(err, ErrUsed) {
						t.Fatalf("twice: %v, want ErrUsed", err)
					}
				}
			}
		}
		if got := len(epochs[0].Record.Classic()); (got == 1) != (size.accounts == 3) {
			t.Errorf("%d accounts without prekey", got)
		}
	}
}

// TestAnyOrderAndReopen opens messages of several devices in any order, with the
// state stored and read between any two.
func TestAnyOrderAndReopen(t *testing.T) {
	devices := people(t, 3, 1, false)
	o, _ := open(t, devices)
	rapid.Check(t, func(rt *rapid.T) {
		_, epochs := reopen(t, devices, o)
		var payloads [][]byte
		for range rapid.IntRange(1, 60).Draw(rt, "messages") {
			i := rapid.IntRange(0, 1).Draw(rt, "sender")
			p, err := epochs[i].Seal(devices[i].id(), now, []byte{byte(len(payloads))})
			must(t, err)
			payloads = append(payloads, p)
		}
		reader := epochs[2]
		rnd := rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "order"), 0))
		counts := map[omega.Fingerprint]uint32{devices[0].id(): epochs[0].Sent(devices[0].id()), devices[1].id(): epochs[1].Sent(devices[1].id())}
		for k, at := range rnd.Perm(len(payloads)) {
			if k < len(payloads) && reader.Drained(counts) {
				rt.Fatal("drained too early")
			}
			if rnd.IntN(3) == 0 {
				var err error
				reader, err = Unmarshal(reader.Marshal())
				must(t, err)
			}
			in, err := reader.Unseal(payloads[at])
			if err != nil || in.Octets[0] != byte(at) {
				rt.Fatalf("message %d: %+v, %v", at, in, err)
			}
		}
		if !reader.Drained(counts) {
			rt.Fatal("not drained in the end")
		}
		for i := range reader.chains {
			if len(reader.chains[i].skipped) > 0 {
				rt.Fatal("keys are left")
			}
		}
	})
}

func reopen(tb testing.TB, devices []*device, o *Opened) (*Opened, []*Epoch) {
	fresh, err := Unmarshal(o.Epoch.Marshal())
	must(tb, err)
	epochs := []*Epoch{fresh}
	for _, d := range devices[1:] {
		e, err := d.accept(o)
		must(tb, err)
		epochs = append(epochs, e)
	}
	return o, epochs
}

// TestKeysAreDestroyed: from what is stored after a message was opened nothing
// opens it again, and what was before it neither.
func TestKeysAreDestroyed(t *testing.T) {
	devices := people(t, 2, 1, false)
	_, epochs := open(t, devices)
	var payloads [][]byte
	for range 5 {
		p, err := epochs[0].Seal(devices[0].id(), now, []byte("secret"))
		must(t, err)
		payloads = append(payloads, p)
	}
	for _, p := range payloads {
		_, err := epochs[1].Unseal(p)
		must(t, err)
	}
	for who, e := range epochs {
		stolen, err := Unmarshal(e.Marshal())
		must(t, err)
		for i, p := range payloads {
			if _, err := stolen.Unseal(p); !errors.Is(err, ErrUsed) {
				t.Errorf("what device %d keeps opens message %d: %v", who, i, err)
			}
		}
	}
	if bytes.Contains(epochs[1].Marshal(), []byte("secret")) {
		t.Error("text in the state")
	}
}

func TestEnds(t *testing.T) {
	devices := people(t, 2, 1, false)
	_, epochs := open(t, devices)
	e, id := epochs[0], devices[0].id()
	if _, err := e.Seal(id, now.Add(MaxAge+time.Second), nil); !errors.Is(err, ErrEnded) {
		t.Errorf("after its time: %v, want ErrEnded", err)
	}
	for range MaxLimit {
		p, err := e.Seal(id, now, nil)
		must(t, err)
		_, err = epochs[1].Unseal(p)
		must(t, err)
	}
	if _, err := e.Seal(id, now, nil); !errors.Is(err, ErrEnded) {
		t.Errorf("message %d: %v, want ErrEnded", MaxLimit, err)
	}
	if _, err := e.Seal(people(t, 1, 1, false)[0].sign.Public().Fingerprint(), now, nil); err != nil && !errors.Is(err, ErrEnded) {
		t.Errorf("a stranger: %v", err)
	}
	if e.Dead(now.Add(MaxAge+Grave)) || !e.Dead(now.Add(MaxAge+Grave+time.Second)) {
		t.Error("dead at the wrong time")
	}
	e.Destroy()
	if p, _ := epochs[1].Seal(devices[1].id(), now, nil); p != nil {
		if _, err := e.Unseal(p); err == nil {
			t.Error("a destroyed epoch opens messages")
		}
	}
}

// TestTampering changes each octet of a message: nothing comes out, and the
// true one can still be opened.
func TestTampering(t *testing.T) {
	devices := people(t, 2, 1, false)
	_, epochs := open(t, devices)
	payload, err := epochs[0].Seal(devices[0].id(), now, []byte("text"))
	must(t, err)
	for i := range payload {
		b := bytes.Clone(payload)
		b[i] ^= 1
		if in, err := epochs[1].Unseal(b); err == nil {
			t.Fatalf("octet %d changed: %v", i, in)
		}
		if _, err := epochs[1].Unseal(payload[:i]); err == nil {
			t.Fatalf("cut at %d: opened", i)
		}
	}
	if _, err := epochs[1].Unseal(payload); err != nil {
		t.Errorf("the true one: %v", err)
	}
}

// TestRecordAttacks: what a server, or an opener who lies, can do to an epoch.
func TestRecordAttacks(t *testing.T) {
	devices := people(t, 3, 2, true)
	o, _ := open(t, devices)
	reader := devices[2]
	for i := 0; i < len(o.Record); i += 1 + len(o.Record)/200 {
		bad := *o
		bad.Record = bytes.Clone(o.Record)
		bad.Record[i] ^= 1
		if _, err := reader.accept(&bad); err == nil {
			t.Fatalf("record octet %d changed: accepted", i)
		}
	}
	whole := o.Wraps[reader.account]
	for i := 0; i < len(whole); i += 1 + len(whole)/200 {
		bad := *o
		bad.Wraps = map[omega.Fingerprint][]byte{reader.account: bytes.Clone(whole)}
		bad.Wraps[reader.account][i] ^= 1
		if e, err := reader.accept(&bad); err == nil && !bytes.Equal(e.Marshal(), mustAccept(t, reader, o).Marshal()) {
			t.Fatalf("wrap octet %d changed: another epoch", i)
		}
	}
	// The same secret wrapped again, by somebody who has it, for this device.
	wraps, err := ParseWraps(whole)
	must(t, err)
	secret, err := reader.prekey.Open(wraps[0].Packet)
	must(t, err)
	again, err := reader.signed.Key.Wrap(rand.NewChaCha8([32]byte{5}), secret)
	must(t, err)
	w := wraps[0]
	w.Packet = again
	if _, err := Accept(o.Record, &w, secret, reader.own()); !errors.Is(err, ErrMalformed) {
		t.Errorf("a wrap that others were not told of: %v, want ErrMalformed", err)
	}
	if _, err := Accept(o.Record, &wraps[0], secret, Device{devices[0].id(), reader.signed.Hash(), UseOnce}); !errors.Is(err, ErrMalformed) {
		t.Errorf("for another device: %v, want ErrMalformed", err)
	}
	if _, err := Accept(o.Record, &wraps[0], secret, Device{reader.id(), Hash{1}, UseOnce}); !errors.Is(err, ErrMalformed) {
		t.Errorf("under another prekey: %v, want ErrMalformed", err)
	}
	e := mustAccept(t, reader, o)
	if err := e.Record.VerifyRecord(devices[1].sign.Public()); !errors.Is(err, pgp.ErrSignature) {
		t.Errorf("signed by another device: %v", err)
	}
}

func mustAccept(tb testing.TB, d *device, o *Opened) *Epoch {
	tb.Helper()
	e, err := d.accept(o)
	must(tb, err)
	return e
}

// TestRemovedMember: who was left out of an epoch has nothing of it.
func TestRemovedMember(t *testing.T) {
	devices := people(t, 3, 1, false)
	_, before := open(t, devices)
	p := plan(devices[:2])
	p.Epoch, p.Parents = 1, []Hash{before[0].Record.Hash()}
	after, err := Open(t.Context(), rand.NewChaCha8([32]byte{2}), devices[0].sign, p)
	must(t, err)
	if after.Wraps[devices[2].account] != nil {
		t.Error("a wrap for the removed member")
	}
	payload, err := after.Epoch.Seal(devices[0].id(), now, []byte("without you"))
	must(t, err)
	if _, err := before[2].Unseal(payload); !errors.Is(err, ErrUnsealed) {
		t.Errorf("the removed member opens it: %v", err)
	}
}

func TestPrekey(t *testing.T) {
	d := people(t, 1, 1, false)[0]
	p, err := ParsePrekey(d.signed.Marshal())
	must(t, err)
	must(t, p.Verify(d.sign.Public(), d.account, now))
	if err := p.Verify(d.sign.Public(), omega.Fingerprint{}, now); !errors.Is(err, pgp.ErrSignature) {
		t.Errorf("for another account: %v", err)
	}
	if err := p.Verify(d.sign.Public(), d.account, now.Add(time.Hour)); !errors.Is(err, pgp.ErrExpired) {
		t.Errorf("expired: %v", err)
	}
	whole := d.signed.Marshal()
	for i := 0; i < len(whole); i += 3 {
		b := bytes.Clone(whole)
		b[i] ^= 1
		if p, err := ParsePrekey(b); err == nil && p.Verify(d.sign.Public(), d.account, now) == nil {
			t.Fatalf("octet %d changed and accepted", i)
		}
	}
	if _, err := SignPrekey(t.Context(), d.sign, d.account, d.prekey.Public(), UseClassic, now, now.Add(time.Hour)); err == nil {
		t.Error("a prekey that is none")
	}
}

func TestTree(t *testing.T) {
	for n := 1; n <= 40; n++ {
		leaves := make([]Hash, n)
		for i := range leaves {
			leaves[i] = leaf(i, []byte{byte(n)})
		}
		root, paths := tree(leaves)
		for i := range leaves {
			if got, ok := climb(leaves[i], i, n, paths[i]); !ok || got != root {
				t.Fatalf("leaf %d of %d does not lead to the root", i, n)
			}
			for j := range leaves {
				if got, ok := climb(leaves[i], j, n, paths[j]); i != j && ok && got == root {
					t.Fatalf("leaf %d of %d passes for %d", i, n, j)
				}
			}
			if _, ok := climb(leaves[i], i, n, append(slices.Clone(paths[i]), Hash{})); ok {
				t.Fatalf("a path that is too long, %d of %d", i, n)
			}
		}
	}
	if _, paths := tree(make([]Hash, MaxDevices)); len(paths[0]) != maxPath {
		t.Errorf("paths of %d, want %d", len(paths[0]), maxPath)
	}
}

func TestChoose(t *testing.T) {
	devices := people(t, 3, 1, false)
	make := func(seed byte, of []*device, parents ...*Record) *Record {
		p := plan(of)
		for _, x := range parents {
			p.Parents = append(p.Parents, x.Hash())
			p.Epoch = x.Epoch + 1
		}
		o, err := Open(t.Context(), rand.NewChaCha8([32]byte{seed}), of[0].sign, p)
		must(t, err)
		return o.Epoch.Record
	}
	a, b, c := devices[0], devices[1], devices[2]
	all := map[omega.Fingerprint]bool{a.id(): true, b.id(): true, c.id(): true}
	without := map[omega.Fingerprint]bool{a.id(): true, b.id(): true}
	first := make(1, devices)
	second, rival := make(2, devices, first), make(3, []*device{b, a, c}, first)
	shrunk := make(4, []*device{a, b}, first)
	for name, row := range map[string]struct {
		records []*Record
		view    View
		want    *Record
	}{
		"none":                   {nil, View{Devices: all}, nil},
		"the only one":           {[]*Record{first}, View{Devices: all}, first},
		"the child":              {[]*Record{first, second}, View{Devices: all}, second},
		"an owner's":             {[]*Record{first, second, rival}, View{Devices: all, Owners: map[omega.Fingerprint]bool{b.account: true}}, rival},
		"left out":               {[]*Record{first, second, shrunk}, View{Devices: without}, shrunk},
		"somebody left":          {[]*Record{first, second}, View{Devices: without}, nil},
		"somebody came":          {[]*Record{shrunk}, View{Devices: all}, nil},
		"lists who is not there": {[]*Record{first}, View{Devices: without}, nil},
	} {
		if got := Choose(row.records, &row.view); got != row.want {
			t.Errorf("%s: %v", name, got)
		}
	}
	if low := Choose([]*Record{rival, first, second}, &View{Devices: all}); low != slices.MinFunc([]*Record{second, rival}, func(a, b *Record) int { return compareHash(a.hash, b.hash) }) {
		t.Error("not the lowest name")
	}
}

func TestHides(t *testing.T) {
	devices := people(t, 2, 1, false)
	o, _ := open(t, devices)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x"} {
		if got, want := fmt.Sprintf(verb, o.Epoch), "Epoch("+o.Epoch.Locator().String()+", hidden)"; got != want {
			t.Errorf("%s shows %q", verb, got)
		}
	}
}
