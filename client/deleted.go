package client

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/history"
	"github.com/omega-im/omega/internal/i18n"
	"github.com/omega-im/omega/pgp"
	"github.com/omega-im/omega/wire"
)

// errDeleted says that the owner deleted this device's account.
var errDeleted = errors.New("the account was deleted by its owner")

// errPeerDeleted says the same of somebody else's.
var errPeerDeleted = errors.New("the account of the other side was deleted by its owner")

// gone is when this device learned that its account is deleted, or zero.
func (c *Client) gone() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.deleted
}

// deleteAccount makes and publishes the tombstone of this account. It returns
// once that is on stable storage at the proxy and, if another server answers
// soon, there too; from then on it spreads by itself. Again it changes nothing.
// (spec/identity.md, IDENT-15)
func (c *Client) deleteAccount(ctx context.Context, p clientrpc.DeleteParams) (*clientrpc.DeleteResult, error) {
	doing := i18n.T("doing.delete")
	if p.Fingerprint != c.acc.Fingerprint {
		return nil, fail(clientrpc.CodeUsage, doing, i18n.T("why.otheraccount", p.Fingerprint), i18n.T("next.ownfingerprint"), nil)
	}
	if at := c.gone(); !at.IsZero() {
		return &clientrpc.DeleteResult{Fingerprint: p.Fingerprint, Deleted: at}, nil
	}
	if c.acc.Primary == PrimaryAgent && !p.RevokeKey {
		return nil, fail(clientrpc.CodeUsage, doing, i18n.T("why.revokeskey", p.Fingerprint), i18n.T("next.revokeskey"), nil)
	}
	if err := c.mayEnd(ctx, doing); err != nil {
		return nil, err
	}
	primary, err := c.primary(ctx)
	if err != nil {
		return nil, err
	}
	if err := c.leaveAll(ctx, doing); err != nil {
		return nil, err
	}
	tomb, err := pgp.Delete(ctx, primary, c.certificate(), c.signingTime())
	if err != nil {
		return nil, err
	}
	seen := 0
	err = c.persist(ctx, func(s *session) error {
		err := s.publish(ctx, wire.Entry{Certificate: tomb.Bytes()})
		// The server may end the session before it answers: then others are asked.
		if seen = c.tombstones(ctx, s.conn.Peer().Account); err != nil && seen == 0 {
			return fmt.Errorf("publish the tombstone: %w", err)
		}
		return nil
	})
	if err != nil && !errors.Is(err, errDeleted) { // that is how servers answer the next session
		return nil, err
	}
	if err := c.markDeleted(); err != nil {
		return nil, err
	}
	return &clientrpc.DeleteResult{Fingerprint: p.Fingerprint, Deleted: c.gone(), Servers: 1 + seen}, nil
}

// tellTime is more than news take from server to server, and tellTries how often
// others are asked for them.
const (
	tellTime  = 300 * time.Millisecond
	tellTries = 5
)

// tombstones counts the servers other than one that have this account's
// tombstone, out of a few that are asked until one has it.
func (c *Client) tombstones(ctx context.Context, but omega.Fingerprint) (n int) {
	for try := range tellTries {
		if n > 0 || try > 0 && !sleep(ctx, tellTime) {
			break
		}
		for _, e := range c.askOthers(ctx, c.acc.Fingerprint, but) {
			if isTombstone(e.Certificate, c.acc.Fingerprint, c.cfg.now()) {
				n++
			}
		}
	}
	return n
}

// isTombstone reports whether b is the certificate of an account that its owner
// deleted.
func isTombstone(b []byte, account omega.Fingerprint, now time.Time) bool {
	cert, err := pgp.ParseCertificate(b, now)
	return err == nil && cert.Fingerprint() == account && cert.Deleted()
}

// errRevoked says that this device was revoked.
var errRevoked = errors.New("this device was revoked")

// errRemoved says that another device did that, and that this one may still take it back.
var errRemoved = fmt.Errorf("%w by another one, which can be contested", errRevoked)

// revoked is errRevoked, or errRemoved if this device may contest that. (spec/keys.md,
// KEYS-37)
func (c *Client) revoked(ctx context.Context) error {
	open, err := c.openRemovals(ctx)
	if err != nil {
		return errRevoked
	}
	cert := c.certificate()
	_, noPrimary := c.primary(ctx)
	for _, w := range open {
		if w.About == c.acc.Device && contestable(cert, w, c.acc.Device) && (noPrimary == nil || cert.Earlier(c.acc.Device, w.By)) {
			return errRemoved
		}
	}
	return errRevoked
}

// isRevoked reports that its owner revoked this device, as far as it knows: what is in the outbox stays there.
func (c *Client) isRevoked() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	d, ok := c.id.Certificate.Device(c.acc.Device)
	return ok && d.Revoked || c.session == nil && errors.Is(c.problem, errRevoked)
}

// whyRefused looks whether the reason why servers refuse this device is that its
// account was deleted or that it was revoked, and returns what is to be said. No
// server's word is enough: the owner's signature proves it.
func (c *Client) whyRefused(ctx context.Context, why error) error {
	refused := false
	for _, code := range []omega.Code{omega.CodeDeleted, omega.CodeAuth, omega.CodeConflict} {
		refused = refused || errors.Is(why, &omega.Error{Code: code})
	}
	if !refused {
		return why
	}
	for _, e := range c.askOthers(ctx, c.acc.Fingerprint, omega.Fingerprint{}) {
		cert, err := pgp.ParseCertificate(e.Certificate, c.cfg.now())
		if err != nil || cert.Fingerprint() != c.acc.Fingerprint {
			continue
		}
		if cert.Deleted() {
			return errors.Join(errDeleted, c.markDeleted())
		}
		if d, ok := cert.Device(c.acc.Device); ok && (d.Revoked || c.isRevoked()) { // or it is not any more: that was contested
			if err := c.takeOwn(ctx, e); err != nil { // so that the next process knows
				c.cfg.log().Info("what became of this device is not kept", "err", err)
			}
		}
	}
	if d, ok := c.certificate().Device(c.acc.Device); ok && d.Revoked {
		return c.revoked(ctx)
	}
	return why
}

// markDeleted ends this device: nothing connects or is sent any more, now and
// after a start. What is stored stays; the account's certificate too, since it
// proves the history.
func (c *Client) markDeleted() error {
	at := c.cfg.now().UTC().Truncate(time.Second)
	acc := *c.acc
	acc.Deleted = at
	if err := acc.save(c.cfg.Home); err != nil {
		return err
	}
	c.mu.Lock()
	c.deleted = at
	s := c.session
	c.mu.Unlock()
	if s != nil {
		s.conn.Close()
	}
	c.offline(errDeleted)
	c.cfg.log().Info("the account was deleted", "account", c.acc.Fingerprint)
	return nil
}

// Erase removes what a home holds of a deleted account: keys, history, all of
// it. The home can hold another account then.
func Erase(home string) error {
	doing := i18n.T("doing.erase", home)
	acc, err := loadAccount(home)
	if err != nil {
		return accountError(home, err)
	}
	if acc.Deleted.IsZero() {
		return fail(clientrpc.CodeUsage, doing, i18n.T("why.notdeleted"), i18n.T("next.delete"), nil)
	}
	unlock, err := awaitLock(home)
	switch {
	case err != nil:
		return fileError(doing, home, err)
	case unlock == nil:
		return fail(clientrpc.CodeTimeout, doing, i18n.T("why.held"), i18n.T("next.held"), nil)
	}
	defer unlock()
	// account.json goes last: until then the command can be repeated.
	for _, name := range []string{fileSecrets, fileRevoked, fileCert, fileHistory, fileHistory + "-wal", fileHistory + "-shm", fileSocket, fileAccount} {
		if err := os.Remove(filepath.Join(home, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fileError(doing, home, err)
		}
	}
	return syncDir(home)
}

// awaitLock takes the lock of a home; unlock is nil if another process keeps it.
func awaitLock(home string) (unlock func(), err error) {
	for end := time.Now().Add(5 * time.Second); ; time.Sleep(maxLookForLock) {
		if unlock, err = takeLock(home); unlock != nil || err != nil || time.Now().After(end) {
			return unlock, err
		}
	}
}

// maxLookForLock is the time between looks for a lock that somebody is giving up.
const maxLookForLock = 20 * time.Millisecond

// Bounds of asking other servers than the proxy about an account.
const (
	othersAsked   = 4
	othersTimeout = 5 * time.Second
)

// askOthers asks servers other than one what they have of an account, as a
// guest, and returns what they say within a few seconds, unverified: its homes
// first, since news come there first, then servers that chance chooses.
func (c *Client) askOthers(ctx context.Context, fp, but omega.Fingerprint) (out []wire.Entry) {
	ctx, cancel := context.WithTimeout(ctx, othersTimeout)
	defer cancel()
	var mu sync.Mutex
	var wg sync.WaitGroup
	for _, to := range c.witnesses(ctx, fp, but) {
		wg.Go(func() {
			e, err := c.guestLookup(ctx, to, fp)
			if err != nil {
				c.cfg.log().Debug("server not asked about an account", "server", to.text, "err", err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			out = append(out, e)
		})
	}
	wg.Wait()
	return out
}

// witnesses are the servers to ask about an account.
func (c *Client) witnesses(ctx context.Context, fp, but omega.Fingerprint) (out []candidate) {
	var homes []omega.Fingerprint
	if p, err := c.storedPeer(ctx, fp); err == nil && p != nil {
		homes, _ = recordHomes(p.Record) // without: any
	}
	add := func(to candidate) {
		for _, o := range out {
			if o.addr == to.addr {
				return
			}
		}
		if to.addr.Fingerprint != but && len(out) < othersAsked {
			out = append(out, to)
		}
	}
	for _, h := range homes[:min(len(homes), othersAsked-1)] {
		if to, ok := c.proxy(h); ok {
			add(to)
		}
	}
	for _, to := range c.candidates(but, true, false) {
		add(to)
	}
	return out
}

func (c *Client) guestLookup(ctx context.Context, to candidate, fp omega.Fingerprint) (wire.Entry, error) {
	m, err := dialMeeting(ctx, c.cfg, to.text)
	if err != nil {
		return wire.Entry{}, err
	}
	defer m.close()
	return m.guest.Lookup(ctx, fp)
}

// lookForTombstones looks for those of accounts that a server says are deleted:
// without it that is a word. The outbox notes them as never asked about, so that
// the next process looks if this one ends first.
func (c *Client) lookForTombstones(ctx context.Context, s *session) (err error) {
	var list []history.Peer
	err = c.db.View(ctx, func(tx *history.Tx) (err error) {
		list, err = tx.StalePeers(time.UnixMilli(1), maxBehind)
		return err
	})
	for i := range list {
		_, lookErr := c.fetchPeer(ctx, s, list[i].Fingerprint, &list[i])
		if lookErr != nil && !errors.Is(lookErr, errPeerDeleted) {
			err = errors.Join(err, lookErr)
		}
	}
	return err
}

// notePeerDeleted keeps the tombstone of somebody else's account.
func (c *Client) notePeerDeleted(ctx context.Context, cert *pgp.Certificate, old *history.Peer) error {
	fp, now := cert.Fingerprint(), c.cfg.now()
	err := c.db.Update(ctx, func(tx *history.Tx) error {
		if old == nil {
			if err := tx.PutPeer(&history.Peer{Fingerprint: fp, Certificate: cert.Bytes(), Checked: now}); err != nil {
				return err
			}
		}
		if err := tx.SetDeleted(fp, cert.Bytes(), now); err != nil {
			return err
		}
		for _, kind := range []string{history.NoticeWithheld, history.NoticeConflict, history.NoticeFork} {
			if err := tx.SettleNotices(fp, kind, ^uint64(0)>>1, now); err != nil {
				return err
			}
		}
		_, err := tx.AddNotice(&history.Notice{Account: fp, Kind: history.NoticeDeleted, Time: now, Other: cert.Bytes()})
		return err
	})
	c.changed.notify()
	return err
}

// refreshAge is how old what is known of the people that one writes with may
// become, and refreshPeers how many are asked about at a time.
const (
	refreshAge   = 6 * time.Hour
	refreshPeers = 16
)

// refresh looks at people who were not asked about for long: who deleted the
// account, or whose devices are others now.
func (c *Client) refresh(ctx context.Context, s *session) {
	var stale []history.Peer
	err := c.db.View(ctx, func(tx *history.Tx) (err error) {
		stale, err = tx.StalePeers(c.cfg.now().Add(-refreshAge), refreshPeers)
		return err
	})
	for i := range stale {
		if err != nil || ctx.Err() != nil {
			break
		}
		p := &stale[i]
		if p.Fingerprint == c.acc.Fingerprint {
			continue
		}
		_, lookErr := c.fetchPeer(ctx, s, p.Fingerprint, p)
		if lookErr != nil && !errors.Is(lookErr, errPeerDeleted) {
			c.cfg.log().Debug("not looked at", "account", p.Fingerprint, "err", lookErr)
		}
	}
	if err != nil && ctx.Err() == nil {
		c.cfg.log().Warn("people not looked at", "err", err)
	}
}

// sleep waits for d. It reports false when ctx ended.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
