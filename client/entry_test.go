//go:build !js

package client

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/omega-im/omega/clientrpc"
)

func codeOf(err error) string {
	var e *clientrpc.Error
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

// TestEntryWithoutAccount: a face can ask how the home stands, and is told what is
// missing for anything else.
func TestEntryWithoutAccount(t *testing.T) {
	home := filepath.Join(t.TempDir(), "home")
	e := NewEntry(EntryConfig{Config: Config{Home: home}, Device: "laptop", Servers: []string{"a.example:1"}})
	s, err := clientrpc.Setup.Call(t.Context(), e, clientrpc.None{})
	if err != nil || s.State != clientrpc.SetupEmpty || s.Device != "laptop" || len(s.Servers) != 1 {
		t.Errorf("setup = %+v, %v", s, err)
	}
	if _, err := clientrpc.Account.Call(t.Context(), e, clientrpc.None{}); codeOf(err) != clientrpc.CodeNoAccount {
		t.Errorf("account = %v", err)
	}
	if _, err := clientrpc.SetupUnlock.Call(t.Context(), e, clientrpc.SetupUnlockParams{Passphrase: "x"}); codeOf(err) != clientrpc.CodeNoAccount {
		t.Errorf("unlock = %v", err)
	}
	if r, err := clientrpc.SetupKeys.Call(t.Context(), e, clientrpc.None{}); err != nil || len(r.Keys) != 0 {
		t.Errorf("keys = %+v, %v", r, err)
	}
	if _, err := clientrpc.SetupCreate.Call(t.Context(), e, clientrpc.SetupCreateParams{Name: "x", Key: "00"}); codeOf(err) != clientrpc.CodeKey {
		t.Errorf("create with a key where there is no GnuPG = %v", err)
	}
	for _, server := range []string{"", "nonsense", "127.0.0.1:1"} {
		if r, err := clientrpc.SetupServers.Call(t.Context(), e, clientrpc.SetupServersParams{Server: server}); codeOf(err) == "" {
			t.Errorf("servers of %q = %+v, %v", server, r, err)
		}
	}
	if err := e.Call(t.Context(), "setup.create", json.RawMessage(`[]`), nil); codeOf(err) != clientrpc.CodeUsage {
		t.Errorf("parameters of another form = %v", err)
	}
	if _, err := os.Stat(home); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a home without an account was left: %v", err)
	}
	if err := e.Close(); err != nil {
		t.Error(err)
	}
	if _, err := clientrpc.Account.Call(t.Context(), e, clientrpc.None{}); !errors.Is(err, ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}
