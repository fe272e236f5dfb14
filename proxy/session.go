package proxy

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/keyserver"
	"github.com/omega-im/omega/transport"
	"github.com/omega-im/omega/wire"
)

// conn is what a session needs of a transport.Conn.
type conn interface {
	Peer() transport.Peer
	ReleaseCertificate()
	Rest()
	ReadFrame() (wire.Frame, error)
	Send(frames []byte) error
	SendFrame(t wire.Type, tag uint32, body []byte) error
	Queued() int
	Close() error
	CloseAfterFlush()
}

var _ conn = (*transport.Conn)(nil)

// Limits of a session beside those of Config.
const (
	maxPing = 64 // octets

	// restAfter is how long a session has been silent when it rests.
	restAfter = time.Second

	// Requests that cost a look at the disk or a signature: look-ups,
	// publications, leases, rendezvous, and frames that make no sense.
	controlInterval = 20 * time.Millisecond
	controlBurst    = 200
)

// A session is one device of an account that is connected to this server.
type session struct {
	p       *Proxy
	c       conn
	account omega.Fingerprint
	device  omega.Fingerprint
	heard   atomic.Int64 // last frame, coarse ms
	ended   atomic.Bool  // end was called: nothing more is read
	flow    flow
	sends   gcra         // of the reading goroutine
	control gcra         // of the reading goroutine
	ways    gcra         // of the reading goroutine
	blobs   atomic.Int32 // frames about blobs that are not answered
	parts   parts        // answers to them
	gone    atomic.Bool  // serve is about to return
	stocks  atomic.Int32 // frames about prekeys and tokens that are not answered

	publishes  atomic.Bool // the device publishes and has no answer yet
	publishing sync.Mutex  // held while the device publishes
	told       uint64      // entryTag of the account's entry when the session began, or told last; guarded by publishing

	mu      sync.Mutex
	why     error         // why this side ended the session; guarded by mu
	lease   []byte        // wire form of the newest; guarded by mu
	key     wire.LeaseKey // of lease; guarded by mu
	epoch   uint64        // of lease; guarded by mu
	remotes []attachment  // homes elsewhere in lease; guarded by mu
}

// errBye is the end of a session at the client's own wish.
var errBye = errors.New("the client left")

// Serve serves one client until its connection ends, ctx ends, a newer session
// of the same device takes over, or Shutdown. It closes c. The error says why
// the session ended; nil is the client's own wish.
func (p *Proxy) Serve(ctx context.Context, c *transport.Conn) error { return p.serve(ctx, c) }

func (p *Proxy) serve(ctx context.Context, c conn) error {
	defer c.Close()
	s, err := p.open(ctx, c)
	if err != nil {
		return err
	}
	defer p.leave(s)
	defer context.AfterFunc(ctx, func() { c.Close() })()
	err = s.read(ctx)
	return s.reason(ctx, err)
}

// open makes the session of c. It is apart from serve so that what it needs of
// the stack is given back while the session waits.
func (p *Proxy) open(ctx context.Context, c conn) (*session, error) {
	peer := c.Peer()
	if peer.Role != transport.RoleClient {
		return nil, fmt.Errorf("serve %s: a %s is no client", peer.Account, peer.Role)
	}
	c.ReleaseCertificate()
	s := &session{
		p: p, c: c, account: peer.Account, device: peer.Device,
		flow: flow{room: make(chan struct{}, 1)},
	}
	s.heard.Store(p.coarse.Load())
	if !p.enter(s) {
		s.bye(randomDelay(drainJitter))
		c.CloseAfterFlush()
		return nil, omega.Errorf(omega.CodeShutdown, "the server is draining")
	}
	// Whoever revoked the device since the handshake found no session to end.
	_ = onOwnStack(func() error {
		if e, err := p.cfg.Keys.Find(ctx, s.account); err == nil {
			p.endRevoked(e)
			s.publishing.Lock()
			s.told = entryTag(e)
			s.publishing.Unlock()
		}
		return nil
	})
	return s, nil
}

// enter makes s the session of its device, and ends an older one.
func (p *Proxy) enter(s *session) bool {
	p.admit.Lock()
	defer p.admit.Unlock()
	if p.draining {
		return false
	}
	p.serving.Add(1)
	p.stats.served.Add(1)
	p.stats.sessions.Add(1)
	if old := p.sessions.swap(s.device, s); old != nil {
		p.stats.superseded.Add(1)
		old.end(omega.CodeSuperseded, "a newer session of this device took over")
	}
	return true
}

// leave undoes enter and attach.
func (p *Proxy) leave(s *session) {
	s.gone.Store(true)
	p.sessions.removeIf(s.device, func(o *session) bool { return o == s })
	s.detach()
	p.stats.sessions.Add(-1)
	p.serving.Done()
}

// read handles frames until the connection ends.
func (s *session) read(ctx context.Context) error {
	for {
		f, err := s.c.ReadFrame()
		if err != nil || s.ended.Load() {
			return err
		}
		s.p.stats.framesIn.Add(1)
		s.heard.Store(s.p.coarse.Load())
		if err := s.frame(ctx, f); err != nil {
			return err
		}
	}
}

// frame handles one frame. An error ends the session.
func (s *session) frame(ctx context.Context, f wire.Frame) error {
	switch f.Type {
	case wire.TypeSend:
		s.send(ctx, f)
		return nil
	case wire.TypeAck, wire.TypeRewind:
		return s.acknowledge(ctx, f)
	case wire.TypePing:
		if len(f.Body) > maxPing {
			return s.refuse(f.Tag, omega.CodeTooLarge, "ping")
		}
		_ = s.c.SendFrame(wire.TypePong, f.Tag, f.Body)
		return nil
	case wire.TypePong:
		return nil
	case wire.TypeBlobAppend, wire.TypeBlobGet:
		return s.blob(ctx, f)
	case wire.TypeBye:
		return errBye
	}
	if !s.control.take(s.p.steady().UnixNano(), int64(controlInterval), controlBurst) {
		return s.refuse(f.Tag, omega.CodeRateLimited, "too many requests")
	}
	return onOwnStack(func() error { return s.request(ctx, f) })
}

// onOwnStack runs f on another goroutine and waits for it. What f needs of the
// stack is freed with it, where the reader of an idle session would keep it:
// a signature takes more than all the rest of a session.
func onOwnStack(f func() error) error {
	done := make(chan error)
	go func() { done <- f() }()
	return <-done
}

// request handles a frame that costs a look at the disk or a signature.
func (s *session) request(ctx context.Context, f wire.Frame) error {
	switch f.Type {
	case wire.TypeAttach:
		return s.attach(ctx, f)
	case wire.TypeLookup:
		return s.lookup(ctx, f)
	case wire.TypePublish:
		return s.publish(ctx, f)
	case wire.TypeServers:
		return s.servers(f)
	case wire.TypeHomes:
		return s.homes(ctx, f)
	case wire.TypeBlobClaim, wire.TypeBlobUsage:
		return s.blob(ctx, f)
	case wire.TypePrekeyPut, wire.TypePrekeyLook, wire.TypePrekeyTake:
		return s.prekeys(ctx, f)
	case wire.TypeTokenPut, wire.TypeTokenLook:
		return s.tokens(ctx, f)
	case wire.TypeWay:
		return s.way(f)
	case wire.TypePublic:
		return s.public(f)
	case wire.TypeDrop:
		return s.drop(f)
	case wire.TypePick:
		return s.pick(f)
	}
	return s.refuse(f.Tag, omega.CodeBadRequest, "frame type "+strconv.Itoa(int(f.Type))+" is not for this server")
}

// refuse answers a request with an error. It ends the session of a client that
// asks and does not read.
func (s *session) refuse(tag uint32, code omega.Code, text string) error {
	err := s.c.SendFrame(wire.TypeError, tag, wire.AppendStatus(nil, code, text))
	if errors.Is(err, transport.ErrSlow) {
		return fmt.Errorf("refuse a request (%s): %w", code, err)
	}
	return nil
}

// refuseErr answers with what a person may know of err.
func (s *session) refuseErr(tag uint32, err error) error {
	var e *omega.Error
	if errors.As(err, &e) {
		return s.refuse(tag, e.Code, e.Text)
	}
	return s.refuse(tag, codeOf(err), "")
}

// acknowledge passes an acknowledgement or a rewind to its home.
func (s *session) acknowledge(ctx context.Context, f wire.Frame) error {
	a, err := wire.DecodeAck(f.Body)
	if err != nil || a.Device != s.device {
		return s.refuse(f.Tag, omega.CodeBadRequest, "acknowledgement")
	}
	switch {
	case a.Home != s.p.self:
		frame := wire.AppendFrame(make([]byte, 0, wire.HeaderSize+len(f.Body)), f.Type, 0, f.Body)
		if s.noteAck(f.Type, &a, frame) {
			_ = s.p.forward(ctx, a.Home, wire.ClassControl, frame) // it is said again when mail is
		}
	case f.Type == wire.TypeAck:
		s.p.home.acknowledge(ctx, &a)
	default:
		s.p.home.rewind(s.p.self, &a)
	}
	return nil
}

// homes tells which servers could be homes of the account.
func (s *session) homes(ctx context.Context, f wire.Frame) error {
	account, n, err := omega.DecodeFingerprint(f.Body)
	reasons := err == nil && len(f.Body) == n+1 && f.Body[n] == wire.HomesWithReasons
	if err != nil || n != len(f.Body) && !reasons || account != s.account {
		return s.refuse(f.Tag, omega.CodeBadRequest, "homes of another account")
	}
	var present []omega.Fingerprint
	if r, err := s.p.cfg.Keys.Route(ctx, account); err == nil {
		present = r.Homes
	}
	body := []byte(nil)
	if reasons {
		body = wire.AppendHomeReasons(body, s.p.homeReasons(account, present))
	} else {
		body = wire.AppendHomeOffers(body, s.p.homesFor(account, present))
	}
	_ = s.c.SendFrame(wire.TypeHomeList, f.Tag, body)
	return nil
}

// drop leaves a blob for another device.
func (s *session) drop(f wire.Frame) error {
	if s.p.cfg.Rendezvous == nil || len(f.Body) < len(transport.Handle{}) {
		return s.refuse(f.Tag, omega.CodeBadRequest, "drop")
	}
	n := len(transport.Handle{})
	if err := s.p.cfg.Rendezvous.Drop(s.account.String(), transport.Handle(f.Body[:n]), f.Body[n:]); err != nil {
		return s.refuseErr(f.Tag, err)
	}
	_ = s.c.SendFrame(wire.TypeDone, f.Tag, wire.AppendStatus(nil, omega.CodeOK, ""))
	return nil
}

// pick fetches a blob that another device left.
func (s *session) pick(f wire.Frame) error {
	if s.p.cfg.Rendezvous == nil || len(f.Body) != len(transport.Handle{}) {
		return s.refuse(f.Tag, omega.CodeBadRequest, "pick")
	}
	blob, err := s.p.cfg.Rendezvous.Pick(transport.Handle(f.Body))
	if err != nil {
		return s.refuseErr(f.Tag, err)
	}
	_ = s.c.SendFrame(wire.TypeBlob, f.Tag, blob)
	return nil
}

// bye asks the client to attach elsewhere after a delay, in milliseconds as
// the text of the frame.
func (s *session) bye(delay time.Duration) {
	text := strconv.FormatInt(delay.Milliseconds(), 10)
	_ = s.c.SendFrame(wire.TypeBye, 0, wire.AppendStatus(nil, omega.CodeShutdown, text))
}

// end tells the client why and ends the session once that is written.
func (s *session) end(code omega.Code, text string) {
	s.mu.Lock()
	first := s.why == nil
	if first {
		s.why = omega.Errorf(code, "%s", text)
	}
	s.mu.Unlock()
	if first && code != omega.CodeShutdown { // that was said by bye
		_ = s.c.SendFrame(wire.TypeError, 0, wire.AppendStatus(nil, code, text))
	}
	s.ended.Store(true)
	s.c.CloseAfterFlush()
}

// reason says why the session ended.
func (s *session) reason(ctx context.Context, err error) error {
	s.mu.Lock()
	why := s.why
	s.mu.Unlock()
	switch {
	case why != nil:
		return why
	case errors.Is(err, errBye) || errors.Is(err, io.EOF):
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	}
	return fmt.Errorf("session of %s: %w", s.device, err)
}

// tickSessions ends the silent ones and attaches again where it is due.
func (p *Proxy) tickSessions(now time.Time) {
	limit := now.Add(-p.cfg.IdleTimeout).UnixMilli()
	p.sessions.all(func(s *session) {
		if s.heard.Load() < limit {
			p.stats.idleEnded.Add(1)
			s.end(omega.CodeExpired, "the session was silent for too long")
			return
		}
		s.attachDue(now, omega.Fingerprint{})
	})
}

// Rest lets go of what silent sessions do not need while they are silent. It is
// for quiet times: what it takes away is made again in microseconds.
func (p *Proxy) Rest() {
	limit := p.steady().Add(-restAfter).UnixMilli()
	p.sessions.all(func(s *session) {
		if s.heard.Load() < limit {
			s.c.Rest()
		}
	})
}

// endRevoked ends sessions of devices that may not speak any more.
func (p *Proxy) endRevoked(e *keyserver.Entry) {
	if e.Certificate.Deleted() {
		p.deleted(context.Background(), e.Fingerprint())
		return
	}
	now := p.now()
	for _, d := range e.Certificate.Devices() {
		if d.Active(now) && e.Certificate.Check(now) == nil {
			continue
		}
		if s := p.sessions.get(d.Signing.Fingerprint()); s != nil && s.account == e.Fingerprint() {
			s.end(omega.CodeAuth, "the device was revoked or has expired")
		}
	}
}

// tellDevices pushes an account's new entry to those of its devices that are
// connected here: another one has moved the account, or was added. (spec/delivery.md,
// DELIV-29)
func (p *Proxy) tellDevices(e *keyserver.Entry) {
	var body []byte
	for _, d := range e.Certificate.Devices() {
		s := p.sessions.get(d.Signing.Fingerprint())
		if s == nil || s.account != e.Fingerprint() {
			continue
		}
		if body == nil {
			w := e.Wire()
			body = wire.AppendEntry(nil, &w)
		}
		s.tell(entryTag(e), body)
	}
}

// tell pushes an entry, unless the device has it, or made it.
func (s *session) tell(tag uint64, body []byte) {
	s.publishing.Lock()
	defer s.publishing.Unlock()
	if s.told != 0 && s.told != tag { // 0: the session begins, and the device looks for itself
		s.told = tag
		_ = s.c.SendFrame(wire.TypeEntry, 0, body) // what is missed is found when the device looks
	}
}

// entryTag tells the entries of one account apart.
func entryTag(e *keyserver.Entry) uint64 {
	hash := e.Hash()
	return binary.BigEndian.Uint64(hash[:])
}

// randomDelay is between 0 and max.
func randomDelay(max time.Duration) time.Duration { return rand.N(max) }
