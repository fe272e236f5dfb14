package pgp

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/omega-im/omega"
)

// testRecord is a record from one device to two.
func testRecord(tb testing.TB, text string) (from *DeviceSecrets, to []*DeviceSecrets, msg []byte) {
	tb.Helper()
	from = testDevice(tb, 1, "from")
	to = []*DeviceSecrets{testDevice(tb, 2, "one"), testDevice(tb, 3, "two")}
	keys := []*PublicKey{to[0].Encryption.Public(), to[1].Encryption.Public()}
	msg, err := SealRecord(tb.Context(), seeded(9), from.Signing, keys, testSessionKey, []byte(text), testTime)
	if err != nil {
		tb.Fatal(err)
	}
	return from, to, msg
}

var testSessionKey = bytes.Repeat([]byte{7, 8}, 16)

func TestRecord(t *testing.T) {
	for _, text := range []string{"", "hello", string(make([]byte, 200)), string(make([]byte, 9000)), string(make([]byte, 70000))} {
		from, to, msg := testRecord(t, text)
		for i, d := range to {
			r, err := OpenRecord(t.Context(), d.Encryption, msg)
			if err != nil {
				t.Fatalf("%d octets, recipient %d: %v", len(text), i, err)
			}
			if string(r.Plaintext) != text || !bytes.Equal(r.Key, testSessionKey) || !r.Time.Equal(testTime) {
				t.Errorf("%d octets, recipient %d: another record", len(text), i)
			}
			if r.Signer != from.Signing.Public().Fingerprint() {
				t.Errorf("signer = %s", r.Signer)
			}
			if err := r.Verify(from.Signing.Public()); err != nil {
				t.Errorf("verify: %v", err)
			}
			if err := r.Verify(d.Signing.Public()); !errors.Is(err, ErrSignature) {
				t.Errorf("verify with another key: %v, want %v", err, ErrSignature)
			}
			if err := VerifyCompact(from.Signing.Public(), r.Plaintext, r.Time, r.Sig); err != nil {
				t.Errorf("its compact signature: %v", err)
			}
		}
	}
}

func TestRecordForSomebodyElse(t *testing.T) {
	from, _, msg := testRecord(t, "hello")
	if _, err := OpenRecord(t.Context(), from.Encryption, msg); !errors.Is(err, ErrDecrypt) {
		t.Errorf("open: %v, want %v", err, ErrDecrypt)
	}
	if _, err := OpenRecord(t.Context(), from.Signing, msg); !errors.Is(err, ErrDecrypt) {
		t.Errorf("open with a signing key: %v, want %v", err, ErrDecrypt)
	}
}

func TestFlippedRecord(t *testing.T) {
	from, to, msg := testRecord(t, "hello")
	for i := range msg {
		for _, bit := range []int{i % 8, 7} {
			changed := bytes.Clone(msg)
			changed[i] ^= 1 << bit
			r, err := OpenRecord(t.Context(), to[1].Encryption, changed)
			if i < pkeskSize || err != nil { // the first wrap is for another device
				continue
			}
			t.Errorf("octet %d, bit %d: opened, verify = %v", i, bit, r.Verify(from.Signing.Public()))
		}
	}
	for i := range msg {
		if _, err := OpenRecord(t.Context(), to[1].Encryption, msg[:i]); err == nil {
			t.Errorf("opened when cut to %d octets", i)
		}
	}
}

// TestForgedRecords are well encrypted and wrong inside.
func TestForgedRecords(t *testing.T) {
	ctx := t.Context()
	from, to := testDevice(t, 1, "from"), testDevice(t, 2, "to")
	good, err := signMessage(ctx, from.Signing, []byte("hello"), testTime)
	if err != nil {
		t.Fatal(err)
	}
	list := packets(t, good)
	rsa, err := signMessage(ctx, newLibSigner(t, "nistp256"), []byte("hello"), testTime)
	if err != nil {
		t.Fatal(err)
	}
	named := appendPacket(nil, tagLiteral, []byte("b\x01x\x00\x00\x00\x00hello"))
	dated := appendPacket(nil, tagLiteral, []byte("b\x00\x00\x00\x00\x01hello"))
	other := join(list[0], appendLiteral(nil, []byte("hullo")), list[2])
	tests := []struct {
		name  string
		inner []byte
		want  error
	}{
		{"as it should be", good, nil},
		{"other text", other, ErrSignature},
		{"empty", nil, ErrMalformed},
		{"not signed", list[1], ErrMalformed},
		{"no signature", join(list[0], list[1]), ErrMalformed},
		{"two signatures", join(good, list[2]), ErrMalformed},
		{"compressed", appendPacket(nil, 8, join([]byte{0}, good)), ErrMalformed},
		{"signature of another form", rsa, ErrMalformed},
		{"file name", join(list[0], named, list[2]), ErrMalformed},
		{"date", join(list[0], dated, list[2]), ErrMalformed},
		{"padding", join(good, appendPacket(nil, tagPadding, make([]byte, 8))), ErrMalformed},
		{"text", []byte("hello"), ErrMalformed},
	}
	for _, tt := range tests {
		msg, err := SealSessionKey(seeded(1), to.Encryption.Public(), testSessionKey)
		if err == nil {
			msg, err = sealSEIPD(msg, seeded(2), testSessionKey, tt.inner)
		}
		if err != nil {
			t.Fatal(err)
		}
		r, err := OpenRecord(ctx, to.Encryption, msg)
		if err == nil {
			err = r.Verify(from.Signing.Public())
		}
		if !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, err, tt.want)
		}
	}
}

func TestHostileRecords(t *testing.T) {
	ctx := t.Context()
	_, to, msg := testRecord(t, "hello")
	list := packets(t, msg)
	mine, sealed := list[1], list[2]
	bad := bytes.Clone(mine)
	bad[len(bad)-1] ^= 1
	version2 := bytes.Clone(sealed)
	version2[2] = 2
	tests := []struct {
		name string
		msg  []byte
		want error
	}{
		{"only my wrap", join(mine, sealed), nil},
		{"a bad wrap first", join(bad, mine, sealed), nil},
		{"more tries than I make", join(bad, bad, mine, sealed), ErrDecrypt},
		{"no wrap", sealed, ErrDecrypt},
		{"1000 wraps", join(bytes.Repeat(mine, 1000), sealed), ErrMalformed},
		{"257 wraps", join(bytes.Repeat(bad, 256), mine, sealed), ErrMalformed},
		{"wraps alone", join(mine, mine), ErrMalformed},
		{"passphrase packet", join(mine, appendPacket(nil, 3, []byte{4, 9, 0, 8}), sealed), ErrMalformed},
		{"compressed packet", appendPacket(nil, 8, join([]byte{0}, msg)), ErrMalformed},
		{"marker packet", join(mine, appendPacket(nil, tagMarker, []byte("PGP")), sealed), ErrMalformed},
		{"packet after the end", join(mine, sealed, mine), ErrMalformed},
		{"SEIPD version 2", join(mine, version2), ErrDecrypt},
		{"SEIPD of one octet", join(mine, appendPacket(nil, tagSEIPD, []byte{1})), ErrDecrypt},
		{"without MDC (type 9)", join(mine, appendPacket(nil, 9, sealed[3:])), ErrMalformed},
		{"over the size of an envelope", join(mine, appendPacket(nil, tagSEIPD, make([]byte, omega.MaxEnvelope))), ErrMalformed},
		{"empty", nil, ErrMalformed},
	}
	for _, tt := range tests {
		if _, err := OpenRecord(ctx, to[1].Encryption, tt.msg); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, err, tt.want)
		}
	}
}

func TestSealRecordRefuses(t *testing.T) {
	ctx := t.Context()
	from, to := testDevice(t, 1, "from"), testDevice(t, 2, "to").Encryption.Public()
	tests := []struct {
		name   string
		signer Signer
		to     []*PublicKey
		key    []byte
		size   int
	}{
		{"short key", from.Signing, []*PublicKey{to}, make([]byte, 16), 5},
		{"signing key as recipient", from.Signing, []*PublicKey{from.Signing.Public()}, testSessionKey, 5},
		{"encryption key as signer", from.Encryption, []*PublicKey{to}, testSessionKey, 5},
		{"257 recipients", from.Signing, make([]*PublicKey, 257), testSessionKey, 5},
		{"text over an envelope", from.Signing, []*PublicKey{to}, testSessionKey, omega.MaxEnvelope},
		{"short key and nobody", from.Signing, nil, make([]byte, 5), 5},
	}
	for _, tt := range tests {
		if _, err := SealRecord(ctx, seeded(1), tt.signer, tt.to, tt.key, make([]byte, tt.size), testTime); err == nil {
			t.Errorf("%s: sealed", tt.name)
		}
	}
	if _, err := SealRecord(ctx, bytes.NewReader(nil), from.Signing, []*PublicKey{to}, testSessionKey, nil, testTime); !errors.Is(err, io.EOF) {
		t.Errorf("without randomness: %v, want %v", err, io.EOF)
	}
}

func TestSharedSecret(t *testing.T) {
	ctx := t.Context()
	a, b := testDevice(t, 1, "a"), testDevice(t, 2, "b")
	x, err := a.Encryption.SharedSecret(ctx, b.Encryption.Public())
	if err != nil {
		t.Fatal(err)
	}
	y, err := b.Encryption.SharedSecret(ctx, a.Encryption.Public())
	if err != nil || !bytes.Equal(x, y) || len(x) != 32 {
		t.Errorf("the two sides differ: %v", err)
	}
	// The point 0 has low order: its secret would be known to everybody.
	body := a.Encryption.Public().Body()
	copy(body[6+len(x25519Prefix):], make([]byte, 32))
	zero, err := ParsePublicKey(appendPacket(nil, tagPublicSubkey, body))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Encryption.SharedSecret(ctx, zero); !errors.Is(err, ErrDecrypt) {
		t.Errorf("with a point of low order: %v, want %v", err, ErrDecrypt)
	}
	if _, err := SealSessionKey(seeded(1), zero, testSessionKey); !errors.Is(err, ErrPolicy) {
		t.Errorf("wrap for a point of low order: %v, want %v", err, ErrPolicy)
	}
	if _, err := a.Encryption.SharedSecret(ctx, b.Signing.Public()); !errors.Is(err, ErrDecrypt) {
		t.Errorf("with a signing key: %v, want %v", err, ErrDecrypt)
	}
}

func TestRecordHidesItself(t *testing.T) {
	_, to, msg := testRecord(t, "do not print")
	r, err := OpenRecord(t.Context(), to[0].Encryption, msg)
	if err != nil {
		t.Fatal(err)
	}
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%x", "%q"} {
		for _, v := range []any{r, *r, []any{r}} {
			got := fmt.Sprintf(format, v)
			if bytes.Contains([]byte(got), []byte("not print")) || bytes.Contains([]byte(got), []byte("0708")) || bytes.Contains([]byte(got), []byte("7, 8")) {
				t.Errorf("%s shows %s", format, got)
			}
		}
	}
}
