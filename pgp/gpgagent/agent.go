// Package gpgagent adopts an OpenPGP key that lives in its owner's GnuPG. The
// secret stays in gpg-agent or on a smart card: [Key] is a pgp.Signer that asks
// the agent for each signature over the Assuan protocol, and the agent asks the
// owner for the passphrase through the owner's own pinentry. (spec/identity.md)
//
// Nothing of the owner's GnuPG is changed. Of gpg itself only a listing and the
// export of the public key are used, with options that make them write no file
// at all; the agent is only asked to sign.
//
// Binding a device takes three signatures: one for the neutral User ID and one
// per subkey. The agent keeps the passphrase between them (default-cache-ttl,
// 10 minutes unless its owner chose otherwise), so there is one prompt.
package gpgagent

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// DefaultTimeout is how long gpg and gpg-agent may take for what needs no
// person. A card reader may take seconds to wake up.
const DefaultTimeout = 20 * time.Second

// Config says where GnuPG is. The zero Config is the user's own GnuPG.
type Config struct {
	// Home is the GnuPG home directory. Empty: $GNUPGHOME, else gpg's default.
	Home string

	// GPG is the gpg program. Empty: "gpg" in $PATH. gpgconf has to stand beside
	// it, or in $PATH if GPG is a bare name.
	GPG string

	// Env is the environment of the programs, and what tells the agent where its
	// pinentry may show up: GPG_TTY, TERM, DISPLAY, WAYLAND_DISPLAY, LC_CTYPE and
	// so on. Nil: the environment of this process, and the terminal on its
	// standard input if GPG_TTY is not set.
	Env []string

	// Passphrase, if set, is called in place of a pinentry (the agent's "loopback"
	// mode, which its owner can forbid). The octets are overwritten after use.
	Passphrase func(ctx context.Context) ([]byte, error)

	// Launched, if set, is called when the agent has started a pinentry, with its
	// flavour, such as "curses" or "gtk2:curses". It must not block.
	Launched func(flavour string)

	// Timeout limits what needs no person. Zero means DefaultTimeout.
	Timeout time.Duration

	// Now tells the time by which keys are expired. Nil means time.Now.
	Now func() time.Time
}

// An Agent is a user's GnuPG. It keeps no connection open, so it needs no
// closing, and may be used by several goroutines.
type Agent struct {
	cfg     Config
	gpg     string // path of the program
	gpgconf string
	home    string
	socket  string
	version string
}

// Open finds the user's GnuPG and its agent, and starts the agent if it is not
// running. ErrNoGnuPG says that there is no GnuPG or that it was never used;
// ErrNoAgent that the agent cannot be reached.
func Open(ctx context.Context, cfg Config) (*Agent, error) {
	a := &Agent{cfg: cfg}
	a.setDefaults()
	if err := a.findPrograms(); err != nil {
		return nil, err
	}
	if err := a.findPlaces(ctx); err != nil {
		return nil, err
	}
	c, err := a.connect(ctx)
	if err != nil {
		return nil, err
	}
	defer c.close()
	rep, err := c.ask(ctx, "GETINFO version")
	if err != nil {
		return nil, err
	}
	a.version = clip(string(rep.data), 40)
	return a, nil
}

// Home is the GnuPG home directory in use.
func (a *Agent) Home() string { return a.home }

// Version is the version of the agent, such as "2.2.40".
func (a *Agent) Version() string { return a.version }

func (a *Agent) setDefaults() {
	if a.cfg.GPG == "" {
		a.cfg.GPG = "gpg"
	}
	if a.cfg.Timeout == 0 {
		a.cfg.Timeout = DefaultTimeout
	}
	if a.cfg.Now == nil {
		a.cfg.Now = time.Now
	}
}

// findPrograms looks up gpg and gpgconf.
func (a *Agent) findPrograms() error {
	var err error
	if a.gpg, err = exec.LookPath(a.cfg.GPG); err != nil {
		return fmt.Errorf("%w: %w", ErrNoGnuPG, err)
	}
	conf := "gpgconf"
	if filepath.Base(a.cfg.GPG) != a.cfg.GPG {
		conf = filepath.Join(filepath.Dir(a.gpg), conf)
	}
	if a.gpgconf, err = exec.LookPath(conf); err != nil {
		return fmt.Errorf("%w: %w", ErrNoGnuPG, err)
	}
	return nil
}

// findPlaces asks gpgconf for the home directory and the agent's socket, and
// makes sure that the home exists, because any gpg would create it.
func (a *Agent) findPlaces(ctx context.Context) error {
	if a.cfg.Home != "" {
		abs, err := filepath.Abs(a.cfg.Home)
		if err != nil {
			return fmt.Errorf("find the GnuPG home: %w", err)
		}
		a.cfg.Home = abs
	}
	for name, dst := range map[string]*string{"homedir": &a.home, "agent-socket": &a.socket} {
		out, err := a.run(ctx, 4096, a.gpgconf, a.inHome("--list-dirs", name), nil)
		if err != nil {
			return fmt.Errorf("ask gpgconf for its %s: %w", name, err)
		}
		if *dst = strings.TrimRight(string(out), "\r\n"); !filepath.IsAbs(*dst) {
			return fmt.Errorf("ask gpgconf for its %s: got %q, which is no path", name, clip(*dst, 200))
		}
	}
	if info, err := os.Stat(a.home); err != nil {
		return fmt.Errorf("%w: %w", ErrNoGnuPG, err)
	} else if !info.IsDir() {
		return fmt.Errorf("%w: %s is no directory", ErrNoGnuPG, a.home)
	}
	return nil
}

// inHome puts --homedir before args if a home was configured.
func (a *Agent) inHome(args ...string) []string {
	if a.cfg.Home == "" {
		return args
	}
	return append([]string{"--homedir", a.cfg.Home}, args...)
}

// connectTries is how often connect starts the agent. One that is just ending
// still takes connections, and then drops them; and gpgconf waits five seconds
// for one that starts, which a busy machine may need longer for.
const connectTries = 3

// connect opens a connection to the agent, which it starts if needed.
func (a *Agent) connect(ctx context.Context) (*conn, error) {
	var launch error // of the last start
	for try := 0; ; try++ {
		c, err := a.greeted(ctx)
		switch {
		case err == nil:
			return c, nil
		case ctx.Err() != nil:
			return nil, fmt.Errorf("connect to gpg-agent: %w", context.Cause(ctx))
		case launch != nil && try == connectTries:
			return nil, fmt.Errorf("%w: start it: %w", ErrNoAgent, launch)
		case try == connectTries, errors.Is(err, os.ErrDeadlineExceeded):
			return nil, fmt.Errorf("%w: %w", ErrNoAgent, err)
		}
		_, launch = a.run(ctx, 4096, a.gpgconf, a.inHome("--launch", "gpg-agent"), nil)
	}
}

// greeted opens a connection and waits for the agent's greeting.
func (a *Agent) greeted(ctx context.Context) (*conn, error) {
	rw, err := a.dial(ctx)
	if err != nil {
		return nil, err
	}
	defer context.AfterFunc(ctx, func() { rw.Close() })()
	return newConn(rw, a.cfg.Timeout)
}

func (a *Agent) dial(ctx context.Context) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, a.cfg.Timeout)
	defer cancel()
	return dialSocket(ctx, a.socket, a.getenv)
}

// hasKeyring reports whether the home has public keys. Without a keyring gpg
// would create one, even to list it.
func (a *Agent) hasKeyring() (bool, error) {
	for _, name := range []string{"pubring.kbx", "pubring.gpg", filepath.Join("public-keys.d", "pubring.db")} {
		_, err := os.Stat(filepath.Join(a.home, name))
		if err == nil {
			return true, nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return false, fmt.Errorf("look for the GnuPG keyring: %w", err)
		}
	}
	return false, nil
}
