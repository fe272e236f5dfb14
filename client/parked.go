package client

import (
	"context"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
	"github.com/omega-im/omega/history"
)

// park keeps a message whose key is not here.
func park(tx *history.Tx, a *chat.Arrival, r *chat.Result, sender omega.Fingerprint) error {
	parked, err := parkedOf(a, r, sender)
	if err != nil {
		return err
	}
	return tx.Park(parked)
}

// parkFor keeps a message that waits for operations of its group.
func parkFor(tx *history.Tx, a *chat.Arrival, r *chat.Result, sender omega.Fingerprint) error {
	parked, err := parkedOf(a, r, sender)
	if err != nil {
		return err
	}
	return tx.ParkForGroup(parked, r.Group)
}

func parkedOf(a *chat.Arrival, r *chat.Result, sender omega.Fingerprint) (*history.Parked, error) {
	p, err := chat.ParsePayload(a.Payload)
	if err != nil {
		return nil, err
	}
	parked := &history.Parked{Locator: r.Locator, Sequence: p.Sequence, Sender: sender, ID: a.ID, Payload: a.Payload, Received: a.Received}
	if a.Received.IsZero() {
		parked.Received = a.Now // it is kept for a time from then on
	}
	return parked, nil
}

// maxParked is more than history keeps.
const maxParked = 1 << 16

// unpark opens what waited for a key. What this one does not open waits on.
func (t *taken) unpark(ctx context.Context, tx *history.Tx, r *chat.Result) error {
	k := r.Key
	fresh := r.Track != nil // an old record that comes again brings an old name
	if fresh && k.Problem == chat.ProblemNone {
		if err := t.c.hearName(tx, k.From, k.Profile, k.Time); err != nil {
			return err
		}
	}
	return t.openParked(ctx, tx, r.Locator)
}

// openParked opens what waited for a locator.
func (t *taken) openParked(ctx context.Context, tx *history.Tx, l chat.Locator) error {
	parked, err := tx.Parked(l, maxParked)
	if err != nil {
		return err
	}
	for _, p := range parked {
		a := &chat.Arrival{ID: p.ID, Payload: p.Payload, Now: t.c.cfg.now(), Received: p.Received, Fresh: true, Groups: groupCourt{tx, t.c}}
		opened, err := t.judge(ctx, tx, a, p.Sender)
		if err == nil && opened.Verdict != chat.VerdictNeedKey && opened.Verdict != chat.VerdictNeedGroup {
			err = tx.Unpark(p.Position)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
