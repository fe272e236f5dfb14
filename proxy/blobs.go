package proxy

import (
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/keyserver"
	"github.com/omega-im/omega/media"
	"github.com/omega-im/omega/wire"
)

// blobWriters work on uploads: each of them waits for the disk now and then.
const blobWriters = 2

// maxOrigins is how many uploads this home remembers the way of. Those that it
// forgets are claimed again.
const maxOrigins = 1 << 16

// blobs is this server's part as a home of blobs. Work on the disk is for workers
// of its own, so that nothing else waits behind it. (spec/media.md, MEDIA-7)
type blobs struct {
	reads  jobs
	writes jobs // those of one server, or of one account here, in order
	relays relays

	mu      sync.Mutex
	origins map[origin]omega.Fingerprint // which server brings an upload; guarded by mu
}

// An origin is one upload.
type origin struct {
	account omega.Fingerprint
	name    media.Hash
}

func (b *blobs) init() {
	b.reads.init(jobWorkers - 1)
	b.writes.init(1)
	b.relays.init()
	b.origins = make(map[origin]omega.Fingerprint)
}

// from notes which server brings an upload.
func (b *blobs) from(o origin, server omega.Fingerprint) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for other := range b.origins { // any
		if len(b.origins) < maxOrigins {
			break
		}
		delete(b.origins, other)
	}
	b.origins[o] = server
}

// brings reports whether a server is the one that brings an upload.
func (b *blobs) brings(o origin, server omega.Fingerprint) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	from, known := b.origins[o]
	return known && from == server
}

func (b *blobs) ended(o origin) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.origins, o)
}

// An answerer sends one answer to who asked. It keeps no reference to body.
type answerer func(t wire.Type, body []byte)

// blobAnswer is the type that answers a frame about blobs; 0 for other frames.
func blobAnswer(t wire.Type) wire.Type {
	switch t {
	case wire.TypeBlobClaim, wire.TypeBlobAppend:
		return wire.TypeBlobState
	case wire.TypeBlobGet:
		return wire.TypeBlobPart
	case wire.TypeBlobUsage:
		return wire.TypeBlobUsed
	}
	return 0
}

// refuseBlob answers with a code and nothing else.
func refuseBlob(answer answerer, request wire.Type, code omega.Code) {
	switch t := blobAnswer(request); t {
	case wire.TypeBlobPart:
		answer(t, wire.AppendBlobPart(nil, &wire.BlobPart{Code: code}))
	case wire.TypeBlobUsed:
		answer(t, wire.AppendBlobUsed(nil, wire.BlobUsed{Code: code}))
	default:
		answer(t, wire.AppendBlobState(nil, wire.BlobState{Code: code}))
	}
}

// serveBlob does what a frame asks of this server, or has a worker do it. from is
// the server that it came through, by whom it counts as work: that server, or an
// account here. f is copied.
func (p *Proxy) serveBlob(from, by omega.Fingerprint, f wire.Frame, answer answerer) {
	queue, size := &p.blobs.writes, len(f.Body)
	if f.Type == wire.TypeBlobGet {
		queue, size = &p.blobs.reads, wire.MaxBlobPart // of the answer
	}
	if p.cfg.Media == nil {
		refuseBlob(answer, f.Type, omega.CodeRefused)
		return
	}
	body := takePart(len(f.Body))
	copy(body, f.Body)
	f.Body = body
	job := func(ctx context.Context) {
		p.workOnBlob(ctx, from, f, answer)
		givePart(body)
	}
	if !queue.add(by, size, job) {
		givePart(body)
		refuseBlob(answer, f.Type, omega.CodeRateLimited)
	}
}

func (p *Proxy) workOnBlob(ctx context.Context, from omega.Fingerprint, f wire.Frame, answer answerer) {
	switch f.Type {
	case wire.TypeBlobClaim:
		st, err := p.claimBlob(ctx, from, f.Body)
		p.answerState(ctx, f.Type, st, err, answer)
	case wire.TypeBlobAppend:
		st, err := p.appendBlob(ctx, from, f.Body)
		p.answerState(ctx, f.Type, st, err, answer)
	case wire.TypeBlobGet:
		p.getBlob(ctx, f, answer)
	case wire.TypeBlobUsage:
		used, most, err := p.blobUsage(ctx, from, f.Body)
		answer(wire.TypeBlobUsed, wire.AppendBlobUsed(nil, wire.BlobUsed{Code: p.blobCode(ctx, err), Used: uint64(used), Most: uint64(most)}))
	}
}

// blobUsage says how much of its quota an account uses. (spec/media.md, MEDIA-24)
func (p *Proxy) blobUsage(ctx context.Context, from omega.Fingerprint, body []byte) (used, most int64, err error) {
	c, err := wire.DecodeBlobClaim(body)
	if err == nil && (c.Name != [32]byte{} || c.Size != 0) {
		err = omega.Errorf(omega.CodeBadRequest, "a question that claims something")
	}
	if err == nil {
		err = p.judgeClaim(ctx, from, c, false)
	}
	if err != nil {
		return 0, 0, err
	}
	return p.cfg.Media.Usage(ctx, c.User)
}

// judgeClaim finds out whether an account that lives here says what a claim says; or one
// that does not any more, where it takes back what it claimed before.
func (p *Proxy) judgeClaim(ctx context.Context, from omega.Fingerprint, c *wire.BlobClaim, takesBack bool) error {
	if c.Home != p.self {
		return omega.Errorf(omega.CodeBadRequest, "a claim for another server")
	}
	e, err := p.cfg.Keys.Find(ctx, c.User)
	if codeOf(err) == omega.CodeNotFound {
		e, err = p.findRemote(ctx, asker{forServer, from}, c.User, from) // whoever sent it knows
	}
	if err != nil {
		return err
	}
	r, err := p.cfg.Keys.Route(ctx, c.User)
	switch {
	case err != nil:
		return err
	case r.Deleted:
		return omega.Errorf(omega.CodeDeleted, "the account was deleted")
	case !takesBack && !slices.Contains(r.Homes, p.self):
		return omega.Errorf(omega.CodeNotFound, "the account does not live here")
	}
	return keyserver.VerifyClaim(e.Certificate, c, p.now())
}

// claimBlob takes a claim. (spec/media.md, MEDIA-2)
func (p *Proxy) claimBlob(ctx context.Context, from omega.Fingerprint, body []byte) (media.State, error) {
	c, err := wire.DecodeBlobClaim(body)
	if err == nil {
		err = p.judgeClaim(ctx, from, c, !c.Until.After(c.Issued))
	}
	if err != nil {
		return media.State{}, err
	}
	o := origin{c.User, c.Name}
	p.blobs.from(o, from)
	st, err := p.cfg.Media.Claim(ctx, media.Claim{
		Account: c.User, Name: c.Name, Size: int64(min(c.Size, media.MaxSize+1)), Issued: c.Issued, Until: c.Until,
	})
	if err != nil || st.Stored {
		p.blobs.ended(o)
	}
	return st, err
}

// appendBlob takes octets of an upload from who brings it. (spec/media.md, MEDIA-3)
func (p *Proxy) appendBlob(ctx context.Context, from omega.Fingerprint, body []byte) (media.State, error) {
	a, err := wire.DecodeBlobAppend(body)
	if err != nil {
		return media.State{}, err
	}
	o := origin{a.User, a.Name}
	if a.Home != p.self || !p.blobs.brings(o, from) {
		return media.State{}, omega.Errorf(omega.CodeNotFound, "no upload that is claimed")
	}
	st, err := p.cfg.Media.Append(ctx, a.User, a.Name, int64(min(a.Offset, media.MaxSize+1)), a.Octets)
	if st.Stored {
		p.blobs.ended(o)
	}
	return st, err
}

func (p *Proxy) answerState(ctx context.Context, t wire.Type, st media.State, err error, answer answerer) {
	s := wire.BlobState{Code: p.blobCode(ctx, err), Offset: uint64(st.Offset)}
	if st.Stored {
		s.Flags |= wire.BlobStored
	}
	answer(blobAnswer(t), wire.AppendBlobState(nil, s))
}

// getBlob reads a part of a blob. (spec/media.md, MEDIA-6)
func (p *Proxy) getBlob(ctx context.Context, f wire.Frame, answer answerer) {
	g, err := wire.DecodeBlobGet(f.Body)
	if err == nil && (g.Server != p.self || g.What > wire.BlobLeaves || g.Offset > media.MaxSize) {
		err = wire.ErrMalformed
	}
	if err != nil {
		refuseBlob(answer, f.Type, omega.CodeBadRequest)
		return
	}
	read := p.cfg.Media.Read
	if g.What == wire.BlobLeaves {
		read = p.cfg.Media.Leaves
	}
	body := takePart(wire.BlobPartHead + int(g.Length))
	defer givePart(body)
	n, size, err := read(ctx, g.Name, int64(g.Offset), body[wire.BlobPartHead:])
	part := wire.BlobPart{Code: p.blobCode(ctx, err), Size: uint64(size)}
	wire.AppendBlobPart(body[:0], &part)
	answer(wire.TypeBlobPart, body[:wire.BlobPartHead+n])
}

// blobCode chooses what is said of an error.
func (p *Proxy) blobCode(ctx context.Context, err error) omega.Code {
	switch {
	case err == nil:
		return omega.CodeOK
	case errors.Is(err, media.ErrNotFound):
		return omega.CodeNotFound
	case errors.Is(err, media.ErrFull):
		return omega.CodeMailboxFull
	case errors.Is(err, media.ErrDiskFull):
		return omega.CodeDiskFull
	case errors.Is(err, media.ErrWrong), errors.Is(err, media.ErrBad):
		return omega.CodeBadRequest
	case errors.Is(err, keyserver.ErrClaim):
		return omega.CodeExpired
	}
	code := codeOf(err)
	if code == omega.CodeInternal {
		p.log.ErrorContext(ctx, "blob not served", "err", err)
	}
	return code
}
