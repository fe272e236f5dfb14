package main

import (
	"context"
	"crypto"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/internal/i18n"
	"github.com/omega-im/omega/pgp"
	"github.com/omega-im/omega/pgp/gpgagent"
)

// A failing signer has an agent that does not sign.
type failing struct {
	pgp.Signer
	err error
}

func (f failing) SignDigest(context.Context, crypto.Hash, []byte) ([]byte, error) { return nil, f.err }

// TestAgentErrors: an agent that does not sign is no fault of the program. What
// the person reads comes through package pgp, which makes the signatures.
func TestAgentErrors(t *testing.T) {
	key, err := pgp.GenerateSigning(rand.Reader, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	for _, cause := range []error{
		gpgagent.ErrCanceled, gpgagent.ErrNoPinentry, gpgagent.ErrNoAgent, gpgagent.ErrNoGnuPG, pgp.ErrLocked, pgp.ErrOffline,
		&gpgagent.AgentError{Command: "PKSIGN", Code: 99}, &gpgagent.KeyError{Reason: gpgagent.CardMissing, Key: "k", Detail: "c"},
	} {
		signer := agentSigner{failing{key, fmt.Errorf("sign: %w", cause)}}
		_, err := pgp.NewCertificate(t.Context(), signer, time.Time{}, time.Now())
		var e *clientrpc.Error
		if !errors.As(err, &e) || e.Code != clientrpc.CodeKey {
			t.Errorf("%v: %v", cause, err)
			continue
		}
		for _, text := range []i18n.Text{e.Doing, e.Why, e.Next} {
			if s := text.In(i18n.English); s == "" || strings.HasPrefix(s, text.Key) {
				t.Errorf("%v: %q has no words", cause, text.Key)
			}
		}
		if a := (&app{stderr: &strings.Builder{}}); a.fail(err) != exitRefused {
			t.Errorf("%v: exit code %d", cause, a.fail(err))
		}
	}
	if other := errors.New("x"); keyError(other) != other {
		t.Error("another error changed")
	}
}
