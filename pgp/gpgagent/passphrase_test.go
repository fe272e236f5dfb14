package gpgagent

import (
	"context"
	"crypto"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/omega-im/omega/pgp"
)

var digest = sha256.Sum256([]byte("what is signed"))

// lockedHome has one key with the passphrase "correct horse", not cached.
func lockedHome(t *testing.T, userID string, conf ...string) (*home, string) {
	h := newHome(t, conf...)
	fpr := h.generate("correct horse", userID, "ed25519")
	h.forget()
	return h, fpr
}

func TestPassphrase(t *testing.T) {
	for _, row := range []struct {
		name    string
		mode    string // of the pinentry
		conf    string
		want    error
		prompts int
	}{
		{"right", "ok correct horse", "", nil, 1},
		{"wrong", "ok battery staple", "", pgp.ErrLocked, 3}, // gpg-agent lets people try three times
		{"cancelled", "cancel", "", ErrCanceled, 1},
		{"no pinentry", "ok", "pinentry-program /nonexistent", ErrNoPinentry, 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			h, fpr := lockedHome(t, "owner")
			if row.conf != "" {
				h.write("gpg-agent.conf", row.conf+"\n")
				h.forget()
			}
			h.pinentry(row.mode)
			_, err := h.key(fpr).SignDigest(t.Context(), crypto.SHA256, digest[:])
			if !errors.Is(err, row.want) {
				t.Errorf("SignDigest = %v, want %v", err, row.want)
			}
			if got := h.prompts(); got != row.prompts {
				t.Errorf("owner was asked %d times, want %d", got, row.prompts)
			}
		})
	}
}

// An owner who forbids caching is asked for each signature.
func TestNoCache(t *testing.T) {
	t.Parallel()
	h, fpr := lockedHome(t, "owner", "default-cache-ttl 0")
	h.pinentry("ok correct horse")
	bind(t, h.key(fpr), time.Now())
	if got := h.prompts(); got != 3 {
		t.Errorf("owner was asked %d times, want 3", got)
	}
}

func TestLoopback(t *testing.T) {
	t.Parallel()
	h, fpr := lockedHome(t, "owner")
	h.pinentry("cancel")
	asked, passphrase := 0, "wrong"
	broken := errors.New("terminal is gone")
	key := h.key(fpr, func(c *Config) {
		c.Passphrase = func(context.Context) ([]byte, error) {
			if asked++; passphrase == "" {
				return nil, broken
			}
			return []byte(passphrase), nil
		}
	})
	if _, err := key.SignDigest(t.Context(), crypto.SHA256, digest[:]); !errors.Is(err, pgp.ErrLocked) {
		t.Errorf("with a wrong passphrase: %v, want %v", err, pgp.ErrLocked)
	}
	passphrase = ""
	if _, err := key.SignDigest(t.Context(), crypto.SHA256, digest[:]); !errors.Is(err, broken) {
		t.Errorf("without an answer: %v, want %v", err, broken)
	}
	passphrase, asked = "correct horse", 0
	bind(t, key, time.Now())
	if asked != 1 || h.prompts() != 0 {
		t.Errorf("Passphrase was called %d times, pinentry %d times, want 1 and 0", asked, h.prompts())
	}

	h.write("gpg-agent.conf", "no-allow-loopback-pinentry\n")
	h.forget()
	var answer *AgentError
	if _, err := key.SignDigest(t.Context(), crypto.SHA256, digest[:]); !errors.As(err, &answer) || answer.Command != "OPTION" {
		t.Errorf("with loopback forbidden: %v, want an error of OPTION", err)
	}
}

// The end of ctx ends a prompt that nobody answers.
func TestCancel(t *testing.T) {
	t.Parallel()
	h, fpr := lockedHome(t, "owner")
	l := h.pinentry("hang")
	key := h.key(fpr)
	gone := errors.New("the person left")
	ctx, cancel := context.WithCancelCause(t.Context())
	done := make(chan error, 1)
	go func() {
		_, err := key.SignDigest(ctx, crypto.SHA256, digest[:])
		done <- err
	}()
	c, err := l.Accept() // the pinentry is up
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	cancel(gone)
	if err := <-done; !errors.Is(err, gone) {
		t.Errorf("SignDigest = %v, want %v", err, gone)
	}
	if _, err := key.SignDigest(ctx, crypto.SHA256, digest[:]); !errors.Is(err, gone) {
		t.Errorf("SignDigest with an ended context = %v, want %v", err, gone)
	}
}

func TestPrompt(t *testing.T) {
	hard := `100% "+" %C%c%F %0A ω` + "\u202e" + strings.Repeat("x", 80)
	for _, row := range []struct {
		name, purpose string
		env           []string
		want          []string
	}{
		{"english", "", nil, []string{"ω IM asks", purposeEnglish, `100% "+" %C%c%F %0A ωxxxx`}},
		{"chinese", "把裝置「手機 +1」加入帳號", []string{"LANG=zh_TW.UTF-8"}, []string{"請您", "「手機 +1」", "100%"}},
		{"ascii", "ab\ncdé", []string{"LANG=C"}, []string{"omega IM asks", "abcd?\n"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			h, fpr := lockedHome(t, "owner")
			h.pinentry("ok correct horse")
			key := h.key(fpr, func(c *Config) { c.Env = append(c.Env, row.env...) }).For(row.purpose)
			key.userID = hard
			if _, err := key.SignDigest(t.Context(), crypto.SHA256, digest[:]); err != nil {
				t.Fatal(err)
			}
			got := shown(t, h)
			if got != key.prompt() {
				t.Errorf("pinentry shows\n%s\nwant\n%s", got, key.prompt())
			}
			for _, want := range append(row.want, spaced(fpr), key.public.Created().Format("2006-01-02")) {
				if !strings.Contains(got, want) {
					t.Errorf("pinentry shows\n%s\nwithout %q", got, want)
				}
			}
		})
	}
}

// shown is the text of the last prompt.
func shown(t *testing.T, h *home) string {
	t.Helper()
	text := ""
	for _, line := range h.asked() {
		if desc, ok := strings.CutPrefix(line, "SETDESC "); ok {
			text = desc
		}
	}
	b, err := unescape([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestPromptFitsALine(t *testing.T) {
	h, fpr := lockedHome(t, "owner")
	key := h.key(fpr, func(c *Config) { c.Env = append(c.Env, "LANG=zh_TW.UTF-8") })
	for _, long := range []string{strings.Repeat("\U0001F511", 200), strings.Repeat("%", 200), strings.Repeat("裝", 200)} {
		key.userID = long
		if n := len("SETKEYDESC " + escapePrompt(key.For(long).prompt())); n > maxLine {
			t.Errorf("line of %d octets, want at most %d", n, maxLine)
		}
	}
}

func TestSignDigestRefusesOtherHashes(t *testing.T) {
	h, fpr := lockedHome(t, "owner")
	key := h.key(fpr)
	for _, row := range []struct {
		hash crypto.Hash
		n    int
	}{{crypto.SHA1, 20}, {crypto.SHA256, 20}, {crypto.SHA224, 28}, {0, 32}} {
		if _, err := key.SignDigest(t.Context(), row.hash, make([]byte, row.n)); !errors.Is(err, pgp.ErrPolicy) {
			t.Errorf("%d octets of hash %d: %v, want %v", row.n, row.hash, err, pgp.ErrPolicy)
		}
	}
}

// An agent that is just ending takes connections and drops them.
func TestAgentEnds(t *testing.T) {
	t.Parallel()
	h, fpr := lockedHome(t, "owner")
	h.pinentry("ok correct horse")
	key := h.key(fpr)
	for range 3 {
		if _, err := h.run("gpgconf", "", "--homedir", h.dir, "--kill", "gpg-agent"); err != nil {
			t.Fatal(err)
		}
		if _, err := key.SignDigest(t.Context(), crypto.SHA256, digest[:]); err != nil {
			t.Error(err)
		}
	}
}

// gpgconf gives an agent that starts five seconds. On a busy machine it may need
// longer, and is there when it is asked for again.
func TestAgentStartsSlowly(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		fails int // starts, before one succeeds
		want  error
	}{{0, nil}, {connectTries - 1, nil}, {100, ErrNoAgent}} {
		h := newHome(t)
		gpg := h.slow(row.fails)
		_, err := Open(t.Context(), Config{Home: h.dir, Env: h.env(), GPG: gpg})
		if !errors.Is(err, row.want) || row.want != nil && !strings.Contains(err.Error(), "no running agent") {
			t.Errorf("%d starts fail: %v, want %v", row.fails, err, row.want)
		}
	}
}

// slow returns a gpg beside which stands a gpgconf that fails to start the agent
// so many times.
func (h *home) slow(fails int) (gpg string) {
	h.t.Helper()
	for program, script := range map[string]string{
		"gpg": `exec gpg "$@"`,
		"gpgconf": fmt.Sprintf(`case " $* " in
*" --launch "*)
	echo >>"$0.starts"
	if [ "$(wc -l <"$0.starts")" -le %d ]; then
		echo "no running agent" >&2
		exit 1
	fi
esac
exec gpgconf "$@"`, fails),
	} {
		if err := os.WriteFile(filepath.Join(h.side, program), []byte("#!/bin/sh\n"+script+"\n"), 0o700); err != nil {
			h.t.Fatal(err)
		}
	}
	return filepath.Join(h.side, "gpg")
}
