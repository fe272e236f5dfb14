package whole

import (
	"bytes"
	"context"
	"encoding/binary"
	"net"
	"sync"

	"github.com/omega-im/omega/client"
)

// A recording is all that clients write to their servers. With the address of a
// WebSocket there is no TLS in between.
type recording struct {
	mu    sync.Mutex
	conns []*recorder // guarded by mu
}

// A recorder keeps what a client writes on one connection.
type recorder struct {
	net.Conn
	mu  sync.Mutex
	out bytes.Buffer // guarded by mu
}

func (r *recorder) Write(b []byte) (int, error) {
	r.mu.Lock()
	r.out.Write(b)
	r.mu.Unlock()
	return r.Conn.Write(b)
}

func (r *recorder) octets() []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	return bytes.Clone(r.out.Bytes())
}

// of has a client be recorded.
func (r *recording) of(cfg *client.Config) {
	cfg.Dialer = func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := new(net.Dialer).DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		one := &recorder{Conn: c}
		r.mu.Lock()
		r.conns = append(r.conns, one)
		r.mu.Unlock()
		return one, nil
	}
}

// last is what was written on the latest connection.
func (r *recording) last() []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.conns[len(r.conns)-1].octets()
}

// frames is what servers were told on all connections, one after the other.
func (r *recording) frames() (out []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range r.conns {
		out = append(out, unmasked(c.octets())...)
	}
	return out
}

// unmasked is the content of a client's WebSocket frames. (RFC 6455, section 5.2)
func unmasked(b []byte) (out []byte) {
	_, b, _ = bytes.Cut(b, []byte("\r\n\r\n"))
	for len(b) >= 6 {
		n, head := uint64(b[1]&127), 2
		switch {
		case n == 126:
			n, head = uint64(binary.BigEndian.Uint16(b[2:])), 4
		case n == 127 && len(b) >= 14:
			n, head = binary.BigEndian.Uint64(b[2:]), 10
		}
		if b[1]&128 == 0 || uint64(len(b)-head-4) < n {
			return out
		}
		mask, body := b[head:head+4], b[head+4:][:n]
		for i, x := range body {
			out = append(out, x^mask[i%4])
		}
		b = b[head+4:][n:]
	}
	return out
}
