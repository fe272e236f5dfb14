package gpgagent

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
	"github.com/omega-im/omega/pgp"
)

// refusals are keys that cannot be adopted, all in one home. Each row makes its
// key and returns its fingerprint. Where the error tells a command that helps,
// cure runs it.
var refusals = []struct {
	name   string
	make   func(h *home) string
	reason Reason
	is     error
	says   string
	cure   func(h *home, fpr string)
}{
	{"no such key", func(*home) string { return "94F25AE10000000000000000000000000000BEEF" }, NoSuchKey, nil, "gpg -K", nil},
	{"no such name", func(*home) string { return "0x12345678" }, NoSuchKey, nil, "gpg -K", nil},
	{"empty name", func(*home) string { return " " }, NoSuchKey, nil, "gpg -K", nil},
	{"ambiguous", makeTwins, Ambiguous, nil, "fingerprint", nil},
	{"offline primary", makeOffline, Offline, pgp.ErrOffline, "sec#", nil},
	{"public part only", makePublic, Offline, pgp.ErrOffline, "sec#", nil},
	{"smart card away", makeStub, CardMissing, pgp.ErrOffline, cardSerial, nil},
	{"expired", makeExpired, Expired, pgp.ErrExpired, "2020-02-01", cureExpired},
	{"revoked", makeRevoked, Revoked, pgp.ErrRevoked, "another key", nil},
	{"disabled", makeDisabled, Disabled, nil, "enable", cureDisabled},
	{"sha-1", makeSHA1, WeakSelfSignature, pgp.ErrPolicy, "SHA-1", cureSHA1},
	{"cannot certify", makeSignOnly, CannotCertify, pgp.ErrPolicy, "certify", nil},
	{"no self-signature", makeBare, NoSelfSignature, pgp.ErrPolicy, "--check-sigs", nil},
	{"dsa", algorithm("dsa2048"), Unsupported, pgp.ErrPolicy, "DSA 2048 bits", nil},
	{"secp256k1", algorithm("secp256k1"), Unsupported, pgp.ErrPolicy, "secp256k1", nil},
	{"rsa1024", algorithm("rsa1024"), Unsupported, pgp.ErrPolicy, "RSA 1024 bits", nil},
}

func TestRefuse(t *testing.T) {
	t.Parallel()
	h := newHome(t, "disable-scdaemon")
	h.open() // starts the agent, which makes its own directory
	for _, row := range refusals {
		t.Run(row.name, func(t *testing.T) {
			name := row.make(h)
			h.gpg("", "-K") // settles the trust database
			state := h.state()
			_, err := h.open().Key(t.Context(), name)
			var refused *KeyError
			if !errors.As(err, &refused) {
				t.Fatalf("Key(%s) = %v, want a *KeyError", name, err)
			}
			if refused.Reason != row.reason {
				t.Errorf("Key(%s): reason %d, want %d", name, refused.Reason, row.reason)
			}
			if row.is != nil && !errors.Is(err, row.is) {
				t.Errorf("Key(%s): %v is not %v", name, err, row.is)
			}
			if !strings.Contains(err.Error(), row.says) || strings.ContainsAny(err.Error(), "{}") {
				t.Errorf("Key(%s): %q does not say %q", name, err, row.says)
			}
			if got := h.state(); got != state {
				t.Errorf("the home changed:\n%s\nwas:\n%s", got, state)
			}
			t.Log(err)
			if row.cure != nil {
				row.cure(h, name)
				bind(t, h.key(name), time.Now())
			}
		})
	}
}

func algorithm(name string) func(h *home) string {
	return func(h *home) string { return h.generate("", "with "+name, name) }
}

func makeTwins(h *home) string {
	h.generate("", "first twin", "ed25519")
	h.generate("", "other twin", "ed25519")
	return "twin"
}

// makeOffline makes a key whose primary secret stays in another home.
func makeOffline(h *home) string {
	safe := newHome(h.t)
	fpr := safe.generate("", "offline primary", "ed25519")
	safe.owner("", "--quick-add-key", fpr, "ed25519", "sign", "never")
	h.gpg(safe.owner("", "--export-secret-subkeys", fpr), "--import")
	return fpr
}

func makePublic(h *home) string {
	other := newHome(h.t)
	fpr := other.generate("", "somebody else", "ed25519")
	h.gpg(other.gpg("", "--export", fpr), "--import")
	return fpr
}

func makeStub(h *home) string {
	fpr := h.generate("", "on a card", "ed25519")
	h.moveToCard(h.list(fpr).keygrip)
	return fpr
}

func makeExpired(h *home) string {
	h.owner("", "--faked-system-time", "20200101T000000", "--quick-generate-key", "expired", "ed25519", "cert", "20200201T000000")
	return h.list("expired").fingerprint
}

func cureExpired(h *home, fpr string) { h.owner("", "--quick-set-expire", fpr, "2y") }

// makeRevoked uses the revocation that gpg prepared. A colon before its armor
// keeps people from importing it by mistake.
func makeRevoked(h *home) string {
	fpr := h.generate("", "revoked", "ed25519")
	b, err := os.ReadFile(filepath.Join(h.dir, "openpgp-revocs.d", fpr+".rev"))
	if err != nil {
		h.t.Fatal(err)
	}
	h.gpg(strings.Replace(string(b), ":-----BEGIN", "-----BEGIN", 1), "--import")
	return fpr
}

func makeDisabled(h *home) string {
	fpr := h.generate("", "disabled", "ed25519")
	h.edit("disable\nquit\n", fpr)
	return fpr
}

func cureDisabled(h *home, fpr string) { h.edit("enable\nquit\n", fpr) }

func (h *home) edit(commands, fpr string) {
	h.t.Helper()
	if _, err := h.run("gpg", commands, "--homedir", h.dir, "--no-tty", "--quiet", "--command-fd", "0", "--edit-key", fpr); err != nil {
		h.t.Fatal(err)
	}
}

func makeSHA1(h *home) string { return h.generate("", "old", "ed25519", "--cert-digest-algo", "SHA1") }

func cureSHA1(h *home, fpr string) {
	h.owner("", "--cert-digest-algo", "SHA256", "--quick-set-expire", fpr, "2y")
}

// makeSignOnly makes a key that gpg does not make: its primary has the right to
// sign alone.
func makeSignOnly(h *home) string {
	e, err := openpgp.NewEntity("sign only", "", "", &packet.Config{Algorithm: packet.PubKeyAlgoEdDSA})
	if err != nil {
		h.t.Fatal(err)
	}
	for _, id := range e.Identities {
		id.SelfSignature.FlagCertify = false
	}
	var b bytes.Buffer
	if err := e.SerializePrivate(&b, nil); err != nil {
		h.t.Fatal(err)
	}
	h.gpg(b.String(), "--import")
	return h.list("sign only").fingerprint
}

// makeBare makes a key without self-signature.
func makeBare(h *home) string {
	other := newHome(h.t)
	fpr := other.generate("", "bare", "ed25519")
	r := packet.NewOpaqueReader(strings.NewReader(other.gpg("", "--export", fpr)))
	var b bytes.Buffer
	for p, err := r.Next(); err == nil; p, err = r.Next() {
		if p.Tag == tagSignature {
			continue
		}
		if err := p.Serialize(&b); err != nil {
			h.t.Fatal(err)
		}
	}
	h.gpg(b.String(), "--allow-non-selfsigned-uid", "--import")
	return fpr
}

func TestKeyVersion(t *testing.T) {
	for _, version := range []byte{3, 5, 6} {
		k := &listed{fingerprint: strings.Repeat("A", 40)}
		_, err := judge(k, &exported{version: version}, time.Now())
		var refused *KeyError
		if !errors.As(err, &refused) || refused.Reason != KeyVersion || !errors.Is(err, pgp.ErrPolicy) {
			t.Errorf("version %d: %v", version, err)
		}
	}
}

func TestOpenLeavesNothing(t *testing.T) {
	t.Parallel()
	h := newHome(t)
	cfg := Config{Home: filepath.Join(h.side, "none"), Env: h.env()}
	if _, err := Open(t.Context(), cfg); !errors.Is(err, ErrNoGnuPG) {
		t.Errorf("Open without a home = %v, want %v", err, ErrNoGnuPG)
	}
	if _, err := os.Stat(cfg.Home); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Open made a home: %v", err)
	}
	if _, err := Open(t.Context(), Config{GPG: filepath.Join(h.side, "gpg")}); !errors.Is(err, ErrNoGnuPG) {
		t.Errorf("Open without gpg = %v, want %v", err, ErrNoGnuPG)
	}

	a := h.open() // starts the agent, which makes its own directory
	state := h.state()
	var refused *KeyError
	if _, err := a.Key(t.Context(), "anybody"); !errors.As(err, &refused) || refused.Reason != NoSuchKey {
		t.Errorf("Key in an empty home = %v", err)
	}
	if got := h.state(); got != state {
		t.Errorf("Key changed an empty home:\n%s\nwas:\n%s", got, state)
	}
}

func TestNames(t *testing.T) {
	t.Parallel()
	h := newHome(t)
	fpr := h.generate("", "Naïve Ω <naive@example.org>", "ed25519")
	h.owner("", "--quick-add-key", fpr, "ed25519", "sign", "never")
	h.write("gpg.conf", "armor\ntrust-model tofu+pgp\nverbose\nlist-options show-unusable-subkeys\nexport-options export-minimal\n")
	a := h.open()
	state := h.state()
	for _, name := range []string{
		fpr, strings.ToLower(fpr), spaced(fpr), "0x" + fpr, "0x" + fpr[24:], fpr[32:] + "!", "naive@example.org", "Ω",
	} {
		k, err := a.Key(t.Context(), name)
		if err != nil {
			t.Errorf("Key(%q): %v", name, err)
			continue
		}
		if got := k.Public().Fingerprint().String(); got != fpr || k.UserID() != "Naïve Ω <naive@example.org>" || !k.Expires().IsZero() || k.Card() != "" {
			t.Errorf("Key(%q) = %s %q %s", name, got, k.UserID(), k.Expires())
		}
	}
	if _, err := a.Key(t.Context(), "--version"); err == nil {
		t.Error("a name that looks like an option found a key")
	}
	if got := h.state(); got != state {
		t.Errorf("the home changed:\n%s\nwas:\n%s", got, state)
	}
	if a.Home() != h.dir || !strings.HasPrefix(a.Version(), "2.") {
		t.Errorf("home %s, version %s", a.Home(), a.Version())
	}
}
