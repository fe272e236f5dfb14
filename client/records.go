package client

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
	"github.com/omega-im/omega/history"
	"github.com/omega-im/omega/pgp"
	"github.com/omega-im/omega/wire"
)

// errWithheld says that a device of an account spoke of a later record than any
// server shows: a device that it still names may be revoked, so that nothing
// more is written to the account until the later one is here. (CHAT-20)
var errWithheld = errors.New("servers show an older record of the account than it has")

// fetchPeer asks the proxy and keeps the answer; where that is older than what a
// device of the account spoke of, other servers too.
func (c *Client) fetchPeer(ctx context.Context, s *session, fp omega.Fingerprint, old *history.Peer) (*pgp.Certificate, error) {
	entry, err := s.lookup(ctx, fp)
	if err != nil {
		return nil, fmt.Errorf("look up %s: %w", fp, err)
	}
	cert, p, err := c.takePeer(ctx, fp, entry, old)
	if err != nil || !p.Behind() {
		return cert, err
	}
	for _, e := range c.askOthers(ctx, fp, s.conn.Peer().Account) {
		better, next, err := c.takePeer(ctx, fp, e, p)
		switch {
		case errors.Is(err, errPeerDeleted):
			return nil, err
		case err != nil:
			c.cfg.log().Debug("entry from another server not taken", "account", fp, "err", err)
		default:
			cert, p = better, next
		}
	}
	return cert, nil
}

// takePeer keeps what a server says of an account. What was known before stays
// known: certificates are merged, and a location record never goes back. The
// error is errPeerDeleted for a tombstone, which is kept.
func (c *Client) takePeer(ctx context.Context, fp omega.Fingerprint, entry wire.Entry, old *history.Peer) (*pgp.Certificate, *history.Peer, error) {
	now := c.cfg.now()
	cert, err := pgp.ParseCertificate(entry.Certificate, now)
	if err != nil {
		return nil, nil, fmt.Errorf("certificate of %s: %w", fp, err)
	}
	if _, ok := cert.Device(fp); ok {
		return nil, nil, &deviceError{cert.Fingerprint()}
	}
	if cert.Fingerprint() != fp {
		return nil, nil, fmt.Errorf("certificate of %s: %w: the server sent that of %s", fp, pgp.ErrMalformed, cert.Fingerprint())
	}
	p := &history.Peer{Fingerprint: fp}
	look := &look{served: cert}
	if old != nil {
		*p = *old
		if before, err := pgp.ParseCertificate(old.Certificate, now); err == nil {
			look.before = before
			if cert, err = pgp.Merge(before, cert, now); err != nil {
				return nil, nil, fmt.Errorf("certificate of %s: %w", fp, err)
			}
			if cert.Deleted() && !before.Deleted() {
				c.keepCert(before)
			}
		}
	}
	if cert.Deleted() {
		return nil, nil, errors.Join(fmt.Errorf("%s: %w", fp, errPeerDeleted), c.notePeerDeleted(ctx, cert, old))
	}
	p.Certificate, p.Checked = cert.Bytes(), now
	if rec, err := wire.DecodeRecord(entry.Record); err == nil {
		if n := rolledBack(cert, p.Record, look.served, rec, now); n != nil {
			look.notices = append(look.notices, *n)
		} else if checkRecord(cert, rec, now) == nil {
			look.current = rec.Sequence >= p.Sequence
			look.notices = append(look.notices, succeed(p, rec)...)
		}
	}
	c.keepCert(cert) // before the database says that nothing is withheld any more: see seal
	if err := c.storePeer(ctx, p, cert, look); err != nil {
		return nil, nil, err
	}
	return cert, p, nil
}

// A look is what one answer of a server about an account said.
type look struct {
	served  *pgp.Certificate
	before  *pgp.Certificate // what was known until then; nil: nothing was
	notices []history.Notice
	current bool // its record is at least the one at hand
}

// travelled is how long a record may take from server to server: key servers
// compare every ten minutes. (spec/keys.md, KEYS-9)
const travelled = 30 * time.Minute

// rolledBack returns what to say of a record that a server shows although a later
// one, known, stands and had time to travel; nil if it is not so. The record shown
// is judged by the certificate that came with it. (spec/chat.md, CHAT-43)
func rolledBack(cert *pgp.Certificate, known []byte, served *pgp.Certificate, rec *wire.Record, now time.Time) *history.Notice {
	later, err := wire.DecodeRecord(known)
	if err != nil || rec.Sequence >= later.Sequence || !now.After(later.Issued.Add(travelled)) {
		return nil
	}
	if checkRecord(cert, later, now) != nil || checkRecord(served, rec, now) != nil {
		return nil // whose device was revoked does not count any more
	}
	return &history.Notice{Kind: history.NoticeRollback, Sequence: later.Sequence, Served: rec.Bytes(), Other: known}
}

// succeed puts rec in the place of the record of p if it comes after it, and
// returns what a person should know about that. (spec/identity.md, IDENT-16)
func succeed(p *history.Peer, rec *wire.Record) (out []history.Notice) {
	old, err := wire.DecodeRecord(p.Record)
	switch {
	case err != nil || rec.Sequence > p.Sequence+1: // the first, or some are not known: each is signed by itself
		if rec.Sequence > p.Sequence {
			p.Record, p.Sequence, p.Chained = rec.Bytes(), rec.Sequence, rec.Sequence
		}
	case rec.Sequence == p.Sequence+1:
		if rec.Previous != old.Hash() {
			out = append(out, history.Notice{Kind: history.NoticeFork, Sequence: rec.Sequence, Served: rec.Bytes(), Other: p.Record})
			p.Chained = rec.Sequence
		}
		p.Record, p.Sequence = rec.Bytes(), rec.Sequence
	case rec.Sequence == p.Sequence && rec.Hash() != old.Hash():
		out = append(out, history.Notice{Kind: history.NoticeConflict, Sequence: rec.Sequence, Served: rec.Bytes(), Other: p.Record})
	}
	return out
}

// storePeer stores what is known of an account now, and what follows from it.
func (c *Client) storePeer(ctx context.Context, p *history.Peer, cert *pgp.Certificate, look *look) error {
	now := c.cfg.now()
	p.Lost = lastLost(cert)
	waited := false // texts for what is known now
	err := c.looks.update(ctx, c.db, func(tx *history.Tx) error {
		notices := slices.Clone(look.notices)
		if err := tx.PutPeer(p); err != nil {
			return err
		}
		// It may have been said since p was read.
		if stored, err := tx.Peer(p.Fingerprint); err == nil {
			p.Stated = stored.Stated
		}
		spoken := p.Stated.Sequence > 0
		if d, ok := cert.Device(p.Stated.Device); p.Stated.Sequence > 0 && (!ok || d.Revoked) {
			p.Stated = history.Statement{} // a thief's word keeps nobody from writing
			if err := tx.SetStated(p.Fingerprint, &p.Stated); err != nil {
				return err
			}
		}
		if ref := refOf(p.Record); p.Stated.Sequence == ref.Sequence && p.Stated.Hash != ref.Hash {
			notices = append(notices, history.Notice{Kind: history.NoticeConflict, Sequence: ref.Sequence, Served: p.Record, Other: p.Stated.Proof})
		}
		for i := range notices {
			notices[i].Account, notices[i].Time = p.Fingerprint, now
			if _, err := tx.AddNotice(&notices[i]); err != nil {
				return err
			}
		}
		if err := errors.Join(c.noteKey(tx, cert), c.noteDispute(tx, look.before, cert)); err != nil {
			return err
		}
		if look.before != nil {
			if err := c.noteDevices(tx, look.before, cert); err != nil {
				return err
			}
		}
		aside, err := tx.HasUnsealed()
		if err != nil {
			return err
		}
		waited = spoken || aside
		some, err := tx.HasNotices(p.Fingerprint)
		if err != nil || !some { // nearly always, and a crowd looks up a crowd
			return err
		}
		if look.current {
			if err := tx.SettleNotices(p.Fingerprint, history.NoticeRollback, p.Sequence, now); err != nil {
				return err
			}
		}
		return settleNotices(tx, p, now)
	})
	if !p.Behind() && waited {
		c.queued.notify()
	}
	c.changed.notify()
	return err
}

// settleNotices ends what a later record has put right.
func settleNotices(tx *history.Tx, p *history.Peer, now time.Time) error {
	if p.Behind() || p.Sequence == 0 {
		return nil
	}
	return errors.Join(
		tx.SettleNotices(p.Fingerprint, history.NoticeWithheld, max(p.Sequence, maxSequence(p)), now),
		tx.SettleNotices(p.Fingerprint, history.NoticeConflict, p.Sequence-1, now),
		tx.SettleNotices(p.Fingerprint, history.NoticeFork, p.Sequence-1, now))
}

// maxSequence is up to where notices of withheld records are over: all, where
// nobody whose word counts speaks of a later one.
func maxSequence(p *history.Peer) uint64 {
	if p.Stated.Sequence == 0 {
		return 1<<63 - 1
	}
	return p.Sequence
}

// refOf is how messages name a record; zero for none.
func refOf(record []byte) chat.RecordRef {
	rec, err := wire.DecodeRecord(record)
	if err != nil {
		return chat.RecordRef{}
	}
	return chat.RefOf(rec.Sequence, rec.Hash())
}

// lookAfter is when the record of an account that is behind is looked for again,
// at the proxy and at others. Only after the second look in vain is it called
// withheld: news take a moment.
var lookAfter = []time.Duration{2 * time.Second, 10 * time.Second, 30 * time.Second, time.Minute, 5 * time.Minute}

// maxBehind bounds the accounts that are looked for in one round.
const maxBehind = 64

// pursueRecords looks for records that devices spoke of and no server has shown,
// until ctx ends.
func (c *Client) pursueRecords(ctx context.Context) {
	asked := map[omega.Fingerprint]*pursuit{}
	for {
		doubt := c.doubt.wait()
		next, err := c.lookForRecords(ctx, asked)
		if err != nil && ctx.Err() == nil {
			c.cfg.log().Warn("records not looked for", "err", err)
		}
		var timer <-chan time.Time
		if !next.IsZero() {
			timer = time.After(max(next.Sub(c.cfg.now()), 100*time.Millisecond))
		}
		select {
		case <-doubt:
		case <-timer:
		case <-ctx.Done():
			return
		}
	}
}

// lookForRecords makes the looks that are due and returns when the next one is.
func (c *Client) lookForRecords(ctx context.Context, asked map[omega.Fingerprint]*pursuit) (next time.Time, err error) {
	s, err := c.online()
	if err != nil {
		return time.Time{}, nil // a new session tells
	}
	err = errors.Join(c.lookForOwn(ctx, s), c.lookForTombstones(ctx, s), c.proveSuccessions(ctx, s))
	var list []history.Peer
	viewErr := c.db.View(ctx, func(tx *history.Tx) (err error) {
		list, err = tx.BehindPeers(maxBehind)
		return err
	})
	err = errors.Join(err, viewErr)
	still := map[omega.Fingerprint]bool{}
	for i := range list {
		fp := list[i].Fingerprint
		a := asked[fp]
		if a == nil {
			a = &pursuit{next: c.cfg.now()}
			asked[fp] = a
		}
		still[fp] = true
		if !a.next.After(c.cfg.now()) {
			err = errors.Join(err, c.lookForRecord(ctx, s, &list[i], a))
		}
		if next.IsZero() || a.next.Before(next) {
			next = a.next
		}
	}
	for fp := range asked {
		if !still[fp] {
			delete(asked, fp)
		}
	}
	return next, err
}

func (c *Client) lookForRecord(ctx context.Context, s *session, old *history.Peer, a *pursuit) error {
	fp := old.Fingerprint
	_, err := c.fetchPeer(ctx, s, fp, old)
	a.next = c.cfg.now().Add(lookAfter[min(a.times, len(lookAfter)-1)])
	a.times++
	p, storeErr := c.storedPeer(ctx, fp)
	if storeErr != nil || p == nil || !p.Deleted.IsZero() || !p.Behind() {
		return storeErr
	}
	if err != nil {
		c.cfg.log().Debug("record not looked for", "account", fp, "err", err)
		return nil
	}
	if a.times < 2 {
		return nil
	}
	err = c.db.Update(ctx, func(tx *history.Tx) error {
		_, err := tx.AddNotice(&history.Notice{
			Account: fp, Kind: history.NoticeWithheld, Sequence: p.Stated.Sequence, Time: c.cfg.now(), Served: p.Record, Other: p.Stated.Proof,
		})
		return err
	})
	c.changed.notify()
	return err
}

// view is what this device knows of its own record and of a peer's, which is nil
// for the own account and for one of which nothing is stored.
func (c *Client) view(peer *history.Peer) (v chat.View) {
	c.mu.Lock()
	rec := c.record
	c.mu.Unlock()
	if rec != nil {
		v.Own = chat.RefOf(rec.Sequence, rec.Hash())
	}
	if peer != nil {
		v.Peer = refOf(peer.Record)
	}
	return v
}

// newest returns what is known of who is written to, and the certificate to seal
// for: the caller's may have been found before a later one was stored. For the
// own account there is no peer. The error is errPeerDeleted, or errWithheld for
// what must not go to devices that may be revoked.
func (c *Client) newest(tx *history.Tx, cert *pgp.Certificate, content *chat.Content) (*pgp.Certificate, *history.Peer, error) {
	fp := cert.Fingerprint()
	if fp == c.acc.Fingerprint {
		return cert, nil, nil
	}
	p, err := tx.Peer(fp)
	if err != nil {
		return cert, nil, ignoreNotFound(err)
	}
	harmless := content.Receipt != nil || content.Resend != nil || content.Ask != nil
	switch {
	case !p.Deleted.IsZero():
		return nil, nil, fmt.Errorf("%s: %w", fp, errPeerDeleted)
	case p.Behind() && !harmless:
		return nil, nil, fmt.Errorf("%s: %w", fp, errWithheld)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if known := c.certs[fp]; known != nil { // never older than what is stored
		cert = known
	}
	return cert, p, nil
}

// heard takes down what a verified message says of records.
func (t *taken) heard(tx *history.Tx, m *chat.Message) error {
	v := m.Content.View
	if v == nil || !m.Verified {
		return nil
	}
	if m.From == t.c.acc.Fingerprint {
		return t.heardOwn(tx, m, v.Own)
	}
	p, err := tx.Peer(m.From)
	if err != nil || !p.Deleted.IsZero() {
		return ignoreNotFound(err)
	}
	if err := t.heardOwn(tx, m, v.Peer); err != nil {
		return err
	}
	said := v.Own
	if said.Sequence == 0 || said.Sequence > uint64(max(m.Time.UnixMilli(), 0)) {
		return nil // no server takes such a record (DELIV-2)
	}
	conflict := history.Notice{Account: m.From, Kind: history.NoticeConflict, Sequence: said.Sequence, Time: t.c.cfg.now(), Other: proofOf(m)}
	switch ref := refOf(p.Record); {
	case said.Sequence == ref.Sequence && said.Hash != ref.Hash:
		conflict.Served = p.Record
		if _, err := tx.AddNotice(&conflict); err != nil {
			return err
		}
	case said.Sequence == p.Stated.Sequence && said.Hash != p.Stated.Hash:
		conflict.Served = p.Stated.Proof // two devices, or one, told two things
		if _, err := tx.AddNotice(&conflict); err != nil {
			return err
		}
	}
	if said.Sequence > p.Stated.Sequence {
		err = tx.SetStated(m.From, &history.Statement{Sequence: said.Sequence, Hash: said.Hash, Device: m.Device, Proof: proofOf(m)})
	}
	t.doubt = t.doubt || said.Sequence > p.Sequence
	return err
}

// heardOwn compares what somebody knows of this account's record with the record
// at hand. Another device's word, or a contact's, makes this one look; a
// contradiction is kept.
func (t *taken) heardOwn(tx *history.Tx, m *chat.Message, said chat.RecordRef) error {
	t.c.mu.Lock()
	rec := t.c.record
	t.c.mu.Unlock()
	if rec == nil || said.Sequence == 0 {
		return nil
	}
	switch ref := chat.RefOf(rec.Sequence, rec.Hash()); {
	case said.Sequence > ref.Sequence:
		t.c.hearOwn(&history.Notice{
			Account: t.c.acc.Fingerprint, Kind: history.NoticeWithheld, Sequence: said.Sequence, Other: proofOf(m),
		}, m.From == t.c.acc.Fingerprint)
		t.doubt = true
	case said.Sequence == ref.Sequence && said.Hash != ref.Hash:
		_, err := tx.AddNotice(&history.Notice{
			Account: t.c.acc.Fingerprint, Kind: history.NoticeConflict, Sequence: said.Sequence, Time: t.c.cfg.now(), Served: rec.Bytes(), Other: proofOf(m),
		})
		return err
	}
	return nil
}

// hearOwn notes that somebody spoke of a later record of this account than the one
// at hand. A contact's word makes this device look; only that of another device
// of the account is a reason to say that the record is withheld.
func (c *Client) hearOwn(n *history.Notice, own bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if old := c.ownStated; old != nil && (old.Sequence >= n.Sequence || c.ownTrusted && !own) {
		return
	}
	c.ownStated, c.ownTrusted = n, own
}

// lookForOwn looks for a later record of this account that somebody spoke of, at
// the proxy and at other servers, once per word.
func (c *Client) lookForOwn(ctx context.Context, s *session) error {
	c.mu.Lock()
	n, trusted := c.ownStated, c.ownTrusted
	c.ownStated = nil
	c.mu.Unlock()
	if n == nil {
		return nil
	}
	err := c.syncOwn(ctx, s)
	here := func() uint64 {
		c.mu.Lock()
		defer c.mu.Unlock()
		return c.record.Sequence
	}
	if here() >= n.Sequence || err != nil {
		return err
	}
	for _, e := range c.askOthers(ctx, c.acc.Fingerprint, s.conn.Peer().Account) {
		if err := c.takeOwn(ctx, e); err != nil {
			c.cfg.log().Debug("own entry from another server not taken", "err", err)
		}
	}
	if here() >= n.Sequence || !trusted {
		return nil
	}
	n.Time = c.cfg.now()
	return c.db.Update(ctx, func(tx *history.Tx) error {
		_, err := tx.AddNotice(n)
		return err
	})
}

// proofOf is a message as evidence: its signature and what that covers.
func proofOf(m *chat.Message) []byte {
	return append(append([]byte(nil), m.Signature[:]...), m.Transcript...)
}

func ignoreNotFound(err error) error {
	if errors.Is(err, history.ErrNotFound) {
		return nil
	}
	return err
}
