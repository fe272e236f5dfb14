package memnet

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// A Conn is one end of a connection.
type Conn struct {
	both          *both
	local, remote Addr
	in, out       *stream
	closed        bool // guarded by both.network.mu
}

var _ net.Conn = (*Conn)(nil)

// A both is what the two ends of a connection share.
type both struct {
	network *Network
	link    *link
	streams [2]*stream // of the dialling side and of the other
	first   int        // direction of the first one
	ends    [2]*Conn
	open    int // ends that have not closed; guarded by network.mu
}

func newPair(n *Network, l *link, from string, dialler, listener Addr) (client, server *Conn) {
	first := l.direction(from)
	there, back := newStream(l, first), newStream(l, 1^first)
	b := &both{network: n, link: l, streams: [2]*stream{there, back}, first: first, open: 2}
	client = &Conn{both: b, local: dialler, remote: listener, in: back, out: there}
	server = &Conn{both: b, local: listener, remote: dialler, in: there, out: back}
	b.ends = [2]*Conn{client, server}
	return client, server
}

// host is whose end this is.
func (c *Conn) host() string { return c.local.host() }

// Read reads what has arrived.
func (c *Conn) Read(p []byte) (int, error) {
	n, err := c.in.read(p)
	return n, c.opError("read", err)
}

// Write blocks while the buffer is full.
func (c *Conn) Write(p []byte) (int, error) {
	n, err := c.out.write(p)
	return n, c.opError("write", err)
}

func (c *Conn) opError(op string, err error) error {
	if err == nil || err == io.EOF {
		return err
	}
	return &net.OpError{Op: op, Net: "mem", Source: c.local, Addr: c.remote, Err: err}
}

// Close closes both directions. What was written still arrives at the other
// end, and then that nothing more comes.
func (c *Conn) Close() error {
	n := c.both.network
	n.mu.Lock()
	if !c.closed {
		c.closed = true
		if c.both.open--; c.both.open == 0 {
			delete(c.both.link.conns, c.both)
		}
	}
	n.mu.Unlock()
	c.out.end(nil, net.ErrClosed)
	c.in.end(net.ErrClosed, syscall.EPIPE)
	return nil
}

// CloseWrite closes the direction to the other end.
func (c *Conn) CloseWrite() error {
	c.out.end(nil, net.ErrClosed)
	return nil
}

// reset breaks both ends.
func (b *both) reset() {
	for _, s := range b.streams {
		s.end(syscall.ECONNRESET, syscall.ECONNRESET)
	}
}

// LocalAddr is the address of this end.
func (c *Conn) LocalAddr() net.Addr { return c.local }

// RemoteAddr is the address of the other end.
func (c *Conn) RemoteAddr() net.Addr { return c.remote }

// SetDeadline sets both deadlines.
func (c *Conn) SetDeadline(t time.Time) error {
	return errors.Join(c.SetReadDeadline(t), c.SetWriteDeadline(t))
}

// SetReadDeadline ends reads that wait at t; the zero time takes it away.
func (c *Conn) SetReadDeadline(t time.Time) error { return c.in.setDeadline(&c.in.reader, t) }

// SetWriteDeadline ends writes that wait at t; the zero time takes it away.
func (c *Conn) SetWriteDeadline(t time.Time) error { return c.out.setDeadline(&c.out.writer, t) }

// A stream is one direction of a connection.
type stream struct {
	mu      sync.Mutex
	cond    sync.Cond // everything below changed
	chunks  []chunk
	size    int // octets in chunks
	cut     bool
	latency time.Duration
	reader  end
	writer  end
	wake    *time.Timer // when the first chunk arrives; nil: none runs
}

// A chunk is what one write wrote.
type chunk struct {
	b       []byte
	arrives time.Time // zero: at once
}

// An end is how one side of a stream ends.
type end struct {
	closed   bool
	err      error // of reads or writes after that; for reads, after the data if nil: io.EOF
	deadline time.Time
	timer    *time.Timer
}

func newStream(l *link, direction int) *stream {
	s := &stream{cut: l.cut[direction], latency: l.latency}
	s.cond.L = &s.mu
	return s
}

func (s *stream) set(cut bool, latency time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cut, s.latency = cut, latency
	s.cond.Broadcast()
}

// end ends both sides with the given errors; a nil read error lets the reader
// read what there is, and then io.EOF. What came first stays.
func (s *stream) end(read, write error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.reader.closed && read == nil && s.latency > 0 {
		s.chunks = append(s.chunks, chunk{arrives: time.Now().Add(s.latency)}) // the end is under way
	}
	if !s.reader.closed || s.reader.err == nil && read != nil {
		s.reader.closed, s.reader.err = true, read
	}
	if read != nil {
		s.chunks, s.size = nil, 0
	}
	if read == net.ErrClosed && s.latency > 0 && !s.writer.closed {
		time.AfterFunc(s.latency, func() { s.refuse(write) }) // the writer does not know yet
	} else {
		s.endWriter(write)
	}
	s.cond.Broadcast()
}

// endWriter is called with s.mu held.
func (s *stream) endWriter(err error) {
	if !s.writer.closed {
		s.writer.closed, s.writer.err = true, err
	}
}

// refuse tells the writer that nobody reads, unless word of it is cut off.
func (s *stream) refuse(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.cut {
		s.endWriter(err)
	}
	s.cond.Broadcast()
}

func (s *stream) setDeadline(e *end, t time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	e.deadline = t
	if e.timer != nil {
		e.timer.Stop()
		e.timer = nil
	}
	if !t.IsZero() {
		e.timer = time.AfterFunc(time.Until(t), s.wakeAll)
	}
	s.cond.Broadcast()
	return nil
}

func (s *stream) wakeAll() {
	s.mu.Lock()
	s.cond.Broadcast()
	s.mu.Unlock()
}

func (e *end) expired() bool { return !e.deadline.IsZero() && !time.Now().Before(e.deadline) }

func (s *stream) write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	written := 0
	for {
		switch {
		case s.writer.closed:
			return written, s.writer.err
		case s.writer.expired():
			return written, os.ErrDeadlineExceeded
		case written == len(p):
			return written, nil
		}
		n := min(len(p)-written, BufferSize-s.size)
		if n == 0 {
			s.cond.Wait()
			continue
		}
		s.push(p[written : written+n])
		written += n
	}
}

// push appends a copy of p. Called with s.mu held.
func (s *stream) push(p []byte) {
	c := chunk{b: append([]byte(nil), p...)}
	if s.latency > 0 {
		c.arrives = time.Now().Add(s.latency)
	}
	s.chunks = append(s.chunks, c)
	s.size += len(p)
	s.cond.Broadcast()
}

func (s *stream) read(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		switch {
		case s.reader.closed && s.reader.err != nil:
			return 0, s.reader.err
		case s.reader.expired():
			return 0, os.ErrDeadlineExceeded
		case len(p) == 0:
			return 0, nil
		case s.arrived():
			if n := s.pop(p); n > 0 {
				return n, nil
			}
			continue // it was the end
		case s.reader.closed && len(s.chunks) == 0 && !s.cut:
			return 0, io.EOF
		}
		s.cond.Wait()
	}
}

// arrived reports whether there is something to read, and if it is only under
// way has the reader woken when it comes. Called with s.mu held.
func (s *stream) arrived() bool {
	if s.cut || len(s.chunks) == 0 {
		return false
	}
	wait := time.Duration(0)
	if at := s.chunks[0].arrives; !at.IsZero() {
		wait = time.Until(at)
	}
	if wait <= 0 {
		return true
	}
	if s.wake != nil {
		s.wake.Stop()
	}
	s.wake = time.AfterFunc(wait, s.wakeAll)
	return false
}

// pop copies from the chunks that have arrived. Called with s.mu held.
func (s *stream) pop(p []byte) int {
	n := 0
	for n < len(p) && s.arrived() {
		c := &s.chunks[0]
		k := copy(p[n:], c.b)
		n += k
		if c.b = c.b[k:]; len(c.b) == 0 {
			s.chunks[0] = chunk{}
			s.chunks = s.chunks[1:]
		}
	}
	s.size -= n
	s.cond.Broadcast()
	return n
}
