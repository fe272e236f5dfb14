package proxy

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/keyserver"
	"github.com/omega-im/omega/wire"
)

// Bounds of comparing two key servers.
const (
	syncPulls = 16     // entries asked for at once
	syncMost  = 20_000 // entries asked for in one comparison
	maxPages  = 64     // of what one question lists: 24 million entries of a bucket in all
)

// errUnfinished says that a comparison ended at its bound: there is more.
var errUnfinished = errors.New("more is left to compare")

// SyncWith compares this key server with another one and takes over what that
// has and this lacks, of what both keep. It is called when a link to a server
// comes up and every ten minutes, at both ends. It returns how many entries
// changed. (spec/keys.md, KEYS-9)
func (p *Proxy) SyncWith(ctx context.Context, server omega.Fingerprint) (changed int, err error) {
	sync := &syncing{p: p, server: server, fetch: p.fetch, slots: make(chan struct{}, syncPulls)}
	if p.places(server) {
		err = sync.byTree(ctx)
	} else {
		sync.fetch = p.pull
		err = sync.byBuckets(ctx)
	}
	sync.pulls.Wait()
	if err != nil {
		err = fmt.Errorf("compare key server with %s: %w", server, err)
	}
	return int(sync.changed.Load()), err
}

// places reports whether a server says that it knows placement, trees of
// digests and receipts.
func (p *Proxy) places(server omega.Fingerprint) bool {
	return p.cfg.Places == nil || p.cfg.Places(server)
}

// A syncing is one comparison.
type syncing struct {
	p       *Proxy
	server  omega.Fingerprint
	fetch   func(ctx context.Context, server, fp omega.Fingerprint) (changed bool)
	slots   chan struct{}
	pulls   sync.WaitGroup
	asked   int
	changed atomic.Int64
}

// byTree goes down the tree of digests, from the buckets over the leaves to the
// entries.
func (s *syncing) byTree(ctx context.Context) error {
	keys := s.p.cfg.Keys
	mine := keys.Scope(false)
	theirs, tops, err := s.compare(ctx, &mine)
	if err == nil && mine.Owned == nil && theirs.Owned != nil {
		mine = keys.Scope(true) // it has what only owners keep
		theirs, tops, err = s.compare(ctx, &mine)
	}
	if err != nil {
		return err
	}
	differ := keys.DigestOf(&mine, theirs).Differing(tops)
	for depth, buckets := range keyserver.Branches(differ, &mine, theirs) {
		for part := range slices.Chunk(buckets, keyserver.MaxBranches) {
			if err := s.branch(ctx, depth, part, &mine, theirs); err != nil {
				return err
			}
		}
	}
	return nil
}

// compare asks for the digest of what both keep.
func (s *syncing) compare(ctx context.Context, mine *keyserver.Scope) (theirs *keyserver.Scope, tops *keyserver.Digest, err error) {
	f, err := s.p.callFor(ctx, s.server, wire.TypeCompare, mine.AppendTo(nil), wire.TypeCompared)
	if err != nil {
		return nil, nil, err
	}
	theirs, rest, err := keyserver.DecodeScope(f.Body)
	if err != nil {
		return nil, nil, err
	}
	tops, err = keyserver.DecodeDigest(rest)
	return theirs, tops, err
}

// branch compares the leaves of some buckets.
func (s *syncing) branch(ctx context.Context, depth keyserver.Depth, buckets []uint8, mine, theirs *keyserver.Scope) error {
	f, err := s.p.callFor(ctx, s.server, wire.TypeBranch, append([]byte{byte(depth)}, buckets...), wire.TypeLeaves)
	if err != nil {
		return err
	}
	leaves, err := s.p.cfg.Keys.DifferingLeaves(f.Body, mine, theirs)
	if err != nil {
		return err
	}
	for part := range slices.Chunk(leaves, keyserver.MaxListed) {
		pages, err := s.p.askPages(ctx, s.server, wire.TypeList, keyserver.AppendList(nil, depth, part), func(f wire.Frame) ([]keyserver.Summary, bool, error) {
			if f.Type != wire.TypeListed {
				return nil, false, errUnexpected
			}
			return keyserver.DecodeListed(f.Body)
		})
		if err != nil {
			return err
		}
		if err := s.take(ctx, pages, depth); err != nil {
			return err
		}
	}
	return nil
}

// byBuckets compares with a server that knows digests of 256 buckets only.
func (s *syncing) byBuckets(ctx context.Context) error {
	f, err := s.p.callFor(ctx, s.server, wire.TypeDigest, nil, wire.TypeDigest)
	if err != nil {
		return err
	}
	theirs, err := keyserver.DecodeDigest(f.Body)
	if err != nil {
		return err
	}
	for _, bucket := range s.p.cfg.Keys.Digest().Differing(theirs) {
		pages, err := s.p.askBucket(ctx, s.server, bucket)
		if err == nil {
			err = s.take(ctx, pages, keyserver.Everything)
		}
		if err != nil {
			return fmt.Errorf("bucket %d: %w", bucket, err)
		}
	}
	return nil
}

// take pulls what differs of what the other server listed.
func (s *syncing) take(ctx context.Context, pages [][]keyserver.Summary, depth keyserver.Depth) error {
	for _, page := range pages {
		wants, err := s.p.cfg.Keys.Wants(ctx, page, depth)
		if err != nil {
			return err
		}
		for _, fp := range wants {
			if s.asked++; s.asked > syncMost {
				return errUnfinished
			}
			s.slots <- struct{}{}
			s.pulls.Go(func() {
				defer func() { <-s.slots }()
				if s.fetch(ctx, s.server, fp) {
					s.changed.Add(1)
				}
			})
		}
	}
	return ctx.Err()
}

// pull asks a server for one entry by a look-up and reports whether it told
// anything new.
func (p *Proxy) pull(ctx context.Context, server, fp omega.Fingerprint) bool {
	f, err := p.callFor(ctx, server, wire.TypeLookup, fp.Wire(), wire.TypeEntry)
	if err != nil {
		return false
	}
	w, err := wire.DecodeEntry(f.Body)
	return err == nil && p.took(ctx, server, wire.Placed{Entry: w})
}

// fetch is pull of an entry with its receipt.
func (p *Proxy) fetch(ctx context.Context, server, fp omega.Fingerprint) bool {
	f, err := p.callFor(ctx, server, wire.TypeFetch, fp.Wire(), wire.TypeFetched)
	if err != nil {
		return false
	}
	placed, err := wire.DecodePlaced(f.Body)
	return err == nil && p.took(ctx, server, placed)
}

// took takes what another server has and this one may lack.
func (p *Proxy) took(ctx context.Context, server omega.Fingerprint, placed wire.Placed) (changed bool) {
	p.stats.syncPulls.Add(1)
	_, changed, err := p.cfg.Keys.Take(ctx, server, placed)
	if err != nil {
		p.log.DebugContext(ctx, "entry from another server refused", "server", server, "err", err)
	}
	return changed
}

// callFor is call that takes one type of answer.
func (p *Proxy) callFor(ctx context.Context, to omega.Fingerprint, t wire.Type, body []byte, want wire.Type) (wire.Frame, error) {
	f, err := p.call(ctx, to, t, body)
	if err == nil && f.Type != want {
		err = errUnexpected
	}
	return f, err
}

// askBucket asks for the summaries of one bucket.
func (p *Proxy) askBucket(ctx context.Context, server omega.Fingerprint, bucket uint8) ([][]keyserver.Summary, error) {
	return p.askPages(ctx, server, wire.TypeBucket, []byte{bucket}, func(f wire.Frame) ([]keyserver.Summary, bool, error) {
		if f.Type != wire.TypeSummary {
			return nil, false, errUnexpected
		}
		of, list, err := keyserver.DecodeSummaries(f.Body)
		if err == nil && of != bucket {
			err = errUnexpected
		}
		return list, len(list) == keyserver.MaxSummaries, err
	})
}

// askPages asks for summaries, which come in frames that page reads.
func (p *Proxy) askPages(ctx context.Context, server omega.Fingerprint, t wire.Type, body []byte, page func(wire.Frame) (list []keyserver.Summary, more bool, err error)) ([][]keyserver.Summary, error) {
	var (
		pages [][]keyserver.Summary // of done until ended has a value
		ended = make(chan error, 1)
	)
	p.ask(ctx, server, wire.ClassControl, t, body, func(f wire.Frame, err error) bool {
		var list []keyserver.Summary
		more := false
		if err == nil {
			list, more, err = page(f)
		}
		pages = append(pages, list)
		if err == nil && more && len(pages) < maxPages {
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

// receiveCompare answers with the digest of what both servers keep.
func (p *Proxy) receiveCompare(from omega.Fingerprint, f wire.Frame) {
	theirs, rest, err := keyserver.DecodeScope(f.Body)
	if err != nil || len(rest) > 0 {
		p.stats.peerBad.Add(1)
		return
	}
	mine := p.cfg.Keys.Scope(theirs.Owned != nil)
	p.postFrame(from, wire.TypeCompared, f.Tag, p.cfg.Keys.DigestOf(&mine, theirs).AppendTo(mine.AppendTo(nil)))
}

// receiveBranch answers with leaves.
func (p *Proxy) receiveBranch(from omega.Fingerprint, f wire.Frame) {
	body, err := p.cfg.Keys.AppendLeaves(nil, f.Body)
	if err != nil {
		p.stats.peerBad.Add(1)
		return
	}
	p.postFrame(from, wire.TypeLeaves, f.Tag, body)
}

// receiveList lists leaves.
func (p *Proxy) receiveList(ctx context.Context, from omega.Fingerprint, f wire.Frame) {
	err := p.cfg.Keys.List(ctx, f.Body, func(body []byte) error {
		p.postFrame(from, wire.TypeListed, f.Tag, body)
		return nil
	})
	switch {
	case errors.Is(err, wire.ErrMalformed):
		p.stats.peerBad.Add(1)
	case err != nil:
		p.log.ErrorContext(ctx, "leaves not listed", "err", err)
	}
}

// receiveFetch answers with an entry and its receipt.
func (p *Proxy) receiveFetch(ctx context.Context, from omega.Fingerprint, f wire.Frame) {
	fp, n, err := omega.DecodeFingerprint(f.Body)
	if err != nil || n != len(f.Body) {
		p.stats.peerBad.Add(1)
		return
	}
	body, err := p.cfg.Keys.Placed(ctx, fp)
	if err != nil {
		p.postFrame(from, wire.TypeError, f.Tag, statusOf(err))
		return
	}
	p.postFrame(from, wire.TypeFetched, f.Tag, body)
}
