//go:build !js

package client

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/internal/i18n"
)

// A Local reaches the core of a home directory: the one that another process
// holds, through its socket, or one that it opens itself. When the other
// process ends, Local takes over or finds the next holder, and repeats the
// call; every call of clientrpc allows that.
type Local struct {
	cfg    Config
	closed context.Context // ends when Close is called
	close  context.CancelFunc

	patience time.Duration // how long the holder of the home may give no sign

	acts   sync.Once    // the first call that changes something
	acted  atomic.Bool  // there was one
	awaits atomic.Bool  // one of them does not wait by itself until others have it
	before atomic.Int64 // what waited to be sent before the first
	left   left         // what waits for a server since Close; guarded by turn

	turn chan struct{}  // holds one element while somebody looks for a core
	conn clientrpc.Conn // current way to a core; nil: none yet; guarded by turn
}

// ErrClosed is returned by the calls of a Local that was closed.
var ErrClosed = errors.New("this way to the client core was closed")

// OpenLocal reaches the core of cfg.Home. It fails if there is no account, or
// if this process would have to hold the core and cannot (a wrong passphrase).
func OpenLocal(ctx context.Context, cfg Config) (*Local, error) {
	if _, err := loadAccount(cfg.Home); err != nil {
		return nil, accountError(cfg.Home, err)
	}
	l := &Local{cfg: cfg, patience: maxSilence, turn: make(chan struct{}, 1)}
	l.closed, l.close = context.WithCancel(context.Background())
	if _, err := l.get(ctx, nil); err != nil {
		l.close()
		return nil, err
	}
	return l, nil
}

// Call implements clientrpc.Conn.
func (l *Local) Call(ctx context.Context, method string, req, resp any) error {
	if a, acts := acting()[method]; acts {
		l.acts.Do(func() { l.act(ctx) })
		l.awaits.CompareAndSwap(false, a.alone)
	}
	var stale clientrpc.Conn
	for wait := minLook; ; wait = min(2*wait, maxLook) {
		conn, err := l.get(ctx, stale)
		if err != nil {
			return err
		}
		if err = conn.Call(ctx, method, req, resp); !errors.Is(err, clientrpc.ErrHandover) {
			return err
		}
		if stale != nil { // twice in a row: too many callers
			if err := l.pause(ctx, wait); err != nil {
				return err
			}
		}
		stale = conn
	}
}

// act notes what waits before anything is changed. Where that cannot be known, nothing is
// told of what was left.
func (l *Local) act(ctx context.Context) {
	if st, err := clientrpc.Status.Call(ctx, l, clientrpc.None{}); err == nil {
		l.before.Store(int64(waiting(st)))
		l.acted.Store(true)
	}
}

// Times between looks for a core while the holder changes.
const (
	minLook = 5 * time.Millisecond
	maxLook = 100 * time.Millisecond
)

// maxSilence is more than a process takes to open the secrets of a home, or to
// end, on a slow machine.
const maxSilence = 20 * time.Second

// errStopped says that the process that has the home gives no sign.
var errStopped = errors.New("the process that has this home gives no sign")

// pause waits for d.
func (l *Local) pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-l.closed.Done():
		return ErrClosed
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Close lets go of the core. If this process held it, calls of others that are
// under way are handed over to the next holder. Calls of this Local end with
// ErrClosed.
func (l *Local) Close() error {
	l.close()
	l.turn <- struct{}{}
	defer func() { <-l.turn }()
	if l.conn == nil {
		return nil
	}
	before, reach := int(l.before.Load()), time.Duration(0)
	if l.awaits.Load() {
		reach = reachTimeout
	}
	p, elsewhere := l.conn.(*clientrpc.Pipe)
	if elsewhere && l.acted.Load() {
		l.left = leftAt(p, before, reach)
	}
	h, here := l.conn.(*Holder)
	if here && l.acted.Load() && reach > 0 && leftAt(h.Client, before, 0).count > 0 {
		h.rested = true
	}
	err := l.conn.Close()
	if here && l.acted.Load() {
		l.left = h.left.since(before)
	}
	l.conn = nil
	return err
}

// Elsewhere reports whether another process holds the home: a face, or another command.
func (l *Local) Elsewhere() bool {
	l.turn <- struct{}{}
	defer func() { <-l.turn }()
	_, pipe := l.conn.(*clientrpc.Pipe)
	return pipe
}

// Left is how much of what the calls of this Local changed waits to be sent at the next
// connection, after Close: what was said to be done is not with others yet. why is what
// keeps it from them; nil: nothing went wrong, there only was no connection yet.
func (l *Local) Left() (n int, why *clientrpc.Error) {
	l.turn <- struct{}{}
	defer func() { <-l.turn }()
	return l.left.count, l.left.why
}

// acting are the calls that change something that others may be told of; that messages
// were fetched and printed a person did not ask for. alone: nothing in the call says that
// it waits until others have it (Wait).
var acting = sync.OnceValue(func() map[string]struct{ alone bool } {
	out := map[string]struct{ alone bool }{}
	for _, s := range clientrpc.Methods() {
		if s.Repeat == clientrpc.Reads || s.Name == clientrpc.Receive.Name || s.Name == clientrpc.Confirm.Name {
			continue
		}
		waits := false
		if s.Req.Kind() == reflect.Struct {
			_, waits = s.Req.FieldByName("Wait")
		}
		out[s.Name] = struct{ alone bool }{!waits}
	}
	return out
})

// left is what waits for a server, and why.
type left struct {
	count int
	why   *clientrpc.Error
}

// since is what waits of it if so much did before.
func (l left) since(before int) left {
	if l.count <= before {
		return left{}
	}
	return left{l.count - before, l.why}
}

// waiting is how much others are still to be told: what is in the outbox, and changes of
// whom this account lets in, which its homes keep away until they know.
func waiting(st *clientrpc.StatusResult) int { return st.Outbox + st.Untold }

// leftAt asks a core what waits there that did not before; one that is online sends it,
// and one that has not found out yet whether it can be is given so long to.
func leftAt(conn clientrpc.Conn, before int, reach time.Duration) left {
	ctx, cancel := context.WithTimeout(context.Background(), flushTimeout+reach)
	defer cancel()
	late := time.After(reach)
	for {
		st, err := clientrpc.Status.Call(ctx, conn, clientrpc.None{})
		if err != nil || st.Online || !st.Deleted.IsZero() {
			return left{}
		}
		l := left{waiting(st), st.Problem}.since(before)
		if l.count == 0 || l.why != nil {
			return l
		}
		select {
		case <-late:
			return l
		case <-time.After(maxLook):
		}
	}
}

// get returns a way to the core that is not stale.
func (l *Local) get(ctx context.Context, stale clientrpc.Conn) (clientrpc.Conn, error) {
	select {
	case l.turn <- struct{}{}:
		defer func() { <-l.turn }()
	case <-l.closed.Done():
		return nil, ErrClosed
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	if l.closed.Err() != nil {
		return nil, ErrClosed
	}
	if l.conn != nil && l.conn != stale {
		return l.conn, nil
	}
	if l.conn != nil {
		l.conn.Close()
		l.conn = nil
	}
	alone, cancel := context.WithTimeoutCause(ctx, l.patience, errStopped)
	defer cancel()
	for wait := minLook; ; wait = min(2*wait, maxLook) {
		conn, err := l.try(ctx, alone)
		if errors.Is(err, errStopped) {
			doing := i18n.T("doing.open", l.cfg.Home)
			return nil, fail(clientrpc.CodeTimeout, doing, i18n.T("why.stopped"), i18n.T("next.stopped"), nil)
		}
		if conn != nil || err != nil {
			l.conn = conn
			return conn, err
		}
		// The holder has the lock but not the socket yet, or is letting go.
		if err := l.pause(ctx, wait); err != nil {
			return nil, err
		}
	}
}

// try returns a Conn to whoever holds the home, holds it itself, or returns
// nothing when the holder is just changing. When alone ends, which is before
// ctx, no holder is waited for any more.
func (l *Local) try(ctx, alone context.Context) (clientrpc.Conn, error) {
	if c, err := dialSocket(l.cfg.Home); err == nil {
		return answering(alone, clientrpc.NewPipe(c))
	}
	lock, err := lockHome(l.cfg.Home)
	if err != nil {
		return nil, err
	}
	if lock == nil {
		return nil, context.Cause(alone)
	}
	h, err := hold(ctx, l.cfg, lock)
	if err != nil {
		lock.Close()
		return nil, accountError(l.cfg.Home, err)
	}
	return h, nil
}

// answering returns p if its other end answers: the system takes connections for
// a process that was stopped (Ctrl+Z) as well.
func answering(ctx context.Context, p *clientrpc.Pipe) (clientrpc.Conn, error) {
	_, err := clientrpc.Account.Call(ctx, p, clientrpc.None{})
	switch {
	case err == nil:
		return p, nil
	case errors.Is(err, clientrpc.ErrHandover):
		err = nil
	}
	p.Close()
	return nil, err
}

// A Holder runs the core of a home and serves it to other processes.
type Holder struct {
	*Client
	lock   *os.File
	socket net.Listener
	rested bool            // nothing was in the outbox when it began, or a connection is worth waiting for
	left   left            // what waited to be sent when it ended without a connection; after Close
	ctx    context.Context // ends when the home is handed over
	stop   context.CancelFunc
	wg     sync.WaitGroup // the core's Run, the accept loop and its pipes

	mu      sync.Mutex
	calls   sync.WaitGroup // of this process; grows only under mu and before closing
	closing bool           // guarded by mu
}

func hold(ctx context.Context, cfg Config, lock *os.File) (*Holder, error) {
	c, err := Open(ctx, cfg)
	if err != nil {
		return nil, err
	}
	socket, err := listenSocket(cfg.Home)
	if err != nil {
		c.Close()
		return nil, fmt.Errorf("listen for other commands on this home: %w", err)
	}
	runCtx, stop := context.WithCancel(context.Background())
	h := &Holder{Client: c, lock: lock, socket: socket, rested: !c.isDue(ctx), ctx: runCtx, stop: stop}
	h.wg.Go(func() { c.Run(runCtx) })
	h.wg.Go(func() { h.accept(runCtx) })
	return h, nil
}

// beginTimeout is how long a new home is run for its prekeys.
const beginTimeout = 5 * time.Second

// Begin has the core of a new home run until a home server has its prekeys, so that
// others can begin a secure chat with it at once; for five seconds at most. What was
// not done then, the next command does.
func Begin(ctx context.Context, cfg Config) error {
	lock, err := lockHome(cfg.Home)
	if err != nil || lock == nil {
		return err // another process does it
	}
	h, err := hold(ctx, cfg, lock)
	if err != nil {
		lock.Close()
		return err
	}
	wait, cancel := context.WithTimeout(ctx, beginTimeout)
	defer cancel()
	if _, err := h.Client.waitOnline(wait); err == nil {
		h.Client.flush(beginTimeout)
	}
	return h.Close()
}

// maxPipes bounds the processes that are served at once.
const maxPipes = 256

func (h *Holder) accept(ctx context.Context) {
	slots := make(chan struct{}, maxPipes)
	for {
		conn, err := h.socket.Accept()
		if err != nil {
			return // Close closed it
		}
		select {
		case slots <- struct{}{}:
		default:
			conn.Close()
			continue
		}
		h.wg.Go(func() {
			defer func() { <-slots }()
			k := &caller{h.Client}
			defer k.close()
			clientrpc.ServePipe(ctx, conn, k.handle)
		})
	}
}

// flushTimeout is how long a core that ends waits for its outbox: receipts of
// what was just printed are worth a moment, a slow home is not.
const flushTimeout = time.Second

// reachTimeout is how long a core that ends before it had a connection waits for one,
// if it put something into its outbox that was empty, or of which nothing else waits until
// others have it: a command that is quicker than that would leave to the next one what it
// says is done. One that learns that it cannot have one waits no longer.
const reachTimeout = 10 * time.Second

// Call implements clientrpc.Conn for this process. It ends with ErrHandover
// when the home is handed over.
func (h *Holder) Call(ctx context.Context, method string, req, resp any) error {
	h.mu.Lock()
	if h.closing {
		h.mu.Unlock()
		return clientrpc.ErrHandover
	}
	h.calls.Add(1)
	h.mu.Unlock()
	defer h.calls.Done()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(h.ctx, cancel)()
	err := h.Client.Call(ctx, method, req, resp)
	if err != nil && h.ctx.Err() != nil {
		return clientrpc.ErrHandover
	}
	return err
}

// Close hands the home over: no new calls, those under way end with
// ErrHandover, the core ends, the lock is free. Closing again does nothing.
func (h *Holder) Close() error {
	h.mu.Lock()
	again := h.closing
	h.closing = true
	h.mu.Unlock()
	if again {
		return nil
	}
	h.socket.Close() // removes the socket file as well
	if h.rested {
		h.Client.awaitWay(reachTimeout)
	}
	h.Client.flush(flushTimeout)
	h.left = leftAt(h.Client, 0, 0)
	h.stop()
	h.wg.Wait()
	h.calls.Wait()
	err := h.Client.Close()
	h.lock.Close()
	return err
}

// lockHome takes the home's lock, or returns nil if another process has it.
func lockHome(home string) (*os.File, error) {
	path := filepath.Join(home, fileLock)
	for {
		f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
		if err != nil {
			return nil, err
		}
		switch err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); {
		case errors.Is(err, syscall.EWOULDBLOCK):
			f.Close()
			return nil, nil
		case err != nil:
			f.Close()
			return nil, fmt.Errorf("lock %s: %w", f.Name(), err)
		}
		// Whoever failed to make an account takes the file away with it.
		mine, err := f.Stat()
		if there, thereErr := os.Stat(path); err == nil && thereErr == nil && os.SameFile(mine, there) {
			return f, nil
		}
		f.Close()
	}
}

// takeLock is lockHome for whoever only makes an account; unlock is nil if
// another process has the lock.
func takeLock(home string) (unlock func(), err error) {
	f, err := lockHome(home)
	if f == nil {
		return nil, err
	}
	return func() { f.Close() }, nil
}

// maxSocketPath is less than what fits into a socket address (108 octets).
const maxSocketPath = 100

// withSocketPath calls f with a path of the home's socket that is short enough
// for a socket address: a long one goes through the open directory.
func withSocketPath(home string, f func(path string) error) error {
	path := filepath.Join(home, fileSocket)
	if len(path) <= maxSocketPath {
		return f(path)
	}
	dir, err := os.Open(home)
	if err != nil {
		return err
	}
	defer dir.Close()
	return f(fmt.Sprintf("/proc/self/fd/%d/%s", dir.Fd(), fileSocket))
}

func dialSocket(home string) (c net.Conn, err error) {
	err = withSocketPath(home, func(path string) error {
		c, err = net.Dial("unix", path)
		return err
	})
	return c, err
}

// listenSocket replaces a socket that a dead process left; the caller holds the
// lock, so nobody listens on it.
func listenSocket(home string) (net.Listener, error) {
	path := filepath.Join(home, fileSocket)
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	var l *net.UnixListener
	err := withSocketPath(home, func(short string) error {
		// The mask is the whole process's: nothing else that is made meanwhile
		// may lack what its owner needs, so execution is taken away below.
		old := syscall.Umask(0o077)
		defer syscall.Umask(old)
		var err error
		l, err = net.ListenUnix("unix", &net.UnixAddr{Name: short, Net: "unix"})
		return err
	})
	if err != nil {
		return nil, err
	}
	l.SetUnlinkOnClose(false)
	if err := os.Chmod(path, 0o600); err != nil {
		l.Close()
		return nil, err
	}
	return &socketListener{l, path}, nil
}

// A socketListener removes its file when it is closed, by its long path.
type socketListener struct {
	net.Listener
	path string
}

func (l *socketListener) Close() error {
	err := l.Listener.Close()
	os.Remove(l.path)
	return err
}

// Held reports whether another process holds the core of a home now.
func Held(home string) bool {
	c, err := dialSocket(home)
	if err != nil {
		return false
	}
	c.Close()
	return true
}
