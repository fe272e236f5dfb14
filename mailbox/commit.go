package mailbox

import (
	"errors"
	"slices"
	"time"
)

// A group is what one commit takes from the store. One is on its way at most:
// what comes while it is synced gathers in the queue. So groups are as large as
// the disk is slow, no timer is needed, and mail waits for the rest of one sync
// and a sync of its own. With a second group applied during the sync it would
// wait for that one's sync too.
type group struct {
	items   []*Item
	pinned  []*box // until the batch is applied
	batch   Batch
	cost    int64 // of items, against Config.MaxQueued
	applied time.Time
}

// maxTrims is how many trims get a commit of their own before the flush
// interval ends: about 128 KiB of log.
const maxTrims = 4096

// commitLoop commits groups and answers them until the store is closed and
// everything is committed. It is one goroutine: each hand-over to another one
// would be a wait for a processor between two syncs.
func (s *Store) commitLoop() {
	g := new(group)
	for s.take(g) {
		g.addPuts()
		err := s.apply(g)
		s.settle(g)
		if err == nil {
			err = s.sync(g)
		}
		if err != nil {
			s.fail(err)
			err = s.failure()
		}
		s.land(g, err)
	}
}

// take waits for something to commit and moves it into g. It returns false
// when the store is closing and nothing is left.
func (s *Store) take(g *group) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.queue) == 0 && len(s.trims) < maxTrims && !(s.flush && s.riding()) {
		if s.closing {
			if !s.riding() {
				return false
			}
			break
		}
		s.work.Wait()
	}
	g.items, s.queue = s.queue, g.items[:0]
	g.batch.reset()
	s.takeChanges(g)
	s.flush = false
	s.flying = g
	return true
}

// takeChanges moves all but the items into g's batch. s.mu is held.
func (s *Store) takeChanges(g *group) {
	b := &g.batch
	s.file(g)
	b.First = s.unfiled.first(s.next)
	b.Trims, s.trims = s.trims, b.Trims
	s.tombs.take(b)
	g.pinned = append(g.pinned, s.trimmedFrom...)
	clear(s.trimmedFrom)
	s.trimmedFrom = s.trimmedFrom[:0]
	if s.flush || s.closing {
		s.takeDevices(g)
		s.takeTokens(g)
	}
	if s.next > s.reserved-s.block/2 {
		s.reserved += s.block
		b.Reserve = s.reserved
	}
	b.Totals = s.sums()
}

// takeDevices moves the changed device sets into g's batch. They ride only on
// the commits of the flush interval, since a busy device acknowledges often.
// s.mu is held.
func (s *Store) takeDevices(g *group) {
	for _, box := range s.dirty {
		box.dirty = false
		g.batch.Devices = append(g.batch.Devices, DeviceState{box.account, slices.Clone(box.devices)})
		g.pinned = append(g.pinned, box)
	}
	clear(s.dirty)
	s.dirty = s.dirty[:0]
}

// addPuts fills g's batch from its items.
func (g *group) addPuts() {
	b := &g.batch
	for _, it := range g.items {
		g.cost += it.cost()
		if it.seq == 0 {
			continue
		}
		b.Puts = append(b.Puts, Put{
			Seq: it.seq, To: it.stored, Key: it.Key,
			Received: it.Received.UnixMilli(), Expires: uint32(it.Expires.Unix()),
			Request: it.request, Envelope: it.Envelope,
		})
	}
}

// apply hands g to the driver. While the disk has no room it answers callers
// and tries again, until there is room or the store is closing.
func (s *Store) apply(g *group) error {
	for {
		if err := s.failure(); err != nil {
			return err
		}
		if g.batch.Empty() {
			return nil
		}
		err := s.driver.Apply(&g.batch)
		if err == nil || !errors.Is(err, ErrDiskFull) {
			return err
		}
		s.answerEarly(err)
		select {
		case <-s.stop:
			return err
		case <-time.After(s.cfg.FlushInterval):
		}
	}
}

func (s *Store) failure() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failed
}

// settle lets go of what the driver now has.
func (s *Store) settle(g *group) {
	s.mu.Lock()
	defer s.mu.Unlock()
	g.applied = time.Now()
	for _, it := range g.items {
		for i, b := range it.boxes {
			if r := &it.Results[i]; r.Seq == it.seq && !r.Duplicate && r.Err == nil {
				b.applied(it.seq)
			}
		}
		s.unpin(it.boxes)
		clear(it.boxes)
		it.boxes = nil
	}
	s.tombs.applied()
	s.unpin(g.pinned)
	clear(g.pinned)
	g.pinned = g.pinned[:0]
}

// sync waits for g, which was applied, to be on stable storage.
func (s *Store) sync(g *group) error {
	if g.batch.Empty() {
		return nil
	}
	return s.driver.Sync(&g.batch)
}

// land counts g, answers its items and empties it.
func (s *Store) land(g *group, err error) {
	c := Commit{Items: len(g.items), Sync: time.Since(g.applied)}
	for i := range g.batch.Puts {
		c.Bytes += len(g.batch.Puts[i].Envelope)
	}
	s.mu.Lock()
	s.flying = nil
	s.held -= g.cost
	if err == nil {
		s.landed(g, c)
	}
	s.wakeAppenders()
	items := g.items[:0]
	for _, it := range g.items {
		if !it.answered {
			it.answered = true
			items = append(items, it)
		}
	}
	clear(g.items[len(items):])
	s.mu.Unlock()

	if err == nil && !g.batch.Empty() && s.cfg.Committed != nil {
		s.cfg.Committed(c)
	}
	answer(items, err)
	clear(items)
	g.items, g.cost = items[:0], 0
}

// landed takes note of a group that is on stable storage. s.mu is held.
func (s *Store) landed(g *group, c Commit) {
	if g.batch.Reserve != 0 {
		s.limit = g.batch.Reserve
	}
	if !g.batch.Empty() {
		s.counters.Commits++
		s.counters.Items += uint64(c.Items)
		s.counters.SyncTime += c.Sync
	}
}

func answer(items []*Item, err error) {
	for _, it := range items {
		if it.Done != nil {
			it.Done(it, err)
		}
	}
}

// answerEarly answers everything on its way, since the disk has no room and
// nobody knows for how long. It is stored all the same when there is room.
func (s *Store) answerEarly(err error) {
	s.mu.Lock()
	var items []*Item
	add := func(from []*Item) {
		for _, it := range from {
			if !it.answered {
				it.answered = true
				items = append(items, it)
			}
		}
	}
	if s.flying != nil {
		add(s.flying.items)
	}
	add(s.queue)
	s.mu.Unlock()
	answer(items, err)
}
