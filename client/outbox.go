package client

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/history"
	"github.com/omega-im/omega/pgp"
	"github.com/omega-im/omega/transport"
	"github.com/omega-im/omega/wire"
)

// outboxWindow is how many envelopes are under way at once. More would not be
// faster: homes sync them in groups.
const outboxWindow = 64

// Times until an envelope that a server could not take is tried again.
const (
	minAgain = time.Second
	maxAgain = time.Minute
)

// answerTimeout is how long a proxy may take to say what became of an envelope;
// it gives up on a home after a tenth of that.
const answerTimeout = time.Minute

// An answer is what became of an envelope that was under way.
type answer struct {
	session *session
	out     history.Outgoing
	results []wire.Result
	code    omega.Code
	err     error // the session ended
}

// outbox sends what waits, in order, until ctx ends.
func (c *Client) outbox(ctx context.Context) {
	w := &outboxWorker{c: c, answers: make(chan answer, outboxWindow), flying: map[int64]time.Time{}}
	for ctx.Err() == nil {
		queued := c.queued.wait()
		next, err := w.start(ctx)
		if err != nil && ctx.Err() == nil {
			c.cfg.log().Error("outbox not sent", "err", err)
			next = c.cfg.now().Add(minAgain)
		}
		expiry, err := c.expire(ctx)
		if err != nil && ctx.Err() == nil {
			c.cfg.log().Error("messages not erased", "err", err)
			expiry = c.cfg.now().Add(maxAgain)
		}
		timer := time.NewTimer(w.pause(sooner(next, expiry)))
		select {
		case a := <-w.answers:
			err := w.settle(ctx, a)
			if err != nil && ctx.Err() == nil {
				c.cfg.log().Error("outbox not updated", "err", err)
			}
		case <-queued:
		case <-timer.C:
		case <-ctx.Done():
		}
		timer.Stop()
	}
}

// choresTimeout is how long a core that ends goes on with what others asked of groups:
// while all of a group's people run their programs for a moment only, nobody else does.
const choresTimeout = 3 * time.Second

// flush waits until nothing in the outbox is due, a home has prekeys, and what others
// asked of groups is done, as long as there is a connection that could carry it.
func (c *Client) flush(timeout time.Duration) {
	c.finishChores()
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	for {
		changed := c.changed.wait()
		if _, err := c.online(); err != nil {
			return
		}
		if !c.isDue(ctx) && !c.stockless.Load() && !c.listless.Load() {
			return
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return
		}
	}
}

// isDue reports whether something in the outbox is due; not where it cannot be read.
func (c *Client) isDue(ctx context.Context) bool {
	var due []history.Outgoing
	_ = c.db.View(ctx, func(tx *history.Tx) (err error) {
		due, _, err = tx.Outgoing(c.cfg.now(), 0, 1)
		return err
	})
	return len(due) > 0
}

// awaitWay waits for a connection that could carry what is due.
func (c *Client) awaitWay(timeout time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	if c.isDue(ctx) {
		_, _ = c.waitOnline(ctx)
	}
}

// finishChores waits until there is nothing to be done for groups.
func (c *Client) finishChores() {
	late := time.After(choresTimeout)
	for {
		changed := c.changed.wait()
		if _, err := c.online(); err != nil || c.chores.idle() {
			return
		}
		select {
		case <-changed:
		case <-late:
			return
		}
	}
}

// An outboxWorker is the state of the outbox goroutine.
type outboxWorker struct {
	c       *Client
	answers chan answer         // filled by the session's reader; as large as the window
	flying  map[int64]time.Time // positions that are under way, since when
	told    *pgp.Certificate    // own one whose devices know all settings
	gone    bool                // an account is said to be deleted, and nobody was told yet
}

// pause is how long nothing is due.
func (w *outboxWorker) pause(next time.Time) time.Duration {
	if next.IsZero() {
		return answerTimeout // somebody notifies, or an answer is overdue
	}
	return max(next.Sub(w.c.cfg.now()), 10*time.Millisecond)
}

// start sends as much as the window allows, and returns when something is due.
func (w *outboxWorker) start(ctx context.Context) (next time.Time, err error) {
	s, err := w.c.online()
	if err != nil {
		return time.Time{}, nil // a new session notifies
	}
	if cert := w.c.certificate(); cert != w.told {
		if err := w.c.greet(ctx); err != nil {
			return time.Time{}, err
		}
		w.told = cert
		w.c.renamed.Store(true)
	}
	if w.c.renamed.Swap(false) {
		if err := w.c.tellName(ctx); err != nil { // which holds up nothing else
			w.c.cfg.log().Warn("contacts were not told of the new name yet", "err", err)
		}
	}
	if err := w.sealAside(ctx); err != nil {
		w.c.cfg.log().Warn("text still put aside", "err", err)
		next = w.c.cfg.now().Add(maxAgain / 4)
	}
	var due []history.Outgoing
	err = w.c.db.View(ctx, func(tx *history.Tx) error {
		scheduled, err := tx.Scheduled(w.c.cfg.now())
		if err != nil {
			return err
		}
		if len(scheduled) > 0 {
			next = sooner(next, scheduled[0].Due)
		}
		var later time.Time
		due, later, err = tx.Outgoing(w.c.cfg.now(), 0, 2*outboxWindow)
		if !later.IsZero() && (next.IsZero() || later.Before(next)) {
			next = later
		}
		return err
	})
	if err != nil {
		return next, err
	}
	for _, o := range due {
		if since, ok := w.flying[o.Position]; ok {
			if w.c.cfg.now().Sub(since) >= answerTimeout {
				s.end(fmt.Errorf("%w: no answer to a message within %v", errSessionEnded, answerTimeout)) // it comes again on the next session
			}
			continue
		}
		if len(w.flying) >= outboxWindow {
			break
		}
		w.flying[o.Position] = w.c.cfg.now()
		s.start(wire.TypeSend, o.Envelope, func(f wire.Frame, err error) {
			a := answer{session: s, out: o, err: err}
			var refused *omega.Error
			if err == nil {
				a.code, a.results, a.err = readSent(f)
			} else if errors.As(err, &refused) {
				a.code, a.err = refused.Code, nil
			}
			w.answers <- a
		})
	}
	return next, nil
}

// readSent reads the answer to an envelope.
func readSent(f wire.Frame) (omega.Code, []wire.Result, error) {
	if f.Type != wire.TypeSent {
		return 0, nil, fmt.Errorf("%w answer of type %d to an envelope", wire.ErrMalformed, f.Type)
	}
	return wire.DecodeResults(f.Body)
}

// settle notes what became of an envelope, and of all others that were
// answered meanwhile, in one transaction.
func (w *outboxWorker) settle(ctx context.Context, a answer) error {
	all := []answer{a}
	for len(w.answers) > 0 {
		all = append(all, <-w.answers)
	}
	for _, a := range all {
		delete(w.flying, a.out.Position)
	}
	err := w.c.db.Update(ctx, func(tx *history.Tx) error {
		for _, a := range all {
			if err := w.note(tx, a); err != nil {
				return err
			}
		}
		return nil
	})
	w.c.changed.notify()
	if w.gone {
		w.gone = false
		w.c.doubt.notify()
	}
	return err
}

func (w *outboxWorker) note(tx *history.Tx, a answer) error {
	if errors.Is(a.err, transport.ErrSlow) || errors.Is(a.err, wire.ErrMalformed) {
		return tx.RetryOutgoing(a.out.Position, w.c.cfg.now().Add(minAgain), omega.CodeRateLimited.String())
	}
	if a.err != nil {
		return nil // the session is over; it stays due
	}
	peer, all := w.verdict(a)
	if a.out.Peer.IsZero() && !all.Retry() {
		peer = omega.CodeOK // a member whom no home knows any more is no reason for a group's message to fail
	}
	if peer == omega.CodeDeleted {
		w.gone = true
		if err := tx.ForgetChecked(a.out.Peer); err != nil { // see lookForTombstones
			return err
		}
	}
	if !a.out.Message.IsZero() {
		state, why := clientrpc.StateQueued, peer.String()
		switch {
		case peer == omega.CodeOK:
			state, why = clientrpc.StateStored, ""
		case !peer.Retry():
			state = clientrpc.StateFailed
		}
		if err := tx.SetState(a.out.Message, state, why); err != nil && !errors.Is(err, history.ErrNotFound) {
			return err
		}
	}
	if err := reduce(tx, a); err != nil {
		return err
	}
	again := w.c.cfg.now().Add(min(minAgain<<min(a.out.Attempts, 10), maxAgain))
	switch {
	case !all.Retry():
		return tx.RemoveOutgoing(a.out.Position)
	case peer.Retry():
		return tx.RetryOutgoing(a.out.Position, again, all.String())
	}
	return tx.RetryAside(a.out.Position, again, all.String()) // only the copy for the own devices is left
}

// reduce leaves only those recipients of a group's envelope who have to get it
// still.
func reduce(tx *history.Tx, a answer) error {
	if !a.out.Peer.IsZero() || len(a.results) == 0 {
		return nil
	}
	env, err := wire.ParseEnvelope(a.out.Envelope)
	if err != nil {
		return nil // it is dropped
	}
	var left []omega.Fingerprint
	var tokens []omega.Token
	all := append(env.AppendTokens(nil), make([]omega.Token, env.NumRecipients())...)
	again := map[uint16]bool{}
	for _, r := range a.results {
		again[r.Index] = r.Code.Retry()
	}
	for i, fp := range env.Recipients {
		if again[uint16(i)] {
			left, tokens = append(left, fp), append(tokens, all[i])
		}
	}
	if len(left) == 0 || len(left) == env.NumRecipients() {
		return nil
	}
	less := wire.Envelope{
		Class: wire.ClassText, ID: env.ID(), Lifetime: omega.DefaultLifetime, Sender: env.Sender(), Recipients: left, Tokens: tokens, Payload: env.Payload(),
	}
	b, err := less.AppendTo(nil)
	if err != nil {
		return err
	}
	return tx.ReduceOutgoing(a.out.Position, b)
}

// verdict splits an answer: what became of the envelope at other accounts, and
// at all, the own one included. Of several codes one that is worth another
// try wins.
func (w *outboxWorker) verdict(a answer) (peer, all omega.Code) {
	if a.code == omega.CodeOK {
		return omega.CodeOK, omega.CodeOK
	}
	if len(a.results) == 0 {
		return a.code, a.code
	}
	worse := func(old, code omega.Code) omega.Code {
		if old == omega.CodeOK || code.Retry() {
			return code
		}
		return old
	}
	env, err := wire.ParseEnvelope(a.out.Envelope)
	if err != nil {
		return omega.CodeBadRequest, omega.CodeBadRequest
	}
	codes := map[uint16]omega.Code{}
	for _, r := range a.results {
		codes[r.Index] = r.Code
	}
	for i, fp := range env.Recipients {
		code := codes[uint16(i)]
		if code == omega.CodeOK {
			continue
		}
		all = worse(all, code)
		if fp != w.c.acc.Fingerprint {
			peer = worse(peer, code)
		}
	}
	return peer, all
}

// sealAside seals the texts that were put aside, oldest first. One that cannot
// be sealed yet does not stop the others.
func (w *outboxWorker) sealAside(ctx context.Context) error {
	var aside []history.Unsealed
	err := w.c.db.View(ctx, func(tx *history.Tx) (err error) {
		aside, err = tx.Unsealed(w.c.cfg.now(), outboxWindow)
		return err
	})
	var errs []error
	for i := range aside {
		if err := w.sealOne(ctx, &aside[i]); err != nil {
			errs = append(errs, err)
		}
	}
	if len(aside) > len(errs) {
		w.c.changed.notify()
	}
	return errors.Join(append(errs, err)...)
}

// sealOne seals one of them, or shows it as failed if it never can be.
func (w *outboxWorker) sealOne(ctx context.Context, u *history.Unsealed) error {
	var cert *pgp.Certificate
	var err error
	if !u.To.IsZero() && u.Chat != (omega.ChatID{}) {
		return nil // of a secure chat: never by the keys of the normal one
	} else if u.To.IsZero() {
		err = w.c.sealGroupAside(ctx, u)
	} else if cert, _, err = w.c.peer(ctx, u.To, peerAge); err == nil {
		err = w.c.db.Update(ctx, func(tx *history.Tx) error { return w.c.sealUnsealed(ctx, tx, cert, u) })
	}
	why := omega.CodeNotFound
	switch {
	case err == nil, errors.Is(err, errWithheld): // its record is being looked for, and who finds it tells
		return nil
	case isCode(err, omega.CodeNotFound):
	case errors.Is(err, errPeerDeleted):
		why = omega.CodeDeleted
	case errors.Is(err, errNotMember), unwritable(err), errors.Is(err, pgp.ErrRevoked), errors.Is(err, chat.ErrNoReaders), errors.Is(err, chat.ErrTooLarge):
		why = omega.CodeRefused
	default:
		return err
	}
	return w.c.db.Update(ctx, func(tx *history.Tx) error {
		if err := putFailed(tx, w.c.acc.Fingerprint, w.c.acc.Device, u, why.String()); err != nil {
			return err
		}
		return tx.RemoveUnsealed(u.ID)
	})
}

// putFailed shows a text of this account that is never sealed as failed.
func putFailed(tx *history.Tx, account, device omega.Fingerprint, u *history.Unsealed, why string) error {
	content, err := asideContent(u)
	if err != nil {
		return err
	}
	_, err = tx.PutMessage(&history.Row{
		Message: chat.Message{
			ID: u.ID, Chat: chatAside(account, u.Chat, u.To), Peer: u.To, From: account,
			Device: device, Time: u.Time, Content: content,
		},
		Own: true, State: clientrpc.StateFailed, Why: why, Printed: true,
	})
	return err
}
