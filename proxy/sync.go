package proxy

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/keyserver"
	"github.com/omega-im/omega/wire"
)

// Bounds of comparing two key servers.
const (
	syncPulls = 16 // entries asked for at once
	maxPages  = 64 // of one bucket: 24 million entries in all
)

// SyncWith compares this key server with another one and takes over what that
// has and this lacks. It is called when a link to a server comes up and every
// ten minutes, at both ends. It returns how many entries changed.
func (p *Proxy) SyncWith(ctx context.Context, server omega.Fingerprint) (changed int, err error) {
	f, err := p.call(ctx, server, wire.TypeDigest, nil)
	if err != nil {
		return 0, fmt.Errorf("compare key server with %s: %w", server, err)
	}
	theirs, err := keyserver.DecodeDigest(f.Body)
	if err != nil || f.Type != wire.TypeDigest {
		return 0, fmt.Errorf("compare key server with %s: %w", server, errUnexpected)
	}
	for _, bucket := range p.cfg.Keys.Digest().Differing(theirs) {
		n, err := p.syncBucket(ctx, server, bucket)
		changed += n
		if err != nil {
			return changed, fmt.Errorf("compare bucket %d with %s: %w", bucket, server, err)
		}
	}
	return changed, nil
}

// syncBucket pulls what differs in one bucket.
func (p *Proxy) syncBucket(ctx context.Context, server omega.Fingerprint, bucket uint8) (int, error) {
	pages, err := p.askBucket(ctx, server, bucket)
	if err != nil {
		return 0, err
	}
	var (
		wg      sync.WaitGroup
		changed atomic.Int64
		slots   = make(chan struct{}, syncPulls)
	)
	defer wg.Wait()
	for _, page := range pages {
		wants, err := p.cfg.Keys.Wants(ctx, page)
		if err != nil {
			return int(changed.Load()), err
		}
		for _, fp := range wants {
			slots <- struct{}{}
			wg.Go(func() {
				defer func() { <-slots }()
				if p.pull(ctx, server, fp) {
					changed.Add(1)
				}
			})
		}
	}
	wg.Wait()
	return int(changed.Load()), ctx.Err()
}

// pull asks a server for one entry and reports whether it told anything new.
func (p *Proxy) pull(ctx context.Context, server, fp omega.Fingerprint) bool {
	p.stats.syncPulls.Add(1)
	f, err := p.call(ctx, server, wire.TypeLookup, fp.Wire())
	if err != nil || f.Type != wire.TypeEntry {
		return false
	}
	w, err := wire.DecodeEntry(f.Body)
	if err != nil {
		return false
	}
	_, changed, err := p.cfg.Keys.Accept(ctx, keyserver.FromServer, w)
	if err != nil {
		p.log.DebugContext(ctx, "entry from another server refused", "server", server, "err", err)
	}
	return changed
}

// askBucket asks for the summaries of one bucket, which come in pages.
func (p *Proxy) askBucket(ctx context.Context, server omega.Fingerprint, bucket uint8) ([][]keyserver.Summary, error) {
	var (
		pages [][]keyserver.Summary // of done until ended is closed
		ended = make(chan error, 1)
	)
	p.ask(ctx, server, wire.ClassControl, wire.TypeBucket, []byte{bucket}, func(f wire.Frame, err error) bool {
		if err == nil && f.Type != wire.TypeSummary {
			err = errUnexpected
		}
		var list []keyserver.Summary
		if err == nil {
			var of uint8
			if of, list, err = keyserver.DecodeSummaries(f.Body); of != bucket {
				err = errUnexpected
			}
		}
		pages = append(pages, list)
		if err == nil && len(list) == keyserver.MaxSummaries && len(pages) < maxPages {
			return true
		}
		ended <- err
		return false
	})
	select {
	case err := <-ended:
		return pages, err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// receiveBucket lists a bucket for another server.
func (p *Proxy) receiveBucket(ctx context.Context, from omega.Fingerprint, f wire.Frame) {
	if len(f.Body) != 1 {
		p.stats.peerBad.Add(1)
		return
	}
	bucket := f.Body[0]
	err := p.cfg.Keys.Bucket(ctx, bucket, func(list []keyserver.Summary) error {
		p.postFrame(from, wire.TypeSummary, f.Tag, keyserver.AppendSummaries(nil, bucket, list))
		return nil
	})
	if err != nil {
		p.log.ErrorContext(ctx, "bucket not listed", "bucket", bucket, "err", err)
	}
}
