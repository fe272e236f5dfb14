package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"unicode/utf8"

	"golang.org/x/term"

	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/internal/i18n"
)

// errQuit says that the person left at a question.
var errQuit = errors.New("left at a question")

// ask reads a passphrase from the terminal. It ends at once, and the terminal is
// as before, when the person presses Ctrl+C or Ctrl+D, or ctx ends.
func (a *app) ask(ctx context.Context, key string) ([]byte, error) {
	tty, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
	if err != nil || !term.IsTerminal(int(os.Stdin.Fd())) {
		return nil, &clientrpc.Error{
			Code: clientrpc.CodePassphrase, Doing: i18n.T("doing.open", a.home), Why: i18n.T("why.nopassphrase"), Next: i18n.T("next.passphrase"),
		}
	}
	fmt.Fprint(tty, a.text(key))
	defer fmt.Fprintln(tty)
	fd := int(tty.Fd())
	old, err := term.MakeRaw(fd) // no echo, and Ctrl+C is a character
	if err != nil {
		return nil, err
	}
	defer term.Restore(fd, old)
	type answer struct {
		line []byte
		err  error
	}
	got := make(chan answer, 1)
	go func() { // reading a terminal cannot be interrupted: it ends with the process
		line, err := readSecret(tty)
		got <- answer{line, err}
	}()
	select {
	case r := <-got:
		return r.line, r.err
	case <-ctx.Done():
		return nil, errQuit
	}
}

// readSecret reads a line from a raw terminal. It takes one octet at a time, so
// that what was typed ahead is there for the next question.
func readSecret(r io.Reader) (line []byte, err error) {
	var c [1]byte
	for {
		if _, err := io.ReadFull(r, c[:]); err != nil {
			return nil, errQuit
		}
		switch c[0] {
		case '\r', '\n':
			return line, nil
		case 0x03, 0x04: // Ctrl+C, Ctrl+D
			return nil, errQuit
		case 0x08, 0x7f: // Backspace takes a character
			_, n := utf8.DecodeLastRune(line)
			line = line[:len(line)-n]
		case 0x15: // Ctrl+U
			line = line[:0]
		default:
			line = append(line, c[0])
		}
	}
}

// withoutTerminal says what to do where nobody can be asked for the passphrase of
// new keys.
func withoutTerminal(err error) error {
	var e *clientrpc.Error
	if errors.As(err, &e) && e.Code == clientrpc.CodePassphrase {
		return &clientrpc.Error{
			Code: clientrpc.CodePassphrase, Doing: i18n.T("doing.init"), Why: i18n.T("why.nonewpassphrase"), Next: i18n.T("next.setpassphrase"),
		}
	}
	return err
}

// newPassphrase is the passphrase of a new home.
func (a *app) newPassphrase(ctx context.Context, none bool) ([]byte, error) {
	if none {
		return nil, nil
	}
	v, ok := os.LookupEnv(envPassphrase)
	first, second := []byte(v), []byte(v)
	if !ok {
		var err error
		if first, err = a.ask(ctx, "ask.newpassphrase"); err != nil {
			return nil, withoutTerminal(err)
		}
		if len(first) > 0 {
			second, err = a.ask(ctx, "ask.again")
		}
		if err != nil {
			return nil, err
		}
	}
	why := ""
	switch {
	case ok && len(first) == 0: // somebody failed to fill it: to go without one has to be asked for by name
		why = "why.emptyvariable"
	case len(first) == 0:
		why = "why.emptypassphrase"
	case string(first) != string(second):
		why = "why.mismatch"
	default:
		return first, nil
	}
	return nil, &clientrpc.Error{Code: clientrpc.CodeUsage, Doing: i18n.T("doing.init"), Why: i18n.T(why), Next: i18n.T("next.nopassphrase")}
}
