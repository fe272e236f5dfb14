//go:build !js

package client

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"time"

	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/internal/i18n"
	"github.com/omega-im/omega/pgp"
)

// An EntryConfig says which home a face begins with.
type EntryConfig struct {
	Config                                                                       // of the core; Passphrase may be nil where Entry.Unlock is to be called
	Device    string                                                             // what this machine calls itself
	Servers   []string                                                           // addresses at which a new account may begin, as the program was told
	GnuPGKeys func(ctx context.Context) ([]clientrpc.SetupKey, error)            // nil: no GnuPG here
	Adopt     func(ctx context.Context, fingerprint string) (*AdoptedKey, error) // nil the same
}

// An AdoptedKey is a primary key in GnuPG that becomes an account.
type AdoptedKey struct {
	pgp.Signer
	Expires   time.Time // zero: never
	GnuPGHome string
}

// An Entry is a home as faces meet it that a person can begin with: it serves the
// setup methods where there is no account or where its secrets are locked, and
// whatever else is called goes to the core, once there is one. It may be used by
// many goroutines at once.
type Entry struct {
	cfg EntryConfig

	turn chan struct{} // holds one element while an account is made or a core is opened

	mu         sync.Mutex
	core       *Local   // guarded by mu; nil: none yet
	passphrase []byte   // guarded by mu
	linking    *linking // guarded by mu; nil: nobody links
	closed     bool     // guarded by mu
}

// NewEntry opens nothing yet.
func NewEntry(cfg EntryConfig) *Entry {
	return &Entry{cfg: cfg, turn: make(chan struct{}, 1), passphrase: cfg.Passphrase}
}

// An entryCall is a setup method with its types erased.
type entryCall func(e *Entry, ctx context.Context, params []byte) (any, error)

// entryCalls are the methods that an Entry serves itself.
var entryCalls = func() map[string]entryCall {
	m := map[string]entryCall{}
	serveEntry(m, clientrpc.Setup, "doing.setup", (*Entry).state)
	serveEntry(m, clientrpc.SetupServers, "doing.setupservers", (*Entry).servers)
	serveEntry(m, clientrpc.SetupKeys, "doing.setupkeys", (*Entry).keys)
	serveEntry(m, clientrpc.SetupCreate, "doing.init", (*Entry).create)
	serveEntry(m, clientrpc.SetupLink, "doing.link", (*Entry).link)
	serveEntry(m, clientrpc.SetupRestore, "doing.setup", (*Entry).restore)
	serveEntry(m, clientrpc.SetupUnlock, "doing.setup", (*Entry).unlock)
	return m
}()

// serveEntry ties a setup method to the function that serves it.
func serveEntry[Req, Resp any](m map[string]entryCall, method clientrpc.Method[Req, Resp], doing string, f func(*Entry, context.Context, Req) (Resp, error)) {
	m[method.Name] = func(e *Entry, ctx context.Context, params []byte) (any, error) {
		var req Req
		if len(params) > 0 && string(params) != "null" {
			if err := json.Unmarshal(params, &req); err != nil {
				return nil, fail(clientrpc.CodeUsage, i18n.T(doing), i18n.T("why.params"), i18n.Text{}, err)
			}
		}
		resp, err := f(e, ctx, req)
		return resp, explain(i18n.T(doing), err)
	}
}

// Call implements clientrpc.Conn.
func (e *Entry) Call(ctx context.Context, method string, req, resp any) error {
	serve, ok := entryCalls[method]
	if !ok {
		core, err := e.open(ctx)
		if err != nil {
			return err
		}
		return core.Call(ctx, method, req, resp)
	}
	params, err := json.Marshal(req)
	if err != nil {
		return err
	}
	result, err := serve(e, ctx, params)
	if err != nil || resp == nil {
		return err
	}
	b, err := json.Marshal(result)
	if err != nil {
		return err
	}
	return json.Unmarshal(b, resp)
}

// take waits until nobody else makes or opens anything; the caller calls give.
func (e *Entry) take(ctx context.Context) error {
	select {
	case e.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (e *Entry) give() { <-e.turn }

// open returns the way to the core.
func (e *Entry) open(ctx context.Context) (*Local, error) {
	if core, err := e.opened(); core != nil || err != nil {
		return core, err
	}
	if err := e.take(ctx); err != nil {
		return nil, err
	}
	defer e.give()
	return e.openNow(ctx)
}

// opened returns the core that is open already.
func (e *Entry) opened() (*Local, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return nil, ErrClosed
	}
	return e.core, nil
}

// openNow is open for who has the turn.
func (e *Entry) openNow(ctx context.Context) (*Local, error) {
	if core, err := e.opened(); core != nil || err != nil {
		return core, err
	}
	e.mu.Lock()
	cfg := e.cfg.Config
	cfg.Passphrase = e.passphrase
	e.mu.Unlock()
	core, err := OpenLocal(ctx, cfg)
	if err != nil {
		return nil, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		core.Close()
		return nil, ErrClosed
	}
	e.core = core
	return core, nil
}

// Close ends what is under way and lets go of the core.
func (e *Entry) Close() error {
	e.mu.Lock()
	e.closed = true
	core, link := e.core, e.linking
	e.core, e.linking = nil, nil
	e.mu.Unlock()
	if link != nil {
		link.end()
		<-link.over
	}
	if core == nil {
		return nil
	}
	return core.Close()
}

// state tells how the home stands. It opens the core where nothing is in the way.
func (e *Entry) state(ctx context.Context, _ clientrpc.None) (*clientrpc.SetupState, error) {
	s := &clientrpc.SetupState{State: clientrpc.SetupEmpty, Home: e.cfg.Home, Device: e.cfg.Device, Servers: e.cfg.Servers}
	acc, err := loadAccount(e.cfg.Home)
	if errors.Is(err, errNoAccount) {
		return s, nil
	}
	if err != nil {
		return nil, accountError(e.cfg.Home, err)
	}
	s.Account = acc.Fingerprint
	_, err = e.open(ctx)
	var known *clientrpc.Error
	switch {
	case err == nil:
		s.State = clientrpc.SetupReady
	case errors.As(err, &known) && known.Code == clientrpc.CodePassphrase:
		s.State = clientrpc.SetupLocked
	default:
		return nil, err
	}
	return s, nil
}

// unlock opens the secrets with a passphrase, which is forgotten where it is wrong.
func (e *Entry) unlock(ctx context.Context, p clientrpc.SetupUnlockParams) (*clientrpc.SetupState, error) {
	if err := e.take(ctx); err != nil {
		return nil, err
	}
	err := func() error {
		defer e.give()
		return e.openWith(ctx, p.Passphrase)
	}()
	if err != nil {
		return nil, err
	}
	return e.state(ctx, clientrpc.None{})
}

// openWith opens the core of this home with a passphrase; the caller has the turn.
func (e *Entry) openWith(ctx context.Context, passphrase string) error {
	e.mu.Lock()
	before := e.passphrase
	e.passphrase = []byte(passphrase)
	e.mu.Unlock()
	_, err := e.openNow(ctx)
	if err != nil {
		e.mu.Lock()
		e.passphrase = before
		e.mu.Unlock()
	}
	return err
}

// create makes an account and opens its core. Asked again for what stands, it says so.
func (e *Entry) create(ctx context.Context, p clientrpc.SetupCreateParams) (*clientrpc.AccountInfo, error) {
	if err := e.take(ctx); err != nil {
		return nil, err
	}
	defer e.give()
	cfg := InitConfig{Config: e.cfg.Config, Server: p.Server, Invite: p.Invite, DeviceName: e.deviceName(p.DeviceName)}
	cfg.Name, cfg.Passphrase = p.Name, []byte(p.Passphrase)
	if p.Key != "" {
		if e.cfg.Adopt == nil {
			return nil, fail(clientrpc.CodeKey, i18n.T("doing.init"), i18n.T("why.gpg.missing"), i18n.T("next.gpg.missing"), nil)
		}
		key, err := e.cfg.Adopt(ctx, p.Key)
		if err != nil {
			return nil, err
		}
		cfg.Primary, cfg.Expires, cfg.GnuPGHome = key.Signer, key.Expires, key.GnuPGHome
	}
	info, err := Init(ctx, cfg)
	if err != nil {
		return nil, err
	}
	return info, e.openWith(ctx, p.Passphrase)
}

// deviceName is the one that the person chose, or this machine's.
func (e *Entry) deviceName(chosen string) string {
	if chosen != "" {
		return chosen
	}
	return e.cfg.Device
}

// restore makes the home the one of a backup and opens its core, where the secrets
// have no other passphrase than the backup.
func (e *Entry) restore(ctx context.Context, p clientrpc.SetupRestoreParams) (*clientrpc.BackupInfo, error) {
	if err := e.take(ctx); err != nil {
		return nil, err
	}
	defer e.give()
	return Restore(ctx, e.cfg.Config, clientrpc.BackupParams{Path: p.Path, Passphrase: p.Passphrase})
}

// keys lists what GnuPG has.
func (e *Entry) keys(ctx context.Context, _ clientrpc.None) (out clientrpc.SetupKeysResult, err error) {
	if e.cfg.GnuPGKeys == nil {
		return out, nil
	}
	out.Keys, err = e.cfg.GnuPGKeys(ctx)
	if errors.As(err, &out.Problem) {
		err = nil
	}
	return out, err
}
