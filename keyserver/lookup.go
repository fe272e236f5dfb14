package keyserver

import (
	"context"
	"errors"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/pgp"
	"github.com/omega-im/omega/wire"
)

// Find returns the entry of a primary key, or of the certificate that a
// signing or encryption subkey belongs to. The error is an *omega.Error with
// CodeNotFound or CodeInternal. Who looks up a subkey checks that the
// certificate has it as what it is needed for: an encryption subkey says
// nothing about who bound it.
func (s *Server) Find(ctx context.Context, fp omega.Fingerprint) (*Entry, error) {
	s.stats.lookups.Add(1)
	if e := s.cache.get(fp); e != nil {
		return e, nil
	}
	e, err := s.find(ctx, fp)
	if errors.Is(err, ErrNotFound) {
		s.stats.misses.Add(1)
		return nil, notFound(fp)
	}
	if err != nil {
		return nil, omega.Errorf(omega.CodeInternal, "%v", err)
	}
	return e, nil
}

func (s *Server) find(ctx context.Context, fp omega.Fingerprint) (*Entry, error) {
	gen := s.cache.generation()
	item, err := s.item(ctx, fp)
	if err != nil {
		return nil, err
	}
	if e := s.cache.get(item.Fingerprint); e != nil {
		return e, nil
	}
	e, err := s.parse(item, s.cfg.Now())
	if err != nil {
		return nil, err
	}
	s.cache.putIfUnchanged(e, gen)
	return e, nil
}

// item reads from the store by any fingerprint.
func (s *Server) item(ctx context.Context, fp omega.Fingerprint) (*Item, error) {
	item, err := s.cfg.Store.Get(ctx, fp)
	if errors.Is(err, ErrNotFound) {
		item, err = s.cfg.Store.GetBySubkey(ctx, fp)
	}
	return item, err
}

// load reads what stands under a primary key, and what is beside it.
func (s *Server) load(ctx context.Context, fp omega.Fingerprint, now time.Time) (*holding, error) {
	item, err := s.cfg.Store.Get(ctx, fp)
	if err != nil {
		return nil, err
	}
	h := &holding{receipt: item.Receipt, narrow: item.Narrow}
	if h.others, err = item.others(); err != nil {
		return nil, err
	}
	if h.Entry = s.cache.get(fp); h.Entry == nil || h.Hash() != item.Hash {
		h.Entry, err = s.parse(item, now)
	}
	return h, err
}

func (s *Server) parse(item *Item, now time.Time) (*Entry, error) {
	s.stats.parsed.Add(1)
	return readOwn(item, now)
}

// Raw returns an entry as it travels, without parsing what is not in memory:
// the answer to a look-up. The error is that of Find.
func (s *Server) Raw(ctx context.Context, fp omega.Fingerprint) ([]byte, error) {
	s.stats.lookups.Add(1)
	item, err := s.item(ctx, fp)
	if errors.Is(err, ErrNotFound) {
		s.stats.misses.Add(1)
		return nil, notFound(fp)
	}
	if err != nil {
		return nil, omega.Errorf(omega.CodeInternal, "%v", err)
	}
	return item.Entry, nil
}

// Placed returns an entry as it travels between key servers. The error is that
// of Find.
func (s *Server) Placed(ctx context.Context, fp omega.Fingerprint) ([]byte, error) {
	item, err := s.item(ctx, fp)
	if errors.Is(err, ErrNotFound) {
		return nil, notFound(fp)
	}
	if err != nil {
		return nil, omega.Errorf(omega.CodeInternal, "%v", err)
	}
	w, err := wire.DecodeEntry(item.Entry)
	if err != nil {
		return nil, omega.Errorf(omega.CodeInternal, "stored entry of %s: %v", fp, err)
	}
	return wire.AppendPlaced(nil, &wire.Placed{Receipt: item.Receipt, Entry: w}), nil
}

// FindCertificate implements pgp.Finder, for primary keys and subkeys.
func (s *Server) FindCertificate(ctx context.Context, fp omega.Fingerprint) (*pgp.Certificate, error) {
	e, err := s.Find(ctx, fp)
	if err != nil {
		return nil, err
	}
	return e.Certificate, nil
}

// Generation is a number that changes with everything that is published of an
// account, such as a new or revoked device: what was issued under another
// generation, like a session ticket, is void. 0 means that nothing stands.
func (s *Server) Generation(ctx context.Context, account omega.Fingerprint) uint64 {
	r, err := s.Route(ctx, account)
	if err != nil {
		return 0
	}
	return r.Generation
}

// Evidence returns the records of an account that contradict each other: proof
// that two of its devices wrote at once, or that one equivocated. There is
// none, or there are two at least.
func (s *Server) Evidence(ctx context.Context, account omega.Fingerprint) ([]*wire.Record, error) {
	h, err := s.load(ctx, account, s.cfg.Now())
	if errors.Is(err, ErrNotFound) {
		return nil, notFound(account)
	}
	if err != nil {
		return nil, omega.Errorf(omega.CodeInternal, "%v", err)
	}
	all := h.others
	if h.Record != nil {
		all = append(all, h.Record)
	}
	var out []*wire.Record
	for _, r := range all {
		if contradicted(r, all) {
			out = append(out, r)
		}
	}
	return out, nil
}
