package client

import (
	"testing"

	"github.com/omega-im/omega/keyserver"
	"github.com/omega-im/omega/wire"
)

// A proxy passes on what a home elsewhere sends, and cannot change it: neither
// mail, nor its place, nor when it came, nor where the home stands. The device
// leaves it without having acknowledged anything.
func TestProofOfMail(t *testing.T) {
	tests := []struct {
		name   string
		change func(*keyserver.AckKey, *wire.Attached, *wire.Mail)
		taken  bool
	}{
		{"as it was", func(*keyserver.AckKey, *wire.Attached, *wire.Mail) {}, true},
		{"no code", func(_ *keyserver.AckKey, _ *wire.Attached, m *wire.Mail) { m.MAC = [wire.MACSize]byte{} }, false},
		{"another place", func(_ *keyserver.AckKey, _ *wire.Attached, m *wire.Mail) { m.Seq = 6 }, false},
		{"another predecessor", func(_ *keyserver.AckKey, _ *wire.Attached, m *wire.Mail) { m.Prev = 3 }, false},
		{"another time", func(_ *keyserver.AckKey, _ *wire.Attached, m *wire.Mail) { m.Received-- }, false},
		{"another envelope", func(_ *keyserver.AckKey, _ *wire.Attached, m *wire.Mail) { m.Envelope = []byte("another one") }, false},
		{"another store", func(k *keyserver.AckKey, _ *wire.Attached, m *wire.Mail) { m.MAC = k.MailMAC(m, [8]byte{8}) }, false},
		{"another cursor", func(_ *keyserver.AckKey, a *wire.Attached, _ *wire.Mail) { a.Cursor = 5 }, false},
		{"no proof of the answer", func(_ *keyserver.AckKey, a *wire.Attached, _ *wire.Mail) { a.MAC = [wire.MACSize]byte{} }, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := newFakeProxy(t)
			c := p.newCore(t)
			home := newIdentity(t, "home")
			p.put(wire.Entry{Certificate: home.Certificate.Bytes()}, home.Account())
			p.put(entryOf(t, c.identity(), home.Account(), 2), c.acc.Fingerprint)
			dev, _ := c.certificate().Device(c.acc.Device)
			key, err := keyserver.NewAckKey(t.Context(), home.Decrypter, dev.Encryption, c.acc.Device, home.Account())
			must(t, err)

			a := wire.Attached{Home: home.Account(), Incarnation: [8]byte{7}, Cursor: 4}
			a.MAC = key.AttachedMAC(&a, c.acc.Device)
			m := wire.Mail{Home: home.Account(), Device: c.acc.Device, Seq: 5, Prev: 4, Received: 1_800_000_000_000, Envelope: []byte("no envelope")}
			m.MAC = key.MailMAC(&m, a.Incarnation)
			tt.change(&key, &a, &m)
			p.mu.Lock()
			sessions := len(p.conns)
			p.attached = a
			last := p.conns[len(p.conns)-1]
			p.mu.Unlock()
			last.Close()

			// The mail comes again and again, as a home sends it.
			until(t, "acknowledged, or the proxy is left for another session", func() bool {
				p.mu.Lock()
				conn, left := p.conns[len(p.conns)-1], len(p.conns) >= sessions+2
				p.mu.Unlock()
				_ = conn.SendFrame(wire.TypeMail, 0, wire.AppendMail(nil, &m))
				return len(p.frames(wire.TypeAck)) > 0 || left
			})
			if got := len(p.frames(wire.TypeAck)) > 0; got != tt.taken {
				t.Errorf("acknowledged: %v, want %v", got, tt.taken)
			}
		})
	}
}
