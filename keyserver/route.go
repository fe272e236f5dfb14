package keyserver

import (
	"context"
	"encoding/binary"
	"errors"
	"sync"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/wire"
)

// A Route is what delivery needs of an account for every message. It is
// immutable and may be shared.
type Route struct {
	Sequence   uint64 // of the location record; 0 when the account has none
	Generation uint64 // see Server.Generation
	Homes      []omega.Fingerprint
	Deleted    bool // by the owner: nothing is kept for it, and it has no homes
}

// Route returns where an account's mail goes. It verifies nothing: what is
// stored was verified. The error is that of Find.
func (s *Server) Route(ctx context.Context, account omega.Fingerprint) (*Route, error) {
	if r := s.routes.get(account); r != nil {
		return r, nil
	}
	gen := s.routes.generation(account)
	item, err := s.cfg.Store.Get(ctx, account)
	if errors.Is(err, ErrNotFound) {
		return nil, notFound(account)
	}
	if err != nil {
		return nil, omega.Errorf(omega.CodeInternal, "%v", err)
	}
	r := &Route{Sequence: item.Sequence, Generation: generation(item.Hash)}
	if r.Homes, err = homesOf(item); err != nil {
		return nil, err
	}
	if len(r.Homes) == 0 {
		e, err := s.parse(item, s.cfg.Now())
		if err != nil {
			return nil, omega.Errorf(omega.CodeInternal, "%v", err)
		}
		r.Deleted = e.Certificate.Deleted()
	}
	s.routes.putIfUnchanged(account, r, gen)
	return r, nil
}

// homesOf reads the homes out of what is stored.
func homesOf(item *Item) ([]omega.Fingerprint, error) {
	w, err := wire.DecodeEntry(item.Entry)
	if err != nil || len(w.Record) == 0 {
		return nil, nil
	}
	rec, err := wire.DecodeRecord(w.Record)
	if err != nil {
		return nil, omega.Errorf(omega.CodeInternal, "stored record of %s: %v", item.Fingerprint, err)
	}
	return rec.Homes, nil
}

// generation is never 0: that means that nothing stands.
func generation(hash [32]byte) uint64 { return max(binary.BigEndian.Uint64(hash[:]), 1) }

// routeShards spreads the locks: every message reads one.
const routeShards = 64

// routes is a bounded map of routes. When a shard is full an arbitrary one
// goes: routes are cheap to read again.
type routes struct {
	shards [routeShards]routeShard
	max    int // per shard
}

type routeShard struct {
	mu  sync.RWMutex
	m   map[omega.Fingerprint]*Route // guarded by mu
	gen uint64                       // rises with every put of a change; guarded by mu
	_   [64]byte                     // shards do not share a cache line
}

func (r *routes) init(max int) {
	r.max = max/routeShards + 1
	for i := range r.shards {
		r.shards[i].m = make(map[omega.Fingerprint]*Route)
	}
}

func (r *routes) shard(fp omega.Fingerprint) *routeShard { return &r.shards[Bucket(fp)%routeShards] }

func (r *routes) get(fp omega.Fingerprint) *Route {
	sh := r.shard(fp)
	sh.mu.RLock()
	route := sh.m[fp]
	sh.mu.RUnlock()
	return route
}

func (r *routes) generation(fp omega.Fingerprint) uint64 {
	sh := r.shard(fp)
	sh.mu.RLock()
	defer sh.mu.RUnlock()
	return sh.gen
}

// put keeps the route of an entry that was stored just now.
func (r *routes) put(e *Entry) {
	sh := r.shard(e.Fingerprint())
	sh.mu.Lock()
	defer sh.mu.Unlock()
	sh.gen++
	sh.set(e.Fingerprint(), &Route{
		Sequence: e.Sequence(), Generation: generation(e.Hash()), Homes: e.Homes(), Deleted: e.Certificate.Deleted(),
	}, r.max)
}

// putIfUnchanged keeps a route that was read when the shard was at gen.
func (r *routes) putIfUnchanged(fp omega.Fingerprint, route *Route, gen uint64) {
	sh := r.shard(fp)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if sh.gen == gen {
		sh.set(fp, route, r.max)
	}
}

func (sh *routeShard) set(fp omega.Fingerprint, route *Route, max int) {
	if _, ok := sh.m[fp]; !ok && len(sh.m) >= max {
		for victim := range sh.m {
			delete(sh.m, victim)
			break
		}
	}
	sh.m[fp] = route
}

// drop forgets the route of an entry that is gone.
func (r *routes) drop(fp omega.Fingerprint) {
	sh := r.shard(fp)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	sh.gen++
	delete(sh.m, fp)
}
