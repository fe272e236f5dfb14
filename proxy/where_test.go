package proxy

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/pgp"
	"github.com/omega-im/omega/wire"
)

// shownEntry is entry for somebody whose proxy anyone may know.
func (p *testPerson) shownEntry(homes ...*testServer) wire.Entry {
	p.t.Helper()
	p.entry(homes...)
	rec := p.record
	rec.Flags |= wire.RecordShowProxy
	sig, err := pgp.SignCompact(p.t.Context(), p.devices[0].Signing, rec.Signed(), time.Now())
	if err != nil {
		p.t.Fatal(err)
	}
	rec.Sig = wire.Signature{Time: time.Now().Unix(), Bytes: sig}
	return wire.Entry{Certificate: p.cert.Bytes(), Record: rec.Bytes()}
}

// TestWhereIsAskedOnce: however many visitors ask where a user is, the homes are
// asked once in a while; of very many users not all at once; and who is told to wait
// is not told that there is nobody. (spec/directory.md, DIR-8)
func TestWhereIsAskedOnce(t *testing.T) {
	inCloud(t, 3, func(t *testing.T, c *testCloud) {
		home, site := c.servers[1], c.servers[0]
		bob := newPerson(t, 1)
		c.publish(bob.shownEntry(home))
		newClient(bob, 0).attach(c.servers[2], home).attachedAt(home, 0)
		asked := 0
		c.mu.Lock()
		c.spy = func(_, _ int, f wire.Frame) {
			if f.Type == wire.TypeWhere {
				asked++
			}
		}
		c.mu.Unlock()
		var wg sync.WaitGroup
		for range 500 {
			wg.Go(func() {
				if at, err := site.proxy.Where(t.Context(), bob.fp()); err != nil || at != c.servers[2].fp() {
					t.Errorf("he is at %v, %v", at, err)
				}
			})
		}
		wg.Wait()
		if asked != 1 {
			t.Errorf("the home was asked %d times", asked)
		}
		time.Sleep(whereLife)
		if _, err := site.proxy.Where(t.Context(), bob.fp()); err != nil || asked != 2 {
			t.Errorf("later: %v, asked %d times", err, asked)
		}
		var q wheres
		now := time.Now()
		begun := 0
		for range 3 * maxWheres {
			n, mine, err := q.begin(nobody(t), now)
			if err != nil {
				if codeOf(err) != omega.CodeRateLimited {
					t.Fatal(err)
				}
				now = now.Add(whereInterval)
				continue
			}
			if begun++; mine {
				q.end(n, omega.Fingerprint{}, now)
			}
		}
		if len(q.known) > maxWheres || begun < maxWheres {
			t.Errorf("%d answers are kept of %d", len(q.known), begun)
		}
		synctest.Wait()
	})
}
