package pgp

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"
)

func certifyFor(tb testing.TB, by, of *testAccount) []byte {
	tb.Helper()
	b, err := Certify(tb.Context(), by.primary, of.cert, testTime)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

func TestCertification(t *testing.T) {
	member, newcomer, other := newAccount(t, 1, 1), newAccount(t, 2, 1), newAccount(t, 3, 1)
	good := certifyFor(t, member, newcomer)
	issuer, err := CertificationIssuer(good)
	if err != nil || issuer != member.cert.Fingerprint() {
		t.Fatalf("issuer %v, %v", issuer, err)
	}
	if err := VerifyCertification(good, member.cert, newcomer.cert, testTime); err != nil {
		t.Fatal(err)
	}
	revoked, err := Revoke(t.Context(), member.primary, member.cert, ReasonCompromised, testTime)
	if err != nil {
		t.Fatal(err)
	}
	self, err := sign(t.Context(), newcomer.primary, sigCertification, testTime, nil, coverUserID(newcomer.cert.primary))
	if err != nil {
		t.Fatal(err)
	}
	binding, err := sign(t.Context(), member.primary, sigSubkeyBinding, testTime, nil, coverUserID(newcomer.cert.primary))
	if err != nil {
		t.Fatal(err)
	}
	rows := []struct {
		name   string
		packet []byte
		by, of *Certificate
		now    time.Time
		want   error
	}{
		{"of somebody else", good, member.cert, other.cert, testTime, ErrSignature},
		{"by somebody else", good, other.cert, newcomer.cert, testTime, ErrSignature},
		{"from the future", good, member.cert, newcomer.cert, testTime.Add(-time.Hour), ErrPolicy},
		{"by a revoked key", good, revoked, newcomer.cert, testTime, ErrRevoked},
		{"by oneself", self.packet(newcomer.cert.primary), newcomer.cert, newcomer.cert, testTime, ErrPolicy},
		{"another kind of signature", binding.packet(member.cert.primary), member.cert, newcomer.cert, testTime, ErrPolicy},
		{"two packets", append(bytes.Clone(good), good...), member.cert, newcomer.cert, testTime, ErrMalformed},
		{"cut short", good[:len(good)-1], member.cert, newcomer.cert, testTime, ErrMalformed},
		{"too long", make([]byte, maxCertification+1), member.cert, newcomer.cert, testTime, ErrMalformed},
	}
	for _, row := range rows {
		if err := VerifyCertification(row.packet, row.by, row.of, row.now); !errors.Is(err, row.want) {
			t.Errorf("%s: %v, want %v", row.name, err, row.want)
		}
	}
	if _, err := Certify(t.Context(), newcomer.primary, newcomer.cert, testTime); !errors.Is(err, ErrPolicy) {
		t.Errorf("Certify oneself: %v", err)
	}
}

// A certification does not get into a certificate, and files of them read back.
func TestCertificationsStayApart(t *testing.T) {
	member, newcomer := newAccount(t, 1, 1), newAccount(t, 2, 1)
	good := certifyFor(t, member, newcomer)
	with := append(newcomer.cert.Bytes(), good...)
	if c, err := ParseCertificate(with, testTime); err == nil && c.Hash() != newcomer.cert.Hash() {
		t.Error("the certificate took it up")
	}
	file := []byte(Armor("PGP SIGNATURE", append(bytes.Clone(good), good...)))
	for _, b := range [][]byte{file, append(bytes.Clone(good), good...)} {
		got, err := ParseCertifications(b, 2)
		if err != nil || len(got) != 2 || !bytes.Equal(got[0], good) {
			t.Errorf("%d certifications, %v", len(got), err)
		}
	}
	if _, err := ParseCertifications(file, 1); !errors.Is(err, ErrPolicy) {
		t.Errorf("more than allowed: %v", err)
	}
}

func FuzzCertification(f *testing.F) {
	member, newcomer := newAccount(f, 1, 1), newAccount(f, 2, 1)
	good := certifyFor(f, member, newcomer)
	f.Add(good)
	f.Add([]byte(Armor("PGP SIGNATURE", good)))
	f.Fuzz(func(t *testing.T, b []byte) {
		if VerifyCertification(b, member.cert, newcomer.cert, testTime) == nil {
			issuer, err := CertificationIssuer(b)
			if err != nil || !issuer.IsZero() && issuer != member.cert.Fingerprint() {
				t.Errorf("verifies, and claims to be by %v (%v)", issuer, err)
			}
		}
		if list, err := ParseCertifications(b, 4); err == nil && len(list) > 4 {
			t.Errorf("%d certifications", len(list))
		}
	})
}

// Plain gpg takes a certification for what it is.
func TestGPGChecksCertification(t *testing.T) {
	g := newGPG(t)
	member, newcomer := newAccount(t, 1, 1), newAccount(t, 2, 1)
	list := packets(t, newcomer.cert.Bytes()) // key, User ID, self-signature, …
	with := join(join(list[:3]...), certifyFor(t, member, newcomer), join(list[3:]...))
	clock := []string{"--faked-system-time", testTime.Add(time.Hour).Format("20060102T150405!")}
	g.run(append(clock, "--import", g.file("member.pgp", member.cert.Bytes()))...)
	g.run(append(clock, "--import", g.file("newcomer.pgp", with))...)
	out := g.run(append(clock, "--with-colons", "--check-signatures", newcomer.cert.Fingerprint().String())...)
	want := "sig:!::22:" + member.cert.Fingerprint().String()[24:]
	if !strings.Contains(out, want) {
		t.Errorf("gpg does not list %s:\n%s", want, out)
	}
}
