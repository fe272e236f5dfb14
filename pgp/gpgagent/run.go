package gpgagent

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"
)

// errTooMuch is returned when a program prints more than is ever useful.
var errTooMuch = errors.New("output is too long")

// errNoPublicKey is returned when gpg knows no key of the name it was given.
var errNoPublicKey = errors.New("no such key in the keyring")

// readOnly are the options that make gpg answer without writing a file: no
// trust database made or checked, nothing learnt about first use (trust-model
// tofu), no pool of randomness, no lock files (gpg replaces keyrings by renaming
// and locks them only to write), and nothing from the network.
var readOnly = []string{
	"--batch", "--no-tty", "--no-auto-check-trustdb", "--trust-model", "always",
	"--no-random-seed-file", "--lock-never", "--no-auto-key-locate", "--disable-dirmngr",
	"--no-armor", "--utf8-strings",
}

// gpgRead runs gpg read-only and returns at most limit octets of its output.
func (a *Agent) gpgRead(ctx context.Context, limit int, args ...string) ([]byte, error) {
	args = append(append([]string{}, readOnly...), args...)
	// The one thing that is read from its messages is in English.
	out, err := a.run(ctx, limit, a.gpg, a.inHome(args...), []string{"LC_ALL=C", "LANGUAGE=C"})
	if err != nil && strings.Contains(err.Error(), "No public key") {
		return nil, errNoPublicKey
	}
	return out, err
}

// run starts a program of GnuPG, waits for its end and returns what it printed.
// A failure carries the program's own message.
func (a *Agent) run(ctx context.Context, limit int, program string, args, env []string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, a.cfg.Timeout)
	defer cancel()
	stdout, stderr := &limited{limit: limit}, &limited{limit: 4096, drop: true}
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = append(append([]string{}, a.environ()...), env...)
	cmd.Stdout, cmd.Stderr = stdout, stderr
	// A daemon that gpgconf started may still hold the other end of the pipes.
	cmd.WaitDelay = 2 * time.Second
	err := cmd.Run()
	switch {
	case stdout.full:
		return nil, errTooMuch
	case err != nil && ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case err != nil && !errors.Is(err, exec.ErrWaitDelay):
		return nil, fmt.Errorf("%w: %s", err, clip(strings.TrimSpace(stderr.String()), 1000))
	}
	return stdout.Bytes(), nil
}

// environ is the environment of the programs.
func (a *Agent) environ() []string {
	if a.cfg.Env != nil {
		return a.cfg.Env
	}
	return os.Environ()
}

// getenv reads a variable of the programs' environment; the last one counts.
func (a *Agent) getenv(name string) string {
	if a.cfg.Env == nil {
		return os.Getenv(name)
	}
	for i := len(a.cfg.Env) - 1; i >= 0; i-- {
		if k, v, ok := strings.Cut(a.cfg.Env[i], "="); ok && k == name {
			return v
		}
	}
	return ""
}

// limited is a buffer that takes no more than limit octets: it fails, or drops
// what is over if drop is set.
type limited struct {
	bytes.Buffer
	limit int
	drop  bool
	full  bool
}

// Write implements io.Writer.
func (l *limited) Write(b []byte) (int, error) {
	room := l.limit - l.Len()
	if len(b) <= room {
		return l.Buffer.Write(b)
	}
	l.Buffer.Write(b[:room])
	if l.drop {
		return len(b), nil
	}
	l.full = true
	return room, errTooMuch
}
