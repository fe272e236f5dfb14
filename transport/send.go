package transport

import (
	"fmt"
	"time"

	"github.com/omega-im/omega/wire"
)

// Send queues a copy of one or more whole frames, none longer than MaxFrame.
// It never blocks: what is queued is written by a goroutine that lives until
// the queue is empty, in as few writes as possible. ErrSlow means that the
// queue is full and nothing was queued: what the other side can ask for again
// may be dropped, otherwise close. A connection that takes nothing for the
// write timeout closes itself.
func (c *Conn) Send(frames []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.reserve(len(frames)); err != nil {
		return err
	}
	c.out.b = append(c.out.b, frames...)
	c.startFlusher()
	return nil
}

// SendParts is Send for frames that lie in pieces.
func (c *Conn) SendParts(parts ...[]byte) error {
	n := 0
	for _, p := range parts {
		n += len(p)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.reserve(n); err != nil {
		return err
	}
	for _, p := range parts {
		c.out.b = append(c.out.b, p...)
	}
	c.startFlusher()
	return nil
}

// SendFrame is Send for a frame that has no header yet.
func (c *Conn) SendFrame(t wire.Type, tag uint32, body []byte) error {
	n := wire.HeaderSize + len(body)
	if n > c.MaxFrame() {
		return fmt.Errorf("send frame of type %d: %d octets, at most %d", t, n, c.MaxFrame())
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.reserve(n); err != nil {
		return err
	}
	c.out.b = wire.AppendFrame(c.out.b, t, tag, body)
	c.startFlusher()
	return nil
}

// Queued is how many octets wait to be written or are being written.
func (c *Conn) Queued() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.queued()
}

func (c *Conn) queued() int {
	n := c.writing
	if c.out != nil {
		n += len(c.out.b)
	}
	return n
}

// reserve finds room for n octets. Called with c.mu held, as all below.
func (c *Conn) reserve(n int) error {
	if c.err != nil {
		return c.err
	}
	if c.queued()+n > c.maxQueue {
		return ErrSlow
	}
	switch {
	case c.out == nil:
		c.out = getBuffer(n)
	case cap(c.out.b)-len(c.out.b) < n:
		c.out = growBuffer(c.out, n)
	}
	return nil
}

func (c *Conn) startFlusher() {
	if c.flushing {
		return
	}
	c.flushing = true
	c.flushers.Add(1)
	go c.flush()
}

// flushQueue writes until nothing is queued.
func (c *Conn) flushQueue() {
	defer c.flushers.Done()
	for {
		b := c.take()
		if b == nil {
			return
		}
		err := c.write(b.b)
		putBuffer(b)
		if err != nil {
			c.fail(fmt.Errorf("write to the other side: %w", err))
		}
	}
}

// take hands the queue to the flusher, or ends it when there is none.
func (c *Conn) take() *buffer {
	c.mu.Lock()
	b := c.out
	c.out, c.writing = nil, 0
	if b != nil {
		c.writing = len(b.b)
		c.mu.Unlock()
		return b
	}
	c.flushing = false
	closing := c.closing
	if closing {
		linger := time.Now().Add(lingerTime)
		_ = c.link.SetWriteDeadline(linger)
		_ = c.link.SetReadDeadline(linger)
	}
	c.mu.Unlock()
	if closing {
		_ = c.link.CloseWrite()
	}
	return nil
}

// write writes with a deadline. Setting one costs as much as a short write, so
// it is moved only when half of it is over.
func (c *Conn) write(b []byte) error {
	now := time.Now()
	if c.deadline.Sub(now) < c.writeTimeout/2 {
		c.deadline = now.Add(c.writeTimeout)
		if err := c.link.SetWriteDeadline(c.deadline); err != nil {
			return err
		}
	}
	_, err := c.link.Write(b)
	return err
}

// writeNow writes one frame of the handshake and returns when it is written.
func (c *Conn) writeNow(t wire.Type, tag uint32, body []byte) error {
	_, err := c.link.Write(wire.AppendFrame(make([]byte, 0, wire.HeaderSize+len(body)), t, tag, body))
	return err
}
