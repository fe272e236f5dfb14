package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/clientrpc"
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
		{transport.ErrAddress, clientrpc.CodeUsage},
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
