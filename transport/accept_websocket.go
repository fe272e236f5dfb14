//go:build !js

package transport

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"

	"github.com/coder/websocket"
)

// ServeWebSocket does the handshake on a request for WebSocketPath and returns
// the connection as Accept does. On an error the answer has been written and
// the connection closed. The server must speak HTTP/1.1.
//
// Pages of any origin may connect: no cookie or other authority of the browser
// is used, and every frame is sealed under keys that only the holder of the
// device's secret can have, so a foreign page can do no more than any program
// on the network.
func (s *Server) ServeWebSocket(w http.ResponseWriter, r *http.Request) (*Conn, error) {
	addr := requestAddr(r.RemoteAddr)
	up := &upgrade{ResponseWriter: w}
	c, err := s.enter(r.Context(), s.gate, addr, up, func() (*shake, error) { return s.acceptWS(up, r, addr) })
	if err == nil {
		return c, nil
	}
	if up.conn() == nil && errors.Is(err, ErrBusy) {
		http.Error(w, http.StatusText(http.StatusServiceUnavailable), http.StatusServiceUnavailable)
	}
	_ = up.Close()
	return nil, err
}

// acceptWS makes the WebSocket.
func (s *Server) acceptWS(up *upgrade, r *http.Request, addr net.Addr) (*shake, error) {
	if !s.cfg.Terminated {
		http.NotFound(up.ResponseWriter, r)
		return nil, errors.New("WebSocket: not offered")
	}
	ws, err := websocket.Accept(up, r, &websocket.AcceptOptions{
		Subprotocols:       []string{Subprotocol},
		InsecureSkipVerify: true, // any origin, see ServeWebSocket
		CompressionMode:    websocket.CompressionDisabled,
	})
	if err != nil {
		return nil, fmt.Errorf("WebSocket: %w", err)
	}
	if ws.Subprotocol() != Subprotocol {
		return nil, fmt.Errorf("WebSocket: subprotocol %q", ws.Subprotocol())
	}
	raw := up.conn()
	keepAlive(raw, RoleClient)
	boundSendBuffer(raw)
	bind, err := terminatedBinding(s.cfg.Rand)
	if err != nil {
		return nil, err
	}
	h := s.newShake(newConn(newWSLink(ws, raw, addr), s.cfg.WriteTimeout), bind, RoleClient)
	h.renew()
	return h, nil
}

// An upgrade keeps the connection that a WebSocket takes over, for its
// deadlines, and can be closed at any time.
type upgrade struct {
	http.ResponseWriter

	mu     sync.Mutex
	raw    net.Conn // nil until it is taken over
	closed bool
}

// Hijack takes the connection over.
func (u *upgrade) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	c, rw, err := http.NewResponseController(u.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.raw = c
	if u.closed {
		_ = c.Close()
	}
	return c, rw, nil
}

// conn returns the connection, nil before it is taken over.
func (u *upgrade) conn() net.Conn {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.raw
}

// Close closes what was or will be taken over.
func (u *upgrade) Close() error {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.closed = true
	if u.raw == nil {
		return nil
	}
	return u.raw.Close()
}

// A requestAddr is the address that package net/http gives, as a net.Addr.
type requestAddr string

func (requestAddr) Network() string  { return "tcp" }
func (a requestAddr) String() string { return string(a) }
