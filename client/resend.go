package client

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
	"github.com/omega-im/omega/chat/group"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/history"
)

// A repetition is one message that a device may ask for.
type repetition struct {
	device   omega.Fingerprint // that asks
	chat     omega.ChatID
	sequence uint32
}

// An answered is how often, and when last, a repetition was sent.
type answered struct {
	times int
	last  time.Time
	lacks int // how much was given last of what is given until nothing lacks
}

// answers are the repetitions of the last minutes: who asks gets what was lost,
// and cannot have this device send and store without end (spec/chat.md,
// CHAT-13). They belong to one goroutine.
type answers map[repetition]answered

const (
	maxAnswers  = 4096 // that are remembered; while there are as many, others wait
	answerPause = time.Minute
	forgetAfter = 10 * time.Minute
)

// may notes that a repetition is sent now, if it may be: the first ones may
// follow each other as fast as whoever lost one asks.
func (as answers) may(r repetition, now time.Time) bool {
	return as.mayAfter(r, now, min(answerPause, chaseAfter[min(as[r].times, len(chaseAfter)-1)]/2))
}

// mayAfter is may for what is given each time that a pause is over.
func (as answers) mayAfter(r repetition, now time.Time, pause time.Duration) bool {
	a := as[r]
	if a.times > 0 && now.Sub(a.last).Abs() < pause {
		return false
	}
	if len(as) >= maxAnswers {
		for r, a := range as {
			if now.Sub(a.last).Abs() >= forgetAfter {
				delete(as, r)
			}
		}
		if len(as) >= maxAnswers {
			return false
		}
	}
	as[r] = answered{times: a.times + 1, last: now}
	return true
}

// goesOn is may for what is given until nothing lacks: who lacks a quarter less than
// when it was answered last is answered at once. So all it is given is at most four
// times what there is, for each time that may allows. (spec/group.md, GROUP-35)
func (as answers) goesOn(r repetition, lacks int, now time.Time) bool {
	a, answered := as[r]
	if more := answered && 4*lacks <= 3*a.lacks && lacks < a.lacks; !more && !as.may(r, now) {
		return false
	}
	a = as[r]
	a.lacks = lacks
	as[r] = a
	return true
}

// maxBacklog is how many envelopes may wait before requests are left for later:
// whoever misses something asks again, so nobody fills this outbox by asking.
const maxBacklog = 4 * chat.MaxIDs

// resend answers a verified request: messages that this device wrote, to an
// account that they were for, once more under the current key. How often it
// does is up to given.
func (c *Client) resend(ctx context.Context, m *chat.Message, given answers) error {
	cert, err := c.knownPeer(ctx, m.From)
	if err != nil {
		return err
	}
	err = c.db.Update(ctx, func(tx *history.Tx) error {
		if n, err := tx.CountOutgoing(); err != nil || n > maxBacklog {
			return err
		}
		if !m.Content.Resend.Locator.IsZero() {
			if err := c.answerLocator(ctx, tx, m, given); err != nil {
				return err
			}
		}
		rows, err := c.requested(ctx, tx, m)
		if err != nil {
			return err
		}
		for _, row := range rows {
			if !given.may(repetition{m.Device, row.Chat, row.Sequence}, c.cfg.now()) {
				continue
			}
			if err := c.sealAgain(ctx, tx, cert, row); err != nil {
				return err
			}
		}
		return nil
	})
	c.queued.notify()
	return err
}

// canRead reports whether an account is among those that a key is for.
func canRead(k *chat.Key, account omega.Fingerprint) bool {
	return slices.ContainsFunc(k.Members, func(m chat.Member) bool { return m.Account == account })
}

// retireKey has the next message come with a new key: somebody who should have
// this one has not got its record, and could not read an answer under it.
func retireKey(tx *history.Tx, k *chat.Key) error {
	state, err := tx.Sender(k.Chat)
	if err != nil || state.Key == nil || !state.Key.Same(k) {
		return err
	}
	state.Count = chat.MaxKeyMessages
	return tx.PutSender(state)
}

// requested finds the messages of a request that may be answered.
func (c *Client) requested(ctx context.Context, tx *history.Tx, m *chat.Message) ([]*history.Row, error) {
	req := m.Content.Resend
	chatID, device := req.Chat, req.Device
	if device.IsZero() {
		keys, err := tx.Keys(ctx, req.Locator)
		if err != nil {
			return nil, err
		}
		for _, k := range keys {
			if k.Device != c.acc.Device || k.Group != nil || !canRead(k, m.From) {
				continue
			}
			chatID, device = k.Chat, k.Device
			if err := retireKey(tx, k); err != nil {
				return nil, err
			}
		}
	}
	if chatID == (omega.ChatID{}) {
		chatID = m.Chat
	}
	if device != c.acc.Device {
		return nil, nil // another device of this account answers
	}
	var rows []*history.Row
	for _, seq := range req.Sequences {
		row, err := tx.MessageBySequence(chatID, device, seq)
		if errors.Is(err, history.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if len(row.Transcript) == 0 || row.Secure {
			continue // it was taken back, and nothing of it is here; or it has keys of its own
		}
		if !row.Peer.IsZero() && row.State == clientrpc.StateQueued {
			switch waits, err := tx.IsOutgoing(row.Peer, row.ID); {
			case err != nil:
				return nil, err
			case waits:
				continue // it is on its way: there was no room for it yet (DELIV-46)
			}
		}
		may := row.Peer == m.From || m.From == c.acc.Fingerprint
		if row.Peer.IsZero() && !may {
			if may, err = c.mayHave(ctx, tx, row, m.From); err != nil {
				return nil, err
			}
		}
		if may {
			rows = append(rows, row)
		}
	}
	return rows, nil
}

// mayHave reports whether an account was in a group when a message was sent there.
func (c *Client) mayHave(ctx context.Context, tx *history.Tx, row *history.Row, who omega.Fingerprint) (bool, error) {
	id, err := tx.Group(ctx, row.Chat)
	if err != nil || id == (chat.Hash{}) {
		return false, err
	}
	l, err := c.groupIn(tx, id)
	if err != nil {
		return false, err
	}
	switch e, err := c.subscriber(tx, l.State(), who); {
	case err != nil:
		return false, err
	case e != nil:
		return !row.Time.Before(e.Time.Add(-omega.ClockTolerance)), nil
	}
	joined := l.joined(who)
	return l.State().Role(who) > group.RoleNone && !joined.IsZero() && !row.Time.Before(joined.Add(-omega.ClockTolerance)), nil
}
