package client

import (
	"context"
	"errors"
	"fmt"
	"sync"
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

	mu      sync.Mutex
	lastTag uint32                             // guarded by mu
	pending map[uint32]func(wire.Frame, error) // by tag; guarded by mu; nil once the session is over
}

func newSession(conn *transport.Conn, server string) *session {
	return &session{conn: conn, server: server, started: time.Now(), pending: map[uint32]func(wire.Frame, error){}}
}

// run reads until the connection ends and reports why. Every pending request
// has been answered when it returns.
func (s *session) run(ctx context.Context) error {
	// Reads take no context; closing the connection is what unblocks them.
	defer context.AfterFunc(ctx, func() { s.conn.Close() })()
	err := s.read()
	s.conn.Close()

	s.mu.Lock()
	pending := s.pending
	s.pending = nil
	s.mu.Unlock()
	for _, done := range pending {
		done(wire.Frame{}, errSessionEnded)
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

func (s *session) read() error {
	for {
		f, err := s.conn.ReadFrame()
		if err != nil {
			return err
		}
		if f.Type == wire.TypePing {
			if err := s.conn.Send(wire.AppendFrame(nil, wire.TypePong, f.Tag, f.Body)); err != nil {
				return err
			}
			continue
		}
		if f.Tag == 0 || !s.answer(f) {
			if err := s.handle(f); err != nil {
				return err
			}
		}
	}
}

// answer gives f to whoever asked, and reports whether somebody did.
func (s *session) answer(f wire.Frame) bool {
	s.mu.Lock()
	done := s.pending[f.Tag]
	delete(s.pending, f.Tag)
	s.mu.Unlock()
	if done == nil {
		return false
	}
	if f.Type == wire.TypeError {
		err := wire.DecodeStatus(f.Body)
		if err == nil {
			err = fmt.Errorf("%w error frame", wire.ErrMalformed)
		}
		done(wire.Frame{}, err)
		return true
	}
	done(f, nil)
	return true
}

// start sends a request; done is called once, on the reading goroutine, with
// the answer (whose body it must copy to keep) or an error.
func (s *session) start(t wire.Type, body []byte, done func(wire.Frame, error)) {
	s.mu.Lock()
	if s.pending == nil {
		s.mu.Unlock()
		done(wire.Frame{}, errSessionEnded)
		return
	}
	s.lastTag++
	if s.lastTag == 0 {
		s.lastTag = 1
	}
	tag := s.lastTag
	s.pending[tag] = done
	s.mu.Unlock()

	if err := s.conn.Send(wire.AppendFrame(nil, t, tag, body)); err != nil {
		s.mu.Lock()
		_, still := s.pending[tag]
		delete(s.pending, tag)
		s.mu.Unlock()
		if still {
			done(wire.Frame{}, err)
		}
	}
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
	s.start(t, body, func(f wire.Frame, err error) {
		f.Body = append([]byte(nil), f.Body...)
		ch <- answer{f, err}
	})
	select {
	case a := <-ch:
		return a.f, a.err
	case <-timer.C:
		s.conn.Close()
		return wire.Frame{}, fmt.Errorf("%w: no answer within %v", errSessionEnded, requestTimeout)
	case <-ctx.Done():
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
