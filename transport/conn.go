package transport

import (
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/omega-im/omega/pgp"
	"github.com/omega-im/omega/wire"
)

// lingerTime is how long the other side has to close after CloseAfterFlush.
const lingerTime = 2 * time.Second

// A Conn is an authenticated connection that carries frames. One goroutine
// reads; any number may send; all other methods may be called by any.
//
// An idle Conn holds no buffer and no goroutine besides the one that blocks in
// ReadFrame.
type Conn struct {
	link         link
	waiter       waiter // link, if it is one; otherwise nil
	peer         Peer   // without the certificate
	certificate  atomic.Pointer[pgp.Certificate]
	ticket       *Ticket
	writeTimeout time.Duration

	// The reader's.
	head     [wire.HeaderSize]byte
	in       *buffer // what was read ahead; nil: nothing
	maxFrame int
	chunk    int           // octets to read ahead at most
	guarded  bool          // the handshake's own deadline stands: set none for bodies
	pieces   atomic.Uint32 // of bodies that were read

	flush    func()         // c.flushQueue, made once so that starting it allocates nothing
	flushers sync.WaitGroup // counts flushQueue; added to under mu and while err is nil
	deadline time.Time      // of writes, as set last; the flusher's

	mu       sync.Mutex
	out      *buffer // whole frames to write; nil: none
	writing  int     // octets that the flusher took from out and is writing
	flushing bool    // a flusher runs
	closing  bool    // CloseAfterFlush was called
	err      error   // why nothing can be sent any more; nil: it can
	maxQueue int     // octets
}

// newConn wraps a link for a handshake. establish makes it a session.
func newConn(l link, writeTimeout time.Duration) *Conn {
	c := &Conn{link: l, writeTimeout: writeTimeout, maxFrame: wire.HeaderSize + maxHello, chunk: bufferClasses[0], guarded: true}
	c.waiter, _ = l.(waiter)
	c.flush = c.flushQueue
	return c
}

// establish ends the handshake: what it set for itself no longer counts.
func (c *Conn) establish(p Peer, maxQueue int) {
	c.certificate.Store(p.Certificate)
	p.Certificate = nil
	c.peer, c.maxQueue = p, maxQueue
	c.maxFrame, c.guarded = p.Role.maxFrame(), false
	if p.Role == RoleServer {
		c.chunk = bufferClasses[1]
	}
	_ = c.link.SetReadDeadline(time.Time{})
	_ = c.link.SetWriteDeadline(time.Time{})
}

// secure seals everything from here on, where TLS does not. What was sent
// before, in the clear, must not reach into the session.
func (c *Conn) secure(send, recv *[44]byte) error {
	l, ok := c.link.(*wsLink)
	if !ok {
		return nil
	}
	if c.readAhead() != 0 {
		return errors.New("more than one frame in a message of the handshake")
	}
	return l.secure(send, recv)
}

// Peer is who is at the other end.
func (c *Conn) Peer() Peer {
	p := c.peer
	p.Certificate = c.certificate.Load()
	return p
}

// ReleaseCertificate forgets the certificate of Peer, so that an idle
// connection does not keep it in memory.
func (c *Conn) ReleaseCertificate() { c.certificate.Store(nil) }

// Rest lets go of what is made again quickly when something comes or goes. It
// may be called at any time, and is of use where nothing does for a while.
func (c *Conn) Rest() {
	if l, ok := c.link.(interface{ rest() }); ok {
		l.rest()
	}
}

// Pieces counts what came of frames' bodies: it rises while a long frame arrives
// over a slow network. It starts again after 2^32.
func (c *Conn) Pieces() uint32 { return c.pieces.Load() }

// Ticket resumes this session on a later connection; nil if the server gave
// none. Only the dialling side has one.
func (c *Conn) Ticket() *Ticket { return c.ticket }

// RemoteAddr is the network address of the other end.
func (c *Conn) RemoteAddr() net.Addr { return c.link.RemoteAddr() }

// MaxFrame is the largest frame that may be sent or received, in octets.
func (c *Conn) MaxFrame() int { return c.peer.Role.maxFrame() }

// Close closes the connection at once; what is queued is lost. It unblocks
// ReadFrame and waits for the writing goroutine. Closing again does nothing.
func (c *Conn) Close() error {
	c.fail(ErrClosed)
	c.flushers.Wait()
	return nil
}

// fail ends the connection for the reason err, unless it has ended before.
func (c *Conn) fail(err error) {
	c.mu.Lock()
	if c.err == nil || c.closing && c.err == ErrClosed {
		c.err, c.closing = err, false
	}
	if c.out != nil {
		putBuffer(c.out)
		c.out = nil
	}
	c.mu.Unlock()
	_ = c.link.Close()
}

// CloseAfterFlush takes nothing more to send, writes what is queued, and tells
// the other side that this was all. It does not wait. ReadFrame goes on until
// the other side closes as well, for two seconds at most; the owner still
// calls Close then.
func (c *Conn) CloseAfterFlush() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return
	}
	c.startFlusher()
	c.err, c.closing = ErrClosed, true
}

// ended is why a read or write failed: because of this side, or else err.
func (c *Conn) ended(err error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil && !c.closing {
		return c.err
	}
	return err
}
