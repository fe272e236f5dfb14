package node

import (
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/directory"
	"github.com/omega-im/omega/internal/cputime"
	"github.com/omega-im/omega/mesh"
)

// fileDirectory is what the web site remembers of other servers.
const fileDirectory = "directory.state"

// newDirectory makes the web site.
func (n *Node) newDirectory() (*directory.Directory, error) {
	state := filepath.Join(n.cfg.Dir, fileDirectory)
	f := &figures{node: n, at: time.Now(), used: cputime.Used()}
	cfg := directory.Config{
		Identity: n.identity, Topology: n.cloud.Topology, RTT: n.rtts, Clock: n.opt.Clock, Logger: n.log,
		Private: n.cfg.Cloud.Private, ProbeInterval: time.Duration(n.cfg.Probe.Interval), Announce: f.announce, Where: n.where,
		Refused: n.refusal, ClockOff: n.clockOffDuration,
		Load: func() ([]byte, error) { return os.ReadFile(state) },
		Save: func(b []byte) error { return writeFile(state, b) },
	}
	if cfg.ProbeInterval > 0 {
		cfg.Probe = n.probe
	}
	return directory.New(cfg)
}

// refusal is why this server is no part of its cloud, for /api/v1/topology.
func (n *Node) refusal() *directory.Refusal {
	r := n.refused()
	if r == nil {
		return nil
	}
	return &directory.Refusal{By: r.By, Reason: r.Why.String(), Text: r.Text}
}

// clockOffDuration is how far this server's clock is ahead of others', for its page.
func (n *Node) clockOffDuration() time.Duration {
	off := n.clockOff()
	if off == nil {
		return 0
	}
	return time.Duration(off.Ahead * float64(time.Second))
}

// where tells which proxy a user is on who wants that to be known.
func (n *Node) where(ctx context.Context, account omega.Fingerprint) (*omega.Fingerprint, error) {
	at, err := n.proxy.Where(ctx, account)
	switch {
	case errors.Is(err, &omega.Error{Code: omega.CodeNotFound}):
		return nil, directory.ErrNobody
	case err != nil:
		return nil, err
	case at.IsZero():
		return nil, nil
	}
	return &at, nil
}

// figures are what a server says about its own work. They belong to the goroutine
// that runs probes. (spec/directory.md, DIR-7)
type figures struct {
	node *Node

	at   time.Time     // of the announcement before
	used time.Duration // of processors until then

	counted time.Time     // when users were counted
	took    time.Duration // and how long that took
	users   int
}

// Counting the users reads the whole key server: it may take a hundredth of the
// time, and is not done more often than this.
const (
	countInterval = 10 * time.Second
	countShare    = 100
)

// announce says what probes found, with the load and the users of this server.
func (f *figures) announce(ctx context.Context, extension []byte) error {
	now, used := time.Now(), cputime.Used()
	load := loadOf(used-f.used, now.Sub(f.at), runtime.NumCPU())
	f.at, f.used = now, used
	if now.Sub(f.counted) > max(countInterval, countShare*f.took) {
		if n, err := f.node.keys.Residents(ctx, f.node.Fingerprint()); err == nil {
			f.users, f.counted, f.took = roundUsers(n), now, time.Since(now)
		}
	}
	return f.node.cloud.Update(func(a *mesh.Announcement) {
		a.Extension, a.Load, a.Users = extension, load, uint32(f.users)
	})
}

// loadOf is the share of the processors that was used, per mille.
func loadOf(used, elapsed time.Duration, processors int) uint16 {
	if elapsed <= 0 {
		return 0
	}
	share := float64(used) / (float64(elapsed) * float64(processors))
	return uint16(math.Round(1000 * min(max(share, 0), 1)))
}

// roundUsers keeps two digits: the list tells about how many.
func roundUsers(n int) int {
	unit := 1
	for n/unit >= 100 {
		unit *= 10
	}
	return (n + unit/2) / unit * unit
}
