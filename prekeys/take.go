package prekeys

import (
	"crypto/sha256"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/wire"
)

// An Asker is who is given prekeys.
type Asker struct {
	Account omega.Fingerprint
	Server  omega.Fingerprint // that vouches for Account; zero: this one
	ID      wire.PrekeyID     // of the question
}

// Take gives a prekey of a device: one for one wrap, the same whenever the same is
// asked, or, when there is none left or the asker has had his ration, the one for a
// week. It is nil if the device has no stock here.
func (s *Store) Take(account, device omega.Fingerprint, by Asker) ([]byte, error) {
	mu := s.lock(account)
	mu.Lock()
	defer mu.Unlock()
	path := s.path(account, device)
	t, err := s.usable(path)
	if err != nil || t == nil {
		return nil, err
	}
	i, fresh := t.choose(by)
	key, err := s.give(path, t, i, fresh)
	if err != nil {
		return nil, fmt.Errorf("give a prekey of %s: %w", device, err)
	}
	return key, nil
}

// give reads the i-th prekey, and notes first that it is given, if it is fresh.
func (s *Store) give(path string, t *stock, i int, fresh bool) ([]byte, error) {
	open := func() (vfs.File, error) { return s.fs.Open(path) }
	if fresh {
		open = func() (vfs.File, error) { return s.fs.OpenReadWrite(path, vfs.WriteCategoryUnspecified) }
	}
	f, err := open()
	if err != nil {
		return nil, err
	}
	key := make([]byte, wire.PrekeySize)
	_, err = f.ReadAt(key, t.offset(i))
	if err == nil && fresh {
		if _, err = f.WriteAt(t.marks[i-1].bytes(), int64(head+(i-1)*markSize)); err == nil {
			err = s.stable(f)
		}
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return nil, err
	}
	return key, nil
}

// choose returns which prekey an asker gets, 0 for that of a week; fresh says that it
// was marked just now.
func (t *stock) choose(by Asker) (i int, fresh bool) {
	m := mark{given: true, id: by.ID, asker: short(by.Account)}
	if !by.Server.IsZero() {
		m.server = short(by.Server)
	}
	free, asker, server := -1, 0, 0
	for i, old := range t.marks {
		switch {
		case !old.given:
			if free < 0 {
				free = i
			}
			continue
		case old.id == m.id && old.asker == m.asker:
			return 1 + i, false
		}
		if old.asker == m.asker {
			asker++
		}
		if old.server == m.server {
			server++
		}
	}
	full := !by.Server.IsZero() && server >= max(1, len(t.marks)/serversPart)
	if free < 0 || asker >= perAsker || full {
		return 0, false
	}
	t.marks[free] = m
	return 1 + free, true
}

// short is how a mark names an account or a server: enough to count by.
func short(fp omega.Fingerprint) [8]byte {
	sum := sha256.Sum256(fp.Wire())
	return [8]byte(sum[:])
}
