package client

import (
	"context"
	"errors"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/history"
	"github.com/omega-im/omega/keyserver"
	"github.com/omega-im/omega/wire"
)

// mailIn is what the session's reader hands to the inbox, in order: a mail, up
// to where mail waits at a home, or a home's answer to the lease, after which its
// mail begins.
type mailIn struct {
	session  *session
	mail     wire.Mail
	attached *wire.Attached
	waiting  *wire.Waiting

	checked *chat.Checked // what was found out of the mail ahead (ahead.go)
}

// maxBatch is how many mails share one transaction: catching up costs one
// fsync per batch.
const maxBatch = 128

// inbox takes mail until ctx ends.
func (c *Client) inbox(ctx context.Context) {
	w := &inboxWorker{c: c, last: map[omega.Fingerprint]uint64{}, rewound: map[omega.Fingerprint]uint64{}, incarnation: map[omega.Fingerprint][8]byte{}, given: answers{}}
	if err := c.loadUnsure(ctx); err != nil {
		c.cfg.log().Error("mail that was put aside not found", "err", err)
	}
	for {
		select {
		case account := <-c.resolved:
			if err := w.openAside(ctx, account); err != nil && ctx.Err() == nil {
				c.cfg.log().Error("mail that was put aside not opened", "account", account, "err", err)
			}
		case m := <-c.checked:
			batch := append(w.batch[:0], m)
			for len(batch) < maxBatch && len(c.checked) > 0 {
				batch = append(batch, <-c.checked)
			}
			w.batch = batch
			err := w.take(ctx, batch)
			c.arrivals.come(-mails(batch))
			if err == nil {
				c.nearer.note(c.cfg.now())
			}
			if err != nil && ctx.Err() == nil {
				c.cfg.log().Error("mail not taken in", "err", err)
				batch[len(batch)-1].session.end(err) // what was not acknowledged comes again
			}
		case <-ctx.Done():
			return
		}
	}
}

// mails counts those in a batch.
func mails(batch []mailIn) (n int) {
	for i := range batch {
		if batch[i].attached == nil && batch[i].waiting == nil {
			n++
		}
	}
	return n
}

// An inboxWorker is the state of the inbox goroutine.
type inboxWorker struct {
	c       *Client
	session *session                     // that last and rewound are about
	last    map[omega.Fingerprint]uint64 // by home: sequence up to which everything was taken
	rewound map[omega.Fingerprint]uint64 // by home: last for which a rewind was asked

	incarnation map[omega.Fingerprint][8]byte // by home: of its store
	given       answers
	impatient   time.Time // until then no look-up of a sender is waited for
	batch       []mailIn
}

// take stores a batch, acknowledges it, and does what follows from it.
func (w *inboxWorker) take(ctx context.Context, batch []mailIn) error {
	s := batch[len(batch)-1].session
	todo, seen, err := w.filter(ctx, batch, s)
	if err != nil {
		return err
	}
	t := w.newTaken()
	if err := t.store(ctx, s, todo); err != nil {
		return err
	}
	var errs []error // what was taken is followed up even if the session is over
	for home, seq := range seen {
		w.last[home] = seq
		w.c.arrivals.take(home, seq)
		errs = append(errs, w.ack(ctx, s, home, seq))
	}
	w.c.changed.notify()
	if e, ok := w.c.arrivals.tell(w.c.cfg.now()); ok {
		w.c.events.add(happening{clientrpc.CatchingUp.Name, e})
	}
	return errors.Join(append(errs, t.follow(ctx))...)
}

func (w *inboxWorker) newTaken() *taken {
	return &taken{c: w.c, given: w.given, impatient: &w.impatient, receipts: map[lane]*chat.Receipt{}}
}

// filter leaves out what is a repetition, or comes after a gap, which it asks
// the home to fill. seen is how far each home's mail will have been taken.
func (w *inboxWorker) filter(ctx context.Context, batch []mailIn, s *session) (todo []mailIn, seen map[omega.Fingerprint]uint64, err error) {
	if w.session != s {
		w.session = s
		clear(w.last)
		clear(w.rewound)
		clear(w.incarnation)
	}
	seen = map[omega.Fingerprint]uint64{}
	at := func(home omega.Fingerprint) uint64 {
		if seq, ok := seen[home]; ok {
			return seq
		}
		return w.last[home]
	}
	for _, m := range batch {
		switch {
		case m.session != s:
		case m.attached != nil:
			if err := w.attached(ctx, s, m.attached); err != nil {
				return nil, nil, err
			}
		case m.waiting != nil:
			if err := w.waiting(ctx, s, m.waiting); err != nil {
				return nil, nil, err
			}
		case !w.c.isHome(m.mail.Home), m.mail.Device != w.c.acc.Device:
		case m.mail.Seq == 0: // it is not stored, and nobody misses it
			w.c.takeSign(ctx, &m.mail)
		case w.incarnation[m.mail.Home] == [8]byte{}: // before its answer to the lease, which was lost: it comes again
		default:
			last := at(m.mail.Home)
			next, err := w.inTurn(ctx, s, &m.mail, last)
			switch {
			case err != nil:
				return nil, nil, err
			case next:
				seen[m.mail.Home] = m.mail.Seq
				todo = append(todo, m)
			case m.mail.Seq <= last:
				seen[m.mail.Home] = last // the home has not heard of it: say it again
			}
		}
	}
	return todo, seen, nil
}

// inTurn reports whether a mail is genuine and the next after last. Where some
// are missing it asks for them.
func (w *inboxWorker) inTurn(ctx context.Context, s *session, m *wire.Mail, last uint64) (bool, error) {
	genuine, err := w.said(ctx, s, m.Home, func(key *keyserver.AckKey) bool { return key.CheckMail(m, w.incarnation[m.Home]) })
	if err != nil || !genuine {
		return false, err
	}
	if m.Seq > last && m.Prev > last {
		return false, w.rewind(s, m.Home, last)
	}
	return m.Seq > last, nil
}

// errForged ends a session whose proxy makes up what homes say.
var errForged = errors.New("the server changed what a home of this account sent through it")

// attached judges a home's answer to the lease: where the cursor is not the
// home's, mail could be passed over and acknowledged. (spec/delivery.md,
// DELIV-21)
func (w *inboxWorker) attached(ctx context.Context, s *session, a *wire.Attached) error {
	if a.Code == omega.CodeOK {
		genuine, err := w.said(ctx, s, a.Home, func(key *keyserver.AckKey) bool { return key.CheckAttached(a, w.c.acc.Device) })
		if err != nil || !genuine {
			return err
		}
		if w.incarnation[a.Home] != a.Incarnation {
			w.last[a.Home] = 0
		}
		w.last[a.Home] = max(w.last[a.Home], a.Cursor)
		w.incarnation[a.Home] = a.Incarnation
	}
	return w.c.noteAttached(ctx, a)
}

// waiting takes down up to where mail waits at a home.
func (w *inboxWorker) waiting(ctx context.Context, s *session, m *wire.Waiting) error {
	if !w.c.isHome(m.Home) || m.Device != w.c.acc.Device {
		return nil
	}
	genuine, err := w.said(ctx, s, m.Home, func(key *keyserver.AckKey) bool { return key.CheckWaiting(m) })
	if err != nil || !genuine {
		return err
	}
	w.c.arrivals.wait(m)
	w.c.changed.notify()
	return nil
}

// said reports whether a server said what check looks at; errForged if it did
// not. What the proxy says of itself needs no proof. A deputy whose key cannot
// be had is left aside, which is no reason to end a session.
func (w *inboxWorker) said(ctx context.Context, s *session, server omega.Fingerprint, check func(*keyserver.AckKey) bool) (bool, error) {
	if server == s.conn.Peer().Account {
		return true, nil
	}
	key, err := w.c.ackKey(ctx, s, server)
	switch {
	case err == nil && !check(key):
		return false, errForged
	case err != nil && !w.c.livesAt(server):
		w.c.cfg.log().Warn("server left aside", "server", server, "err", err)
		return false, ctx.Err()
	}
	return err == nil, err
}

// rewind asks a home once per place to send again.
func (w *inboxWorker) rewind(s *session, home omega.Fingerprint, seq uint64) error {
	if at, ok := w.rewound[home]; ok && at == seq {
		return nil
	}
	w.rewound[home] = seq
	return s.conn.SendFrame(wire.TypeRewind, 0, wire.AppendAck(nil, &wire.Ack{Home: home, Device: w.c.acc.Device, Seq: seq}))
}

// ack tells a home what is on stable storage here.
func (w *inboxWorker) ack(ctx context.Context, s *session, home omega.Fingerprint, seq uint64) error {
	key, err := w.c.ackKey(ctx, s, home)
	if err != nil {
		return err
	}
	a := wire.Ack{Home: home, Device: w.c.acc.Device, Seq: seq}
	a.MAC = key.MAC(&a)
	return s.conn.SendFrame(wire.TypeAck, 0, wire.AppendAck(nil, &a))
}

// taken collects what follows from a batch: receipts to send and requests to
// answer. It belongs to the goroutine that made it.
type taken struct {
	c         *Client
	given     answers
	impatient *time.Time // the worker's
	receipts  map[lane]*chat.Receipt
	known     map[omega.Fingerprint]bool // senders whose mail is opened in any case
	requests  []*chat.Message            // verified ones of chat.KindResend
	missing   bool                       // there is a gap, or something was parked
	expires   bool                       // something has to be erased later
	doubt     bool                       // somebody spoke of a later record than the one at hand
	sealing   bool                       // something came by which more may be sealed in a secure chat
	spent     bool                       // keys of secure chats were destroyed
	asks      []*chat.Message            // verified ones of chat.KindSecureResend

	handed []history.Handover // histories that another device said something of
	pages  bool               // something of a page came that was asked for

	groupWork
}

// store takes mails in, in as few transactions as it can: one is cut where a
// certificate has to be fetched first. What waits for one that cannot be had now
// is put aside. (spec/delivery.md, DELIV-43)
func (t *taken) store(ctx context.Context, s *session, todo []mailIn) error {
	fresh := false // the next mail's sender was looked up just now
	for len(todo) > 0 {
		var need omega.Fingerprint
		done := 0
		err := t.c.db.Update(ctx, func(tx *history.Tx) error {
			done = 0
			last := map[omega.Fingerprint]*wire.Mail{} // by home
			for i := range todo {
				var err error
				if need, err = t.open(ctx, tx, &todo[i], fresh && i == 0); err != nil {
					return err
				}
				if !need.IsZero() {
					break
				}
				done++
				last[todo[i].mail.Home] = &todo[i].mail
			}
			for _, m := range last {
				if err := t.c.putCursor(tx, m); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		todo, fresh = todo[done:], false
		if !need.IsZero() {
			if fresh, err = t.lookUp(ctx, s, need); err != nil {
				return err
			}
		}
	}
	return nil
}

// putCursor notes that mail up to this one was taken, in the transaction that took it.
func (c *Client) putCursor(tx *history.Tx, m *wire.Mail) error {
	c.mu.Lock()
	h := c.homes[m.Home]
	c.mu.Unlock()
	if h == nil {
		return nil // the session ended; the mail comes again and is a duplicate
	}
	return tx.PutCursor(history.Cursor{Home: m.Home, Incarnation: h.incarnation, Seq: m.Seq})
}

// open takes in one mail. It returns the account whose certificate it needs.
func (t *taken) open(ctx context.Context, tx *history.Tx, in *mailIn, fresh bool) (omega.Fingerprint, error) {
	m := &in.mail
	env, err := wire.ParseEnvelope(m.Envelope)
	if err != nil {
		t.c.cfg.log().Warn("mail dropped", "home", m.Home, "seq", m.Seq, "err", err)
		return omega.Fingerprint{}, nil
	}
	if much, err := t.tooMuch(tx, env.Sender(), env.Payload()); err != nil || much {
		return omega.Fingerprint{}, err
	}
	a := &chat.Arrival{
		ID: env.ID(), Payload: env.Payload(), Now: t.c.cfg.now(), Received: receivedAt(m.Received), Fresh: fresh, Groups: groupCourt{tx, t.c},
		Checked: in.checked,
	}
	r, err := t.judge(ctx, tx, a, env.Sender())
	switch {
	case err != nil || r.Verdict != chat.VerdictNeedCert:
		return omega.Fingerprint{}, err
	case t.c.isUnsure(r.Account):
		return omega.Fingerprint{}, t.putAside(tx, a, r.Account, env.Sender())
	}
	return r.Account, nil
}

// maxReceived is the last millisecond that has a form in RFC 3339: the end of
// the year 9999.
const maxReceived = 253402300799999

// receivedAt is when a home says that it took a mail. Nobody signs that, so
// what is no time is none: kept, it would be in the way of every list that the
// message stands in.
func receivedAt(ms uint64) time.Time {
	if ms == 0 || ms > maxReceived {
		return time.Time{}
	}
	return time.UnixMilli(int64(ms)).UTC()
}

// judge opens one payload and acts on the verdict, which it returns.
func (t *taken) judge(ctx context.Context, tx *history.Tx, a *chat.Arrival, sender omega.Fingerprint) (*chat.Result, error) {
	t.c.mu.Lock()
	receiver := t.c.receiver
	t.c.mu.Unlock()
	if isSecure(a.Payload) {
		return t.judgeSecure(ctx, tx, a, sender)
	}
	r, err := receiver.Open(ctx, tx, a)
	if err != nil {
		return nil, err
	}
	if r.Message != nil && r.Message.Content.Group != nil {
		if err := t.takeGroupNews(ctx, tx, r); err != nil {
			return nil, err
		}
		if r.Verdict == chat.VerdictNeedGroup { // it may have brought what it needs
			if r, err = receiver.Open(ctx, tx, a); err != nil {
				return nil, err
			}
		}
	}
	switch r.Verdict {
	case chat.VerdictNeedGroup:
		t.missing = true
		if err = tx.WantOperations(r.Group, r.Account, a.Now, r.Heads); err == nil {
			err = parkFor(tx, a, r, sender)
		}
	case chat.VerdictGroupKey:
		err = t.tookGroupKey(ctx, tx, r)
	case chat.VerdictNeedKey:
		t.missing = true
		err = park(tx, a, r, sender)
	case chat.VerdictKey:
		err = t.unpark(ctx, tx, r)
	case chat.VerdictMessage:
		err = t.message(tx, r, ofNow)
	case chat.VerdictRefused:
		t.c.cfg.log().Warn("message refused", "id", a.ID, "sender", sender, "err", r.Reason)
	}
	return r, err
}

// message takes a message that was sealed as in a normal chat.
func (t *taken) message(tx *history.Tx, r *chat.Result, old age) error {
	if m := r.Message; m.Peer.IsZero() {
		if _, secret, err := t.c.roomAt(tx, m.Chat, m.Peer); secret || err != nil {
			t.c.cfg.log().Warn("message refused: its group is a secure one", "id", m.ID, "device", m.Device)
			return err
		}
	}
	return t.keep(tx, r, old)
}

// keep stores a message that is to be shown and notes what follows from one
// that is to be acted upon.
func (t *taken) keep(tx *history.Tx, r *chat.Result, old age) error {
	m := r.Message
	if r.Track != nil && len(r.Track.Wanted()) > 0 {
		t.missing = true
	}
	if m.Verified {
		if err := tx.UnparkMessage(m.ID, m.From); err != nil { // or it is asked for although it came another way
			return err
		}
	}
	if err := errors.Join(t.heard(tx, m), t.takeToken(tx, m)); err != nil {
		return err
	}
	own := m.From == t.c.acc.Fingerprint
	switch kind := m.Content.Kind; {
	case kind == chat.KindResent:
		if m.Verified && r.Original != nil && r.Original.Verdict == chat.VerdictMessage {
			old, err := t.ageOf(tx, m.Content.Resent, r.Original.Message)
			if err != nil {
				return err
			}
			t.pages = t.pages || old == ofPage
			return t.message(tx, r.Original, old)
		}
		return nil
	case kind.Control():
		if !m.Verified {
			return nil // nothing acts before it is verified
		}
		return t.control(tx, m, own)
	}
	w, err := t.c.reception(tx, m)
	if err != nil || w.dropped {
		return err
	}
	if m.Verified {
		switch m.Content.Kind {
		case chat.KindGroupInvite:
			err = t.invited(tx, m)
		case chat.KindGroupRefused:
			var meant bool
			if meant, err = t.c.refused(tx, m); err == nil && !meant {
				return nil // it did not ask, or not by this link
			}
		}
		if err != nil {
			return err
		}
	}
	row := &history.Row{Message: *m, Own: own, Printed: w.quiet, Heard: t.c.homeTime()}
	if own {
		row.State = clientrpc.StateStored // another device of this account sent it
	}
	if err := t.put(tx, row, old); err != nil {
		return err
	}
	if m.Verified {
		if err := tx.Apply(m); err != nil {
			return err
		}
		if m.Peer.IsZero() {
			if err := errors.Join(t.c.groupRow(tx, m), t.c.countHeard(tx, m)); err != nil {
				return err
			}
		}
		if !m.Expires().IsZero() {
			t.expires = true
			if _, _, err := tx.Expire(t.c.cfg.now(), maxExpired); err != nil { // it may have come too late
				return err
			}
		}
	}
	if own || !m.Verified || r.Track == nil || w.quiet || old == ofPage {
		return nil
	}
	if m.Peer.IsZero() {
		tell, err := t.c.tellsOf(tx, m.Chat, maxDelivered)
		if err != nil || !tell {
			return err
		}
	}
	t.receipt(m, r.Track.UpTo())
	return nil
}

// control acts on a verified message that is not shown.
func (t *taken) control(tx *history.Tx, m *chat.Message, own bool) error {
	switch m.Content.Kind {
	case chat.KindDelivered, chat.KindRead:
		state := clientrpc.StateDelivered
		if m.Content.Kind == chat.KindRead {
			state = clientrpc.StateRead
		}
		if own {
			return nil
		}
		rc := m.Content.Receipt
		if rc.Chat != (omega.ChatID{}) {
			return t.c.reach(tx, m, state)
		}
		return tx.MarkUpTo(m.Chat, rc.Device, rc.UpTo, rc.IDs, state)
	case chat.KindState:
		if own {
			return t.c.takeSettings(tx, m)
		}
	case chat.KindHistory:
		if own {
			return t.heardHistory(tx, m)
		}
	case chat.KindGroup, chat.KindGroupJoin:
		return errors.Join(t.takeSubscribers(context.Background(), tx, m), t.noteChore(tx, m), t.takeEarlier(tx, m), t.takeWords(tx, m), t.takeCounts(tx, m))
	case chat.KindCertification:
		return t.takeCertifications(tx, m)
	case chat.KindSuccession:
		return t.takeSuccession(tx, m)
	case chat.KindResend:
		t.requests = append(t.requests, m)
	case chat.KindSecureResend:
		t.asks = append(t.asks, m)
	}
	return nil
}

// followTimeout bounds what is still done for mail that was taken when the core
// ends: its receipts and answers go into the outbox.
const followTimeout = 5 * time.Second

// follow sends receipts and answers requests. A message that cannot be sealed
// now is no reason to drop the mail that asked for it.
func (t *taken) follow(ending context.Context) error {
	if t.missing {
		t.c.missing.notify()
	}
	if t.doubt {
		t.c.doubt.notify()
	}
	if t.expires {
		t.c.queued.notify() // the outbox looks when that is
	}
	if t.sealing {
		t.c.sealing.notify()
	}
	if t.spent {
		t.c.spent.notify()
	}
	if t.pages {
		t.c.backward.came.notify()
	}
	// The mail does not come again, so its receipts are written even when the
	// core is ending.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ending), followTimeout)
	defer cancel()
	for l, receipt := range t.receipts {
		content := &chat.Content{Kind: chat.KindDelivered, Receipt: receipt}
		if err := t.c.tellLane(ctx, l, content); err != nil {
			t.c.cfg.log().Warn("receipt not sent", "peer", l.peer, "err", err)
		}
	}
	if !t.c.chores.add(&t.groupWork) {
		t.c.cfg.log().Warn("too much to do for groups at once")
	}
	errs := []error{t.followHistory(ctx)}
	for _, m := range t.requests {
		if err := t.c.resend(ctx, m, t.given); err != nil {
			errs = append(errs, err)
		}
	}
	for _, m := range t.asks {
		errs = append(errs, t.c.answerSecure(ctx, m, t.given))
	}
	if err := errors.Join(errs...); err != nil {
		t.c.cfg.log().Warn("request to send again not answered", "err", err)
	}
	return ending.Err()
}
