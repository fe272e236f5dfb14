package main

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"golang.org/x/term"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/client"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/internal/i18n"
	"github.com/omega-im/omega/pgp"
)

// envPassphrase holds the passphrase for scripts.
const envPassphrase = "OMEGA_PASSPHRASE"

// config is the configuration of the core of this home.
func (a *app) config(ctx context.Context) (client.Config, error) {
	cfg := client.Config{Home: a.home, Primary: a.agentKey}
	if path := os.Getenv("OMEGA_LOG"); path != "" {
		f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			return cfg, &clientrpc.Error{
				Code: clientrpc.CodeHome, Doing: i18n.T("doing.log"), Why: i18n.T("why.io", path), Next: i18n.T("next.log"), Cause: err.Error(),
			}
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
	cfg.Passphrase, err = a.ask(ctx, "ask.passphrase")
	return cfg, err
}

type initCmd struct {
	Name         string `required:"" help:"${help_init_name}" placeholder:"NAME"`
	Server       string `help:"${help_init_server}" placeholder:"HOST:PORT[#FPR]"`
	Invite       string `help:"${help_init_invite}" placeholder:"CODE|LINK"`
	GPG          string `name:"gpg" help:"${help_init_gpg}" placeholder:"FPR"`
	Device       string `help:"${help_init_device}" placeholder:"NAME"`
	NoPassphrase bool   `help:"${help_init_nopass}"`
}

func (c *initCmd) Run(ctx context.Context, a *app) error {
	cfg := client.InitConfig{Config: client.Config{Home: a.home, Name: c.Name}, Server: c.Server, Invite: c.Invite, DeviceName: deviceName(c.Device)}
	if c.Server == "" && c.Invite == "" { // before anything is asked
		return &clientrpc.Error{Code: clientrpc.CodeUsage, Doing: i18n.T("doing.init"), Why: i18n.T("why.whichserver"), Next: i18n.T("next.whichserver")}
	}
	var err error
	if cfg.Passphrase, err = a.newPassphrase(ctx, c.NoPassphrase); err != nil {
		return err
	}
	if c.GPG != "" {
		key, err := a.openKey(ctx, "", c.GPG)
		if err != nil {
			return err
		}
		cfg.Primary, cfg.Expires, cfg.GnuPGHome = key, key.Expires(), key.home
	}
	stop := a.busy("busy.init")
	info, err := client.Init(ctx, cfg)
	stop()
	if err != nil {
		return err
	}
	begin(ctx, cfg.Config)
	next := a.advice("init.next", info.Fingerprint)
	if c.GPG == "" {
		next += "\n\n" + a.advice("init.revocation", client.RevocationPath(a.home))
	}
	return a.made(info, next)
}

// begin puts prekeys of a new device at its home. The account stands without them, and
// the next command puts them there.
func begin(ctx context.Context, cfg client.Config) { _ = client.Begin(ctx, cfg) }

// made reports a new account or device, and what comes next.
func (a *app) made(info *clientrpc.AccountInfo, next string) error {
	if a.json {
		return a.line(map[string]any{"fingerprint": info.Fingerprint, "device": info.Device})
	}
	a.account(info.Fingerprint)
	a.printf("%s\n  %s\n\n%s\n", a.text("label.device"), info.Device, next)
	return nil
}

// account shows a fingerprint as it is copied, and as people compare it.
func (a *app) account(fp omega.Fingerprint) {
	a.printf("%s\n  %s\n  %s\n", a.text("label.account"), fp, spaced(fp))
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

// deviceName is the name that was asked for, or this machine's; where that has none, its
// system's.
func deviceName(asked string) string {
	if asked != "" {
		return asked
	}
	host, _ := os.Hostname()
	host, _, _ = strings.Cut(host, ".") // the domain says nothing to people
	if host == "localhost" || pgp.CheckDeviceName(host) != nil {
		return systemName(runtime.GOOS)
	}
	return host
}

// systemName is what people call the operating system that Go calls goos.
func systemName(goos string) string {
	switch goos {
	case "linux":
		return "Linux"
	case "darwin":
		return "macOS"
	case "windows":
		return "Windows"
	case "android":
		return "Android"
	case "freebsd":
		return "FreeBSD"
	}
	return goos
}

type idCmd struct {
	QR bool `name:"qr" help:"${help_id_qr}"`
	picture
}

func (c *idCmd) Run(ctx context.Context, a *app) error {
	if c.QR || c.File != "" {
		return calling(ctx, a, clientrpc.Card, clientrpc.None{}, func(r *clientrpc.CardResult) error {
			if err := c.write(strings.ToUpper(r.Link)); err != nil {
				return err
			}
			return a.showCard(r)
		})
	}
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
	a.printf("%s\n  %s\n", a.text("label.name"), safe(info.Name))
	a.account(info.Fingerprint)
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
		a.printf("  %s  %s  %s%s\n", d.Fingerprint, a.text("status."+d.Status), safe(d.Name), mark)
		a.printf("    %s\n", a.text("device.added", a.clock(d.Added)))
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
	Device       string `aliases:"name" help:"${help_link_name}" placeholder:"NAME"` // as of init; --name is how it was called
	NoPassphrase bool   `help:"${help_init_nopass}"`
	picture
}

func (c *linkCmd) Run(ctx context.Context, a *app) error {
	cfg := client.LinkConfig{Config: client.Config{Home: a.home}, Server: c.Server, DeviceName: deviceName(c.Device)}
	var err error
	if cfg.Passphrase, err = a.newPassphrase(ctx, c.NoPassphrase); err != nil {
		return err
	}
	cfg.Show = func(text string) {
		if err := c.write(text); err != nil { // the text below says the same
			fmt.Fprintf(a.stderr, "omega: %v\n", err)
		}
		if a.json {
			a.line(map[string]string{"link": text})
			return
		}
		a.printf("%s\n\n%s\n\n%s\n", a.text("link.carry"), text, a.text("link.wait"))
	}
	cfg.Confirm = func(account omega.Fingerprint) error {
		if a.json {
			return nil
		}
		a.printf("%s\n  %s\n", a.text("link.account"), spaced(account))
		return a.confirmLink(ctx)
	}
	info, err := client.Link(ctx, cfg)
	if err != nil {
		return err
	}
	begin(ctx, cfg.Config)
	return a.made(info, a.advice("link.next"))
}

// confirmLink asks whoever sits at a terminal whether the account is theirs: who saw
// the text to carry could have answered first. Scripts see the fingerprint.
func (a *app) confirmLink(ctx context.Context) error {
	in, ok := a.stdin.(*os.File)
	if !ok || !term.IsTerminal(int(in.Fd())) {
		return nil
	}
	fmt.Fprintf(a.stderr, "%s ", a.text("link.ask"))
	said := make(chan string, 1)
	go func() { // reading a terminal cannot be interrupted: it ends with the process
		line, _ := bufio.NewReader(in).ReadString('\n')
		said <- line
	}()
	select {
	case line := <-said:
		if strings.EqualFold(strings.TrimSpace(line), "y") {
			return nil
		}
		return &clientrpc.Error{Code: clientrpc.CodeRefused, Doing: i18n.T("doing.link"), Why: i18n.T("why.nolink"), Next: i18n.T("next.relink")}
	case <-ctx.Done():
		return errQuit
	}
}

type approveCmd struct {
	Text    string `arg:"" help:"${help_approve_text}"`
	History *bool  `negatable:"" help:"${help_approve_history}"`
}

// approveWait is how long approving waits for the upload of the history, which goes on
// with the next command otherwise.
const approveWait = 10 * time.Minute

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
	before, err := clientrpc.Devices.Call(ctx, conn, clientrpc.None{})
	if err != nil {
		return err
	}
	p := clientrpc.ApproveParams{Text: text}
	if p.History, err = a.wantsHistory(ctx, c.History); err != nil {
		return err
	}
	stop := a.busy("busy.approve")
	d, err := clientrpc.Approve.Call(ctx, conn, p)
	stop()
	if err != nil {
		return err
	}
	if a.json {
		if err := a.line(d); err != nil || !p.History {
			return err
		}
		_, err := a.awaitHandovers(ctx, conn, approveWait)
		return err
	}
	done := "approve.done"
	if slices.ContainsFunc(before.Devices, func(o clientrpc.Device) bool { return o.Fingerprint == d.Fingerprint }) {
		done = "approve.already"
	}
	a.printf("%s\n", a.text(done))
	a.devices([]clientrpc.Device{d})
	var list []clientrpc.Handover
	if p.History {
		if list, err = a.awaitHandovers(ctx, conn, approveWait); err != nil {
			return err
		}
	}
	a.approved(d.Fingerprint, list)
	return nil
}
