// Package keyservertest is the contract of keyserver.Store as tests. Every
// driver runs it.
package keyservertest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/keyserver"
	"github.com/omega-im/omega/wire"
)

// A Disk makes stores over one storage, so that tests can crash one and look
// at what the next finds.
type Disk interface {
	// Open returns a store over what is on stable storage.
	Open(t *testing.T) keyserver.Store

	// Crash forgets everything that is not on stable storage; the open store is
	// of no more use. It reports false when the driver keeps nothing at all.
	Crash(t *testing.T) bool
}

// Run states the contract.
func Run(t *testing.T, newDisk func(t *testing.T) Disk) {
	for name, f := range map[string]func(*testing.T, Disk){
		"put and get":       testPutGet,
		"replace":           testReplace,
		"subkeys":           testSubkeys,
		"range":             testRange,
		"range stops":       testRangeStops,
		"no shared memory":  testNoSharedMemory,
		"crash after put":   testCrash,
		"concurrent puts":   testConcurrent,
		"largest item":      testLargest,
		"v6 fingerprints":   testV6,
		"get of a stranger": testNotFound,
		"changes":           testChanges,
		"crash of changes":  testCrashChanges,
		"leaves":            testLeaves,
		"delete":            testDelete,
		"receipts":          testReceipts,
		"narrow items":      testNarrow,
	} {
		t.Run(name, func(t *testing.T) { f(t, newDisk(t)) })
	}
}

// fingerprint makes the n-th fingerprint of a bucket.
func fingerprint(bucket uint8, n int) omega.Fingerprint {
	fp, err := omega.FingerprintV4(append([]byte{bucket}, []byte(fmt.Sprintf("%019d", n))...))
	if err != nil {
		panic(err)
	}
	return fp
}

func item(bucket uint8, n int) *keyserver.Item {
	return &keyserver.Item{
		Summary: keyserver.Summary{
			Fingerprint: fingerprint(bucket, n), Sequence: uint64(n), Hash: [32]byte{byte(n), 1},
		},
		Subkeys: []omega.Fingerprint{fingerprint(bucket, 1000000+2*n), fingerprint(bucket, 1000001+2*n)},
		Entry:   fmt.Appendf(nil, "entry %d", n),
		Others:  [][]byte{[]byte("a"), []byte("bb")},
	}
}

func same(t *testing.T, got, want *keyserver.Item) {
	t.Helper()
	if got.Summary != want.Summary || !bytes.Equal(got.Entry, want.Entry) || len(got.Others) != len(want.Others) || len(got.Subkeys) != len(want.Subkeys) {
		t.Errorf("got %+v, want %+v", got, want)
		return
	}
	for i := range want.Others {
		if !bytes.Equal(got.Others[i], want.Others[i]) {
			t.Errorf("other %d = %q, want %q", i, got.Others[i], want.Others[i])
		}
	}
	for i := range want.Subkeys {
		if got.Subkeys[i] != want.Subkeys[i] {
			t.Errorf("subkey %d = %s, want %s", i, got.Subkeys[i], want.Subkeys[i])
		}
	}
}

func put(t *testing.T, s keyserver.Store, item *keyserver.Item) {
	t.Helper()
	if err := s.Put(t.Context(), item); err != nil {
		t.Fatalf("put: %v", err)
	}
}

func testPutGet(t *testing.T, d Disk) {
	s := d.Open(t)
	want := item(7, 1)
	put(t, s, want)
	got, err := s.Get(t.Context(), want.Fingerprint)
	if err != nil {
		t.Fatal(err)
	}
	same(t, got, want)
}

func testNotFound(t *testing.T, d Disk) {
	s := d.Open(t)
	if _, err := s.Get(t.Context(), fingerprint(1, 1)); !errors.Is(err, keyserver.ErrNotFound) {
		t.Errorf("Get = %v, want ErrNotFound", err)
	}
	if _, err := s.GetBySubkey(t.Context(), fingerprint(1, 1)); !errors.Is(err, keyserver.ErrNotFound) {
		t.Errorf("GetBySubkey = %v, want ErrNotFound", err)
	}
}

func testReplace(t *testing.T, d Disk) {
	s := d.Open(t)
	put(t, s, item(7, 1))
	want := item(7, 1)
	want.Sequence, want.Entry, want.Others = 9, []byte("other"), nil
	want.Subkeys = append(want.Subkeys, fingerprint(9, 9))
	put(t, s, want)
	got, err := s.Get(t.Context(), want.Fingerprint)
	if err != nil {
		t.Fatal(err)
	}
	same(t, got, want)
	n := 0
	if err := s.Range(t.Context(), 7, func(sum keyserver.Summary) error {
		n++
		if sum != want.Summary {
			t.Errorf("summary %+v, want %+v", sum, want.Summary)
		}
		return nil
	}); err != nil || n != 1 {
		t.Errorf("range: %d summaries, %v; want 1", n, err)
	}
}

func testSubkeys(t *testing.T, d Disk) {
	s := d.Open(t)
	first, second := item(7, 1), item(8, 2)
	second.Subkeys = append(second.Subkeys, first.Subkeys[0])
	put(t, s, first)
	put(t, s, second)
	for _, sub := range first.Subkeys {
		got, err := s.GetBySubkey(t.Context(), sub)
		if err != nil {
			t.Fatal(err)
		}
		same(t, got, first)
	}
	got, err := s.GetBySubkey(t.Context(), second.Subkeys[1])
	if err != nil {
		t.Fatal(err)
	}
	same(t, got, second)
	if _, err := s.GetBySubkey(t.Context(), first.Fingerprint); !errors.Is(err, keyserver.ErrNotFound) {
		t.Errorf("primary key as a subkey: %v, want ErrNotFound", err)
	}
}

func testRange(t *testing.T, d Disk) {
	s := d.Open(t)
	for n := range 50 {
		put(t, s, item(uint8(n%3), n))
	}
	for bucket := range 4 {
		last := -1
		count := 0
		err := s.Range(t.Context(), uint8(bucket), func(sum keyserver.Summary) error {
			if n := int(sum.Sequence); n <= last || n%3 != bucket || sum != item(uint8(bucket), n).Summary {
				t.Errorf("bucket %d: summary %+v after %d", bucket, sum, last)
			}
			last = int(sum.Sequence)
			count++
			return nil
		})
		if want := []int{17, 17, 16, 0}[bucket]; err != nil || count != want {
			t.Errorf("bucket %d: %d summaries, %v; want %d", bucket, count, err, want)
		}
	}
}

func testRangeStops(t *testing.T, d Disk) {
	s := d.Open(t)
	put(t, s, item(1, 1))
	put(t, s, item(1, 2))
	stop := errors.New("stop")
	n := 0
	if err := s.Range(t.Context(), 1, func(keyserver.Summary) error { n++; return stop }); !errors.Is(err, stop) || n != 1 {
		t.Errorf("range = %v after %d, want the caller's error after 1", err, n)
	}
}

func testNoSharedMemory(t *testing.T, d Disk) {
	s := d.Open(t)
	given := item(7, 1)
	put(t, s, given)
	given.Entry[0], given.Others[0][0], given.Subkeys[0] = 'X', 'X', fingerprint(0, 0)
	got, err := s.Get(t.Context(), given.Fingerprint)
	if err != nil {
		t.Fatal(err)
	}
	same(t, got, item(7, 1))
	got.Entry[0] = 'Y'
	got, err = s.Get(t.Context(), given.Fingerprint)
	if err != nil {
		t.Fatal(err)
	}
	same(t, got, item(7, 1))
}

func testCrash(t *testing.T, d Disk) {
	s := d.Open(t)
	for n := range 20 {
		put(t, s, item(3, n))
	}
	if !d.Crash(t) {
		return // a driver in memory keeps nothing, as its contract says
	}
	s = d.Open(t)
	for n := range 20 {
		want := item(3, n)
		got, err := s.Get(t.Context(), want.Fingerprint)
		if err != nil {
			t.Fatalf("item %d after a crash: %v", n, err)
		}
		same(t, got, want)
		if got, err = s.GetBySubkey(t.Context(), want.Subkeys[1]); err != nil {
			t.Fatalf("subkey of %d after a crash: %v", n, err)
		}
		same(t, got, want)
	}
}

func testConcurrent(t *testing.T, d Disk) {
	s := d.Open(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for n := range 25 {
				it := item(uint8(w), w*1000+n)
				if err := s.Put(ctx, it); err != nil {
					t.Errorf("put: %v", err)
				}
				if _, err := s.Get(ctx, it.Fingerprint); err != nil {
					t.Errorf("get: %v", err)
				}
			}
		})
	}
	wg.Wait()
	n := 0
	for bucket := range 8 {
		if err := s.Range(ctx, uint8(bucket), func(keyserver.Summary) error { n++; return nil }); err != nil {
			t.Error(err)
		}
	}
	if n != 200 {
		t.Errorf("%d items, want 200", n)
	}
}

func testLargest(t *testing.T, d Disk) {
	s := d.Open(t)
	want := item(5, 1)
	want.Entry = bytes.Repeat([]byte("e"), omega.MaxCertificate+1024+6)
	want.Others = nil
	for range keyserver.MaxOthers {
		want.Others = append(want.Others, bytes.Repeat([]byte("r"), 1024))
	}
	want.Subkeys = nil
	for n := range keyserver.MaxSubkeys {
		want.Subkeys = append(want.Subkeys, fingerprint(6, n))
	}
	put(t, s, want)
	got, err := s.Get(t.Context(), want.Fingerprint)
	if err != nil {
		t.Fatal(err)
	}
	same(t, got, want)
}

func testV6(t *testing.T, d Disk) {
	s := d.Open(t)
	want := item(5, 1)
	fp, _, err := omega.DecodeFingerprint(append([]byte{6}, bytes.Repeat([]byte{5}, 32)...))
	if err != nil {
		t.Fatal(err)
	}
	want.Fingerprint = fp
	want.Subkeys[0] = fp
	put(t, s, want)
	got, err := s.GetBySubkey(t.Context(), fp)
	if err != nil {
		t.Fatal(err)
	}
	same(t, got, want)
}

func testLeaves(t *testing.T, d Disk) {
	s := d.Open(t)
	var all []omega.Fingerprint
	for _, bucket := range []uint8{0, 7, 255} {
		for n := range 3 {
			put(t, s, item(bucket, n)) // "0": one leaf
		}
		v6, _, err := omega.DecodeFingerprint(append([]byte{6, bucket, '0'}, bytes.Repeat([]byte{0xff}, 30)...))
		if err != nil {
			t.Fatal(err)
		}
		v4, err := omega.FingerprintV4(append([]byte{bucket, '0' + 1}, bytes.Repeat([]byte{0xff}, 18)...))
		if err != nil {
			t.Fatal(err)
		}
		for _, fp := range []omega.Fingerprint{v6, v4} {
			it := item(bucket, 9)
			it.Fingerprint = fp
			put(t, s, it)
		}
		for leaf, want := range map[keyserver.Leaf]int{keyserver.LeafOf(v6): 4, keyserver.LeafOf(v4): 1, keyserver.LeafOf(v4) + 1: 0} {
			n := 0
			err := s.RangeLeaf(t.Context(), leaf, func(sum keyserver.Summary) error {
				n++
				all = append(all, sum.Fingerprint)
				if keyserver.LeafOf(sum.Fingerprint) != leaf {
					t.Errorf("%v is not in leaf %d", sum.Fingerprint, leaf)
				}
				return nil
			})
			if err != nil || n != want {
				t.Errorf("leaf %x: %d summaries, %v; want %d", leaf, n, err, want)
			}
		}
	}
	if len(all) != 15 {
		t.Errorf("%d items in all leaves, want 15", len(all))
	}
	stop := errors.New("enough")
	if err := s.RangeLeaf(t.Context(), keyserver.LeafOf(all[0]), func(keyserver.Summary) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("RangeLeaf = %v, want the error of fn", err)
	}
}

func testDelete(t *testing.T, d Disk) {
	s := d.Open(t)
	first, second := item(7, 1), item(8, 2)
	second.Subkeys[0] = first.Subkeys[0] // claimed already
	put(t, s, first)
	put(t, s, second)
	for range 2 { // the second time nothing is there
		if err := s.Delete(t.Context(), second.Fingerprint); err != nil {
			t.Fatal(err)
		}
	}
	for name, get := range map[string]func() (*keyserver.Item, error){
		"item":   func() (*keyserver.Item, error) { return s.Get(t.Context(), second.Fingerprint) },
		"subkey": func() (*keyserver.Item, error) { return s.GetBySubkey(t.Context(), second.Subkeys[1]) },
	} {
		if _, err := get(); !errors.Is(err, keyserver.ErrNotFound) {
			t.Errorf("%s of one that was deleted: %v, want ErrNotFound", name, err)
		}
	}
	if err := s.Range(t.Context(), 8, func(keyserver.Summary) error { return errors.New("a summary is left") }); err != nil {
		t.Error(err)
	}
	got, err := s.GetBySubkey(t.Context(), first.Subkeys[0])
	if err != nil {
		t.Fatalf("the subkey of another: %v", err)
	}
	same(t, got, first)
}

// sponsored is an item with a receipt.
func sponsored(n int, slot keyserver.Slot) *keyserver.Item {
	it := item(9, n)
	r := wire.Sponsorship{Day: slot.Day, Number: slot.Number, Account: it.Fingerprint, Sponsor: slot.Sponsor, Sig: wire.Signature{Time: int64(slot.Day) * 24 * 60 * 60}}
	it.Receipt = r.Bytes()
	return it
}

func testReceipts(t *testing.T, d Disk) {
	s := d.Open(t)
	sponsor := fingerprint(1, 1)
	slot := func(day, number uint32) keyserver.Slot {
		return keyserver.Slot{Sponsor: sponsor, Day: day, Number: number}
	}
	for n, x := range []keyserver.Slot{slot(20000, 1), slot(20000, 300), slot(20001, 2), {Sponsor: fingerprint(1, 2), Day: 20000, Number: 9000}} {
		put(t, s, sponsored(n, x))
	}
	if d.Crash(t) {
		s = d.Open(t)
	}
	for day, want := range map[uint32]uint32{19999: 0, 20000: 300, 20001: 2, 20002: 0} {
		if got, err := s.LastSlot(t.Context(), sponsor, day); err != nil || got != want {
			t.Errorf("last number of day %d = %d, %v; want %d", day, got, err, want)
		}
	}
	want := sponsored(1, slot(20000, 300))
	got, err := s.Get(t.Context(), want.Fingerprint)
	if err != nil || !bytes.Equal(got.Receipt, want.Receipt) {
		t.Errorf("receipt %x, %v; want %x", got.Receipt, err, want.Receipt)
	}
	if err := s.Delete(t.Context(), want.Fingerprint); err != nil {
		t.Fatal(err)
	}
	if fp, err := s.Sponsored(t.Context(), slot(20000, 300)); err != nil || fp != want.Fingerprint {
		t.Errorf("the number of one that was deleted is of %v, %v; want %v", fp, err, want.Fingerprint)
	}
	if _, err := s.Sponsored(t.Context(), slot(20000, 299)); !errors.Is(err, keyserver.ErrNotFound) {
		t.Errorf("a number that nobody took: %v, want ErrNotFound", err)
	}
	put(t, s, sponsored(50, slot(20000, 300)))
	if fp, err := s.Sponsored(t.Context(), slot(20000, 300)); err != nil || fp != fingerprint(9, 50) {
		t.Errorf("a number that was taken again is of %v, %v", fp, err)
	}
}

func testNarrow(t *testing.T, d Disk) {
	s := d.Open(t)
	want := sponsored(1, keyserver.Slot{Sponsor: fingerprint(1, 1), Day: 20000, Number: 5})
	for _, narrow := range []bool{true, false, true} {
		want.Narrow = narrow
		put(t, s, want)
		got, err := s.Get(t.Context(), want.Fingerprint)
		if err != nil {
			t.Fatal(err)
		}
		same(t, got, want)
		if err := s.RangeLeaf(t.Context(), keyserver.LeafOf(want.Fingerprint), func(sum keyserver.Summary) error {
			if sum != want.Summary {
				t.Errorf("summary %+v, want %+v", sum, want.Summary)
			}
			return nil
		}); err != nil {
			t.Error(err)
		}
	}
}

// day is noon of the n-th day since 1970.
func day(n int) time.Time { return time.Unix(int64(n)*86400+43200, 0) }

// changes lists what ChangedOn tells, as the first octet of each prefix.
func changes(t *testing.T, s keyserver.Store, on time.Time) (out []byte) {
	t.Helper()
	err := s.ChangedOn(t.Context(), on, func(prefix [4]byte) error {
		out = append(out, prefix[0])
		return nil
	})
	if err != nil {
		t.Fatalf("changed on %s: %v", on, err)
	}
	return out
}

// putOn puts an item of a bucket as of a day.
func putOn(t *testing.T, s keyserver.Store, bucket uint8, on time.Time) {
	t.Helper()
	it := item(bucket, 1)
	it.Changed = on
	put(t, s, it)
}

func testChanges(t *testing.T, d Disk) {
	s := d.Open(t)
	for _, bucket := range []uint8{9, 3, 9, 200} {
		putOn(t, s, bucket, day(20000))
	}
	putOn(t, s, 4, day(20001))
	for on, want := range map[time.Time][]byte{
		day(19999):                     nil,
		day(20000):                     {3, 9, 200},
		day(20001):                     {4},
		day(20001).Add(11 * time.Hour): {4},
		day(20001).Add(13 * time.Hour): nil,
	} {
		if got := changes(t, s, on); !bytes.Equal(got, want) {
			t.Errorf("changed on %s = %d, want %d", on, got, want)
		}
	}
	stop := errors.New("enough")
	if err := s.ChangedOn(t.Context(), day(20000), func([4]byte) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("ChangedOn = %v, want the error of fn", err)
	}
	if err := s.ForgetChanges(t.Context(), day(20001)); err != nil {
		t.Fatal(err)
	}
	if got := changes(t, s, day(20000)); got != nil {
		t.Errorf("a forgotten day has %d", got)
	}
	if got := changes(t, s, day(20001)); !bytes.Equal(got, []byte{4}) {
		t.Errorf("the first day that is kept has %d", got)
	}
}

func testCrashChanges(t *testing.T, d Disk) {
	putOn(t, d.Open(t), 5, day(20000))
	if !d.Crash(t) {
		return // as in testCrash
	}
	if got := changes(t, d.Open(t), day(20000)); !bytes.Equal(got, []byte{5}) {
		t.Errorf("after a crash there are %d", got)
	}
}
