package transport

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/internal/memnet"
	"github.com/omega-im/omega/wire"
)

// A plainLink is a link without any protection.
type plainLink struct{ net.Conn }

func (l plainLink) CloseWrite() error { return l.Conn.(*memnet.Conn).CloseWrite() }

// pipe returns an established Conn of a role and the bare other end of it.
func pipe(t testing.TB, role Role, maxQueue int) (*Conn, net.Conn) {
	t.Helper()
	n := memnet.New()
	ln, err := n.Listen("b:1")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	here, err := n.Dialer("a")(t.Context(), "", "b:1")
	if err != nil {
		t.Fatal(err)
	}
	there, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	c := newConn(plainLink{here}, DefaultWriteTimeout)
	c.establish(Peer{Role: role}, maxQueue)
	t.Cleanup(func() { _ = c.Close(); _ = there.Close() })
	return c, there
}

// TestReadFrames gives the same frames in pieces of every kind.
func TestReadFrames(t *testing.T) {
	sizes := []int{0, 1, 7, 8, 100, 4087, 4088, 4089, 8000, 0, 0, 30_000, 3, omega.MaxFrame - wire.HeaderSize, 5}
	var all []byte
	rng := rand.New(rand.NewPCG(1, 2))
	var want [][]byte
	for i, n := range sizes {
		body := make([]byte, n)
		for j := range body {
			body[j] = byte(rng.Uint32())
		}
		want = append(want, body)
		all = wire.AppendFrame(all, wire.Type(100+i), uint32(i), body)
	}
	for _, piece := range []int{1, 3, 7, 8, 9, 4095, 4096, 5000, 1 << 20, 0} {
		c, there := pipe(t, RoleClient, 1<<20)
		go func() {
			for rest := all; len(rest) > 0; {
				n := piece
				if n == 0 {
					n = 1 + rng.IntN(6000)
				}
				n = min(n, len(rest))
				if _, err := there.Write(rest[:n]); err != nil {
					return
				}
				rest = rest[n:]
			}
			_ = there.Close()
		}()
		for i, body := range want {
			f, err := c.ReadFrame()
			if err != nil || f.Type != wire.Type(100+i) || f.Tag != uint32(i) || !bytes.Equal(f.Body, body) {
				t.Fatalf("pieces of %d: frame %d = type %d, %d octets, %v", piece, i, f.Type, len(f.Body), err)
			}
		}
		if _, err := c.ReadFrame(); err != io.EOF {
			t.Errorf("pieces of %d: at the end = %v, want %v", piece, err, io.EOF)
		}
	}
}

func TestReadFrameErrors(t *testing.T) {
	for _, tt := range []struct {
		name string
		role Role
		in   []byte
		want error
	}{
		{"nothing", RoleClient, nil, io.EOF},
		{"half a header", RoleClient, []byte{0, 0}, io.ErrUnexpectedEOF},
		{"half a body", RoleClient, wire.AppendHeader(nil, 1, 0, 5), io.ErrUnexpectedEOF},
		{"length under the header", RoleClient, make([]byte, 8), wire.ErrMalformed},
		{"over the size", RoleClient, wire.AppendHeader(nil, 1, 0, omega.MaxFrame-7), wire.ErrMalformed},
		{"over the size between servers", RoleServer, wire.AppendHeader(nil, 1, 0, omega.MaxPeerFrame-7), wire.ErrMalformed},
		{"over the size after a good one", RoleClient, wire.AppendHeader(wire.AppendFrame(nil, 1, 0, []byte("x")), 1, 0, 1<<23), wire.ErrMalformed},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, there := pipe(t, tt.role, 1<<20)
			_, _ = there.Write(tt.in)
			_ = there.Close()
			var err error
			for err == nil {
				_, err = c.ReadFrame()
			}
			if !errors.Is(err, tt.want) {
				t.Errorf("error = %v, want %v", err, tt.want)
			}
		})
	}
}

// TestNoBufferWhileIdle looks at what an idle connection holds.
func TestNoBufferWhileIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, there := pipe(t, RoleClient, 1<<20)
		_, _ = there.Write(wire.AppendFrame(nil, 1, 0, make([]byte, 100)))
		if _, err := c.ReadFrame(); err != nil {
			t.Fatal(err)
		}
		go func() { _, _ = c.ReadFrame() }()
		_ = c.SendFrame(2, 0, make([]byte, 100))
		synctest.Wait()
		if c.in != nil || c.out != nil || c.flushing {
			t.Errorf("in %v, out %v, flushing %v, want nothing", c.in, c.out, c.flushing)
		}
		_ = c.Close()
		synctest.Wait()
	})
}

func TestSlowBody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, there := pipe(t, RoleClient, 1<<20)
		start := time.Now()
		_, _ = there.Write(wire.AppendHeader(nil, 1, 0, 10_000))
		if _, err := c.ReadFrame(); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("read = %v, want %v", err, os.ErrDeadlineExceeded)
		}
		if got := time.Since(start); got != bodyTimeout {
			t.Errorf("took %v, want %v", got, bodyTimeout)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		c, there := pipe(t, RoleClient, 1<<20)
		go func() {
			b := wire.AppendFrame(nil, 1, 0, make([]byte, 10_000))
			_, _ = there.Write(b[:5000])
			time.Sleep(bodyTimeout - time.Second)
			_, _ = there.Write(b[5000:])
			time.Sleep(time.Hour)
			_, _ = there.Write(wire.AppendFrame(nil, 2, 0, nil))
		}()
		for range 2 {
			if _, err := c.ReadFrame(); err != nil {
				t.Errorf("read = %v", err)
			}
		}
	})
}

func TestSendKeepsOrderAndAll(t *testing.T) {
	c, there := pipe(t, RoleClient, 64<<20)
	const senders, each = 8, 500
	var wg sync.WaitGroup
	for s := range senders {
		wg.Go(func() {
			for i := range each {
				tag := uint32(s<<16 | i)
				var err error
				switch i % 3 {
				case 0:
					err = c.SendFrame(wire.TypePing, tag, make([]byte, i))
				case 1:
					err = c.Send(wire.AppendFrame(nil, wire.TypePing, tag, make([]byte, i)))
				default:
					err = c.SendParts(wire.AppendHeader(nil, wire.TypePing, tag, i), make([]byte, i-1), []byte{0})
				}
				if err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	far := newConn(plainLink{there}, DefaultWriteTimeout)
	far.establish(Peer{Role: RoleClient}, 1)
	next := make([]int, senders)
	for range senders * each {
		f, err := far.ReadFrame()
		if err != nil {
			t.Fatal(err)
		}
		s, i := f.Tag>>16, int(f.Tag&0xffff)
		if i != next[s] || len(f.Body) != i {
			t.Fatalf("sender %d: frame %d of %d octets, want frame %d", s, i, len(f.Body), next[s])
		}
		next[s]++
	}
	wg.Wait()
	if got := c.Queued(); got > 1<<10 {
		t.Errorf("%d octets are queued still", got)
	}
}

func TestSlowReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const queue = 100 << 10
		slow, _ := pipe(t, RoleClient, queue)
		fast, there := pipe(t, RoleClient, queue)
		go func() { _, _ = io.Copy(io.Discard, there) }()
		body := make([]byte, 1000)
		start := time.Now()
		sent := 0
		for {
			if err := fast.SendFrame(1, 0, body); err != nil {
				t.Fatalf("the fast one = %v", err)
			}
			err := slow.SendFrame(1, 0, body)
			if errors.Is(err, ErrSlow) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			sent += len(body) + wire.HeaderSize
			synctest.Wait()
		}
		if sent < queue || sent > queue+memnet.BufferSize || slow.Queued() > queue {
			t.Errorf("ErrSlow after %d octets with %d queued, want %d and what the network holds", sent, slow.Queued(), queue)
		}
		if got := time.Since(start); got != 0 {
			t.Errorf("sending took %v", got)
		}
		// It took nothing for the write timeout: it dies by itself.
		if _, err := slow.ReadFrame(); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("read = %v, want %v", err, os.ErrDeadlineExceeded)
		}
		if got := time.Since(start); got != DefaultWriteTimeout {
			t.Errorf("died after %v, want %v", got, DefaultWriteTimeout)
		}
		if err := slow.SendFrame(1, 0, nil); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("send = %v, want why it died", err)
		}
		if err := fast.SendFrame(1, 0, body); err != nil {
			t.Errorf("the fast one = %v", err)
		}
		if err := slow.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestClose(t *testing.T) {
	c, _ := pipe(t, RoleClient, 1<<30)
	// More than the network takes: the writer is in the middle of it.
	if err := c.Send(make([]byte, 1<<20)); err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() {
		_, err := c.ReadFrame()
		done <- err
	}()
	_ = c.Close()
	if err := <-done; !errors.Is(err, ErrClosed) {
		t.Errorf("read = %v, want %v", err, ErrClosed)
	}
	if err := c.Send(nil); !errors.Is(err, ErrClosed) {
		t.Errorf("send = %v, want %v", err, ErrClosed)
	}
	c.CloseAfterFlush()
	_ = c.Close()
	if c.Queued() != 0 {
		t.Errorf("%d octets are queued", c.Queued())
	}
}

func TestCloseAfterFlush(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, there := pipe(t, RoleClient, 1<<30)
		const n = 200 << 10
		_ = c.Send(make([]byte, n))
		c.CloseAfterFlush()
		c.CloseAfterFlush()
		if err := c.Send(nil); !errors.Is(err, ErrClosed) {
			t.Errorf("send = %v, want %v", err, ErrClosed)
		}
		if got, err := io.Copy(io.Discard, there); got != n || err != nil {
			t.Errorf("the other side read %d octets, %v, want %d", got, err, n)
		}
		// The other way is open for a while.
		_, _ = there.Write(wire.AppendFrame(nil, 9, 0, nil))
		if f, err := c.ReadFrame(); err != nil || f.Type != 9 {
			t.Errorf("read = %+v, %v", f, err)
		}
		start := time.Now()
		if _, err := c.ReadFrame(); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("read = %v, want %v", err, os.ErrDeadlineExceeded)
		}
		if got := time.Since(start); got != lingerTime {
			t.Errorf("lingered %v, want %v", got, lingerTime)
		}
		_ = c.Close()
	})
	synctest.Test(t, func(t *testing.T) {
		c, there := pipe(t, RoleClient, 1<<20)
		c.CloseAfterFlush()
		_ = there.Close()
		if _, err := c.ReadFrame(); err != io.EOF {
			t.Errorf("read = %v, want %v", err, io.EOF)
		}
	})
}

func TestSendTooLarge(t *testing.T) {
	c, _ := pipe(t, RoleClient, 1<<30)
	if err := c.SendFrame(1, 0, make([]byte, omega.MaxFrame)); err == nil {
		t.Error("a frame over the size was sent")
	}
}

// A sink takes everything.
type sink struct{ plainLink }

func (sink) Write(b []byte) (int, error)      { return len(b), nil }
func (sink) SetWriteDeadline(time.Time) error { return nil }

func TestSendAllocatesNothing(t *testing.T) {
	c, _ := pipe(t, RoleClient, 1<<20)
	c.link = sink{c.link.(plainLink)}
	body := make([]byte, 500)
	frame := wire.AppendFrame(nil, 1, 0, body)
	for _, tt := range []struct {
		name string
		send func() error
	}{
		{"Send", func() error { return c.Send(frame) }},
		{"SendParts", func() error { return c.SendParts(frame[:8], frame[8:]) }},
		{"SendFrame", func() error { return c.SendFrame(1, 0, body) }},
	} {
		got := testing.AllocsPerRun(2000, func() {
			if err := tt.send(); err != nil {
				t.Fatal(err)
			}
			for c.Queued() > 0 {
				runtime.Gosched()
			}
		})
		if got != 0 {
			t.Errorf("%s: %v allocations, want 0", tt.name, got)
		}
	}
}

// A source repeats a batch of frames for ever.
type source struct {
	plainLink
	batch []byte
	off   int
}

func (s *source) Read(p []byte) (int, error) {
	n := copy(p, s.batch[s.off:])
	s.off = (s.off + n) % len(s.batch)
	return n, nil
}

func TestReadAllocatesNothing(t *testing.T) {
	c, _ := pipe(t, RoleClient, 1<<20)
	var batch []byte
	for i := range 30 {
		batch = wire.AppendFrame(batch, 1, 0, make([]byte, 100*i))
	}
	c.link = &source{plainLink: c.link.(plainLink), batch: batch}
	if got := testing.AllocsPerRun(3000, func() {
		if _, err := c.ReadFrame(); err != nil {
			t.Fatal(err)
		}
	}); got >= 0.01 {
		t.Errorf("%v allocations per frame, want 0", got)
	}
}
