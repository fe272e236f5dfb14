package pebble

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/mailbox"
	"github.com/omega-im/omega/mailbox/mailboxtest"
)

func openStore(t *testing.T, m *machine) (*Driver, *mailbox.Store) {
	t.Helper()
	d, err := m.open()
	if err != nil {
		t.Fatal(err)
	}
	s, err := mailbox.Open(mailbox.Config{Driver: d, FlushInterval: 10 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return d, s
}

// text is the envelope that tells n.
func text(n int) []byte { return []byte(fmt.Sprintf("envelope %d %s", n, strings.Repeat("y", 200))) }

func appendText(t *testing.T, s *mailbox.Store, n int, to ...int) error {
	t.Helper()
	done := make(chan error, 1)
	it := &mailbox.Item{Envelope: text(n), Done: func(_ *mailbox.Item, err error) { done <- err }}
	binary.BigEndian.PutUint64(it.Key[:], uint64(n))
	for _, a := range to {
		it.Recipients = append(it.Recipients, mailboxtest.Account(a))
	}
	if err := s.Append(t.Context(), it); err != nil {
		return err
	}
	return <-done
}

// A disk that fails to sync, or to write the log or the manifest, ends the
// store, not the process, and what was answered is there when it is opened.
func TestFailingDisk(t *testing.T) {
	tests := []struct {
		name  string
		fault func(*faultFS)
	}{
		{"sync", func(f *faultFS) { f.badSync.Store(true) }},
		{"write", func(f *faultFS) { f.badWrite.Store(true) }},
		{"create", func(f *faultFS) { f.badCreate.Store(true) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := newMachine(Config{MemTable: 64 << 10, Window: 5})
			d, s := openStore(t, m)
			stored := 0
			for ; stored < 1000; stored++ {
				if err := appendText(t, s, stored, 1); err != nil {
					t.Fatalf("append %d: %v", stored, err)
				}
			}
			tt.fault(m.fault)
			var err error
			for n := 1000; err == nil && n < 100_000; n++ {
				if err = appendText(t, s, n, 1); err == nil {
					stored = n + 1
				}
			}
			if !errors.Is(err, mailbox.ErrFailed) {
				t.Fatalf("append on a failing disk = %v, want %v", err, mailbox.ErrFailed)
			}
			<-s.Failed()
			if err := s.Close(); !errors.Is(err, mailbox.ErrFailed) {
				t.Errorf("close = %v, want %v", err, mailbox.ErrFailed)
			}
			if d.Room() == nil {
				t.Error("a failed driver has room")
			}
			m.Crash()
			_, s = openStore(t, m)
			mail, err := s.Read(t.Context(), mailboxtest.Account(1), 0, mailbox.Limit{Messages: 1 << 20, Bytes: 1 << 40})
			if err != nil || len(mail) < stored {
				t.Fatalf("%d mails after reopening, %v; %d were answered", len(mail), err, stored)
			}
		})
	}
}

// The disk is full when Pebble makes a new log, flushes and compacts.
func TestFullAtEveryWrite(t *testing.T) {
	m := newMachine(Config{MemTable: 64 << 10, Window: 5})
	_, s := openStore(t, m)
	n := 0
	for round := range 20 {
		m.fault.fullAfter.Store(int64(1 + round*3))
		for filled := false; !filled; n++ {
			switch err := appendText(t, s, n, 1); {
			case errors.Is(err, mailbox.ErrDiskFull):
				filled = true
			case err != nil:
				t.Fatalf("append: %v", err)
			}
			if n > 1_000_000 {
				t.Fatal("never full")
			}
		}
		m.fault.fullAfter.Store(0)
		for errors.Is(appendText(t, s, n-1, 1), mailbox.ErrDiskFull) {
			time.Sleep(time.Millisecond)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	m.Crash()
	_, s = openStore(t, m)
	mail, err := s.Read(t.Context(), mailboxtest.Account(1), 0, mailbox.Limit{Messages: 1 << 20, Bytes: 1 << 40})
	if err != nil || len(mail) != n {
		t.Fatalf("%d mails, %v; want %d", len(mail), err, n)
	}
	for i, got := range mail {
		if string(got.Envelope) != string(text(i)) {
			t.Fatalf("mail %d is %q", i, got.Envelope)
		}
	}
}

// usageFS is a file system that tells how much is free.
type usageFS struct {
	vfs.FS
	free atomic.Uint64 // the database asks on goroutines of its own, too
}

func (f *usageFS) GetDiskUsage(string) (vfs.DiskUsage, error) {
	return vfs.DiskUsage{AvailBytes: f.free.Load(), TotalBytes: 100 << 30}, nil
}

func TestReserve(t *testing.T) {
	fs := &usageFS{FS: vfs.NewMem()}
	fs.free.Store(1 << 30)
	d, err := Open(Config{Dir: "mail", FS: fs, Reserve: 1000})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if err := d.Room(); err != nil {
		t.Errorf("room = %v", err)
	}
	fs.free.Store(999)
	for start := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		err := d.Room()
		if errors.Is(err, mailbox.ErrDiskFull) {
			break
		}
		if err != nil || time.Since(start) > 10*time.Second {
			t.Fatalf("room with 999 free = %v, want %v", err, mailbox.ErrDiskFull)
		}
	}
}

// counts returns how many keys each space has.
func counts(t *testing.T, d *Driver) map[byte]int {
	t.Helper()
	n := make(map[byte]int)
	err := d.scan(context.Background(), []byte{spaceMail}, []byte{0xff}, func(k, _ []byte) (bool, error) {
		n[k[0]]++
		return true, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestNothingIsLeftBehind(t *testing.T) {
	for _, window := range []int{1, 1000} {
		m := newMachine(Config{Window: window})
		d, s := openStore(t, m)
		for n := range 20 {
			if err := appendText(t, s, n, 1, 2, 3+n%9); err != nil {
				t.Fatal(err)
			}
			if err := appendText(t, s, 100+n, 1); err != nil {
				t.Fatal(err)
			}
		}
		if got := counts(t, d)[spaceMail]; got != 40 {
			t.Errorf("window %d: %d envelopes on disk, want each of 40 once", window, got)
		}
		for a := range 13 {
			account := mailboxtest.Account(a)
			mail, err := s.Read(t.Context(), account, 0, mailbox.Limit{})
			if err != nil {
				t.Fatal(err)
			}
			if err := s.SetDevices(t.Context(), account, []omega.Fingerprint{account}); err != nil {
				t.Fatal(err)
			}
			if len(mail) > 0 {
				if err := s.Ack(t.Context(), account, account, mail[len(mail)-1].Seq); err != nil {
					t.Fatal(err)
				}
			}
			if a == 5 { // the rest is trimmed without what memory knew
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
				_, s = openStore(t, m)
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		d, _ = openStore(t, m)
		got := counts(t, d)
		if got[spaceMail] != 0 || got[spaceHolders] != 0 || got[spaceBox] != 13 {
			t.Errorf("window %d: left on disk %v, want 13 device sets", window, got)
		}
	}
}

func TestFormat(t *testing.T) {
	m := newMachine(Config{})
	d, err := m.open()
	if err != nil {
		t.Fatal(err)
	}
	if err := d.db.Set(headKey, []byte{Format + 1, 1, 2, 3, 4, 5, 6, 7, 8}, nil); err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := m.Open(); err == nil || !strings.Contains(err.Error(), "disk layout") {
		t.Errorf("open an unknown format = %v", err)
	}
}

// A store of format 1, which has no tombstones, becomes one of format 2 in place.
func TestUpgrade(t *testing.T) {
	m := newMachine(Config{})
	_, s := openStore(t, m)
	if err := appendText(t, s, 1, 1); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	d, err := m.open()
	if err != nil {
		t.Fatal(err)
	}
	incarnation := d.State().Incarnation
	sums, err := d.get(sumsKey)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.db.Set(headKey, append([]byte{1}, incarnation[:]...), nil); err != nil {
		t.Fatal(err)
	}
	if err := d.db.Set(sumsKey, sums[:oldSumsSize], nil); err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	d, s = openStore(t, m)
	if got := s.Incarnation(); got != incarnation {
		t.Errorf("incarnation %x after the upgrade, %x before", got, incarnation)
	}
	if head, err := d.get(headKey); err != nil || head[0] != Format {
		t.Errorf("head after the upgrade = %x, %v", head, err)
	}
	account := mailboxtest.Account(1)
	mail, err := s.Read(t.Context(), account, 0, mailbox.Limit{})
	if err != nil || len(mail) != 1 || string(mail[0].Envelope) != string(text(1)) {
		t.Errorf("mail after the upgrade = %+v, %v", mail, err)
	}
}

// One flipped bit anywhere is found by a checksum: the store says so, or what
// it returns is right.
func TestFlippedBits(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	lost, trials := 0, 60
	if n, err := strconv.Atoi(os.Getenv("TRIALS")); err == nil {
		trials = n
	}
	for trial := range trials {
		m := newMachine(Config{MemTable: 64 << 10, Window: 5})
		_, s := openStore(t, m)
		const mails = 300
		for n := range mails {
			if err := appendText(t, s, n, 1); err != nil {
				t.Fatal(err)
			}
		}
		m.Crash()
		s.Close()
		name := flip(t, m.disk, rng)
		d, err := m.Open()
		if err != nil {
			continue
		}
		s, err = mailbox.Open(mailbox.Config{Driver: d})
		if err != nil {
			continue
		}
		mail, err := s.Read(t.Context(), mailboxtest.Account(1), 0, mailbox.Limit{Messages: 1 << 20, Bytes: 1 << 40})
		known := make(map[string]bool)
		for n := range mails {
			known[string(text(n))] = true
		}
		for _, got := range mail {
			if !known[string(got.Envelope)] {
				t.Fatalf("trial %d, %s: mail %d is %q", trial, name, got.Seq, got.Envelope)
			}
		}
		if err == nil && len(mail) < mails-2 { // see audit.go
			lost++
			t.Logf("trial %d, %s: %d mails of %d", trial, name, len(mail), mails)
		}
		s.Close()
	}
	if lost > 0 {
		t.Errorf("%d trials lost mail without an error", lost)
	}
}

// flip changes one bit of one file.
func flip(t *testing.T, disk *vfs.MemFS, rng *rand.Rand) string {
	t.Helper()
	names, err := disk.List("mail")
	if err != nil {
		t.Fatal(err)
	}
	for {
		name := names[rng.IntN(len(names))]
		path := disk.PathJoin("mail", name)
		f, err := disk.OpenReadWrite(path, vfs.WriteCategoryUnspecified)
		if err != nil {
			continue
		}
		data, err := io.ReadAll(f)
		if err != nil || len(data) == 0 {
			f.Close()
			continue
		}
		at := rng.IntN(len(data))
		if _, err := f.WriteAt([]byte{data[at] ^ 1<<rng.IntN(8)}, int64(at)); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(f.Sync(), f.Close()); err != nil {
			t.Fatal(err)
		}
		return fmt.Sprintf("%s octet %d of %d", name, at, len(data))
	}
}
