package client

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/clientrpc"
)

// TestInitTriesAgain: a server that is joining its cloud, or could not ask in time
// whether an account is new, is asked again before the person hears of it.
func TestInitTriesAgain(t *testing.T) {
	t.Parallel()
	p := newFakeProxy(t)
	p.refusals = []error{
		omega.Errorf(omega.CodeUnavailable, "no registration yet: this server is joining its cloud"),
		omega.Errorf(omega.CodeUnavailable, "the servers that would know whether this account is new do not answer; try again"),
	}
	p.newHome(t)
	if len(p.refusals) > 0 {
		t.Errorf("not tried again after %v", p.refusals[0])
	}
}

// TestInitsAtOnce: of several accounts that are made in one home at once, one
// is, and its files belong together.
func TestInitsAtOnce(t *testing.T) {
	p := newFakeProxy(t)
	cfg := Config{Home: filepath.Join(t.TempDir(), "a", "home"), Name: "me"}
	const n = 8
	var wg sync.WaitGroup
	infos, errs := make([]*clientrpc.AccountInfo, n), make([]error, n)
	for i := range n {
		wg.Go(func() {
			infos[i], errs[i] = Init(t.Context(), InitConfig{Config: cfg, Server: p.address, DeviceName: "first"})
		})
	}
	wg.Wait()
	won := -1
	for i, err := range errs {
		var e *clientrpc.Error
		switch {
		case err == nil && won >= 0:
			t.Error("two accounts were made")
		case err == nil:
			won = i
		case !errors.As(err, &e) || e.Code != clientrpc.CodeExists:
			t.Errorf("one that lost: %v", err)
		}
	}
	if won < 0 {
		t.Fatal("no account was made")
	}
	c, err := Open(t.Context(), cfg)
	must(t, err)
	if c.acc.Fingerprint != infos[won].Fingerprint || c.certificate().Fingerprint() != infos[won].Fingerprint {
		t.Errorf("the home holds %s and %s, want %s", c.acc.Fingerprint, c.certificate().Fingerprint(), infos[won].Fingerprint)
	}
	must(t, c.Close())
}

// TestFailedInitLeavesNothing: neither files nor folders that it made, and
// nothing less than there was before.
func TestFailedInitLeavesNothing(t *testing.T) {
	top := t.TempDir()
	home := filepath.Join(top, "a", "b")
	fails := func() {
		t.Helper()
		cfg := InitConfig{Config: Config{Home: home, Name: "me"}, Server: "127.0.0.1:1", DeviceName: "first"}
		_, err := Init(t.Context(), cfg)
		wantCode(t, "nobody there", err, clientrpc.CodeOffline)
	}
	fails()
	if left, _ := os.ReadDir(top); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
	// Secrets without an account are somebody's lost keys.
	must(t, os.MkdirAll(home, 0o700))
	must(t, os.WriteFile(filepath.Join(home, fileSecrets), []byte("old"), 0o600))
	fails()
	left, err := filepath.Glob(filepath.Join(home, fileSecrets+".*"))
	must(t, err)
	if len(left) != 1 {
		t.Errorf("the old secrets are in %v", left)
	}
}

// TestDamagedHome: every file says for itself what is wrong with it.
func TestDamagedHome(t *testing.T) {
	p := newFakeProxy(t)
	for name, why := range map[string]string{fileAccount: "why.damaged", fileSecrets: "why.damaged", fileCert: "why.damaged", fileHistory: "why.damaged"} {
		cfg := p.newHome(t)
		l, err := OpenLocal(t.Context(), cfg)
		must(t, err)
		must(t, l.Close())
		must(t, os.WriteFile(filepath.Join(cfg.Home, name), []byte("this is something else, and long enough to be read as a file"), 0o600))
		var e *clientrpc.Error
		if _, err := OpenLocal(t.Context(), cfg); !errors.As(err, &e) || e.Code != clientrpc.CodeHome || e.Why.Key != why || !slices.Contains(e.Why.Args, name) {
			t.Errorf("%s: %v", name, err)
		}
	}
	cfg := p.newHome(t)
	must(t, os.Remove(filepath.Join(cfg.Home, fileSecrets)))
	_, err := OpenLocal(t.Context(), cfg)
	wantCode(t, "no secrets", err, clientrpc.CodeHome)
}
