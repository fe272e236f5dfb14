package main

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/keyserver"
	"github.com/omega-im/omega/pgp"
	"github.com/omega-im/omega/transport"
	"github.com/omega-im/omega/wire"
)

// omegaServer is one server of the ω cloud that is the home of every user. Its
// users prove themselves with OpenPGP, attach with a signed lease and
// acknowledge what they got with a MAC, as every client does; bodies stand for
// sealed messages.
type omegaServer struct {
	program string // omegad; found beside this program
	port    int    // for clients
	peer    int    // for servers
	address transport.Address
	far     *transport.Address // where receivers live, if that is another server; see omegaHop
	homes   []transport.Peer   // of everybody, if they are not the server that they connect to; see omegaHomes
	users   []*pgp.Identity
	stop    context.CancelFunc // of the acknowledging goroutine

	mu       sync.Mutex
	sessions map[*omegaSession]bool // that may owe an acknowledgement; guarded by mu
}

// ackEvery is how long a client collects what it has taken in before it
// acknowledges: about one transaction of its database.
const ackEvery = 25 * time.Millisecond

func (o *omegaServer) Describe(context.Context) (description, error) {
	self, err := os.Executable()
	if err != nil {
		return description{}, err
	}
	if o.program = os.Getenv("OMEGAD"); o.program == "" {
		o.program = filepath.Join(filepath.Dir(self), "omegad")
	}
	_, err = os.Stat(o.program)
	return description{
		name: "omega", version: "dev", offline: true, accepts: true, forwards: true, groups: []int{omega.MaxRecipients, 1}, durability: "fsync before the answer, pushed before it",
	}, err
}

const omegaConfig = `
name = "bench"
operator = "bench"
dir = "data"
log_level = "warn"
[listen]
client = "127.0.0.1:%d"
peer = "127.0.0.1:%d"
http = ""
admin = ""
[limits]
send_rate = -1
half_open = 8192
half_open_per_host = 8192
handshakes_per_second = 1e6
guests = 8192
`

// Start runs the server. At the first start its users are made and registered;
// at the next one they are known.
func (o *omegaServer) Start(ctx context.Context, s *site, users int) (*process, error) {
	config := filepath.Join(s.dir, "omegad.toml")
	_, err := os.Stat(config)
	again := err == nil
	if !again {
		if o.port, err = freePort(); err != nil {
			return nil, err
		}
		if o.peer, err = freePort(); err != nil {
			return nil, err
		}
		if err := os.WriteFile(config, fmt.Appendf(nil, omegaConfig, o.port, o.peer), 0o600); err != nil {
			return nil, err
		}
	}
	p, err := startProcess(ctx, s, command{path: o.program, args: []string{"serve", "--config", config}, port: o.port})
	if err != nil {
		return nil, err
	}
	o.begin()
	if !again {
		if err := o.register(ctx, users); err != nil {
			p.kill()
			return nil, err
		}
	}
	return p, nil
}

// begin forgets the sessions of the server before.
func (o *omegaServer) begin() {
	if o.stop != nil {
		o.stop()
	}
	o.sessions = map[*omegaSession]bool{}
	background, stop := context.WithCancel(context.Background())
	o.stop = stop
	go o.acknowledge(background)
}

// of is the server of a user.
func (o *omegaServer) of(user int) transport.Address {
	if o.far != nil && user == receiverOf(user/2) {
		return *o.far
	}
	return o.address
}

// register makes the users and lets each connect once.
func (o *omegaServer) register(ctx context.Context, users int) error {
	near, err := meet(ctx, o.port)
	if err != nil {
		return err
	}
	o.address = *near
	o.users = make([]*pgp.Identity, users)
	var g errgroup.Group
	g.SetLimit(8)
	for i := range users {
		g.Go(func() error {
			id, err := newUser(ctx)
			if err != nil {
				return err
			}
			o.users[i] = id
			conn, err := o.connect(ctx, i)
			if err != nil {
				return fmt.Errorf("register user %d: %w", i, err)
			}
			return conn.Close()
		})
	}
	return g.Wait()
}

func newUser(ctx context.Context) (*pgp.Identity, error) {
	now := time.Now()
	primary, err := pgp.GenerateSigning(rand.Reader, now)
	if err != nil {
		return nil, err
	}
	dev, err := pgp.GenerateDevice(rand.Reader, "bench", now)
	if err != nil {
		return nil, err
	}
	cert, err := pgp.NewCertificate(ctx, primary, time.Time{}, now)
	if err != nil {
		return nil, err
	}
	req, err := dev.Request(ctx, primary.Public(), now)
	if err != nil {
		return nil, err
	}
	if cert, err = pgp.AddDevice(ctx, primary, cert, req, now); err != nil {
		return nil, err
	}
	return pgp.NewIdentity(cert, dev)
}

// connect does the handshake, and registers a user who is not known.
func (o *omegaServer) connect(ctx context.Context, user int) (*transport.Conn, error) {
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, byte(2+user%localAddresses))}}
	return transport.Dial(ctx, transport.DialConfig{
		Address: o.of(user), Identity: o.users[user], Dialer: dialer.DialContext, MaxQueue: 8 << 20, Timeout: time.Minute,
		Register: func(ctx context.Context) (wire.Entry, error) {
			homes := []omega.Fingerprint{o.of(user).Fingerprint}
			if o.homes != nil {
				homes = homes[:0]
				for _, h := range o.homes {
					homes = append(homes, h.Account)
				}
			}
			return entry(ctx, o.users[user], homes)
		},
	})
}

// entry is what a new user registers with.
func entry(ctx context.Context, id *pgp.Identity, homes []omega.Fingerprint) (wire.Entry, error) {
	now := time.Now().Truncate(time.Millisecond)
	rec := &wire.Record{
		Sequence: 1, Issued: now, Expires: now.Add(time.Hour), Certificate: id.Certificate.Hash(), DeviceList: id.Certificate.DeviceListHash(now),
		User: id.Account(), Device: id.Device(), Homes: homes,
	}
	sig, err := pgp.SignCompact(ctx, id.Signer, rec.Signed(), now)
	rec.Sig = wire.Signature{Time: now.Unix(), Bytes: sig}
	return wire.Entry{Certificate: id.Certificate.Bytes(), Record: rec.Bytes()}, err
}

func (o *omegaServer) Dial(ctx context.Context, user int) (session, error) {
	conn, err := o.connect(ctx, user)
	if err != nil {
		return nil, err
	}
	s := &omegaSession{server: o, conn: conn, id: o.users[user]}
	if err := s.attach(ctx); err != nil {
		conn.Close()
		return nil, fmt.Errorf("attach user %d: %w", user, err)
	}
	o.mu.Lock()
	o.sessions[s] = true
	o.mu.Unlock()
	return s, nil
}

// acknowledge sends what sessions owe, from time to time.
func (o *omegaServer) acknowledge(ctx context.Context) {
	tick := time.NewTicker(ackEvery)
	defer tick.Stop()
	var all []*omegaSession
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		all = all[:0]
		o.mu.Lock()
		for s := range o.sessions {
			all = append(all, s)
		}
		o.mu.Unlock()
		for _, s := range all {
			s.ack()
		}
	}
}

// An omegaSession is one attached device.
type omegaSession struct {
	server *omegaServer
	conn   *transport.Conn
	id     *pgp.Identity
	homes  []omegaHome
	last   uint64 // number of the last message that came; the reader's

	mu   sync.Mutex
	tag  uint32 // guarded by mu, as everything below
	env  []byte
	next uint64 // makes ids
}

// An omegaHome is what a session knows of one of its homes.
type omegaHome struct {
	home  omega.Fingerprint
	key   keyserver.AckKey
	got   atomic.Uint64 // sequence of the last mail
	acked uint64        // owned by the acknowledging goroutine
}

// attach signs the lease and waits for the homes' answers.
func (s *omegaSession) attach(ctx context.Context) error {
	proxy := s.conn.Peer()
	homes := s.server.homes
	if homes == nil {
		homes = []transport.Peer{proxy}
	}
	now := time.Now().Truncate(time.Millisecond)
	lease := &wire.Lease{User: s.id.Account(), Device: s.id.Device(), Proxy: proxy.Account, Epoch: uint64(now.UnixMilli()), Issued: now, NotAfter: now.Add(time.Hour)}
	s.homes = make([]omegaHome, len(homes))
	var err error
	for i, h := range homes {
		s.homes[i].home = h.Account
		s.homes[i].key, err = keyserver.NewAckKey(ctx, s.id.Decrypter, h.Certificate.Active(now)[0].Encryption, s.id.Device(), h.Account)
		if err != nil {
			return err
		}
		lease.Homes = append(lease.Homes, wire.LeaseHome{Home: h.Account})
	}
	sig, err := pgp.SignCompact(ctx, s.id.Signer, lease.Signed(), now)
	if err != nil {
		return err
	}
	lease.Sig = wire.Signature{Time: now.Unix(), Bytes: sig}
	if err := s.conn.SendFrame(wire.TypeAttach, 0, lease.Bytes()); err != nil {
		return err
	}
	for range homes {
		if err := s.attached(); err != nil {
			return err
		}
	}
	return nil
}

// attached waits for the answer of one home.
func (s *omegaSession) attached() error {
	f, err := s.conn.ReadFrame()
	for err == nil && f.Type == wire.TypeWaiting { // comes before the answer
		f, err = s.conn.ReadFrame()
	}
	if err != nil {
		return err
	}
	if f.Type != wire.TypeAttached {
		return fmt.Errorf("a lease was answered by a frame of type %d", f.Type)
	}
	a, err := wire.DecodeAttached(f.Body)
	if err == nil && a.Code != omega.CodeOK {
		err = fmt.Errorf("the lease was refused: %s", a.Code)
	}
	return err
}

func (s *omegaSession) Send(to int, body []byte) error {
	return s.send([]omega.Fingerprint{s.server.users[to].Account()}, body)
}

// SendAll makes one envelope per part.
func (s *omegaSession) SendAll(n, each int, body []byte) (parts int, err error) {
	for part := range slices.Chunk(s.server.users[1:n+1], each) {
		to := make([]omega.Fingerprint, 0, len(part))
		for _, id := range part {
			to = append(to, id.Account())
		}
		if err := s.send(to, body); err != nil {
			return parts, err
		}
		parts++
	}
	return parts, nil
}

func (s *omegaSession) send(to []omega.Fingerprint, body []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tag++
	s.next++
	e := wire.Envelope{Class: wire.ClassText, Lifetime: time.Hour, Sender: s.id.Account(), Recipients: to, Payload: body}
	binary.BigEndian.PutUint64(e.ID[:], uint64(time.Now().UnixNano()))
	binary.BigEndian.PutUint64(e.ID[8:], s.next)
	var err error
	if s.env, err = e.AppendTo(s.env[:0]); err != nil {
		return err
	}
	return s.conn.SendFrame(wire.TypeSend, s.tag, s.env)
}

func (s *omegaSession) Mark() error { return nil }

func (s *omegaSession) Recv() (event, error) {
	for {
		f, err := s.conn.ReadFrame()
		if err != nil {
			return event{}, err
		}
		switch f.Type {
		case wire.TypeSent:
			code, _, err := wire.DecodeResults(f.Body)
			if err == nil && code != omega.CodeOK {
				err = fmt.Errorf("a message was refused: %s", code)
			}
			return event{accepted: 1}, err
		case wire.TypeMail:
			e, err := s.mail(f.Body)
			if err != nil || e.body != nil {
				return e, err
			}
		case wire.TypePing:
			if err := s.conn.SendFrame(wire.TypePong, f.Tag, f.Body); err != nil {
				return event{}, err
			}
		case wire.TypeError, wire.TypeBye:
			if err := wire.DecodeStatus(f.Body); err != nil {
				return event{}, err
			}
		}
	}
}

// of is the place of a home among the session's, -1 if it is none.
func (s *omegaSession) of(home omega.Fingerprint) int {
	for i := range s.homes {
		if s.homes[i].home == home {
			return i
		}
	}
	return -1
}

func (s *omegaSession) mail(body []byte) (event, error) {
	m, err := wire.DecodeMail(body)
	if err != nil {
		return event{}, err
	}
	env, err := wire.ParseEnvelope(m.Envelope)
	if err != nil {
		return event{}, err
	}
	i := s.of(m.Home)
	if i < 0 {
		return event{}, fmt.Errorf("mail of %v, which is no home", m.Home)
	}
	h := &s.homes[i]
	switch got := h.got.Load(); {
	case m.Prev > got: // servers between may let some overtake others
		a := wire.Ack{Home: m.Home, Device: s.id.Device(), Seq: got}
		return event{}, s.conn.SendFrame(wire.TypeRewind, 0, wire.AppendAck(nil, &a))
	case m.Seq <= got: // sent again: acknowledgements were late
		return event{}, nil
	}
	h.got.Store(m.Seq)
	id := env.ID()
	n := binary.BigEndian.Uint64(id[8:])
	if len(s.homes) > 1 && n <= s.last {
		return event{}, nil // another home's copy
	}
	s.last = n
	return event{body: env.Payload()}, nil
}

// ack acknowledges what came since the last time.
func (s *omegaSession) ack() {
	for i := range s.homes {
		h := &s.homes[i]
		seq := h.got.Load()
		if seq == h.acked {
			continue
		}
		h.acked = seq
		a := wire.Ack{Home: h.home, Device: s.id.Device(), Seq: seq}
		a.MAC = h.key.MAC(&a)
		_ = s.conn.SendFrame(wire.TypeAck, 0, wire.AppendAck(nil, &a)) // a session that ended owes nothing
	}
}

func (s *omegaSession) Close() error {
	s.server.mu.Lock()
	delete(s.server.sessions, s)
	s.server.mu.Unlock()
	return s.conn.Close()
}
