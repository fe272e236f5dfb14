package pgp

import (
	"bytes"
	"errors"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// strangerOf makes a key with gpg: RSA, three User IDs of which one is revoked,
// a subkey, and a signature by another person.
func strangerOf(t *testing.T) (g *gnupg, fp string) {
	t.Helper()
	g = newGPG(t)
	key := func(uid, algo string) string {
		out := g.run("--quick-generate-key", uid, algo, "cert,sign", "5y")
		return regexp.MustCompile(`KEY_CREATED \S+ ([0-9A-F]{40})`).FindStringSubmatch(out)[1]
	}
	fp = key("Ann <ann@example.org>", "rsa2048")
	other := key("Eve <eve@example.org>", "ed25519")
	g.run("--quick-add-key", fp, "cv25519", "encrypt", "never")
	g.run("--quick-add-uid", fp, "Ann at work")
	g.run("--quick-add-uid", fp, "Annie")
	g.run("--quick-revoke-uid", fp, "Annie")
	g.run("--yes", "--default-key", other, "--quick-sign-key", fp)
	return g, fp
}

func TestReadStranger(t *testing.T) {
	g, fp := strangerOf(t)
	now := time.Now().Add(time.Minute)
	block := g.export(fp)
	for name, b := range map[string][]byte{"binary": block, "armored": []byte(Armor("PGP PUBLIC KEY BLOCK", block))} {
		s, err := ReadStranger(b, now)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		slices.Sort(s.UserIDs)
		if got := strings.Join(s.UserIDs, ", "); got != "Ann <ann@example.org>, Ann at work" || s.Key.Fingerprint().String() != fp || s.Key.Bits() != 2048 {
			t.Errorf("%s: %s of %s, %d bits", name, got, s.Key.Fingerprint(), s.Key.Bits())
		}
		if s.Revoked || s.Expires.Before(now.AddDate(4, 0, 0)) || s.Expires.After(now.AddDate(6, 0, 0)) {
			t.Errorf("%s: revoked %v, expires %s", name, s.Revoked, s.Expires)
		}
		again, err := ReadStranger(s.Bytes, now)
		if err != nil || !bytes.Equal(again.Bytes, s.Bytes) || len(again.UserIDs) != 2 {
			t.Errorf("%s: what is left reads back differently: %v", name, err)
		}
	}
	// gpg makes the revocation of a key when it makes the key.
	g.importRevocation(fp)
	if s, err := ReadStranger(g.export(fp), now); err != nil || !s.Revoked {
		t.Errorf("a revoked key: %v", err)
	}
}

func (g *gnupg) export(fp string) []byte {
	g.t.Helper()
	out := g.home + "/export"
	g.run("--yes", "--output", out, "--export", fp)
	return readFile(g.t, out)
}

func (g *gnupg) importRevocation(fp string) {
	g.t.Helper()
	text := readFile(g.t, g.home+"/openpgp-revocs.d/"+fp+".rev")
	// gpg puts a colon before the block so that nobody uses it by accident.
	g.run("--import", g.file("rev", bytes.Replace(text, []byte(":-----BEGIN"), []byte("-----BEGIN"), 1)))
}

func readFile(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestReadStrangerBad reads keys that somebody tampered with.
func TestReadStrangerBad(t *testing.T) {
	a, b := newAccount(t, 1, 1), newAccount(t, 2, 1)
	list, other := packets(t, a.cert.bytes), packets(t, b.cert.bytes)
	uid := func(text string) []byte { return appendPacket(nil, tagUserID, []byte(text)) }
	for name, tt := range map[string]struct {
		in   []byte
		uids int
		err  error
	}{
		"as it is":               {a.cert.bytes, 1, nil},
		"no user id":             {list[0], 0, nil},
		"another's signature":    {join(list[0], list[1], other[2]), 0, nil},
		"a name never signed":    {join(list[0], uid("The President"), list[2]), 0, nil},
		"a name that turns":      {join(list[0], uid("x\u202Ey"), list[2]), 0, nil},
		"100 names":              {append(bytes.Clone(list[0]), bytes.Repeat(uid("x"), 100)...), 0, nil},
		"5,000 by others":        {flood(t, a.cert, 300), 1, nil},
		"5,000 in its name":      {join(list[0], list[1], bytes.Repeat(list[2], 5000)), 0, ErrPolicy},
		"nothing":                {nil, 0, ErrMalformed},
		"text":                   {[]byte("<html>not found</html>"), 0, ErrMalformed},
		"two keys":               {join(a.cert.bytes, b.cert.bytes), 0, ErrMalformed},
		"two blocks":             {[]byte(a.cert.Armor() + b.cert.Armor()), 0, ErrMalformed},
		"a secret":               {appendPacket(nil, tagSecretKey, list[0][2:]), 0, ErrMalformed},
		"a secret subkey in it":  {join(list[0], appendPacket(nil, tagSecretSubkey, list[0][2:])), 0, ErrMalformed},
		"begins with a name":     {join(list[1], list[0]), 0, ErrMalformed},
		"larger than a megabyte": {make([]byte, 4*MaxKeyBlock), 0, ErrMalformed},
		"of another kind":        {appendPacket(nil, tagPublicKey, append([]byte{4, 0, 0, 0, 1, 17}, make([]byte, 100)...)), 0, ErrPolicy},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := ReadStranger(tt.in, testTime)
			if !errors.Is(err, tt.err) || err == nil && len(s.UserIDs) != tt.uids {
				t.Errorf("%+v, %v; want %d user ids, %v", s, err, tt.uids, tt.err)
			}
		})
	}
}

func FuzzReadStranger(f *testing.F) {
	a := newAccount(f, 1, 1)
	f.Add(a.cert.Bytes())
	f.Add([]byte(a.cert.Armor()))
	f.Add(transferableSeed(f, a))
	for _, b := range adoptedFiles(f) {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := ReadStranger(b, testTime)
		if err != nil {
			return
		}
		again, err := ReadStranger(s.Bytes, testTime)
		if err != nil || !bytes.Equal(again.Bytes, s.Bytes) || !slices.Equal(again.UserIDs, s.UserIDs) || again.Revoked != s.Revoked || !again.Expires.Equal(s.Expires) {
			t.Errorf("what is left reads back differently: %v", err)
		}
	})
}
