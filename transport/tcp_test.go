//go:build !js

package transport

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/omega-im/omega/wire"
)

// TestTCP is the one test on real sockets: many at once, each with its own
// account, ended by the server.
func TestTCP(t *testing.T) {
	w := newWorld(t, nil)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- w.server.Serve(ctx, ln, w.hold) }()

	const n = 8
	var clients sync.WaitGroup
	var ready sync.WaitGroup
	ready.Add(n)
	for range n {
		cfg := w.config(newPerson(t))
		cfg.Address.HostPort, cfg.Dialer = ln.Addr().String(), nil
		clients.Go(func() {
			c, err := Dial(t.Context(), cfg)
			if err != nil {
				t.Error(err)
				ready.Done()
				return
			}
			defer c.Close()
			for range 20 {
				ping(t, c, "over TCP")
			}
			ready.Done()
			if _, err := c.ReadFrame(); err == nil {
				t.Error("a frame after the end")
			}
		})
	}
	ready.Wait()
	cancel()
	if err := <-served; err != nil {
		t.Errorf("Serve = %v", err)
	}
	clients.Wait()
	if _, err := ln.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("listener = %v, want it closed", err)
	}
}

// TestWrongPort: who is not taken at a port learns it from TLS, and so does who
// found a web site.
func TestWrongPort(t *testing.T) {
	w := newWorld(t, nil)
	listen := func() net.Listener {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		return ln
	}
	peers, web := listen(), listen()
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- w.server.Serve(ctx, peers, w.hold, RoleServer) }()
	site := &http.Server{Handler: http.NotFoundHandler(), ErrorLog: log.New(io.Discard, "", 0)}
	closed := make(chan error, 1)
	go func() { closed <- site.Serve(web) }()

	cfg := w.config(newPerson(t))
	cfg.Dialer = nil
	for _, row := range []struct {
		at   net.Listener
		want error
	}{{peers, ErrRole}, {web, ErrPlain}} {
		cfg.Address.HostPort = row.at.Addr().String()
		if _, err := Dial(t.Context(), cfg); !errors.Is(err, row.want) {
			t.Errorf("Dial = %v, want %v", err, row.want)
		}
		if _, err := DialGuest(t.Context(), cfg); !errors.Is(err, row.want) {
			t.Errorf("DialGuest = %v, want %v", err, row.want)
		}
	}
	cfg.Address.HostPort, cfg.Role = peers.Addr().String(), RoleServer
	c, err := Dial(t.Context(), cfg)
	if err != nil {
		t.Errorf("Dial as a server: %v", err)
	} else {
		c.Close()
	}
	cancel()
	site.Close()
	if err := <-served; err != nil {
		t.Errorf("Serve = %v", err)
	}
	<-closed
}

func TestServeReportsListener(t *testing.T) {
	w := newWorld(t, nil)
	ln, err := w.net.Listen("other:1")
	if err != nil {
		t.Fatal(err)
	}
	_ = ln.Close()
	if err := w.server.Serve(t.Context(), ln, w.hold); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Serve = %v, want %v", err, net.ErrClosed)
	}
}

// TestSlowSession has a client take nothing while others go on.
func TestSlowSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		alice := newPerson(t)
		w := newWorld(t, nil, alice)
		w.dial(w.config(alice)) // and never reads
		slow := <-w.sessions
		fast := w.dial(w.config(alice))
		<-w.sessions
		start := time.Now()
		body := make([]byte, 10_000)
		var err error
		for err == nil {
			err = slow.SendFrame(wire.TypeMail, 0, body)
			synctest.Wait()
		}
		if !errors.Is(err, ErrSlow) || slow.Queued() < DefaultClientQueue-20_000 {
			t.Errorf("send = %v with %d queued", err, slow.Queued())
		}
		ping(t, fast, "not held up")
		if got := time.Since(start); got != 0 {
			t.Errorf("that took %v", got)
		}
		time.Sleep(DefaultWriteTimeout)
		synctest.Wait()
		if err := slow.SendFrame(wire.TypeMail, 0, body); err == nil || errors.Is(err, ErrSlow) {
			t.Errorf("send = %v, want the end", err)
		}
		ping(t, fast, "still there")
	})
}
