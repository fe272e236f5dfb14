package client

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/history"
	"github.com/omega-im/omega/pgp"
	"github.com/omega-im/omega/transport"
	"github.com/omega-im/omega/wire"
)

// syncOwn fetches the account's own entry, takes what another device of the
// account published, repeats what this one published without an answer, and
// renews the location record when half of its freshness is over.
func (c *Client) syncOwn(ctx context.Context, s *session) error {
	if err := c.fetchOwn(ctx, s); err != nil {
		return err
	}
	err := c.publish(ctx, s, c.certificate(), nil)
	if isCode(err, omega.CodeRateLimited) {
		c.cfg.log().Info("own record not published now", "err", err)
		return nil // the next look
	}
	return err
}

// fetchOwn takes what the proxy has of the own account.
func (c *Client) fetchOwn(ctx context.Context, s *session) error {
	entry, err := s.lookup(ctx, c.acc.Fingerprint)
	if err != nil {
		return fmt.Errorf("look up the own account: %w", err)
	}
	return c.takeOwn(ctx, entry)
}

// takeNews takes what the proxy pushed of the own account, if anything. What does
// not hold is not believed; the next look asks for it. (spec/delivery.md, DELIV-29)
func (c *Client) takeNews(ctx context.Context) {
	c.mu.Lock()
	news := c.news
	c.news = nil
	c.mu.Unlock()
	if news == nil {
		return
	}
	if err := c.takeOwn(ctx, *news); err != nil && ctx.Err() == nil {
		c.cfg.log().Warn("news of the own account not taken", "err", err)
	}
	c.changed.notify()
}

// takeOwn merges what the cloud has of the own account into what is here.
func (c *Client) takeOwn(ctx context.Context, entry wire.Entry) error {
	cert, err := pgp.ParseCertificate(entry.Certificate, c.cfg.now())
	if err != nil {
		return fmt.Errorf("own certificate in the cloud: %w", err)
	}
	own := c.certificate()
	if cert.Fingerprint() == own.Fingerprint() && cert.Deleted() {
		return errors.Join(errDeleted, c.markDeleted())
	}
	served := cert
	if cert, err = pgp.Merge(own, cert, c.cfg.now()); err != nil {
		return fmt.Errorf("own certificate in the cloud: %w", err)
	}
	if err := c.db.Update(ctx, func(tx *history.Tx) error { return c.noteDispute(tx, own, cert) }); err != nil {
		return err
	}
	if cert.Hash() != own.Hash() {
		if err := c.db.Update(ctx, func(tx *history.Tx) error { return c.noteDevices(tx, own, cert) }); err != nil {
			return err
		}
		if err := saveCertificate(c.cfg.Home, cert); err != nil {
			return err
		}
		if err := c.useCertificate(cert); err != nil {
			return err
		}
	}
	if len(entry.Record) == 0 {
		return nil
	}
	rec, err := wire.DecodeRecord(entry.Record)
	if err != nil {
		return fmt.Errorf("own location record in the cloud: %w", err)
	}
	if err := c.noteOwnRecord(ctx, served, rec); err != nil {
		return err
	}
	return c.useRecord(ctx, rec)
}

// noteOwnRecord takes down what is wrong with the record that a server shows of
// this account. Two devices that write at once make two records under one sequence:
// only those of one device contradict each other. (spec/chat.md, CHAT-43)
func (c *Client) noteOwnRecord(ctx context.Context, served *pgp.Certificate, rec *wire.Record) error {
	c.mu.Lock()
	old := c.record
	c.mu.Unlock()
	if old == nil {
		return nil
	}
	cert, now := c.certificate(), c.cfg.now()
	var notices []history.Notice
	if n := rolledBack(cert, old.Bytes(), served, rec, now); n != nil {
		notices = append(notices, *n)
	} else if checkRecord(cert, rec, now) == nil && (rec.Sequence > old.Sequence || rec.Device == old.Device) {
		notices = succeed(&history.Peer{Record: old.Bytes(), Sequence: old.Sequence}, rec)
	} else if checkRecord(cert, rec, now) == nil && follows(old, rec) && old.Device == c.acc.Device && (old.Flags != rec.Flags || !slices.Equal(old.Homes, rec.Homes)) {
		notices = append(notices, history.Notice{Kind: history.NoticeOvertaken, Sequence: rec.Sequence, Served: rec.Bytes(), Other: old.Bytes()})
	}
	return c.db.Update(ctx, func(tx *history.Tx) error {
		for i := range notices {
			notices[i].Account, notices[i].Time = c.acc.Fingerprint, now
			if _, err := tx.AddNotice(&notices[i]); err != nil {
				return err
			}
		}
		if rec.Sequence < old.Sequence {
			return nil
		}
		return errors.Join(
			tx.SettleNotices(c.acc.Fingerprint, history.NoticeRollback, rec.Sequence, now),
			tx.SettleNotices(c.acc.Fingerprint, history.NoticeOvertaken, rec.Sequence-1, now),
			tx.SettleNotices(c.acc.Fingerprint, history.NoticeFork, rec.Sequence-1, now))
	})
}

// follows reports whether rec takes the place of the own record at hand: a later one, or
// the one that servers agree on of those that two devices signed under one sequence.
// (spec/delivery.md, DELIV-2)
func follows(old, rec *wire.Record) bool {
	if rec.Sequence != old.Sequence {
		return rec.Sequence > old.Sequence
	}
	a, b := rec.Hash(), old.Hash()
	return rec.Device != old.Device && bytes.Compare(a[:], b[:]) < 0
}

// useRecord keeps rec if it follows the one at hand and is signed by one of
// the account's devices.
func (c *Client) useRecord(ctx context.Context, rec *wire.Record) error {
	c.mu.Lock()
	old := c.record
	c.mu.Unlock()
	if old != nil && !follows(old, rec) {
		return nil
	}
	if err := checkRecord(c.certificate(), rec, c.cfg.now()); err != nil {
		return fmt.Errorf("own location record in the cloud: %w", err)
	}
	err := c.db.Update(ctx, func(tx *history.Tx) error {
		if old != nil && !slices.Equal(old.Homes, rec.Homes) {
			book, err := readHomeBook(tx)
			if err != nil {
				return err
			}
			book.moved(old.Homes, rec.Homes, c.cfg.now())
			if err := book.write(tx); err != nil {
				return err
			}
		}
		now := c.cfg.now()
		err := errors.Join(
			tx.SettleNotices(c.acc.Fingerprint, history.NoticeWithheld, rec.Sequence, now),
			tx.SettleNotices(c.acc.Fingerprint, history.NoticeConflict, rec.Sequence-1, now))
		if err != nil {
			return err
		}
		return tx.SetSetting(settingRecord, rec.Bytes())
	})
	if err != nil {
		return err
	}
	c.mu.Lock()
	c.record = rec
	c.mu.Unlock()
	c.moving.notify()
	return nil
}

func signLease(ctx context.Context, id *pgp.Identity, l *wire.Lease, now time.Time) error {
	sig, err := pgp.SignCompact(ctx, id.Signer, l.Signed(), now)
	if err != nil {
		return fmt.Errorf("sign the lease: %w", err)
	}
	l.Sig = wire.Signature{Time: now.Unix(), Bytes: sig}
	return nil
}

// settingTicket is where the ticket of the last session is kept, in homes without
// a passphrase.
const settingTicket = "ticket"

// ticket returns what resumes the last session at server, if that was the last.
func (c *Client) ticket(ctx context.Context, server omega.Fingerprint) *transport.Ticket {
	var t transport.Ticket
	err := c.db.View(ctx, func(tx *history.Tx) error {
		b, err := tx.Setting(settingTicket)
		if err != nil || b == nil {
			return err
		}
		return t.UnmarshalBinary(b)
	})
	if err != nil || t.Server() != server || !c.cfg.now().Before(t.Expires()) {
		return nil
	}
	return &t
}

// keepTicket stores a ticket beside the secrets it stands for, unless those are
// protected by a passphrase: a ticket on disk would go round it.
func (c *Client) keepTicket(ctx context.Context, t *transport.Ticket) {
	if t == nil || c.acc.Protected {
		return
	}
	b, err := t.MarshalBinary()
	if err == nil {
		err = c.db.Update(ctx, func(tx *history.Tx) error { return tx.SetSetting(settingTicket, b) })
	}
	if err != nil {
		c.cfg.log().Warn("ticket not kept", "err", err)
	}
}

func settingUint(tx *history.Tx, name string) (uint64, error) {
	b, err := tx.Setting(name)
	if err != nil || len(b) != 8 {
		return 0, err
	}
	return binary.BigEndian.Uint64(b), nil
}

func setSettingUint(tx *history.Tx, name string, v uint64) error {
	return tx.SetSetting(name, binary.BigEndian.AppendUint64(nil, v))
}
