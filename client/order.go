package client

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/omega-im/omega/chat"
	"github.com/omega-im/omega/history"
)

// orderWait is how long a message waits for those that its device wrote before
// it in the same chat. A server that failed makes a gap for the second or two
// until the sender's outbox tries again; what is lost for good must not hold up
// the rest, so after this time it is shown without it.
const orderWait = 15 * time.Second

// An ordering is one look at what is to be shown.
type ordering struct {
	now     time.Time
	tracks  map[lane]*chat.Track
	delays  map[lane]history.Delay // of the lanes that were looked at
	changed map[lane]history.Delay // those of delays that have to be stored
	again   time.Time              // when to look again; zero if nothing waits
}

func newOrdering(now time.Time) *ordering {
	return &ordering{now: now, tracks: map[lane]*chat.Track{}, delays: map[lane]history.Delay{}, changed: map[lane]history.Delay{}}
}

// inOrder leaves out what has to wait for earlier messages of its lane, and
// puts the rest of each lane in the order of its sender.
func (o *ordering) inOrder(ctx context.Context, tx *history.Tx, rows []history.Row) (out []history.Row, err error) {
	places := map[lane][]int{} // in out, ascending
	for _, r := range rows {
		l := lane{r.Chat, r.Peer, r.Device}
		if !r.Verified || r.Sequence == 0 {
			out = append(out, r)
			continue
		}
		if err := o.load(ctx, tx, l); err != nil {
			return nil, err
		}
		if until := o.waits(l, r.Sequence); !until.IsZero() {
			o.again = sooner(o.again, until)
			continue
		}
		places[l] = append(places[l], len(out))
		out = append(out, r)
	}
	for _, p := range places {
		sortPlaces(out, p)
	}
	return out, nil
}

// load reads what is known of a lane, once.
func (o *ordering) load(ctx context.Context, tx *history.Tx, l lane) (err error) {
	if o.tracks[l] != nil {
		return nil
	}
	if o.delays[l], err = tx.Delay(l.chat, l.device); err != nil {
		return err
	}
	o.tracks[l], err = tx.Track(ctx, l.chat, l.device)
	return err
}

// waits returns until when a message waits at most, zero if it does not.
func (o *ordering) waits(l lane, seq uint32) time.Time {
	t, d := o.tracks[l], o.delays[l]
	wanted := t.Wanted()
	if len(wanted) == 0 {
		o.set(l, history.Delay{})
		return time.Time{}
	}
	gap := slices.ContainsFunc(wanted, func(r chat.Range) bool { return r.From < seq && r.To > d.Skipped })
	if !gap {
		return time.Time{}
	}
	switch latest := o.now.Add(orderWait); {
	case d.Until.IsZero(), d.Until.After(latest): // or the clock was set back
		d.Until = latest
	case !o.now.Before(d.Until):
		d = history.Delay{Skipped: t.Highest}
	}
	o.set(l, d)
	return d.Until
}

func (o *ordering) set(l lane, d history.Delay) {
	if old := o.delays[l]; !old.Until.Equal(d.Until) || old.Skipped != d.Skipped {
		o.delays[l], o.changed[l] = d, d
	}
}

// store keeps what changed, so that the next process goes on from there.
func (o *ordering) store(ctx context.Context, db *history.DB) error {
	if len(o.changed) == 0 {
		return nil
	}
	return db.Update(ctx, func(tx *history.Tx) error {
		for l, d := range o.changed {
			if err := tx.PutDelay(l.chat, l.device, d); err != nil {
				return err
			}
		}
		return nil
	})
}

// sortPlaces puts the rows at ascending places in the order of their sequences.
func sortPlaces(rows []history.Row, places []int) {
	var part []history.Row
	for _, p := range places {
		part = append(part, rows[p])
	}
	slices.SortStableFunc(part, func(a, b history.Row) int { return cmp.Compare(a.Sequence, b.Sequence) })
	for i, p := range places {
		rows[p] = part[i]
	}
}
