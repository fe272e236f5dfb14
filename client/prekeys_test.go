package client

import (
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat/secure"
	"github.com/omega-im/omega/history"
	"github.com/omega-im/omega/wire"
)

// A stockHome is what a fake proxy keeps of prekeys, of one device.
type stockHome struct {
	stock *wire.PrekeyStock // newest
	puts  int
	left  uint8 // that it tells
	code  omega.Code
}

// keepPrekeys has the proxy answer about prekeys as a home.
func (p *fakeProxy) keepPrekeys(h *stockHome) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.answer = func(f wire.Frame) (wire.Type, []byte) {
		switch f.Type {
		case wire.TypePrekeyPut, wire.TypePrekeyLook:
		default:
			return 0, nil
		}
		if h.code != omega.CodeOK {
			return wire.TypeError, wire.AppendStatus(nil, h.code, "")
		}
		if f.Type == wire.TypePrekeyPut {
			w, err := wire.DecodePrekeyStock(append([]byte(nil), f.Body...))
			if err != nil {
				return wire.TypeError, wire.AppendStatus(nil, omega.CodeBadRequest, "")
			}
			h.stock, h.left = w, uint8(len(w.Once))
			h.puts++
		}
		c := wire.PrekeyCount{Made: time.UnixMilli(0), Left: h.left}
		if h.stock != nil {
			c.Made = h.stock.Made
		}
		return wire.TypePrekeyCount, wire.AppendPrekeyCount(nil, c)
	}
}

func (p *fakeProxy) edit(f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f()
}

// TestPrekeysTended: a device puts a stock where there is none, and then only when
// it is low, old, or one whose secrets it does not have.
func TestPrekeysTended(t *testing.T) {
	p, h := newFakeProxy(t), &stockHome{}
	p.keepPrekeys(h)
	c := p.newCore(t)
	puts := func() (n int) {
		p.edit(func() { n = h.puts })
		return n
	}
	until(t, "a stock at the home", func() bool { return puts() == 1 })
	home := p.id.Account()
	w := h.stock
	if w.Home != home || w.User != c.acc.Fingerprint || w.Device != c.acc.Device || len(w.Once) != wire.MaxStock {
		t.Fatalf("stock of %s of %s for %s with %d", w.Device, w.User, w.Home, len(w.Once))
	}
	seen := map[secure.Hash]bool{}
	for i, b := range append([][]byte{w.Week}, w.Once...) {
		k, err := secure.ParsePrekey(b)
		must(t, err)
		want := secure.UseOnce
		if i == 0 {
			want = secure.UseWeek
		}
		if err := k.Verify(c.identity().Signer.Public(), c.acc.Fingerprint, time.Now()); err != nil || k.Use != want || seen[k.Hash()] {
			t.Fatalf("prekey %d: %s, %v", i, k.Use, err)
		}
		seen[k.Hash()] = true
		must(t, c.db.View(t.Context(), func(tx *history.Tx) error {
			secrets, err := tx.Prekeys(k.Key.KeyID())
			if len(secrets) != 1 || secure.HashPrekey(secrets[0].Secret.Public()) != k.Hash() {
				t.Fatalf("secrets of prekey %d: %d", i, len(secrets))
			}
			return err
		}))
	}
	s, err := c.online()
	must(t, err)
	for _, tt := range []struct {
		what string
		edit func()
		puts bool
	}{
		{"enough", func() {}, false},
		{"few", func() { h.left = stockLow }, true},
		{"old", func() { h.stock.Made = h.stock.Made.Add(-stockAge) }, true},
		{"of another database", func() { h.stock.Made = h.stock.Made.Add(-time.Millisecond) }, true},
		{"lost", func() { h.stock = nil }, true},
	} {
		before := puts()
		p.edit(tt.edit)
		must(t, c.tendStock(t.Context(), s, home))
		if got := puts() > before; got != tt.puts {
			t.Errorf("%s: another stock %v, want %v", tt.what, got, tt.puts)
		}
	}
	p.edit(func() { h.code = omega.CodeUnavailable })
	if err := c.tendStock(t.Context(), s, home); !isCode(err, omega.CodeUnavailable) {
		t.Errorf("a home that is away: %v", err)
	}
	if _, err := c.online(); err != nil {
		t.Errorf("and the session: %v", err)
	}
}
