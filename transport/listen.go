package transport

import (
	"errors"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// Times of a listener whose operating system cannot accept just now.
const (
	firstPause = time.Millisecond // after the second failure in a row, then twice as long each time
	lastPause  = time.Second
	sayEvery   = 10 * time.Second // between two lines in the log
)

// Steady returns a listener that goes on through failures that pass, such as
// want of file descriptors or memory, or a connection that was gone before it
// was accepted: it waits a moment, longer each time, and logs now and then. What
// its Accept returns is final. A nil log discards.
func Steady(ln net.Listener, log *slog.Logger) net.Listener {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &steady{Listener: ln, log: log, done: make(chan struct{})}
}

type steady struct {
	net.Listener
	log  *slog.Logger
	once sync.Once
	done chan struct{} // closed by Close

	// Owned by who accepts.
	pause time.Duration
	said  time.Time
	count int // failures since said
}

// Accept is called by one goroutine.
func (s *steady) Accept() (net.Conn, error) {
	for {
		nc, err := s.Listener.Accept()
		if err == nil {
			s.pause = 0
			return nc, nil
		}
		if !passes(err) {
			return nil, err
		}
		s.say(err)
		select {
		case <-time.After(s.pause):
		case <-s.done:
			return nil, net.ErrClosed
		}
		// One failure alone is mostly a connection that went: no reason to wait.
		s.pause = min(max(2*s.pause, firstPause), lastPause)
	}
}

func (s *steady) say(err error) {
	s.count++
	if now := time.Now(); now.Sub(s.said) >= sayEvery {
		s.log.Warn("connections cannot be accepted now; trying again", "at", s.Addr().String(), "times", s.count, "err", err)
		s.said, s.count = now, 0
	}
}

// Close closes the listener and ends a wait.
func (s *steady) Close() error {
	s.once.Do(func() { close(s.done) })
	return s.Listener.Close()
}

// passes reports whether a listener may accept again later: it does unless the
// error is about the listener itself. (accept(2) lists what the network may have
// to say.)
func passes(err error) bool {
	var no syscall.Errno
	return errors.As(err, &no) && no != syscall.EBADF && no != syscall.EINVAL && no != syscall.ENOTSOCK
}

// A Budget is how many connections several listeners may have open together, so
// that what is left of the process's file descriptors is for others. Its
// methods may be called concurrently.
type Budget struct {
	max     int64
	open    atomic.Int64
	refused atomic.Uint64
}

// NewBudget returns a budget of max connections.
func NewBudget(max int) *Budget { return &Budget{max: int64(max)} }

// Listener returns ln within the budget: what is accepted above it is closed at
// once, so that whoever dialled goes elsewhere without waiting.
func (b *Budget) Listener(ln net.Listener) net.Listener { return &budgeted{ln, b} }

// Open is how many connections are open.
func (b *Budget) Open() int64 { return b.open.Load() }

// Refused is how many connections were closed at once.
func (b *Budget) Refused() uint64 { return b.refused.Load() }

type budgeted struct {
	net.Listener
	budget *Budget
}

func (l *budgeted) Accept() (net.Conn, error) {
	for {
		nc, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if l.budget.open.Add(1) <= l.budget.max {
			return &counted{Conn: nc, budget: l.budget}, nil
		}
		l.budget.open.Add(-1)
		l.budget.refused.Add(1)
		_ = nc.Close()
	}
}

// A counted connection counts in a budget until it is closed.
type counted struct {
	net.Conn
	budget *Budget
	closed atomic.Bool
}

func (c *counted) Close() error {
	if !c.closed.Swap(true) {
		c.budget.open.Add(-1)
	}
	return c.Conn.Close()
}

// CloseWrite tells the other side that nothing more comes, where the connection
// can.
func (c *counted) CloseWrite() error { return closeWrite(c.Conn) }

// NetConn is the connection below.
func (c *counted) NetConn() net.Conn { return c.Conn }
