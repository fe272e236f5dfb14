package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"syscall"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/history"
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

// whileDoing is an error that a person reads, said of something else that was being done.
func whileDoing(doing i18n.Text, err error) error {
	var e *clientrpc.Error
	if !errors.As(err, &e) {
		return err
	}
	other := *e
	other.Doing = doing
	return &other
}

// An addressError is a server address that cannot be read.
type addressError struct {
	text string
	err  error
}

func (e *addressError) Error() string { return e.err.Error() }
func (e *addressError) Unwrap() error { return e.err }

// A dialError is an attempt to connect, with whom it was for.
type dialError struct {
	to  transport.Address
	err error
}

func (e *dialError) Error() string { return e.err.Error() }
func (e *dialError) Unwrap() error { return e.err }

// A deviceError is the fingerprint of a device in the place of its account's.
type deviceError struct{ account omega.Fingerprint }

func (e *deviceError) Error() string { return "fingerprint of a device of " + e.account.String() }

// A damagedError is a file of the home that holds something else than it should.
type damagedError struct {
	name string
	err  error
}

func (e *damagedError) Error() string { return fmt.Sprintf("read %s: %v", e.name, e.err) }
func (e *damagedError) Unwrap() error { return e.err }

// explain turns any error into one that a person reads. It is the only place
// that chooses code and words for errors of lower packages. An error that is
// already one passes unchanged, and so does the end of the caller's context.
func explain(doing i18n.Text, err error) error {
	var ready *clientrpc.Error
	var server *omega.Error
	var clock *transport.ClockError
	var succeeded *succeededError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &ready):
		return ready
	case errors.Is(err, context.Canceled):
		return err // whoever called knows why
	}
	for _, part := range []func(i18n.Text, error) error{explainAddress, explainStorage} {
		if e := part(doing, err); e != nil {
			return e
		}
	}
	switch {
	case errors.Is(err, errDeleted):
		return fail(clientrpc.CodeDeleted, doing, i18n.T("why.deleted"), i18n.T("next.deleted"), nil)
	case errors.Is(err, errRemoved):
		return fail(clientrpc.CodeRefused, doing, i18n.T("why.revoked"), i18n.T("next.contest"), nil)
	case errors.Is(err, errRevoked):
		return fail(clientrpc.CodeRefused, doing, i18n.T("why.revoked"), i18n.T("next.linkagain"), nil)
	case errors.Is(err, errPeerDeleted):
		return fail(clientrpc.CodeDeleted, doing, i18n.T("why.peerdeleted"), i18n.T("next.peerdeleted"), nil)
	case errors.As(err, &succeeded) && succeeded.agreed:
		return fail(clientrpc.CodeKey, doing, i18n.T("why.succeeded", succeeded.successor), i18n.T("next.writesuccessor"), nil)
	case errors.As(err, &succeeded):
		return fail(clientrpc.CodeKey, doing, i18n.T("why.succeeded", succeeded.successor), i18n.T("next.succeeded", succeeded.old), nil)
	case errors.Is(err, errBlocked):
		return fail(clientrpc.CodeRefused, doing, i18n.T("why.blocked"), i18n.T("next.unblock"), nil)
	case errors.Is(err, errWithheld):
		return fail(clientrpc.CodeVerify, doing, i18n.T("why.withheld"), i18n.T("next.withheld"), nil)
	case errors.As(err, &clock):
		return fail(clientrpc.CodeOffline, doing, i18n.T(clockWords(clock), clock.Ahead.Abs().Round(time.Second)), i18n.T("next.serverclock"), err)
	case errors.Is(err, errOffline), errors.Is(err, errSessionEnded):
		return fail(clientrpc.CodeOffline, doing, i18n.T("why.offline"), i18n.T("next.server"), err)
	case errors.Is(err, context.DeadlineExceeded):
		return fail(clientrpc.CodeTimeout, doing, i18n.T("why.timeout"), i18n.T("next.retry"), nil)
	case errors.Is(err, pgp.ErrLocked):
		return fail(clientrpc.CodePassphrase, doing, i18n.T("why.passphrase"), i18n.T("next.passphrase"), nil)
	case errors.Is(err, pgp.ErrOffline):
		return fail(clientrpc.CodeKey, doing, i18n.T("why.noprimary"), i18n.T("next.primary"), nil)
	case errors.Is(err, pgp.ErrExpired):
		return fail(clientrpc.CodeKey, doing, i18n.T("why.keyexpired"), i18n.T("next.renew"), err)
	case errors.Is(err, pgp.ErrRevoked):
		return fail(clientrpc.CodeKey, doing, i18n.T("why.keyrevoked"), i18n.T("next.key"), err)
	case errors.Is(err, errLinkText):
		return fail(clientrpc.CodeUsage, doing, i18n.T("why.linktext"), i18n.T("next.relink"), err)
	case errors.As(err, &server):
		code, why, next := explainCode(server)
		if next.Key == "next.queued" && doing.Key != "doing.send" && doing.Key != "doing.sending" {
			next = i18n.T("next.retry") // nothing is in the outbox
		}
		return fail(code, doing, why, next, err)
	case isNetwork(err):
		return fail(clientrpc.CodeOffline, doing, i18n.T("why.offline"), i18n.T("next.server"), err)
	}
	return fail(clientrpc.CodeInternal, doing, i18n.T("why.internal"), i18n.T("next.report"), err)
}

// clockWords says in which direction a server's clock is off.
func clockWords(e *transport.ClockError) string {
	if e.Ahead > 0 {
		return "why.serverbehind"
	}
	return "why.serverahead"
}

// explainAddress is for what an address, or who answers there, is the reason
// of. Of several servers that were tried the one that matters is named.
func explainAddress(doing i18n.Text, err error) error {
	var bad *addressError
	var dialled *dialError
	var device *deviceError
	switch {
	case errors.As(err, &device):
		return fail(clientrpc.CodeUsage, doing, i18n.T("why.devicefpr"), i18n.T("next.accountfpr", device.account), nil)
	case errors.As(err, &bad):
		return fail(clientrpc.CodeUsage, doing, i18n.T("why.address", bad.text), i18n.T("next.address"), bad.err)
	case errors.Is(err, transport.ErrServer):
		return fail(clientrpc.CodeVerify, doing, i18n.T("why.serverproof", place(err, transport.ErrServer)), i18n.T("next.pinned"), err)
	case errors.Is(err, transport.ErrRole):
		return fail(clientrpc.CodeUsage, doing, i18n.T("why.peerport", place(err, transport.ErrRole)), i18n.T("next.clientport"), err)
	case errors.Is(err, transport.ErrPlain):
		at := place(err, transport.ErrPlain)
		return fail(clientrpc.CodeUsage, doing, i18n.T("why.webport", at), i18n.T("next.webport", at), err)
	case errors.Is(err, errOffline) || !errors.As(err, &dialled):
		return nil
	case errors.Is(err, context.DeadlineExceeded), isNetwork(err):
		why := i18n.T("why.unreachable", dialled.to.URL())
		if n := len(attempts(err)); n > 1 {
			why = i18n.T("why.unreachables", n)
		}
		return fail(clientrpc.CodeOffline, doing, why, i18n.T("next.network"), err)
	}
	return nil
}

// attempts are where the attempts to connect went that an error is about.
func attempts(err error) (out []transport.Address) {
	if d, ok := err.(*dialError); ok {
		return []transport.Address{d.to}
	}
	switch e := err.(type) {
	case interface{ Unwrap() error }:
		return attempts(e.Unwrap())
	case interface{ Unwrap() []error }:
		for _, part := range e.Unwrap() {
			out = append(out, attempts(part)...)
		}
	}
	return out
}

// connecting is what was being done when an error came up: to the one server that was
// tried, or, where it were several, to any.
func (c *Client) connecting(err error) i18n.Text {
	switch to := attempts(err); len(to) {
	case 0:
		return doingConnect(c.choice())
	case 1:
		return doingConnect(to[0].String())
	}
	return i18n.T("doing.cloud")
}

// place is where the attempt went that failed with target.
func place(err, target error) string {
	if d, ok := err.(*dialError); ok {
		return d.to.URL()
	}
	switch e := err.(type) {
	case interface{ Unwrap() error }:
		return place(e.Unwrap(), target)
	case interface{ Unwrap() []error }:
		for _, part := range e.Unwrap() {
			if errors.Is(part, target) {
				return place(part, target)
			}
		}
	}
	return "?"
}

// explainStorage is for the database and the files of the home.
func explainStorage(doing i18n.Text, err error) error {
	var damaged *damagedError
	switch {
	case errors.As(err, &damaged):
		return fail(clientrpc.CodeHome, doing, i18n.T("why.damaged", damaged.name), i18n.T("next.backup"), err)
	case errors.Is(err, history.ErrDamaged):
		return fail(clientrpc.CodeHome, doing, i18n.T("why.damaged", fileHistory), i18n.T("next.backup"), err)
	case errors.Is(err, errNewer), errors.Is(err, history.ErrNewer):
		return fail(clientrpc.CodeHome, doing, i18n.T("why.newer"), i18n.T("next.update"), err)
	case errors.Is(err, history.ErrFull), errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return fail(clientrpc.CodeHome, doing, i18n.T("why.localfull"), i18n.T("next.room"), err)
	case errors.Is(err, history.ErrBusy):
		return fail(clientrpc.CodeHome, doing, i18n.T("why.busy"), i18n.T("next.retry"), err)
	}
	return nil
}

// fileError says why a file cannot be read or written; dir is where it is. What
// is no error of a file stays as it is.
func fileError(doing i18n.Text, dir string, err error) error {
	if !isFile(err) {
		return err
	}
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return explainStorage(doing, err)
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		return fail(clientrpc.CodeHome, doing, i18n.T("why.permission", dir), i18n.T("next.permission"), err)
	case errors.Is(err, syscall.ENOTDIR), errors.Is(err, fs.ErrExist):
		return fail(clientrpc.CodeHome, doing, i18n.T("why.notdir", dir), i18n.T("next.directory"), err)
	case errors.Is(err, fs.ErrNotExist) && !making(err):
		return fail(clientrpc.CodeHome, doing, i18n.T("why.missing", fileOf(err)), i18n.T("next.backup"), err)
	}
	return fail(clientrpc.CodeHome, doing, i18n.T("why.io", dir), i18n.T("next.directory"), err)
}

// chosenError is fileError for a file that a person named to be read.
func chosenError(doing i18n.Text, path string, err error) error {
	if isFile(err) && errors.Is(err, fs.ErrNotExist) {
		return fail(clientrpc.CodeNotFound, doing, i18n.T("why.nosuchfile", path), i18n.T("next.filename"), nil)
	}
	return fileError(doing, path, err)
}

// isFile reports whether the operating system said err of a file.
func isFile(err error) bool {
	var file *fs.PathError
	var link *os.LinkError
	return errors.As(err, &file) || errors.As(err, &link)
}

// making reports whether err is about a directory that was to be made.
func making(err error) bool {
	var file *fs.PathError
	return errors.As(err, &file) && file.Op == "mkdir"
}

// fileOf is the file that err is about.
func fileOf(err error) string {
	var file *fs.PathError
	if errors.As(err, &file) {
		return file.Path
	}
	return "?"
}

// explainCode puts what a server said into words.
func explainCode(e *omega.Error) (code string, why, next i18n.Text) {
	switch e.Code {
	case omega.CodeNotFound:
		return clientrpc.CodeNotFound, i18n.T("why.notknown"), i18n.T("next.fingerprint")
	case omega.CodeDeleted:
		return clientrpc.CodeDeleted, i18n.T("why.peerdeleted"), i18n.T("next.peerdeleted")
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
	case omega.CodeAuth:
		return clientrpc.CodeRefused, i18n.T("why.auth"), i18n.T("next.auth")
	}
	return clientrpc.CodeRefused, i18n.T("why.server", e.Code), i18n.T("next.otherserver")
}

// isNetwork tells failures of connections from those of files: both wrap
// system errors, which say of themselves that they are net.Errors.
func isNetwork(err error) bool {
	if isFile(err) || history.IsStorage(err) {
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
	return explain(doing, fileError(doing, home, err))
}
