package virtual

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"syscall"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/keyserver"
	"github.com/omega-im/omega/pgp"
	"github.com/omega-im/omega/transport"
	"github.com/omega-im/omega/wire"
)

// A person is an account with one device that speaks the protocol of clients
// and no more: what it measures is the servers'. It stays at one proxy.
type person struct {
	w     *world
	host  string
	id    *pgp.Identity
	proxy *server
	homes []*server
	keys  map[omega.Fingerprint]*keyserver.AckKey // by home
	conn  *transport.Conn
	done  chan struct{} // closed when conn is read no more

	mu       sync.Mutex
	tag      uint32
	next     uint64 // of ids
	attached map[omega.Fingerprint][8]byte
	got      map[omega.Fingerprint]uint64 // from each home, in a row
	waiting  map[uint32]*message          // by tag
	sent     map[omega.ID]*message        // of all people to this one
}

// A message is what became of one that somebody sent.
type message struct {
	id     omega.ID
	sent   time.Time
	stored time.Time  // the proxy said so; zero: it did not
	code   omega.Code // what else it said
	came   time.Time  // first time; zero: it did not
	copies int        // from different homes
	count  int        // how often the proxy was asked to take it
	frame  []byte
}

// join makes somebody who lives at homes and is attached to proxy, near to it.
func (w *world) join(proxy *server, homes ...*server) *person {
	w.t.Helper()
	p := &person{
		w: w, host: fmt.Sprintf("p%d", len(w.people)+1), proxy: proxy, homes: homes, keys: map[omega.Fingerprint]*keyserver.AckKey{},
		attached: map[omega.Fingerprint][8]byte{}, got: map[omega.Fingerprint]uint64{}, waiting: map[uint32]*message{}, sent: map[omega.ID]*message{},
	}
	at := w.place(proxy.host)
	w.settle(p.host, &at)
	w.people = append(w.people, p)
	var err error
	if p.id, err = newIdentity(w.t.Context()); err == nil {
		err = p.connect(w.t.Context())
	}
	if err != nil {
		w.t.Fatalf("%s: %v", p.host, err)
	}
	w.until(p.host+" is attached to its homes", 30*time.Second, 20*time.Millisecond, func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		return len(p.attached) == honestOf(homes)
	})
	return p
}

// honestOf is how many servers are what they say.
func honestOf(servers []*server) (n int) {
	for _, s := range servers {
		if s.lie == honest {
			n++
		}
	}
	return n
}

func newIdentity(ctx context.Context) (*pgp.Identity, error) {
	now := time.Now()
	primary, err := pgp.GenerateSigning(rand.Reader, now)
	if err != nil {
		return nil, err
	}
	dev, err := pgp.GenerateDevice(rand.Reader, "test", now)
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

func (p *person) connect(ctx context.Context) (err error) {
	addr := transport.Address{Network: transport.NetworkTLS, HostPort: p.proxy.cfg.Listen.Client, Fingerprint: p.proxy.id}
	p.conn, err = transport.Dial(ctx, transport.DialConfig{Address: addr, Identity: p.id, Dialer: p.w.dialler(p.host), Register: p.entry})
	if err != nil {
		return err
	}
	p.done = make(chan struct{})
	go p.read()
	now := time.Now().Truncate(time.Millisecond)
	lease := &wire.Lease{
		User: p.id.Account(), Device: p.id.Device(), Proxy: p.proxy.id, Epoch: uint64(now.UnixMilli()), Issued: now, NotAfter: now.Add(24 * time.Hour),
	}
	for _, h := range p.homes {
		lease.Homes = append(lease.Homes, wire.LeaseHome{Home: h.id})
		key, err := keyserver.NewAckKey(ctx, p.id.Decrypter, h.cert.Active(now)[0].Encryption, p.id.Device(), h.id)
		if err != nil {
			return err
		}
		p.keys[h.id] = &key
	}
	sig, err := pgp.SignCompact(ctx, p.id.Signer, lease.Signed(), now)
	if err != nil {
		return err
	}
	lease.Sig = wire.Signature{Time: now.Unix(), Bytes: sig}
	return p.conn.SendFrame(wire.TypeAttach, 0, lease.Bytes())
}

// entry is what the account registers with.
func (p *person) entry(ctx context.Context) (wire.Entry, error) {
	now := time.Now().Truncate(time.Millisecond)
	rec := &wire.Record{
		Sequence: 1, Issued: now, Expires: now.Add(24 * time.Hour), Certificate: p.id.Certificate.Hash(), DeviceList: p.id.Certificate.DeviceListHash(now),
		User: p.id.Account(), Device: p.id.Device(),
	}
	for _, h := range p.homes {
		rec.Homes = append(rec.Homes, h.id)
	}
	sig, err := pgp.SignCompact(ctx, p.id.Signer, rec.Signed(), now)
	rec.Sig = wire.Signature{Time: now.Unix(), Bytes: sig}
	return wire.Entry{Certificate: p.id.Certificate.Bytes(), Record: rec.Bytes()}, err
}

func (p *person) close() {
	if p.done != nil {
		p.conn.Close()
		<-p.done
	}
}

// send sends a message of 300 octets to somebody.
func (p *person) send(to *person) *message {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.next++
	e := wire.Envelope{Class: wire.ClassText, Lifetime: time.Hour, Sender: p.id.Account(), Recipients: []omega.Fingerprint{to.id.Account()}, Payload: make([]byte, 300)}
	copy(e.ID[:], p.host)
	binary.BigEndian.PutUint64(e.ID[8:], p.next)
	m := &message{id: e.ID, sent: time.Now()}
	to.expect(m)
	var err error
	if m.frame, err = e.AppendTo(nil); err == nil {
		err = p.ask(m)
	}
	if err != nil && !errors.Is(err, transport.ErrClosed) && !errors.Is(err, syscall.EPIPE) {
		p.w.t.Errorf("%s sends: %v", p.host, err) // not because its proxy died
	}
	return m
}

// ask hands a message to the proxy. p.mu is held.
func (p *person) ask(m *message) error {
	p.tag++
	p.waiting[p.tag] = m
	m.count++
	return p.conn.SendFrame(wire.TypeSend, p.tag, m.frame)
}

func (p *person) expect(m *message) {
	expectMu.Lock()
	defer expectMu.Unlock()
	p.sent[m.id] = m
}

// expectMu guards what became of messages, of all people.
var expectMu sync.Mutex

func (p *person) read() {
	defer close(p.done)
	for {
		f, err := p.conn.ReadFrame()
		if err != nil {
			return
		}
		switch f.Type {
		case wire.TypeSent:
			p.answered(f)
		case wire.TypeAttached:
			if a, err := wire.DecodeAttached(f.Body); err == nil && a.Code == omega.CodeOK {
				p.mu.Lock()
				if p.attached[a.Home] != a.Incarnation {
					p.got[a.Home] = 0
				}
				p.attached[a.Home] = a.Incarnation
				p.mu.Unlock()
			}
		case wire.TypeMail:
			p.mail(f.Body)
		case wire.TypePing:
			_ = p.conn.SendFrame(wire.TypePong, f.Tag, f.Body)
		}
	}
}

// retryAfter is how soon a person asks again after a refusal.
const retryAfter = 300 * time.Millisecond

func (p *person) answered(f wire.Frame) {
	code, _, err := wire.DecodeResults(f.Body)
	p.mu.Lock()
	defer p.mu.Unlock()
	m := p.waiting[f.Tag]
	delete(p.waiting, f.Tag)
	if m == nil || err != nil {
		return
	}
	expectMu.Lock()
	defer expectMu.Unlock()
	if code == omega.CodeOK {
		m.stored = time.Now()
		return
	}
	m.code = code
	if code == omega.CodeUnavailable || code == omega.CodeInternal {
		time.AfterFunc(retryAfter, func() {
			p.mu.Lock()
			defer p.mu.Unlock()
			_ = p.ask(m) // the connection may be gone
		})
	}
}

// mail takes one in and acknowledges it, unless others before it are missing.
func (p *person) mail(body []byte) {
	m, err := wire.DecodeMail(body)
	if err != nil {
		p.w.t.Errorf("%s: %v", p.host, err)
		return
	}
	env, err := wire.ParseEnvelope(m.Envelope)
	if err != nil {
		p.w.t.Errorf("%s: %v", p.host, err)
		return
	}
	p.note(env.ID())
	p.mu.Lock()
	defer p.mu.Unlock()
	key, got := p.keys[m.Home], p.got[m.Home]
	t := wire.TypeAck
	switch {
	case key == nil || m.Seq == 0:
		return
	case m.Prev > got:
		t = wire.TypeRewind
	case m.Seq > got:
		p.got[m.Home] = m.Seq
		got = m.Seq
	}
	a := wire.Ack{Home: m.Home, Device: p.id.Device(), Seq: got}
	a.MAC = key.MAC(&a)
	_ = p.conn.SendFrame(t, 0, wire.AppendAck(nil, &a))
}

func (p *person) note(id omega.ID) {
	expectMu.Lock()
	defer expectMu.Unlock()
	m := p.sent[id]
	if m == nil {
		return
	}
	if m.copies++; m.copies == 1 {
		m.came = time.Now()
	}
}
