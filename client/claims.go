package client

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/history"
	"github.com/omega-im/omega/media"
	"github.com/omega-im/omega/wire"
)

// When claims are tended. (spec/media.md, MEDIA-13)
const (
	renewHere   = 60 * 24 * time.Hour // before the end: those of this device
	renewOthers = 30 * 24 * time.Hour // those of other devices, if these did not
	claimsPause = 5 * time.Second     // between two looks, however much happens
	claimsLook  = time.Hour           // and if nothing does
	claimsAgain = 10 * time.Minute    // for a server that could not answer
	maxTended   = 32                  // claims in one look
)

// A tender tends claims. Only its goroutine uses it.
type tender struct {
	c     *Client
	later map[omega.Fingerprint]time.Time // servers that could not answer, and when they are asked again
}

// tendClaims keeps the blobs of the account's messages at its homes for as long as
// others have the messages, and no longer, until ctx ends.
func (c *Client) tendClaims(ctx context.Context) {
	t := &tender{c: c, later: map[omega.Fingerprint]time.Time{}}
	for ctx.Err() == nil {
		changed, began := c.changed.wait(), time.Now()
		more, err := t.look(ctx)
		if err != nil && ctx.Err() == nil {
			c.cfg.log().Error("claims not tended", "err", err)
		}
		if more && err == nil {
			continue
		}
		timer := time.NewTimer(claimsLook)
		select {
		case <-changed:
		case <-timer.C:
		case <-ctx.Done():
		}
		timer.Stop()
		sleep(ctx, max(claimsPause-time.Since(began), 0))
	}
}

// look tends claims that are due, and reports whether there may be more.
func (t *tender) look(ctx context.Context) (more bool, err error) {
	s, err := t.c.waitOnline(ctx)
	if err != nil {
		return false, err
	}
	idle, ending, err := t.c.dueClaims(ctx)
	if err != nil {
		return false, err
	}
	done := 0
	for i, claim := range slices.Concat(idle, ending) {
		if t.c.cfg.now().Before(t.later[claim.Server]) {
			continue
		}
		do := t.c.releaseClaim
		if i >= len(idle) {
			do = t.c.renewClaim
		}
		if err := do(ctx, s, &claim); err != nil {
			t.c.cfg.log().Info("claim not tended yet", "server", claim.Server, "blob", claim.Ref.Name, "err", err)
			t.later[claim.Server] = t.c.cfg.now().Add(claimsAgain)
			continue
		}
		done++
	}
	return done > 0 && len(idle)+len(ending) >= maxTended, nil
}

// dueClaims reads what is to be taken back and what is to be renewed.
func (c *Client) dueClaims(ctx context.Context) (idle, ending []history.Claim, err error) {
	now := c.cfg.now()
	err = c.db.View(ctx, func(tx *history.Tx) error {
		needed, err := neededBlobs(tx)
		if err != nil {
			return err
		}
		if idle, err = tx.IdleClaims(maxTended + len(needed)*uploadHomes); err != nil {
			return err
		}
		ending, err = tx.EndingClaims(now.Add(renewHere), now.Add(renewOthers), maxTended)
		idle = slices.DeleteFunc(idle, func(h history.Claim) bool { return needed[h.Ref.Name] })
		idle = idle[:min(len(idle), maxTended)]
		return err
	})
	return idle, ending, err
}

// releaseClaim takes a claim back that this device made; another device's is
// forgotten, for it does so itself.
func (c *Client) releaseClaim(ctx context.Context, s *session, claim *history.Claim) error {
	if claim.Here {
		_, err := c.claimBlob(ctx, s, claim.Server, claim.Ref, c.signingTime())
		if err != nil && !final(err) {
			return err
		}
	}
	return c.forgetClaim(ctx, claim)
}

// renewClaim claims a blob for longer. One that is not there any more is uploaded
// again if it is here.
func (c *Client) renewClaim(ctx context.Context, s *session, claim *history.Claim) error {
	c.mu.Lock()
	lives := slices.Contains(c.record.Homes, claim.Server)
	c.mu.Unlock()
	if !lives {
		return c.forgetClaim(ctx, claim)
	}
	until := c.signingTime().Add(media.DefaultClaim)
	st, err := c.claimBlob(ctx, s, claim.Server, claim.Ref, until)
	switch {
	case err == nil && st.Flags&wire.BlobStored == 0 && c.hasBlob(claim.Ref):
		err = c.push(ctx, s, claim.Server, claim.Ref, int64(st.Offset))
	case err == nil && st.Flags&wire.BlobStored == 0: // it cannot be brought from here
		claim.Here = true
		return c.releaseClaim(ctx, s, claim)
	}
	if err != nil && final(err) {
		c.cfg.log().Warn("blob not kept for longer", "blob", claim.Ref.Name, "server", claim.Server, "err", err)
		return c.forgetClaim(ctx, claim)
	}
	if err != nil {
		return err
	}
	return c.db.Update(ctx, func(tx *history.Tx) error { return tx.PutUploaded(claim.Ref, claim.Server, until) })
}

func (c *Client) forgetClaim(ctx context.Context, claim *history.Claim) error {
	return c.db.Update(ctx, func(tx *history.Tx) error { return tx.RemoveClaim(claim.Ref.Name, claim.Server) })
}

// final reports whether a server said no, and would say so again.
func final(err error) bool {
	var e *omega.Error
	return errors.As(err, &e) && !e.Code.Retry()
}
