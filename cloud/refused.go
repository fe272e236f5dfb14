package cloud

import (
	"sync"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/mesh"
)

// refusedGrace is how long a refusal counts after the moment at which this server
// may ask again: the next answer comes with that.
const refusedGrace = time.Minute

// A Refused is why this server has no link to its cloud. (spec/cloud.md, CLOUD-41)
type Refused struct {
	By    omega.Fingerprint
	Why   mesh.Refusal
	Text  string    // of By
	Again time.Time // when By is asked again
}

// refusals are the answers of servers that gave this one no link, while it has
// none.
type refusals struct {
	mu sync.Mutex
	by map[omega.Fingerprint]Refused // guarded by mu
}

func (r *refusals) note(x Refused) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.by == nil {
		r.by = map[omega.Fingerprint]Refused{}
	}
	if _, known := r.by[x.By]; known || len(r.by) < mesh.LinkCap {
		r.by[x.By] = x
	}
}

// forget is called when there is a link.
func (r *refusals) forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	clear(r.by)
}

// Refused returns why this server has no link, if it was refused and that counts
// still: of several refusals the one that lasts longest, which is the one that
// somebody has to do something about.
func (c *Cloud) Refused() (worst Refused, refused bool) {
	now := c.cfg.Clock()
	c.refusals.mu.Lock()
	defer c.refusals.mu.Unlock()
	for _, x := range c.refusals.by {
		if now.Before(x.Again.Add(refusedGrace)) && (!refused || x.Again.After(worst.Again)) {
			worst, refused = x, true
		}
	}
	return worst, refused
}
