package transport

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/omega-im/omega/wire"
)

// circuitLabel starts a connection to a relay that is an end of a circuit; 16
// octets of handle follow, and then whatever the ends say to each other. No
// TLS session starts with its first octet. (spec/cloud.md, CLOUD-32)
const circuitLabel = "omega-im/circuit/v1\n"

// circuitPreamble is what both ends of a circuit send first.
func circuitPreamble(h wire.Handle) []byte { return append([]byte(circuitLabel), h[:]...) }

// errCircuit is how acceptTLS says that the connection is an end of a circuit.
var errCircuit = errors.New("an end of a circuit")

// ServePeers is Serve for the listener of other servers. Connections that are
// ends of a circuit go to splice, with a deadline on them no more; it has to
// return when the context ends, and the connection is closed after it.
func (s *Server) ServePeers(ctx context.Context, ln net.Listener, handle func(ctx context.Context, c *Conn),
	splice func(ctx context.Context, h wire.Handle, nc net.Conn)) error {
	in := entrance{s.tlsFor([]Role{RoleServer}), s.peers}
	return s.serve(ctx, ln, handle, func(ctx context.Context, nc net.Conn) *Conn {
		first := &peekConn{Conn: nc}
		c, err := s.accept(ctx, first, in, first.isCircuit)
		if !errors.Is(err, errCircuit) {
			s.logHandshake(ctx, nc, err)
			return c
		}
		defer func() { _ = nc.Close() }()
		h, err := first.readHandle(time.Now().Add(s.cfg.Limits.HandshakeTimeout))
		if err != nil {
			s.logHandshake(ctx, nc, err)
			return nil
		}
		splice(ctx, h, nc)
		return nil
	})
}

// DialCircuit connects to a relay and presents the handle of a circuit. What
// comes next is from the other end. dial opens the TCP connection; nil is the
// operating system's.
func DialCircuit(ctx context.Context, dial func(ctx context.Context, network, address string) (net.Conn, error), relay string, h wire.Handle) (net.Conn, error) {
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	nc, err := dial(ctx, "tcp", relay)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = nc.Close() })
	_, err = nc.Write(circuitPreamble(h))
	if !stop() && err == nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		_ = nc.Close()
		return nil, fmt.Errorf("present circuit to relay %s: %w", relay, err)
	}
	return nc, nil
}

// A peekConn is a connection whose first octet was looked at.
type peekConn struct {
	net.Conn
	first  [1]byte
	peeked bool // first was read and not given out
}

// isCircuit reads the first octet and reports whether it is that of a circuit.
func (c *peekConn) isCircuit() (bool, error) {
	if _, err := io.ReadFull(c.Conn, c.first[:]); err != nil {
		return false, fmt.Errorf("first octet: %w", err)
	}
	c.peeked = true
	return c.first[0] == circuitLabel[0], nil
}

// readHandle reads the preamble of a circuit until a deadline, and takes that
// away.
func (c *peekConn) readHandle(until time.Time) (h wire.Handle, err error) {
	if err := c.SetDeadline(until); err != nil {
		return h, err
	}
	var b [len(circuitLabel) + len(h)]byte
	if _, err := io.ReadFull(c, b[:]); err != nil {
		return h, fmt.Errorf("read handle of a circuit: %w", err)
	}
	if string(b[:len(circuitLabel)]) != circuitLabel {
		return h, errors.New("neither TLS nor a circuit")
	}
	copy(h[:], b[len(circuitLabel):])
	return h, c.SetDeadline(time.Time{})
}

// Read gives out the first octet again.
func (c *peekConn) Read(p []byte) (int, error) {
	if !c.peeked || len(p) == 0 {
		return c.Conn.Read(p)
	}
	c.peeked = false
	p[0] = c.first[0]
	return 1, nil
}

// CloseWrite tells the other side that nothing more comes, where the connection
// can.
func (c *peekConn) CloseWrite() error { return closeWrite(c.Conn) }

// NetConn is the connection below.
func (c *peekConn) NetConn() net.Conn { return c.Conn }
