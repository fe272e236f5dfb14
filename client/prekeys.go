package client

import (
	"context"
	"errors"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat/secure"
	"github.com/omega-im/omega/history"
	"github.com/omega-im/omega/pgp"
	"github.com/omega-im/omega/wire"
)

// Stocks of prekeys. (spec/secure.md, SEC-8 and SEC-10)
const (
	stockLow      = wire.MaxStock / 4
	stockAge      = 7 * 24 * time.Hour  // then the prekey for a week is replaced, and all others with it
	prekeyAge     = 45 * 24 * time.Hour // of what askers may still use
	prekeyGrave   = 45 * 24 * time.Hour // after it was replaced: as long as mail, and some days
	prekeysLook   = time.Hour
	prekeysAgain  = 10 * time.Minute // for a home that could not answer
	prekeysWait   = 30 * time.Second // for one answer
	prekeysBefore = time.Second      // that a session lasts before anything is looked at, but for the first time
)

// The sizes that both sides know are one.
var _ = [1]struct{}{}[wire.PrekeySize-secure.PrekeySize]

// tendPrekeys keeps a stock of prekeys at every home until ctx ends, so that others
// can begin secure chats while this device is away.
func (c *Client) tendPrekeys(ctx context.Context) {
	looked := map[omega.Fingerprint]time.Time{} // when a home is looked at again
	for ctx.Err() == nil {
		s, err := c.waitOnline(ctx)
		if err != nil {
			<-ctx.Done() // or the account is deleted
			return
		}
		if !c.stockless.Load() {
			sleep(ctx, prekeysBefore)
		}
		moved := c.moving.wait()
		next := time.Now().Add(prekeysLook)
		for _, home := range c.ownHomes() {
			if time.Now().Before(looked[home]) {
				next = earlier(next, looked[home])
				continue
			}
			looked[home] = time.Now().Add(prekeysLook)
			if err := c.tendStock(ctx, s, home); err != nil && ctx.Err() == nil {
				c.cfg.log().Info("prekeys not tended yet", "home", home, "err", err)
				looked[home] = time.Now().Add(prekeysAgain)
				if errors.Is(err, errSessionEnded) {
					looked[home] = time.Now()
				}
			}
			next = earlier(next, looked[home])
			if c.stockless.Swap(false) { // nobody waits for a home that does not take it
				c.changed.notify()
			}
		}
		c.dropOldPrekeys(ctx)
		timer := time.NewTimer(time.Until(next))
		select {
		case <-moved:
		case <-timer.C:
		case <-ctx.Done():
		}
		timer.Stop()
	}
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// ownHomes are the homes of the account.
func (c *Client) ownHomes() []omega.Fingerprint {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.record == nil {
		return nil
	}
	return append([]omega.Fingerprint(nil), c.record.Homes...)
}

// tendStock asks a home what is left, and puts a new stock there if that is little,
// or old, or not of this database: a device that was restored has no secrets.
func (c *Client) tendStock(ctx context.Context, s *session, home omega.Fingerprint) error {
	look := wire.AppendPrekeyLook(nil, wire.PrekeyLook{Home: home, User: c.acc.Fingerprint, Device: c.acc.Device})
	count, err := c.askCount(ctx, s, wire.TypePrekeyLook, look)
	if err != nil {
		return err
	}
	ours := 0
	err = c.db.View(ctx, func(tx *history.Tx) (err error) {
		ours, err = tx.CountPrekeys(home, count.Made)
		return err
	})
	now := c.signingTime()
	if err != nil || ours > 0 && count.Left > stockLow && now.Sub(count.Made) < stockAge {
		return err
	}
	return c.putStock(ctx, s, home, now)
}

// putStock makes a stock, keeps its secrets, and puts it at a home.
func (c *Client) putStock(ctx context.Context, s *session, home omega.Fingerprint, now time.Time) error {
	made := now.UTC().Truncate(time.Millisecond)
	w := &wire.PrekeyStock{Home: home, User: c.acc.Fingerprint, Device: c.acc.Device, Made: made}
	var keys []history.Prekey
	for i := range 1 + wire.MaxStock {
		use := secure.UseOnce
		if i == 0 {
			use = secure.UseWeek
		}
		secret, err := pgp.GeneratePrekey(c.cfg.rand(), made)
		if err != nil {
			return err
		}
		p, err := secure.SignPrekey(ctx, c.identity().Signer, c.acc.Fingerprint, secret.Public(), use, made, made.Add(prekeyAge))
		if err != nil {
			return err
		}
		keys = append(keys, history.Prekey{Secret: secret, Use: use, Home: home, Made: made})
		if i == 0 {
			w.Week = p.Marshal()
		} else {
			w.Once = append(w.Once, p.Marshal())
		}
	}
	sig, err := pgp.SignCompact(ctx, c.identity().Signer, w.Signed(), made)
	if err != nil {
		return err
	}
	w.Sig = wire.Signature{Time: made.Unix(), Bytes: sig}
	if err := c.db.Update(ctx, func(tx *history.Tx) error { return tx.AddPrekeys(keys) }); err != nil {
		return err
	}
	count, err := c.askCount(ctx, s, wire.TypePrekeyPut, w.Bytes())
	if err != nil {
		return err // those that were made for nothing are replaced with the next stock
	}
	if !count.Made.Equal(made) {
		return omega.Errorf(omega.CodeSuperseded, "the home has a stock of %s", count.Made.Format(time.RFC3339))
	}
	return c.db.Update(ctx, func(tx *history.Tx) error { return tx.ReplacePrekeys(home, made, c.cfg.now()) })
}

// noteStockless notes whether this device has no prekeys: then others cannot begin
// a secure chat, and it is worth a moment even of a command that is over.
func (c *Client) noteStockless(ctx context.Context) error {
	return c.db.View(ctx, func(tx *history.Tx) error {
		any, err := tx.HasPrekeys()
		c.stockless.Store(!any)
		return err
	})
}

// dropOldPrekeys destroys secrets for which no mail can come any more.
func (c *Client) dropOldPrekeys(ctx context.Context) {
	now := c.cfg.now()
	err := c.db.Update(ctx, func(tx *history.Tx) error {
		_, err := tx.DropOldPrekeys(now.Add(-prekeyGrave), now.Add(-prekeyAge-prekeyGrave))
		return err
	})
	if err != nil && ctx.Err() == nil {
		c.cfg.log().Error("old prekeys not destroyed", "err", err)
	}
}

// askCount sends a frame that is answered with a count of prekeys.
func (c *Client) askCount(ctx context.Context, s *session, t wire.Type, body []byte) (wire.PrekeyCount, error) {
	f, err := s.askPatiently(ctx, t, body)
	if err != nil {
		return wire.PrekeyCount{}, err
	}
	if f.Type != wire.TypePrekeyCount {
		return wire.PrekeyCount{}, wire.ErrMalformed
	}
	return wire.DecodePrekeyCount(f.Body)
}

// errNoPrekeys says that a home did not answer about prekeys in time.
var errNoPrekeys = errors.New("no answer about prekeys")

// askPatiently is request to a home that may be away: no answer is no reason to end
// the session.
func (s *session) askPatiently(ctx context.Context, t wire.Type, body []byte) (wire.Frame, error) {
	type answer struct {
		f   wire.Frame
		err error
	}
	ch := make(chan answer, 1)
	tag := s.start(t, body, func(f wire.Frame, err error) {
		f.Body = append([]byte(nil), f.Body...)
		ch <- answer{f, err}
	})
	timer := time.NewTimer(prekeysWait)
	defer timer.Stop()
	select {
	case a := <-ch:
		return a.f, a.err
	case <-timer.C:
		s.take(tag)
		return wire.Frame{}, errNoPrekeys
	case <-ctx.Done():
		s.take(tag)
		return wire.Frame{}, context.Cause(ctx)
	}
}
