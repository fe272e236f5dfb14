// Package mediatest states the contract of media.Store as tests. Every driver
// runs it.
package mediatest

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/media"
)

// Options are what a test wants of a store.
type Options struct {
	Quota, Room int64            // octets
	Now         func() time.Time // not nil
}

// A Disk is where stores of one test live, one after the other.
type Disk interface {
	// Open opens the store that is there, or makes one.
	Open(t testing.TB, o Options) media.Store
}

// Run runs the suite. newDisk returns an empty disk.
func Run(t *testing.T, newDisk func(t testing.TB) Disk) {
	for name, test := range map[string]func(*bench){
		"upload": upload, "resume": resume, "reopen": reopen, "wrong octets": wrongOctets, "deduplicate": deduplicate,
		"quota": quota, "claims": claims, "forget": forget, "expire": expire, "read": read, "at once": atOnce, "bad": bad,
	} {
		t.Run(name, func(t *testing.T) { test(newBench(t, newDisk(t), Options{})) })
	}
}

// A bench is one test.
type bench struct {
	testing.TB
	ctx  context.Context
	disk Disk
	o    Options
	s    media.Store
	time time.Time
}

func newBench(t testing.TB, d Disk, o Options) *bench {
	b := &bench{TB: t, ctx: t.Context(), disk: d, o: o, time: time.UnixMilli(1795000000000)}
	b.o.Now = func() time.Time { return b.time }
	b.s = d.Open(t, b.o)
	t.Cleanup(func() { b.s.Close() })
	return b
}

func (b *bench) reopen() {
	b.Helper()
	if err := b.s.Close(); err != nil {
		b.Fatal(err)
	}
	b.s = b.disk.Open(b, b.o)
}

// Account is an account with a number.
func Account(n int) omega.Fingerprint {
	fp, err := omega.ParseFingerprint(strings.Repeat("0123456789ABCDEF"[n%16:][:1], 40))
	if err != nil {
		panic(err) // of our own digits
	}
	return fp
}

// Octets are size octets that differ with the seed.
func Octets(seed uint64, size int) []byte {
	b := make([]byte, size)
	rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8)}).Read(b)
	return b
}

// NameOf is the name of a blob.
func NameOf(octets []byte) media.Hash {
	h := media.NewHasher()
	h.Write(octets)
	ref, _ := h.Sum()
	return ref.Name
}

func (b *bench) claim(account int, octets []byte) (media.State, error) {
	b.time = b.time.Add(time.Second)
	return b.s.Claim(b.ctx, media.Claim{
		Account: Account(account), Name: NameOf(octets), Size: int64(len(octets)), Issued: b.time, Until: b.time.Add(media.DefaultClaim),
	})
}

func (b *bench) mustClaim(account int, octets []byte) media.State {
	b.Helper()
	st, err := b.claim(account, octets)
	if err != nil {
		b.Fatalf("claim: %v", err)
	}
	return st
}

// push appends octets of a blob from an offset up to another one.
func (b *bench) push(account int, octets []byte, from, to int) media.State {
	b.Helper()
	var st media.State
	for from < to {
		n := min(media.MaxPart, to-from)
		var err error
		st, err = b.s.Append(b.ctx, Account(account), NameOf(octets), int64(from), octets[from:from+n])
		if err != nil {
			b.Fatalf("append at %d: %v", from, err)
		}
		from += n
		if st.Offset != int64(from) || st.Stored != (from == len(octets)) {
			b.Fatalf("state after %d of %d octets: %+v", from, len(octets), st)
		}
	}
	return st
}

func (b *bench) put(account int, octets []byte) {
	b.Helper()
	st := b.mustClaim(account, octets)
	b.push(account, octets, int(st.Offset), len(octets))
}

// there wants the store to have exactly these octets.
func (b *bench) there(octets []byte) {
	b.Helper()
	got := make([]byte, 0, len(octets))
	buf := make([]byte, media.MaxPart)
	for len(got) < len(octets) {
		n, size, err := b.s.Read(b.ctx, NameOf(octets), int64(len(got)), buf)
		if err != nil || n == 0 || size != int64(len(octets)) {
			b.Fatalf("read at %d = %d octets of %d, %v", len(got), n, size, err)
		}
		got = append(got, buf[:n]...)
	}
	if !bytes.Equal(got, octets) {
		b.Fatal("other octets come back")
	}
}

func (b *bench) gone(octets []byte) {
	b.Helper()
	if _, _, err := b.s.Read(b.ctx, NameOf(octets), 0, make([]byte, 1)); !errors.Is(err, media.ErrNotFound) {
		b.Fatalf("read = %v, want %v", err, media.ErrNotFound)
	}
}

func upload(b *bench) {
	for i, size := range []int{1, 100, media.ChunkSize, media.ChunkSize + 1, 3*media.ChunkSize - 5} {
		o := Octets(uint64(i), size)
		b.gone(o)
		if st := b.mustClaim(1, o); st != (media.State{}) {
			b.Fatalf("state of a new upload: %+v", st)
		}
		b.push(1, o, 0, size)
		b.there(o)
		leaves := make([]byte, 32*media.Chunks(int64(size)))
		if n, _, err := b.s.Leaves(b.ctx, NameOf(o), 0, leaves); err != nil || n != len(leaves) {
			b.Fatalf("leaves: %d of %d octets, %v", n, len(leaves), err)
		}
		h := media.NewHasher()
		h.Write(o)
		ref, _ := h.Sum()
		v, err := media.NewVerifier(ref, leaves)
		if err != nil {
			b.Fatal(err)
		}
		if err := v.Check(0, o[:media.ChunkLen(ref.Size, 0)]); err != nil {
			b.Fatal(err)
		}
	}
	st := b.s.Stats()
	if st.Blobs != 5 || st.Claims != 5 || st.Uploads != 0 || st.Reserved != 0 {
		b.Errorf("stats %+v", st)
	}
}

func resume(b *bench) {
	o := Octets(1, 2*media.ChunkSize+9)
	b.mustClaim(1, o)
	b.push(1, o, 0, media.MaxPart)
	for _, at := range []int64{0, 5, media.MaxPart + 1, media.ChunkSize} { // said again, or too early
		st, err := b.s.Append(b.ctx, Account(1), NameOf(o), at, o[at:at+10])
		if err != nil || st.Offset != media.MaxPart || st.Stored {
			b.Fatalf("append at %d: %+v, %v", at, st, err)
		}
	}
	if st := b.mustClaim(1, o); st.Offset != media.MaxPart {
		b.Fatalf("claimed again: %+v", st)
	}
	b.push(1, o, media.MaxPart, len(o))
	b.there(o)
	st, err := b.s.Append(b.ctx, Account(1), NameOf(o), int64(len(o)-9), o[len(o)-9:])
	if err != nil || !st.Stored || st.Offset != int64(len(o)) {
		b.Fatalf("the last octets again: %+v, %v", st, err)
	}
}

func reopen(b *bench) {
	o, other := Octets(1, 3*media.ChunkSize), Octets(2, 1000)
	b.put(2, other)
	b.mustClaim(1, o)
	b.push(1, o, 0, media.ChunkSize+media.MaxPart)
	b.reopen()
	b.there(other)
	st := b.mustClaim(1, o)
	if st.Offset != media.ChunkSize {
		b.Fatalf("after a start it stands at %d, want the last whole chunk", st.Offset)
	}
	b.push(1, o, int(st.Offset), len(o))
	b.reopen()
	b.there(o)
	if st := b.s.Stats(); st.Blobs != 2 || st.Claims != 2 || st.Bytes != int64(len(o)+len(other)) || st.Reserved != 0 {
		b.Errorf("stats %+v", st)
	}
}

func wrongOctets(b *bench) {
	o := Octets(1, media.ChunkSize+77)
	b.mustClaim(1, o)
	bad := bytes.Clone(o)
	bad[70000] ^= 1
	b.push(1, o, 0, media.MaxPart)
	for at := media.MaxPart; at < len(o); {
		n := min(media.MaxPart, len(o)-at)
		st, err := b.s.Append(b.ctx, Account(1), NameOf(o), int64(at), bad[at:at+n])
		if at += n; at < len(o) {
			if err != nil {
				b.Fatal(err)
			}
			continue
		}
		if !errors.Is(err, media.ErrWrong) || st != (media.State{}) {
			b.Fatalf("last octets of another blob: %+v, %v", st, err)
		}
	}
	b.gone(o)
	if st := b.mustClaim(1, o); st.Offset != 0 {
		b.Fatalf("it goes on at %d", st.Offset)
	}
	b.push(1, o, 0, len(o))
	b.there(o)
	if b.s.Stats().Wrong != 1 {
		b.Errorf("stats %+v", b.s.Stats())
	}
}

func deduplicate(b *bench) {
	o := Octets(1, 5000)
	b.put(1, o)
	if st := b.mustClaim(2, o); !st.Stored || st.Offset != 5000 {
		b.Fatalf("a blob that is there: %+v", st)
	}
	if st := b.s.Stats(); st.Blobs != 1 || st.Claims != 2 || st.Bytes != 5000 {
		b.Errorf("stats %+v", st)
	}
	p := Octets(2, 200_000) // two bring it at once
	b.mustClaim(1, p)
	b.mustClaim(2, p)
	b.push(1, p, 0, 100_000)
	b.push(2, p, 0, len(p))
	b.push(1, p, 100_000, len(p))
	b.there(p)
	b.reopen()
	b.there(p)
	if st := b.s.Stats(); st.Blobs != 2 || st.Claims != 4 || st.Bytes != 205_000 {
		b.Errorf("stats %+v", st)
	}
}

func quota(b *bench) {
	b.s.Close()
	b.o.Quota, b.o.Room = 10_000, 30_000
	b.s = b.disk.Open(b, b.o)
	b.put(1, Octets(1, 6000))
	if _, err := b.claim(1, Octets(2, 4001)); !errors.Is(err, media.ErrFull) {
		b.Fatalf("above the quota: %v", err)
	}
	b.put(1, Octets(3, 4000))
	b.put(2, Octets(4, 6000))
	for account, want := range map[int][2]int64{1: {10_000, 10_000}, 2: {6000, 10_000}, 3: {0, 10_000}} {
		if used, most, err := b.s.Usage(b.ctx, Account(account)); used != want[0] || most != want[1] || err != nil {
			b.Fatalf("account %d uses %d of %d, %v", account, used, most, err)
		}
	}
	if _, err := b.claim(3, Octets(5, 7001)); !errors.Is(err, media.ErrFull) {
		b.Fatalf("more than would be free beside it: %v", err)
	}
	b.mustClaim(3, Octets(6, 7000)) // an open upload counts whole
	if _, err := b.claim(3, Octets(7, 1)); !errors.Is(err, media.ErrFull) {
		b.Fatalf("beside an upload: %v", err)
	}
	b.reopen()
	if _, err := b.claim(1, Octets(2, 1)); !errors.Is(err, media.ErrFull) {
		b.Fatalf("after a start: %v", err)
	}
	if _, err := b.claim(2, Octets(1, 6000)); !errors.Is(err, media.ErrFull) {
		b.Fatalf("a claim of a blob that is there counts too: %v", err)
	}
	b.s.Close()
	b.o.Quota, b.o.Room = 1<<30, 1<<30
	b.s = b.disk.Open(b, b.o)
	for i := range 4 {
		b.mustClaim(5, Octets(uint64(100+i), 10))
	}
	if _, err := b.claim(5, Octets(200, 10)); !errors.Is(err, media.ErrFull) {
		b.Fatalf("a fifth upload: %v", err)
	}
}

func claims(b *bench) {
	o := Octets(1, 5000)
	b.put(1, o)
	c := media.Claim{Account: Account(1), Name: NameOf(o), Size: 5000, Issued: b.time.Add(-time.Hour), Until: b.time.Add(-time.Hour)}
	if _, err := b.s.Claim(b.ctx, c); err != nil {
		b.Fatal(err)
	}
	if b.s.Stats().Claims != 1 {
		b.Fatal("an older word took the claim back")
	}
	c.Issued, c.Until = b.time.Add(time.Hour), b.time
	for range 2 { // again changes nothing
		if _, err := b.s.Claim(b.ctx, c); err != nil {
			b.Fatal(err)
		}
		if st := b.s.Stats(); st.Claims != 0 {
			b.Fatalf("taken back: %+v", st)
		}
	}
	b.gone(o)
	if n, err := b.s.Expire(b.ctx); n != 0 || err != nil {
		b.Fatalf("expire = %d, %v", n, err)
	}
	b.reopen()
	b.gone(o)
	p := Octets(2, 200_000)
	b.mustClaim(1, p)
	b.push(1, p, 0, 100_000)
	c.Name, c.Size = NameOf(p), int64(len(p))
	if _, err := b.s.Claim(b.ctx, c); err != nil {
		b.Fatal(err)
	}
	if _, err := b.s.Append(b.ctx, Account(1), NameOf(p), 100_000, p[100_000:100_100]); !errors.Is(err, media.ErrNotFound) {
		b.Fatalf("append to an upload that was taken back: %v", err)
	}
	if st := b.s.Stats(); st.Uploads != 0 || st.Reserved != 0 {
		b.Errorf("stats %+v", st)
	}
}

func forget(b *bench) {
	mine, ours, half := Octets(1, 1000), Octets(2, 2000), Octets(3, 300_000)
	b.put(1, mine)
	b.put(1, ours)
	b.put(2, ours)
	b.mustClaim(1, half)
	b.push(1, half, 0, 100_000)
	if err := b.s.Forget(b.ctx, Account(1)); err != nil {
		b.Fatal(err)
	}
	b.gone(mine)
	b.there(ours)
	if st := b.s.Stats(); st.Blobs != 1 || st.Claims != 1 || st.Uploads != 0 || st.Reserved != 0 {
		b.Errorf("stats %+v", st)
	}
}

func expire(b *bench) {
	o, half := Octets(1, 1000), Octets(2, 200_000)
	b.put(1, o)
	b.mustClaim(1, half)
	b.push(1, half, 0, 100_000)
	b.time = b.time.Add(4 * 24 * time.Hour)
	if n, err := b.s.Expire(b.ctx); n != 0 || err != nil {
		b.Fatalf("expire = %d, %v", n, err)
	}
	if st := b.s.Stats(); st.Uploads != 0 {
		b.Fatalf("an upload is left: %+v", st)
	}
	b.time = b.time.Add(190 * 24 * time.Hour)
	b.mustClaim(2, o) // for as long again
	b.time = b.time.Add(30 * 24 * time.Hour)
	if n, err := b.s.Expire(b.ctx); n != 0 || err != nil {
		b.Fatalf("expire = %d, %v", n, err)
	}
	b.there(o)
	if st := b.s.Stats(); st.Claims != 1 {
		b.Errorf("stats %+v", st)
	}
	b.time = b.time.Add(190 * 24 * time.Hour)
	if n, err := b.s.Expire(b.ctx); n != 1 || err != nil {
		b.Fatalf("expire = %d, %v", n, err)
	}
	b.gone(o)
}

func read(b *bench) {
	o := Octets(1, media.ChunkSize+100)
	b.put(1, o)
	for _, row := range []struct{ at, n, want int }{{0, 1, 1}, {5, 1000, 1000}, {media.ChunkSize - 3, 7, 7}, {len(o) - 1, 50, 1}} {
		buf := make([]byte, row.n)
		n, size, err := b.s.Read(b.ctx, NameOf(o), int64(row.at), buf)
		if err != nil || n != row.want || size != int64(len(o)) || !bytes.Equal(buf[:n], o[row.at:row.at+n]) {
			b.Errorf("read at %d: %d octets of %d, %v", row.at, n, size, err)
		}
	}
	for _, at := range []int64{-1, int64(len(o)), 1 << 62} {
		if _, _, err := b.s.Read(b.ctx, NameOf(o), at, make([]byte, 1)); !errors.Is(err, media.ErrBad) {
			b.Errorf("read at %d: %v", at, err)
		}
		if _, _, err := b.s.Leaves(b.ctx, NameOf(o), at, make([]byte, 1)); !errors.Is(err, media.ErrBad) {
			b.Errorf("leaves at %d: %v", at, err)
		}
	}
	if _, _, err := b.s.Leaves(b.ctx, media.Hash{1}, 0, make([]byte, 1)); !errors.Is(err, media.ErrNotFound) {
		b.Errorf("leaves of nothing: %v", err)
	}
}

// atOnce has accounts bring the same and other blobs while others read and expire.
func atOnce(b *bench) {
	shared := Octets(99, 300_000)
	var wg sync.WaitGroup
	for account := range 8 {
		wg.Go(func() {
			for i := range 4 {
				o := Octets(uint64(account*10+i), 150_000)
				if i%2 == 1 {
					o = shared
				}
				c := media.Claim{Account: Account(account), Name: NameOf(o), Size: int64(len(o)), Issued: b.time, Until: b.time.Add(time.Hour)}
				st, err := b.s.Claim(b.ctx, c)
				for err == nil && !st.Stored {
					n := min(media.MaxPart, len(o)-int(st.Offset))
					st, err = b.s.Append(b.ctx, c.Account, c.Name, st.Offset, o[st.Offset:int(st.Offset)+n])
				}
				if err != nil {
					b.Errorf("account %d: %v", account, err)
					return
				}
				if _, err := b.s.Expire(b.ctx); err != nil {
					b.Errorf("expire: %v", err)
				}
			}
		})
	}
	wg.Wait()
	b.there(shared)
	if st := b.s.Stats(); st.Blobs != 17 || st.Claims != 24 || st.Uploads != 0 {
		b.Errorf("stats %+v", st)
	}
}

func bad(b *bench) {
	o := Octets(1, 1000)
	c := media.Claim{Account: Account(1), Name: NameOf(o), Issued: b.time, Until: b.time.Add(time.Hour)}
	for _, size := range []int64{0, -1, media.MaxSize + 1} {
		c.Size = size
		if _, err := b.s.Claim(b.ctx, c); !errors.Is(err, media.ErrBad) {
			b.Errorf("claim of %d octets: %v", size, err)
		}
	}
	b.mustClaim(1, o)
	for _, row := range []struct{ at, n int }{{-1, 10}, {995, 10}, {0, 1001}, {0, 0}} {
		if _, err := b.s.Append(b.ctx, Account(1), NameOf(o), int64(row.at), make([]byte, row.n)); !errors.Is(err, media.ErrBad) {
			b.Errorf("append of %d at %d: %v", row.n, row.at, err)
		}
	}
	if _, err := b.s.Append(b.ctx, Account(2), NameOf(o), 0, o); !errors.Is(err, media.ErrNotFound) {
		b.Errorf("append to another account's upload: %v", err)
	}
	c.Size = 999
	if _, err := b.s.Claim(b.ctx, c); !errors.Is(err, media.ErrBad) {
		b.Errorf("another size: %v", err)
	}
	b.push(1, o, 0, 1000)
	if _, err := b.s.Claim(b.ctx, c); !errors.Is(err, media.ErrBad) {
		b.Errorf("another size of what is there: %v", err)
	}
}
