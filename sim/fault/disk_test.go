package fault

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/omega-im/omega/client"
	"github.com/omega-im/omega/clientrpc"
)

// smallDisk is the size of the disk that is filled.
const smallDisk = 96 << 20

// onSmallDisk has a server keep its data on a small disk of its own, in a mount
// namespace that goes with it.
func (s *server) onSmallDisk(t *testing.T) {
	t.Helper()
	needRoot(t, "unshare", "mount")
	if out, err := exec.Command("unshare", "--mount", "--propagation", "private", "true").CombinedOutput(); err != nil {
		missing(t, fmt.Sprintf("no mount namespaces here: %v: %s", err, out))
	}
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	line := fmt.Sprintf(`mount -t tmpfs -o size=%d tmpfs "$1" && shift && exec "$@"`, smallDisk)
	s.program.args = append([]string{"--mount", "--propagation", "private", "sh", "-c", line, "sh", s.dir, s.program.path}, s.program.args...)
	s.program.path = "unshare"
}

// onLastingDisk is onSmallDisk with a disk that stays when the server ends: its
// mount namespace is that of a process which does nothing else.
func (s *server) onLastingDisk(t *testing.T) {
	t.Helper()
	needRoot(t, "nsenter")
	mounted := filepath.Join(s.dir, "mounted")
	holder := &server{dir: s.dir, keeper: keeper{program: program{path: "sh", args: []string{"-c", `touch "$1" && exec sleep 1d`, "sh", mounted}, log: s.log}}}
	holder.onSmallDisk(t)
	holder.start(t)
	until(t, startTimeout, "the small disk is mounted", func() bool {
		_, err := os.Stat(filepath.Join(holder.disk(), "mounted"))
		return err == nil
	})
	s.program.args = append([]string{fmt.Sprintf("--mount=/proc/%d/ns/mnt", holder.process().cmd.Process.Pid), s.program.path}, s.program.args...)
	s.program.path = "nsenter"
}

// disk is the server's folder as it sees it.
func (s *server) disk() string {
	return fmt.Sprintf("/proc/%d/root%s", s.process().cmd.Process.Pid, s.dir)
}

// fill leaves so many octets free on the server's disk.
func (s *server) fill(t *testing.T, leave uint64) {
	t.Helper()
	f, err := os.OpenFile(filepath.Join(s.disk(), "filler"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for free := s.free(t); free > leave; free = s.free(t) {
		_, err := f.Write(make([]byte, min(free-leave, 64<<10)))
		if err != nil && !errors.Is(err, syscall.ENOSPC) {
			t.Fatal(err)
		}
	}
}

func (s *server) free(t *testing.T) uint64 {
	t.Helper()
	var st syscall.Statfs_t
	if err := syscall.Statfs(s.disk(), &st); err != nil {
		t.Fatal(err)
	}
	return st.Bavail * uint64(st.Bsize)
}

// A post is one person who writes to others by hand.
type post struct {
	*crowd
	rng  *rand.Rand
	n    int
	last *sending
}

func newPost(t *testing.T, people ...*person) *post {
	t.Helper()
	p := &post{crowd: &crowd{people: people, ledger: newLedger()}, rng: rand.New(rand.NewPCG(1, 1))}
	for _, who := range people {
		who.devices[0].online(t, startTimeout)
		p.ledger.device(who.devices[0], false)
	}
	return p
}

// send sends one text and returns what became of it.
func (p *post) send(t *testing.T, from, to *person, within time.Duration) *clientrpc.SendResult {
	t.Helper()
	p.n++
	p.last = p.ledger.sending(from.devices[0], to, p.n, p.rng)
	p.last.text += strings.Repeat(" and more", 400)
	return p.again(t, within)
}

// again sends the last text, once more or for the first time.
func (p *post) again(t *testing.T, within time.Duration) *clientrpc.SendResult {
	t.Helper()
	s := p.last
	r, err := clientrpc.Send.Call(t.Context(), s.from.conn, s.params("stored", within))
	p.ledger.sent(s, r, err)
	if err != nil {
		t.Fatalf("send %q: %v", s.text, err)
	}
	return r
}

// stored sends a text that has to be stored.
func (p *post) stored(t *testing.T, from, to *person) {
	t.Helper()
	if r := p.send(t, from, to, waitStored); r.State == clientrpc.StateQueued || r.State == clientrpc.StateFailed {
		t.Fatalf("%s to %s: %s, %v", from.name, to.name, r.State, r.Why)
	}
}

// untilRefused sends texts until one is queued with the given code.
func (p *post) untilRefused(t *testing.T, from, to *person, code string, atMost int) {
	t.Helper()
	for range atMost {
		r := p.send(t, from, to, 3*time.Second)
		for end := time.Now().Add(settleTimeout); r.State == clientrpc.StateQueued && r.Why == nil && time.Now().Before(end); {
			r = p.again(t, 3*time.Second) // nobody has answered yet
		}
		if r.State == clientrpc.StateStored || r.State == clientrpc.StateDelivered {
			continue
		}
		if r.State != clientrpc.StateQueued || r.Why == nil || r.Why.Code != code {
			t.Fatalf("%s to %s: %s, %+v; want it queued with %q", from.name, to.name, r.State, r.Why, code)
		}
		t.Logf("text %d: %s: %v", p.n, r.State, r.Why)
		return
	}
	t.Fatalf("%d texts were taken", atMost)
}

// A full disk refuses mail with a code of its own, stops nothing else, and is
// forgotten when there is room again.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		reserve string
		leave   uint64
	}{
		{"less than the reserve", "32MiB", 16 << 20},
		{"nothing at all", "1", 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := &site{dir: folder(t)}
			whole := newServer(t, c.dir, plain, 0, nil, "")
			small := newServer(t, c.dir, plain, 1, []string{whole.peer}, fmt.Sprintf("[store]\nreserve = %q\n", tt.reserve))
			small.onSmallDisk(t)
			c.servers = []*server{whole, small}
			for _, s := range c.servers {
				s.start(t)
			}
			c.awaitFormed(t)
			a, b := newPerson(t, c.dir, "a", whole.address(), nil), newPerson(t, c.dir, "b", small.address(), nil)
			befriend(t, a, b)
			p := newPost(t, a, b)
			p.listen(t)
			p.stored(t, a, b)
			p.stored(t, b, a)

			small.fill(t, tt.leave)
			p.untilRefused(t, a, b, "disk_full", 5000)
			p.stored(t, b, a) // his own server forwards as ever
			checkAlive(t, small)
			_, err := client.Init(t.Context(), client.InitConfig{
				Config: client.Config{Home: filepath.Join(c.dir, "new"), Name: "new"}, Server: small.address(), DeviceName: "first",
			})
			// The reserve is for what is not mail.
			var e *clientrpc.Error
			if tt.leave == 0 && (!errors.As(err, &e) || e.Code != "disk_full") || tt.leave > 0 && err != nil {
				t.Errorf("a new account: %v (%+v)", err, e)
			}
			if err := os.Remove(filepath.Join(small.disk(), "filler")); err != nil {
				t.Fatal(err)
			}
			until(t, settleTimeout, "everything has come", func() bool { return p.ledger.missing() == 0 })
			p.stored(t, a, b)
			newPerson(t, c.dir, "newer", small.address(), nil)
			p.finish(t, settleTimeout)
		})
	}
}

// checkAlive wants a server to run and to answer.
func checkAlive(t *testing.T, s *server) {
	t.Helper()
	if !s.process().running() {
		t.Fatalf("the server has ended:\n%s", lastLines(s.log, 20))
	}
	for _, url := range []string{"http://" + s.http + "/healthz", "http://" + s.admin + "/metrics"} {
		until(t, startTimeout, "an answer from "+url, func() bool {
			_, err := get(url)
			return err == nil
		})
	}
}

// A full mailbox refuses mail for its owner only, and takes it again when the
// owner has read.
func TestFullMailbox(t *testing.T) {
	t.Parallel()
	c := &site{dir: folder(t)}
	c.servers = []*server{newServer(t, c.dir, plain, 0, nil, "")}
	c.servers = append(c.servers, newServer(t, c.dir, plain, 1, []string{c.servers[0].peer}, "[quota]\nmessages = 20\n"))
	for _, s := range c.servers {
		s.start(t)
	}
	c.awaitFormed(t)
	var people []*person
	for i, name := range []string{"a", "away", "b"} {
		people = append(people, newPerson(t, c.dir, name, c.servers[min(i, 1)].address(), nil))
	}
	a, away, b := people[0], people[1], people[2]
	befriend(t, people...)
	p := newPost(t, people...)
	away.devices[0].conn.Close()

	p.people = []*person{a, b}
	p.listen(t)
	p.untilRefused(t, a, away, "mailbox_full", 21)
	p.stored(t, a, b)
	p.send(t, a, away, time.Millisecond) // behind the one that was refused
	p.stored(t, a, b)
	checkAlive(t, c.servers[1])

	away.devices[0].open(t)
	p.people = people
	p.follow(t, away.devices[0])
	until(t, settleTimeout, "everything has come", func() bool { return p.ledger.missing() == 0 })
	p.stored(t, a, away)
	p.finish(t, settleTimeout)
}
