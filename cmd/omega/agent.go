package main

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"regexp"
	"strings"

	"golang.org/x/term"

	"github.com/omega-im/omega/client"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/internal/i18n"
	"github.com/omega-im/omega/pgp"
	"github.com/omega-im/omega/pgp/gpgagent"
)

// An agentKey is a primary key in the user's GnuPG. What goes wrong with it is
// said in words, and the terminal is as before when a prompt was interrupted.
type agentKey struct {
	*gpgagent.Key
	home   string  // of GnuPG
	prompt *string // flavour of the pinentry that was shown last; "": none
}

// openKey finds a primary key in the user's GnuPG.
func (a *app) openKey(ctx context.Context, home, name string) (*agentKey, error) {
	var shown string
	agent, err := gpgagent.Open(ctx, gpgagent.Config{Home: home, Launched: func(flavour string) { shown = flavour }})
	if err != nil {
		return nil, keyError(name, err)
	}
	key, err := agent.Key(ctx, name)
	if err != nil {
		return nil, keyError(name, err)
	}
	return &agentKey{key, agent.Home(), &shown}, nil
}

// SignDigest implements pgp.Signer.
func (k *agentKey) SignDigest(ctx context.Context, hash crypto.Hash, digest []byte) ([]byte, error) {
	*k.prompt = ""
	restore := saveTerminal()
	sig, err := k.Key.SignDigest(ctx, hash, digest)
	if err == nil {
		return sig, nil
	}
	if ctx.Err() != nil && textPinentry(*k.prompt) {
		restore()
	}
	return nil, keyError(k.Public().Fingerprint().String(), err)
}

// textPinentry reports whether a pinentry draws on the terminal.
func textPinentry(flavour string) bool {
	return strings.HasPrefix(flavour, "curses") || strings.HasPrefix(flavour, "tty")
}

// leaveScreen ends what a program that draws on the terminal began: the other
// screen, colours, a hidden cursor, special keys.
const leaveScreen = "\x1b[?1049l\x1b[0m\x1b[?25h\x1b[?1l\x1b>\r"

// saveTerminal returns what makes the terminal as it is now.
func saveTerminal() (restore func()) {
	tty, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
	if err != nil {
		return func() {}
	}
	state, err := term.GetState(int(tty.Fd()))
	if err != nil {
		tty.Close()
		return func() {}
	}
	return func() {
		term.Restore(int(tty.Fd()), state)
		fmt.Fprint(tty, leaveScreen)
	}
}

// agentKey reaches the primary key of this home's account in gpg-agent.
func (a *app) agentKey(ctx context.Context, gnupgHome string) (pgp.Signer, error) {
	fp, err := client.AccountOf(a.home)
	if err != nil {
		return nil, err
	}
	key, err := a.openKey(ctx, gnupgHome, fp.String())
	if err != nil {
		return nil, err
	}
	return key, nil
}

// keyErrorNames are the catalogue's names of what is wrong with a key.
var keyErrorNames = map[gpgagent.Reason]string{
	gpgagent.NoSuchKey: "nosuch", gpgagent.Ambiguous: "ambiguous", gpgagent.KeyVersion: "version", gpgagent.Revoked: "revoked",
	gpgagent.Expired: "expired", gpgagent.Disabled: "disabled", gpgagent.Unsupported: "unsupported", gpgagent.CannotCertify: "certify",
	gpgagent.NoSelfSignature: "noselfsig", gpgagent.WeakSelfSignature: "weak", gpgagent.Offline: "offline", gpgagent.CardMissing: "card",
}

// agentErrorNames are the same for what is wrong with GnuPG.
var agentErrorNames = []struct {
	err  error
	name string
}{
	{exec.ErrNotFound, "missing"}, {fs.ErrNotExist, "nohome"}, {gpgagent.ErrNoGnuPG, "nohome"}, {gpgagent.ErrNoAgent, "noagent"},
	{gpgagent.ErrNoPinentry, "nopinentry"}, {gpgagent.ErrLocale, "locale"}, {gpgagent.ErrCanceled, "canceled"}, {pgp.ErrLocked, "locked"}, {pgp.ErrOffline, "offline"},
}

// bits is how package gpgagent names an algorithm with a size.
var bits = regexp.MustCompile(`^(\S+) (\d+) bits$`)

// keyError puts what is wrong with a GnuPG key, or with GnuPG, into words.
func keyError(key string, err error) error {
	var k *gpgagent.KeyError
	name, detail, cause := "", "", ""
	if errors.As(err, &k) {
		key, name, detail = k.Key, keyErrorNames[k.Reason], k.Detail
	} else {
		for _, e := range agentErrorNames {
			if errors.Is(err, e.err) {
				name, cause = e.name, err.Error()
				break
			}
		}
	}
	if name == "" {
		return err
	}
	why := i18n.T("why.gpg."+name, detail)
	if m := bits.FindStringSubmatch(detail); m != nil && name == "unsupported" {
		why = i18n.T("why.gpg.bits", m[1], m[2])
	}
	return &clientrpc.Error{Code: clientrpc.CodeKey, Doing: i18n.T("doing.adopt", key), Why: why, Next: i18n.T("next.gpg."+name, key), Cause: cause}
}
