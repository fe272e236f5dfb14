package keyserver

import (
	"context"
	"time"
)

// KeepChanges is for how long Changed can tell what changed on a day.
const KeepChanges = 90 * 24 * time.Hour

// Changed calls fn with the prefixes of the fingerprints whose entries changed
// on a day (UTC), in order: who keeps many certificates learns which to ask for
// anew, without telling which they are. It knows no more than the last
// KeepChanges. What fn returns ends it and is passed on. (spec/keys.md, KEYS-5)
func (s *Server) Changed(ctx context.Context, day time.Time, fn func(prefix [4]byte) error) error {
	return s.cfg.Store.ChangedOn(ctx, day, fn)
}

// forget drops old notes of changes, with the first change of every day.
func (s *Server) forget(ctx context.Context, now time.Time) {
	day := Day(now)
	if s.today.Swap(day) == day {
		return
	}
	if err := s.cfg.Store.ForgetChanges(ctx, now.Add(-KeepChanges)); err != nil {
		s.cfg.Logger.WarnContext(ctx, "old changes of keys not forgotten", "err", err)
	}
}
