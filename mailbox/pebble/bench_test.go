package pebble

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"io/fs"
	mrand "math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/mailbox"
)

// The work of the goals: 400-byte envelopes to 5,000 mailboxes at random.
const (
	benchSize  = 400
	benchBoxes = 5000
)

// load keeps a number of appends waiting on a store on the machine's disk.
type load struct {
	store    *mailbox.Store
	driver   *Driver
	dir      string
	accounts []omega.Fingerprint
	items    chan *mailbox.Item // ready to be appended
	err      chan error
	n        uint64
	acks     chan ack // mail to acknowledge, oldest first; nil when not wanted
}

type ack struct {
	at      time.Time
	account omega.Fingerprint
	seq     uint64
}

func newLoad(b *testing.B, waiting int) *load { return openLoad(b, b.TempDir(), waiting) }

// openLoad is newLoad for a store that is there.
func openLoad(b *testing.B, dir string, waiting int) *load {
	l := &load{dir: dir, items: make(chan *mailbox.Item, waiting), err: make(chan error, 1)}
	var err error
	if l.driver, err = Open(Config{Dir: l.dir}); err != nil {
		b.Fatal(err)
	}
	if l.store, err = mailbox.Open(mailbox.Config{Driver: l.driver, MaxMessages: 1 << 30, MaxBytes: 1 << 40}); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { l.store.Close() })
	var digest [20]byte
	for range benchBoxes {
		rand.Read(digest[:])
		f, _ := omega.FingerprintV4(digest[:])
		l.accounts = append(l.accounts, f)
	}
	for range waiting {
		it := &mailbox.Item{Envelope: make([]byte, benchSize), Recipients: make([]omega.Fingerprint, 1), Done: l.done}
		rand.Read(it.Envelope)
		l.items <- it
	}
	return l
}

func (l *load) done(it *mailbox.Item, err error) {
	if err != nil {
		select {
		case l.err <- err:
		default:
		}
	}
	if l.acks != nil {
		l.acks <- ack{time.Now(), it.Recipients[0], it.Results[0].Seq}
	}
	l.items <- it
}

// next makes it a new envelope.
func (l *load) next(it *mailbox.Item) {
	l.n++
	binary.BigEndian.PutUint64(it.Envelope, l.n)
	binary.BigEndian.PutUint64(it.Key[:], l.n*0x9e3779b97f4a7c15)
}

// append appends n envelopes and waits until all are stored.
func (l *load) append(b *testing.B, n int) {
	for range n {
		it := <-l.items
		l.next(it)
		it.Recipients[0] = l.accounts[mrand.IntN(benchBoxes)]
		if err := l.store.Append(b.Context(), it); err != nil {
			b.Fatal(err)
		}
	}
	l.wait(b)
}

// wait returns when all that was appended is stored.
func (l *load) wait(b *testing.B) {
	var back []*mailbox.Item
	for range cap(l.items) {
		back = append(back, <-l.items)
	}
	for _, it := range back {
		it.Recipients = make([]omega.Fingerprint, 1) // a fan-out's are the accounts themselves
		l.items <- it
	}
	select {
	case err := <-l.err:
		b.Fatal(err)
	default:
	}
}

// ackLater acknowledges what was stored 30 ms ago.
func (l *load) ackLater(b *testing.B) (stop func()) {
	for _, a := range l.accounts {
		if err := l.store.SetDevices(b.Context(), a, l.accounts[:1]); err != nil {
			b.Fatal(err)
		}
	}
	l.acks = make(chan ack, 1<<20)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for a := range l.acks {
			if d := 30*time.Millisecond - time.Since(a.at); d > 0 {
				time.Sleep(d)
			}
			if err := l.store.Ack(b.Context(), a.account, l.accounts[0], a.seq); err != nil {
				b.Error(err)
				return
			}
		}
	}()
	return func() { close(l.acks); <-ended; l.acks = nil }
}

// cpu is the processor time of this process.
func cpu() time.Duration {
	var u unix.Rusage
	unix.Getrusage(unix.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func size(b *testing.B, dir string) (n int64) {
	filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if info, err := e.Info(); err == nil && !e.IsDir() {
			var st unix.Stat_t
			if unix.Stat(path, &st) == nil {
				n += st.Blocks * 512
			} else {
				n += info.Size()
			}
		}
		return nil
	})
	return n
}

func benchmarkAppend(b *testing.B, waiting int, acked bool) {
	l := newLoad(b, waiting)
	stop := func() {}
	if acked {
		stop = l.ackLater(b)
	}
	before := l.store.Stats()
	b.ReportAllocs()
	b.ResetTimer()
	start := cpu()
	l.append(b, b.N)
	stop()
	used := cpu() - start
	b.StopTimer()
	st := l.store.Stats()
	commits := float64(st.Commits - before.Commits)
	b.ReportMetric(float64(used.Nanoseconds())/1e3/float64(b.N), "cpu-µs/msg")
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "msg/s")
	b.ReportMetric(float64(b.N)/commits, "msg/commit")
	b.ReportMetric((st.SyncTime-before.SyncTime).Seconds()*1e3/commits, "ms/sync")
	b.ReportMetric(float64(size(b, l.dir))/float64(b.N), "disk-B/msg")
}

func BenchmarkAppend(b *testing.B) {
	for _, waiting := range []int{1, 20, 200, 1024} {
		b.Run(fmt.Sprint(waiting, "waiting"), func(b *testing.B) { benchmarkAppend(b, waiting, false) })
		b.Run(fmt.Sprint(waiting, "waiting/acked"), func(b *testing.B) { benchmarkAppend(b, waiting, true) })
	}
}

// BenchmarkFloor writes as many octets in groups as large, and syncs them: what
// no store can do without.
func BenchmarkFloor(b *testing.B) {
	for _, group := range []int{1, 16, 100, 500} {
		b.Run(fmt.Sprint(group, "group"), func(b *testing.B) {
			f, err := os.Create(filepath.Join(b.TempDir(), "log"))
			if err != nil {
				b.Fatal(err)
			}
			defer f.Close()
			buf := make([]byte, group*(benchSize+80))
			b.ResetTimer()
			start := cpu()
			for n := 0; n < b.N; n += group {
				if _, err := f.Write(buf); err != nil {
					b.Fatal(err)
				}
				if err := unix.Fdatasync(int(f.Fd())); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64((cpu()-start).Nanoseconds())/1e3/float64(b.N), "cpu-µs/msg")
		})
	}
}

// BenchmarkFanOut stores one envelope for 200 mailboxes.
func BenchmarkFanOut(b *testing.B) {
	l := newLoad(b, 4)
	start := cpu()
	b.ResetTimer()
	l.fanOut(b, b.N)
	b.ReportMetric(float64((cpu()-start).Nanoseconds())/1e3/float64(b.N)/200, "cpu-µs/recipient")
}

// fanOut stores n envelopes, each for 200 mailboxes.
func (l *load) fanOut(b *testing.B, n int) {
	for range n {
		it := <-l.items
		l.next(it)
		it.Recipients = l.accounts[:200]
		if err := l.store.Append(b.Context(), it); err != nil {
			b.Fatal(err)
		}
	}
	l.wait(b)
}

// BenchmarkRead fetches mailboxes of 100 mails, cold in the store.
func BenchmarkRead(b *testing.B) {
	l := newLoad(b, 1024)
	l.append(b, 100*benchBoxes)
	if err := l.store.Close(); err != nil {
		b.Fatal(err)
	}
	var err error
	if l.driver, err = Open(Config{Dir: l.dir}); err != nil {
		b.Fatal(err)
	}
	if l.store, err = mailbox.Open(mailbox.Config{Driver: l.driver, MaxCached: 100}); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.ResetTimer()
	start, mails := cpu(), 0
	for i := range b.N {
		mail, err := l.store.Read(b.Context(), l.accounts[i%benchBoxes], 0, mailbox.Limit{})
		if err != nil {
			b.Fatal(err)
		}
		mails += len(mail)
	}
	b.ReportMetric(float64((cpu()-start).Nanoseconds())/1e3/float64(mails), "cpu-µs/msg")
}

// BenchmarkTrim acknowledges mailboxes of 100 mails at once.
func BenchmarkTrim(b *testing.B) {
	l := newLoad(b, 1024)
	l.append(b, 100*benchBoxes)
	latest := make([]uint64, benchBoxes)
	for i, a := range l.accounts {
		mail, err := l.store.Read(b.Context(), a, 0, mailbox.Limit{Messages: 1000, Bytes: 1 << 30})
		if err != nil {
			b.Fatal(err)
		}
		latest[i] = mail[len(mail)-1].Seq
		if err := l.store.SetDevices(b.Context(), a, l.accounts[:1]); err != nil {
			b.Fatal(err)
		}
	}
	if b.N > 1 {
		b.Skip("is measured once; run with -benchtime 1x")
	}
	b.ResetTimer()
	start := cpu()
	for i, a := range l.accounts {
		if err := l.store.Ack(b.Context(), a, l.accounts[0], latest[i]); err != nil {
			b.Fatal(err)
		}
	}
	if err := l.store.Close(); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64((cpu()-start).Nanoseconds())/1e3/(100*benchBoxes), "cpu-µs/msg")
}

// BenchmarkOpen opens a store with a million waiting mails, and an empty one.
func BenchmarkOpen(b *testing.B) {
	for _, mails := range []int{0, 1_000_000} {
		b.Run(fmt.Sprint(mails), func(b *testing.B) {
			l := newLoad(b, 1024)
			l.append(b, mails)
			if err := l.store.Close(); err != nil {
				b.Fatal(err)
			}
			onDisk := size(b, l.dir)
			for b.Loop() {
				d, err := Open(Config{Dir: l.dir})
				if err != nil {
					b.Fatal(err)
				}
				s, err := mailbox.Open(mailbox.Config{Driver: d})
				if err != nil {
					b.Fatal(err)
				}
				s.Close()
			}
			b.ReportMetric(float64(onDisk)/float64(max(mails, 1)), "disk-B/msg")
		})
	}
}
