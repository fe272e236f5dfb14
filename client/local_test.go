package client

import (
	"context"
	"errors"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/clientrpc"
)

// newHome makes an account at the proxy and leaves it closed.
func (p *fakeProxy) newHome(t *testing.T) Config {
	t.Helper()
	cfg := Config{Home: filepath.Join(t.TempDir(), "home"), Name: "x"}
	_, err := Init(t.Context(), InitConfig{Config: cfg, Server: p.address, DeviceName: "first"})
	must(t, err)
	return cfg
}

// TestHandover lets many callers, each with a way of its own as processes have,
// come and go on one home: every call is answered, by whoever holds it.
func TestHandover(t *testing.T) {
	p := newFakeProxy(t)
	cfg := p.newHome(t)
	before := runtime.NumGoroutine()
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			for range 3 {
				l, err := OpenLocal(t.Context(), cfg)
				if err != nil {
					t.Error(err)
					return
				}
				for range 3 {
					if _, err := clientrpc.Chats.Call(t.Context(), l, clientrpc.Page{}); err != nil {
						t.Errorf("call: %v", err)
					}
				}
				if err := l.Close(); err != nil {
					t.Errorf("close: %v", err)
				}
			}
		})
	}
	wg.Wait()
	until(t, "no goroutine of the cores is left", func() bool { return runtime.NumGoroutine() <= before+10 })
	if Held(cfg.Home) {
		t.Error("somebody still holds the home")
	}
}

// TestCloseDuringCalls: closing ends the calls of this way to the core, hands
// over those of others, and nothing opens the home again.
func TestCloseDuringCalls(t *testing.T) {
	p := newFakeProxy(t)
	cfg := p.newHome(t)
	holder, err := OpenLocal(t.Context(), cfg)
	must(t, err)
	other, err := OpenLocal(t.Context(), cfg)
	must(t, err)
	wait := clientrpc.ReceiveParams{Timeout: time.Hour}
	own, theirs := make(chan error, 1), make(chan error, 1)
	go func() { _, err := clientrpc.Receive.Call(t.Context(), holder, wait); own <- err }()
	ctx, cancel := context.WithCancel(t.Context())
	go func() { _, err := clientrpc.Receive.Call(ctx, other, wait); theirs <- err }()
	h := holder.conn.(*Holder)
	until(t, "the core runs", func() bool { _, err := h.online(); return err == nil })
	must(t, holder.Close())
	must(t, holder.Close())
	if err := <-own; !errors.Is(err, ErrClosed) {
		t.Errorf("own call: %v", err)
	}
	if _, err := clientrpc.Chats.Call(t.Context(), holder, clientrpc.Page{}); !errors.Is(err, ErrClosed) {
		t.Errorf("call after Close: %v", err)
	}
	if err := h.Call(t.Context(), "chats", nil, nil); !errors.Is(err, clientrpc.ErrHandover) {
		t.Errorf("call of a closed holder: %v", err)
	}
	// The other one holds the home now, and its call goes on.
	if _, err := clientrpc.Chats.Call(t.Context(), other, clientrpc.Page{}); err != nil {
		t.Errorf("call of the next holder: %v", err)
	}
	cancel()
	if err := <-theirs; !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled call: %v", err)
	}
	must(t, other.Close())
}

// TestWaitForHome: whoever waits for a home that somebody else locked gives up
// when its context ends.
func TestWaitForHome(t *testing.T) {
	p := newFakeProxy(t)
	cfg := p.newHome(t)
	lock, err := lockHome(cfg.Home)
	must(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := OpenLocal(ctx, cfg); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("opened a locked home: %v", err)
	}
	if second, err := lockHome(cfg.Home); second != nil || err != nil {
		t.Errorf("locked twice: %v", err)
	}
	lock.Close()
	cfg.Passphrase = nil
	l, err := OpenLocal(t.Context(), cfg)
	must(t, err)
	must(t, l.Close())
}

// TestPassphrase: secrets under a passphrase open with it alone.
func TestPassphrase(t *testing.T) {
	p := newFakeProxy(t)
	cfg := Config{Home: filepath.Join(t.TempDir(), "home"), Name: "me", Passphrase: []byte("correct horse")}
	_, err := Init(t.Context(), InitConfig{Config: cfg, Server: p.address, DeviceName: "first"})
	must(t, err)
	if protected, err := Protected(cfg.Home); !protected || err != nil {
		t.Errorf("protected %v, %v", protected, err)
	}
	for _, pass := range []string{"", "wrong"} {
		wrong := cfg
		wrong.Passphrase = []byte(pass)
		var e *clientrpc.Error
		if _, err := OpenLocal(t.Context(), wrong); !errors.As(err, &e) || e.Code != clientrpc.CodePassphrase {
			t.Errorf("passphrase %q: %v", pass, err)
		}
	}
	l, err := OpenLocal(t.Context(), cfg)
	must(t, err)
	must(t, l.Close())
}

// TestLongPath: a home may be deeper than a socket address is long.
func TestLongPath(t *testing.T) {
	p := newFakeProxy(t)
	home := t.TempDir()
	for len(home) < 2*maxSocketPath {
		home = filepath.Join(home, "a-long-name-of-a-folder")
	}
	cfg := Config{Home: home, Name: "me"}
	_, err := Init(t.Context(), InitConfig{Config: cfg, Server: p.address, DeviceName: "first"})
	must(t, err)
	holder, err := OpenLocal(t.Context(), cfg)
	must(t, err)
	other, err := OpenLocal(t.Context(), cfg)
	must(t, err)
	if info, err := clientrpc.Account.Call(t.Context(), other, clientrpc.None{}); err != nil || info.Fingerprint.IsZero() {
		t.Errorf("%v", err)
	}
	must(t, other.Close())
	must(t, holder.Close())
}

// TestParameters: what makes no sense is refused with words, whatever method.
func TestParameters(t *testing.T) {
	p := newFakeProxy(t)
	c := p.newCore(t)
	nobody, id := fp(9).String(), omega.ID{1}
	for name := range calls {
		for _, params := range []string{"[1]", "{", `"x"`, "7"} {
			_, err := c.Handle(t.Context(), name, []byte(params))
			wantCode(t, name+" "+params, err, clientrpc.CodeUsage)
		}
	}
	_, err := c.Handle(t.Context(), "no such method", nil)
	wantCode(t, "method", err, clientrpc.CodeUsage)
	for _, tt := range []struct {
		name, code string
		call       func() error
	}{
		{"send nothing", clientrpc.CodeUsage, callOf(c, clientrpc.Send, clientrpc.SendParams{ID: id, To: nobody, Text: " \n"})},
		{"send without id", clientrpc.CodeUsage, callOf(c, clientrpc.Send, clientrpc.SendParams{To: nobody, Text: "x"})},
		{"send, unknown wait", clientrpc.CodeUsage, callOf(c, clientrpc.Send, clientrpc.SendParams{ID: id, To: nobody, Text: "x", Wait: "often"})},
		{"send too much", clientrpc.CodeUsage, callOf(c, clientrpc.Send, clientrpc.SendParams{ID: id, To: nobody, Text: string(make([]byte, omega.MaxText+1))})},
		{"send to no address", clientrpc.CodeUsage, callOf(c, clientrpc.Send, clientrpc.SendParams{ID: id, To: "you", Text: "x"})},
		{"send to no chat", clientrpc.CodeNotFound, callOf(c, clientrpc.Send, clientrpc.SendParams{ID: id, To: omega.ChatID{5}.String(), Text: "x"})},
		{"send to nobody", clientrpc.CodeNotFound, callOf(c, clientrpc.Send, clientrpc.SendParams{ID: id, To: nobody, Text: "x", Timeout: time.Minute})},
		{"history of no address", clientrpc.CodeUsage, callOf(c, clientrpc.History, clientrpc.HistoryParams{Chat: "x"})},
		{"history of no chat", clientrpc.CodeNotFound, callOf(c, clientrpc.History, clientrpc.HistoryParams{Chat: nobody})},
		{"search in no address", clientrpc.CodeUsage, callOf(c, clientrpc.Search, clientrpc.SearchParams{Text: "x", Chat: "x"})},
		{"export no address", clientrpc.CodeUsage, callOf(c, clientrpc.Export, clientrpc.ExportParams{Chat: "x", Dir: t.TempDir()})},
		{"export no chat", clientrpc.CodeNotFound, callOf(c, clientrpc.Export, clientrpc.ExportParams{Chat: nobody, Dir: t.TempDir()})},
		{"approve no link", clientrpc.CodeUsage, callOf(c, clientrpc.Approve, clientrpc.ApproveParams{Text: "x"})},
		{"look up nobody", clientrpc.CodeNotFound, callOf(c, clientrpc.Lookup, clientrpc.LookupParams{Fingerprint: fp(9)})},
	} {
		wantCode(t, tt.name, tt.call(), tt.code)
	}
}

func callOf[Req, Resp any](c clientrpc.Conn, m clientrpc.Method[Req, Resp], req Req) func() error {
	return func() error { _, err := m.Call(context.Background(), c, req); return err }
}

func wantCode(t *testing.T, what string, err error, code string) {
	t.Helper()
	var e *clientrpc.Error
	if !errors.As(err, &e) || e.Code != code {
		t.Errorf("%s: %v, want code %s", what, err, code)
	}
}

// TestStoppedHolder: commands do not wait for ever for a process that has the
// home and was stopped, with its socket open or before.
func TestStoppedHolder(t *testing.T) {
	p := newFakeProxy(t)
	cfg := p.newHome(t)
	lock, err := lockHome(cfg.Home)
	must(t, err)
	defer lock.Close()
	for _, listens := range []bool{false, true} {
		if listens {
			l, err := listenSocket(cfg.Home)
			must(t, err)
			defer l.Close()
		}
		l := &Local{cfg: cfg, patience: 50 * time.Millisecond, turn: make(chan struct{}, 1)}
		l.closed, l.close = context.WithCancel(t.Context())
		err := l.Call(t.Context(), clientrpc.Chats.Name, clientrpc.None{}, nil)
		var e *clientrpc.Error
		if !errors.As(err, &e) || e.Code != clientrpc.CodeTimeout || e.Why.Key != "why.stopped" {
			t.Errorf("listens %v: %v", listens, err)
		}
		must(t, l.Close())
	}
}
