package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/history"
	"github.com/omega-im/omega/media"
	"github.com/omega-im/omega/pgp"
	"github.com/omega-im/omega/transport"
	"github.com/omega-im/omega/wire"
)

// Where and for how long blobs are uploaded. (spec/media.md, MEDIA-4)
const (
	uploadHomes  = 2
	renewBefore  = 120 * 24 * time.Hour // a blob that is kept for longer need not be claimed again
	partPatience = 45 * time.Second     // for one answer: a home may have to read all again first
	busyPause    = 100 * time.Millisecond
)

// uploads sends messages with media, once their blobs are at the servers, until
// ctx ends. One that cannot go on does not hold up the others.
func (c *Client) uploads(ctx context.Context) {
	for ctx.Err() == nil {
		due := c.outward.wait()
		next, err := c.uploadDue(ctx)
		if err != nil && ctx.Err() == nil {
			c.cfg.log().Error("media not sent", "err", err)
			next = c.cfg.now().Add(maxAgain)
		}
		var timer <-chan time.Time // nil: nothing waits for its time
		if !next.IsZero() {
			timer = time.After(max(next.Sub(c.cfg.now()), 10*time.Millisecond))
		}
		select {
		case <-due:
		case <-timer:
		case <-ctx.Done():
		}
	}
}

// uploadDue tries every message that is due, and returns when the next one is.
func (c *Client) uploadDue(ctx context.Context) (next time.Time, err error) {
	s, err := c.online()
	if err != nil {
		return time.Time{}, nil // a new session notifies
	}
	var list []history.Pending
	err = c.db.View(ctx, func(tx *history.Tx) error {
		list, err = tx.Pending()
		return err
	})
	for i := range list {
		p := &list[i]
		if err != nil || ctx.Err() != nil {
			break
		}
		if p.Next.After(c.cfg.now()) {
			if next.IsZero() || p.Next.Before(next) {
				next = p.Next
			}
			continue
		}
		if failed := c.uploadMessage(ctx, s, p); failed != nil {
			var again time.Time
			again, err = c.retryPending(ctx, p, failed)
			if !again.IsZero() && (next.IsZero() || again.Before(next)) {
				next = again
			}
		}
	}
	return next, err
}

// retryPending notes that a message could not be sent: for now, or for good.
func (c *Client) retryPending(ctx context.Context, p *history.Pending, failed error) (again time.Time, err error) {
	if ctx.Err() != nil || errors.Is(failed, errOffline) || errors.Is(failed, errSessionEnded) {
		return time.Time{}, nil // the next session goes on
	}
	c.cfg.log().Info("media not sent yet", "message", p.ID, "err", failed)
	code := omega.CodeUnavailable
	var e *omega.Error
	if errors.As(failed, &e) {
		code = e.Code
	}
	defer c.changed.notify()
	if !code.Retry() || errors.Is(failed, os.ErrNotExist) {
		return time.Time{}, c.db.Update(ctx, func(tx *history.Tx) error {
			if err := c.putFailedMedia(tx, p, code); err != nil {
				return err
			}
			return tx.RemovePending(p.ID)
		})
	}
	again = c.cfg.now().Add(min(minAgain<<min(p.Attempts, 10), maxAgain))
	return again, c.db.Update(ctx, func(tx *history.Tx) error { return tx.RetryPending(p.ID, again, code.String()) })
}

// putFailedMedia shows a message that can never be sent.
func (c *Client) putFailedMedia(tx *history.Tx, p *history.Pending, why omega.Code) error {
	content, err := chat.DecodeContent(p.Content)
	if err != nil {
		return err
	}
	_, err = tx.PutMessage(&history.Row{
		Message: chat.Message{
			ID: p.ID, Chat: chatAside(c.acc.Fingerprint, p.Chat, p.To), Peer: p.To, From: c.acc.Fingerprint, Device: c.acc.Device, Time: p.Time, Content: content,
		},
		Own: true, State: clientrpc.StateFailed, Why: why.String(), Printed: true,
	})
	return err
}

// uploadMessage uploads the blobs of a message and puts it into the outbox.
func (c *Client) uploadMessage(ctx context.Context, s *session, p *history.Pending) error {
	content, err := chat.DecodeContent(p.Content)
	if err != nil {
		return err
	}
	at := map[media.Hash][]omega.Fingerprint{}
	for _, ref := range blobsOf(content.Media) {
		if at[ref.Name], err = c.uploadBlob(ctx, s, ref); err != nil {
			return fmt.Errorf("upload %s: %w", ref.Name, err)
		}
	}
	items := slices.Clone(content.Media)
	for i := range items {
		items[i].Servers = at[items[i].Ref.Name]
	}
	final := chat.NewMedia(content.Text, items, content.Unsigned)
	final.Entities = content.Entities
	final.Lifetime = content.Lifetime
	switch {
	case final.Sealed():
		return c.queueSealedMedia(ctx, p, final)
	case p.To.IsZero():
		return c.sealGroupMedia(ctx, p, final)
	}
	cert, _, err := c.peer(ctx, p.To, peerAge)
	if err != nil {
		return err
	}
	err = c.db.Update(ctx, func(tx *history.Tx) error {
		if err := c.seal(ctx, tx, cert, p.ID, final); err != nil {
			return err
		}
		return tx.RemovePending(p.ID)
	})
	if errors.Is(err, errPeerDeleted) {
		err = &omega.Error{Code: omega.CodeDeleted}
	}
	if unwritable(err) || errors.Is(err, chat.ErrNoReaders) || errors.Is(err, pgp.ErrRevoked) || errors.Is(err, chat.ErrTooLarge) {
		err = &omega.Error{Code: omega.CodeRefused, Text: err.Error()}
	}
	if err == nil {
		c.queued.notify()
		c.changed.notify()
	}
	return err
}

// uploadBlob has a blob stored by as many homes as it should be, and returns
// which. (spec/media.md, MEDIA-4)
func (c *Client) uploadBlob(ctx context.Context, s *session, ref media.Ref) ([]omega.Fingerprint, error) {
	c.mu.Lock()
	homes := slices.Clone(c.record.Homes)
	c.mu.Unlock()
	var have []omega.Fingerprint
	err := c.db.View(ctx, func(tx *history.Tx) (err error) {
		have, err = tx.Uploaded(ref.Name, c.cfg.now().Add(renewBefore))
		return err
	})
	if err != nil {
		return nil, err
	}
	have = slices.DeleteFunc(have, func(h omega.Fingerprint) bool { return !slices.Contains(homes, h) })
	want := min(uploadHomes, len(homes))
	homes = slices.DeleteFunc(homes, func(h omega.Fingerprint) bool { return slices.Contains(have, h) })
	var last error
	for len(have) < want && len(homes) > 0 {
		now := homes[:min(want-len(have), len(homes))]
		homes = homes[len(now):]
		stored, err := c.uploadToAll(ctx, s, now, ref)
		have = append(have, stored...)
		if err != nil {
			last = err
		}
	}
	if len(have) < want {
		return nil, last
	}
	return have[:want], nil
}

// uploadToAll uploads to several homes at once, and returns which have it.
func (c *Client) uploadToAll(ctx context.Context, s *session, homes []omega.Fingerprint, ref media.Ref) (stored []omega.Fingerprint, err error) {
	errs := make([]error, len(homes))
	var wg sync.WaitGroup
	for i, home := range homes {
		wg.Go(func() { errs[i] = c.uploadTo(ctx, s, home, ref) })
	}
	wg.Wait()
	c.progress(ref.Name, ref.Size, ref.Size)
	for i, home := range homes {
		if errs[i] == nil {
			stored = append(stored, home)
			continue
		}
		c.cfg.log().Info("blob not uploaded", "server", home, "err", errs[i])
		if err == nil || isRetry(errs[i]) { // what may change by itself is waited for
			err = errs[i]
		}
	}
	return stored, err
}

// claimBlob asks a home to keep a blob, and how far its upload is.
func (c *Client) claimBlob(ctx context.Context, s *session, home omega.Fingerprint, ref media.Ref, until time.Time) (wire.BlobState, error) {
	now := c.signingTime()
	claim := &wire.BlobClaim{
		User: c.acc.Fingerprint, Device: c.acc.Device, Home: home, Name: ref.Name, Size: uint64(ref.Size), Issued: now, Until: until,
	}
	sig, err := pgp.SignCompact(ctx, c.identity().Signer, claim.Signed(), now)
	if err != nil {
		return wire.BlobState{}, err
	}
	claim.Sig = wire.Signature{Time: now.Unix(), Bytes: sig}
	done := make(chan blobAnswer, 1)
	s.startBlob(wire.TypeBlobClaim, claim.Bytes(), 0, done)
	select {
	case a := <-done:
		return a.state()
	case <-time.After(partPatience):
		return wire.BlobState{}, omega.Errorf(omega.CodeUnavailable, "no answer to a claim")
	case <-ctx.Done():
		return wire.BlobState{}, context.Cause(ctx)
	}
}

// A blobAnswer is the answer to one frame about a blob.
type blobAnswer struct {
	offset int64 // that the question was about
	took   time.Duration
	f      wire.Frame
	err    error
}

// state reads a BlobState; its error has the code of a refusal.
func (a *blobAnswer) state() (wire.BlobState, error) {
	if a.err != nil {
		return wire.BlobState{}, a.err
	}
	st, err := wire.DecodeBlobState(a.f.Body)
	if err == nil && a.f.Type != wire.TypeBlobState {
		err = wire.ErrMalformed
	}
	if err == nil && st.Code != omega.CodeOK {
		err = &omega.Error{Code: st.Code}
	}
	return st, err
}

// startBlob asks something about a blob. done has room for the answer. The body is the
// caller's again when it returns.
func (s *session) startBlob(t wire.Type, body []byte, offset int64, done chan<- blobAnswer) {
	sent := time.Now()
	s.start(t, body, func(f wire.Frame, err error) {
		f.Body = keepBody(f.Body)
		done <- blobAnswer{offset, time.Since(sent), f, err}
	})
}

// uploadTo brings a blob to one home, from where it was broken off.
func (c *Client) uploadTo(ctx context.Context, s *session, home omega.Fingerprint, ref media.Ref) error {
	until := c.signingTime().Add(media.DefaultClaim)
	st, err := c.claimBlob(ctx, s, home, ref, until)
	if err == nil && st.Flags&wire.BlobStored == 0 {
		err = c.push(ctx, s, home, ref, int64(st.Offset))
	}
	if err != nil {
		return err
	}
	return c.db.Update(ctx, func(tx *history.Tx) error { return tx.PutUploaded(ref, home, until) })
}

// A pusher is one upload under way.
type pusher struct {
	home    omega.Fingerprint
	user    omega.Fingerprint
	ref     media.Ref
	file    *os.File
	pace    *pacer
	answers chan blobAnswer
	next    int64  // octet that is sent next
	body    []byte // of the last part; its memory is used again
	acked   int64  // octets that the home has
	flying  int    // parts under way
	again   bool   // something was lost: once nothing is under way, it goes on at acked
	stored  bool
}

func (c *Client) push(ctx context.Context, s *session, home omega.Fingerprint, ref media.Ref, offset int64) error {
	f, err := os.Open(c.blobPath(ref.Name))
	if err != nil {
		return err
	}
	defer f.Close()
	p := &pusher{
		home: home, user: c.acc.Fingerprint, ref: ref, file: f, pace: newPacer(), next: offset, acked: offset,
		answers: make(chan blobAnswer, maxWindow+1),
	}
	timer := time.NewTimer(partPatience)
	defer timer.Stop()
	for !p.stored {
		if err := p.fill(s); err != nil {
			return err
		}
		select {
		case a := <-p.answers:
			if err := p.take(a); err != nil {
				return err
			}
			timer.Reset(partPatience)
			c.progress(ref.Name, min(p.acked, ref.Size-1), ref.Size)
		case <-p.blocked(s):
		case <-timer.C:
			return omega.Errorf(omega.CodeUnavailable, "no answer to octets at %d", p.acked)
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		if p.again && p.flying == 0 {
			p.next, p.again = p.acked, false
			if p.pace.window == 1 {
				time.Sleep(busyPause)
			}
		}
	}
	return nil
}

// maxQueuedParts is how many octets may wait in the connection before parts wait
// outside it: texts go past them there.
const maxQueuedParts = 64 << 10

// blocked is due soon if the connection had no room for what the window allows.
func (p *pusher) blocked(s *session) <-chan time.Time {
	if p.again || p.flying >= p.pace.window || p.next >= p.ref.Size {
		return nil
	}
	return time.After(2 * time.Millisecond)
}

// fill sends parts as the window allows.
func (p *pusher) fill(s *session) error {
	for !p.again && p.flying < p.pace.window && p.next < p.ref.Size && s.conn.Queued() <= maxQueuedParts {
		p.body = wire.AppendBlobAppend(p.body[:0], &wire.BlobAppend{Home: p.home, User: p.user, Name: p.ref.Name, Offset: uint64(p.next)})
		head, n := len(p.body), int(min(media.MaxPart, p.ref.Size-p.next))
		p.body = slices.Grow(p.body, n)[:head+n]
		if _, err := p.file.ReadAt(p.body[head:], p.next); err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		p.next += int64(n)
		p.flying++
		s.startBlob(wire.TypeBlobAppend, p.body, p.next, p.answers)
	}
	return nil
}

// take takes an answer in.
func (p *pusher) take(a blobAnswer) error {
	p.flying--
	st, err := a.state()
	var refused *omega.Error
	switch {
	case errors.As(err, &refused) && refused.Code == omega.CodeRateLimited, errors.Is(err, transport.ErrSlow):
		p.pace.refused()
		p.again = true
		return nil
	case err != nil:
		return err
	}
	p.pace.answered(a.took)
	p.acked = max(p.acked, int64(st.Offset))
	p.stored = st.Flags&wire.BlobStored != 0
	if int64(st.Offset) < a.offset { // a part before it was lost
		p.again = true
	}
	if p.acked >= p.ref.Size && !p.stored && p.flying == 0 {
		return omega.Errorf(omega.CodeUnavailable, "the home has all and has not stored it")
	}
	return nil
}
