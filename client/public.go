package client

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/internal/i18n"
	"github.com/omega-im/omega/pgp"
	"github.com/omega-im/omega/wire"
)

// lookupPublic has the proxy ask public key servers about a fingerprint that the
// cloud does not know, and checks what comes. Nothing of it is kept: it is shown,
// and that is all. (spec/keys.md, KEYS-18)
func (c *Client) lookupPublic(ctx context.Context, fp omega.Fingerprint) (out clientrpc.LookupResult, err error) {
	s, err := c.online()
	if err != nil {
		return out, err
	}
	f, err := s.request(ctx, wire.TypePublic, fp.Wire())
	switch {
	case err != nil:
		return out, publicError(fp, err)
	case f.Type == wire.TypeEntry: // the account was made just now
		return c.lookup(ctx, clientrpc.LookupParams{Fingerprint: fp})
	case f.Type != wire.TypePublicKey:
		return out, fmt.Errorf("%w answer of type %d to a look-up", wire.ErrMalformed, f.Type)
	}
	answer, err := wire.DecodePublicKey(f.Body)
	if err != nil {
		return out, err
	}
	key, err := pgp.ReadStranger(answer.Key, c.cfg.now())
	if err != nil {
		return out, fmt.Errorf("key of %s: %w", fp, err)
	}
	k := key.Key
	if k.Fingerprint() != fp {
		return out, fmt.Errorf("key of %s: %w: the server sent that of %s", fp, pgp.ErrMalformed, k.Fingerprint())
	}
	return clientrpc.LookupResult{Source: clientrpc.SourcePublic, Fingerprint: fp, Public: &clientrpc.PublicKey{
		Server: answer.Host, Algorithm: k.Algorithm().String(), Bits: k.Bits(), Created: k.Created(),
		Expires: key.Expires, Revoked: key.Revoked, UserIDs: append([]string{}, key.UserIDs...),
	}}, nil
}

// publicError says why the proxy has no answer. A server that does not know the
// question (CodeBadRequest) asks no public key servers either.
func publicError(fp omega.Fingerprint, err error) error {
	doing := i18n.T("doing.lookup", fp)
	var server *omega.Error
	if !errors.As(err, &server) {
		return err
	}
	switch server.Code {
	case omega.CodeNotFound:
		return fail(clientrpc.CodeNotFound, doing, i18n.T("why.nopublickey", fp), i18n.T("next.fingerprint"), nil)
	case omega.CodeRefused, omega.CodeBadRequest:
		return fail(clientrpc.CodeRefused, doing, i18n.T("why.nofallback", fp), i18n.T("next.fallback"), nil)
	case omega.CodeUnavailable:
		return fail(clientrpc.CodeOffline, doing, i18n.T("why.publicsilent", fp, harmless(server.Text)), i18n.T("next.retry"), err)
	}
	return err
}

// harmless leaves out of a server's words what steers a terminal.
func harmless(text string) string {
	return strings.Map(func(r rune) rune {
		if i18n.Harmless(r) {
			return r
		}
		return -1
	}, strings.ToValidUTF8(text, ""))
}
