package client

import (
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"os"
	"slices"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/internal/i18n"
	"github.com/omega-im/omega/media"
	"github.com/omega-im/omega/wire"
)

// maxVerifiers is of how many blobs the leaves are kept at a time: those that are
// being read in parts.
const maxVerifiers = 4

// judged is by how many of its first octets a program is known.
const judged = 512

// readFile reads a part of a file that need not be here yet. (spec/media.md, MEDIA-17)
func (c *Client) readFile(ctx context.Context, p clientrpc.ReadFileParams) (*clientrpc.ReadFileResult, error) {
	doing := i18n.T("doing.getfile", p.ID)
	w, err := c.wantBlob(ctx, doing, p.FileRef)
	if err != nil {
		return nil, err
	}
	if w.stranger && !p.Anyway && !p.Thumb && w.item.Program() {
		return nil, harmful(doing, w)
	}
	if p.Offset < 0 || p.Offset > w.size() || p.Length < 1 || p.Length > clientrpc.MaxRead {
		return nil, fail(clientrpc.CodeUsage, doing, i18n.T("why.range", p.Length, p.Offset, w.size()), i18n.T("next.range", clientrpc.MaxRead), nil)
	}
	out := &clientrpc.ReadFileResult{Data: make([]byte, min(int64(p.Length), w.size()-p.Offset)), Size: w.size(), Type: w.item.Type}
	if p.Thumb {
		out.Type = "image/jpeg"
	}
	if len(out.Data) == 0 {
		return out, nil
	}
	if p.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, p.Timeout)
		defer cancel()
	}
	if w.stranger && !p.Anyway && !p.Thumb && p.Offset < judged {
		begin := make([]byte, min(judged, w.size()))
		if err := c.readInto(ctx, w, begin, 0); err != nil {
			return nil, getFileError(doing, err)
		}
		if chat.BeginsLikeProgram(begin) {
			return nil, harmful(doing, w)
		}
	}
	if err := c.readInto(ctx, w, out.Data, p.Offset); err != nil {
		return nil, getFileError(doing, err)
	}
	return out, nil
}

// readInto fills b with what the reader gets of a blob from an offset on; b ends
// where that does at the latest.
func (c *Client) readInto(ctx context.Context, w *wanted, b []byte, offset int64) error {
	r, done, err := c.blobReader(ctx, w)
	if err != nil {
		return err
	}
	defer done()
	if w.seal == nil {
		_, err := r.ReadAt(b, offset)
		return err
	}
	o, err := media.NewOpener(w.ref, *w.seal)
	if err != nil {
		return err
	}
	_, err = o.ReadAt(r, b, offset)
	return err
}

// blobReader reads a blob that is in the cache, or chunk by chunk from servers.
func (c *Client) blobReader(ctx context.Context, w *wanted) (io.ReaderAt, func(), error) {
	servers := c.whoHas(ctx, w.item, w.from)
	if !c.hasBlob(w.ref) && media.HasTree(w.ref.Size) {
		select {
		case c.ranging <- struct{}{}: // what is asked for ahead waits for what is asked for now
		case <-ctx.Done():
			return nil, nil, context.Cause(ctx)
		}
		r := &chunkReader{ctx: ctx, c: c, ref: w.ref, servers: servers, have: -1}
		return r, func() { r.close(); <-c.ranging }, nil
	}
	path, err := c.fetchBlob(ctx, w.ref, servers)
	if err != nil {
		return nil, nil, err
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	return f, func() { f.Close() }, nil
}

// A chunkReader reads a blob with a tree of which not all is here. What it reads is
// checked, and kept in the file of its download. It lives for one call.
type chunkReader struct {
	ctx      context.Context // of the call
	c        *Client
	ref      media.Ref
	servers  []omega.Fingerprint
	file     *os.File
	verifier *media.Verifier
	have     int // number of the chunk below; -1: none
	chunk    []byte
}

func (r *chunkReader) close() {
	if r.file != nil {
		r.file.Close()
	}
}

// ReadAt is io.ReaderAt.
func (r *chunkReader) ReadAt(b []byte, offset int64) (n int, err error) {
	for n < len(b) {
		at := offset + int64(n)
		if at >= r.ref.Size {
			return n, io.EOF
		}
		i := int(at / media.ChunkSize)
		if err := r.load(i); err != nil {
			return n, err
		}
		n += copy(b[n:], r.chunk[at-int64(i)*media.ChunkSize:])
	}
	return n, nil
}

// load has a chunk: from the file, or from the first server that has the right one.
func (r *chunkReader) load(i int) error {
	if i == r.have {
		return nil
	}
	if r.file == nil {
		d, err := r.c.openDownload(r.ref)
		if err != nil {
			return err
		}
		r.file = d.file
		if err := r.c.noteBlob(r.ctx, r.ref); err != nil { // so that it goes when there is too much
			return err
		}
	}
	var failed error
	for _, server := range r.c.honest(r.servers, r.ref) {
		err := r.loadFrom(server, i)
		if err == nil {
			return nil
		}
		if errors.Is(err, media.ErrWrong) {
			r.c.caught(server, r.ref)
		}
		r.c.cfg.log().Info("chunk not fetched", "server", server, "blob", r.ref.Name, "err", err)
		if r.ctx.Err() != nil {
			return context.Cause(r.ctx)
		}
		if tellsMore(err, failed) {
			failed = err
		}
	}
	if failed == nil {
		return nobodyLeft(r.servers, r.ref)
	}
	return failed
}

// tellsMore reports whether err tells more of why a blob is not here than what was found
// before: that one server never had it says nothing of another that could not answer.
func tellsMore(err, before error) bool {
	return before == nil || !errors.Is(before, media.ErrWrong) && (!isCode(err, omega.CodeNotFound) || isCode(before, omega.CodeNotFound))
}

func (r *chunkReader) loadFrom(server omega.Fingerprint, i int) error {
	s, err := r.c.waitOnline(r.ctx)
	if err != nil {
		return err
	}
	f := &partFetcher{r.c, s, server, r.ref, func(int) {}}
	if r.verifier == nil {
		if r.verifier, err = f.verifier(r.ctx); err != nil {
			return err
		}
	}
	r.have = -1
	size, at := media.ChunkLen(r.ref.Size, i), int64(i)*media.ChunkSize
	r.chunk = slices.Grow(r.chunk[:0], size)[:size]
	if n, _ := r.file.ReadAt(r.chunk, at); n == size && r.verifier.Check(i, r.chunk) == nil {
		r.have = i
		return nil
	}
	f.moved = func(n int) { r.c.partProgress(r.ref.Name, at, n, size) }
	if err := f.chunk(r.ctx, r.chunk, at); err != nil {
		return err
	}
	if err := r.verifier.Check(i, r.chunk); err != nil {
		return err
	}
	if _, err := r.file.WriteAt(r.chunk, at); err != nil {
		return err
	}
	r.have = i
	return nil
}

// A partFetcher asks one server for parts of one blob.
type partFetcher struct {
	c      *Client
	s      *session
	server omega.Fingerprint
	ref    media.Ref
	moved  func(octets int) // told how many of those that were asked for are here
}

// verifier has the leaves of the blob: those of blobs that are being read are kept.
func (f *partFetcher) verifier(ctx context.Context) (*media.Verifier, error) {
	f.c.mu.Lock()
	v := f.c.verifiers[f.ref]
	f.c.mu.Unlock()
	if v != nil {
		return v, nil
	}
	var leaves []byte
	if media.HasTree(f.ref.Size) {
		leaves = make([]byte, media.Chunks(f.ref.Size)*sha256.Size)
		if err := f.ask(ctx, wire.BlobLeaves, leaves, 0); err != nil {
			return nil, err
		}
	}
	v, err := media.NewVerifier(f.ref, leaves)
	if err != nil {
		return nil, err
	}
	f.c.mu.Lock()
	defer f.c.mu.Unlock()
	if len(f.c.verifiers) >= maxVerifiers {
		clear(f.c.verifiers)
	}
	f.c.verifiers[f.ref] = v
	return v, nil
}

// chunk fills b with the blob's octets from an offset on.
func (f *partFetcher) chunk(ctx context.Context, b []byte, offset int64) error {
	return f.ask(ctx, wire.BlobOctets, b, offset)
}

// ask fills b with octets of the blob, or of its leaves. Parts for which the server
// has no time now are asked for again.
func (f *partFetcher) ask(ctx context.Context, what uint8, b []byte, offset int64) error {
	answers := make(chan blobAnswer, (len(b)+media.MaxPart-1)/media.MaxPart)
	length := func(at int64) int { return int(min(media.MaxPart, int64(len(b))-at)) }
	start := func(at int64) {
		g := wire.BlobGet{Server: f.server, What: what, Name: f.ref.Name, Offset: uint64(offset + at), Length: uint32(length(at))}
		f.s.startBlob(wire.TypeBlobGet, wire.AppendBlobGet(nil, &g), at, answers)
	}
	flying, here := 0, 0
	for at := int64(0); at < int64(len(b)); at += media.MaxPart {
		start(at)
		flying++
	}
	patience, cancel := context.WithTimeout(ctx, partPatience)
	defer cancel()
	for flying > 0 {
		select {
		case a := <-answers:
			octets, err := a.part(f.ref.Size)
			switch {
			case isCode(err, omega.CodeRateLimited):
				if !sleep(patience, busyPause) {
					return context.Cause(patience)
				}
				start(a.offset)
				continue
			case err != nil:
				return err
			case len(octets) != length(a.offset):
				return media.ErrWrong
			}
			here += copy(b[a.offset:], octets)
			a.release()
			f.moved(here)
			flying--
		case <-patience.Done():
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			return omega.Errorf(omega.CodeUnavailable, "no answer to a question for octets of a blob")
		}
	}
	return nil
}
