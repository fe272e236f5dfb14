package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/omega-im/omega/internal/freeport"
)

// commands are what scripts may use beside the commands of testscript:
//
//	account NAME SERVER    makes an account in $WORK/NAME and sets NAME to its fingerprint
//	exits CODE PROGRAM …   runs a program that must end with exactly this code
//	fails CODE NAME ARGS … runs omega --json, which must print one error line with this code and nothing else
//	field VAR FILE FIELD   sets VAR to a field of the last JSON line of FILE (or stdout)
//	await FILE PATTERN N   waits until N lines of FILE match
//	distinct FIELD N FILE… there are N JSON lines in all FILEs, and no value of FIELD comes twice
//	counts FIELD FROM FILE FIELD of the JSON lines of FILE is FROM, FROM+1, …
//	mode PERM FILE…        files have these permissions
//	verify DIR             plain gpg verifies every file of an export
//	cloud up|down DIR [N]  starts or drains a cloud of this script's own; up exports S1 …
//	ports VAR…             sets each to 127.0.0.1 with a port that is free now
//	until PROGRAM ARGS…    runs a program again until it ends well
//	lookup NAME SITE WHAT  waits until the web site says which proxy NAME is on: a fingerprint, null, or 404
var commands = map[string]func(ts *testscript.TestScript, neg bool, args []string){
	"account":  account,
	"exits":    exits,
	"fails":    fails,
	"field":    field,
	"await":    awaitLines,
	"distinct": distinct,
	"counts":   counts,
	"mode":     mode,
	"verify":   verify,
	"cloud":    cloudCommand,
	"lookup":   lookup,
	"ports":    ports,
	"until":    until,
}

// want stops a script that uses a command wrongly.
func want(ts *testscript.TestScript, neg, ok bool, usage string) {
	if neg || !ok {
		ts.Fatalf("usage: %s", usage)
	}
}

func number(ts *testscript.TestScript, s string) int {
	n, err := strconv.Atoi(s)
	ts.Check(err)
	return n
}

func account(ts *testscript.TestScript, neg bool, args []string) {
	want(ts, neg, len(args) == 2, "account NAME SERVER")
	name := args[0]
	ts.Check(ts.Exec("omega", "--home", name, "--json", "init", "--name", name, "--server", args[1], "--no-passphrase"))
	ts.Setenv(name, lastLine(ts, "stdout")["fingerprint"].(string))
}

// run runs a program and returns its exit code.
func run(ts *testscript.TestScript, program string, args []string) int {
	err := ts.Exec(program, args...)
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode()
	}
	ts.Check(err)
	return 0
}

func ports(ts *testscript.TestScript, neg bool, args []string) {
	want(ts, neg, len(args) > 0, "ports VAR…")
	for _, name := range args {
		ln, err := freeport.Tests.Listen(0)
		ts.Check(err)
		defer ln.Close() // after the last one: no port is given twice
		ts.Setenv(name, ln.Addr().String())
	}
}

func until(ts *testscript.TestScript, neg bool, args []string) {
	want(ts, neg, len(args) > 0, "until PROGRAM ARGS…")
	if await(func() bool { return ts.Exec(args[0], args[1:]...) == nil }) != nil {
		ts.Fatalf("%v did not end well within %v", args, patience)
	}
}

func exits(ts *testscript.TestScript, neg bool, args []string) {
	want(ts, neg, len(args) >= 2, "exits CODE PROGRAM ARGS…")
	if got, want := run(ts, args[1], args[2:]), number(ts, args[0]); got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

func fails(ts *testscript.TestScript, neg bool, args []string) {
	want(ts, neg, len(args) >= 3, "fails CODE NAME ARGS…")
	if got, want := run(ts, "omega", append([]string{"--json"}, args[2:]...)), number(ts, args[0]); got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
	if out := ts.ReadFile("stdout"); out != "" {
		ts.Fatalf("standard output holds %q", out)
	}
	ts.Check(checkError(ts.ReadFile("stderr"), args[1]))
}

// checkError wants one line {"error":{"code","doing","why","next"}}, with
// "cause" for the technical detail where there is one.
func checkError(text, code string) error {
	all := lines(text)
	if len(all) != 1 {
		return fmt.Errorf("%d lines on standard error, want 1", len(all))
	}
	var e map[string]map[string]string
	if err := json.Unmarshal([]byte(all[0]), &e); err != nil {
		return fmt.Errorf("error line: %w", err)
	}
	if len(e) != 1 || e["error"] == nil {
		return fmt.Errorf("error line %s: want one key, error", all[0])
	}
	for _, key := range []string{"code", "doing", "why", "next"} {
		if e["error"][key] == "" {
			return fmt.Errorf("error line lacks %s", key)
		}
	}
	for key := range e["error"] {
		if !slices.Contains([]string{"code", "doing", "why", "next", "cause"}, key) {
			return fmt.Errorf("error line has %q", key)
		}
	}
	if got := e["error"]["code"]; got != code {
		return fmt.Errorf("error code %q, want %q", got, code)
	}
	return nil
}

// objects parses a file of JSON lines.
func objects(ts *testscript.TestScript, file string) (out []map[string]any) {
	for _, l := range lines(ts.ReadFile(file)) {
		var o map[string]any
		if err := json.Unmarshal([]byte(l), &o); err != nil {
			ts.Fatalf("%s: %q: %v", file, l, err)
		}
		out = append(out, o)
	}
	return out
}

func lastLine(ts *testscript.TestScript, file string) map[string]any {
	all := objects(ts, file)
	if len(all) == 0 {
		ts.Fatalf("%s holds no JSON", file)
	}
	return all[len(all)-1]
}

func field(ts *testscript.TestScript, neg bool, args []string) {
	want(ts, neg, len(args) == 3, "field VAR FILE FIELD")
	v, ok := lastLine(ts, args[1])[args[2]]
	if !ok {
		ts.Fatalf("no field %s", args[2])
	}
	ts.Setenv(args[0], fmt.Sprint(v))
}

func awaitLines(ts *testscript.TestScript, neg bool, args []string) {
	want(ts, neg, len(args) == 3, "await FILE PATTERN N")
	file, pattern, n := ts.MkAbs(args[0]), regexp.MustCompile(args[1]), number(ts, args[2])
	var text []byte
	err := await(func() bool {
		text, _ = os.ReadFile(file) // it may not be there yet
		found := 0
		for _, l := range lines(string(text)) {
			if pattern.MatchString(l) {
				found++
			}
		}
		return found >= n
	})
	if err != nil {
		ts.Fatalf("%d lines that match %q: %v; there are:\n%s", n, args[1], err, text)
	}
}

func distinct(ts *testscript.TestScript, neg bool, args []string) {
	want(ts, neg, len(args) >= 3, "distinct FIELD N FILE…")
	seen := map[any]bool{}
	for _, file := range args[2:] {
		for _, o := range objects(ts, file) {
			v := o[args[0]]
			if v == nil || seen[v] {
				ts.Fatalf("%s %v is missing or comes twice", args[0], v)
			}
			seen[v] = true
		}
	}
	if n := number(ts, args[1]); len(seen) != n {
		ts.Fatalf("%d lines, want %d", len(seen), n)
	}
}

func counts(ts *testscript.TestScript, neg bool, args []string) {
	want(ts, neg, len(args) == 3, "counts FIELD FROM FILE")
	next := number(ts, args[1])
	for _, o := range objects(ts, args[2]) {
		if got, _ := o[args[0]].(float64); int(got) != next {
			ts.Fatalf("%s is %v, want %d", args[0], o[args[0]], next)
		}
		next++
	}
}

func mode(ts *testscript.TestScript, neg bool, args []string) {
	want(ts, neg, len(args) >= 2, "mode PERM FILE…")
	for _, file := range args[1:] {
		info, err := os.Stat(ts.MkAbs(file))
		ts.Check(err)
		if got := fmt.Sprintf("%04o", info.Mode().Perm()); got != args[0] {
			ts.Fatalf("%s has mode %s, want %s", file, got, args[0])
		}
	}
}

func verify(ts *testscript.TestScript, neg bool, args []string) {
	want(ts, neg, len(args) == 1, "verify DIR")
	glob := func(pattern string) []string {
		found, err := filepath.Glob(filepath.Join(ts.MkAbs(args[0]), pattern))
		ts.Check(err)
		if len(found) == 0 {
			ts.Fatalf("%s holds no %s", args[0], pattern)
		}
		return found
	}
	ts.Check(ts.Exec("gpg", append([]string{"--batch", "--import"}, glob("*.asc")...)...))
	for _, text := range glob("*.txt") {
		ts.Check(ts.Exec("gpg", "--batch", "--verify", text+".sig", text))
	}
}

func cloudCommand(ts *testscript.TestScript, neg bool, args []string) {
	const usage = "cloud up DIR N, cloud down DIR"
	want(ts, neg, len(args) >= 2, usage)
	clouds := ts.Value(cloudsKey{}).(map[string]*cloud)
	switch dir := args[1]; {
	case args[0] == "up" && len(args) == 3:
		c, err := startCloud(ts.MkAbs(dir), number(ts, args[2]))
		ts.Check(err)
		clouds[dir] = c
		ts.Defer(func() {
			if clouds[dir] == c {
				c.stop()
			}
		})
		c.export(ts.Setenv)
	case args[0] == "down" && clouds[dir] != nil:
		c := clouds[dir]
		delete(clouds, dir)
		ts.Check(c.stop())
	default:
		ts.Fatalf("usage: %s", usage)
	}
}

// lookup asks the web site at HOST:PORT which proxy an account is on until the
// answer is as wanted: a fingerprint, null, or 404; anywhere is any fingerprint, which
// PROXY is then, since by a busy machine a client goes to the next server.
func lookup(ts *testscript.TestScript, neg bool, args []string) {
	want(ts, neg, len(args) == 3, "lookup ACCOUNT HOST:PORT FINGERPRINT|anywhere|null|404")
	got := ""
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		r, err := http.Get("http://" + args[1] + "/api/v1/users/" + ts.Getenv(args[0]))
		ts.Check(err)
		b, err := io.ReadAll(r.Body)
		r.Body.Close()
		ts.Check(err)
		var answer struct{ Proxy *string }
		ts.Check(json.Unmarshal(b, &answer))
		switch {
		case r.StatusCode != http.StatusOK:
			got = fmt.Sprint(r.StatusCode)
		case answer.Proxy == nil:
			got = "null"
		default:
			got = *answer.Proxy
			if args[2] == "anywhere" {
				ts.Setenv("PROXY", got)
				return
			}
		}
		if got == args[2] {
			return
		}
	}
	ts.Fatalf("%s is on %s, want %s", args[0], got, args[2])
}
