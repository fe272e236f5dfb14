package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/internal/i18n"
)

// Exit codes; scripts rely on them.
const (
	exitOK       = 0
	exitInternal = 1
	exitUsage    = 2
	exitRefused  = 3 // refused or not found
	exitQueued   = 4 // queued or offline
	exitTimeout  = 5
	exitVerify   = 6 // verification failed

	exitInterrupted = 130 // by Ctrl+C or SIGTERM, as shells have it
)

// codeInterrupted is the error code of a command that was ended by a signal.
const codeInterrupted = "interrupted"

// exitCodes is the exit code of each error code.
var exitCodes = map[string]int{
	clientrpc.CodeUsage:      exitUsage,
	clientrpc.CodeNotFound:   exitRefused,
	clientrpc.CodeRefused:    exitRefused,
	clientrpc.CodeNoAccount:  exitRefused,
	clientrpc.CodeExists:     exitRefused,
	clientrpc.CodeHome:       exitRefused,
	clientrpc.CodePassphrase: exitRefused,
	clientrpc.CodeKey:        exitRefused,
	clientrpc.CodeDeleted:    exitRefused,
	clientrpc.CodeOffline:    exitQueued,
	clientrpc.CodeTimeout:    exitTimeout,
	clientrpc.CodeVerify:     exitVerify,
	clientrpc.CodeInternal:   exitInternal,
	codeInterrupted:          exitInterrupted,
}

// A silent error has been shown already; it only has an exit code.
type silent struct{ code int }

func (s silent) Error() string { return fmt.Sprintf("exit code %d", s.code) }

// fail shows err and returns the exit code.
func (a *app) fail(err error) int {
	var s silent
	var e *clientrpc.Error
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &s):
		return s.code
	case !errors.As(err, &e):
		e = &clientrpc.Error{Code: clientrpc.CodeInternal, Doing: i18n.T("doing.run"), Why: i18n.T("why.internal"), Next: i18n.T("next.report"), Cause: err.Error()}
	}
	if e.Next.Key == "next.help" { // of the command itself
		shown := *e
		shown.Next = i18n.T("next.commandhelp", cmp.Or(a.typed, "omega"))
		e = &shown
	}
	a.showError(e)
	if code, ok := exitCodes[e.Code]; ok {
		return code
	}
	return exitRefused
}

func (a *app) showError(e *clientrpc.Error) {
	if a.json {
		b, _ := json.Marshal(map[string]any{"error": a.errorJSON(e)})
		fmt.Fprintf(a.stderr, "%s\n", escaped(b))
		return
	}
	fmt.Fprintf(a.stderr, "omega: %s\n", safe(a.text("error.line", e.Doing.In(a.lang), e.Why.In(a.lang))))
	if e.Cause != "" {
		fmt.Fprintf(a.stderr, "  %s\n", strings.ReplaceAll(safe(a.cause(e.Cause)), "\n", "\n   "))
	}
	if !e.Next.IsZero() {
		fmt.Fprintf(a.stderr, "  → %s\n", safe(a.next(e.Next)))
	}
}

// errorJSON is the form of an error that scripts read.
func (a *app) errorJSON(e *clientrpc.Error) map[string]string {
	out := map[string]string{"code": e.Code, "doing": e.Doing.In(a.lang), "why": e.Why.In(a.lang), "next": e.Next.In(a.lang)}
	if e.Cause != "" {
		out["cause"] = e.Cause
	}
	return out
}

// line prints one JSON line.
func (a *app) line(v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	if _, err = fmt.Fprintf(a.stdout, "%s\n", escaped(b)); err != nil {
		return outputError(err)
	}
	return nil
}

// escaped writes characters that a terminal would obey the other way that JSON
// has for them: json.Marshal does so only below U+0020, and U+009B begins an
// escape sequence as well. They can only stand in strings.
func escaped(b []byte) string {
	var out strings.Builder
	for _, r := range string(b) {
		if i18n.Harmless(r) {
			out.WriteRune(r)
		} else {
			fmt.Fprintf(&out, `\u%04x`, r)
		}
	}
	return out.String()
}

// safe makes a text of somebody else harmless on a terminal: characters that
// steer it or turn the direction of writing are shown as marks.
func safe(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' || i18n.Harmless(r) {
			return r
		}
		return '\ufffd'
	}, s)
}

// clock writes a time as people in Taiwan, or English readers, expect it.
func (a *app) clock(t time.Time) string {
	t = t.Local()
	if a.lang == i18n.English {
		return t.Format("2006-01-02 15:04:05")
	}
	return t.Format("2006/1/2 ") + halfDay(t) + t.Format("3:04:05")
}

// ticks are the marks of a message's state.
var ticks = map[string]string{
	clientrpc.StateQueued: "🕓", clientrpc.StateStored: "✓", clientrpc.StateDelivered: "✓✓",
	clientrpc.StateRead: "✓✓", clientrpc.StateFailed: "✗", clientrpc.StateScheduled: "⏰",
}

// failures are the words for why a message of one's own could not be sent.
var failures = map[string]string{omega.CodeNotFound.String(): "why.notknown", omega.CodeRefused.String(): "why.noreaders", "restored": "why.restored", "ended": "why.secureended"}

// keyID is the end of a fingerprint, as gpg shows it.
func keyID(f omega.Fingerprint) string {
	s := f.String()
	return s[max(0, len(s)-16):]
}

// named is how an account is called; what it calls itself is said to be that.
// (spec/group.md, GROUP-36)
func (a *app) named(name string, self bool) string {
	if self {
		return a.text("name.self", safe(name))
	}
	return safe(name)
}

// message prints one message for people. A name is what somebody calls
// themselves, so others can have the same; the fingerprint tells them apart.
func (a *app) message(ctx context.Context, m clientrpc.Message) {
	short := keyID(m.From)
	if m.State != "" && m.Name != "" {
		short = "" // one's own
	}
	mark := ticks[m.State]
	if m.Imported {
		mark = a.text("label.imported")
	}
	if m.Delivered > 0 {
		mark += " " + a.text("message.reach", m.ReadBy, m.Delivered)
	} else if m.State == clientrpc.StateRead {
		mark += " " + a.text("state.read")
	}
	if m.Problem != "" {
		mark = "⚠ " + a.text("problem."+m.Problem)
	}
	if key, ok := failures[m.Why]; ok {
		mark += " " + a.text(key)
	} else if m.Why != "" {
		mark += " " + a.text("why.server", m.Why)
	}
	secret := ""
	if m.Secure {
		secret = "🔒" + a.text("secure.mark")
	}
	id := ""
	if !m.ID.IsZero() && !m.Service && !isOperation(m.Kind) { // of others nothing can be said
		id = a.short(m.ID)
	}
	a.columns(a.clock(m.Time), secret, a.named(m.Name, m.SelfNamed), short, id, mark)
	for l := range strings.SplitSeq(a.body(ctx, m), "\n") {
		a.printf("    %s\n", l)
	}
	links := slices.ContainsFunc(m.Entities, func(e clientrpc.Entity) bool { return e.Type == "link" })
	if m.Inert && (links || len(m.Media) > 0) {
		a.printf("    ⚠ %s\n", a.text("contact.inert"))
	}
}

// columns prints what is not empty.
func (a *app) columns(parts ...string) {
	parts = slices.DeleteFunc(parts, func(p string) bool { return p == "" })
	a.printf("%s\n", strings.Join(parts, "  "))
}
