// Command omegad is the server of the ω cloud, and the tools of those who run
// one.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/omega-im/omega/internal/help"
	"github.com/omega-im/omega/internal/i18n"
	"github.com/omega-im/omega/node"
)

// Exit codes, the same as those of omega.
const (
	exitFailed = 1
	exitUsage  = 2
)

type cli struct {
	Serve  serveCmd  `cmd:"" help:"${help_serve}"`
	Dev    devCmd    `cmd:"" help:"${help_dev}"`
	Config configCmd `cmd:"" help:"${help_config}"`
	Status statusCmd `cmd:"" help:"${help_status}"`
	Trace  traceCmd  `cmd:"" help:"${help_trace}"`

	Invite struct {
		Make   inviteCmd       `cmd:"" default:"withargs" help:"${help_invite_make}"`
		List   invitesCmd      `cmd:"" help:"${help_invite_list}"`
		Revoke revokeInviteCmd `cmd:"" help:"${help_invite_revoke}"`
	} `cmd:"" help:"${help_invite}"`

	Join     joinCmd     `cmd:"" help:"${help_join}"`
	Evidence evidenceCmd `cmd:"" help:"${help_evidence}"`
	Vouch    vouchCmd    `cmd:"" help:"${help_vouch}"`
	Backup   backupCmd   `cmd:"" help:"${help_backup}"`
	Restore  restoreCmd  `cmd:"" help:"${help_restore}"`
	Sim      simCmd      `cmd:"" help:"${help_sim}"`

	Version kong.VersionFlag `help:"${help_version}"`
}

func main() {
	var c cli
	lang := i18n.Detect(os.Getenv)
	parser := kong.Must(&c, kong.Name("omegad"), kong.Description(i18n.T("omegad.help.omegad").In(lang)),
		kong.Vars{"version": "omegad " + node.Version}, help.Texts(lang, "omegad.help.", helpKeys), kong.Help(help.Print(lang)),
		kong.ValueFormatter(func(v *kong.Value) string { return v.Help }), kong.Exit(exit))
	args := os.Args[1:]
	if len(args) == 0 {
		args = []string{"--help"}
	}
	command, err := parser.Parse(args)
	if err != nil {
		fmt.Fprintln(os.Stderr, "omegad:", help.Problem(err).In(lang))
		fmt.Fprintln(os.Stderr, i18n.T("help.more", "omegad").In(lang))
		os.Exit(exitUsage)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	command.BindTo(ctx, (*context.Context)(nil))
	if err := command.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "omegad:", inWords(err, lang))
		if errors.Is(err, errUsage) {
			os.Exit(exitUsage)
		}
		os.Exit(exitFailed)
	}
}

// inWords is what people are told of an error.
func inWords(err error, lang i18n.Lang) string { return help.Mixed(i18n.Words(err, lang), lang) }

// exit is kong's way out: 0 after help, usage otherwise.
func exit(code int) {
	if code != 0 {
		code = exitUsage
	}
	os.Exit(code)
}

// errUsage is wrapped by what is wrong with a command line.
var errUsage = errors.New("omegad --help tells more")

type serveCmd struct {
	Config string `required:"" type:"existingfile" help:"${help_serve_config}" placeholder:"FILE"`
	Check  bool   `help:"${help_serve_check}"`
}

func (c *serveCmd) Run(ctx context.Context) error {
	cfg, err := node.LoadConfig(c.Config)
	if err != nil {
		return err
	}
	if c.Check {
		return c.check(cfg)
	}
	log, err := node.NewLogger(os.Stderr, cfg.LogLevel)
	if err != nil {
		return err
	}
	n, err := node.New(ctx, *cfg, node.Options{Logger: log, FS: testFS(), Clock: testClock()})
	if err != nil {
		return err
	}
	for _, w := range cfg.Warnings() {
		log.Warn("the configuration works, and is probably not meant", "what", w.In(i18n.English))
	}
	log.Info("serving", "for_clients", n.ClientAddress(), "for_servers", n.ServerAddress(), "http", n.HTTPAddress())
	err = n.Run(ctx)
	if err == nil {
		log.Info("ended")
	}
	return err
}

// check says what is wrong with a configuration, or may be.
func (c *serveCmd) check(cfg *node.Config) error {
	if err := cfg.CheckMachine(); err != nil {
		return fmt.Errorf("%s: %w", c.Config, err)
	}
	lang := i18n.Detect(os.Getenv)
	for _, w := range cfg.Warnings() {
		fmt.Fprintln(os.Stderr, i18n.T("check.warning", w.In(lang)).In(lang))
	}
	_, err := fmt.Println(i18n.T("check.ok").In(lang))
	return err
}

type devCmd struct {
	N    int    `short:"n" default:"4" help:"${help_dev_n} (${default})"`
	Dir  string `required:"" help:"${help_dev_dir}" placeholder:"DIR"`
	JSON bool   `name:"json" help:"${help_dev_json}"`
	Log  string `default:"warn" help:"${help_dev_log}" placeholder:"LEVEL"`
}

func (c *devCmd) Run(ctx context.Context) error {
	log, err := node.NewLogger(os.Stderr, c.Log)
	if err != nil {
		return fmt.Errorf("--log: %q is not debug, info, warn or error; %w", c.Log, errUsage)
	}
	if c.N < 1 || c.N > node.MaxDev {
		return fmt.Errorf("-n: %d servers, want 1 to %d; %w", c.N, node.MaxDev, errUsage)
	}
	dev, err := node.NewDev(ctx, node.DevConfig{Servers: c.N, Dir: c.Dir, Logger: log, FS: testFS()})
	if err != nil {
		return err
	}
	return dev.Run(ctx, func() { c.ready(os.Stdout, dev, log) })
}

// ready prints where the cloud is.
func (c *devCmd) ready(w io.Writer, dev *node.Dev, log *slog.Logger) {
	var err error
	if c.JSON {
		err = json.NewEncoder(w).Encode(struct {
			Ready   bool             `json:"ready"`
			Servers []node.DevServer `json:"servers"`
		}{true, dev.Servers()})
	} else {
		for _, s := range dev.Servers() {
			if _, err = fmt.Fprintf(w, "%s\n  client  %s\n  server  %s\n  http    %s\n  metrics http://%s/metrics\n", s.Name, s.Client, s.Server, s.HTTP, s.Admin); err != nil {
				break
			}
		}
		if err == nil {
			_, err = fmt.Fprintln(w, i18n.T("dev.ready").In(i18n.Detect(os.Getenv)))
		}
	}
	if err != nil {
		log.Warn("cannot say that the cloud is ready", "err", err)
	}
}

type configCmd struct{}

func (c *configCmd) Run() error {
	_, err := fmt.Print(node.DefaultConfigIn(i18n.Detect(os.Getenv)))
	return err
}
