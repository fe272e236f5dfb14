package client

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/archive"
	"github.com/omega-im/omega/chat"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/history"
	"github.com/omega-im/omega/pgp"
)

// secondDevice makes another device of c's account, in a home of its own, that is not
// connected. Both know of it.
func secondDevice(t *testing.T, c *Client) *Client {
	t.Helper()
	now := time.Now()
	dev, err := pgp.GenerateDevice(rand.Reader, "second", now)
	must(t, err)
	req, err := dev.Request(t.Context(), c.certificate().Primary(), now)
	must(t, err)
	cert, err := pgp.AddDevice(t.Context(), c.soft, c.certificate(), req, now.Add(time.Second))
	must(t, err)
	must(t, c.useCertificate(cert))
	cfg := Config{Home: filepath.Join(t.TempDir(), "second"), Name: "x"}
	must(t, os.MkdirAll(cfg.Home, 0o700))
	must(t, writeKeys(cfg, nil, dev, cert))
	acc := *c.acc
	acc.Device, acc.Primary = dev.Signing.Public().Fingerprint(), PrimaryOther
	must(t, acc.save(cfg.Home))
	c2, err := Open(t.Context(), cfg)
	must(t, err)
	t.Cleanup(func() { c2.Close() })
	return c2
}

// aHistory is what the first core has from some messages of a stranger, and their
// texts; the second device and the handover with which it begins.
func aHistory(t *testing.T, n int) (c, c2 *Client, s *stranger, sealed []byte, h *history.Handover) {
	t.Helper()
	p := newFakeProxy(t)
	c = p.newCore(t)
	s = p.newStranger(t, c, "peer")
	_, err := clientrpc.AddContact.Call(t.Context(), c, clientrpc.AddContactParams{ContactRef: clientrpc.ContactRef{Account: s.id.String()}}) // of strangers little is taken in
	must(t, err)
	for i := range n {
		p.push(t, s.seal(t, c, fmt.Sprintf("text %d", i))...)
	}
	until(t, "all came", func() bool {
		var got int
		must(t, c.db.View(t.Context(), func(tx *history.Tx) (err error) {
			got, err = tx.CountHanded()
			return err
		}))
		return got == n
	})
	c2 = secondDevice(t, c)
	d, _ := c.certificate().Device(c2.acc.Device)
	ref, total, err := c.makeHistory(t.Context(), &d)
	must(t, err)
	sealed, err = os.ReadFile(c.blobPath(ref.Name))
	must(t, err)
	h = &history.Handover{Device: c.acc.Device, State: history.HandoverOffered, Since: time.Now(), Ref: ref, Servers: []omega.Fingerprint{p.id.Account()}, Total: total}
	must(t, c2.db.Update(t.Context(), func(tx *history.Tx) error { return tx.PutHandover(h) }))
	return c, c2, s, sealed, h
}

// takeFrom has a core take in a history as the taking part of a handover does.
func takeFrom(ctx context.Context, c *Client, h *history.Handover, sealed io.Reader) error {
	return pgp.DecryptTo(ctx, sealed, c.identity().Decrypter, func(r io.Reader) error {
		in, err := archive.NewHandoverReader(r)
		if err != nil {
			return err
		}
		return (&taker{c: c, h: h, in: in, chats: map[omega.ChatID]archive.HandedChat{}, imports: map[int64]bool{}}).run(ctx)
	})
}

// A history that is broken off goes on where it was, and has nothing twice, however
// often that happens.
func TestHistoryGoesOn(t *testing.T) {
	const n = 450
	_, c2, s, sealed, h := aHistory(t, n)
	for at := len(sealed) / 4; at < len(sealed); at += len(sealed) / 4 {
		if err := takeFrom(t.Context(), c2, h, bytes.NewReader(sealed[:at])); err == nil {
			t.Fatalf("%d of %d octets are enough", at, len(sealed))
		}
		must(t, c2.db.View(t.Context(), func(tx *history.Tx) (err error) { // as after a start
			h, err = tx.Handover(h.Device, false)
			return err
		}))
	}
	if h.Taken == 0 {
		t.Fatal("nothing was taken of three quarters")
	}
	before := h.Taken
	must(t, takeFrom(t.Context(), c2, h, bytes.NewReader(sealed)))
	if h.Taken <= before {
		t.Errorf("%d lines, then %d", before, h.Taken)
	}
	must(t, takeFrom(t.Context(), c2, h, bytes.NewReader(sealed))) // and once more
	var texts []string
	must(t, c2.db.View(t.Context(), func(tx *history.Tx) error {
		return tx.All(omega.DirectChat(c2.acc.Fingerprint, s.id), func(r *history.Row) error {
			if !r.Verified || r.Problem != chat.ProblemNone {
				t.Errorf("%q: %q", r.Content.Text, r.Problem)
			}
			texts = append(texts, r.Content.Text)
			return nil
		})
	}))
	for i := range n {
		if len(texts) != n || texts[i] != fmt.Sprintf("text %d", i) {
			t.Fatalf("%d texts, number %d is %q", len(texts), i, texts[min(i, len(texts)-1)])
		}
	}
	// It stands in front of what comes.
	must(t, c2.db.Update(t.Context(), func(tx *history.Tx) error {
		at, err := tx.PutMessage(&history.Row{Message: chat.Message{
			Chat: omega.DirectChat(c2.acc.Fingerprint, s.id), Peer: s.id, From: s.id, Content: chat.NewText("now"), Time: time.Now(),
		}})
		if err == nil && at <= h.Base-1 {
			t.Errorf("what comes stands at %d, the last of the history at %d", at, h.Base-1)
		}
		return err
	}))
}

// A device that lies in a history is not believed: what has no signature of its author
// is not verified, and acts on nothing.
func TestHistoryIsProven(t *testing.T) {
	c, c2, s, _, h := aHistory(t, 1)
	must(t, c2.db.Update(t.Context(), func(tx *history.Tx) error { // s is known
		return tx.PutPeer(&history.Peer{Fingerprint: s.id, Certificate: s.me.Certificate.Bytes(), Checked: time.Now()})
	}))
	var row history.Row
	must(t, c.db.View(t.Context(), func(tx *history.Tx) error {
		rows, err := tx.Handed(0, 1)
		row = rows[0]
		return err
	}))
	self := omega.DirectChat(c2.acc.Fingerprint, s.id)
	tk := &taker{c: c2, h: h, chats: map[omega.ChatID]archive.HandedChat{self: {ID: self, Kind: archive.HandedDirect, Peer: s.id}}, imports: map[int64]bool{}}
	good := archive.HandedMessage{Chat: self, Transcript: string(row.Transcript), Signature: row.Signature[:], Verified: true}
	again, err := row.Again(self)
	must(t, err)
	good.Content = again.Resent.Content
	changed := good
	changed.Content = nil
	changed.Transcript = string(bytes.Replace(row.Transcript, []byte("text 0"), []byte("text 9"), 1))
	for _, tt := range []struct {
		name    string
		in      archive.HandedMessage
		want    chat.Problem
		refused bool
	}{
		{"as it was", good, chat.ProblemNone, false},
		{"another text", changed, chat.ProblemSignature, false},
		{"another signature", with(good, func(m *archive.HandedMessage) { m.Signature = append([]byte{1}, m.Signature[1:]...) }), chat.ProblemSignature, false},
		{"another chat", with(good, func(m *archive.HandedMessage) { m.Chat = omega.ChatID{9} }), "", true},
		{"no signature", with(good, func(m *archive.HandedMessage) {
			m.Transcript, m.Link, m.Kind, m.Text = "", make([]byte, 16), "text", "pay"
		}), "", true},
		{"an own state", with(good, func(m *archive.HandedMessage) { m.Own, m.State = true, clientrpc.StateRead }), chat.ProblemNone, false},
		{"a line of nobody's", with(good, func(m *archive.HandedMessage) {
			m.Transcript, m.Link, m.Kind, m.Service = "", make([]byte, 16), "text", true
		}), "", true},
	} {
		must(t, c2.db.View(t.Context(), func(tx *history.Tx) error {
			ch, ok := tk.chats[tt.in.Chat]
			if !ok {
				if !tt.refused {
					t.Errorf("%s: no chat", tt.name)
				}
				return nil
			}
			got, err := tk.row(tx, &tt.in, &ch)
			refused := errors.Is(err, archive.ErrHandover) || errors.Is(err, chat.ErrMalformed)
			switch {
			case refused != tt.refused:
				t.Errorf("%s: %v", tt.name, err)
			case err == nil && (got.Problem != tt.want || got.Verified != (tt.want == chat.ProblemNone) || got.Own || got.State != ""):
				t.Errorf("%s: problem %q, verified %v, own %v, state %q", tt.name, got.Problem, got.Verified, got.Own, got.State)
			}
			return nil
		}))
	}
}

func with(m archive.HandedMessage, change func(*archive.HandedMessage)) archive.HandedMessage {
	change(&m)
	return m
}

// Only a device that was there before this one has a history for it.
func TestOlderDevice(t *testing.T) {
	p := newFakeProxy(t)
	c := p.newCore(t)
	c2 := secondDevice(t, c)
	if !c2.olderDevice(c.acc.Device) || c.olderDevice(c2.acc.Device) || c.olderDevice(c.acc.Device) || c.olderDevice(omega.Fingerprint{}) {
		t.Error("who was there first?")
	}
}
