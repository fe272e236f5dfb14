package node

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/omega-im/omega/transport"
)

// TestPublicServerWaitsForNobody: neither a request whose body never comes nor
// an answer that nobody reads keeps a connection.
func TestPublicServerWaitsForNobody(t *testing.T) {
	mux := http.NewServeMux()
	left := make(chan bool, 1)
	mux.HandleFunc("GET /small", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("GET /big", func(w http.ResponseWriter, _ *http.Request) {
		w.Write(bytes.Repeat([]byte("x"), 64<<20))
		left <- true
	})
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := publicServer(mux, 200*time.Millisecond)
	go s.Serve(ln)
	defer s.Close()
	dial := func(request string) net.Conn {
		c, err := net.Dial("tcp", ln.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(c, request); err != nil {
			t.Fatal(err)
		}
		return c
	}

	c := dial("GET /small HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n")
	defer c.Close()
	c.SetReadDeadline(time.Now().Add(time.Minute))
	if _, err := io.Copy(io.Discard, c); os.IsTimeout(err) {
		t.Error("a body that does not come keeps the connection")
	}

	c = dial("GET /big HTTP/1.1\r\nHost: x\r\n\r\n")
	defer c.Close()
	select {
	case <-left:
	case <-time.After(time.Minute):
		t.Error("an answer that is not read keeps the connection")
	}
}

// TestGuestDoesNotOutliveNode: a guest over a WebSocket is gone when Run has
// returned and the stores are closed.
func TestGuestDoesNotOutliveNode(t *testing.T) {
	cfg, err := ParseConfig([]byte("[listen]\nclient = \"127.0.0.1:0\"\npeer = \"127.0.0.1:0\"\nhttp = \"127.0.0.1:0\"\nadmin = \"\"\n[store]\nkind = \"memory\""))
	if err != nil {
		t.Fatal(err)
	}
	cfg.Dir = t.TempDir()
	n, err := New(t.Context(), *cfg, Options{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- n.Run(ctx) }()

	addr, err := transport.ParseAddress("ws://" + n.http.Addr().String() + transport.WebSocketPath + "#" + n.Fingerprint().String())
	if err != nil {
		t.Fatal(err)
	}
	g, err := transport.DialGuest(t.Context(), transport.DialConfig{Address: addr})
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	if _, err := g.Lookup(t.Context(), n.Fingerprint()); err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	if _, err := g.Lookup(t.Context(), n.Fingerprint()); err == nil {
		t.Error("a guest is answered by a server that has ended")
	}
}
