package fault

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/omega-im/omega/client"
)

// A home is a client that is used through the omega command only.
type home struct {
	program string // below programs
	dir     string
	fpr     string
}

// newHome runs `omega init`.
func newHome(t *testing.T, dir, name, server string) *home {
	t.Helper()
	return makeHome(t, dir, name, server, omega)
}

// makeHome is newHome with one build of the program.
func makeHome(t *testing.T, dir, name, server, program string) *home {
	t.Helper()
	h := &home{program: program, dir: filepath.Join(dir, name)}
	var made struct{ Fingerprint string }
	h.run(t, &made, "init", "--name", name, "--server", server, "--no-passphrase")
	h.fpr = made.Fingerprint
	return h
}

// command is `omega ARGS` on this home.
func (h *home) command(args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(programs, h.program), append([]string{"--home", h.dir, "--json"}, args...)...)
	cmd.Env = append(os.Environ(), "LANG=C")
	return cmd
}

// run runs a command that has to succeed, and reads the line that it prints.
func (h *home) run(t *testing.T, into any, args ...string) {
	t.Helper()
	var out, problem bytes.Buffer
	cmd := h.command(args...)
	cmd.Stdout, cmd.Stderr = &out, &problem
	if err := cmd.Run(); err != nil {
		t.Fatalf("omega %v: %v\n%s", args, err, &problem)
	}
	if err := json.Unmarshal(out.Bytes(), into); err != nil {
		t.Fatalf("omega %v printed %q: %v", args, &out, err)
	}
}

// A shown is what `omega recv` prints.
type shown struct {
	ID, Text, From, Device, Problem string
	Verified                        bool
	Sequence                        uint32
}

// readLines reads whole JSON lines. A line that a kill cut in two counts as not
// printed.
func readLines[T any](t *testing.T, b []byte) (out []T) {
	t.Helper()
	lines := bufio.NewScanner(bytes.NewReader(b))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var v T
		if err := json.Unmarshal(lines.Bytes(), &v); err == nil {
			out = append(out, v)
		}
	}
	return out
}

// A letter is one run of `omega send`.
type letter struct {
	text     string
	id       string
	accepted bool // it said queued, stored or better
	killed   bool
}

// A killing is the test of clients that are killed.
type killing struct {
	rng      *rand.Rand
	from, to *home
	letters  []*letter
	prints   [][]shown     // by run of `omega recv`
	killed   []bool        // by run of `omega recv`
	kills    int           // commands that a kill ended
	takes    time.Duration // how long an undisturbed send takes here, about
}

// Commands are killed while they send and receive. What a command said it had
// taken arrives; what it had not said may. Nothing is printed twice, except
// what a killed recv had printed last and had no time to note.
func TestKillClients(t *testing.T) {
	c := newServers(t, plain, 2)
	s := seed(t)
	for i, held := range []bool{false, true} {
		name := "commands that hold the home"
		if held {
			name = "commands beside a holder"
		}
		t.Run(name, func(t *testing.T) {
			k := &killing{rng: rand.New(rand.NewPCG(s, uint64(i)))}
			k.from = newHome(t, c.dir, fmt.Sprint("from", i), c.servers[0].address())
			k.to = newHome(t, c.dir, fmt.Sprint("to", i), c.servers[1].address())
			if held {
				k.from.hold(t)
				k.to.hold(t)
			}
			k.measure(t)
			for n := kills(8); k.kills < n; {
				k.round(t)
			}
			k.drain(t)
			k.check(t)
		})
	}
}

// hold opens the home in this process, so that commands go through its socket.
func (h *home) hold(t *testing.T) {
	t.Helper()
	conn, err := client.OpenLocal(t.Context(), client.Config{Home: h.dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
}

// measure sends undisturbed texts, so that kills fall into the time that a send
// takes on this machine. The first one also introduces the two.
func (k *killing) measure(t *testing.T) {
	for range 3 {
		l := &letter{text: fmt.Sprintf("letter %d", len(k.letters))}
		k.letters = append(k.letters, l)
		began := time.Now()
		l.send(t, k.from, k.to, -1)
		k.takes = time.Since(began)
	}
}

// round sends three texts at once while somebody receives, and kills about half
// of these commands, or all of a home's. A kill that comes when a command has
// ended does not count.
func (k *killing) round(t *testing.T) {
	recv := k.to.command("recv", "--follow", "--timeout", "5s")
	var printed bytes.Buffer
	recv.Stdout = &printed
	if err := recv.Start(); err != nil {
		t.Fatal(err)
	}
	recvKill, recvAfter := k.rng.IntN(2) == 0, upTo(k.rng, 2*k.takes)
	var wg sync.WaitGroup
	sent := len(k.letters)
	for range 3 {
		l := &letter{text: fmt.Sprintf("letter %d", len(k.letters))}
		k.letters = append(k.letters, l)
		after := time.Duration(-1)
		if k.rng.IntN(2) == 0 {
			after = upTo(k.rng, k.takes)
		}
		wg.Go(func() { l.send(t, k.from, k.to, after) })
	}
	wg.Go(func() {
		if recvKill {
			pass(t, recvAfter)
			recv.Process.Kill()
		}
	})
	wg.Wait()
	for _, l := range k.letters[sent:] {
		if l.killed {
			k.kills++
		}
	}
	if recvKill {
		k.kills++
	} else {
		recv.Process.Signal(os.Interrupt)
	}
	_ = recv.Wait() // ended by us
	k.prints = append(k.prints, readLines[shown](t, printed.Bytes()))
	k.killed = append(k.killed, recvKill)
}

// send runs the command and kills it after a time, unless that is negative.
func (l *letter) send(t *testing.T, from, to *home, after time.Duration) {
	cmd := from.command("send", "--to", to.fpr, "--timeout", "20s", l.text)
	var out, problem bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &problem
	if err := cmd.Start(); err != nil {
		t.Error(err)
		return
	}
	if after >= 0 {
		timer := time.AfterFunc(after, func() { cmd.Process.Kill() })
		defer timer.Stop()
	}
	err := cmd.Wait()
	code := cmd.ProcessState.ExitCode()
	l.killed = code < 0
	for _, r := range readLines[struct{ ID, State string }](t, out.Bytes()) {
		l.id = r.ID
		l.accepted = r.State == "queued" || r.State == "stored" || r.State == "delivered" || r.State == "read"
	}
	if !l.killed && (!l.accepted || code != 0 && code != 4) {
		t.Errorf("send %q: %v, printed %q, %s", l.text, err, &out, &problem)
	}
}

// drain sends what still waits and receives until every accepted text has come.
func (k *killing) drain(t *testing.T) {
	last := &letter{text: fmt.Sprintf("letter %d", len(k.letters))}
	k.letters = append(k.letters, last)
	last.send(t, k.from, k.to, -1)
	until(t, settleTimeout, "every accepted text has come", func() bool {
		// Both homes have to be connected: the one sends what it had queued.
		sender := k.from.command("doctor", "--timeout", "10s")
		if err := sender.Start(); err != nil {
			t.Fatal(err)
		}
		recv := k.to.command("recv", "--timeout", "2s")
		var out bytes.Buffer
		recv.Stdout = &out
		_ = recv.Run() // nothing new is exit 5
		_ = sender.Wait()
		k.prints = append(k.prints, readLines[shown](t, out.Bytes()))
		k.killed = append(k.killed, false)
		seen := map[string]bool{}
		for _, list := range k.prints {
			for _, m := range list {
				seen[m.Text] = true
			}
		}
		for _, l := range k.letters {
			if l.accepted && !seen[l.text] {
				return false
			}
		}
		return true
	})
}

// check judges what was printed.
func (k *killing) check(t *testing.T) {
	t.Helper()
	letters, printed := map[string]*letter{}, map[string]int{} // the latter: by which recv, last
	for _, l := range k.letters {
		letters[l.text] = l
	}
	sequences := map[uint32]string{}
	var last uint32
	repeated := 0
	for run, list := range k.prints {
		for _, m := range list {
			l := letters[m.Text]
			if l == nil || l.id != "" && l.id != m.ID || m.From != k.from.fpr || !m.Verified || m.Problem != "" {
				t.Errorf("printed: %+v", m)
				continue
			}
			before, again := printed[m.Text]
			if again {
				repeated++
				k.checkRepeated(t, m, before, run)
				printed[m.Text] = run
				continue
			}
			printed[m.Text] = run
			if other, used := sequences[m.Sequence]; used {
				t.Errorf("%q and %q have sequence %d", other, m.Text, m.Sequence)
			}
			sequences[m.Sequence] = m.Text
			if m.Sequence < last {
				t.Errorf("%q with sequence %d came after %d", m.Text, m.Sequence, last)
			}
			last = m.Sequence
		}
	}
	accepted, killed := 0, 0
	for _, l := range k.letters {
		if _, came := printed[l.text]; l.accepted && !came {
			t.Errorf("lost: %q", l.text)
		}
		if l.accepted {
			accepted++
		}
		if l.killed {
			killed++
		}
	}
	k.checkHistory(t)
	t.Logf("%d kills: %d texts, %d commands killed while sending, %d texts accepted, %d came, %d printed again after the kill of a recv",
		k.kills, len(k.letters), killed, accepted, len(printed), repeated)
}

// checkRepeated wants the recv that printed a text before to have been killed,
// and to have printed nothing after it that did not come again too: it had no
// time to note the last ones.
func (k *killing) checkRepeated(t *testing.T, m shown, before, run int) {
	t.Helper()
	if !k.killed[before] || before == run {
		t.Errorf("%q was printed by recv %d, which was not killed, and again by recv %d", m.Text, before, run)
		return
	}
	after := false
	for _, other := range k.prints[before] {
		if other.Text == m.Text {
			after = true
		}
		if !after {
			continue
		}
		again := 0
		for _, list := range k.prints[before+1:] {
			for _, o := range list {
				if o.Text == other.Text {
					again++
				}
			}
		}
		if again == 0 {
			t.Errorf("%q came again, and %q, printed after it, did not", m.Text, other.Text)
		}
	}
}

// checkHistory wants every accepted text once in what the sender sees.
func (k *killing) checkHistory(t *testing.T) {
	t.Helper()
	seen := map[string]int{}
	before := []string{}
	for {
		out, err := k.from.command(append([]string{"history", "--chat", k.to.fpr, "-n", "200"}, before...)...).Output()
		if err != nil {
			t.Fatalf("history: %v", err)
		}
		page := readLines[shown](t, out)
		for _, m := range page {
			seen[m.Text]++
		}
		if len(page) < 200 {
			break
		}
		before = []string{"--before", page[0].ID}
	}
	for _, l := range k.letters {
		if n := seen[l.text]; n > 1 || l.accepted && n != 1 {
			t.Errorf("the sender's history shows %q %d times", l.text, n)
		}
	}
}
