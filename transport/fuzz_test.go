package transport

import (
	"bytes"
	"io"
	"testing"
	"testing/iotest"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/pgp"
	"github.com/omega-im/omega/wire"
)

// decoders read a message and write it again; what is read must be written the
// same, so there is one form of everything.
var decoders = []struct {
	name string
	redo func(b []byte) ([]byte, error)
}{
	{"server hello", func(b []byte) ([]byte, error) {
		m, err := decodeServerHello(b)
		if err != nil {
			return nil, err
		}
		return m.bytes(), nil
	}},
	{"auth", func(b []byte) ([]byte, error) {
		m, err := decodeAuth(b)
		if err != nil {
			return nil, err
		}
		return m.bytes(), nil
	}},
	{"proof", func(b []byte) ([]byte, error) {
		m, err := decodeProofText(b)
		if err != nil {
			return nil, err
		}
		return m.bytes(), nil
	}},
	{"resume", func(b []byte) ([]byte, error) {
		m, err := decodeResume(b)
		if err != nil {
			return nil, err
		}
		return m.bytes(), nil
	}},
	{"welcome", func(b []byte) ([]byte, error) {
		m, err := decodeWelcome(b)
		if err != nil {
			return nil, err
		}
		return m.bytes(), nil
	}},
	{"ticket", func(b []byte) ([]byte, error) {
		var m Ticket
		if err := m.UnmarshalBinary(b); err != nil {
			return nil, err
		}
		return m.MarshalBinary()
	}},
	{"sealed ticket", func(b []byte) ([]byte, error) {
		m, err := decodeTicketState(b)
		if err != nil {
			return nil, err
		}
		return m.bytes(), nil
	}},
}

// examples has one message per decoder, in their order.
func examples() [][]byte {
	fp, _ := omega.FingerprintV4(bytes.Repeat([]byte{0xf1}, 20))
	dev, _ := omega.FingerprintV4(bytes.Repeat([]byte{0xd2}, 20))
	at := time.UnixMilli(1_700_000_000_123).UTC()
	return [][]byte{
		(&serverHello{maxVersion: 2, minVersion: 1, modes: 3, nonce: [32]byte{1}, ephemeral: make([]byte, 32), server: fp, device: dev,
			certificate: []byte("certificate"), time: at.Truncate(time.Second), sig: pgp.Compact{9}}).bytes(),
		(&auth{account: fp, device: dev, proof: []byte("proof")}).bytes(),
		(&proofText{maxVersion: 1, minVersion: 1, mode: 1, role: 1, account: fp, device: dev, server: fp, channel: [32]byte{5}}).bytes(),
		(&resume{ticket: []byte("sealed"), maxVersion: 1, minVersion: 1, mode: 2, role: 1, ephemeral: make([]byte, 32)}).bytes(),
		(&welcome{version: 1, sessionID: [16]byte{3}, expires: at, ticket: []byte("sealed"), proof: [32]byte{4}}).bytes(),
		must((&Ticket{server: fp, account: dev, device: dev, expires: at, sealed: []byte("sealed")}).MarshalBinary()),
		(&ticketState{role: RoleServer, account: fp, device: dev, generation: 5, expires: at}).bytes(),
	}
}

func must(b []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return b
}

func TestMessages(t *testing.T) {
	for i, b := range examples() {
		d := decoders[i]
		if got, err := d.redo(b); err != nil || !bytes.Equal(got, b) {
			t.Errorf("%s: %x, %v, want %x", d.name, got, err, b)
		}
		for cut := range b {
			// An Auth is open at its end: its proof judges itself.
			if _, err := d.redo(b[:cut]); err == nil && d.name != "auth" {
				t.Errorf("%s: %d of %d octets are enough", d.name, cut, len(b))
			}
		}
		if _, err := d.redo(append(bytes.Clone(b), 0)); err == nil && d.name != "auth" {
			t.Errorf("%s: an octet too many is not noticed", d.name)
		}
	}
}

func FuzzMessages(f *testing.F) {
	for i, b := range examples() {
		f.Add(uint8(i), b)
	}
	f.Fuzz(func(t *testing.T, kind uint8, b []byte) {
		d := decoders[int(kind)%len(decoders)]
		got, err := d.redo(b)
		if err == nil && !bytes.Equal(got, b) {
			t.Errorf("%s: %x is written as %x", d.name, b, got)
		}
	})
}

type ones struct{}

func (ones) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 1
	}
	return len(p), nil
}

func FuzzOpenTicket(f *testing.F) {
	keys := &ticketKeys{rand: ones{}} // the same keys in every process of the fuzzer
	now := time.Unix(1_700_000_000, 0)
	fp, _ := omega.FingerprintV4(make([]byte, 20))
	sealed, err := keys.seal(&ticketState{account: fp, device: fp, expires: now.Add(time.Hour)}, now)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(sealed)
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, err := keys.open(b, now); err == nil && !bytes.Equal(b, sealed) {
			t.Errorf("a forged ticket was opened: %x", b)
		}
	})
}

func FuzzAddress(f *testing.F) {
	for _, s := range []string{"host:1", "[::1]:443#" + string(bytes.Repeat([]byte("AB"), 20)), "ws://h", "wss://h:1/x#", "://", "#"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a, err := ParseAddress(s)
		if err != nil {
			return
		}
		b, err := ParseAddress(a.String())
		if err != nil || a != b {
			t.Errorf("%q is %+v, written as %q, which is %+v, %v", s, a, a.String(), b, err)
		}
	})
}

// A chopped link reads from memory, in odd pieces.
type chopped struct {
	plainLink
	r io.Reader
}

func (c *chopped) Read(p []byte) (int, error)      { return c.r.Read(p) }
func (c *chopped) SetReadDeadline(time.Time) error { return nil }
func (c *chopped) Close() error                    { return nil }

// FuzzReadFrame wants from every stream the frames that package wire finds in
// it when it has all of it.
func FuzzReadFrame(f *testing.F) {
	f.Add(wire.AppendFrame(wire.AppendFrame(nil, 1, 2, []byte("abc")), 3, 4, nil), false)
	f.Add(wire.AppendFrame(nil, 1, 2, make([]byte, 5000)), true)
	f.Fuzz(func(t *testing.T, b []byte, half bool) {
		var r io.Reader = bytes.NewReader(b)
		if half {
			r = iotest.HalfReader(r)
		}
		c := newConn(&chopped{r: r}, time.Second)
		c.maxFrame, c.guarded = omega.MaxFrame, false
		rest := b
		for {
			want, after, wantErr := wire.ParseFrame(rest, omega.MaxFrame)
			got, err := c.ReadFrame()
			if (err == nil) != (wantErr == nil) {
				t.Fatalf("read = %v, want %v", err, wantErr)
			}
			if err != nil {
				return
			}
			if got.Type != want.Type || got.Tag != want.Tag || !bytes.Equal(got.Body, want.Body) {
				t.Fatalf("read %+v, want %+v", got, want)
			}
			rest = after
		}
	})
}
