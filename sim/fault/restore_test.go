package fault

import (
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	im "github.com/omega-im/omega"
	"github.com/omega-im/omega/clientrpc"
)

// tool runs omegad in plain English and returns what it printed.
func tool(args ...string) (string, error) {
	cmd := exec.Command(filepath.Join(programs, omegad), args...)
	cmd.Env = append(os.Environ(), "LANG=C")
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func mustRun(t *testing.T, args ...string) {
	t.Helper()
	if out, err := tool(args...); err != nil {
		t.Fatalf("omegad %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// letters are texts to one person.
type letters struct {
	from *device
	to   *person
	rng  *rand.Rand
	l    *ledger

	mu     sync.Mutex
	stored map[im.ID]bool // guarded by mu
}

// send sends a text and waits until it is stored.
func (w *letters) send(t *testing.T, n int) {
	one := w.l.sending(w.from, w.to, n, w.rng)
	r, err := clientrpc.Send.Call(t.Context(), w.from.conn, one.params("stored", waitStored))
	if err != nil || r.State != "stored" && r.State != "delivered" {
		t.Errorf("text %d to %s: %+v, %v", n, w.to.name, r, err)
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stored[one.id] = true
}

// arrive opens the device and wants every text once.
func (w *letters) arrive(t *testing.T, d *device) {
	t.Helper()
	d.open(t)
	times := map[im.ID]int{}
	came := 0
	until(t, settleTimeout, "all texts to "+w.to.name+" come", func() bool {
		r, err := clientrpc.Receive.Call(t.Context(), d.conn, clientrpc.ReceiveParams{Count: 1000, Timeout: time.Second})
		if err != nil {
			return false
		}
		var ids []im.ID
		for i := range r.Messages {
			if w.stored[r.Messages[i].ID] && times[r.Messages[i].ID] == 0 {
				came++
			}
			times[r.Messages[i].ID]++
			ids = append(ids, r.Messages[i].ID)
		}
		if len(ids) > 0 {
			_, _ = clientrpc.Confirm.Call(t.Context(), d.conn, clientrpc.ConfirmParams{IDs: ids})
		}
		return came == len(w.stored)
	})
	for id, n := range times {
		if n != 1 {
			t.Errorf("text %x came %d times to %s", id, n, w.to.name)
		}
	}
	t.Logf("%d texts to %s", came, w.to.name)
}

// A server is backed up while people write, killed, and its folder lost. Restored
// it has everything that was acknowledged before the backup, and gets what came
// later from the other homes.
func TestRestore(t *testing.T) {
	c := newServers(t, plain, 4)
	lost, other := c.servers[1], c.servers[2]
	rng := rand.New(rand.NewPCG(seed(t), 2))
	writer := newPerson(t, c.dir, "writer", c.servers[3].address(), nil)
	w := writer.devices[0]
	w.online(t, startTimeout)
	c.homes(t, w, 3, 0)
	reader := func(name string, homes ...int) *letters {
		p := newPerson(t, c.dir, name, c.servers[0].address(), nil)
		d := p.devices[0]
		d.online(t, startTimeout)
		c.homes(t, d, homes...)
		befriend(t, writer, p)
		l := newLedger()
		first := l.sending(w, p, -1, rng)
		if r, err := clientrpc.Send.Call(t.Context(), w.conn, first.params("delivered", startTimeout)); err != nil || r.State != "delivered" {
			t.Fatalf("the first text to %s: %+v, %v", name, r, err)
		}
		r, err := clientrpc.Receive.Call(t.Context(), d.conn, clientrpc.ReceiveParams{Count: 100, Timeout: 2 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		for i := range r.Messages {
			_, _ = clientrpc.Confirm.Call(t.Context(), d.conn, clientrpc.ConfirmParams{IDs: []im.ID{r.Messages[i].ID}})
		}
		if err := d.conn.Close(); err != nil {
			t.Fatal(err)
		}
		return &letters{from: w, to: p, rng: rng, l: l, stored: map[im.ID]bool{}}
	}
	alone, both := reader("alone", 1), reader("both", 1, 2)

	n := 0
	for ; n < 60; n++ {
		alone.send(t, n)
		both.send(t, n)
	}
	stop := make(chan struct{})
	var load sync.WaitGroup
	load.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				both.send(t, n)
				n++
			}
		}
	})
	backup := filepath.Join(c.dir, "backup")
	mustRun(t, "backup", backup, "--config", lost.dir+".toml")
	close(stop)
	load.Wait()
	for range 20 { // after the backup
		both.send(t, n)
		n++
	}
	lost.process().kill()
	if err := os.RemoveAll(lost.dir); err != nil {
		t.Fatal(err)
	}
	checkBackup(t, lost, backup)
	if err := os.Remove(lost.dir + ".toml"); err != nil {
		t.Fatal(err)
	}
	mustRun(t, "restore", backup, "--config", lost.dir+".toml")
	lost.start(t)
	want, has := len(alone.stored)+len(both.stored), 0
	defer func() { t.Logf("the restored server has %d of %d mails", has, want) }()
	until(t, startTimeout, "the restored server has all mail", func() bool {
		page, err := get("http://" + lost.admin + "/metrics")
		has = int(metric(page, "omega_mail_messages"))
		return err == nil && has >= want
	})
	other.process().kill() // so that all of it comes from the restored one
	alone.arrive(t, alone.to.devices[0])
	both.arrive(t, both.to.devices[0])
}

// checkBackup looks at modes, and that nobody can run a server on a backup.
func checkBackup(t *testing.T, s *server, backup string) {
	t.Helper()
	for name, want := range map[string]os.FileMode{".": 0o700, "server.pgp": 0o600, "omegad.toml": 0o600, "mail": 0o700} {
		info, err := os.Stat(filepath.Join(backup, name))
		if err != nil || info.Mode().Perm() != want {
			t.Errorf("%s in the backup: %v, %v; want %v", name, info, err, want)
		}
	}
	text, err := os.ReadFile(s.dir + ".toml")
	if err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(filepath.Dir(backup), "wrong.toml")
	if err := os.WriteFile(config, []byte(strings.ReplaceAll(string(text), s.dir, backup)), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := tool("serve", "--config", config); err == nil || !strings.Contains(out, "omegad restore") {
		t.Errorf("a server on a backup: %v\n%s", err, out)
	}
	if out, err := tool("backup", backup, "--config", s.dir+".toml"); err == nil || !strings.Contains(out, "something already") {
		t.Errorf("a backup over a backup: %v\n%s", err, out)
	}
	if out, err := tool("restore", backup, "--config", config); err == nil || !strings.Contains(out, "something already") {
		t.Errorf("restored onto a backup: %v\n%s", err, out)
	}
}
