package proxy

import (
	"sync"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/keyserver"
)

// shardCount spreads the locks of what every message reads.
const shardCount = 64

// A shardMap is a map by fingerprint that many goroutines read at once.
type shardMap[V any] struct {
	shards [shardCount]shard[V]
}

type shard[V any] struct {
	mu sync.RWMutex
	m  map[omega.Fingerprint]V // guarded by mu
	_  [32]byte                // two shards do not share a cache line
}

func (m *shardMap[V]) init() {
	for i := range m.shards {
		m.shards[i].m = make(map[omega.Fingerprint]V)
	}
}

func (m *shardMap[V]) shard(fp omega.Fingerprint) *shard[V] {
	return &m.shards[keyserver.Bucket(fp)%shardCount]
}

// get returns the zero value when there is none.
func (m *shardMap[V]) get(fp omega.Fingerprint) V {
	s := m.shard(fp)
	s.mu.RLock()
	v := s.m[fp]
	s.mu.RUnlock()
	return v
}

// swap sets a value and returns the one before it.
func (m *shardMap[V]) swap(fp omega.Fingerprint, v V) V {
	s := m.shard(fp)
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.m[fp]
	s.m[fp] = v
	return old
}

// removeIf removes the value of fp if ok says so of it, and reports whether.
func (m *shardMap[V]) removeIf(fp omega.Fingerprint, ok func(V) bool) bool {
	s := m.shard(fp)
	s.mu.Lock()
	defer s.mu.Unlock()
	v, there := s.m[fp]
	if !there || !ok(v) {
		return false
	}
	delete(s.m, fp)
	return true
}

// getOr returns the value of fp, set to a new one if there is none.
func (m *shardMap[V]) getOr(fp omega.Fingerprint, fresh func() V) V {
	s := m.shard(fp)
	s.mu.RLock()
	v, ok := s.m[fp]
	s.mu.RUnlock()
	if ok {
		return v
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if v, ok = s.m[fp]; !ok {
		v = fresh()
		s.m[fp] = v
	}
	return v
}

// all returns the values of this moment, shard by shard.
func (m *shardMap[V]) all(visit func(V)) {
	var list []V
	for i := range m.shards {
		s := &m.shards[i]
		list = list[:0]
		s.mu.RLock()
		for _, v := range s.m {
			list = append(list, v)
		}
		s.mu.RUnlock()
		for _, v := range list {
			visit(v)
		}
	}
}
