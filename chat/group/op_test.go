package group

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/pgp"
)

// signed makes a group of one with real keys.
func signed(tb testing.TB) (*Op, map[Party]*pgp.SecretKey) {
	tb.Helper()
	rnd := rand.NewChaCha8([32]byte{1})
	keys := map[Party]*pgp.SecretKey{}
	var parties []Party
	for range 3 {
		k, err := pgp.GenerateSigning(rnd, start)
		must(tb, err)
		p := Party{k.Public().Fingerprint(), k.Public().Fingerprint()}
		keys[p] = k
		parties = append(parties, p)
	}
	o, err := Genesis(rnd, Op{
		Author: parties[0], Time: start.Add(123 * time.Millisecond), Profile: Profile{Name: "讀書會", About: "每週三"}, Accounts: []omega.Fingerprint{parties[1].Account},
	})
	must(tb, err)
	o.Cosigners = parties[1:]
	must(tb, o.seal())
	for _, p := range o.Signers() {
		must(tb, o.Sign(context.Background(), keys[p]))
	}
	return o, keys
}

func finder(keys map[Party]*pgp.SecretKey) func(Party) (*pgp.PublicKey, error) {
	return func(p Party) (*pgp.PublicKey, error) {
		if k := keys[p]; k != nil {
			return k.Public(), nil
		}
		return nil, omega.Errorf(omega.CodeNotFound, "key %s", p.Device)
	}
}

func TestSignatures(t *testing.T) {
	o, keys := signed(t)
	if err := o.Verify(finder(keys)); err != nil {
		t.Fatal(err)
	}
	if err := o.Sign(t.Context(), keys[o.Author]); err == nil {
		t.Error("one signed twice")
	}
	parsed, err := Parse(o.Marshal())
	must(t, err)
	if err := parsed.Verify(finder(keys)); err != nil || parsed.Hash() != o.Hash() || !bytes.Equal(parsed.Marshal(), o.Marshal()) {
		t.Errorf("read back: %v", err)
	}
	parsed.Signatures[1], parsed.Signatures[2] = parsed.Signatures[2], parsed.Signatures[1]
	if err := parsed.Verify(finder(keys)); !errors.Is(err, pgp.ErrSignature) {
		t.Errorf("signatures exchanged: %v", err)
	}
}

// TestOneOctet changes each octet of an operation: it is refused or not signed.
func TestOneOctet(t *testing.T) {
	o, keys := signed(t)
	whole := o.Marshal()
	for i := range whole {
		b := bytes.Clone(whole)
		b[i] ^= 1
		if got, err := Parse(b); err == nil && got.Verify(finder(keys)) == nil {
			t.Fatalf("octet %d changed and accepted", i)
		}
		if _, err := Parse(whole[:i]); !errors.Is(err, ErrMalformed) {
			t.Fatalf("cut at %d: %v", i, err)
		}
	}
}

func TestMalformed(t *testing.T) {
	o, _ := signed(t)
	good := string(o.Text())
	for name, text := range map[string]string{
		"owner twice":       strings.Replace(good, "Owner: ", "Owner: "+o.Accounts[0].String()+"\nOwner: ", 1),
		"lower case":        strings.Replace(good, o.Author.Account.String(), strings.ToLower(o.Author.Account.String()), 1),
		"no name":           strings.Replace(good, "Name: 讀書會\n", "", 1),
		"steering name":     strings.Replace(good, "讀書會", "讀\u202e會", 1),
		"long name":         strings.Replace(good, "讀書會", strings.Repeat("讀", 43), 1),
		"another type":      strings.Replace(good, "Type: genesis", "Type: throne", 1),
		"group of genesis":  strings.Replace(good, "Author", "Group: "+strings.Repeat("a", 64)+"\nAuthor", 1),
		"line left over":    good + "More: 1\n",
		"author not owner":  strings.Replace(good, "Owner: "+o.Author.Account.String()+"\n", "", 1),
		"carriage return":   strings.Replace(good, "\n", "\r\n", 1),
		"another version":   strings.Replace(good, "Operation: 1", "Operation: 2", 1),
		"time without zone": strings.Replace(good, "Z\n", "\n", 1),
		"empty":             "",
	} {
		if text == good {
			t.Fatalf("%s: nothing changed", name)
		}
		if _, err := parseText([]byte(text)); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v, want ErrMalformed", name, err)
		}
	}
}

func TestAddRefuses(t *testing.T) {
	s := threeAdmins(t)
	l, err := NewLog(s[0])
	must(t, err)
	other := *s[0]
	other.Nonce = message("other")
	must(t, other.seal())
	if _, err := l.Add(&other); !errors.Is(err, ErrForeign) {
		t.Errorf("second genesis: %v, want ErrForeign", err)
	}
	stranger, err := l.Next(party("Z"), start, Op{Type: TypePin, Messages: []omega.ID{message("m")}})
	must(t, err)
	if _, err := l.Add(stranger); !errors.Is(err, ErrStranger) {
		t.Errorf("stranger: %v, want ErrStranger", err)
	}
	if _, err := NewLog(s[1]); err == nil {
		t.Error("a log that starts with an invitation")
	}
	if _, err := l.Add(s[3]); err != nil || len(l.Missing()) == 0 {
		t.Errorf("operation before its past: %v, missing %v", err, l.Missing())
	}
}

// TestSince: what somebody lacks comes in an order that needs no waiting.
func TestSince(t *testing.T) {
	ops := threeAdmins(t)
	full, _ := NewLog(ops[0])
	for _, o := range ops[1:] {
		_, err := full.Add(o)
		must(t, err)
	}
	behind, _ := NewLog(ops[0])
	for _, o := range ops[1:9] {
		_, err := behind.Add(o)
		must(t, err)
	}
	for _, o := range full.Since(behind.Heads()) {
		if placed, err := behind.Add(o); err != nil || len(placed) != 1 {
			t.Fatalf("%s: placed %d, %v", o.Type, len(placed), err)
		}
	}
	if got, want := behind.State().Hash(), full.State().Hash(); got != want {
		t.Errorf("state %s, want %s", got, want)
	}
	if rest := full.Since(full.Heads()); len(rest) != 0 {
		t.Errorf("%d operations are missing to who has all", len(rest))
	}
}

func FuzzParse(f *testing.F) {
	o, _ := signed(f)
	f.Add(o.Marshal())
	for _, o := range []*Op{
		{Type: TypeInvite, Accounts: people([]string{"B", "C"})},
		{Type: TypeRole, Role: RoleOwner, Accounts: people([]string{"B"})},
		{Type: TypePolicy, Rules: &DefaultRules},
		{Type: TypeRevert, Operations: []Hash{{1}}},
		{Type: TypeCheckpoint, State: Hash{2}},
		{Type: TypePin, Messages: []omega.ID{{3}}},
	} {
		o.Group, o.Author, o.Time, o.Parents = Hash{9}, party("A"), start, []Hash{{1}, {2}}
		must(f, o.seal())
		o.Signatures = make([]pgp.Compact, 1)
		f.Add(o.Marshal())
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		o, err := Parse(b)
		if err != nil {
			if !errors.Is(err, ErrMalformed) {
				t.Fatalf("%v is not ErrMalformed", err)
			}
			return
		}
		if !bytes.Equal(o.Marshal(), b) {
			t.Fatal("written differently")
		}
	})
}

// BenchmarkState5000 is the state of a group of 5,000, each of whom accepted.
func BenchmarkState5000(b *testing.B) {
	l := crowd(b, 5000)
	for b.Loop() {
		l.state = nil
		if len(l.State().Members) != 5001 {
			b.Fatal("members")
		}
	}
}

// crowd makes a group of n+1.
func crowd(tb testing.TB, n int) *Log {
	g := &Op{Author: party("A"), Time: start, Type: TypeGenesis, Accounts: people([]string{"A"}), Profile: Profile{Name: "g"}, Nonce: message("n")}
	must(tb, g.seal())
	l, _ := NewLog(g)
	var accounts []omega.Fingerprint
	for i := range n {
		digest := make([]byte, 20)
		digest[0], digest[1], digest[2] = byte(i>>8), byte(i), 1
		f, err := omega.FingerprintV4(digest)
		must(tb, err)
		accounts = append(accounts, f)
	}
	for rest := accounts; len(rest) > 0; rest = rest[min(MaxItems, len(rest)):] {
		o, err := l.Next(party("A"), start, Op{Type: TypeInvite, Accounts: rest[:min(MaxItems, len(rest))]})
		must(tb, err)
		_, err = l.Add(o)
		must(tb, err)
	}
	for _, f := range accounts {
		o, err := l.Next(Party{f, f}, start, Op{Type: TypeAccept})
		must(tb, err)
		_, err = l.Add(o)
		must(tb, err)
	}
	return l
}
