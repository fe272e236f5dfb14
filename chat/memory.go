package chat

import (
	"context"
	"slices"
	"sync"

	"github.com/omega-im/omega"
)

// A MemoryStore is a Store for tests and simulations. Its zero value is empty
// and ready; it may be used concurrently.
type MemoryStore struct {
	mu     sync.Mutex
	keys   map[Locator][]*Key           // guarded by mu
	tracks map[lane]*Track              // guarded by mu
	seen   map[lane]map[uint32]Sighting // guarded by mu
}

// A lane is one device in one chat.
type lane struct {
	chat   omega.ChatID
	device omega.Fingerprint
}

var _ Store = (*MemoryStore)(nil)

// Keys implements Store.
func (s *MemoryStore) Keys(_ context.Context, l Locator) ([]*Key, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.keys[l]), nil
}

// PutKey implements Store.
func (s *MemoryStore) PutKey(_ context.Context, k *Key) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.keys == nil {
		s.keys = make(map[Locator][]*Key)
	}
	list := slices.DeleteFunc(slices.Clone(s.keys[k.Locator]), k.Same)
	s.keys[k.Locator] = append(list, k)
	return nil
}

// Track implements Store.
func (s *MemoryStore) Track(_ context.Context, chat omega.ChatID, device omega.Fingerprint) (*Track, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t := s.tracks[lane{chat, device}]; t != nil {
		return t.clone(), nil
	}
	return &Track{Chat: chat, Device: device}, nil
}

func (t *Track) clone() *Track {
	c := *t
	c.Missing = slices.Clone(t.Missing)
	return &c
}

// PutTrack implements Store.
func (s *MemoryStore) PutTrack(_ context.Context, t *Track, sight *Sighting) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.tracks == nil {
		s.tracks, s.seen = make(map[lane]*Track), make(map[lane]map[uint32]Sighting)
	}
	l := lane{t.Chat, t.Device}
	s.tracks[l] = t.clone()
	if sight == nil {
		return nil
	}
	if s.seen[l] == nil {
		s.seen[l] = make(map[uint32]Sighting)
	}
	s.seen[l][sight.Sequence] = *sight
	return nil
}

// Seen implements Store.
func (s *MemoryStore) Seen(_ context.Context, chat omega.ChatID, device omega.Fingerprint, sequence uint32) (*Sighting, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if sight, ok := s.seen[lane{chat, device}][sequence]; ok {
		return &sight, nil
	}
	return nil, nil
}

// SignatureSeen implements Store.
func (s *MemoryStore) SignatureSeen(_ context.Context, chat omega.ChatID, device omega.Fingerprint, signature [16]byte) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, sight := range s.seen[lane{chat, device}] {
		if sight.Signature == signature {
			return true, nil
		}
	}
	return false, nil
}
