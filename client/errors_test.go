package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/history"
	"github.com/omega-im/omega/internal/i18n"
	"github.com/omega-im/omega/pgp"
	"github.com/omega-im/omega/transport"
)

// TestExplain: every kind of error has its code and words in both languages.
func TestExplain(t *testing.T) {
	_, noFile := os.ReadFile(filepath.Join(t.TempDir(), "missing"))
	_, noServer := net.Dial("tcp", "127.0.0.1:1")
	ready := &clientrpc.Error{Code: "ready"}
	for _, tt := range []struct {
		err  error
		code string
	}{
		{ready, "ready"},
		{context.DeadlineExceeded, clientrpc.CodeTimeout},
		{errOffline, clientrpc.CodeOffline},
		{errSessionEnded, clientrpc.CodeOffline},
		{noServer, clientrpc.CodeOffline},
		{io.EOF, clientrpc.CodeOffline},
		{transport.ErrClosed, clientrpc.CodeOffline},
		{transport.ErrServer, clientrpc.CodeVerify},
		{&addressError{"x", transport.ErrAddress}, clientrpc.CodeUsage},
		{&dialError{err: noServer}, clientrpc.CodeOffline},
		{&dialError{err: context.DeadlineExceeded}, clientrpc.CodeOffline},
		{&dialError{err: omega.Errorf(omega.CodeAuth, "")}, clientrpc.CodeRefused},
		{fmt.Errorf("%w: %w", errOffline, &dialError{err: noServer}), clientrpc.CodeOffline},
		{fmt.Errorf("%w: %w", errOffline, &dialError{err: transport.ErrServer}), clientrpc.CodeVerify},
		{errors.Join(&dialError{err: noServer}, &dialError{err: transport.ErrServer}), clientrpc.CodeVerify},
		{&dialError{err: transport.ErrRole}, clientrpc.CodeUsage},
		{&dialError{err: transport.ErrPlain}, clientrpc.CodeUsage},
		{&damagedError{fileSecrets, io.EOF}, clientrpc.CodeHome},
		{history.ErrDamaged, clientrpc.CodeHome},
		{history.ErrNewer, clientrpc.CodeHome},
		{history.ErrFull, clientrpc.CodeHome},
		{history.ErrBusy, clientrpc.CodeHome},
		{errNewer, clientrpc.CodeHome},
		{errLinkText, clientrpc.CodeUsage},
		{pgp.ErrLocked, clientrpc.CodePassphrase},
		{pgp.ErrOffline, clientrpc.CodeKey},
		{pgp.ErrExpired, clientrpc.CodeKey},
		{pgp.ErrRevoked, clientrpc.CodeKey},
		{noFile, clientrpc.CodeInternal},
		{&os.LinkError{Op: "rename", Err: errors.ErrUnsupported}, clientrpc.CodeInternal},
		{errors.New("anything"), clientrpc.CodeInternal},
		{omega.Errorf(omega.CodeNotFound, ""), clientrpc.CodeNotFound},
		{omega.Errorf(omega.CodeMailboxFull, ""), "mailbox_full"},
		{omega.Errorf(omega.CodeDiskFull, ""), "disk_full"},
		{omega.Errorf(omega.CodeUnavailable, ""), clientrpc.CodeOffline},
		{omega.Errorf(omega.CodeShutdown, ""), clientrpc.CodeOffline},
		{omega.Errorf(omega.CodeSuperseded, ""), clientrpc.CodeOffline},
		{omega.Errorf(omega.CodeRateLimited, ""), clientrpc.CodeRefused},
		{omega.Errorf(omega.CodeNeedCert, ""), clientrpc.CodeRefused},
		{omega.Errorf(omega.CodeVersion, ""), clientrpc.CodeRefused},
		{omega.Errorf(omega.CodeAuth, ""), clientrpc.CodeRefused},
	} {
		err := explain(i18n.T("doing.init"), fmt.Errorf("around it: %w", tt.err))
		var e *clientrpc.Error
		if !errors.As(err, &e) || e.Code != tt.code {
			t.Errorf("%v: %v, want code %s", tt.err, err, tt.code)
			continue
		}
		for _, lang := range []i18n.Lang{i18n.English, i18n.Chinese} {
			if e != ready && (e.Doing.In(lang) == "" || e.Why.In(lang) == "" || e.Next.In(lang) == "") {
				t.Errorf("%v: words are missing: %+v", tt.err, e)
			}
		}
	}
	if explain(i18n.T("doing.init"), nil) != nil {
		t.Error("no error was explained")
	}
	if err := explain(i18n.T("doing.init"), fmt.Errorf("x: %w", context.Canceled)); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled call: %v", err)
	}
}

// TestPlace: of several servers that were tried the one that matters is named.
func TestPlace(t *testing.T) {
	at := func(host string) transport.Address {
		return transport.Address{Network: transport.NetworkTLS, HostPort: host}
	}
	err := fmt.Errorf("%w: %w", errOffline, errors.Join(
		&dialError{at("a:1"), io.EOF}, &dialError{at("b:2"), fmt.Errorf("hello: %w", transport.ErrServer)}, &dialError{at("c:3"), io.EOF}))
	if got := place(err, transport.ErrServer); got != "b:2" {
		t.Errorf("place = %q, want b:2", got)
	}
}

// TestFileError: what the operating system says of a file is said in words.
func TestFileError(t *testing.T) {
	doing := i18n.T("doing.init")
	for _, tt := range []struct {
		err error
		why string
	}{
		{fs.ErrPermission, "why.permission"}, {syscall.EROFS, "why.permission"}, {syscall.ENOTDIR, "why.notdir"},
		{fs.ErrNotExist, "why.missing"}, {syscall.ENOSPC, "why.localfull"}, {syscall.EIO, "why.io"},
	} {
		var e *clientrpc.Error
		err := fileError(doing, "dir", fmt.Errorf("around it: %w", &fs.PathError{Op: "open", Path: "dir/f", Err: tt.err}))
		if !errors.As(err, &e) || e.Why.Key != tt.why || e.Code != clientrpc.CodeHome {
			t.Errorf("%v: %v, want %s", tt.err, err, tt.why)
		}
	}
	if err := fileError(doing, "dir", io.EOF); err != io.EOF {
		t.Errorf("no error of a file: %v", err)
	}
}

// TestAdviceFits: only what was sent is in the outbox.
func TestAdviceFits(t *testing.T) {
	for doing, want := range map[string]string{"doing.sending": "next.queued", "doing.send": "next.queued", "doing.way": "next.retry", "doing.homes": "next.retry"} {
		var e *clientrpc.Error
		if err := explain(i18n.T(doing), omega.Errorf(omega.CodeUnavailable, "away")); !errors.As(err, &e) || e.Next.Key != want {
			t.Errorf("%s: %v, want the advice %s", doing, err, want)
		}
	}
}

// TestOneServerIsNamed: where one server was tried it is named once, as what was being
// done and why it failed; where several were, none is.
func TestOneServerIsNamed(t *testing.T) {
	at := func(port string) transport.Address {
		a, err := transport.ParseAddress("127.0.0.1:" + port)
		must(t, err)
		return a
	}
	c := &Client{acc: &account{Server: "127.0.0.1:7000"}}
	refused := &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
	one := &dialError{at("7001"), refused}
	for _, tt := range []struct {
		name       string
		err        error
		doing, why string
	}{
		{"one", one, "connecting to 127.0.0.1:7001", "the server 127.0.0.1:7001 cannot be reached"},
		{"one of a race", errors.Join(one), "connecting to 127.0.0.1:7001", "the server 127.0.0.1:7001 cannot be reached"},
		{"several", errors.Join(one, &dialError{at("7002"), refused}), "connecting to the cloud", "none of the 2 servers that are known can be reached"},
		{"no attempt", errOffline, "connecting to 127.0.0.1:7000", "no server can be reached at the moment"},
	} {
		var e *clientrpc.Error
		if !errors.As(explain(c.connecting(tt.err), tt.err), &e) {
			t.Fatalf("%s: no words", tt.name)
		}
		if doing, why := e.Doing.In(i18n.English), e.Why.In(i18n.English); doing != tt.doing || why != tt.why {
			t.Errorf("%s: %s: %s", tt.name, doing, why)
		}
	}
}
