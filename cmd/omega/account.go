package main

import (
	"bufio"
	"context"
	"crypto"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"

	"golang.org/x/term"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/client"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/internal/i18n"
	"github.com/omega-im/omega/pgp"
	"github.com/omega-im/omega/pgp/gpgagent"
)

// envPassphrase holds the passphrase for scripts.
const envPassphrase = "OMEGA_PASSPHRASE"

// config is the configuration of the core of this home.
func (a *app) config(ctx context.Context) (client.Config, error) {
	cfg := client.Config{Home: a.home, Primary: a.agentKey}
	if path := os.Getenv("OMEGA_LOG"); path != "" {
		f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			return cfg, err
		}
		cfg.Logger = slog.New(slog.NewTextHandler(f, nil)) // the process ends with it
	}
	protected, err := client.Protected(a.home)
	if err != nil || !protected {
		return cfg, err
	}
	if v, ok := os.LookupEnv(envPassphrase); ok {
		cfg.Passphrase = []byte(v)
		return cfg, nil
	}
	if client.Held(a.home) {
		return cfg, nil // the process that holds it has opened the keys
	}
	cfg.Passphrase, err = a.ask("ask.passphrase")
	return cfg, err
}

// ask reads a passphrase from the terminal.
func (a *app) ask(key string) ([]byte, error) {
	tty, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
	if err != nil || !term.IsTerminal(int(os.Stdin.Fd())) {
		return nil, &clientrpc.Error{
			Code: clientrpc.CodePassphrase, Doing: i18n.T("doing.open", a.home), Why: i18n.T("why.nopassphrase"), Next: i18n.T("next.passphrase"),
		}
	}
	defer tty.Close()
	fmt.Fprint(tty, a.text(key))
	defer fmt.Fprintln(tty)
	return term.ReadPassword(int(tty.Fd()))
}

type initCmd struct {
	Name         string `required:"" help:"${help_init_name}" placeholder:"NAME"`
	Server       string `required:"" help:"${help_init_server}" placeholder:"HOST:PORT[#FPR]"`
	GPG          string `name:"gpg" help:"${help_init_gpg}" placeholder:"FPR"`
	Device       string `help:"${help_init_device}" placeholder:"NAME"`
	NoPassphrase bool   `help:"${help_init_nopass}"`
}

func (c *initCmd) Run(ctx context.Context, a *app) error {
	cfg := client.InitConfig{Config: client.Config{Home: a.home, Name: c.Name}, Server: c.Server, DeviceName: deviceName(c.Device)}
	var err error
	if cfg.Passphrase, err = a.newPassphrase(c.NoPassphrase); err != nil {
		return err
	}
	if c.GPG != "" {
		key, home, err := openAgentKey(ctx, "", c.GPG)
		if err != nil {
			return keyError(err)
		}
		cfg.Primary, cfg.Expires, cfg.GnuPGHome = agentSigner{key}, key.Expires(), home
	}
	info, err := client.Init(ctx, cfg)
	if err != nil {
		return err
	}
	return a.made(info)
}

// made reports a new account or device.
func (a *app) made(info *clientrpc.AccountInfo) error {
	if a.json {
		return a.line(map[string]any{"fingerprint": info.Fingerprint, "device": info.Device})
	}
	a.printf("%s\n  %s\n%s\n  %s\n", a.text("label.account"), spaced(info.Fingerprint), a.text("label.device"), spaced(info.Device))
	return nil
}

// spaced writes a fingerprint in groups of four, as people compare it.
func spaced(fp omega.Fingerprint) string {
	s := fp.String()
	var out []string
	for ; len(s) > 4; s = s[4:] {
		out = append(out, s[:4])
	}
	return strings.Join(append(out, s), " ")
}

// deviceName is the name that was asked for, or this machine's.
func deviceName(asked string) string {
	if asked != "" {
		return asked
	}
	host, err := os.Hostname()
	if err != nil || pgp.CheckDeviceName(host) != nil {
		return "omega"
	}
	return host
}

// newPassphrase is the passphrase of a new home.
func (a *app) newPassphrase(none bool) ([]byte, error) {
	if none {
		return nil, nil
	}
	v, ok := os.LookupEnv(envPassphrase)
	first, second := []byte(v), []byte(v)
	if !ok {
		var err error
		if first, err = a.ask("ask.newpassphrase"); err != nil {
			return nil, err
		}
		if second, err = a.ask("ask.again"); err != nil {
			return nil, err
		}
	}
	// An empty variable is one that somebody failed to fill: no passphrase has to
	// be asked for by name.
	if string(first) != string(second) || len(first) == 0 {
		return nil, &clientrpc.Error{Code: clientrpc.CodeUsage, Doing: i18n.T("doing.init"), Why: i18n.T("why.mismatch"), Next: i18n.T("next.nopassphrase")}
	}
	return first, nil
}

// openAgentKey finds a primary key in the user's GnuPG.
func openAgentKey(ctx context.Context, home, name string) (*gpgagent.Key, string, error) {
	agent, err := gpgagent.Open(ctx, gpgagent.Config{Home: home})
	if err != nil {
		return nil, "", err
	}
	key, err := agent.Key(ctx, name)
	return key, agent.Home(), err
}

// agentKey reaches the primary key of this home's account in gpg-agent.
func (a *app) agentKey(ctx context.Context, gnupgHome string) (pgp.Signer, error) {
	fp, err := client.AccountOf(a.home)
	if err != nil {
		return nil, err
	}
	key, _, err := openAgentKey(ctx, gnupgHome, fp.String())
	if err != nil {
		return nil, keyError(err)
	}
	return agentSigner{key}, nil
}

// An agentSigner says in a person's words why the agent did not sign.
type agentSigner struct{ pgp.Signer }

func (s agentSigner) SignDigest(ctx context.Context, hash crypto.Hash, digest []byte) ([]byte, error) {
	sig, err := s.Signer.SignDigest(ctx, hash, digest)
	if err != nil {
		return nil, keyError(err)
	}
	return sig, nil
}

// keyErrorNames are the catalogue's names of what is wrong with a key.
var keyErrorNames = map[gpgagent.Reason]string{
	gpgagent.NoSuchKey: "nosuch", gpgagent.Ambiguous: "ambiguous", gpgagent.KeyVersion: "version", gpgagent.Revoked: "revoked",
	gpgagent.Expired: "expired", gpgagent.Disabled: "disabled", gpgagent.Unsupported: "unsupported", gpgagent.CannotCertify: "certify",
	gpgagent.NoSelfSignature: "noselfsig", gpgagent.WeakSelfSignature: "weak", gpgagent.Offline: "offline", gpgagent.CardMissing: "card",
}

// agentErrorNames are the catalogue's names of why an agent did not help.
var agentErrorNames = []struct {
	err  error
	name string
}{
	{gpgagent.ErrNoGnuPG, "nognupg"}, {gpgagent.ErrNoAgent, "noagent"}, {gpgagent.ErrNoPinentry, "nopinentry"},
	{gpgagent.ErrCanceled, "cancelled"}, {pgp.ErrLocked, "locked"}, {pgp.ErrOffline, "away"},
}

// keyError puts what is wrong with a GnuPG key, or with its agent, into words.
func keyError(err error) error {
	var k *gpgagent.KeyError
	if errors.As(err, &k) {
		name := keyErrorNames[k.Reason]
		return &clientrpc.Error{
			Code: clientrpc.CodeKey, Doing: i18n.T("doing.adopt", k.Key), Why: i18n.T("why.gpg."+name, k.Detail), Next: i18n.T("next.gpg."+name, k.Key),
		}
	}
	for _, a := range agentErrorNames {
		if errors.Is(err, a.err) {
			return &clientrpc.Error{
				Code: clientrpc.CodeKey, Doing: i18n.T("doing.agent"), Why: i18n.T("why.gpg." + a.name), Next: i18n.T("next.gpg." + a.name), Cause: err.Error(),
			}
		}
	}
	return err
}

type idCmd struct{}

func (c *idCmd) Run(ctx context.Context, a *app) error {
	conn, err := a.connect(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	info, err := clientrpc.Account.Call(ctx, conn, clientrpc.None{})
	if err != nil {
		return err
	}
	if a.json {
		return a.line(info)
	}
	a.printf("%s\n  %s\n", a.text("label.account"), spaced(info.Fingerprint))
	a.devices(info.Devices)
	a.printf("\n%s", info.Certificate)
	return nil
}

func (a *app) devices(list []clientrpc.Device) {
	a.printf("%s\n", a.text("label.devices"))
	for _, d := range list {
		mark := ""
		if d.This {
			mark = "  ← " + a.text("label.this")
		}
		a.printf("  %s  %s  %s  %s%s\n", d.Fingerprint, a.clock(d.Added), a.text("status."+d.Status), safe(d.Name), mark)
	}
}

type listCmd struct{}

func (c *listCmd) Run(ctx context.Context, a *app) error {
	conn, err := a.connect(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	list, err := clientrpc.Devices.Call(ctx, conn, clientrpc.None{})
	if err != nil {
		return err
	}
	if a.json {
		for _, d := range list.Devices {
			if err := a.line(d); err != nil {
				return err
			}
		}
		return nil
	}
	a.devices(list.Devices)
	return nil
}

type linkCmd struct {
	Server       string `required:"" help:"${help_link_server}" placeholder:"HOST:PORT[#FPR]"`
	Name         string `help:"${help_link_name}" placeholder:"NAME"`
	NoPassphrase bool   `help:"${help_init_nopass}"`
}

func (c *linkCmd) Run(ctx context.Context, a *app) error {
	cfg := client.LinkConfig{Config: client.Config{Home: a.home}, Server: c.Server, DeviceName: deviceName(c.Name)}
	var err error
	if cfg.Passphrase, err = a.newPassphrase(c.NoPassphrase); err != nil {
		return err
	}
	cfg.Show = func(text string) {
		if a.json {
			a.line(map[string]string{"link": text})
			return
		}
		a.printf("%s\n\n%s\n\n%s\n", a.text("link.carry"), text, a.text("link.wait"))
	}
	cfg.Confirm = func(account omega.Fingerprint) error {
		if !a.json {
			a.printf("%s\n  %s\n", a.text("link.account"), spaced(account))
		}
		return nil
	}
	info, err := client.Link(ctx, cfg)
	if err != nil {
		return err
	}
	return a.made(info)
}

type approveCmd struct {
	Text string `arg:"" help:"${help_approve_text}"`
}

func (c *approveCmd) Run(ctx context.Context, a *app) error {
	text := c.Text
	if text == "-" {
		line, err := bufio.NewReader(a.stdin).ReadString('\n')
		if err != nil && line == "" {
			return err
		}
		text = line
	}
	conn, err := a.connect(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	d, err := clientrpc.Approve.Call(ctx, conn, clientrpc.ApproveParams{Text: text})
	if err != nil {
		return err
	}
	if a.json {
		return a.line(d)
	}
	a.devices([]clientrpc.Device{d})
	return nil
}
