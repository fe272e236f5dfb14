package keyserver

import (
	"errors"
	"fmt"
	"time"

	"github.com/omega-im/omega/pgp"
	"github.com/omega-im/omega/wire"
)

// An Equivocation is the proof that a device signed two different location
// records under one sequence. (spec/delivery.md, DELIV-2)
type Equivocation struct {
	Certificate   *pgp.Certificate // of the account
	First, Second *wire.Record     // the one with the lower hash first
}

// ErrNoEquivocation says that two records prove nothing against their device.
var ErrNoEquivocation = errors.New("does not contradict the other")

// Verify checks the proof. It is pure.
func (e *Equivocation) Verify() error {
	if e.First.Device != e.Second.Device || e.First.Sequence != e.Second.Sequence || sameRecord(e.First, e.Second) {
		return fmt.Errorf("location record %d of %s %w", e.First.Sequence, e.First.User, ErrNoEquivocation)
	}
	for _, r := range []*wire.Record{e.First, e.Second} {
		if err := VerifyRecord(e.Certificate, r, later(r.Issued, time.Unix(r.Sig.Time, 0))); err != nil {
			return err
		}
	}
	return nil
}

// OnEvidence makes fn known of every device that equivocated, each time that
// more is known of the account. It is called before the Server is used; fn must
// be quick and must not call Accept.
func (s *Server) OnEvidence(fn func(Equivocation)) { s.accusers = append(s.accusers, fn) }

// accuse tells of devices that equivocated, once each.
func (s *Server) accuse(h *holding) {
	if len(s.accusers) == 0 || h.Record == nil || len(h.others) == 0 {
		return
	}
	all := append([]*wire.Record{h.Record}, h.others...)
	for i, a := range all {
		for _, b := range all[i+1:] {
			if a.Device != b.Device || a.Sequence != b.Sequence || sameRecord(a, b) {
				continue
			}
			if better(a, b) > 0 {
				a, b = b, a
			}
			for _, fn := range s.accusers {
				fn(Equivocation{h.Certificate, a, b})
			}
		}
	}
}
