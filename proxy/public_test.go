package proxy

import (
	"context"
	"sync/atomic"
	"testing"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/wire"
)

// Public key servers are asked when the cloud has said that there is no such
// account, for the account that wants it, and in no other case.
// (spec/keys.md, KEYS-15)
func TestPublic(t *testing.T) {
	var asked atomic.Int32
	var account atomic.Value // who asked
	prepare := func(c *testCloud) {
		c.edit = func(cfg *Config) {
			cfg.Public = func(_ context.Context, by, fp omega.Fingerprint) (*wire.PublicKey, error) {
				asked.Add(1)
				account.Store(by)
				return &wire.PublicKey{Host: "keys.example.org", Key: fp.Wire()}, nil
			}
		}
	}
	inCloud(t, 3, func(t *testing.T, c *testCloud) {
		ann, bob := c.register(1, c.servers[0]), c.register(1, c.servers[2])
		stranger, other := newPerson(t, 1), newPerson(t, 1)
		a := newClient(ann, 0).connect(c.servers[0])
		answer := func(what string, body []byte, want wire.Type, code omega.Code, asks int32) wire.Frame {
			t.Helper()
			before := asked.Load()
			f := a.request(wire.TypePublic, body)
			if f.Type != want || want == wire.TypeError && codeOf(wire.DecodeStatus(f.Body)) != code {
				t.Errorf("%s: answer of type %d, %v", what, f.Type, f.Body)
			}
			if got := asked.Load() - before; got != asks {
				t.Errorf("%s: public key servers were asked %d times, want %d", what, got, asks)
			}
			return f
		}
		answer("an account", bob.fp().Wire(), wire.TypeEntry, 0, 0)
		answer("no fingerprint", nil, wire.TypeError, omega.CodeBadRequest, 0)
		answer("an octet too many", append(stranger.fp().Wire(), 0), wire.TypeError, omega.CodeBadRequest, 0)
		answer("version 6", append([]byte{6}, make([]byte, 32)...), wire.TypeError, omega.CodeBadRequest, 0)
		if f := a.request(wire.TypeLookup, stranger.fp().Wire()); f.Type != wire.TypeError || asked.Load() != 0 {
			t.Errorf("a usual look-up: answer of type %d, asked %d times", f.Type, asked.Load())
		}
		f := answer("a stranger", stranger.fp().Wire(), wire.TypePublicKey, 0, 1)
		if k, err := wire.DecodePublicKey(f.Body); err != nil || k.Host != "keys.example.org" || account.Load() != ann.fp() {
			t.Errorf("%+v, %v, for %v", k, err, account.Load())
		}
		if _, err := c.servers[0].keys.Find(t.Context(), stranger.fp()); codeOf(err) != omega.CodeNotFound {
			t.Errorf("a stranger in the key server: %v", err)
		}
		// One that does not answer may know the account.
		c.servers[2].stop()
		answer("while one is away", other.fp().Wire(), wire.TypeError, omega.CodeUnavailable, 0)
	}, prepare)
}

// A server whose operator did not say so asks nobody.
func TestPublicOff(t *testing.T) {
	inCloud(t, 1, func(t *testing.T, c *testCloud) {
		a := newClient(c.register(1, c.servers[0]), 0).connect(c.servers[0])
		f := a.request(wire.TypePublic, newPerson(t, 1).fp().Wire())
		if f.Type != wire.TypeError || codeOf(wire.DecodeStatus(f.Body)) != omega.CodeRefused {
			t.Errorf("answer of type %d, %v", f.Type, f.Body)
		}
	})
}
