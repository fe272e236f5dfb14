package cloud

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/mesh"
	"github.com/omega-im/omega/transport"
)

// A newcomer that has a part of the link-state measures its sample while the rest
// comes, as soon as the part is large enough to draw from, and once.
// (spec/cloud.md, CLOUD-11)
func TestNewcomerMeasuresWhileItFetches(t *testing.T) {
	for known, want := range map[int]int32{mesh.ProbeEarly - 1: 0, mesh.ProbeEarly: mesh.ProbeServers} {
		var measured atomic.Int32
		o := fetchingOwner(t, known, func(context.Context, transport.Address) (time.Duration, error) {
			measured.Add(1)
			return time.Millisecond, nil
		})
		for range 3 {
			o.planJoin()
		}
		o.wg.Wait()
		if got := measured.Load(); got != want {
			t.Errorf("with %d servers known %d are measured, want %d", known, got, want)
		}
	}
}

// fetchingOwner is the owner of a newcomer that fetches the link-state over a
// connection, and has that many servers of it.
func fetchingOwner(t *testing.T, known int, probe func(context.Context, transport.Address) (time.Duration, error)) *owner {
	now := time.Now()
	verify := func(omega.Fingerprint, []byte, time.Time, mesh.Signature) error { return nil }
	sign := func([]byte, time.Time) (mesh.Signature, error) { return mesh.Signature{}, nil }
	self := identity(t, "server 0").Account()
	o := &owner{
		Cloud: &Cloud{self: self, cfg: Config{Probe: probe}, stopped: make(chan struct{})},
		ctx:   t.Context(), now: now, rng: rand.New(rand.NewPCG(1, 1)), neighbours: map[omega.Fingerprint]*neighbour{},
		db: mesh.NewDB(mesh.Config{Self: self, Verify: verify}),
	}
	close(o.stopped) // nobody runs it
	servers := make([]omega.Fingerprint, known)
	for i := range servers {
		fp, err := omega.FingerprintV4([]byte(fmt.Sprintf("%020d", i)))
		if err != nil {
			t.Fatal(err)
		}
		servers[i] = fp
	}
	for i, fp := range servers {
		a := mesh.Announcement{
			Server: fp, Sequence: 1, Issued: now.Truncate(time.Millisecond), Expires: now.Truncate(time.Millisecond).Add(mesh.MaxAge),
			Flags: mesh.FlagTransit, Peer: fmt.Sprintf("s%d.example.org:7001", i), Operator: fmt.Sprint(i),
		}
		for _, k := range []int{-2, -1, 1, 2} {
			a.Links = append(a.Links, mesh.Link{Peer: servers[(i+k+known)%known], RTT: time.Millisecond})
		}
		slices.SortFunc(a.Links, func(x, y mesh.Link) int { return x.Peer.Compare(y.Peer) })
		b, err := a.Sign(sign)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := o.db.Apply(now, b); err != nil {
			t.Fatal(err)
		}
	}
	o.view = o.db.View(now, &o.standing)
	o.neighbours[servers[0]] = &neighbour{fp: servers[0], link: &link{peer: servers[0], exchange: exchange{active: now}}}
	return o
}
