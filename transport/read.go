package transport

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/omega-im/omega/wire"
)

// A frame whose body is longer than smallBody octets must arrive within
// bodyTimeout: until then it holds memory.
const (
	smallBody   = 4 << 10
	bodyTimeout = 30 * time.Second
)

// ReadFrame returns the next frame. Its body is valid until the next call.
// io.EOF means that the other side closed between two frames, ErrClosed that
// this side did. After any error the connection is of no use.
func (c *Conn) ReadFrame() (wire.Frame, error) {
	if c.waiter != nil && c.readAhead() == 0 {
		putBuffer(c.in)
		c.in = nil
		if err := c.waiter.wait(); err != nil {
			return wire.Frame{}, c.cut(err)
		}
	}
	f, err := c.readFrame()
	if err != nil {
		return wire.Frame{}, c.ended(err)
	}
	return f, nil
}

// cut is the error of a connection that ended while nothing came.
func (c *Conn) cut(err error) error {
	if !errors.Is(err, io.EOF) {
		err = broken(err)
	}
	return c.ended(err)
}

// readFrame reads ahead while it has a buffer anyway, but waits for the first
// octets of a frame with the header's own eight and nothing else.
func (c *Conn) readFrame() (wire.Frame, error) {
	have := 0 // octets in c.head
	if c.in != nil {
		rest := c.in.b[c.in.r:]
		if len(rest) >= wire.HeaderSize {
			return c.nextBuffered(rest)
		}
		have = copy(c.head[:], rest)
		putBuffer(c.in)
		c.in = nil
	}
	if err := c.readHead(have); err != nil {
		return wire.Frame{}, err
	}
	t, tag, n, err := wire.DecodeHeader(c.head[:], c.maxFrame)
	if err != nil {
		return wire.Frame{}, err
	}
	if n == 0 {
		return wire.Frame{Type: t, Tag: tag}, nil
	}
	b := getBuffer(max(n, c.chunk))
	c.in = b
	if err := c.readBody(n); err != nil {
		return wire.Frame{}, err
	}
	b.r = n
	return wire.Frame{Type: t, Tag: tag, Body: b.b[:n:n]}, nil
}

// nextBuffered returns the frame that starts at rest in c.in, and reads what
// of it has not come yet.
func (c *Conn) nextBuffered(rest []byte) (wire.Frame, error) {
	t, tag, n, err := wire.DecodeHeader(rest, c.maxFrame)
	if err != nil {
		return wire.Frame{}, err
	}
	b, end := c.in, wire.HeaderSize+n
	if len(rest) < end {
		if cap(b.b)-b.r < end {
			c.in = getBuffer(max(end, c.chunk))
			c.in.b = append(c.in.b, rest...)
			putBuffer(b)
			b = c.in
		}
		if err := c.readBody(b.r + end); err != nil {
			return wire.Frame{}, err
		}
	}
	start := b.r + wire.HeaderSize
	b.r += end
	return wire.Frame{Type: t, Tag: tag, Body: b.b[start:b.r:b.r]}, nil
}

// readHead fills c.head, of which the first have octets are there.
func (c *Conn) readHead(have int) error {
	n, err := io.ReadFull(c.link, c.head[have:])
	if err == nil {
		return nil
	}
	if errors.Is(err, io.EOF) && have+n == 0 {
		return io.EOF
	}
	return broken(err)
}

// readBody reads into c.in until it holds size octets or more.
func (c *Conn) readBody(size int) error {
	b := c.in
	if missing := size - len(b.b); missing > smallBody && !c.guarded {
		c.setReadDeadline(time.Now().Add(bodyTimeout))
		defer c.setReadDeadline(time.Time{})
	}
	for len(b.b) < size {
		n, err := c.link.Read(b.b[len(b.b):cap(b.b)])
		b.b = b.b[:len(b.b)+n]
		c.pieces.Add(1)
		if err != nil && len(b.b) < size {
			return broken(err)
		}
	}
	return nil
}

// setReadDeadline leaves the deadline of CloseAfterFlush alone.
func (c *Conn) setReadDeadline(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil {
		_ = c.link.SetReadDeadline(t)
	}
}

// broken is the error of a connection that ended inside a frame.
func broken(err error) error {
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("read frame: %w", err)
}

// FrameReady reports whether the next frame was read ahead in whole, so that
// ReadFrame will not wait. Only the reading goroutine may call it.
func (c *Conn) FrameReady() bool {
	n := c.readAhead()
	if n < wire.HeaderSize {
		return false
	}
	_, _, body, err := wire.DecodeHeader(c.in.b[c.in.r:], c.maxFrame)
	return err == nil && n >= wire.HeaderSize+body
}

// readAhead is how many octets were read beyond the last frame.
func (c *Conn) readAhead() int {
	if c.in == nil {
		return 0
	}
	return len(c.in.b) - c.in.r
}
