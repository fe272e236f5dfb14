package client

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat/secure"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/history"
	"github.com/omega-im/omega/pgp"
	"github.com/omega-im/omega/transport"
	"github.com/omega-im/omega/wire"
)

// A post is what a fake proxy is to several accounts: it delivers, keeps what devices
// that are away have not got, and gives out their prekeys.
type post struct {
	*fakeProxy
	boxes  map[omega.Fingerprint]*box              // by device; guarded by mu
	stocks map[omega.Fingerprint]*wire.PrekeyStock // by device; guarded by mu

	// pass is asked of every envelope for a device: what it returns is delivered in
	// its place; guarded by mu.
	pass func(device omega.Fingerprint, env []byte) [][]byte
}

// A box is the mail of one device, in order, and how far it was sent in its session.
type box struct {
	account omega.Fingerprint
	mails   [][]byte
	sent    int
	conn    *transport.Conn
}

func newPost(t *testing.T) *post {
	p := &post{fakeProxy: newFakeProxy(t), boxes: map[omega.Fingerprint]*box{}, stocks: map[omega.Fingerprint]*wire.PrekeyStock{}}
	p.edit(func() { p.answer, p.after = p.respond, p.deliver })
	return p
}

// respond answers as proxy and as home of everybody; mu is held.
func (p *post) respond(f wire.Frame) (wire.Type, []byte) {
	body := append([]byte(nil), f.Body...)
	switch f.Type {
	case wire.TypePrekeyPut:
		w, err := wire.DecodePrekeyStock(body)
		if err != nil {
			return wire.TypeError, wire.AppendStatus(nil, omega.CodeBadRequest, "")
		}
		p.stocks[w.Device] = w
		return wire.TypePrekeyCount, p.count(w.Device)
	case wire.TypePrekeyLook:
		l, _ := wire.DecodePrekeyLook(body)
		return wire.TypePrekeyCount, p.count(l.Device)
	case wire.TypePrekeyTake:
		q, _ := wire.DecodePrekeyTake(body)
		var list []wire.DevicePrekey
		for device, w := range p.stocks {
			if w.User != q.User {
				continue
			}
			key := w.Week
			if len(w.Once) > 0 {
				key, w.Once = w.Once[0], w.Once[1:]
			}
			list = append(list, wire.DevicePrekey{Device: device, Prekey: key})
		}
		return wire.TypePrekeys, wire.AppendPrekeys(nil, list)
	case wire.TypeAttach:
		return p.attach(body)
	case wire.TypeSend:
		env, err := wire.ParseEnvelope(body)
		if err != nil {
			return wire.TypeError, wire.AppendStatus(nil, omega.CodeBadRequest, "")
		}
		p.file(env, body)
	}
	return 0, nil
}

func (p *post) count(device omega.Fingerprint) []byte {
	c := wire.PrekeyCount{Made: time.UnixMilli(0)}
	if w := p.stocks[device]; w != nil {
		c = wire.PrekeyCount{Made: w.Made, Left: uint8(len(w.Once))}
	}
	return wire.AppendPrekeyCount(nil, c)
}

func (p *post) attach(body []byte) (wire.Type, []byte) {
	l, err := wire.DecodeLease(body)
	if err != nil {
		return wire.TypeError, wire.AppendStatus(nil, omega.CodeBadRequest, "")
	}
	if p.boxes[l.Device] == nil {
		p.boxes[l.Device] = &box{account: l.User}
	}
	a := wire.Attached{Home: p.id.Account(), Incarnation: [8]byte{1}}
	for _, h := range l.Homes {
		if h.Home == a.Home && h.Incarnation == a.Incarnation {
			a.Cursor = min(h.Cursor, uint64(len(p.boxes[l.Device].mails)))
		}
	}
	p.boxes[l.Device].sent = int(a.Cursor)
	return wire.TypeAttached, wire.AppendAttached(nil, &a)
}

// file puts an envelope into the boxes of its recipients' devices.
func (p *post) file(env wire.EnvelopeView, raw []byte) {
	for _, account := range env.Recipients {
		for device, b := range p.boxes {
			if b.account == account {
				b.mails = append(b.mails, p.passed(device, raw)...)
			}
		}
	}
}

func (p *post) passed(device omega.Fingerprint, env []byte) [][]byte {
	if p.pass == nil {
		return [][]byte{env}
	}
	return p.pass(device, env)
}

// deliver sends every box on that is attached; it is called after each answer.
func (p *post) deliver(f wire.Frame, c *transport.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if f.Type == wire.TypeAttach {
		if b := p.boxes[c.Peer().Device]; b != nil {
			b.conn = c
		}
	}
	p.send()
}

// send is deliver for who holds mu: what pass puts into a box comes before the answer to who sent
// what pass was asked about.
func (p *post) send() {
	for device, b := range p.boxes {
		for b.conn != nil && b.sent < len(b.mails) {
			m := wire.Mail{
				Home: p.id.Account(), Device: device, Seq: uint64(b.sent) + 1, Prev: uint64(b.sent),
				Received: uint64(p.now().UnixMilli()), Envelope: b.mails[b.sent],
			}
			if b.conn.SendFrame(wire.TypeMail, 0, wire.AppendMail(nil, &m)) != nil {
				b.conn = nil
				break
			}
			b.sent++
		}
	}
}

// put delivers an envelope to one device, as somebody with power over its home can.
func (p *post) slip(device omega.Fingerprint, env []byte) {
	p.edit(func() { p.boxes[device].mails = append(p.boxes[device].mails, env) })
	p.deliver(wire.Frame{}, nil)
}

// A somebody is a core that a test stops and starts.
type somebody struct {
	*Client
	p    *post
	cfg  Config
	stop func()
}

// newSomebody makes an account, and waits until others can begin a secure chat with it.
func (p *post) newSomebody(t *testing.T, name string, change ...func(*Config)) *somebody {
	t.Helper()
	s := &somebody{p: p, cfg: Config{Home: filepath.Join(t.TempDir(), "home"), Name: name}}
	_, err := Init(t.Context(), InitConfig{Config: s.cfg, Server: p.address, DeviceName: "first"})
	must(t, err)
	for _, f := range change {
		f(&s.cfg)
	}
	s.open(t)
	return s
}

func (s *somebody) open(t *testing.T) {
	t.Helper()
	var err error
	s.Client, err = Open(t.Context(), s.cfg)
	must(t, err)
	s.stop = sync.OnceFunc(s.Client.start(t))
	t.Cleanup(func() { s.stop() })
	s.p.stocked(t, s.Client)
}

// stocked waits until a device has a stock of prekeys at its home.
func (p *post) stocked(t *testing.T, c *Client) {
	t.Helper()
	until(t, "a stock at the home", func() (ok bool) {
		p.edit(func() { ok = p.stocks[c.acc.Device] != nil })
		return ok && !c.stockless.Load()
	})
}

// second gives an account another device, which runs.
func (s *somebody) second(t *testing.T) *somebody {
	t.Helper()
	now := time.Now()
	dev, err := pgp.GenerateDevice(s.Client.cfg.rand(), "second", now)
	must(t, err)
	req, err := dev.Request(t.Context(), s.soft.Public(), now)
	must(t, err)
	cert, err := pgp.AddDevice(t.Context(), s.soft, s.certificate(), req, now)
	must(t, err)
	d := &somebody{p: s.p, cfg: s.cfg}
	d.cfg.Home = filepath.Join(t.TempDir(), "second")
	must(t, os.Mkdir(d.cfg.Home, 0o700))
	must(t, writeKeys(d.cfg, nil, dev, cert))
	acc := *s.acc
	acc.Device, acc.DeviceName, acc.Primary = dev.Signing.Public().Fingerprint(), "second", PrimaryOther
	must(t, acc.save(d.cfg.Home))
	s.p.edit(func() { s.p.boxes[acc.Device] = &box{account: acc.Fingerprint} }) // what it is told at once waits for it
	s.publishAs(t, cert)
	d.open(t)
	return d
}

// publishAs has the cloud know another certificate of an account.
func (s *somebody) publishAs(t *testing.T, cert *pgp.Certificate) {
	t.Helper()
	id, err := pgp.NewIdentity(cert, s.secrets)
	must(t, err)
	s.p.put(entryOf(t, id, s.p.id.Account(), uint64(time.Now().UnixMilli())), cert.Fingerprint())
	must(t, s.useCertificate(cert))
}

// know has somebody look an account up again.
func (s *somebody) look(t *testing.T, fp omega.Fingerprint) {
	t.Helper()
	must(t, s.db.Update(t.Context(), func(tx *history.Tx) error {
		p, err := tx.Peer(fp)
		if err != nil {
			return ignoreNotFound(err)
		}
		p.Checked = time.Time{}
		return tx.PutPeer(p)
	}))
}

// say sends a text in the secure chat with somebody.
func (s *somebody) say(t *testing.T, to *somebody, text, wait string) omega.ID {
	t.Helper()
	id, err := s.newID()
	must(t, err)
	r, err := clientrpc.Send.Call(t.Context(), s.Client, clientrpc.SendParams{
		ID: id, To: to.acc.Fingerprint.String(), Text: text, Secure: true, Wait: wait, Timeout: time.Minute,
	})
	must(t, err)
	if wait != waitNone && order(r.State) < order(wait) {
		t.Fatalf("%q is %s, want %s: %v", text, r.State, wait, r.Why)
	}
	return id
}

// secrets are the texts of the secure chat with somebody, as they stand in the history.
func (s *somebody) secretTexts(t *testing.T, with *somebody) (out []string) {
	t.Helper()
	must(t, s.db.View(context.Background(), func(tx *history.Tx) error {
		return tx.All(s.secureChat(with.acc.Fingerprint), func(r *history.Row) error {
			if r.Verified && r.Secure {
				out = append(out, r.Now().Text)
			}
			return nil
		})
	}))
	return out
}

// without is the account's certificate with a device revoked.
func (s *somebody) without(t *testing.T, device omega.Fingerprint) *pgp.Certificate {
	t.Helper()
	cert, err := pgp.RevokeDevice(t.Context(), s.soft, s.certificate(), device, pgp.ReasonRetired, time.Now())
	must(t, err)
	return cert
}

// epochs are those of the secure chat with somebody whose keys are here.
func (s *somebody) epochs(t *testing.T, with *somebody) (out []*secure.Epoch) {
	t.Helper()
	must(t, s.db.View(t.Context(), func(tx *history.Tx) error {
		b, err := s.secureBookOf(tx, s.roomWith(with.acc.Fingerprint))
		out = b.Epochs
		return err
	}))
	return out
}

// A drift is a clock that goes on, and that a test sets ahead.
type drift struct{ ahead atomic.Int64 }

func (d *drift) now() time.Time { return time.Now().Add(time.Duration(d.ahead.Load())) }

func (d *drift) move(by time.Duration) { d.ahead.Add(int64(by)) }
