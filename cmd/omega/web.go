package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/client"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/internal/i18n"
	"github.com/omega-im/omega/pgp/gpgagent"
	"github.com/omega-im/omega/web"
)

// webHelp are the texts of the web face's help.
var webHelp = []string{"web", "web_noopen", "web_server"}

// webCmd shows the account in a browser. It is what omega does without an argument.
type webCmd struct {
	NoOpen bool     `name:"no-open" help:"${help_web_noopen}"`
	Server []string `help:"${help_web_server}" env:"OMEGA_SERVER" placeholder:"HOST:PORT[#FPR]"`
}

// Files of the web face, in a directory of the home.
const (
	dirWeb   = "web"
	fileKey  = "key"   // what cookies are made with
	filePort = "port"  // that was used last
	dirOnWay = "files" // on their way
)

func (c *webCmd) Run(ctx context.Context, a *app) error {
	if c.inTerminal(a) {
		return (&tuiCmd{Server: c.Server, Ambiguous: os.Getenv("OMEGA_AMBIGUOUS"), Theme: os.Getenv("OMEGA_THEME"), Notify: os.Getenv("OMEGA_NOTIFY"), Images: os.Getenv("OMEGA_IMAGES"), NoMouse: os.Getenv("OMEGA_NO_MOUSE") != ""}).Run(ctx, a)
	}
	dir := filepath.Join(a.home, dirWeb)
	secret, err := webSecret(dir)
	if err != nil {
		return webProblem(dir, err)
	}
	if url, ok := web.Running(ctx, filepath.Join(dir, filePort), secret); ok {
		return c.show(a, url)
	}
	l, err := web.Listen(filepath.Join(dir, filePort))
	if err != nil {
		return webProblem("127.0.0.1", err)
	}
	entry, logger := c.entry(a)
	defer entry.Close()
	address := l.Addr().String()
	s, err := web.New(address, web.Config{Core: entry, Secret: secret, Renew: func() ([]byte, error) { return newWebSecret(dir, os.Rename) }, Dir: filepath.Join(dir, dirOnWay), Logger: logger})
	if err != nil {
		l.Close()
		return webProblem(dir, err)
	}
	if err := c.show(a, s.URL(address)); err != nil {
		l.Close()
		return err
	}
	if !a.json {
		a.printf("%s\n", a.text("web.stop"))
	}
	return s.Serve(ctx, l)
}

// inTerminal reports whether omega without a command is better shown in this
// terminal: there is no screen for a browser.
func (c *webCmd) inTerminal(a *app) bool {
	return !c.NoOpen && !a.json && !slices.Contains(a.args, "web") && !hasDisplay() && isTerminal(os.Stdin) && isTerminal(os.Stdout)
}

// entry is the home as the pages begin with it.
func (c *webCmd) entry(a *app) (*client.Entry, *slog.Logger) {
	cfg := client.EntryConfig{
		Config: client.Config{Home: a.home, Primary: a.agentKey}, Device: deviceName(""), Servers: c.Server,
		GnuPGKeys: a.offeredKeys, Adopt: a.adopt,
	}
	if v, ok := os.LookupEnv(envPassphrase); ok {
		cfg.Passphrase = []byte(v)
	}
	logger := slog.New(slog.DiscardHandler)
	if path := os.Getenv("OMEGA_LOG"); path != "" {
		if f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600); err == nil {
			logger = slog.New(slog.NewTextHandler(f, nil)) // the process ends with it
		}
	}
	cfg.Logger = logger
	return client.NewEntry(cfg), logger
}

// show prints the address and opens it in a browser, where there is one.
func (c *webCmd) show(a *app, url string) error {
	if a.json {
		if err := a.line(map[string]string{"url": url}); err != nil {
			return err
		}
	} else {
		a.printf("%s\n  %s\n", a.text("web.address"), url)
	}
	if !c.NoOpen && hasDisplay() {
		openBrowser(url)
	}
	return nil
}

// hasDisplay reports whether a browser would have a screen.
func hasDisplay() bool {
	return runtime.GOOS != "linux" || os.Getenv("DISPLAY") != "" || os.Getenv("WAYLAND_DISPLAY") != ""
}

// openBrowser opens an address; where that fails the person does it.
func openBrowser(url string) {
	program, args := "xdg-open", []string{url}
	switch runtime.GOOS {
	case "darwin":
		program = "open"
	case "windows":
		program, args = "rundll32", []string{"url.dll,FileProtocolHandler", url}
	}
	if cmd := exec.Command(program, args...); cmd.Start() == nil {
		go cmd.Wait() // it ends when it handed the address over
	}
}

// webSecret reads what cookies are made with, or makes it.
func webSecret(dir string) ([]byte, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	path := filepath.Join(dir, fileKey)
	b, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return newWebSecret(dir, os.Link) // of two that begin at once one makes it
	case err != nil:
		return nil, err
	case len(b) != web.SecretSize:
		return nil, fmt.Errorf("%s has %d octets, not %d; remove it", path, len(b), web.SecretSize)
	}
	return b, nil
}

// newWebSecret makes a secret and puts it in its place, as put does.
func newWebSecret(dir string, put func(from, to string) error) ([]byte, error) {
	b := make([]byte, web.SecretSize)
	rand.Read(b) // never fails
	f, err := os.CreateTemp(dir, fileKey+"-*")
	if err != nil {
		return nil, err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(b)
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, err
	}
	path := filepath.Join(dir, fileKey)
	if err = put(f.Name(), path); errors.Is(err, fs.ErrExist) {
		return os.ReadFile(path)
	}
	return b, err
}

func webProblem(what string, err error) error {
	return &clientrpc.Error{
		Code: clientrpc.CodeHome, Doing: i18n.T("doing.web"), Why: i18n.T("why.io", what), Next: i18n.T("next.web"), Cause: err.Error(),
	}
}

// offeredKeys are the keys of GnuPG that may become an account.
func (a *app) offeredKeys(ctx context.Context) ([]clientrpc.SetupKey, error) {
	agent, err := gpgagent.Open(ctx, gpgagent.Config{})
	if errors.Is(err, gpgagent.ErrNoGnuPG) {
		return nil, nil // who has none misses nothing
	}
	var offers []gpgagent.Offer
	if err == nil {
		offers, err = agent.Offers(ctx)
	}
	if err != nil {
		return nil, keyError("", err)
	}
	var out []clientrpc.SetupKey
	for _, o := range offers {
		k := clientrpc.SetupKey{UserID: o.UserID, Kind: o.Kind, Expires: o.Expires}
		if k.Fingerprint, err = omega.ParseFingerprint(o.Fingerprint); err != nil {
			continue // of a key version that can be no account
		}
		if o.Refused != nil {
			errors.As(keyError(o.Fingerprint, o.Refused), &k.Problem)
		}
		out = append(out, k)
	}
	return out, nil
}

// adopt opens a key of GnuPG that becomes an account.
func (a *app) adopt(ctx context.Context, fingerprint string) (*client.AdoptedKey, error) {
	key, err := a.openKey(ctx, "", fingerprint)
	if err != nil {
		return nil, err
	}
	return &client.AdoptedKey{Signer: key, Expires: key.Expires(), GnuPGHome: key.home}, nil
}
