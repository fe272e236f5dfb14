package client

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/history"
	"github.com/omega-im/omega/wire"
)

// unknown has the proxy say of one account that it cannot say.
func (p *fakeProxy) unknown(fp omega.Fingerprint, code omega.Code) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.answer = func(f wire.Frame) (wire.Type, []byte) {
		if asked, _, err := omega.DecodeFingerprint(f.Body); f.Type == wire.TypeLookup && err == nil && asked == fp && code != omega.CodeOK {
			return wire.TypeError, wire.AppendStatus(nil, code, "")
		}
		return 0, nil
	}
}

// renamed seals a text under a key of its own: the sender has another name each
// time.
func (s *stranger) renamed(t *testing.T, c *Client, text string) []wire.Mail {
	t.Helper()
	var err error
	s.sender, err = chat.NewSender(s.me, c.cfg.rand(), text, s.sender.State())
	must(t, err)
	return s.seal(t, c, text)
}

func (c *Client) aside(t *testing.T) (n int) {
	t.Helper()
	must(t, c.db.View(t.Context(), func(tx *history.Tx) (err error) { n, err = tx.CountAside(); return err }))
	return n
}

// texts returns the verified texts of an account in the order in which they came.
func (c *Client) texts(t *testing.T, from omega.Fingerprint) (out []string) {
	t.Helper()
	must(t, c.db.View(t.Context(), func(tx *history.Tx) error {
		return tx.All(omega.DirectChat(c.acc.Fingerprint, from), func(r *history.Row) error {
			if r.Verified {
				out = append(out, r.Content.Text)
			}
			return nil
		})
	}))
	return out
}

func (p *fakeProxy) acked(t *testing.T) (last uint64) {
	t.Helper()
	for _, b := range p.frames(wire.TypeAck) {
		a, err := wire.DecodeAck(b)
		must(t, err)
		last = max(last, a.Seq)
	}
	return last
}

// TestUnknownSender: hundreds of mails of somebody whom no server can tell of now
// hold up nobody: what others send after them is read at once, and all is
// acknowledged. They are opened, in order, when their sender is known, by another
// core than the one that took them in. (spec/delivery.md, DELIV-43)
func TestUnknownSender(t *testing.T) {
	p := newFakeProxy(t)
	cfg := p.newHome(t)
	open := func() (*Client, func()) {
		c, err := Open(t.Context(), cfg)
		must(t, err)
		stop := sync.OnceFunc(c.start(t))
		t.Cleanup(stop)
		until(t, "attached", func() bool {
			c.mu.Lock()
			defer c.mu.Unlock()
			h := c.homes[p.id.Account()]
			return c.session != nil && h != nil && h.attached
		})
		return c, stop
	}
	c, stop := open()
	friend, newcomer, unknown := p.newStranger(t, c, "friend"), p.newStranger(t, c, "newcomer"), p.newStranger(t, c, "unknown")
	p.unknown(unknown.id, omega.CodeUnavailable)
	p.push(t, friend.seal(t, c, "before")...)

	const n = 150
	var want []string
	for i := range n {
		text := fmt.Sprint("text ", i)
		want = append(want, text)
		p.push(t, unknown.renamed(t, c, text)...)
	}
	p.push(t, friend.seal(t, c, "after")...)
	p.push(t, friend.renamed(t, c, "another key")...)
	p.push(t, newcomer.seal(t, c, "hello")...)
	until(t, "what others sent is here", func() bool { return len(c.texts(t, friend.id)) == 3 && len(c.texts(t, newcomer.id)) == 1 })
	until(t, "all is acknowledged", func() bool { return p.acked(t) == p.pushed })
	if got := c.aside(t); got != n {
		t.Errorf("%d mails are aside, want %d", got, n)
	}
	st, err := clientrpc.Status.Call(t.Context(), c, clientrpc.None{})
	if err != nil || st.Parked != 2*n {
		t.Errorf("%d mails wait by the status, want %d; %v", st.Parked, 2*n, err)
	}

	stop()
	p.mu.Lock()
	p.attached.Cursor = p.pushed
	p.mu.Unlock()
	c, _ = open()
	p.push(t, unknown.renamed(t, c, "last")...)
	want = append(want, "last")
	until(t, "the last one is aside", func() bool { return c.aside(t) == n+1 })
	if got := c.texts(t, unknown.id); len(got) > 0 {
		t.Errorf("%d texts of somebody unknown count as verified", len(got))
	}

	p.unknown(unknown.id, omega.CodeOK)
	until(t, "all are opened", func() bool { return len(c.texts(t, unknown.id)) == n+1 })
	for i, got := range c.texts(t, unknown.id) {
		if got != want[i] {
			t.Fatalf("text %d is %q, want %q", i, got, want[i])
		}
	}
	if got := c.aside(t); got != 0 {
		t.Errorf("%d mails are still aside", got)
	}
}

// TestUnknownSenderNotThere: mail of somebody who turns out not to be there is
// let go.
func TestUnknownSenderNotThere(t *testing.T) {
	p := newFakeProxy(t)
	c := p.newCore(t)
	unknown := p.newStranger(t, c, "unknown")
	p.unknown(unknown.id, omega.CodeUnavailable)
	p.push(t, unknown.seal(t, c, "x")...)
	until(t, "it is aside", func() bool { return c.aside(t) == 1 })
	p.unknown(unknown.id, omega.CodeNotFound)
	until(t, "it is let go", func() bool { return c.aside(t) == 0 })
	if got := c.texts(t, unknown.id); len(got) > 0 {
		t.Errorf("%d texts of nobody count as verified", len(got))
	}
	c.mu.Lock()
	left := len(c.unsure)
	c.mu.Unlock()
	if left != 0 {
		t.Errorf("%d accounts are still looked for", left)
	}
}

// TestUnknownSenderQuota: what is more than a sender's share is refused, and
// nothing waits for it.
func TestUnknownSenderQuota(t *testing.T) {
	p := newFakeProxy(t)
	c := p.newCore(t)
	unknown := p.newStranger(t, c, "unknown")
	p.unknown(unknown.id, omega.CodeUnavailable)
	for i := range 300 {
		p.push(t, unknown.renamed(t, c, fmt.Sprint(i))[0])
	}
	until(t, "all is acknowledged", func() bool { return p.acked(t) == p.pushed })
	if got := c.aside(t); got != 256 {
		t.Errorf("%d are aside, want 256", got)
	}
}

// TestSessionEndsWithCause: where this side ends a session, the person is told
// why, and not that a connection is closed.
func TestSessionEndsWithCause(t *testing.T) {
	p := newFakeProxy(t)
	c := p.newCore(t)
	s, err := c.online()
	must(t, err)
	p.mu.Lock()
	p.mute = func(wire.Frame) bool { return true } // the next session is of no use
	p.mu.Unlock()
	s.end(errors.New("mail not taken in: no such table"))
	until(t, "the cause is shown", func() bool {
		st, err := clientrpc.Status.Call(t.Context(), c, clientrpc.None{})
		must(t, err)
		return st.Problem != nil && strings.Contains(st.Problem.Cause, "no such table")
	})
}
