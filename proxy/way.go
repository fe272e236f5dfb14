package proxy

import (
	"context"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/wire"
)

// How often a session may have a way measured: each makes every server on it
// answer.
const (
	wayInterval = 5 * time.Second
	wayBurst    = 5
)

// way measures the way to a server for the client. (spec/delivery.md, DELIV-22)
func (s *session) way(f wire.Frame) error {
	to, n, err := omega.DecodeFingerprint(f.Body)
	if err != nil || n != len(f.Body) || s.p.cfg.Way == nil {
		return s.refuse(f.Tag, omega.CodeBadRequest, "way")
	}
	ok := s.ways.take(s.p.steady().UnixNano(), int64(wayInterval), wayBurst) && s.p.finds.start(s.p, s.asker(), func() {
		w, err := s.p.cfg.Way(context.Background(), to) // it ends by itself after seconds
		if err != nil {
			_ = s.refuseErr(f.Tag, err)
			return
		}
		_ = s.c.SendFrame(wire.TypeHops, f.Tag, wire.AppendWay(nil, w))
	})
	if !ok {
		return s.refuse(f.Tag, omega.CodeRateLimited, "too many ways")
	}
	return nil
}
