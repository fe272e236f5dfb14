// Command omega is the client of ω IM for the shell and for scripts.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/client"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/internal/help"
	"github.com/omega-im/omega/internal/i18n"
)

// version is set by the linker for releases.
var version = "dev"

type cli struct {
	Home string `env:"OMEGA_HOME" help:"${help_home}" placeholder:"DIR" type:"path"`
	JSON bool   `name:"json" help:"${help_json}"`

	Web     webCmd     `cmd:"" default:"withargs" help:"${help_web}"`
	Tui     tuiCmd     `cmd:"" help:"${help_tui}"`
	Init    initCmd    `cmd:"" help:"${help_init}"`
	ID      idCmd      `cmd:"" name:"id" help:"${help_id}"`
	Send    sendCmd    `cmd:"" help:"${help_send}"`
	Recv    recvCmd    `cmd:"" help:"${help_recv}"`
	Chats   chatsCmd   `cmd:"" help:"${help_chats}"`
	History historyCmd `cmd:"" help:"${help_history}"`
	Search  searchCmd  `cmd:"" help:"${help_search}"`
	Days    daysCmd    `cmd:"" help:"${help_days}"`
	Export  exportCmd  `cmd:"" help:"${help_export}"`
	Import  struct {
		File importCmd  `cmd:"" default:"withargs" help:"${help_import_file}"`
		List importsCmd `cmd:"" help:"${help_import_list}"`
		Undo undoCmd    `cmd:"" help:"${help_import_undo}"`
	} `cmd:"" help:"${help_import}"`
	messageCommands
	chatCommands
	scheduledCommands
	pollCommands
	groupCommands
	faceCommands
	contactCommands
	secureCommands
	File struct {
		Send fileSendCmd `cmd:"" help:"${help_file_send}"`
		Get  fileGetCmd  `cmd:"" help:"${help_file_get}"`
		Cat  fileCatCmd  `cmd:"" help:"${help_file_cat}"`
	} `cmd:"" help:"${help_file}"`
	Sticker stickerCmd `cmd:"" help:"${help_sticker}"`
	Quota   quotaCmd   `cmd:"" help:"${help_quota}"`
	Device  struct {
		Link    linkCmd    `cmd:"" help:"${help_link}"`
		Approve approveCmd `cmd:"" help:"${help_approve}"`
		List    listCmd    `cmd:"" help:"${help_list}"`
		Rename  renameCmd  `cmd:"" help:"${help_device_rename}"`
		Revoke  revokeCmd  `cmd:"" help:"${help_revoke}"`

		Contest contestCmd       `cmd:"" help:"${help_contest}"`
		Confirm deviceConfirmCmd `cmd:"" help:"${help_device_confirm}"`
		History deviceHistoryCmd `cmd:"" help:"${help_device_history}"`
	} `cmd:"" help:"${help_device}"`
	Homes struct {
		Show homesCmd    `cmd:"" default:"1" help:"${help_homes_show}"`
		Set  setHomesCmd `cmd:"" help:"${help_homes_set}"`
		Auto autoHomeCmd `cmd:"" help:"${help_homes_auto}"`
	} `cmd:"" help:"${help_homes}"`
	Account struct {
		Name   accountNameCmd `cmd:"" help:"${help_account_name}"`
		Listed listedCmd      `cmd:"" help:"${help_listed}"`
		Delete deleteCmd      `cmd:"" help:"${help_delete}"`

		Presence presenceCmd `cmd:"" help:"${help_presence}"`
		Inherit  inheritCmd  `cmd:"" help:"${help_account_inherit}"`
		Succeed  succeedCmd  `cmd:"" help:"${help_account_succeed}"`

		Backup  backupCmd  `cmd:"" help:"${help_backup_create}"`
		Restore restoreCmd `cmd:"" help:"${help_backup_restore}"`
	} `cmd:"" help:"${help_account}"`
	Backup struct {
		Create  backupCmd    `cmd:"" help:"${help_backup_create}"`
		Verify  tryBackupCmd `cmd:"" help:"${help_backup_verify}"`
		Restore restoreCmd   `cmd:"" help:"${help_backup_restore}"`
	} `cmd:"" help:"${help_backup}"`
	Lookup lookupCmd `cmd:"" help:"${help_lookup}"`
	Trace  traceCmd  `cmd:"" help:"${help_trace}"`
	Doctor doctorCmd `cmd:"" help:"${help_doctor}"`

	Version kong.VersionFlag `help:"${help_version}"`
}

// An app is what every command runs with.
type app struct {
	home   string
	json   bool
	lang   i18n.Lang
	stdin  io.Reader
	stdout io.Writer
	stderr io.Writer
	failed error // the first one of writing to stdout
	wrote  bool  // something to stdout

	waits *time.Timer // until it is said that there is no server yet; nil: no core was asked for

	called string              // how the program was called: omega, or a path
	names  []string            // of the commands that there are
	args   []string            // of the command line, as they came
	typed  string              // the command in it: omega poll vote; "" if none was understood
	conn   clientrpc.Conn      // to the core, once a command asked for it
	shorts map[omega.ID]string // how ids are shown, as far as that was asked for

	sending bool // a text is on its way: what became of it may be unknown
	told    bool // how far what was done has got was said, and has its exit code
}

func main() {
	os.Exit(run(os.Args[1:]))
}

func run(args []string) int {
	a := &app{args: args, called: calledAs(), lang: i18n.Detect(os.Getenv), stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr}
	var c cli
	exited := -1
	parser := newParser(&c, a.lang, func(code int) { exited = code })
	for _, c := range parser.Model.Children {
		a.names = append(a.names, c.Name)
	}
	command, err := parser.Parse(groupFirst(args))
	if exited >= 0 {
		return exited // help or version was printed
	}
	if a.typed = help.Command(err); err == nil && command.Selected() != nil {
		a.typed = help.Path(command.Selected())
	}
	if a.typed == "omega web" && !slices.Contains(args, "web") { // nobody asked for it by name
		a.typed = ""
	}
	a.json = c.JSON || slices.Contains(args, "--json") // where parsing ended before it
	if err != nil {
		return a.fail(&clientrpc.Error{
			Code: clientrpc.CodeUsage, Doing: i18n.T("doing.parse"), Why: a.problem(err), Next: parseAdvice(args, err),
		})
	}
	if a.home, err = homeDir(c.Home); err != nil {
		return a.fail(err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	command.BindTo(ctx, (*context.Context)(nil))
	err = command.Run(a)
	if a.waits != nil {
		a.waits.Stop()
	}
	if err == nil {
		err = a.failed
	}
	if err == nil {
		err = a.left()
	}
	if interrupted(ctx, err) {
		err = a.interruption()
	}
	return a.fail(err)
}

// newParser reads command lines into c; exit is called once help or the version was
// printed.
func newParser(c *cli, l i18n.Lang, exit func(int)) *kong.Kong {
	texts := slices.Concat(helpKeys, messageHelp, chatHelp, pollHelp, groupHelp, faceHelp, contactHelp, secureHelp, deviceHelp, stickerHelp, webHelp, tuiHelp, qrHelp)
	return kong.Must(c, kong.Name("omega"), kong.Description(i18n.T("help.omega").In(l)), kong.Vars{"version": "omega " + version}, help.Texts(l, "help.", texts),
		kong.Help(help.Print(l)), kong.ValueFormatter(func(v *kong.Value) string { return v.Help }), kong.Exit(exit))
}

// interruption is the error of a command that the person ended. Only a text that
// was under way is worth a look.
func (a *app) interruption() error {
	e := &clientrpc.Error{Code: codeInterrupted, Doing: i18n.T("doing.run"), Why: i18n.T("why.interrupted"), Next: i18n.T("next.again")}
	if a.sending {
		e.Next = i18n.T("next.interrupted")
	}
	return e
}

// homeDir is where the account is: what was asked for, or ~/.omega.
func homeDir(asked string) (string, error) {
	if asked != "" {
		return filepath.Abs(asked)
	}
	user, err := os.UserHomeDir()
	if err != nil {
		return "", &clientrpc.Error{
			Code: clientrpc.CodeUsage, Doing: i18n.T("doing.parse"), Why: i18n.T("why.nohome"), Next: i18n.T("next.nohome"),
		}
	}
	return filepath.Join(user, ".omega"), nil
}

// text is a catalogue entry in the person's language.
func (a *app) text(key string, args ...any) string { return i18n.T(key, args...).In(a.lang) }

// printf writes to the standard output. Whether that worked is asked when it
// matters, and at the end.
func (a *app) printf(format string, args ...any) {
	a.wrote = true
	if _, err := fmt.Fprintf(a.stdout, format, args...); err != nil && a.failed == nil {
		a.failed = outputError(err)
	}
}

// outputError says that what was found could not be shown.
func outputError(err error) error {
	return &clientrpc.Error{
		Code: clientrpc.CodeInternal, Doing: i18n.T("doing.print"), Why: i18n.T("why.output"), Next: i18n.T("next.output"), Cause: err.Error(),
	}
}

// connect reaches the core of the home.
func (a *app) connect(ctx context.Context) (*client.Local, error) {
	cfg, err := a.config(ctx)
	if err != nil {
		return nil, err
	}
	conn, err := client.OpenLocal(ctx, cfg)
	if err == nil {
		a.conn, a.shorts = conn, map[omega.ID]string{}
	}
	if err == nil && !a.json {
		a.waits = time.AfterFunc(sayAfter, func() { a.sayTrying(ctx, conn) })
	}
	return conn, err
}

// sayAfter is how long a command is silent before it says that it has no server yet.
const sayAfter = time.Second

// sayTrying says what is being tried, if nobody is connected to. A command that is
// over by then says nothing.
func (a *app) sayTrying(ctx context.Context, conn clientrpc.Conn) {
	st, err := clientrpc.Status.Call(ctx, conn, clientrpc.None{})
	if err != nil || st.Online || !st.Deleted.IsZero() {
		return
	}
	text := a.text("wait.connecting")
	if p := st.Problem; p != nil {
		text = a.text("wait.trying", p.Doing.In(a.lang), p.Why.In(a.lang))
	}
	fmt.Fprintf(a.stderr, "omega: %s\n", safe(text))
}

// left is the error of what was done and is not with others yet. What says by itself how
// far it got has told that.
func (a *app) left() error {
	l, ok := a.conn.(*client.Local)
	if !ok || a.told {
		return nil
	}
	n, why := l.Left()
	return notYet(n, why)
}

// notYet is the error of so many things that wait for a connection, and of why there is
// none; nil where nothing waits. A device that is no longer let in hears that, as it does
// of a text.
func notYet(n int, why *clientrpc.Error) error {
	if n == 0 {
		return nil
	}
	e := &clientrpc.Error{Code: clientrpc.CodeOffline, Doing: i18n.T("doing.tell"), Why: i18n.T("why.notconnected"), Next: i18n.T("next.left", n)}
	if why == nil {
		return e
	}
	e.Why, e.Cause = why.Why, why.Cause
	if why.Code == clientrpc.CodeRefused || why.Code == clientrpc.CodeVerify {
		e.Code, e.Next = why.Code, why.Next
	}
	return e
}

// interrupted reports that the person ended a command that would have gone on.
// What err says of that differs with where the core was.
func interrupted(ctx context.Context, err error) bool {
	return err != nil && (ctx.Err() != nil || errors.Is(err, errQuit))
}
