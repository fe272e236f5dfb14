package keyserver

import (
	"bytes"
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/omega-im/omega"
)

// A Mem is a Store in memory, for tests and for clouds that need not survive.
// Its zero value is not usable: see NewMem.
type Mem struct {
	mu      sync.RWMutex
	items   map[omega.Fingerprint]*Item             // by primary key; guarded by mu
	subkeys map[omega.Fingerprint]omega.Fingerprint // primary key by subkey; guarded by mu
	changed map[uint32]map[[4]byte]bool             // prefixes by day; guarded by mu
	slots   map[Slot]omega.Fingerprint              // whose receipt took it; guarded by mu
}

var _ Store = (*Mem)(nil)

// NewMem returns an empty store.
func NewMem() *Mem {
	return &Mem{
		items:   make(map[omega.Fingerprint]*Item),
		subkeys: make(map[omega.Fingerprint]omega.Fingerprint),
		changed: make(map[uint32]map[[4]byte]bool),
		slots:   make(map[Slot]omega.Fingerprint),
	}
}

// Get returns a copy of the item.
func (m *Mem) Get(_ context.Context, fp omega.Fingerprint) (*Item, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	item, ok := m.items[fp]
	if !ok {
		return nil, ErrNotFound
	}
	return clone(item), nil
}

// GetBySubkey returns a copy of the item that was first to claim the subkey.
func (m *Mem) GetBySubkey(ctx context.Context, fp omega.Fingerprint) (*Item, error) {
	m.mu.RLock()
	primary, ok := m.subkeys[fp]
	m.mu.RUnlock()
	if !ok {
		return nil, ErrNotFound
	}
	return m.Get(ctx, primary)
}

// Put keeps a copy.
func (m *Mem) Put(_ context.Context, item *Item) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.items[item.Fingerprint] = clone(item)
	for _, sub := range item.Subkeys {
		if _, taken := m.subkeys[sub]; !taken {
			m.subkeys[sub] = item.Fingerprint
		}
	}
	if slot, ok := item.Slot(); ok {
		m.slots[slot] = item.Fingerprint
	}
	if item.Changed.IsZero() {
		return nil
	}
	day := Day(item.Changed)
	if m.changed[day] == nil {
		m.changed[day] = make(map[[4]byte]bool)
	}
	m.changed[day][Prefix(item.Fingerprint)] = true
	return nil
}

// ChangedOn calls fn without holding a lock.
func (m *Mem) ChangedOn(_ context.Context, day time.Time, fn func([4]byte) error) error {
	m.mu.RLock()
	found := slices.Collect(maps.Keys(m.changed[Day(day)]))
	m.mu.RUnlock()
	slices.SortFunc(found, func(a, b [4]byte) int { return bytes.Compare(a[:], b[:]) })
	for _, prefix := range found {
		if err := fn(prefix); err != nil {
			return err
		}
	}
	return nil
}

// ForgetChanges drops the days before the one given.
func (m *Mem) ForgetChanges(_ context.Context, before time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	maps.DeleteFunc(m.changed, func(day uint32, _ map[[4]byte]bool) bool { return day < Day(before) })
	return nil
}

// Range calls fn without holding a lock.
func (m *Mem) Range(_ context.Context, bucket uint8, fn func(Summary) error) error {
	return m.each(func(fp omega.Fingerprint) bool { return Bucket(fp) == bucket }, fn)
}

// RangeLeaf calls fn without holding a lock.
func (m *Mem) RangeLeaf(_ context.Context, l Leaf, fn func(Summary) error) error {
	return m.each(func(fp omega.Fingerprint) bool { return LeafOf(fp) == l }, fn)
}

func (m *Mem) each(in func(omega.Fingerprint) bool, fn func(Summary) error) error {
	m.mu.RLock()
	var found []Summary
	for fp, item := range m.items {
		if in(fp) {
			found = append(found, item.Summary)
		}
	}
	m.mu.RUnlock()
	slices.SortFunc(found, func(a, b Summary) int { return a.Fingerprint.Compare(b.Fingerprint) })
	for _, s := range found {
		if err := fn(s); err != nil {
			return err
		}
	}
	return nil
}

// Delete forgets an item.
func (m *Mem) Delete(_ context.Context, fp omega.Fingerprint) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.items, fp)
	maps.DeleteFunc(m.subkeys, func(_, owner omega.Fingerprint) bool { return owner == fp })
	return nil
}

// Sponsored returns who has a slot.
func (m *Mem) Sponsored(_ context.Context, s Slot) (omega.Fingerprint, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	fp, ok := m.slots[s]
	if !ok {
		return omega.Fingerprint{}, ErrNotFound
	}
	return fp, nil
}

// LastSlot looks at all of them.
func (m *Mem) LastSlot(_ context.Context, sponsor omega.Fingerprint, day uint32) (last uint32, err error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	for s := range m.slots {
		if s.Sponsor == sponsor && s.Day == day {
			last = max(last, s.Number)
		}
	}
	return last, nil
}

// Close does nothing.
func (m *Mem) Close() error { return nil }

func clone(item *Item) *Item {
	out := &Item{Summary: item.Summary, Subkeys: slices.Clone(item.Subkeys), Entry: bytes.Clone(item.Entry), Receipt: bytes.Clone(item.Receipt)}
	for _, e := range item.Others {
		out.Others = append(out.Others, bytes.Clone(e))
	}
	return out
}
