package proxy

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/keyserver"
	"github.com/omega-im/omega/mailbox"
	"github.com/omega-im/omega/transport"
	"github.com/omega-im/omega/wire"
)

// sink is a connection whose client takes everything at once.
type sink struct {
	peer transport.Peer
	sent atomic.Int64 // answers
	mail atomic.Int64
	wake chan struct{} // capacity 1, after every answer
	ack  func(frame []byte)
}

func (c *sink) Peer() transport.Peer                      { return c.peer }
func (c *sink) ReleaseCertificate()                       {}
func (c *sink) Rest()                                     {}
func (c *sink) ReadFrame() (wire.Frame, error)            { return wire.Frame{}, transport.ErrClosed }
func (c *sink) SendFrame(wire.Type, uint32, []byte) error { return nil }
func (c *sink) Queued() int                               { return 0 }
func (c *sink) Close() error                              { return nil }
func (c *sink) CloseAfterFlush()                          {}
func (c *sink) Send(frame []byte) error {
	switch wire.Type(frame[3]) {
	case wire.TypeSent:
		c.sent.Add(1)
		select {
		case c.wake <- struct{}{}:
		default:
		}
	case wire.TypeMail:
		c.mail.Add(1)
		c.ack(frame)
	}
	return nil
}

// BenchmarkDeliver sends 512-octet messages from one session to another on one
// server: everything but the connection and the disk. Nobody is a stranger to who has no
// list of tokens; to the others the sender is known by one.
func BenchmarkDeliver(b *testing.B) {
	for _, known := range []int{0, 1, 500, omega.MaxTokens} {
		b.Run(fmt.Sprint("tokens=", known), func(b *testing.B) { benchmarkDeliver(b, known) })
	}
}

func benchmarkDeliver(b *testing.B, known int) {
	p, _ := lone(b)
	alice, bob := newPerson(b, 1), newPerson(b, 1)
	here := &testServer{id: p.cfg.Identity}
	for _, who := range []*testPerson{alice, bob} {
		if _, _, err := p.cfg.Keys.Accept(b.Context(), keyserver.FromSession, who.entry(here)); err != nil {
			b.Fatal(err)
		}
	}
	open := func(who *testPerson) (*session, *sink) {
		c := &sink{peer: transport.Peer{Account: who.fp(), Device: who.device(0), Role: transport.RoleClient}, wake: make(chan struct{}, 1)}
		s := &session{p: p, c: c, account: who.fp(), device: who.device(0), flow: flow{room: make(chan struct{}, 1)}}
		p.enter(s)
		b.Cleanup(func() { p.leave(s) })
		return s, c
	}
	p.cfg.SendRate = -1
	from, answers := open(alice)
	to, mails := open(bob)
	client := newClient(bob, 0)
	lease := client.lease(here, nil, here)
	acks := make(chan uint64, 1<<16)
	mails.ack = func(frame []byte) {
		m, err := wire.DecodeMail(frame[wire.HeaderSize:])
		if err != nil {
			b.Error(err)
		}
		acks <- m.Seq // never closed: a pump may still push when all is answered
	}
	p.home.attach(b.Context(), p.self, lease.Bytes(), to, func(a wire.Attached) {
		if a.Code != omega.CodeOK {
			b.Fatal(a.Code)
		}
	})
	// The device acknowledges every 32nd mail.
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		n := 0
		key := client.keys[p.self]
		for {
			var seq uint64
			select {
			case seq = <-acks:
			case <-stop:
				return
			}
			if n++; n%32 == 0 {
				a := wire.Ack{Home: p.self, Device: bob.device(0), Seq: seq}
				a.MAC = key.MAC(&a)
				p.home.acknowledge(b.Context(), &a)
			}
		}
	}()
	env := newClient(alice, 0).envelope(string(make([]byte, 400)), bob)
	if known > 0 {
		list := make([]omega.Token, known)
		for i := range list {
			list[i] = omega.Token{byte(i >> 8), byte(i), 1}
		}
		if _, err := p.cfg.Mail.SetTokens(b.Context(), bob.fp(), mailbox.Tokens{Made: 1, List: list}); err != nil {
			b.Fatal(err)
		}
		env = newClient(alice, 0).with(string(make([]byte, 400)), wire.ClassText, list[known/2:known/2+1], bob)
	}
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		env[8], env[9], env[10], env[11] = byte(i), byte(i>>8), byte(i>>16), byte(i>>24)
		from.send(b.Context(), wire.Frame{Type: wire.TypeSend, Tag: uint32(i + 1), Body: env})
		for int64(i)-answers.sent.Load() > 64 {
			<-answers.wake
		}
	}
	for answers.sent.Load() < int64(b.N) {
		time.Sleep(time.Millisecond)
	}
	b.StopTimer()
	close(stop)
	<-done
	b.ReportMetric(float64(mails.mail.Load())/float64(b.N), "pushed/op")
}
