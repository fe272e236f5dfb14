package transport

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"net"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// A failing listener has failures before what comes.
type failing struct {
	net.Listener
	failures []error
}

func (l *failing) Accept() (net.Conn, error) {
	if len(l.failures) > 0 {
		err := l.failures[0]
		l.failures = l.failures[1:]
		return nil, &net.OpError{Op: "accept", Net: "tcp", Err: err}
	}
	return l.Listener.Accept()
}

// TestServeGoesOn: want of descriptors for a quarter of an hour, and connections
// that go before they are accepted, do not end Serve, fill the log, or keep the
// processor busy.
func TestServeGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		alice := newPerson(t)
		var log bytes.Buffer
		w := newWorld(t, func(c *Config) { c.Logger = slog.New(slog.NewTextHandler(&log, nil)) }, alice)
		ln, err := w.net.Listen("other:443")
		if err != nil {
			t.Fatal(err)
		}
		l := &failing{Listener: ln, failures: []error{syscall.ECONNABORTED}}
		for range 900 {
			l.failures = append(l.failures, syscall.EMFILE)
		}
		l.failures = append(l.failures, syscall.ENOBUFS, syscall.EPERM)
		start := time.Now()
		served := make(chan error, 1)
		go func() { served <- w.server.Serve(t.Context(), l, w.hold) }()
		cfg := w.config(alice)
		cfg.Address.HostPort, cfg.Timeout = "other:443", time.Hour
		c, err := Dial(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		ping(t, c, "all is well again")
		if took := time.Since(start); took < 10*time.Minute || took > 20*time.Minute {
			t.Errorf("903 failures took %v: the pauses are wrong", took)
		}
		if lines := strings.Count(log.String(), "cannot be accepted"); lines == 0 || lines > 91 {
			t.Errorf("%d lines in the log", lines)
		}
		_ = ln.Close()
		if err := <-served; !errors.Is(err, net.ErrClosed) {
			t.Errorf("Serve = %v", err)
		}
		l.failures = []error{syscall.EBADF}
		if err := w.server.Serve(t.Context(), l, w.hold); !errors.Is(err, syscall.EBADF) {
			t.Errorf("Serve of what is no listener = %v", err)
		}
	})
}

// TestBudget: connections above the budget are closed at once, whoever is in
// stays, and a place that becomes free is given again.
func TestBudget(t *testing.T) {
	raw, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := NewBudget(2)
	ln := b.Listener(raw)
	defer ln.Close()
	accepted := make(chan net.Conn, 16)
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				close(accepted)
				return
			}
			accepted <- c
		}
	}()
	dial := func() net.Conn {
		c, err := net.Dial("tcp", raw.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		return c
	}
	first, second := dial(), dial()
	one, two := <-accepted, <-accepted
	defer two.Close()
	for range 10 {
		c := dial()
		c.SetReadDeadline(time.Now().Add(time.Minute))
		if _, err := c.Read(make([]byte, 1)); err == nil || errors.Is(err, syscall.ETIMEDOUT) {
			t.Fatalf("read of one too many: %v", err)
		}
	}
	if b.Open() != 2 || b.Refused() != 10 {
		t.Errorf("%d open, %d refused", b.Open(), b.Refused())
	}
	if tcpOf(one) == nil {
		t.Error("the TCP connection below is not found: it would not be tuned")
	}
	if err := closeWrite(one); err != nil {
		t.Error(err)
	}
	if b, err := io.ReadAll(io.LimitReader(first, 1)); err != nil && len(b) > 0 {
		t.Error(err)
	}
	one.Close()
	one.Close() // counts once
	if b.Open() != 1 {
		t.Errorf("%d open, want 1", b.Open())
	}
	third := dial()
	(<-accepted).Close()
	_, _ = second, third
}

// TestCrowdOfClientsLeavesServersIn: as many half-open connections of clients as
// there may be keep no other server out.
func TestCrowdOfClientsLeavesServersIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bob := newPerson(t)
		w := newWorld(t, func(c *Config) { c.Limits = Limits{HalfOpen: 100, HalfOpenPerHost: -1, HandshakeRate: -1} }, bob)
		peers, err := w.net.Listen("server:7001")
		if err != nil {
			t.Fatal(err)
		}
		go w.server.ServePeers(t.Context(), peers, w.hold, nil)
		for range 300 {
			w.connect()
			synctest.Wait()
		}
		if got := w.server.Stats().HalfOpen; got != 100 {
			t.Fatalf("%d in a handshake, want 100", got)
		}
		cfg := w.config(bob)
		cfg.Address.HostPort, cfg.Role = "server:7001", RoleServer
		c, err := Dial(t.Context(), cfg)
		if err != nil {
			t.Fatalf("another server is kept out: %v", err)
		}
		defer c.Close()
		ping(t, c, "as ever")
	})
}
