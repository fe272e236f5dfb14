package memnet

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// connect returns both ends of a connection from host a to host b.
func connect(t *testing.T, n *Network) (client, server net.Conn) {
	t.Helper()
	ln, err := n.Listen("b:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	client, err = n.Dialer("a")(t.Context(), "tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if server, err = ln.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close(); server.Close() })
	return client, server
}

func TestBothWays(t *testing.T) {
	client, server := connect(t, New())
	if got, want := server.RemoteAddr().String(), client.LocalAddr().String(); got != want {
		t.Errorf("server sees %s, want %s", got, want)
	}
	for _, way := range []struct{ from, to net.Conn }{{client, server}, {server, client}} {
		want := bytes.Repeat([]byte("omega"), 50_000)
		go func() { _, _ = way.from.Write(want) }()
		got := make([]byte, len(want))
		if _, err := io.ReadFull(way.to, got); err != nil || !bytes.Equal(got, want) {
			t.Fatalf("read = %v, the same octets: %v", err, bytes.Equal(got, want))
		}
	}
}

func TestClose(t *testing.T) {
	client, server := connect(t, New())
	if _, err := client.Write([]byte("bye")); err != nil {
		t.Fatal(err)
	}
	if err := client.Close(); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(server); string(got) != "bye" || err != nil {
		t.Errorf("read = %q, %v, want what was written before the end", got, err)
	}
	if _, err := server.Write([]byte("x")); !errors.Is(err, syscall.EPIPE) {
		t.Errorf("write to a closed end = %v, want %v", err, syscall.EPIPE)
	}
	if _, err := client.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
		t.Errorf("read = %v, want %v", err, net.ErrClosed)
	}
	if _, err := client.Write([]byte("x")); !errors.Is(err, net.ErrClosed) {
		t.Errorf("write = %v, want %v", err, net.ErrClosed)
	}
}

func TestCloseWrite(t *testing.T) {
	client, server := connect(t, New())
	if err := client.(*Conn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(server); len(got) != 0 || err != nil {
		t.Errorf("read = %q, %v, want the end", got, err)
	}
	if _, err := server.Write([]byte("still here")); err != nil {
		t.Errorf("write the other way = %v", err)
	}
}

func TestDeadlines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := connect(t, New())
		start := time.Now()
		_ = client.SetDeadline(start.Add(3 * time.Second))
		if _, err := client.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("read = %v, want %v", err, os.ErrDeadlineExceeded)
		}
		_ = client.SetWriteDeadline(start.Add(5 * time.Second))
		n, err := client.Write(make([]byte, 2*BufferSize))
		if n != BufferSize || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("write = %d, %v, want %d, %v", n, err, BufferSize, os.ErrDeadlineExceeded)
		}
		if got := time.Since(start); got != 5*time.Second {
			t.Errorf("took %v, want 5s", got)
		}
		_ = client.SetDeadline(time.Time{})
		if _, err := io.ReadFull(server, make([]byte, n)); err != nil {
			t.Fatal(err)
		}
		if _, err := client.Write([]byte("x")); err != nil {
			t.Errorf("write after the deadline was taken away = %v", err)
		}
		var timeout net.Error
		_ = client.SetReadDeadline(time.Now())
		if _, err := client.Read(make([]byte, 1)); !errors.As(err, &timeout) || !timeout.Timeout() {
			t.Errorf("read = %v, want a timeout", err)
		}
	})
}

func TestLatency(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := New()
		n.SetLatency("a", "b", 40*time.Millisecond)
		client, server := connect(t, n)
		start := time.Now()
		go func() {
			_, _ = client.Write([]byte("1"))
			time.Sleep(10 * time.Millisecond)
			_, _ = client.Write([]byte("2"))
		}()
		for _, want := range []time.Duration{40, 50} {
			if _, err := io.ReadFull(server, make([]byte, 1)); err != nil {
				t.Fatal(err)
			}
			if got := time.Since(start); got != want*time.Millisecond {
				t.Errorf("arrived after %v, want %v", got, want*time.Millisecond)
			}
		}
	})
}

func TestCutAndHeal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := New()
		client, server := connect(t, n)
		ln, err := n.Listen("b:7")
		if err != nil {
			t.Fatal(err)
		}
		defer ln.Close()
		n.Cut("b", "a")
		if _, err := client.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
		_ = server.SetReadDeadline(time.Now().Add(time.Hour))
		if _, err := server.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("read over a cut = %v, want a timeout", err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := n.Dialer("a")(ctx, "tcp", "b:7"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("dial over a cut = %v, want a timeout", err)
		}
		if c, err := n.Dialer("c")(t.Context(), "tcp", "b:7"); err != nil {
			t.Errorf("dial beside the cut = %v", err)
		} else {
			c.Close()
		}
		n.Heal("a", "b")
		_ = server.SetReadDeadline(time.Time{})
		if _, err := server.Read(make([]byte, 1)); err != nil {
			t.Errorf("read after the cut = %v", err)
		}
	})
}

func TestReset(t *testing.T) {
	n := New()
	client, server := connect(t, n)
	n.Reset("a", "b")
	for _, c := range []net.Conn{client, server} {
		if _, err := c.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("read = %v, want %v", err, syscall.ECONNRESET)
		}
		if _, err := c.Write(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("write = %v, want %v", err, syscall.ECONNRESET)
		}
	}
	connect(t, n)
}

func TestIsolate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := New()
		client, server := connect(t, n)
		heal := n.Isolate("b")
		_, _ = client.Write([]byte("x"))
		_ = server.SetReadDeadline(time.Now().Add(time.Minute))
		if _, err := server.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("read while isolated = %v, want a timeout", err)
		}
		heal()
		_ = server.SetReadDeadline(time.Time{})
		if _, err := server.Read(make([]byte, 1)); err != nil {
			t.Errorf("read after healing = %v", err)
		}
	})
}

func TestListen(t *testing.T) {
	n := New()
	ln, err := n.Listen("b:9")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := n.Listen("b:9"); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("listen twice = %v, want %v", err, syscall.EADDRINUSE)
	}
	waiting, err := n.Dialer("a")(t.Context(), "tcp", "b:9")
	if err != nil {
		t.Fatal(err)
	}
	if err := ln.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := ln.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("accept = %v, want %v", err, net.ErrClosed)
	}
	if _, err := waiting.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("read on a connection nobody accepted = %v, want %v", err, syscall.ECONNRESET)
	}
	if _, err := n.Dialer("a")(t.Context(), "tcp", "b:9"); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("dial = %v, want %v", err, syscall.ECONNREFUSED)
	}
}

// pairOf connects a and b with 10 ms between them.
func pairOf(t *testing.T, n *Network) (a, b net.Conn) {
	t.Helper()
	n.SetLatency("a", "b", 10*time.Millisecond)
	ln, err := n.Listen("b:1")
	if err != nil {
		t.Fatal(err)
	}
	if a, err = n.Dialer("a")(t.Context(), "tcp", "b:1"); err != nil {
		t.Fatal(err)
	}
	if b, err = ln.Accept(); err != nil {
		t.Fatal(err)
	}
	return a, b
}

func TestCutOneWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := New()
		a, b := pairOf(t, n)
		n.CutOneWay("a", "b")
		buf := make([]byte, 8)
		if _, err := b.Write([]byte("back")); err != nil {
			t.Fatal(err)
		}
		if k, err := a.Read(buf); err != nil || string(buf[:k]) != "back" {
			t.Errorf("the way back: %q, %v", buf[:k], err)
		}
		if _, err := a.Write([]byte("there")); err != nil {
			t.Fatal(err)
		}
		b.SetReadDeadline(time.Now().Add(time.Minute))
		if k, err := b.Read(buf); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("the cut way: %q, %v", buf[:k], err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, err := n.Dialer("a")(ctx, "tcp", "b:1"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("dial over a cut way: %v", err)
		}
		n.Heal("a", "b")
		b.SetReadDeadline(time.Time{})
		if k, err := b.Read(buf); err != nil || string(buf[:k]) != "there" {
			t.Errorf("after healing: %q, %v", buf[:k], err)
		}
	})
}

func TestKill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := New()
		a, b := pairOf(t, n)
		start := time.Now()
		if _, err := b.Write([]byte("last")); err != nil {
			t.Fatal(err)
		}
		n.Kill("b")
		all, err := io.ReadAll(a)
		if string(all) != "last" || err != nil || time.Since(start) != 10*time.Millisecond {
			t.Errorf("read %q, %v after %v; want what was written and the end after 10ms", all, err, time.Since(start))
		}
		time.Sleep(time.Millisecond)
		if _, err := a.Write([]byte("x")); !errors.Is(err, syscall.EPIPE) {
			t.Errorf("write to the dead: %v", err)
		}
		if _, err := b.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
			t.Errorf("read by the dead: %v", err)
		}
		if _, err := n.Dialer("a")(t.Context(), "tcp", "b:1"); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("dial the dead: %v", err)
		}
		if _, err := n.Dialer("b")(t.Context(), "tcp", "a:1"); !errors.Is(err, syscall.ENETDOWN) {
			t.Errorf("the dead dials: %v", err)
		}
		if _, err := n.Listen("b:1"); !errors.Is(err, syscall.ENETDOWN) {
			t.Errorf("the dead listens: %v", err)
		}
		n.Revive("b")
		if _, err := n.Listen("b:1"); err != nil {
			t.Errorf("listen after Revive: %v", err)
		}
	})
}
