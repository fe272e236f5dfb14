package transport

import (
	"errors"
	"net"

	"github.com/omega-im/omega/wire"
)

// A Conn is an authenticated connection that carries frames. One goroutine
// reads; any number may send; all other methods may be called by any.
//
// An idle Conn holds no buffer and no goroutine besides the one that blocks in
// ReadFrame.
type Conn struct {
	peer Peer
}

// Peer is who is at the other end.
func (c *Conn) Peer() Peer { return c.peer }

// ReleaseCertificate forgets the certificate of Peer, so that an idle
// connection does not keep it in memory.
func (c *Conn) ReleaseCertificate() {}

// Ticket resumes this session on a later connection; nil if the server gave
// none. Only the dialling side has one.
func (c *Conn) Ticket() *Ticket { return nil }

// RemoteAddr is the network address of the other end.
func (c *Conn) RemoteAddr() net.Addr { return nil }

// MaxFrame is the largest frame that may be sent or received, in octets.
func (c *Conn) MaxFrame() int { return c.peer.Role.maxFrame() }

// ReadFrame returns the next frame. Its body is valid until the next call.
// io.EOF means that the other side closed between two frames, ErrClosed that
// this side did. After any error the connection is of no use.
func (c *Conn) ReadFrame() (wire.Frame, error) { return wire.Frame{}, errors.ErrUnsupported }

// Send queues a copy of one or more whole frames. It never blocks: what is
// queued is written by a goroutine that lives until the queue is empty, in as
// few writes as possible. ErrSlow means that the queue is full and nothing was
// queued: what the other side can ask for again may be dropped, otherwise
// close. A connection that takes nothing for the write timeout closes itself.
func (c *Conn) Send(frames []byte) error { return errors.ErrUnsupported }

// SendParts is Send for a frame that lies in pieces.
func (c *Conn) SendParts(parts ...[]byte) error { return errors.ErrUnsupported }

// SendFrame is Send for a frame that has no header yet.
func (c *Conn) SendFrame(t wire.Type, tag uint32, body []byte) error { return errors.ErrUnsupported }

// Queued is how many octets wait to be written.
func (c *Conn) Queued() int { return 0 }

// Close closes the connection at once; what is queued is lost. It unblocks
// ReadFrame and waits for the writing goroutine. Closing again does nothing.
func (c *Conn) Close() error { return nil }

// CloseAfterFlush takes nothing more to send and closes when all that is
// queued has been written or the write timeout is over. It does not wait.
func (c *Conn) CloseAfterFlush() {}
