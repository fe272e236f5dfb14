package whole

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/omega-im/omega/client"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/node"
	"github.com/omega-im/omega/wire"
)

// wantCode fails unless err is one for people with this code.
func wantCode(t *testing.T, err error, code string) *clientrpc.Error {
	t.Helper()
	var e *clientrpc.Error
	if !errors.As(err, &e) || e.Code != code {
		t.Fatalf("error %v, want code %s", err, code)
	}
	return e
}

// TestRefusedAccounts: what goes wrong when an account is made has its own
// error, and leaves nothing behind.
func TestRefusedAccounts(t *testing.T) {
	t.Parallel()
	closed := ownCloud(t, 1, "closed")[0]
	// It is to join a cloud of which nobody is there.
	joining := ownCloud(t, 1, "open", func(cfg *node.Config) {
		cfg.Cloud.Bootstrap = []string{"127.0.0.1:1#" + cloud[0].fpr().String()}
	})[0]
	wrong := cloud[0].address()
	wrong = wrong[:strings.Index(wrong, "#")+1] + cloud[1].fpr().String()
	for _, tt := range []struct{ name, server, device, code, why string }{
		{"registration closed", closed.address(), "first", clientrpc.CodeRefused, "why.closed"},
		{"not a member yet", joining.address(), "first", clientrpc.CodeRefused, "why.joining"},
		{"another server's fingerprint", wrong, "first", clientrpc.CodeVerify, ""},
		{"no address", "nowhere", "first", clientrpc.CodeUsage, ""},
		{"nobody there", "127.0.0.1:1#" + cloud[0].fpr().String(), "first", clientrpc.CodeOffline, ""},
		{"nobody there, WebSocket", "ws://127.0.0.1:1#" + cloud[0].fpr().String(), "first", clientrpc.CodeOffline, ""},
		{"no device name", cloud[0].address(), "", clientrpc.CodeUsage, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cfg := client.Config{Home: filepath.Join(t.TempDir(), "home"), Name: "x"}
			_, err := client.Init(t.Context(), client.InitConfig{Config: cfg, Server: tt.server, DeviceName: tt.device})
			e := wantCode(t, err, tt.code)
			if tt.why != "" && e.Why.Key != tt.why {
				t.Errorf("the reason is %s, want %s", e.Why.Key, tt.why)
			}
			if e.Doing.Key == "" || e.Why.Key == "" || e.Next.Key == "" {
				t.Errorf("error without words: %+v", e)
			}
			if files, _ := os.ReadDir(cfg.Home); len(files) != 0 {
				t.Errorf("%d files are left", len(files))
			}
			_, err = client.OpenLocal(t.Context(), cfg)
			wantCode(t, err, clientrpc.CodeNoAccount)
		})
	}
}

// TestReplayedAuth records all that a client says to a server, without TLS in
// between, and says it again: the server refuses it.
func TestReplayedAuth(t *testing.T) {
	t.Parallel()
	var said recording
	// The first session of a core has no ticket: a whole handshake.
	a := newPerson(t, "a", cloud[0].webSocket(), said.of)
	a.close(t)

	c, err := net.Dial("tcp", strings.TrimPrefix(cloud[0].node.HTTPAddress(), "http://"))
	must(t, err)
	defer c.Close()
	c.SetDeadline(time.Now().Add(patience))
	_, err = c.Write(said.last())
	must(t, err)
	heard, err := io.ReadAll(c)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatal("the server does not end the connection")
	}
	types := frameTypes(heard)
	if len(types) != 2 || types[0] != wire.TypeServerHello || types[1] != wire.TypeError {
		t.Errorf("the server answered with frames %v, want its greeting and an error", types)
	}
}

// frameTypes lists the frames that a server wrote on a WebSocket.
func frameTypes(b []byte) (out []wire.Type) {
	_, b, _ = bytes.Cut(b, []byte("\r\n\r\n"))
	for len(b) >= 2 {
		opcode, n, head := b[0]&15, int(b[1]&127), 2
		switch {
		case n == 126 && len(b) >= 4:
			n, head = int(b[2])<<8|int(b[3]), 4
		case n > 126:
			return out
		}
		if len(b) < head+n {
			return out
		}
		if body := b[head : head+n]; opcode == 2 && n >= 8 {
			out = append(out, wire.Type(body[3]))
		}
		b = b[head+n:]
	}
	return out
}
