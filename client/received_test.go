package client

import (
	"math"
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/pgp"
	"github.com/omega-im/omega/wire"
)

// A stranger seals messages to a core as their own client would.
type stranger struct {
	sender *chat.Sender
	roster *chat.Roster
	me     *pgp.Identity
	id     omega.Fingerprint
}

// newStranger makes an account that the proxy knows.
func (p *fakeProxy) newStranger(t *testing.T, c *Client, name string) *stranger {
	t.Helper()
	id := newIdentity(t, name)
	p.put(entryOf(t, id, p.id.Account(), 1), id.Account())
	roster, err := chat.NewRoster(id.Certificate, id.Device(), c.certificate(), time.Now())
	must(t, err)
	sender, err := chat.NewSender(id, c.cfg.rand(), name, chat.SenderState{Chat: roster.Chat})
	must(t, err)
	return &stranger{sender, roster, id, id.Account()}
}

// seal makes the mails of one text: the key record, if there is a new key, and
// the message.
func (s *stranger) seal(t *testing.T, c *Client, text string) []wire.Mail {
	t.Helper()
	sealed, err := s.sender.Seal(t.Context(), time.Now(), s.roster, chat.NewText(text))
	must(t, err)
	var out []wire.Mail
	if sealed.KeyRecord != nil {
		out = append(out, s.mail(t, c, sealed.KeyID, sealed.KeyRecord))
	}
	return append(out, s.mail(t, c, sealed.Message.ID, sealed.Payload))
}

func (s *stranger) mail(t *testing.T, c *Client, id omega.ID, payload []byte) wire.Mail {
	t.Helper()
	env := wire.Envelope{
		Class: wire.ClassText, ID: id, Lifetime: omega.DefaultLifetime, Sender: s.id,
		Recipients: []omega.Fingerprint{c.acc.Fingerprint}, Payload: payload,
	}
	b, err := env.AppendTo(nil)
	must(t, err)
	return wire.Mail{Device: c.acc.Device, Received: uint64(time.Now().UnixMilli()), Envelope: b}
}

// push sends mails in order, as a home does.
func (p *fakeProxy) push(t *testing.T, mails ...wire.Mail) {
	t.Helper()
	p.mu.Lock()
	c := p.conns[len(p.conns)-1]
	p.mu.Unlock()
	for _, m := range mails {
		m.Home, m.Prev, m.Seq = p.id.Account(), p.pushed, p.pushed+1
		p.pushed++
		must(t, c.SendFrame(wire.TypeMail, 0, wire.AppendMail(nil, &m)))
	}
}

// TestReceivedNonsense: a home that tells a time that there is not has told
// none. What came with it is shown.
func TestReceivedNonsense(t *testing.T) {
	p := newFakeProxy(t)
	c := p.newCore(t)
	s := p.newStranger(t, c, "peer")
	for _, received := range []uint64{math.MaxUint64, math.MaxInt64, maxReceived + 1, 0} {
		mails := s.seal(t, c, "x")
		for i := range mails {
			mails[i].Received = received
		}
		p.push(t, mails...)
		r, err := clientrpc.Receive.Call(t.Context(), c, clientrpc.ReceiveParams{Count: 1, Timeout: time.Minute})
		if err != nil || len(r.Messages) != 1 {
			t.Fatalf("received at %d: %d messages, %v", received, len(r.Messages), err)
		}
		if m := r.Messages[0]; !m.Verified || !m.Received.IsZero() {
			t.Errorf("received at %d: verified %v, problem %q, received %v", received, m.Verified, m.Problem, m.Received)
		}
	}
	if _, err := clientrpc.History.Call(t.Context(), c, clientrpc.HistoryParams{Chat: s.id.String()}); err != nil {
		t.Error(err)
	}
}
