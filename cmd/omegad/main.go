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

	"github.com/omega-im/omega/node"
)

// Exit codes, the same as those of omega.
const (
	exitFailed = 1
	exitUsage  = 2
)

type cli struct {
	Serve  serveCmd  `cmd:"" help:"Run one server."`
	Dev    devCmd    `cmd:"" help:"Run a whole cloud on this machine, for trials and development."`
	Config configCmd `cmd:"" help:"Print the commented default configuration."`
	Trace  traceCmd  `cmd:"" help:"Show the way to another server, and how long it takes."`

	Join     joinCmd     `cmd:"" help:"Show how a server would join the cloud, and what members say to that."`
	Evidence evidenceCmd `cmd:"" help:"Print and verify the proofs that servers told different things to different others."`
	Vouch    vouchCmd    `cmd:"" help:"Certify the key of a server that wants to join."`
	Sim      simCmd      `cmd:"" help:"Simulate a cloud of thousands of servers and report how it stands failures."`

	Version kong.VersionFlag `help:"Print the version."`
}

func main() {
	var c cli
	parser := kong.Must(&c, kong.Name("omegad"), kong.Description("One server of the ω cloud."),
		kong.Vars{"version": "omegad " + node.Version}, kong.UsageOnError(), kong.Exit(exit))
	command, err := parser.Parse(os.Args[1:])
	if err != nil {
		parser.Errorf("%v", err)
		os.Exit(exitUsage)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	command.BindTo(ctx, (*context.Context)(nil))
	if err := command.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "omegad:", err)
		if errors.Is(err, errUsage) {
			os.Exit(exitUsage)
		}
		os.Exit(exitFailed)
	}
}

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
	Config string `required:"" type:"existingfile" help:"Configuration file; see omegad config." placeholder:"FILE"`
	Check  bool   `help:"Only check the configuration."`
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
		log.Warn("the configuration works, and is probably not meant", "what", w)
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
	for _, w := range cfg.Warnings() {
		fmt.Fprintln(os.Stderr, "warning:", w)
	}
	fmt.Println("ok")
	return nil
}

type devCmd struct {
	N    int    `short:"n" default:"4" help:"Number of servers (${default})."`
	Dir  string `required:"" help:"Directory for all of them; the same again brings the same cloud back." placeholder:"DIR"`
	JSON bool   `name:"json" help:"Print one JSON line when all servers are ready."`
	Log  string `default:"warn" help:"Log level: debug, info, warn or error." placeholder:"LEVEL"`
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
			if _, err = fmt.Fprintf(w, "%s\n  client  %s\n  http    %s\n  metrics http://%s/metrics\n", s.Name, s.Client, s.HTTP, s.Admin); err != nil {
				break
			}
		}
		if err == nil {
			_, err = fmt.Fprintln(w, "ready; Ctrl+C ends it")
		}
	}
	if err != nil {
		log.Warn("cannot say that the cloud is ready", "err", err)
	}
}

type configCmd struct{}

func (c *configCmd) Run() error {
	_, err := fmt.Print(node.DefaultConfig)
	return err
}
