package transport

import (
	"crypto/tls"
	"net"
	"time"
)

// A link carries octets for a Conn: TLS or a WebSocket. At the server TLS is a
// tls13Link once its handshake is over. One goroutine reads
// and one writes; the others may be called by any.
type link interface {
	// Read is an io.Reader's. It blocks without holding memory.
	Read(p []byte) (int, error)

	// Write writes whole frames, all of them or an error.
	Write(frames []byte) (int, error)

	// Close ends reads and writes at once.
	Close() error

	// CloseWrite tells the other side that nothing more comes.
	CloseWrite() error

	SetReadDeadline(t time.Time) error
	SetWriteDeadline(t time.Time) error
	RemoteAddr() net.Addr
}

// A waiter is a link that can wait for something to read without reading it.
// Waiting by Read is as good, but deep in calls: the collector halves the
// stack of a goroutine only where it uses less than an eighth.
type waiter interface {
	// wait returns when Read would not block, or fails as Read would.
	wait() error
}

// A tlsLink is TLS over any net.Conn. Its Close does not say goodbye: that
// would have to wait for the write under way. Nothing is lost by it, because
// every frame says how long it is.
type tlsLink struct {
	*tls.Conn
}

func (l tlsLink) Close() error { return l.NetConn().Close() }

func (l tlsLink) CloseWrite() error {
	if err := l.Conn.CloseWrite(); err != nil {
		return err
	}
	return closeWrite(l.NetConn())
}

// closeWrite ends one direction of a connection that knows how.
func closeWrite(nc net.Conn) error {
	if half, ok := nc.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}
