package transport

import (
	"context"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/omega-im/omega/internal/memnet"
	"github.com/omega-im/omega/wire"
)

// What comes to the listener of servers is TLS, an end of a circuit, or nothing
// that anybody waits for.
func TestServePeersTellsCircuits(t *testing.T) {
	h := wire.Handle{1, 2, 3}
	rows := map[string]struct {
		send    string
		circuit bool
	}{
		"a circuit":       {string(circuitPreamble(h)) + "and more", true},
		"half a preamble": {string(circuitPreamble(h))[:30], false},
		"another label":   {"omega-im/somewhat/1\n0123456789abcdef", false},
		"neither":         {"GET / HTTP/1.0\r\n\r\n", false},
		"nothing":         {"", false},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, nil)
				netw := memnet.New()
				ln, err := netw.Listen("relay:1")
				if err != nil {
					t.Fatal(err)
				}
				ctx, cancel := context.WithCancel(t.Context())
				joined := make(chan string, 1)
				done := make(chan error)
				go func() {
					done <- w.server.ServePeers(ctx, ln, func(context.Context, *Conn) {}, func(_ context.Context, got wire.Handle, nc net.Conn) {
						b := make([]byte, 100)
						n, _ := nc.Read(b)
						if got == h {
							joined <- string(b[:n])
						}
					})
				}()
				nc, err := netw.Dialer("end")(ctx, "tcp", "relay:1")
				if err != nil {
					t.Fatal(err)
				}
				nc.Write([]byte(row.send))
				_, err = nc.Read(make([]byte, 1)) // until it is closed
				if err == nil {
					t.Error("the server said something")
				}
				synctest.Wait()
				select {
				case rest := <-joined:
					if !row.circuit || rest != "and more" {
						t.Errorf("a circuit that says %q", rest)
					}
				default:
					if row.circuit {
						t.Error("no circuit")
					}
				}
				nc.Close()
				cancel()
				if err := <-done; err != nil {
					t.Error(err)
				}
				time.Sleep(time.Minute) // for timers of the handshake
			})
		})
	}
}
