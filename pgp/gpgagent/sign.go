package gpgagent

import (
	"context"
	"crypto"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"syscall"

	"github.com/omega-im/omega/pgp"
)

// hashNames are the names of SETHASH.
var hashNames = map[crypto.Hash]string{crypto.SHA256: "sha256", crypto.SHA384: "sha384", crypto.SHA512: "sha512"}

// SignDigest implements pgp.Signer: it asks gpg-agent for one signature. It
// blocks while the owner is asked for the passphrase, until ctx ends; GnuPG 2.2
// then leaves its prompt on the screen until the owner closes it. Errors
// are ErrCanceled, ErrNoPinentry, pgp.ErrLocked for a wrong passphrase,
// pgp.ErrOffline for a secret that went away, or ErrNoAgent.
func (k *Key) SignDigest(ctx context.Context, hash crypto.Hash, digest []byte) ([]byte, error) {
	name, ok := hashNames[hash]
	if !ok || len(digest) != hash.Size() {
		return nil, fmt.Errorf("sign with GnuPG key %s: %w: %d octets of %s", k.public.Fingerprint(), pgp.ErrPolicy, len(digest), hash)
	}
	sexp, err := k.pksign(ctx, name, digest)
	for try := 1; try < connectTries && lost(ctx, err); try++ {
		sexp, err = k.pksign(ctx, name, digest)
	}
	if err != nil {
		return nil, fmt.Errorf("sign with GnuPG key %s: %w", k.public.Fingerprint(), err)
	}
	mpis, err := signatureMPIs(k.public.Algorithm(), sexp)
	if err != nil {
		return nil, fmt.Errorf("sign with GnuPG key %s: %w", k.public.Fingerprint(), err)
	}
	return mpis, nil
}

// lost reports whether the connection broke before the agent answered, as
// happens when the agent is restarted. Asking again is harmless: a signature
// that nobody got is none.
func lost(ctx context.Context, err error) bool {
	return ctx.Err() == nil && (errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE))
}

// pksign returns the agent's signature as an S-expression.
func (k *Key) pksign(ctx context.Context, hash string, digest []byte) ([]byte, error) {
	c, err := k.agent.connect(ctx)
	if err != nil {
		return nil, err
	}
	defer c.close()
	c.launched = k.agent.cfg.Launched
	if err := k.agent.sendOptions(ctx, c); err != nil {
		return nil, err
	}
	for _, line := range []string{
		"SIGKEY " + k.keygrip,
		"SETKEYDESC " + escapePrompt(k.prompt()),
		"SETHASH --hash=" + hash + " " + hex.EncodeToString(digest),
	} {
		if _, err := c.ask(ctx, line); err != nil {
			return nil, err
		}
	}
	rep, err := c.askPerson(ctx, "PKSIGN", k.agent.passphrase(ctx))
	if err != nil {
		return nil, err
	}
	return rep.data, nil
}

// passphrase answers the agent's questions in loopback mode.
func (a *Agent) passphrase(ctx context.Context) inquirer {
	return func(keyword, _ string) ([]byte, error) {
		if a.cfg.Passphrase == nil || keyword != "PASSPHRASE" {
			return nil, errCancelInquiry
		}
		return a.cfg.Passphrase(ctx)
	}
}
