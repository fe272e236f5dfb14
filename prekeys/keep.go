package prekeys

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"github.com/omega-im/omega"
)

// Keep drops the stocks of an account but those of the devices that are given, and
// those that are too old to be of use. Without devices nothing is left.
func (s *Store) Keep(account omega.Fingerprint, devices []omega.Fingerprint, now time.Time) error {
	mu := s.lock(account)
	mu.Lock()
	defer mu.Unlock()
	if err := s.keep(account, devices, now); err != nil {
		return fmt.Errorf("drop prekeys of %s: %w", account, err)
	}
	return nil
}

func (s *Store) keep(account omega.Fingerprint, devices []omega.Fingerprint, now time.Time) error {
	folder := s.folder(account)
	names, err := s.list(folder)
	if err != nil || len(names) == 0 {
		return err
	}
	left := 0
	for _, name := range names {
		path := s.fs.PathJoin(folder, name)
		if device, err := omega.ParseFingerprint(name); err == nil && slices.Contains(devices, device) {
			if t, err := s.read(path); err == nil && now.Sub(t.made) < stockLifetime {
				left++
				continue
			}
		}
		if err := s.fs.Remove(path); err != nil {
			return err
		}
	}
	if left == 0 {
		return s.fs.Remove(folder)
	}
	return nil
}

func (s *Store) list(folder string) ([]string, error) {
	names, err := s.fs.List(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return names, err
}

// Accounts calls f with every account that has a stock here, until f returns false.
func (s *Store) Accounts(f func(omega.Fingerprint) bool) error {
	parts, err := s.list(s.dir)
	if err != nil {
		return err
	}
	for _, part := range parts {
		names, err := s.list(s.fs.PathJoin(s.dir, part))
		if err != nil {
			return err
		}
		for _, name := range names {
			account, err := omega.ParseFingerprint(name)
			if err == nil && !f(account) {
				return nil
			}
		}
	}
	return nil
}
