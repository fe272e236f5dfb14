package pgp

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
)

// flood returns the certificate with n signatures by others after its User ID.
func flood(tb testing.TB, c *Certificate, n int) []byte {
	tb.Helper()
	var sigs []byte
	for i := range n {
		by := testKey(tb, byte(i%50+150))
		s, err := sign(tb.Context(), by, sigCertification, testTime.Add(time.Duration(i)*time.Second), nil, coverUserID(c.primary))
		if err != nil {
			tb.Fatal(err)
		}
		sigs = append(sigs, s.packet(by.Public())...)
	}
	list := packets(tb, c.bytes)
	return join(append([][]byte{list[0], list[1], list[2], sigs}, list[3:]...)...)
}

// TestOwnOfFlood leaves nothing of what others signed, however much it is.
func TestOwnOfFlood(t *testing.T) {
	a := newAccount(t, 1, 2)
	for _, n := range []int{1, 300, 2000} {
		b := flood(t, a.cert, n)
		if n >= 300 && len(b) < 32<<10 {
			t.Fatalf("%d signatures take %d octets only", n, len(b))
		}
		for _, form := range [][]byte{b, []byte(Armor("PGP PUBLIC KEY BLOCK", b))} {
			own, fp, err := Own(form)
			if err != nil {
				t.Fatalf("%d signatures: %v", n, err)
			}
			if fp != a.cert.Fingerprint() || !bytes.Equal(own, a.cert.bytes) {
				t.Errorf("%d signatures: %d octets are left of %s, want %d", n, len(own), fp, len(a.cert.bytes))
			}
		}
	}
}

// TestOwnOfLibrary reads a key with another User ID and other subkeys.
func TestOwnOfLibrary(t *testing.T) {
	e := libEntity(t, packet.Config{Algorithm: packet.PubKeyAlgoEdDSA})
	var b bytes.Buffer
	if err := e.Serialize(&b); err != nil {
		t.Fatal(err)
	}
	own, fp, err := Own(b.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(fp.Digest(), e.PrimaryKey.Fingerprint) || bytes.Contains(own, []byte("example.org")) {
		t.Errorf("own of %s: %q", fp, own)
	}
}

func TestOwnRefuses(t *testing.T) {
	a, b := newAccount(t, 1, 1).cert, newAccount(t, 2, 1).cert
	secret := appendPacket(nil, tagSecretKey, a.primary.body)
	user := appendPacket(nil, tagUserID, []byte("x"))
	for name, tt := range map[string]struct {
		in   []byte
		want error
		text string
	}{
		"nothing":          {nil, ErrMalformed, "there is none"},
		"text":             {[]byte("hello"), ErrMalformed, "neither binary nor armored"},
		"two keys":         {join(a.bytes, b.bytes), ErrMalformed, "more than one key"},
		"two blocks":       {[]byte(a.Armor() + b.Armor()), ErrMalformed, "more than one armored block"},
		"secret keys":      {secret, ErrMalformed, "secret keys"},
		"begins otherwise": {join(user, a.bytes), ErrMalformed, "begins with a packet of type 13"},
		"cut short":        {a.bytes[:len(a.bytes)-3], ErrMalformed, "cut short"},
		"too large":        {bytes.Repeat([]byte{0xCD, 0}, MaxKeyBlock), ErrMalformed, "octets"},
		"v3 key":           {appendPacket(nil, tagPublicKey, append([]byte{3}, make([]byte, 20)...)), ErrPolicy, "version 3"},
		"v6 key":           {appendPacket(nil, tagPublicKey, append([]byte{6}, make([]byte, 60)...)), ErrPolicy, "version 6"},
		"DSA key":          {appendPacket(nil, tagPublicKey, append([]byte{4, 0, 0, 0, 1, 17}, make([]byte, 60)...)), ErrPolicy, "unsupported algorithm"},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := Own(tt.in)
			if !errors.Is(err, tt.want) || !strings.Contains(fmt.Sprint(err), tt.text) {
				t.Errorf("Own = %v, want %v with %q", err, tt.want, tt.text)
			}
		})
	}
}

// TestUpdate merges what the owner signed elsewhere.
func TestUpdate(t *testing.T) {
	a := newAccount(t, 1, 1)
	later := testTime.Add(time.Hour)
	revoked, err := Revoke(t.Context(), a.primary, a.cert, ReasonCompromised, later)
	if err != nil {
		t.Fatal(err)
	}
	t.Run("revocation without a User ID", func(t *testing.T) {
		got, err := a.cert.Update(join(a.cert.primary.Packet(false), revoked.revocation.packet(a.cert.primary)), later)
		if err != nil {
			t.Fatal(err)
		}
		if got.Hash() != revoked.Hash() {
			t.Error("the certificate is not the revoked one")
		}
	})
	t.Run("an older copy", func(t *testing.T) {
		got, err := revoked.Update(a.cert.bytes, later)
		if err != nil || got.Hash() != revoked.Hash() {
			t.Errorf("an older copy changed the certificate: %v", err)
		}
	})
	t.Run("somebody else's", func(t *testing.T) {
		if _, err := a.cert.Update(newAccount(t, 2, 1).cert.bytes, later); !errors.Is(err, ErrPolicy) {
			t.Errorf("Update = %v, want ErrPolicy", err)
		}
	})
	t.Run("a forged revocation", func(t *testing.T) {
		p := revoked.revocation.packet(a.cert.primary)
		p[len(p)-1] ^= 1
		got, err := a.cert.Update(join(a.cert.primary.Packet(false), p), later)
		if err != nil || got.Hash() != a.cert.Hash() {
			t.Errorf("a forged revocation changed the certificate: %v", err)
		}
	})
	t.Run("many forged revocations", func(t *testing.T) {
		own := a.cert.primary.Packet(false)
		for i := range 20 {
			p := revoked.revocation.packet(a.cert.primary)
			p[len(p)-1] ^= byte(i + 1)
			own = append(own, p...)
		}
		if _, err := a.cert.Update(own, later); !errors.Is(err, ErrPolicy) {
			t.Errorf("Update = %v, want ErrPolicy", err)
		}
	})
}

// TestDelete leaves no device and no name, whatever it is merged with.
func TestDelete(t *testing.T) {
	a := newAccount(t, 1, 2)
	later := testTime.Add(time.Hour)
	gone, err := Delete(t.Context(), a.primary, a.cert, later)
	if err != nil {
		t.Fatal(err)
	}
	if !gone.Deleted() || !gone.Revoked() || len(gone.Devices()) != 0 || bytes.Contains(gone.bytes, []byte("device 0")) {
		t.Errorf("a deleted account has %d devices", len(gone.Devices()))
	}
	again, err := ParseCertificate(gone.bytes, later)
	if err != nil {
		t.Fatal(err)
	}
	if again.Hash() != gone.Hash() || !again.Deleted() {
		t.Error("it is not read back as it was")
	}
	revoked, err := Revoke(t.Context(), a.primary, a.cert, ReasonCompromised, testTime)
	if err != nil {
		t.Fatal(err)
	}
	more := &Certificate{}
	*more = *a.cert
	more = a.add(t, more, testDevice(t, 77, "later"), later)
	for name, other := range map[string]*Certificate{"older": a.cert, "newer": more, "revoked otherwise": revoked} {
		for _, merge := range [][2]*Certificate{{gone, other}, {other, gone}} {
			got, err := Merge(merge[0], merge[1], later)
			if err != nil {
				t.Fatal(err)
			}
			if len(got.Devices()) != 0 || !got.Deleted() {
				t.Errorf("merged with a copy that is %s it has %d devices", name, len(got.Devices()))
			}
		}
	}
	// Packets of both, as somebody would write them.
	mixed, err := ParseCertificate(join(gone.primary.Packet(false), gone.revocation.packet(gone.primary), more.bytes[len(gone.primary.Packet(false)):]), later)
	if err != nil {
		t.Fatal(err)
	}
	if mixed.Hash() != gone.Hash() {
		t.Error("devices come back in a certificate that has both")
	}
}

func FuzzOwn(f *testing.F) {
	a := newAccount(f, 1, 2)
	gone, err := Delete(f.Context(), a.primary, a.cert, testTime)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(a.cert.bytes)
	f.Add([]byte(a.cert.Armor()))
	f.Add(flood(f, a.cert, 3))
	f.Add(gone.bytes)
	f.Fuzz(func(t *testing.T, b []byte) {
		own, fp, err := Own(b)
		if err != nil {
			return
		}
		again, fp2, err := Own(own)
		if err != nil || fp2 != fp || !bytes.Equal(again, own) {
			t.Fatalf("Own of Own: %v", err)
		}
		got, err := a.cert.Update(own, testTime)
		if err != nil {
			return
		}
		if fp != a.cert.Fingerprint() || len(got.bytes) < len(gone.bytes)-1 {
			t.Fatalf("updated with a key of %s", fp)
		}
	})
}
