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
	sent atomic.Int64  // answers
	mail *atomic.Int64 // of all of a line
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
		b.Run(fmt.Sprint("tokens=", known), func(b *testing.B) {
			l := newLine(b)
			env := l.reader(b, known)
			b.ReportAllocs()
			b.ResetTimer()
			l.send(b, env, b.N)
			b.StopTimer()
			b.ReportMetric(float64(l.mail.Load())/float64(b.N), "pushed/op")
		})
	}
}

// BenchmarkTokenCost is what one message to an account with the longest list of tokens takes
// of what one to an account without takes: both by turns in one run, so that whatever else
// the machine does falls on both.
func BenchmarkTokenCost(b *testing.B) {
	const turn = 500
	l := newLine(b)
	var took [2]time.Duration
	envs := [2][]byte{l.reader(b, 0), l.reader(b, omega.MaxTokens)}
	l.send(b, envs[0], turn)
	l.send(b, envs[1], turn)
	b.ResetTimer()
	for n := 0; n < b.N; n += turn {
		for _, i := range [][2]int{{0, 1}, {1, 0}}[n/turn%2] {
			start := time.Now()
			l.send(b, envs[i], min(turn, b.N-n))
			took[i] += time.Since(start)
		}
	}
	b.StopTimer()
	b.ReportMetric(float64(took[1])/float64(took[0]), "with/without")
}

// A line is one server with a session that sends.
type line struct {
	p       *Proxy
	here    *testServer
	alice   *testPerson
	from    *session
	answers *sink
	mail    *atomic.Int64 // that was pushed
	sent    int64
}

func newLine(b *testing.B) *line {
	p, _ := lone(b)
	l := &line{p: p, here: &testServer{id: p.cfg.Identity}, alice: newPerson(b, 1), mail: new(atomic.Int64)}
	l.p.cfg.SendRate = -1
	l.from, l.answers = l.open(b, l.alice)
	return l
}

// open registers somebody and begins a session.
func (l *line) open(b *testing.B, who *testPerson) (*session, *sink) {
	if _, _, err := l.p.cfg.Keys.Accept(b.Context(), keyserver.FromSession, who.entry(l.here)); err != nil {
		b.Fatal(err)
	}
	c := &sink{peer: transport.Peer{Account: who.fp(), Device: who.device(0), Role: transport.RoleClient}, wake: make(chan struct{}, 1), mail: l.mail}
	s := &session{p: l.p, c: c, account: who.fp(), device: who.device(0), flow: flow{room: make(chan struct{}, 1)}}
	l.p.enter(s)
	b.Cleanup(func() { l.p.leave(s) })
	return s, c
}

// reader is somebody with a list of so many tokens, 0: without a list, whose device
// acknowledges every 32nd mail. It returns an envelope to it.
func (l *line) reader(b *testing.B, known int) []byte {
	bob := newPerson(b, 1)
	to, mails := l.open(b, bob)
	client := newClient(bob, 0)
	acks := make(chan uint64, 1<<16)
	mails.ack = func(frame []byte) {
		m, err := wire.DecodeMail(frame[wire.HeaderSize:])
		if err != nil {
			b.Error(err)
		}
		acks <- m.Seq // never closed: a pump may still push when all is answered
	}
	l.p.home.attach(b.Context(), l.p.self, client.lease(l.here, nil, l.here).Bytes(), to, func(a wire.Attached) {
		if a.Code != omega.CodeOK {
			b.Fatal(a.Code)
		}
	})
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		n := 0
		key := client.keys[l.p.self]
		for {
			var seq uint64
			select {
			case seq = <-acks:
			case <-stop:
				return
			}
			if n++; n%32 == 0 {
				a := wire.Ack{Home: l.p.self, Device: bob.device(0), Seq: seq}
				a.MAC = key.MAC(&a)
				l.p.home.acknowledge(b.Context(), &a)
			}
		}
	}()
	b.Cleanup(func() { close(stop); <-done })
	text := string(make([]byte, 400))
	if known == 0 {
		return newClient(l.alice, 0).envelope(text, bob)
	}
	list := make([]omega.Token, known)
	for i := range list {
		list[i] = omega.Token{byte(i >> 8), byte(i), 1}
	}
	if _, err := l.p.cfg.Mail.SetTokens(b.Context(), bob.fp(), mailbox.Tokens{Made: 1, List: list}); err != nil {
		b.Fatal(err)
	}
	return newClient(l.alice, 0).with(text, wire.ClassText, list[known/2:known/2+1], bob)
}

// send sends n messages, of which 64 may be without an answer at once, and returns when
// all have one.
func (l *line) send(b *testing.B, env []byte, n int) {
	for range n {
		l.sent++
		env[8], env[9], env[10], env[11] = byte(l.sent), byte(l.sent>>8), byte(l.sent>>16), byte(l.sent>>24)
		l.from.send(b.Context(), wire.Frame{Type: wire.TypeSend, Tag: uint32(l.sent), Body: env})
		l.await(64)
	}
	l.await(0)
}

// await waits until at most so many messages have no answer.
func (l *line) await(open int64) {
	for l.sent-l.answers.sent.Load() > open {
		<-l.answers.wake
	}
}
