package keyserver

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/wire"
)

// A Plain is what OpenPGP programs get of an entry (spec/keys.md, KEYS-2):
// its certificate, not parsed. It is immutable and may be shared.
type Plain struct {
	fp          omega.Fingerprint
	Certificate []byte   // in its canonical form (IDENT-6)
	Hash        [32]byte // SHA-256 of it
}

// Fingerprint names the account or server.
func (p *Plain) Fingerprint() omega.Fingerprint { return p.fp }

// Plain returns the plain view of the entry.
func (e *Entry) Plain() *Plain {
	return &Plain{e.Fingerprint(), e.Certificate.Bytes(), e.Certificate.Hash()}
}

// Plain returns the plain view of what Find would return, for a quarter of the
// work: what was verified before it was stored is not parsed, only hashed. The
// error is that of Find.
func (s *Server) Plain(ctx context.Context, fp omega.Fingerprint) (*Plain, error) {
	p := s.plains.get(fp)
	if p == nil {
		var err error
		p, err = s.readPlain(ctx, fp)
		if errors.Is(err, ErrNotFound) {
			return nil, notFound(fp) // Find counts it, which is asked next
		}
		if err != nil {
			return nil, omega.Errorf(omega.CodeInternal, "%v", err)
		}
	}
	s.stats.lookups.Add(1)
	return p, nil
}

func (s *Server) readPlain(ctx context.Context, fp omega.Fingerprint) (*Plain, error) {
	gen := s.plains.generation()
	item, err := s.item(ctx, fp)
	if err != nil {
		return nil, err
	}
	p, err := s.plain(item)
	if err != nil {
		return nil, err
	}
	s.plains.putIfUnchanged(p, gen)
	return p, nil
}

// plain takes the certificate out of an item, and parses it only if its hash
// tells that it decayed.
func (s *Server) plain(item *Item) (*Plain, error) {
	w, err := wire.DecodeEntry(item.Entry)
	if err != nil {
		return nil, fmt.Errorf("read stored entry of %s: %w", item.Fingerprint, err)
	}
	p := &Plain{item.Fingerprint, w.Certificate, sha256.Sum256(w.Certificate)}
	if record, err := recordHash(w.Record); err == nil && entryHash(p.Hash, record) == item.Hash {
		return p, nil
	}
	e, err := s.parse(item, s.cfg.Now())
	if err != nil {
		return nil, err
	}
	return e.Plain(), nil
}

// recordHash is the hash of a record in wire form; zero of none.
func recordHash(b []byte) (hash [32]byte, err error) {
	if len(b) == 0 {
		return hash, nil
	}
	rec, err := wire.DecodeRecord(b)
	if err != nil {
		return hash, err
	}
	return rec.Hash(), nil
}
