package proxy

import (
	"context"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/wire"
)

// public answers a client that agrees to have public key servers asked for a
// fingerprint. They are asked when the cloud has said that there is no such
// account, and not before. (spec/keys.md, KEYS-15)
func (s *session) public(f wire.Frame) error {
	fp, n, err := omega.DecodeFingerprint(f.Body)
	if err != nil || n != len(f.Body) || fp.Version() != 4 {
		return s.refuse(f.Tag, omega.CodeBadRequest, "look-up at public key servers")
	}
	if s.p.cfg.Public == nil {
		return s.refuse(f.Tag, omega.CodeRefused, "this server asks no public key servers")
	}
	started := s.p.finds.start(s.p, s.asker(), func() {
		t, body, err := s.p.askPublic(s.asker(), fp)
		if err != nil {
			_ = s.refuseErr(f.Tag, err)
			return
		}
		_ = s.c.SendFrame(t, f.Tag, body)
	})
	if !started {
		return s.refuse(f.Tag, omega.CodeRateLimited, "too many look-ups")
	}
	return nil
}

// askPublic makes the answer. It ends by itself within seconds.
func (p *Proxy) askPublic(by asker, fp omega.Fingerprint) (wire.Type, []byte, error) {
	ctx := context.Background()
	e, err := p.cfg.Keys.Find(ctx, fp)
	if codeOf(err) == omega.CodeNotFound {
		e, err = p.findRemote(ctx, by, fp, omega.Fingerprint{})
	}
	if err == nil {
		w := e.Wire()
		return wire.TypeEntry, wire.AppendEntry(nil, &w), nil
	}
	if codeOf(err) != omega.CodeNotFound {
		return 0, nil, err
	}
	k, err := p.cfg.Public(ctx, by.fp, fp)
	if err != nil {
		return 0, nil, err
	}
	return wire.TypePublicKey, wire.AppendPublicKey(nil, k), nil
}
