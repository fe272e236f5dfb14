// Command omega-try shows ω IM to somebody who has just got it: it starts a
// cloud of servers on this machine, sends one text from one account to another
// on a different server, shows how it travelled and that its signature holds,
// and then lets the person at the terminal go on writing.
//
// Everything it runs is what people use: the cloud is `omegad dev`, the other
// side is `omega recv --follow`, and the person's account is an ordinary home
// directory. It is kept in one folder, so that the next time brings the same
// people back.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"golang.org/x/term"

	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/internal/i18n"
)

// Times after which something is wrong: this machine may be busy.
const (
	cloudTimeout  = 60 * time.Second
	onlineTimeout = 30 * time.Second
	replyTimeout  = 30 * time.Second
	stopTimeout   = 20 * time.Second
)

// A trial is one run: where everything is, and how to speak to the person.
type trial struct {
	dir  string // everything is kept here
	bin  string // folder of omega and omegad
	n    int    // servers
	lang i18n.Lang
	out  *screen

	cloud *cloud
	me    *person
	echo  *person
}

func main() {
	// Children are told when the thread that started them ends; the main
	// thread ends with the process.
	runtime.LockOSThread()
	os.Exit(run())
}

func run() int {
	t := &trial{lang: i18n.Detect(os.Getenv)}
	flag.StringVar(&t.dir, "dir", "run", "folder for the cloud and the accounts; the same again brings them back")
	flag.IntVar(&t.n, "n", 4, "number of servers")
	flag.Parse()
	if flag.NArg() > 0 {
		flag.Usage()
		return 2
	}
	t.out = newScreen(os.Stdout)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	err := t.run(ctx)
	switch {
	case err == nil:
		return 0
	case ctx.Err() != nil:
		return 130 // as shells report Ctrl+C
	}
	fmt.Fprintf(os.Stderr, "\n%s\n", t.explain(err))
	return 1
}

// run is the whole visit. Everything that it starts has ended when it returns.
func (t *trial) run(ctx context.Context) (err error) {
	if t.bin, err = programs(); err != nil {
		return err
	}
	unlock, err := t.claim()
	if err != nil {
		return err
	}
	defer unlock()

	t.out.println(t.out.bold("ω IM") + t.text("try.title"))
	t.out.println("")
	t.out.print(t.text("try.starting"))
	if t.cloud, err = t.startCloud(ctx); err != nil {
		t.out.println("")
		return err
	}
	defer func() { err = errors.Join(err, t.leave()) }()
	if err := t.meet(ctx); err != nil {
		t.out.println("")
		return err
	}
	t.out.clearLine()
	if err := t.journey(ctx); err != nil {
		return err
	}
	if !term.IsTerminal(int(os.Stdin.Fd())) || !t.out.tty {
		return nil
	}
	return t.talk(ctx)
}

// programs is the folder of omega and omegad: this program's own, by a short
// name where there is one.
func programs() (string, error) {
	exe, err := os.Executable()
	if err != nil {
		return "", err
	}
	dir := filepath.Dir(exe)
	if here, err := os.Getwd(); err == nil {
		if rel, err := filepath.Rel(here, dir); err == nil && filepath.IsLocal(rel) && rel != "." {
			return rel, nil
		}
	}
	return dir, nil
}

// leave ends everything, the accounts before the cloud.
func (t *trial) leave() error {
	errs := []error{t.me.leave(), t.echo.leave(), t.cloud.stop()}
	t.out.println("")
	t.out.println(t.text("try.bye", t.dir))
	return errors.Join(errs...)
}

// errBusy says that another run has the folder.
var errBusy = errors.New("another run uses this folder")

// claim makes the folder and takes its lock.
func (t *trial) claim() (unlock func(), err error) {
	if err := os.MkdirAll(t.dir, 0o700); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(filepath.Join(t.dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		return nil, errBusy
	}
	return func() { f.Close() }, nil
}

func (t *trial) text(key string, args ...any) string { return i18n.T(key, args...).In(t.lang) }

// explain puts an error into words, with what to do about it.
func (t *trial) explain(err error) string {
	var e *clientrpc.Error
	var sick *sickError
	switch {
	case errors.Is(err, errBusy):
		return t.text("try.busy", t.dir)
	case errors.As(err, &sick) && isEmpty(sick.log):
		return t.text("try.empty", sick.what.In(t.lang))
	case errors.As(err, &sick):
		return t.text("try.failed", sick.what.In(t.lang), sick.log)
	case errors.As(err, &e):
		return t.text("error.line", e.Doing.In(t.lang), e.Why.In(t.lang)) + "\n  → " + t.text("try.afresh", t.dir)
	}
	var file *fs.PathError
	if errors.As(err, &file) {
		return t.text("try.nofolder", t.dir, file)
	}
	return t.text("try.unknown", err)
}

// isEmpty reports whether there is nothing in a file that could be read.
func isEmpty(path string) bool {
	info, err := os.Stat(path)
	return err != nil || info.Size() == 0
}

// A sickError is a failure with a log that tells more.
type sickError struct {
	what i18n.Text
	log  string // path
}

func (e *sickError) Error() string { return e.what.In(i18n.English) + "; see " + e.log }
