package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
	"github.com/omega-im/omega/media"
	"github.com/omega-im/omega/wire"
)

// A fetch is one blob on its way in. Whoever wants the same one waits for it.
type fetch struct {
	done chan struct{} // closed once the others are set
	err  error
	left bool // who fetched it did not wait for the end
}

// fetchBlob brings a blob into the cache and returns the path of its file, which
// holds nothing but what was checked. (spec/media.md, MEDIA-8)
func (c *Client) fetchBlob(ctx context.Context, ref media.Ref, servers []omega.Fingerprint) (string, error) {
	for !c.hasBlob(ref) {
		c.mu.Lock()
		f := c.fetches[ref.Name]
		mine := f == nil
		if mine {
			f = &fetch{done: make(chan struct{})}
			c.fetches[ref.Name] = f
		}
		c.mu.Unlock()
		if mine {
			f.err = c.download(ctx, ref, servers)
			f.left = ctx.Err() != nil
			c.mu.Lock()
			delete(c.fetches, ref.Name)
			c.mu.Unlock()
			c.progress(ref.Name, ref.Size, ref.Size)
			close(f.done)
		}
		select {
		case <-f.done:
		case <-ctx.Done():
			return "", context.Cause(ctx)
		}
		if f.err != nil && (mine || !f.left) {
			return "", f.err
		}
	}
	return c.blobPath(ref.Name), c.noteBlob(ctx, ref)
}

// whoHas are the servers that may have the blobs of an item: those that it names,
// then the homes of who sent it.
func (c *Client) whoHas(ctx context.Context, item *chat.MediaItem, from omega.Fingerprint) []omega.Fingerprint {
	out := slices.Clone(item.Servers)
	homes := []omega.Fingerprint(nil)
	if from == c.acc.Fingerprint {
		c.mu.Lock()
		homes = slices.Clone(c.record.Homes)
		c.mu.Unlock()
	} else if p, err := c.storedPeer(ctx, from); err == nil && p != nil {
		homes, _ = recordHomes(p.Record)
	}
	for _, h := range homes {
		if !slices.Contains(out, h) {
			out = append(out, h)
		}
	}
	return out
}

// maxOffline is how long a download waits for a connection that was lost.
const maxOffline = time.Minute

// download asks one server after the other until the blob is here. A connection
// that ends is waited for, and a server that gave a wrong octet is not asked again.
func (c *Client) download(ctx context.Context, ref media.Ref, servers []omega.Fingerprint) error {
	d, err := c.openDownload(ref)
	if err != nil {
		return err
	}
	defer d.file.Close()
	named := servers
	if servers = c.honest(named, ref); len(servers) == 0 {
		return nobodyLeft(named, ref)
	}
	var failed, wrong error
	for tries := 0; len(servers) > 0 && tries < 8; tries++ {
		for i := 0; i < len(servers); {
			online, cancel := context.WithTimeout(ctx, maxOffline)
			s, err := c.waitOnline(online)
			cancel()
			if err != nil {
				return err
			}
			before := d.hasher.Size()
			if err = d.from(ctx, s, servers[i]); err == nil {
				return c.finishDownload(ctx, d)
			}
			c.cfg.log().Info("blob not fetched", "server", servers[i], "blob", ref.Name, "err", err)
			switch {
			case ctx.Err() != nil:
				return context.Cause(ctx)
			case errors.Is(err, errSessionEnded), d.hasher.Size() > before:
				tries = 0 // it goes on
			case errors.Is(err, media.ErrWrong):
				wrong = fmt.Errorf("%w (server %s)", err, servers[i])
				c.caught(servers[i], ref)
				servers = slices.Delete(slices.Clone(servers), i, i+1)
			case isCode(err, omega.CodeNotFound), isCode(err, omega.CodeBadRequest), isCode(err, omega.CodeRefused):
				if tellsMore(err, failed) {
					failed = err
				}
				servers = slices.Delete(slices.Clone(servers), i, i+1)
			default:
				failed = err
				i++
			}
		}
		if len(servers) > 0 && !sleep(ctx, min(minAgain<<tries, 8*time.Second)) {
			return context.Cause(ctx)
		}
	}
	if wrong != nil {
		return wrong
	}
	return failed
}

// A downloader is one download: a file of whole chunks that were checked.
type downloader struct {
	c        *Client
	ref      media.Ref
	file     *os.File
	hasher   *media.Hasher   // of what the file holds
	verifier *media.Verifier // nil: its leaves are not here yet
	spare    [][]byte        // memory of chunks that were written
}

// openDownload goes on with what is there of a blob.
func (c *Client) openDownload(ref media.Ref) (*downloader, error) {
	if err := ref.Check(); err != nil {
		return nil, err
	}
	path := c.blobPath(ref.Name)
	if err := os.MkdirAll(c.cfg.Home+"/"+dirMedia, 0o700); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path+".part", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	return &downloader{c: c, ref: ref, file: f, hasher: media.NewHasher()}, nil
}

// begin has the leaves, and checks what an earlier run left.
func (d *downloader) begin(ctx context.Context, s *session, server omega.Fingerprint) error {
	if d.verifier != nil {
		return nil
	}
	v, err := (&partFetcher{d.c, s, server, d.ref, func(int) {}}).verifier(ctx)
	if err != nil {
		return err
	}
	d.verifier = v
	chunk := make([]byte, media.ChunkSize)
	for i := range media.Chunks(d.ref.Size) {
		chunk = chunk[:media.ChunkLen(d.ref.Size, i)]
		n, err := d.file.ReadAt(chunk, int64(i)*media.ChunkSize)
		if n < len(chunk) && err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if n < len(chunk) || v.Add(d.hasher, i, chunk) != nil {
			break
		}
	}
	return nil
}

// part reads a BlobPart of a blob of a size.
func (a *blobAnswer) part(size int64) ([]byte, error) {
	if a.err != nil {
		return nil, a.err
	}
	p, err := wire.DecodeBlobPart(a.f.Body)
	switch {
	case err != nil:
		return nil, err
	case a.f.Type != wire.TypeBlobPart:
		return nil, wire.ErrMalformed
	case p.Code != omega.CodeOK:
		return nil, &omega.Error{Code: p.Code}
	case p.Size != uint64(size) || len(p.Octets) == 0:
		return nil, fmt.Errorf("%w: %d octets of a blob of %d", media.ErrWrong, len(p.Octets), p.Size)
	}
	return p.Octets, nil
}

// from fetches the rest from one server.
func (d *downloader) from(ctx context.Context, s *session, server omega.Fingerprint) error {
	if err := d.begin(ctx, s, server); err != nil {
		return err
	}
	p := &puller{d: d, server: server, pace: newPacer(), next: d.hasher.Size(), answers: make(chan blobAnswer, 2*maxWindow+1), chunks: map[int]*incoming{}}
	timer := time.NewTimer(partPatience)
	defer timer.Stop()
	for d.hasher.Size() < d.ref.Size {
		p.fill(s)
		timer.Reset(partPatience)
		select {
		case a := <-p.answers:
			if err := p.take(a); err != nil {
				return err
			}
		case <-timer.C:
			return omega.Errorf(omega.CodeUnavailable, "no answer to a question for octets at %d", d.hasher.Size())
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// A puller fetches from one server.
type puller struct {
	d       *downloader
	server  omega.Fingerprint
	pace    *pacer
	answers chan blobAnswer
	next    int64             // octet that is asked for next
	again   []int64           // parts that the server had no time for
	flying  int               // parts under way
	chunks  map[int]*incoming // that are not whole yet, by number; at most maxIncoming
}

// maxIncoming is of how many chunks parts may be under way or waiting: what waits for a
// part before it is bounded.
const maxIncoming = 5

// An incoming is a chunk on its way in.
type incoming struct {
	b    []byte
	left int // octets that are missing
}

// chunk is where the octets of chunk i are gathered.
func (p *puller) chunk(i int) *incoming {
	in := p.chunks[i]
	if in == nil {
		size := media.ChunkLen(p.d.ref.Size, i)
		in = &incoming{left: size}
		if n := len(p.d.spare); n > 0 {
			in.b, p.d.spare = p.d.spare[n-1], p.d.spare[:n-1]
		}
		in.b = slices.Grow(in.b[:0], size)[:size]
		p.chunks[i] = in
	}
	return in
}

// fill asks for parts as the window allows.
func (p *puller) fill(s *session) {
	for p.flying < 2*p.pace.window {
		at := p.next
		switch {
		case len(p.again) > 0:
			at, p.again = p.again[0], p.again[1:]
		case p.next >= p.d.ref.Size || p.next-p.d.hasher.Size() >= (maxIncoming-1)*media.ChunkSize:
			return
		default:
			p.next += int64(p.partLen(at))
		}
		p.flying++
		g := wire.BlobGet{Server: p.server, Name: p.d.ref.Name, Offset: uint64(at), Length: uint32(p.partLen(at))}
		s.startBlob(wire.TypeBlobGet, wire.AppendBlobGet(nil, &g), at, p.answers)
	}
}

func (p *puller) partLen(at int64) int { return int(min(media.MaxPart, p.d.ref.Size-at)) }

// take takes an answer in.
func (p *puller) take(a blobAnswer) error {
	p.flying--
	defer a.release()
	octets, err := a.part(p.d.ref.Size)
	if isCode(err, omega.CodeRateLimited) {
		p.pace.refused()
		p.again = append(p.again, a.offset)
		if p.flying == 0 {
			time.Sleep(busyPause)
		}
		return nil
	}
	if err == nil && len(octets) != p.partLen(a.offset) {
		err = fmt.Errorf("%w: %d octets at %d", media.ErrWrong, len(octets), a.offset)
	}
	if err != nil {
		return err
	}
	p.pace.answered(a.took)
	in := p.chunk(int(a.offset / media.ChunkSize))
	in.left -= copy(in.b[a.offset%media.ChunkSize:], octets)
	return p.join()
}

// join writes chunks of which all parts are here.
func (p *puller) join() error {
	d := p.d
	for d.hasher.Size() < d.ref.Size {
		begin := d.hasher.Size()
		i := int(begin / media.ChunkSize)
		in := p.chunks[i]
		if in == nil || in.left > 0 {
			return nil
		}
		delete(p.chunks, i)
		if err := d.verifier.Check(i, in.b); err != nil {
			return err
		}
		if _, err := d.file.WriteAt(in.b, begin); err != nil {
			return err
		}
		d.verifier.Count(d.hasher, i, in.b)
		d.spare = append(d.spare, in.b)
		d.c.progress(d.ref.Name, min(d.hasher.Size(), d.ref.Size-1), d.ref.Size)
	}
	return nil
}

// finishDownload gives a blob its name, if that is its name.
func (c *Client) finishDownload(ctx context.Context, d *downloader) error {
	ref, _ := d.hasher.Sum()
	path := c.blobPath(d.ref.Name)
	if ref != d.ref {
		os.Remove(path + ".part")
		return fmt.Errorf("%w: root and name of blob %s are of two", media.ErrWrong, d.ref.Name)
	}
	if err := errors.Join(d.file.Truncate(d.ref.Size), d.file.Sync()); err != nil {
		return err
	}
	return os.Rename(path+".part", path)
}
