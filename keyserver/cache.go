package keyserver

import (
	"container/list"
	"sync"

	"github.com/omega-im/omega"
)

// A cache keeps what was used last: parsed entries, or plain views.
type cache[V interface{ Fingerprint() omega.Fingerprint }] struct {
	mu   sync.Mutex
	m    map[omega.Fingerprint]*list.Element // by primary key; guarded by mu
	used list.List                           // of V, last used first; guarded by mu
	gen  uint64                              // rises with every put and drop; guarded by mu
	max  int
}

func (c *cache[V]) init(max int) {
	c.max = max
	c.m = make(map[omega.Fingerprint]*list.Element)
}

// get returns nothing when it is not in memory.
func (c *cache[V]) get(fp omega.Fingerprint) (v V) {
	c.mu.Lock()
	defer c.mu.Unlock()
	el, ok := c.m[fp]
	if !ok {
		return v
	}
	c.used.MoveToFront(el)
	return el.Value.(V)
}

// put replaces what is there.
func (c *cache[V]) put(v V) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.gen++
	if el, ok := c.m[v.Fingerprint()]; ok {
		el.Value = v
		c.used.MoveToFront(el)
		return
	}
	c.add(v)
}

func (c *cache[V]) generation() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.gen
}

// putIfUnchanged keeps what was read from the store when the cache
// was at gen. If something was put since, it may be old, and is not kept.
func (c *cache[V]) putIfUnchanged(v V, gen uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.m[v.Fingerprint()]; !ok && c.gen == gen {
		c.add(v)
	}
}

// add keeps v and drops what was used longest ago. c.mu is held.
func (c *cache[V]) add(v V) {
	c.m[v.Fingerprint()] = c.used.PushFront(v)
	if c.used.Len() <= c.max {
		return
	}
	last := c.used.Back()
	c.used.Remove(last)
	delete(c.m, last.Value.(V).Fingerprint())
}

// drop forgets what is gone.
func (c *cache[V]) drop(fp omega.Fingerprint) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.gen++
	if el, ok := c.m[fp]; ok {
		c.used.Remove(el)
		delete(c.m, fp)
	}
}
