package node

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/omega-im/omega"
)

// TestComparisons: a server that never comes to an end holds up nobody, nor do
// more of them than are compared with at once for ever; who comes back is
// compared with again.
func TestComparisons(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var all []omega.Fingerprint
		for i := range compareAtOnce + 1 {
			fp, err := omega.FingerprintV4(append(make([]byte, 19), byte(i)))
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, fp)
		}
		honest := all[compareAtOnce]
		var done atomic.Int64
		var fails error
		c := newComparisons(func(ctx context.Context, server omega.Fingerprint) error {
			if server == honest {
				done.Add(1)
				return fails
			}
			<-ctx.Done()
			return ctx.Err()
		})
		ctx, cancel := context.WithCancel(t.Context())
		pass := func(d time.Duration, there []omega.Fingerprint) {
			for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(time.Second) {
				c.look(ctx, there, time.Now())
			}
			synctest.Wait()
		}
		pass(time.Minute, []omega.Fingerprint{all[0], honest})
		if n := done.Load(); n != 1 {
			t.Errorf("beside a slow one, compared %d times in a minute", n)
		}
		pass(time.Second, all[:1])
		pass(time.Second, []omega.Fingerprint{all[0], honest})
		if n := done.Load(); n != 2 {
			t.Errorf("back again, compared %d times", n)
		}
		c.meet(honest)
		pass(time.Second, []omega.Fingerprint{all[0], honest})
		if n := done.Load(); n != 3 {
			t.Errorf("away between two looks, compared %d times", n)
		}
		c.meetAll()
		pass(time.Second, []omega.Fingerprint{all[0], honest})
		if n := done.Load(); n != 4 {
			t.Errorf("all are due, compared %d times", n)
		}
		fails = errors.New("it broke")
		c.meet(honest)
		pass(2*time.Second, []omega.Fingerprint{all[0], honest})
		fails = nil
		pass(2*compareAgain, []omega.Fingerprint{all[0], honest})
		if n := done.Load(); n != 6 {
			t.Errorf("after one that failed, compared %d times", n)
		}
		pass(3*compareInterval, all)
		if n := done.Load(); n < 7 {
			t.Errorf("beside many slow ones, compared %d times", n)
		}
		cancel()
		c.wait()
	})
}
