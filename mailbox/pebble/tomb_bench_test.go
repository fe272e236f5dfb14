package pebble

import (
	"crypto/rand"
	"fmt"
	mrand "math/rand/v2"
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/mailbox"
)

// bury has a driver hold n tombstones of mail that nobody sends again, for each
// of the 40 days that mail can last.
func bury(b *testing.B, d *Driver, n int) {
	const segment, days = 2048, 40
	today := uint16(time.Now().Unix() / (24 * 60 * 60))
	keys := make([]byte, segment*len(mailbox.Key{}))
	for i := 0; i*segment < n; i++ {
		run := mailbox.TombRun{TombID: mailbox.TombID{Day: today + 1 + uint16(i%days), Segment: uint32(i + 1)}, Keys: make([]mailbox.Key, segment)}
		rand.Read(keys)
		for j := range run.Keys {
			copy(run.Keys[j][:], keys[j*len(mailbox.Key{}):])
		}
		batch := &mailbox.Batch{Tombs: []mailbox.TombRun{run}, First: 1, Totals: mailbox.Totals{Tombstones: int64((i + 1) * segment)}}
		if err := d.Apply(batch); err != nil {
			b.Fatal(err)
		}
		if err := d.Sync(batch); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkTombstones stores envelopes where so many tombstones stand: what the
// look for one costs, for one mailbox and for 200, and what a repetition does
// that has one, which is looked for on disk. (spec/delivery.md, DELIV-16)
func BenchmarkTombstones(b *testing.B) {
	for _, standing := range []int{0, 1 << 20, 1 << 23} {
		b.Run(fmt.Sprint(standing), func(b *testing.B) {
			dir := b.TempDir()
			d, err := Open(Config{Dir: dir})
			if err != nil {
				b.Fatal(err)
			}
			bury(b, d, standing)
			if err := d.Close(); err != nil {
				b.Fatal(err)
			}
			l := openLoad(b, dir, 1024)
			if n := l.store.Stats().Tombstones; n != int64(standing) {
				b.Fatalf("%d tombstones, want %d", n, standing)
			}
			b.Run("append", func(b *testing.B) {
				start := cpu()
				l.append(b, b.N)
				l.report(b, start, b.N)
			})
			b.Run("fanout", func(b *testing.B) {
				start := cpu()
				l.fanOut(b, b.N)
				l.report(b, start, 200*b.N)
			})
			b.Run("again", l.again)
		})
	}
}

// report notes the processor time since start.
func (l *load) report(b *testing.B, start time.Duration, n int) {
	b.ReportMetric(float64((cpu()-start).Nanoseconds())/1e3/float64(n), "cpu-µs/recipient")
}

// again acknowledges mail and brings it once more.
func (l *load) again(b *testing.B) {
	const mails = 4096
	type sent struct {
		key mailbox.Key
		to  omega.Fingerprint
		seq uint64
	}
	rng := mrand.New(mrand.NewPCG(1, 2))
	var all []sent
	before := l.store.Stats().Tombstones
	for range mails {
		it := <-l.items
		l.next(it)
		it.Recipients[0] = l.accounts[rng.IntN(benchBoxes)]
		one := sent{key: it.Key, to: it.Recipients[0]}
		it.Staged = func(it *mailbox.Item) { one.seq = it.Results[0].Seq }
		if err := l.store.Append(b.Context(), it); err != nil {
			b.Fatal(err)
		}
		it.Staged = nil
		all = append(all, one)
	}
	l.wait(b)
	for _, one := range all {
		if err := l.store.SetDevices(b.Context(), one.to, l.accounts[:1]); err != nil {
			b.Fatal(err)
		}
		if err := l.store.Ack(b.Context(), one.to, l.accounts[0], one.seq); err != nil {
			b.Fatal(err)
		}
	}
	for l.store.Stats().Tombstones < before+mails {
		time.Sleep(10 * time.Millisecond)
	}
	b.ResetTimer()
	start := cpu()
	for i := range b.N {
		it := <-l.items
		it.Key, it.Recipients[0] = all[i%mails].key, all[i%mails].to
		if err := l.store.Append(b.Context(), it); err != nil {
			b.Fatal(err)
		}
		if r := it.Results[0]; !r.Duplicate {
			b.Fatalf("%+v", r)
		}
	}
	l.wait(b)
	l.report(b, start, b.N)
}
