package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/archive"
	"github.com/omega-im/omega/chat"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/history"
	"github.com/omega-im/omega/internal/names"
	"github.com/omega-im/omega/pgp"
	"github.com/omega-im/omega/wire"
)

// takenAtOnce is how many lines of a history go into one transaction: others want to
// write.
const takenAtOnce = 100

// take fetches a history that was offered, and takes it in from where an earlier run
// ended. (spec/chat.md, CHAT-44)
func (c *Client) take(ctx context.Context, h *history.Handover) error {
	c.mu.Lock()
	homes := slices.Clone(c.record.Homes)
	c.mu.Unlock()
	servers := slices.Clone(h.Servers)
	for _, home := range homes {
		if !slices.Contains(servers, home) {
			servers = append(servers, home)
		}
	}
	path, err := c.fetchBlob(ctx, h.Ref, servers)
	if err != nil {
		return err
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	// The blob's octets were checked by a name that the giving device signed.
	err = pgp.DecryptTo(ctx, f, c.identity().Decrypter, func(r io.Reader) error {
		in, err := archive.NewHandoverReader(r)
		if err != nil {
			return err
		}
		if head := &in.Head; head.Account != c.acc.Fingerprint || head.To != c.acc.Device || head.From != h.Device || head.Messages < 0 || head.Messages > h.Total {
			return fmt.Errorf("%w: it is of %s for %s", archive.ErrHandover, head.From, head.To)
		}
		return (&taker{c: c, h: h, in: in, chats: map[omega.ChatID]archive.HandedChat{}, imports: map[int64]bool{}}).run(ctx)
	})
	if err != nil {
		return err
	}
	var id omega.ID
	if _, err := c.cfg.rand().Read(id[:]); err != nil {
		return err
	}
	err = c.db.Update(ctx, func(tx *history.Tx) error {
		return c.seal(ctx, tx, c.certificate(), id, chat.NewHandover(&chat.Handover{To: c.acc.Device, Taken: true, Ref: h.Ref}))
	})
	if err == nil {
		err = c.endHandover(ctx, h, history.HandoverDone)
	}
	c.queued.notify()
	return err
}

// A taker takes in one history.
type taker struct {
	c        *Client
	h        *history.Handover
	in       *archive.HandoverReader
	chats    map[omega.ChatID]archive.HandedChat
	imports  map[int64]bool
	messages int // that were read
	refused  int
}

func (t *taker) run(ctx context.Context) error {
	if t.h.Taken == 0 {
		err := t.c.putHandover(ctx, t.h, func(h *history.Handover) { h.Why = "" })
		if err == nil {
			err = t.c.db.Update(ctx, func(tx *history.Tx) (err error) {
				if t.h.Base, err = tx.FrontRoom(t.h.Device, t.h.Total); err != nil {
					return err
				}
				return tx.PutHandover(t.h)
			})
		}
		if err != nil {
			return err
		}
	}
	for read := 0; ; {
		batch, err := t.read()
		if err != nil {
			return err
		}
		fresh := batch[min(max(t.h.Taken-read, 0), len(batch)):]
		first := t.messages - countMessages(fresh)
		if read += len(batch); len(fresh) > 0 {
			if err := t.store(ctx, fresh, first, read); err != nil {
				return err
			}
		}
		if len(batch) < takenAtOnce {
			break
		}
	}
	if t.refused > 0 {
		t.c.cfg.log().Warn("lines of a history were refused", "device", t.h.Device, "lines", t.refused)
	}
	return nil
}

func countMessages(lines []*archive.HandedLine) (n int) {
	for _, l := range lines {
		if l.Message != nil {
			n++
		}
	}
	return n
}

// read reads the next lines, fewer than takenAtOnce only at the end. Chats are
// remembered, those of lines that were taken before too.
func (t *taker) read() (out []*archive.HandedLine, err error) {
	for len(out) < takenAtOnce {
		l, err := t.in.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		if l.Chat != nil {
			t.chats[l.Chat.ID] = *l.Chat
		}
		if l.Message != nil {
			t.messages++
		}
		out = append(out, l)
	}
	if t.messages > t.h.Total {
		return nil, fmt.Errorf("%w: there are more messages than it says", archive.ErrHandover)
	}
	return out, nil
}

// store takes lines in, in one transaction. first is how many messages were before
// them, read how many lines were read until then.
func (t *taker) store(ctx context.Context, lines []*archive.HandedLine, first, read int) error {
	err := t.c.db.Update(ctx, func(tx *history.Tx) error {
		n := first
		clear(t.imports)
		for _, l := range lines {
			var err error
			switch {
			case l.Peer != nil:
				err = t.peer(tx, l.Peer)
			case l.Chat != nil:
				err = t.chat(tx, l.Chat)
			case l.Message != nil:
				position := int64(0)
				if t.h.Base > 0 {
					position = t.h.Base - int64(t.h.Total) + int64(n)
				}
				n++
				err = t.message(ctx, tx, l.Message, position)
			}
			if errors.Is(err, archive.ErrHandover) || errors.Is(err, chat.ErrMalformed) || errors.Is(err, chat.ErrTooLarge) {
				t.refused++
				t.c.cfg.log().Info("line of a history refused", "device", t.h.Device, "err", err)
				continue
			}
			if err != nil {
				return err
			}
		}
		for number := range t.imports {
			if err := tx.CountImport(number); err != nil {
				return err
			}
		}
		t.h.Taken = read
		return tx.PutHandover(t.h)
	})
	t.c.changed.notify()
	return err
}

// peer takes in what is known of an account: merged with what is here, and never
// back behind it.
func (t *taker) peer(tx *history.Tx, in *archive.HandedPeer) error {
	c, now := t.c, t.c.cfg.now()
	cert, err := pgp.ParseCertificate(in.Certificate, now)
	if err != nil || cert.Fingerprint() != in.Account || in.Account == c.acc.Fingerprint {
		return fmt.Errorf("%w: certificate of %s: %w", archive.ErrHandover, in.Account, errors.Join(err, errOtherAccount))
	}
	p := &history.Peer{Fingerprint: in.Account, Name: names.Shown(chat.SanitizeName(in.Name))} // which counts if none was heard
	old, err := tx.Peer(in.Account)
	if err := ignoreNotFound(err); err != nil {
		return err
	}
	if old != nil {
		*p = *old
		before, err := c.parsePeer(old)
		if err != nil {
			return err
		}
		if cert, err = pgp.Merge(before, cert, now); err != nil {
			return fmt.Errorf("%w: %w", archive.ErrHandover, err)
		}
	}
	p.Certificate = cert.Bytes()
	if rec, err := wire.DecodeRecord(in.Record); err == nil && rec.Sequence > p.Sequence && checkRecord(cert, rec, now) == nil {
		p.Record, p.Sequence, p.Chained = rec.Bytes(), rec.Sequence, min(in.Chained, rec.Sequence)
	}
	if err := tx.PutPeer(p); err != nil {
		return err
	}
	c.keepCert(cert)
	if len(in.Tombstone) == 0 || old != nil && !old.Deleted.IsZero() {
		return nil
	}
	if end, err := pgp.ParseCertificate(in.Tombstone, now); err == nil && end.Fingerprint() == in.Account && end.Deleted() {
		return tx.SetDeleted(in.Account, in.Tombstone, in.Deleted)
	}
	return nil
}

var errOtherAccount = errors.New("it is not of that account")

// chat makes a chat stand in the list; one that is here stays as it is.
func (t *taker) chat(tx *history.Tx, in *archive.HandedChat) error {
	if !t.known(in) {
		return fmt.Errorf("%w: chat %s", archive.ErrHandover, in.ID)
	}
	if _, err := tx.Chat(in.ID); !errors.Is(err, history.ErrNotFound) {
		return err
	}
	switch in.Kind {
	case archive.HandedGroup:
		return tx.PutGroupChat(in.ID, chat.SanitizeName(in.Title))
	case archive.HandedImported:
		return tx.PutImportedChat(in.ID, in.Title)
	}
	return nil // its first message makes it
}

// known reports whether a chat is one that can be handed over.
func (t *taker) known(in *archive.HandedChat) bool {
	switch in.Kind {
	case archive.HandedDirect:
		return !in.Peer.IsZero() && in.ID == omega.DirectChat(t.c.acc.Fingerprint, in.Peer)
	case archive.HandedGroup, archive.HandedImported:
		return in.Peer.IsZero()
	}
	return false
}

// message takes in one message, and what it says of others if it is proven.
func (t *taker) message(ctx context.Context, tx *history.Tx, in *archive.HandedMessage, position int64) error {
	ch, ok := t.chats[in.Chat]
	if !ok || !t.known(&ch) {
		return fmt.Errorf("%w: a message in chat %s", archive.ErrHandover, in.Chat)
	}
	row, err := t.row(tx, in, &ch)
	if err != nil {
		return err
	}
	if err := tx.PutHanded(row, position, t.c.cfg.now()); err != nil || !row.Verified || row.Deleted {
		return err
	}
	return errors.Join(tx.Apply(&row.Message), t.words(tx, in, &row.Message))
}

// maxHandedWords is how many words of one message are looked at: there is one of each of two
// kinds, and newer versions may know more kinds. (spec/chat.md, CHAT-110)
const maxHandedWords = 16

// words takes in what this account said of a message as a subscriber of its channel. What is no
// such word is skipped, and the others count.
func (t *taker) words(tx *history.Tx, in *archive.HandedMessage, m *chat.Message) error {
	if !m.Peer.IsZero() {
		return nil
	}
	latest := t.c.cfg.now().Add(omega.ClockTolerance)
	for _, b := range in.Words[:min(len(in.Words), maxHandedWords)] {
		w, err := chat.ParseWord(b)
		if err != nil || w.Account != t.c.acc.Fingerprint || w.Target != m.Link() || w.Time.After(latest) {
			continue
		}
		if err := tx.PutMark(w.Own(m.Chat), w.Account); err != nil {
			return err
		}
	}
	return nil
}

func (t *taker) row(tx *history.Tx, in *archive.HandedMessage, ch *archive.HandedChat) (*history.Row, error) {
	row := &history.Row{State: in.State, Why: in.Why, Printed: !in.Unread, Read: !in.Unread}
	if !slices.Contains([]string{"", clientrpc.StateQueued, clientrpc.StateStored, clientrpc.StateDelivered, clientrpc.StateRead, clientrpc.StateFailed}, in.State) {
		return nil, fmt.Errorf("%w: state %.20q", archive.ErrHandover, in.State)
	}
	if in.Transcript == "" {
		return row, t.unsigned(tx, row, in, ch)
	}
	if ch.Kind == archive.HandedImported || len(in.Signature) != pgp.CompactSize {
		return nil, fmt.Errorf("%w: a signed message in chat %s", archive.ErrHandover, in.Chat)
	}
	m, err := chat.ParseHanded(&chat.Resent{Transcript: []byte(in.Transcript), Signature: pgp.Compact(in.Signature), Content: in.Content}, in.Received)
	if err != nil {
		return nil, err
	}
	if m.Content.Kind.Control() {
		return nil, fmt.Errorf("%w: a message of kind %s", archive.ErrHandover, m.Content.Kind)
	}
	m.ListDiffers, m.Problem = in.Differs, chat.Problem(in.Problem)
	if m.Verified = in.Verified; m.Verified {
		m.Problem = t.prove(tx, m, ch)
		m.Verified = m.Problem == chat.ProblemNone
	} else if m.Problem == chat.ProblemNone {
		m.Problem = chat.ProblemSignature
	}
	m.Chat, m.Peer = in.Chat, ch.Peer
	row.Message, row.Own = *m, m.From == t.c.acc.Fingerprint && in.Own
	if !row.Own {
		row.State, row.Why = "", ""
	}
	return row, nil
}

// prove judges what the giving device calls verified: its chat, and the signature. When
// a home took it, and that the device was active then, is that device's word.
func (t *taker) prove(tx *history.Tx, m *chat.Message, ch *archive.HandedChat) chat.Problem {
	if m.Chat != ch.ID || ch.Kind == archive.HandedDirect && m.From != ch.Peer && m.From != t.c.acc.Fingerprint {
		return chat.ProblemForwarded
	}
	cert := t.c.certificate()
	if m.From != cert.Fingerprint() {
		p, err := tx.Peer(m.From)
		if err != nil {
			return chat.ProblemDevice
		}
		if cert, err = t.c.parsePeer(p); err != nil {
			return chat.ProblemDevice
		}
	}
	d, ok := cert.Device(m.Device)
	switch {
	case !ok:
		return chat.ProblemDevice
	case !m.ProvenBy(d.Signing):
		return chat.ProblemSignature
	}
	return chat.ProblemNone
}

// unsigned fills a row that nobody signed: what an author took back, a line of this
// program's own, what came from another messenger, or what was never sent.
func (t *taker) unsigned(tx *history.Tx, row *history.Row, in *archive.HandedMessage, ch *archive.HandedChat) error {
	if len(in.Link) != len(row.Ref) || !chat.ValidKind(in.Kind) || len(in.Text) > omega.MaxText {
		return fmt.Errorf("%w: a message without a signature", archive.ErrHandover)
	}
	content := chat.NewText(in.Text)
	content.Kind = chat.Kind(in.Kind)
	row.Message = chat.Message{
		ID: in.ID, Chat: in.Chat, Peer: ch.Peer, From: in.From, Device: in.Device, Sequence: in.Sequence, Time: in.Time, Received: in.Received, Content: content,
	}
	row.Ref = chat.Link(in.Link)
	own := in.From == t.c.acc.Fingerprint && in.Own
	switch {
	case in.Gone:
		row.Deleted, row.Own = true, own
	case in.Service && slices.Contains([]string{history.ServiceDeviceAdded, history.ServiceDeviceRevoked, history.ServiceDeviceBack}, in.Kind):
		row.Service, row.Printed = true, true
	case in.Import != nil && ch.Kind == archive.HandedImported:
		number, err := tx.HandedImport(in.Import.Source, in.Import.File, in.Import.Time)
		if err != nil {
			return err
		}
		t.imports[number] = true
		row.Import, row.Author, row.Printed = number, in.Import.Author, true
	case own && in.State == clientrpc.StateFailed && in.Kind == string(chat.KindText):
		row.Own = true
	default:
		return fmt.Errorf("%w: a message without a signature", archive.ErrHandover)
	}
	return nil
}
