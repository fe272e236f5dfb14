package keyserver

import (
	"context"
	"errors"
	"fmt"

	"github.com/omega-im/omega"
)

// ErrUnheld says that an owner does not hold an entry yet, or does not know that it is
// one.
var ErrUnheld = errors.New("not all owners hold what they own")

// Owners are asked and told by a server that has entries of theirs.
type Owners interface {
	// Hold asks an owner what it holds of the list: one answer for each, none at all
	// if it is of a version that cannot say.
	Hold(ctx context.Context, owner omega.Fingerprint, list []Summary) ([]Holding, error)

	// Give sends an owner an entry, in octets as of Placed, and returns when it has
	// answered, whatever it said.
	Give(ctx context.Context, owner omega.Fingerprint, placed []byte) error

	// Fetch takes over what an owner has under fp, if it answers.
	Fetch(ctx context.Context, owner, fp omega.Fingerprint)
}

// HandOff looks through one leaf for what others own, sends it to those owners that
// lack it, takes over what they know more of, and forgets what all owners have said
// to hold and is of no use here. Nothing is forgotten on the word of fewer, or of a
// server that does not own it as far as it knows itself: so two whose views differ
// never leave it to each other. It returns how many entries were forgotten; with
// ErrUnheld not all owners hold all of them yet, and it is to be called again soon.
// (spec/keys.md, KEYS-8)
func (s *Server) HandOff(ctx context.Context, l Leaf, to Owners) (dropped int, err error) {
	surplus, err := s.Review(ctx, l)
	if err != nil || len(surplus.Entries) == 0 || len(surplus.Owners) == 0 {
		return 0, err
	}
	list := surplus.Entries[:min(len(surplus.Entries), MaxSummaries)]
	held := make([]int, len(list))
	for _, owner := range surplus.Owners {
		holds, err := s.handTo(ctx, owner, list, to)
		if err != nil {
			return 0, fmt.Errorf("hand leaf %d to %s: %w", l, owner, err)
		}
		if len(holds) == 0 {
			return 0, nil // it cannot say
		}
		for i, h := range holds {
			if h == Holds {
				held[i]++
			}
		}
	}
	for i, sum := range list {
		if held[i] < len(surplus.Owners) {
			err = fmt.Errorf("hand leaf %d to its owners: %w", l, ErrUnheld)
			continue
		}
		ok, failed := s.Drop(ctx, surplus, sum)
		if failed != nil {
			return dropped, failed
		}
		if ok {
			dropped++
		}
	}
	return dropped, err
}

// handTo sends an owner what it lacks of the list and returns what it then says
// to hold.
func (s *Server) handTo(ctx context.Context, owner omega.Fingerprint, list []Summary, to Owners) ([]Holding, error) {
	holds, err := to.Hold(ctx, owner, list)
	if err != nil {
		return nil, err
	}
	sent := false
	for i, h := range holds {
		if h != Lacks {
			continue
		}
		placed, err := s.Placed(ctx, list[i].Fingerprint)
		if err != nil {
			continue // it went meanwhile
		}
		if err := to.Give(ctx, owner, placed); err != nil {
			return nil, err
		}
		sent = true
	}
	if !sent {
		return holds, nil
	}
	if holds, err = to.Hold(ctx, owner, list); err != nil {
		return nil, err
	}
	for i, h := range holds {
		if h == Lacks {
			to.Fetch(ctx, owner, list[i].Fingerprint) // it knows more; next time both hold the same
		}
	}
	return holds, nil
}
