package client

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/transport"
	"github.com/omega-im/omega/wire"
)

// errSessionEnded answers what was asked on a session that is over.
var errSessionEnded = errors.New("the connection to the server ended")

// A session is one authenticated connection to a proxy: requests by tag, and
// everything else to the handler.
type session struct {
	conn    *transport.Conn
	server  string                 // address that was dialled
	started time.Time              // when the session was made
	handle  func(wire.Frame) error // mail and other frames that nobody asked for; runs on the reading goroutine
	asked   chan struct{}          // capacity 1: something is awaited that was not before, or a sign of life is wanted; for watch

	heard atomic.Int64 // when the last frame came, since started
	busy  atomic.Bool  // a frame is being handled
	wants atomic.Bool  // a sign of life is wanted
	last  atomic.Int64 // when an envelope went or came, since started
	rtt   atomic.Int64 // of this session, about; ns

	settled atomic.Bool // it is of use: the own entry was compared with the cloud's

	prompt atomic.Int64 // answers that came soon, since the last that did not
	slow   int          // patience is doubled so often, because sessions before this one ended in silence
	moved  bool         // the session before this one was of use

	mu      sync.Mutex
	why     error              // this side ended the session; guarded by mu
	lastTag uint32             // guarded by mu
	pending map[uint32]request // by tag; guarded by mu; nil once the session is over
	waiting int                // octets of the bodies of pending; guarded by mu
	since   time.Duration      // when pending was empty last, since started; guarded by mu
}

// A request was sent and has no answer yet.
type request struct {
	done func(wire.Frame, error)
	size int           // of its body
	sent time.Duration // since the session started
}

// handshakeTrips is how many round trips a handshake takes, about.
const handshakeTrips = 4

func newSession(d *dialled) *session {
	s := &session{conn: d.conn, server: d.to.text, started: time.Now(), pending: map[uint32]request{}, asked: make(chan struct{}, 1)}
	s.rtt.Store(int64(d.took / handshakeTrips))
	return s
}

// age is how long there has been a session.
func (s *session) age() time.Duration { return time.Since(s.started) }

// run reads until the connection ends and reports why. Every pending request
// has been answered when it returns.
func (s *session) run(ctx context.Context) error {
	// Reads take no context; closing the connection is what unblocks them.
	defer context.AfterFunc(ctx, func() { s.conn.Close() })()
	err := s.read()
	s.conn.Close()

	s.mu.Lock()
	if s.why != nil {
		err = s.why
	}
	pending := s.pending
	s.pending = nil
	s.mu.Unlock()
	for _, r := range pending {
		r.done(wire.Frame{}, errSessionEnded)
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// An endedError is why this side ended a session.
type endedError struct{ why error }

func (e *endedError) Error() string { return e.why.Error() }
func (e *endedError) Unwrap() error { return e.why }

// end ends the session; run reports the first reason that is given.
func (s *session) end(why error) {
	s.mu.Lock()
	if s.why == nil {
		s.why = &endedError{why}
	}
	s.mu.Unlock()
	s.conn.Close()
}

func (s *session) read() error {
	for {
		f, err := s.conn.ReadFrame()
		if err != nil {
			return err
		}
		s.busy.Store(true)
		err = s.frame(f)
		s.heard.Store(int64(s.age()))
		s.busy.Store(false)
		if err != nil {
			return err
		}
	}
}

// frame gives a frame to whom it is for. An answer that nobody waits for any
// more is nobody's.
func (s *session) frame(f wire.Frame) error {
	switch {
	case f.Type == wire.TypePing:
		return s.conn.Send(wire.AppendFrame(nil, wire.TypePong, f.Tag, f.Body))
	case f.Tag != 0:
		s.answer(f)
		return nil
	}
	return s.handle(f)
}

// answer gives f to whoever asked.
func (s *session) answer(f wire.Frame) {
	r, ok := s.take(f.Tag)
	if ok {
		s.noteAnswer(s.age() - r.sent)
	}
	switch {
	case !ok:
	case f.Type == wire.TypeError:
		err := wire.DecodeStatus(f.Body)
		if err == nil {
			err = fmt.Errorf("%w error frame", wire.ErrMalformed)
		}
		r.done(wire.Frame{}, err)
	default:
		r.done(f, nil)
	}
}

// noteAnswer takes down how long an answer took.
func (s *session) noteAnswer(took time.Duration) {
	switch {
	case took <= prompt:
		s.prompt.Add(1)
	case took > late:
		s.prompt.Store(0)
	}
}

// take ends the wait for an answer.
func (s *session) take(tag uint32) (r request, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r, ok = s.pending[tag]; ok {
		delete(s.pending, tag)
		s.waiting -= r.size
	}
	return r, ok
}

// start sends a request; done is called once, on the reading goroutine, with
// the answer (whose body it must copy to keep) or an error. The tag is for take,
// by whoever does not wait any longer.
func (s *session) start(t wire.Type, body []byte, done func(wire.Frame, error)) (tag uint32) {
	s.mu.Lock()
	if s.pending == nil {
		s.mu.Unlock()
		done(wire.Frame{}, errSessionEnded)
		return 0
	}
	first := len(s.pending) == 0
	if first {
		s.since = s.age()
	}
	s.lastTag++
	if s.lastTag == 0 {
		s.lastTag = 1
	}
	tag = s.lastTag
	s.pending[tag] = request{done, len(body), s.age()}
	s.waiting += len(body)
	s.mu.Unlock()

	if first {
		wake(s.asked)
	}
	if t == wire.TypeSend {
		s.last.Store(int64(s.age()))
	}
	if err := s.conn.SendFrame(t, tag, body); err != nil {
		if r, still := s.take(tag); still {
			r.done(wire.Frame{}, err)
		}
	}
	return tag
}

// requestTimeout is more than a proxy needs to ask the whole cloud. One that
// does not answer at all is left.
const requestTimeout = 20 * time.Second

// request sends a request and waits for its answer. The body is the caller's.
func (s *session) request(ctx context.Context, t wire.Type, body []byte) (wire.Frame, error) {
	timer := time.NewTimer(requestTimeout)
	defer timer.Stop()
	type answer struct {
		f   wire.Frame
		err error
	}
	ch := make(chan answer, 1)
	tag := s.start(t, body, func(f wire.Frame, err error) {
		f.Body = append([]byte(nil), f.Body...)
		ch <- answer{f, err}
	})
	select {
	case a := <-ch:
		return a.f, a.err
	case <-timer.C:
		err := fmt.Errorf("%w: no answer within %v", errSessionEnded, requestTimeout)
		s.end(err)
		return wire.Frame{}, err
	case <-ctx.Done():
		s.take(tag)
		return wire.Frame{}, context.Cause(ctx)
	}
}

// lookup asks the proxy for the entry of an account, server or subkey.
func (s *session) lookup(ctx context.Context, fp omega.Fingerprint) (wire.Entry, error) {
	f, err := s.request(ctx, wire.TypeLookup, fp.Wire())
	if err != nil {
		return wire.Entry{}, err
	}
	if f.Type != wire.TypeEntry {
		return wire.Entry{}, fmt.Errorf("%w answer of type %d to a look-up", wire.ErrMalformed, f.Type)
	}
	return wire.DecodeEntry(f.Body)
}

// publish hands the account's certificate and location record to the cloud and
// returns when the proxy has them on stable storage.
func (s *session) publish(ctx context.Context, e wire.Entry) error {
	f, err := s.request(ctx, wire.TypePublish, wire.AppendEntry(nil, &e))
	if err != nil {
		return err
	}
	if f.Type != wire.TypeDone {
		return fmt.Errorf("%w answer of type %d to a publication", wire.ErrMalformed, f.Type)
	}
	return wire.DecodeStatus(f.Body)
}
