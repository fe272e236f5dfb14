package hkp_test

import (
	"bytes"
	"crypto/rand"
	"io"
	"maps"
	"net/http"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"github.com/omega-im/omega/pgp"
)

// frame makes a packet with a new-format header of five octets' length.
func frame(tag byte, body ...byte) []byte {
	n := len(body)
	return append([]byte{0xC0 | tag, 0xFF, byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}, body...)
}

// hostile is the corpus: what people and programs sent to key servers, and what
// they might. known is a registered certificate.
func hostile(t *testing.T, known *account) map[string][]byte {
	t.Helper()
	b := known.cert.Bytes()
	primary := known.cert.Primary().Packet(false)
	stranger, err := openpgp.NewEntity("x", "", "x@example.org", &packet.Config{Algorithm: packet.PubKeyAlgoEdDSA, Time: noon})
	if err != nil {
		t.Fatal(err)
	}
	var secret, other bytes.Buffer
	if err := stranger.SerializePrivateWithoutSigning(&secret, nil); err != nil {
		t.Fatal(err)
	}
	if err := stranger.Serialize(&other); err != nil {
		t.Fatal(err)
	}
	noise := make([]byte, 4096)
	rand.Read(noise)
	many := func(unit []byte, n int) []byte { return append(bytes.Clone(primary), bytes.Repeat(unit, n)...) }
	armor := known.cert.Armor()
	return map[string][]byte{
		"nothing":                        nil,
		"a space":                        []byte(" "),
		"text":                           []byte("please add my key"),
		"html":                           []byte("<html><script>alert(1)</script>"),
		"noise":                          noise,
		"zeros":                          make([]byte, 4096),
		"ones":                           bytes.Repeat([]byte{0xFF}, 4096),
		"half a key":                     b[:len(b)/2],
		"one octet short":                b[:len(b)-1],
		"one octet more":                 append(bytes.Clone(b), 0),
		"armor without an end":           []byte(armor[:len(armor)-40]),
		"armor with nothing":             []byte("-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n=njUN\n-----END PGP PUBLIC KEY BLOCK-----\n"),
		"armor of a message":             []byte(pgp.Armor("PGP MESSAGE", frame(11, 'b', 0, 0, 0, 0, 0, 'x'))),
		"two armored blocks":             []byte(armor + armor),
		"two keys":                       append(bytes.Clone(b), other.Bytes()...),
		"a key twice":                    append(bytes.Clone(b), b...),
		"a secret key":                   secret.Bytes(),
		"secret packet in it":            many(frame(7, known.cert.Primary().Body()...), 1),
		"begins with a signature":        b[len(primary):],
		"begins with a user id":          append(frame(13, 'x'), b...),
		"version 3 key":                  frame(6, append([]byte{3, 0, 0, 0, 1, 0, 0, 1}, noise[:100]...)...),
		"version 5 key":                  frame(6, append([]byte{5, 0, 0, 0, 1, 22, 0, 0, 0, 4}, noise[:100]...)...),
		"version 6 key":                  frame(6, append([]byte{6, 0, 0, 0, 1, 27, 0, 0, 0, 32}, noise[:32]...)...),
		"unknown algorithm":              frame(6, append([]byte{4, 0, 0, 0, 1, 99}, noise[:100]...)...),
		"dsa":                            frame(6, append([]byte{4, 0, 0, 0, 1, 17}, noise[:100]...)...),
		"huge integer":                   frame(6, append([]byte{4, 0, 0, 0, 1, 1, 0xFF, 0xFF}, noise...)...),
		"integer longer than it is":      frame(6, 4, 0, 0, 0, 1, 1, 0x08, 0x00, 1, 2, 3),
		"rsa of 512 bits":                frame(6, append(append([]byte{4, 0, 0, 0, 1, 1, 2, 0, 0x81}, noise[:63]...), 0, 17, 1, 0, 1)...),
		"key of no length":               frame(6),
		"key of a megabyte":              frame(6, make([]byte, 1<<20-100)...),
		"length beyond the end":          {0xC6, 0xFF, 0x7F, 0xFF, 0xFF, 0xFF, 4},
		"length of four gigabytes":       {0xC6, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 4},
		"partial lengths":                append([]byte{0xC6, 0xE4}, noise[:20]...),
		"indeterminate length":           append([]byte{0x9B}, primary[2:]...),
		"reserved packet":                many(frame(0, 1), 1),
		"unknown packet":                 many(frame(60, noise[:50]...), 1),
		"compressed":                     frame(8, append([]byte{1}, noise[:100]...)...),
		"compressed in it":               many(frame(8, append([]byte{1}, noise[:100]...)...), 1),
		"encrypted in it":                many(frame(18, append([]byte{1}, noise[:100]...)...), 1),
		"literal in it":                  many(frame(11, 'b', 0, 0, 0, 0, 0, 'x'), 1),
		"no user id":                     primary,
		"10,000 user ids":                many(frame(13, []byte("someone else")...), 10_000),
		"10,000 neutral user ids":        many(frame(13, []byte(known.cert.UserID())...), 10_000),
		"a photograph":                   many(frame(17, append([]byte{0xFF, 0, 0, 0x20, 0, 1}, make([]byte, 0x1FFF)...)...), 20),
		"10,000 subkeys":                 many(frame(14, known.cert.Devices()[0].Signing.Body()...), 10_000),
		"its own subkey":                 many(frame(14, known.cert.Primary().Body()...), 3),
		"10,000 empty signatures":        many(frame(2), 10_000),
		"10,000 version 3 signatures":    many(frame(2, append([]byte{3, 5, 0x13, 0, 0, 0, 1}, noise[:40]...)...), 10_000),
		"signature with long areas":      many(frame(2, append([]byte{4, 0x13, 22, 8, 0xFF, 0xFF}, noise[:100]...)...), 1),
		"signature with a bad subpacket": many(frame(2, 4, 0x13, 22, 8, 0, 3, 0xFF, 0xFF, 0xFF, 0, 0, 1, 2), 1),
		"10,000 markers":                 many(frame(10, 'P', 'G', 'P'), 10_000),
		"somebody else's key":            other.Bytes(),
	}
}

// TestHostile sends the corpus: every answer is one that KEYS-4 knows, says why,
// and changes nothing; memory stays where it was.
func TestHostile(t *testing.T) {
	now := noon()
	s := newServiceAt(t, func() time.Time { return now })
	owner := newRogue(t, s.made())
	a := s.enter(owner, 1)
	before := a.cert.Hash()
	corpus := hostile(t, a)
	maps.Copy(corpus, hostileSignatures(owner, a, now))
	if len(corpus) < 60 {
		t.Fatalf("%d inputs only", len(corpus))
	}
	heap := heapAfterGC()
	for name, in := range corpus {
		for _, armored := range []bool{false, true} {
			if armored {
				in = []byte(pgp.Armor("PGP PUBLIC KEY BLOCK", in))
			}
			now = now.Add(time.Minute) // rations are another test
			status, text := s.add(in)
			switch status {
			case 200, 403, 404, 413, 422:
			default:
				t.Errorf("%s (armored %v): %d %q", name, armored, status, text)
			}
			if len(text) < 10 || len(text) > 500 || strings.Contains(text, "<script>") {
				t.Errorf("%s (armored %v): the answer is %q", name, armored, text)
			}
			if status == 200 && name != "no user id" && !strings.Contains(text, "nothing new") {
				t.Errorf("%s (armored %v) is taken: %q", name, armored, text)
			}
		}
	}
	stands, err := s.keys.Find(t.Context(), a.fp())
	if err != nil || stands.Certificate.Hash() != before || s.keys.Metrics().Accounts != 1 {
		t.Errorf("the certificate changed, or there are others: %v", err)
	}
	if grown := heapAfterGC() - heap; grown > 16<<20 {
		t.Errorf("%d octets more are in use", grown)
	}
}

func heapAfterGC() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// TestFlood sends a key that thousands signed: it is taken without them.
func TestFlood(t *testing.T) {
	s := newServiceAt(t, noon)
	a := s.register(1)
	by := s.register(1)
	var sigs []byte
	for i := range 2000 {
		sig, err := pgp.Certify(t.Context(), by.primary, a.cert, noon().Add(-time.Duration(i)*time.Second))
		if err != nil {
			t.Fatal(err)
		}
		sigs = append(sigs, sig...)
	}
	a.renamed("laptop")
	b := a.cert.Bytes()
	head := len(a.cert.Primary().Packet(false)) + 2 + len(a.cert.UserID())
	flooded := append(append(bytes.Clone(b[:head]), sigs...), b[head:]...)
	if status, text := s.add(flooded); status != http.StatusOK || !strings.Contains(text, "updated") {
		t.Fatalf("%d %q", status, text)
	}
	if _, text := s.get("/pks/lookup?op=get&search=" + a.fp().String()); text != a.cert.Armor() {
		t.Errorf("%d octets are given out, want %d", len(text), len(a.cert.Armor()))
	}
}

// TestBodies sends forms that are none, too long, or slow to end.
func TestBodies(t *testing.T) {
	s := newServiceAt(t, noon)
	for name, tt := range map[string]struct {
		body string
		want int
	}{
		"empty":            {"", 422},
		"no keytext":       {"key=x", 422},
		"two of them":      {"keytext=x&keytext=y", 422},
		"broken escape":    {"keytext=%zz", 422},
		"too long a key":   {"keytext=" + strings.Repeat("x", pgp.MaxKeyBlock+1), 413},
		"not a form":       {`{"keytext":"x"}`, 422},
		"30 MB, announced": {strings.Repeat("x", 30<<20), 413},
	} {
		t.Run(name, func(t *testing.T) {
			resp, err := http.Post(s.url+"/pks/add", "application/x-www-form-urlencoded", strings.NewReader(tt.body))
			if err != nil {
				if tt.want == 413 {
					return // the server closed while the client was still writing
				}
				t.Fatal(err)
			}
			defer resp.Body.Close()
			if resp.StatusCode != tt.want {
				t.Errorf("%s, want %d", resp.Status, tt.want)
			}
		})
	}
	t.Run("30 MB, not announced", func(t *testing.T) {
		r, w := io.Pipe()
		go func() {
			for range 30 {
				if _, err := w.Write(bytes.Repeat([]byte("x"), 1<<20)); err != nil {
					return
				}
			}
			w.Close()
		}()
		resp, err := http.Post(s.url+"/pks/add", "application/x-www-form-urlencoded", r)
		r.CloseWithError(os.ErrClosed)
		if err != nil {
			return
		}
		defer resp.Body.Close()
		if resp.StatusCode != http.StatusRequestEntityTooLarge {
			t.Errorf("%s, want 413", resp.Status)
		}
	})
}
