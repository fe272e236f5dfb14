package client

import (
	"testing"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/history"
	"github.com/omega-im/omega/pgp"
)

// Who removed a device is who has to be named when that is contested.
func TestRemover(t *testing.T) {
	device := func(b byte) omega.Fingerprint {
		fp, err := omega.FingerprintV4(append(make([]byte, 19), b))
		if err != nil {
			t.Fatal(err)
		}
		return fp
	}
	desk, laptop, phone, tablet := device(1), device(2), device(3), device(4)
	words := []pgp.Word{
		{By: tablet, About: laptop, State: pgp.WordVoid},
		{By: phone, About: laptop, State: pgp.WordStands},
		{By: tablet, About: desk, State: pgp.WordVoid},
		{By: tablet, About: phone, State: pgp.WordContested},
		{By: desk, About: tablet, State: pgp.WordContested},
		{By: phone, About: tablet, State: pgp.WordStands},
	}
	for _, row := range []struct {
		what         string
		device, want omega.Fingerprint
	}{
		{"removed, once in vain", laptop, phone},
		{"removed in vain", desk, omega.Fingerprint{}},
		{"contested", phone, tablet},
		{"what stands before what is contested", tablet, phone},
	} {
		w, ok := remover(words, row.device)
		if w.By != row.want || ok == row.want.IsZero() {
			t.Errorf("%s: by %s (%t), want %s", row.what, w.By, ok, row.want)
		}
	}
}

// TestOwnApproval: who lets a device in at this one is not asked about it, however soon
// the line comes; one that nobody here let in is asked about. (spec/chat.md, CHAT-42)
func TestOwnApproval(t *testing.T) {
	p := newFakeProxy(t)
	c := p.newCore(t)
	for _, approved := range []bool{true, false} {
		now := c.cfg.now()
		dev, err := pgp.GenerateDevice(c.cfg.rand(), "手機", now)
		must(t, err)
		primary, err := c.primary(t.Context())
		must(t, err)
		req, err := dev.Request(t.Context(), primary.Public(), now)
		must(t, err)
		cert, err := pgp.AddDevice(t.Context(), primary, c.certificate(), req, now)
		must(t, err)
		end := func() {}
		if approved {
			end = c.beginApproving(dev.Signing.Public().Fingerprint())
		}
		must(t, c.db.Update(t.Context(), func(tx *history.Tx) error { return c.noteDevices(tx, c.certificate(), cert) }))
		end()
		news, err := c.unseenNews(t.Context(), 0)
		must(t, err)
		if asked := len(news) > 0; asked == approved {
			t.Errorf("approved here: %t, asked about: %+v", approved, news)
		}
	}
	if c.isApproving(c.acc.Device) || len(c.approving) > 0 {
		t.Errorf("still approving %v", c.approving)
	}
}
