package client

import (
	"cmp"
	"context"
	"errors"
	"io"
	"os"
	"slices"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/archive"
	"github.com/omega-im/omega/chat"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/history"
	"github.com/omega-im/omega/internal/i18n"
	"github.com/omega-im/omega/internal/names"
	"github.com/omega-im/omega/media"
	"github.com/omega-im/omega/pgp"
)

// A history goes from one device of the account to another as a blob that only the
// other one can open, so neither waits for the other. (spec/chat.md, CHAT-44)

const (
	handedPage  = 256                 // messages that are read at once
	offeredFor  = 14 * 24 * time.Hour // a history that nobody takes is taken back after that
	handAgain   = 5 * time.Second     // before what failed is tried again; it doubles
	handAtMost  = 10 * time.Minute
	maxHandover = 64          // that are remembered
	wantAgain   = time.Minute // before another device is asked again
)

// handovers makes and offers histories, and takes those that were offered, until ctx
// ends.
func (c *Client) handovers(ctx context.Context) {
	failed := map[omega.Fingerprint]*pursuit{}
	for ctx.Err() == nil {
		due := c.handing.wait()
		next, err := c.handOver(ctx, failed)
		if err != nil && ctx.Err() == nil {
			c.cfg.log().Error("histories not handed over", "err", err)
			next = c.cfg.now().Add(handAtMost)
		}
		var timer <-chan time.Time
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

// handOver does what is due, and returns when the next thing is.
func (c *Client) handOver(ctx context.Context, failed map[omega.Fingerprint]*pursuit) (next time.Time, err error) {
	list, err := c.handoverList(ctx)
	if err != nil {
		return time.Time{}, err
	}
	for i := range list {
		h := &list[i]
		if h.State != history.HandoverAsked && h.State != history.HandoverOffered {
			continue
		}
		if h.Gives && c.cfg.now().After(h.Since.Add(offeredFor)) {
			if err := c.endHandover(ctx, h, history.HandoverExpired); err != nil {
				return time.Time{}, err
			}
			continue
		}
		if h.Gives && h.State == history.HandoverOffered {
			continue // the other device's turn
		}
		if _, offline := c.online(); offline != nil {
			return time.Time{}, nil // a new session notifies
		}
		p := failed[h.Device]
		if p == nil || p.times > 0 && !p.next.After(c.cfg.now()) {
			do := c.take
			if h.Gives {
				do = c.give
			}
			err := do(ctx, h)
			if err == nil {
				delete(failed, h.Device)
				continue
			}
			if ctx.Err() != nil {
				return time.Time{}, nil
			}
			c.cfg.log().Warn("history not handed over yet", "device", h.Device, "gives", h.Gives, "err", err)
			if p == nil {
				p = &pursuit{}
				failed[h.Device] = p
			}
			p.next = c.cfg.now().Add(min(handAgain<<min(p.times, 10), handAtMost))
			p.times++
			if err := c.failHandover(ctx, h, err); err != nil {
				return time.Time{}, err
			}
		}
		next = sooner(next, p.next)
	}
	return next, nil
}

func (c *Client) handoverList(ctx context.Context) (list []history.Handover, err error) {
	err = c.db.View(ctx, func(tx *history.Tx) error {
		list, err = tx.Handovers()
		return err
	})
	return list, err
}

// failHandover notes why one could not go on.
func (c *Client) failHandover(ctx context.Context, h *history.Handover, why error) error {
	code := omega.CodeUnavailable
	var e *omega.Error
	if errors.As(why, &e) {
		code = e.Code
	}
	return c.putHandover(ctx, h, func(now *history.Handover) { now.Why = code.String() })
}

// putHandover changes one as it is now, if it is about the same blob.
func (c *Client) putHandover(ctx context.Context, h *history.Handover, change func(*history.Handover)) error {
	err := c.db.Update(ctx, func(tx *history.Tx) error {
		now, err := tx.Handover(h.Device, h.Gives)
		if err != nil || now.Ref.Name != h.Ref.Name && now.Ref.Size > 0 && h.Ref.Size > 0 {
			return ignoreNotFound(err)
		}
		change(now)
		*h = *now
		return tx.PutHandover(now)
	})
	c.changed.notify()
	return err
}

// endHandover ends one, and takes its file out of the cache. Its claims are given
// back by who tends claims.
func (c *Client) endHandover(ctx context.Context, h *history.Handover, state string) error {
	err := c.db.Update(ctx, func(tx *history.Tx) error {
		h.State, h.Why = state, ""
		if err := tx.PutHandover(h); err != nil || h.Ref.Size == 0 {
			return err
		}
		return tx.RemoveCached(h.Ref.Name)
	})
	if err == nil && h.Ref.Size > 0 {
		if err = os.Remove(c.blobPath(h.Ref.Name)); errors.Is(err, os.ErrNotExist) {
			err = nil
		}
	}
	c.changed.notify()
	return err
}

// giveHistory has a device of this account get what is here. Asked again it changes
// nothing while that is under way.
func (c *Client) giveHistory(ctx context.Context, p clientrpc.GiveHistoryParams) (clientrpc.Handover, error) {
	doing := i18n.T("doing.handover")
	d, ok := c.ownDevice(ctx, p.Device)
	switch {
	case !ok || !d.Active(c.cfg.now()):
		return clientrpc.Handover{}, fail(clientrpc.CodeNotFound, doing, i18n.T("why.nodevice"), i18n.T("next.devices"), nil)
	case p.Device == c.acc.Device:
		return clientrpc.Handover{}, fail(clientrpc.CodeUsage, doing, i18n.T("why.handself"), i18n.T("next.devices"), nil)
	}
	h := &history.Handover{Device: p.Device, Gives: true, State: history.HandoverAsked, Since: c.cfg.now()}
	err := c.db.Update(ctx, func(tx *history.Tx) error {
		list, err := tx.Handovers()
		if err != nil {
			return err
		}
		for i := range list {
			if old := &list[i]; old.Gives && old.Device == p.Device && (old.State == history.HandoverAsked || old.State == history.HandoverOffered) {
				h = old
				return nil
			}
		}
		if len(list) >= maxHandover {
			return errors.New("too many histories were handed over")
		}
		if h.Total, err = tx.CountHanded(); err != nil {
			return err
		}
		return tx.PutHandover(h)
	})
	if err != nil {
		return clientrpc.Handover{}, err
	}
	c.handing.notify()
	c.changed.notify()
	return c.showHandover(h), nil
}

// give makes the history for a device, uploads it, and says so.
func (c *Client) give(ctx context.Context, h *history.Handover) error {
	d, ok := c.certificate().Device(h.Device)
	if !ok || !d.Active(c.cfg.now()) {
		return c.endHandover(ctx, h, history.HandoverExpired)
	}
	if h.Ref.Size == 0 || !c.hasBlob(h.Ref) {
		ref, total, err := c.makeHistory(ctx, &d)
		if err != nil {
			return err
		}
		h.Ref = media.Ref{}
		if err := c.putHandover(ctx, h, func(now *history.Handover) { now.Ref, now.Total, now.Why = ref, total, "" }); err != nil {
			return err
		}
	}
	s, err := c.online()
	if err != nil {
		return err
	}
	servers, err := c.uploadBlob(ctx, s, h.Ref)
	if err != nil {
		return err
	}
	var id omega.ID
	if _, err := c.cfg.rand().Read(id[:]); err != nil {
		return err
	}
	err = c.db.Update(ctx, func(tx *history.Tx) error {
		h.State, h.Servers, h.Why = history.HandoverOffered, servers, ""
		if err := tx.PutHandover(h); err != nil {
			return err
		}
		offer := &chat.Handover{To: h.Device, Ref: h.Ref, Servers: servers, Messages: h.Total}
		return c.seal(ctx, tx, c.certificate(), id, chat.NewHandover(offer))
	})
	c.queued.notify()
	c.changed.notify()
	return err
}

// makeHistory writes the history for a device into the cache, sealed.
func (c *Client) makeHistory(ctx context.Context, to *pgp.Device) (ref media.Ref, total int, err error) {
	r, w := io.Pipe()
	written := make(chan error, 1)
	go func() {
		err := c.writeHistory(ctx, w, to, &total)
		w.CloseWithError(err)
		written <- err
	}()
	ref, err = c.keepBlob(ctx, r, media.MaxSize)
	r.Close()
	if writeErr := <-written; err == nil {
		err = writeErr
	}
	return ref, total, err
}

func (c *Client) writeHistory(ctx context.Context, w io.Writer, to *pgp.Device, total *int) error {
	sealed, err := pgp.EncryptTo(w, to.Encryption, c.cfg.rand())
	if err != nil {
		return err
	}
	head := &archive.HandoverHead{Account: c.acc.Fingerprint, From: c.acc.Device, To: to.Signing.Fingerprint(), Created: c.cfg.now().UTC()}
	err = c.db.View(ctx, func(tx *history.Tx) error {
		head.Messages, err = tx.CountHanded()
		return err
	})
	if err != nil {
		return err
	}
	*total = head.Messages
	out, err := archive.NewHandoverWriter(sealed, head)
	if err != nil {
		return err
	}
	g := &giver{c: c, out: out, left: head.Messages, chats: map[omega.ChatID]*history.Chat{}, imports: map[int64]history.Import{}}
	if err := errors.Join(g.peers(ctx), g.messages(ctx)); err != nil {
		return err
	}
	return errors.Join(out.Close(), sealed.Close())
}

// A giver writes one history.
type giver struct {
	c       *Client
	out     *archive.HandoverWriter
	left    int                            // messages that may be written
	chats   map[omega.ChatID]*history.Chat // that were given
	imports map[int64]history.Import
}

func (g *giver) peers(ctx context.Context) error {
	return g.c.db.View(ctx, func(tx *history.Tx) error {
		list, err := tx.Imports()
		if err != nil {
			return err
		}
		for _, i := range list {
			g.imports[i.Number] = i
		}
		return tx.Peers(func(p *history.Peer) error {
			return g.out.Put(&archive.HandedLine{Peer: &archive.HandedPeer{
				Account: p.Fingerprint, Name: p.Name, Certificate: p.Certificate, Record: p.Record, Chained: p.Chained, Tombstone: p.Tombstone, Deleted: p.Deleted,
			}})
		})
	})
}

// messages writes them page by page: others may write to the database meanwhile, and
// what they add is told to all devices as always.
func (g *giver) messages(ctx context.Context) error {
	for after := int64(0); g.left > 0; {
		more := false
		err := g.c.db.View(ctx, func(tx *history.Tx) error {
			rows, err := tx.Handed(after, min(handedPage, g.left))
			for i := range rows {
				if err != nil {
					return err
				}
				after, more = rows[i].Position, true
				g.left--
				err = g.message(tx, &rows[i])
			}
			return err
		})
		if err != nil || !more {
			return err
		}
	}
	return nil
}

func (g *giver) message(tx *history.Tx, r *history.Row) error {
	if g.chats[r.Chat] == nil {
		ch, err := tx.Chat(r.Chat)
		if err != nil {
			return err
		}
		g.chats[r.Chat] = ch
		line := &archive.HandedChat{ID: ch.ID, Kind: archive.HandedDirect, Peer: ch.Peer}
		switch {
		case ch.Group:
			line.Kind, line.Title = archive.HandedGroup, ch.Name
		case ch.Imported:
			line.Kind, line.Title = archive.HandedImported, ch.Name
		}
		if err := g.out.Put(&archive.HandedLine{Chat: line}); err != nil {
			return err
		}
	}
	m := &archive.HandedMessage{
		Chat: r.Chat, Received: r.Received, Own: r.Own, State: r.State, Why: r.Why, Unread: !r.Own && !r.Printed && !r.Read,
		Verified: r.Verified, Problem: string(r.Problem), Differs: r.ListDiffers, Gone: r.Deleted, Service: r.Service,
	}
	if len(r.Transcript) > 0 && !r.Deleted {
		again, err := r.Again(r.Chat)
		if err != nil {
			return err
		}
		m.Transcript, m.Signature, m.Content = string(r.Transcript), r.Signature[:], again.Resent.Content
		if m.Words, err = g.words(tx, r); err != nil {
			return err
		}
		return g.out.Put(&archive.HandedLine{Message: m})
	}
	m.ID, m.Link, m.From, m.Device, m.Sequence, m.Time = r.ID, r.Ref[:], r.From, r.Device, r.Sequence, r.Time
	m.Kind = string(r.Content.Kind)
	if m.Text = r.Content.Text; r.Deleted {
		m.Text = ""
	}
	if i, ok := g.imports[r.Import]; ok {
		m.Import = &archive.HandedImport{Source: i.Source, File: i.File, Time: i.Time, Author: r.Author}
	}
	return g.out.Put(&archive.HandedLine{Message: m})
}

// words are what this account said of a message of a group, where it subscribes: what it says as
// a member is messages.
func (g *giver) words(tx *history.Tx, r *history.Row) (out [][]byte, err error) {
	if !g.chats[r.Chat].Group || r.Content.Kind.Operation() {
		return nil, nil
	}
	id, err := tx.Group(context.Background(), r.Chat)
	if err != nil || id == (chat.Hash{}) {
		return nil, err
	}
	if reads, err := subscribes(tx, id); err != nil || !reads {
		return nil, err
	}
	list, err := tx.OwnWordsOf(r.Chat, r.Ref, g.c.acc.Fingerprint)
	for i := range list {
		out = append(out, list[i].Bytes())
	}
	return out, err
}

// handoverStatus answers clientrpc.Handovers.
func (c *Client) handoverStatus(ctx context.Context, _ clientrpc.None) (clientrpc.HandoversResult, error) {
	out := clientrpc.HandoversResult{Handovers: []clientrpc.Handover{}}
	left, attached := c.caughtUp() // before the look: what came until then is seen
	out.CaughtUp = attached && left <= 0
	list, err := c.handoverList(ctx)
	if err != nil {
		return out, err
	}
	names, err := c.deviceNames(ctx)
	for i := range list {
		h := c.showHandover(&list[i])
		h.DeviceName = cmp.Or(names[h.Device], h.DeviceName)
		out.Handovers = append(out.Handovers, h)
	}
	return out, err
}

func (c *Client) showHandover(h *history.Handover) clientrpc.Handover {
	out := clientrpc.Handover{
		Device: h.Device, Gives: h.Gives, State: h.State, Since: h.Since, Messages: h.Total, Taken: min(h.Taken, h.Total), Size: h.Ref.Size, Why: h.Why,
	}
	if d, ok := c.certificate().Device(h.Device); ok {
		out.DeviceName = names.Shown(d.Name)
	}
	if t, ok := c.transferOf(h.Ref.Name); ok && h.Ref.Size > 0 {
		out.Moved = t.done
	}
	if h.State == history.HandoverDone {
		out.Taken = h.Total
	}
	return out
}

// heardHistory takes down what another device of this account says of a history.
func (t *taken) heardHistory(tx *history.Tx, m *chat.Message) error {
	c := t.c
	if m.Chat != c.selfChat() || m.Device == c.acc.Device {
		return nil
	}
	said, err := chat.ParseHandover(m.Content)
	if err != nil {
		c.cfg.log().Warn("what was said of a history is not understood", "device", m.Device, "err", err)
		return nil
	}
	switch {
	case said.Taken && said.To == m.Device:
		h, err := tx.Handover(m.Device, true)
		if err != nil || h.Ref.Name != said.Ref.Name {
			return ignoreNotFound(err)
		}
		h.State, h.Why = history.HandoverDone, ""
		t.handed = append(t.handed, *h)
		return tx.PutHandover(h)
	case !said.From.IsZero():
		return t.heardWanted(tx, m.Device, said)
	case said.Taken || said.To != c.acc.Device || !c.olderDevice(m.Device):
		return nil
	}
	h, err := tx.Handover(m.Device, false)
	if err == nil && h.Ref == said.Ref {
		return nil // the same again
	}
	if list, listErr := tx.Handovers(); listErr != nil || len(list) >= maxHandover {
		return listErr
	}
	t.handed = append(t.handed, history.Handover{})
	return errors.Join(ignoreNotFound(err), tx.PutHandover(&history.Handover{
		Device: m.Device, State: history.HandoverOffered, Since: c.cfg.now(), Ref: said.Ref, Servers: said.Servers, Total: said.Messages,
	}))
}

// olderDevice reports whether a device was in the account before this one: only such
// a device has a history that this one cannot have.
func (c *Client) olderDevice(fp omega.Fingerprint) bool {
	list := c.certificate().Devices()
	i := slices.IndexFunc(list, func(d pgp.Device) bool { return d.Signing.Fingerprint() == fp })
	this := slices.IndexFunc(list, func(d pgp.Device) bool { return d.Signing.Fingerprint() == c.acc.Device })
	return i >= 0 && this >= 0 && i < this
}

// followHistory does what follows from what was said of histories.
func (t *taken) followHistory(ctx context.Context) error {
	var errs []error
	for i := range t.handed {
		if t.handed[i].Gives {
			errs = append(errs, t.c.endHandover(ctx, &t.handed[i], history.HandoverDone))
		}
	}
	if len(t.handed) > 0 {
		t.c.handing.notify()
	}
	return errors.Join(errs...)
}
