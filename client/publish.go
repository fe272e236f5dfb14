package client

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/history"
	"github.com/omega-im/omega/pgp"
	"github.com/omega-im/omega/wire"
)

// A device never signs two records under one sequence: to others that is what a
// thief of its key does. What it signs is on disk before it is sent, and sent
// again, octet for octet, until a server answers. (spec/delivery.md, DELIV-38)

// settingSigned is where the entry is kept whose record this device signed last,
// until something as late stands in the cloud.
const settingSigned = "own-signed"

// A signedEntry is a record that this device signed and of which it does not know
// whether any server has it.
type signedEntry struct {
	rec  *wire.Record
	cert *pgp.Certificate // that it was made for; nil: a server refused it, so that it is not sent again
}

func (e *signedEntry) entry() wire.Entry {
	out := wire.Entry{Record: e.rec.Bytes()}
	if e.cert != nil {
		out.Certificate = e.cert.Bytes()
	}
	return out
}

// signedLast returns what settingSigned holds, or nil.
func (c *Client) signedLast(ctx context.Context) (e *signedEntry, err error) {
	err = c.db.View(ctx, func(tx *history.Tx) error {
		b, err := tx.Setting(settingSigned)
		if err != nil || b == nil {
			return err
		}
		in, err := wire.DecodeEntry(b)
		if err != nil {
			return err
		}
		e = &signedEntry{}
		if e.rec, err = wire.DecodeRecord(in.Record); err != nil || len(in.Certificate) == 0 {
			return err
		}
		e.cert, err = pgp.ParseCertificate(in.Certificate, c.cfg.now())
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("the record signed last: %w", err)
	}
	return e, nil
}

// keepSigned stores e on stable storage; nil: nothing is without an answer.
func (c *Client) keepSigned(ctx context.Context, e *signedEntry) error {
	var b []byte
	if e != nil {
		in := e.entry()
		b = wire.AppendEntry(nil, &in)
	}
	return c.db.Update(ctx, func(tx *history.Tx) error { return tx.SetSetting(settingSigned, b) })
}

// publishTries is how often a record is made again because another device of
// the account was faster, or more is known of the certificate.
const publishTries = 4

// publish puts cert, with all that is known of the own certificate, and the next
// location record into the cloud, and makes both the account's own here. edit, if
// not nil, changes homes and flags of the record. What is there already is not
// published again, so the call can be repeated; what an earlier one left without
// an answer is settled first.
func (c *Client) publish(ctx context.Context, s *session, cert *pgp.Certificate, edit func(*wire.Record)) (err error) {
	select {
	case c.publishing <- struct{}{}:
		defer func() { <-c.publishing }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	for try := range publishTries {
		if err = c.publishNext(ctx, s, cert, edit, try == 0); !isCode(err, omega.CodeConflict) {
			break
		}
		if fetchErr := c.fetchOwn(ctx, s); fetchErr != nil {
			return fetchErr
		}
	}
	if err != nil {
		return fmt.Errorf("publish the own certificate: %w", err)
	}
	return nil
}

// publishNext is one try of publish; repeat says to send again what has no answer.
// The error is CodeConflict if the next try has to build on what the cloud has.
func (c *Client) publishNext(ctx context.Context, s *session, cert *pgp.Certificate, edit func(*wire.Record), repeat bool) error {
	last, err := c.signedLast(ctx)
	if err != nil {
		return err
	}
	if last != nil && last.cert != nil {
		// A record that is not the latest any more is not sent again; who was
		// approved or revoked with it is.
		if repeat && c.sequence() < last.rec.Sequence {
			if err := c.offer(ctx, s, last); err != nil && !refusedForGood(err) {
				return err
			}
		}
		if last.cert != nil {
			if cert, err = c.mergeOwn(cert, last.cert); err != nil {
				return err
			}
		}
	}
	if cert, err = c.mergeOwn(cert, c.certificate()); err != nil {
		return err
	}
	next := c.nextRecord(s, last)
	if edit != nil {
		edit(next)
	}
	if c.stands(next, cert) {
		if last == nil || c.sequence() < last.rec.Sequence {
			return nil
		}
		return c.keepSigned(ctx, nil)
	}
	id := *c.identity()
	id.Certificate = cert
	if err := signRecord(ctx, &id, next, c.signingTime()); err != nil {
		return err
	}
	made := &signedEntry{next, cert}
	if err := c.keepSigned(ctx, made); err != nil {
		return err
	}
	return c.offer(ctx, s, made)
}

// offer sends e, and takes it for the account's own once a server has it. What
// is refused for good loses its certificate, here and on disk.
func (c *Client) offer(ctx context.Context, s *session, e *signedEntry) error {
	entry := e.entry()
	err := s.publish(ctx, entry)
	switch {
	case err == nil:
		if err := c.takeOwn(ctx, entry); err != nil {
			return err
		}
		return c.keepSigned(ctx, nil)
	case refusedForGood(err):
		e.cert = nil
		if keepErr := c.keepSigned(ctx, e); keepErr != nil {
			return keepErr
		}
	}
	return err
}

// refusedForGood reports whether a server said that it takes an entry at no time.
// Whether another took it before is not known: the sequence is used up.
func refusedForGood(err error) bool {
	return isCode(err, omega.CodeBadRequest) || isCode(err, omega.CodeRefused) || isCode(err, omega.CodeTooLarge)
}

func (c *Client) mergeOwn(cert, with *pgp.Certificate) (*pgp.Certificate, error) {
	if cert.Hash() == with.Hash() {
		return cert, nil
	}
	return pgp.Merge(cert, with, c.cfg.now())
}

// sequence is that of the own record; 0 for none.
func (c *Client) sequence() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.record == nil {
		return 0
	}
	return c.record.Sequence
}

// nextRecord follows the record at hand, or the one signed last if that is later;
// an account without one lives where it is connected.
func (c *Client) nextRecord(s *session, last *signedEntry) *wire.Record {
	c.mu.Lock()
	defer c.mu.Unlock()
	next := &wire.Record{Sequence: 1, Homes: []omega.Fingerprint{s.conn.Peer().Account}}
	after := c.record
	if after != nil {
		next.Flags, next.Homes = after.Flags, after.Homes
	}
	if last != nil && (after == nil || last.rec.Sequence > after.Sequence) {
		after = last.rec
	}
	if after != nil {
		next.Sequence, next.Previous = after.Sequence+1, after.Hash()
	}
	return next
}

// stands reports whether the own record says what next would, for cert, and is
// fresh.
func (c *Client) stands(next *wire.Record, cert *pgp.Certificate) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	rec := c.record
	return rec != nil && rec.Flags == next.Flags && slices.Equal(rec.Homes, next.Homes) && rec.Certificate == cert.Hash() &&
		cert.Hash() == c.id.Certificate.Hash() && rec.Expires.Sub(c.cfg.now()) > recordLifetime/2
}

// publishCertificate makes cert the account's own, here and in the cloud.
func (c *Client) publishCertificate(ctx context.Context, cert *pgp.Certificate) error {
	return c.persist(ctx, func(s *session) error { return c.publish(ctx, s, cert, nil) })
}

// persist runs try on the session at hand, and on the next one whenever that ended
// before there was an answer, until ctx ends. What is tried can be repeated, but not
// before a look at what the cloud has. (spec/delivery.md, DELIV-38)
func (c *Client) persist(ctx context.Context, try func(*session) error) error {
	var last *session
	var err error
	for {
		changed := c.changed.wait()
		s, offline := c.online()
		switch {
		case errors.Is(offline, errDeleted):
			return offline // for good
		case offline == nil && s != last && s.settled.Load():
			if err = try(s); !isEnded(err) || ctx.Err() != nil {
				return err
			}
			last = s
			continue // it may have ended since
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return cmp.Or(err, offline, context.Cause(ctx))
		}
	}
}

// isEnded reports whether a request has no answer because its session ended.
func isEnded(err error) bool {
	return errors.Is(err, errSessionEnded) || isCode(err, omega.CodeShutdown) ||
		isNetwork(err) && !errors.Is(err, context.DeadlineExceeded)
}
