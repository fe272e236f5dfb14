package client

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/internal/i18n"
	"github.com/omega-im/omega/pgp"
	"github.com/omega-im/omega/wire"
)

// quota asks the homes of this account, all at once.
func (c *Client) quota(ctx context.Context, p clientrpc.QuotaParams) (clientrpc.QuotaResult, error) {
	ctx, cancel := context.WithTimeout(ctx, max(p.Timeout, time.Millisecond))
	defer cancel()
	out := clientrpc.QuotaResult{}
	s, err := c.waitOnline(ctx)
	if err != nil {
		return out, err
	}
	c.mu.Lock()
	homes := slices.Clone(c.record.Homes)
	c.mu.Unlock()
	out.Homes = make([]clientrpc.HomeQuota, len(homes))
	var wg sync.WaitGroup
	for i, home := range homes {
		wg.Go(func() { out.Homes[i] = c.quotaAt(ctx, s, home) })
	}
	wg.Wait()
	return out, nil
}

func (c *Client) quotaAt(ctx context.Context, s *session, home omega.Fingerprint) clientrpc.HomeQuota {
	out := clientrpc.HomeQuota{Server: home}
	u, err := c.askUsage(ctx, s, home)
	if err == nil {
		out.Used, out.Most = int64(min(u.Used, 1<<62)), int64(min(u.Most, 1<<62))
		return out
	}
	if err = explain(i18n.T("doing.quota"), err); !errors.As(err, &out.Problem) {
		out.Problem = &clientrpc.Error{Code: clientrpc.CodeInternal, Doing: i18n.T("doing.quota"), Cause: err.Error()}
	}
	return out
}

// askUsage asks one home. (spec/media.md, MEDIA-24)
func (c *Client) askUsage(ctx context.Context, s *session, home omega.Fingerprint) (wire.BlobUsed, error) {
	now := c.signingTime()
	claim := &wire.BlobClaim{User: c.acc.Fingerprint, Device: c.acc.Device, Home: home, Issued: now, Until: now}
	sig, err := pgp.SignCompact(ctx, c.identity().Signer, claim.Signed(), now)
	if err != nil {
		return wire.BlobUsed{}, err
	}
	claim.Sig = wire.Signature{Time: now.Unix(), Bytes: sig}
	done := make(chan blobAnswer, 1)
	s.startBlob(wire.TypeBlobUsage, claim.Bytes(), 0, done)
	select {
	case a := <-done:
		if a.err != nil {
			return wire.BlobUsed{}, a.err
		}
		u, err := wire.DecodeBlobUsed(a.f.Body)
		if err == nil && a.f.Type != wire.TypeBlobUsed {
			err = wire.ErrMalformed
		}
		if err == nil && u.Code != omega.CodeOK {
			err = &omega.Error{Code: u.Code}
		}
		return u, err
	case <-ctx.Done():
		return wire.BlobUsed{}, context.Cause(ctx)
	}
}
