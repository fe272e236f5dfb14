package keyserver

import (
	"container/list"
	"sync"

	"github.com/omega-im/omega"
)

// cache keeps the parsed entries that were used last.
type cache struct {
	mu   sync.Mutex
	m    map[omega.Fingerprint]*list.Element // by primary key; guarded by mu
	used list.List                           // of *Entry, last used first; guarded by mu
	gen  uint64                              // rises with every put; guarded by mu
	max  int
}

func (c *cache) init(max int) {
	c.max = max
	c.m = make(map[omega.Fingerprint]*list.Element)
}

// get returns nil when the entry is not in memory.
func (c *cache) get(fp omega.Fingerprint) *Entry {
	c.mu.Lock()
	defer c.mu.Unlock()
	el, ok := c.m[fp]
	if !ok {
		return nil
	}
	c.used.MoveToFront(el)
	return el.Value.(*Entry)
}

// put replaces what is there.
func (c *cache) put(e *Entry) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.gen++
	if el, ok := c.m[e.Fingerprint()]; ok {
		el.Value = e
		c.used.MoveToFront(el)
		return
	}
	c.add(e)
}

func (c *cache) generation() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.gen
}

// putIfUnchanged keeps an entry that was read from the store when the cache
// was at gen. If something was put since, it may be old, and is not kept.
func (c *cache) putIfUnchanged(e *Entry, gen uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.m[e.Fingerprint()]; !ok && c.gen == gen {
		c.add(e)
	}
}

// add keeps e and drops the entry that was used longest ago. c.mu is held.
func (c *cache) add(e *Entry) {
	c.m[e.Fingerprint()] = c.used.PushFront(e)
	if c.used.Len() <= c.max {
		return
	}
	last := c.used.Back()
	c.used.Remove(last)
	delete(c.m, last.Value.(*Entry).Fingerprint())
}

// drop forgets an entry that is gone.
func (c *cache) drop(fp omega.Fingerprint) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.gen++
	if el, ok := c.m[fp]; ok {
		c.used.Remove(el)
		delete(c.m, fp)
	}
}
