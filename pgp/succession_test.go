package pgp

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"testing"
	"time"

	"github.com/omega-im/omega/spec"
)

func TestSuccession(t *testing.T) {
	old, next, other := newAccount(t, 1, 1), newAccount(t, 2, 1), newAccount(t, 3, 1)
	statement, err := Succeed(t.Context(), old.primary, next.cert, testTime)
	must(t, err)
	answer, err := Inherit(t.Context(), next.primary, old.cert, testTime)
	must(t, err)
	plain := certifyFor(t, old, next)
	must(t, VerifyCertification(statement, old.cert, next.cert, testTime)) // it is one as well
	revoke := func(a *testAccount, why Reason, at time.Time) *Certificate {
		t.Helper()
		cert, err := Revoke(t.Context(), a.primary, a.cert, why, at)
		must(t, err)
		return cert
	}
	later := testTime.Add(time.Hour)
	for _, row := range []struct {
		name      string
		packet    []byte
		old, next *Certificate
		want      error
	}{
		{"good", statement, old.cert, next.cert, nil},
		{"retired afterwards", statement, revoke(old, ReasonRetired, later), next.cert, nil},
		{"retired before", statement, revoke(old, ReasonRetired, testTime), next.cert, ErrRevoked},
		{"compromised afterwards", statement, revoke(old, ReasonCompromised, later), next.cert, ErrRevoked},
		{"to a revoked key", statement, old.cert, revoke(next, ReasonRetired, later), ErrRevoked},
		{"to another key", statement, old.cert, other.cert, ErrPolicy},
		{"of another key", statement, other.cert, next.cert, ErrSignature},
		{"a plain certification", plain, old.cert, next.cert, ErrPolicy},
		{"the answer", answer, old.cert, next.cert, ErrPolicy},
		{"to itself", statement, next.cert, next.cert, ErrPolicy},
		{"cut short", statement[:len(statement)-1], old.cert, next.cert, ErrMalformed},
	} {
		if err := VerifyStatement(row.packet, row.old, row.next, later.Add(time.Hour)); !errors.Is(err, row.want) {
			t.Errorf("statement, %s: %v, want %v", row.name, err, row.want)
		}
	}
	for _, row := range []struct {
		name      string
		packet    []byte
		old, next *Certificate
		want      error
	}{
		{"good", answer, old.cert, next.cert, nil},
		{"to a revoked key", answer, revoke(old, ReasonCompromised, later), next.cert, nil},
		{"by a revoked key", answer, old.cert, revoke(next, ReasonRetired, later), ErrRevoked},
		{"by another key", answer, old.cert, other.cert, ErrSignature},
		{"about another key", answer, other.cert, next.cert, ErrPolicy},
		{"the statement", statement, old.cert, next.cert, ErrPolicy},
	} {
		if err := VerifyAnswer(row.packet, row.old, row.next, later.Add(time.Hour)); !errors.Is(err, row.want) {
			t.Errorf("answer, %s: %v, want %v", row.name, err, row.want)
		}
	}
	if _, err := Succeed(t.Context(), old.primary, old.cert, testTime); !errors.Is(err, ErrPolicy) {
		t.Errorf("to itself: %v", err)
	}
	if err := VerifyStatement(statement, old.cert, next.cert, testTime.Add(-time.Hour)); !errors.Is(err, ErrPolicy) {
		t.Errorf("from the future: %v", err)
	}
}

// FuzzStatement: nothing but what the old key signed verifies.
func FuzzStatement(f *testing.F) {
	old, next := newAccount(f, 1, 1), newAccount(f, 2, 1)
	good, err := Succeed(f.Context(), old.primary, next.cert, testTime)
	must(f, err)
	f.Add(good)
	f.Add(certifyFor(f, old, next))
	f.Fuzz(func(t *testing.T, b []byte) {
		if err := VerifyStatement(b, old.cert, next.cert, testTime); err == nil && !bytes.Equal(b, good) {
			t.Errorf("%x verifies", b)
		}
	})
}

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

// TestSuccessionVectors reads spec/vectors/succession.json: two accounts, and the words
// by which one goes on as the other. Every octet is determined. (KEYS-25, KEYS-26)
func TestSuccessionVectors(t *testing.T) {
	old, next := newAccount(t, 1, 1), newAccount(t, 2, 1)
	statement, err := Succeed(t.Context(), old.primary, next.cert, testTime)
	must(t, err)
	answer, err := Inherit(t.Context(), next.primary, old.cert, testTime)
	must(t, err)
	const file = "vectors/succession.json"
	got := map[string]string{
		"old certificate": hex.EncodeToString(old.cert.Bytes()), "new certificate": hex.EncodeToString(next.cert.Bytes()),
		"statement": hex.EncodeToString(statement), "answer": hex.EncodeToString(answer), "made at": testTime.Format(time.RFC3339),
	}
	if *update {
		b, err := json.MarshalIndent(got, "", "  ")
		must(t, err)
		must(t, os.WriteFile("../spec/"+file, append(b, '\n'), 0o644))
		return
	}
	b, err := spec.Vectors.ReadFile(file)
	must(t, err)
	var want map[string]string
	must(t, json.Unmarshal(b, &want))
	octets := func(name string) []byte {
		b, err := hex.DecodeString(want[name])
		must(t, err)
		return b
	}
	from, to := mustParse(t, octets("old certificate")), mustParse(t, octets("new certificate"))
	must(t, VerifyStatement(octets("statement"), from, to, testTime))
	must(t, VerifyAnswer(octets("answer"), from, to, testTime))
	for name := range want {
		if got[name] != want[name] {
			t.Errorf("%s is %s, want %s", name, got[name], want[name])
		}
	}
}
