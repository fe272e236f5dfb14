package client

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"net"
	"os"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/internal/i18n"
	"github.com/omega-im/omega/pgp"
	"github.com/omega-im/omega/transport"
)

// fail makes the error that a person reads. key names entries of the
// catalogue without their prefixes.
func fail(code string, doing, why, next i18n.Text, cause error) error {
	e := &clientrpc.Error{Code: code, Doing: doing, Why: why, Next: next}
	if cause != nil {
		e.Cause = cause.Error()
	}
	return e
}

// explain turns any error into one that a person reads. It is the only place
// that chooses code and words for errors of lower packages. An error that is
// already one passes unchanged, and so does the end of the caller's context.
func explain(doing i18n.Text, err error) error {
	var ready *clientrpc.Error
	var server *omega.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &ready):
		return ready
	case errors.Is(err, context.Canceled):
		return err // whoever called knows why
	case errors.Is(err, context.DeadlineExceeded):
		return fail(clientrpc.CodeTimeout, doing, i18n.T("why.timeout"), i18n.T("next.retry"), err)
	case errors.Is(err, errOffline), errors.Is(err, errSessionEnded):
		return fail(clientrpc.CodeOffline, doing, i18n.T("why.offline"), i18n.T("next.server"), err)
	case errors.Is(err, transport.ErrServer):
		return fail(clientrpc.CodeVerify, doing, i18n.T("why.serverproof"), i18n.T("next.pinned"), err)
	case errors.Is(err, transport.ErrAddress):
		return fail(clientrpc.CodeUsage, doing, i18n.T("why.addressform", err), i18n.T("next.address"), nil)
	case errors.Is(err, pgp.ErrLocked):
		return fail(clientrpc.CodePassphrase, doing, i18n.T("why.passphrase"), i18n.T("next.passphrase"), nil)
	case errors.Is(err, pgp.ErrOffline):
		return fail(clientrpc.CodeKey, doing, i18n.T("why.noprimary"), i18n.T("next.primary"), err)
	case errors.Is(err, pgp.ErrExpired):
		return fail(clientrpc.CodeKey, doing, i18n.T("why.keyexpired"), i18n.T("next.renew"), err)
	case errors.Is(err, pgp.ErrRevoked):
		return fail(clientrpc.CodeKey, doing, i18n.T("why.keyrevoked"), i18n.T("next.key"), err)
	case errors.Is(err, errLinkText):
		return fail(clientrpc.CodeUsage, doing, i18n.T("why.linktext"), i18n.T("next.relink"), err)
	case errors.As(err, &server):
		code, why, next := explainCode(server)
		return fail(code, doing, why, next, err)
	case isNetwork(err):
		return fail(clientrpc.CodeOffline, doing, i18n.T("why.offline"), i18n.T("next.server"), err)
	}
	return fail(clientrpc.CodeInternal, doing, i18n.T("why.internal"), i18n.T("next.report"), err)
}

// explainCode puts what a server said into words.
func explainCode(e *omega.Error) (code string, why, next i18n.Text) {
	switch e.Code {
	case omega.CodeNotFound:
		return clientrpc.CodeNotFound, i18n.T("why.notknown"), i18n.T("next.fingerprint")
	case omega.CodeMailboxFull:
		return e.Code.String(), i18n.T("why.mailboxfull"), i18n.T("next.queued")
	case omega.CodeDiskFull:
		return e.Code.String(), i18n.T("why.diskfull"), i18n.T("next.queued")
	case omega.CodeUnavailable, omega.CodeQueued, omega.CodeShutdown, omega.CodeSuperseded, omega.CodeInternal:
		return clientrpc.CodeOffline, i18n.T("why.unavailable"), i18n.T("next.queued")
	case omega.CodeRateLimited:
		return clientrpc.CodeRefused, i18n.T("why.ratelimited"), i18n.T("next.retry")
	case omega.CodeNeedCert:
		return clientrpc.CodeRefused, i18n.T("why.unregistered"), i18n.T("next.otherserver")
	case omega.CodeVersion:
		return clientrpc.CodeRefused, i18n.T("why.version"), i18n.T("next.update")
	}
	return clientrpc.CodeRefused, i18n.T("why.server", e.Error()), i18n.T("next.otherserver")
}

// isNetwork tells failures of connections from those of files: both wrap
// system errors, which say of themselves that they are net.Errors.
func isNetwork(err error) bool {
	var file *fs.PathError
	var link *os.LinkError
	if errors.As(err, &file) || errors.As(err, &link) {
		return false
	}
	for _, gone := range []error{io.EOF, io.ErrUnexpectedEOF, net.ErrClosed, transport.ErrClosed, transport.ErrSlow} {
		if errors.Is(err, gone) {
			return true
		}
	}
	var n net.Error
	return errors.As(err, &n)
}

// accountError says why the account of a home does not open.
func accountError(home string, err error) error {
	doing := i18n.T("doing.open", home)
	if errors.Is(err, errNoAccount) {
		return fail(clientrpc.CodeNoAccount, doing, i18n.T("why.noaccount", home), i18n.T("next.init"), nil)
	}
	return explain(doing, err)
}
