package client

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/pgp"
)

func testLink(tb testing.TB) *linkText {
	tb.Helper()
	dev, err := pgp.GenerateDevice(rand.Reader, "平板", time.Now())
	if err != nil {
		tb.Fatal(err)
	}
	l := &linkText{
		Signing: dev.Signing.Public().Packet(true), Encryption: dev.Encryption.Public().Packet(true), Name: "平板",
		Server: "127.0.0.1:7000#0123456789ABCDEF0123456789ABCDEF01234567",
	}
	rand.Read(l.Secret[:])
	return l
}

func TestLinkText(t *testing.T) {
	l := testLink(t)
	text := l.String()
	if len(text) > maxLinkText/2 {
		t.Errorf("%d characters", len(text))
	}
	for _, s := range []string{text, " " + text + "\n", text[:40] + "\r\n  " + text[40:]} {
		got, err := parseLinkText(s)
		if err != nil || got.String() != text || got.Name != l.Name || got.Server != l.Server || got.Secret != l.Secret {
			t.Errorf("%q: %+v, %v", s, got, err)
		}
	}
	if _, _, err := l.keys(); err != nil {
		t.Error(err)
	}
	l.Signing = l.Signing[1:]
	if _, _, err := l.keys(); !errors.Is(err, errLinkText) {
		t.Errorf("damaged key: %v", err)
	}
}

// TestDamagedLinkText: no cut and no changed octet goes unseen.
func TestDamagedLinkText(t *testing.T) {
	text := testLink(t).String()
	for n := range len(text) {
		if _, err := parseLinkText(text[:n]); !errors.Is(err, errLinkText) {
			t.Fatalf("first %d characters: %v", n, err)
		}
	}
	raw, err := base64.RawURLEncoding.DecodeString(strings.TrimPrefix(text, linkPrefix))
	if err != nil {
		t.Fatal(err)
	}
	for i := range raw {
		raw[i] ^= 1
		if _, err := parseLinkText(linkPrefix + base64.RawURLEncoding.EncodeToString(raw)); !errors.Is(err, errLinkText) {
			t.Fatalf("octet %d changed: %v", i, err)
		}
		raw[i] ^= 1
	}
	for _, s := range []string{"", "hello", linkPrefix, linkPrefix + "!", strings.Repeat(" ", maxLinkText) + text, strings.ToUpper(text)} {
		if _, err := parseLinkText(s); !errors.Is(err, errLinkText) {
			t.Errorf("%.20q: %v", s, err)
		}
	}
}

// TestLinkMAC: what servers carry cannot be changed, nor used in another step.
func TestLinkMAC(t *testing.T) {
	l, other := testLink(t), testLink(t)
	blob := l.seal(stepAccount, []byte("content"))
	if got, err := l.open(stepAccount, blob); err != nil || string(got) != "content" {
		t.Errorf("%q, %v", got, err)
	}
	changed := append([]byte(nil), blob...)
	changed[len(changed)-1]++
	for name, open := range map[string]func() ([]byte, error){
		"changed":       func() ([]byte, error) { return l.open(stepAccount, changed) },
		"cut":           func() ([]byte, error) { return l.open(stepAccount, blob[:len(blob)-1]) },
		"short":         func() ([]byte, error) { return l.open(stepAccount, blob[:31]) },
		"another step":  func() ([]byte, error) { return l.open(stepCross, blob) },
		"another link":  func() ([]byte, error) { return other.open(stepAccount, blob) },
		"nothing there": func() ([]byte, error) { return l.open(stepAccount, nil) },
	} {
		if _, err := open(); !errors.Is(err, errLinkText) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if l.handle(stepAccount) == l.handle(stepCross) || l.handle(stepAccount) == other.handle(stepAccount) {
		t.Error("handles are not different")
	}
}

func FuzzLinkText(f *testing.F) {
	f.Add(testLink(f).String())
	f.Add(linkPrefix)
	f.Fuzz(func(t *testing.T, s string) {
		l, err := parseLinkText(s)
		if err != nil {
			return
		}
		again, err := parseLinkText(l.String())
		if err != nil || again.String() != l.String() {
			t.Errorf("%q: read once, not twice: %v", s, err)
		}
		l.keys()
	})
}

// TestLinkName: a name that no device can have is an error of whoever gave it.
func TestLinkName(t *testing.T) {
	cfg := LinkConfig{Config: Config{Home: t.TempDir()}, Server: "127.0.0.1:1", DeviceName: "a\nb"}
	_, err := Link(t.Context(), cfg)
	var e *clientrpc.Error
	if !errors.As(err, &e) || e.Code != clientrpc.CodeUsage || e.Why.Key != "why.devicename" {
		t.Errorf("%v", err)
	}
}

// TestMeetingGoesOn: a connection that ends under a question is made again, a few times.
func TestMeetingGoesOn(t *testing.T) {
	p := newPost(t)
	m, err := dialMeeting(t.Context(), Config{}, p.address)
	must(t, err)
	defer m.close()
	for name, x := range map[string]struct {
		ends int
		want error
	}{"ends twice": {meetTries - 1, nil}, "ends again and again": {100, io.EOF}} {
		asked := 0
		err := m.again(t.Context(), func() error {
			if asked++; asked <= x.ends {
				return fmt.Errorf("pick blob: %w", io.EOF)
			}
			return nil
		})
		if want := min(x.ends+1, meetTries); !errors.Is(err, x.want) || asked != want {
			t.Errorf("%s: %v after %d questions, want %v after %d", name, err, asked, x.want, want)
		}
	}
}
