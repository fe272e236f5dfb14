package fault

import (
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	im "github.com/omega-im/omega"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/mailbox"
	mailpebble "github.com/omega-im/omega/mailbox/pebble"
	"github.com/omega-im/omega/wire"
)

// canary begins the marker that a ledger puts into every text, and control one
// that the test itself puts where it must be found.
const (
	canary  = "canary-"
	control = "control-5d1f60a9c2b34e78"
)

// newRecorded starts servers that clients and other servers reach through
// recorders only.
func newRecorded(t *testing.T, n int, records string) (*site, []*recorder) {
	t.Helper()
	c := &site{dir: folder(t)}
	var all []*recorder
	var bootstrap []string
	for i := range n {
		ports := freePorts(t, "127.0.0.1", 4)
		s := &server{client: ports[0], peer: ports[1], http: ports[2], admin: ports[3], dir: filepath.Join(c.dir, "servers", fmt.Sprintf("s%d", i+1))}
		if err := os.MkdirAll(s.dir, 0o700); err != nil {
			t.Fatal(err)
		}
		var r [3]*recorder
		for j, to := range []string{s.client, s.peer, s.http} {
			r[j] = record(t, to, filepath.Join(records, fmt.Sprintf("s%d-%s", i+1, []string{"client", "peer", "http"}[j])))
		}
		all = append(all, r[:]...)
		s.configure(t, plain, i, bootstrap, fmt.Sprintf("[announce]\nclient = %q\npeer = %q\nhttp = %q\n[store]\nreserve = \"1MiB\"\n",
			r[0].addr, r[1].addr, "http://"+r[2].addr))
		s.client, s.peer, s.http = r[0].addr, r[1].addr, r[2].addr
		bootstrap = append(bootstrap, s.peer)
		c.servers = append(c.servers, s)
		s.start(t)
	}
	c.awaitFormed(t)
	return c, all
}

// A marker stands in every text. It occurs in nothing that servers keep, log or
// see on their sockets, with and without TLS, and it does occur where it must.
func TestCanary(t *testing.T) {
	t.Parallel()
	records := folder(t)
	c, recorders := newRecorded(t, 3, records)
	servers := filepath.Join(c.dir, "servers")
	s := seed(t)
	w := newCrowd(t, c)
	// One uses a WebSocket without TLS: what it records are the frames.
	web := newPerson(t, c.dir, "web", fmt.Sprintf("ws://%s#%s", c.servers[1].http, c.servers[1].fpr), nil)
	web.devices[0].online(t, startTimeout)
	w.ledger.device(web.devices[0], false)
	for _, p := range w.people {
		befriend(t, web, p)
	}
	w.people = append(w.people, web)
	w.begin(t, s)
	until(t, startTimeout, "a few hundred texts are received", func() bool { return w.ledger.totals().received > 200 })
	if *killsFlag > 0 {
		pass(t, time.Minute)
	}
	for _, r := range recorders {
		plantStream(t, r)
	}
	for _, srv := range c.servers {
		srv.process().kill()
	}
	// What reached a server was written down before.
	for _, dir := range []string{servers, records} {
		if found := find(t, dir, canary); len(found) > 0 {
			t.Errorf("the canary is in %v", found)
		}
	}
	if found := find(t, records, control); len(found) != len(recorders) {
		t.Errorf("what was sent plainly through %d recorders is in %v only", len(recorders), found)
	}
	checkStore(t, filepath.Join(c.servers[2].dir, "mail"), w.away[2].fpr)
	checkSearch(t, servers)
	t.Logf("searched: %s of servers' folders and logs, %s of octets at their sockets", size(t, servers), size(t, records))
	// What nobody finds at the servers is there for those it was meant for.
	for _, srv := range c.servers {
		srv.start(t)
	}
	w.finish(t, settleTimeout)
	checkExport(t, w.people[0], web)
}

// checkStore reads the mailbox as the server does: that is what stands inside
// the connections, and what a server can know at most.
func checkStore(t *testing.T, dir string, account im.Fingerprint) {
	t.Helper()
	driver, err := mailpebble.Open(mailpebble.Config{Dir: dir, Reserve: -1})
	if err != nil {
		t.Fatal(err)
	}
	store, err := mailbox.Open(mailbox.Config{Driver: driver})
	if err != nil {
		t.Fatal(err)
	}
	mail, err := store.Read(t.Context(), account, 0, mailbox.Limit{Messages: 10_000, Bytes: 1 << 30})
	if err != nil {
		t.Fatal(err)
	}
	dump := t.TempDir()
	payloads := 0
	for _, e := range mail {
		env, err := wire.ParseEnvelope(e.Envelope)
		if err != nil {
			t.Fatal(err)
		}
		payloads += len(env.Payload())
		if err := os.WriteFile(filepath.Join(dump, fmt.Sprint(e.Seq)), e.Envelope, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if len(mail) == 0 || payloads < 100*len(mail) {
		t.Errorf("%d envelopes with payloads of %d octets wait", len(mail), payloads)
	}
	if found := find(t, dump, canary); len(found) > 0 {
		t.Errorf("the canary is in %d of %d envelopes", len(found), len(mail))
	}
	plantEnvelope(t, store, account)
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	if found := find(t, dir, control); len(found) == 0 {
		t.Error("the search does not find an envelope that the test stored, so it says nothing about others")
	}
}

// plantEnvelope stores an envelope whose payload is readable.
func plantEnvelope(t *testing.T, store *mailbox.Store, account im.Fingerprint) {
	t.Helper()
	env := wire.Envelope{
		Class: wire.ClassText, ID: im.ID{1, 2, 3}, Lifetime: im.DefaultLifetime, Sender: account,
		Recipients: []im.Fingerprint{account}, Payload: []byte("readable: " + control),
	}
	b, err := env.AppendTo(nil)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	err = store.Append(t.Context(), &mailbox.Item{
		Recipients: env.Recipients, Envelope: b, Key: mailbox.KeyOf(env.Sender, env.ID, env.Payload),
		Done: func(_ *mailbox.Item, err error) { done <- err },
	})
	if err == nil {
		err = <-done
	}
	if err != nil {
		t.Fatal(err)
	}
}

// checkSearch has the search find what the test puts into the folders that it
// searched.
func checkSearch(t *testing.T, dir string) {
	t.Helper()
	for _, planted := range []string{"s1/mail/planted", "s1/keys/planted", "s2.log"} {
		path := filepath.Join(dir, planted)
		before, err := os.ReadFile(path)
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		marker := control + " " + planted
		if err := os.WriteFile(path, append(before, marker...), 0o600); err != nil {
			t.Fatal(err)
		}
		if found := find(t, dir, marker); len(found) != 1 {
			t.Errorf("what the test put into %s is found in %v", planted, found)
		}
		if before == nil {
			os.Remove(path)
		}
	}
}

// plantStream sends a readable line through a recorder.
func plantStream(t *testing.T, r *recorder) {
	t.Helper()
	conn, err := net.Dial("tcp", r.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := fmt.Fprintf(conn, "GET /%s HTTP/1.0\r\n\r\n", control); err != nil {
		t.Fatal(err)
	}
	_ = conn.SetReadDeadline(time.Now().Add(startTimeout))
	_, _ = io.Copy(io.Discard, conn) // the server has answered or closed
}

// checkExport has the search find the canary in what the readers keep.
func checkExport(t *testing.T, p, with *person) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "export")
	r, err := clientrpc.Export.Call(t.Context(), p.devices[0].conn, clientrpc.ExportParams{Chat: with.fpr.String(), Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	if found := find(t, dir, canary); r.Messages == 0 || len(found) != r.Messages {
		t.Errorf("the canary is in %d of %d exported messages", len(found), r.Messages)
	}
}

// size is how much the files below dir hold.
func size(t *testing.T, dir string) string {
	t.Helper()
	var sum int64
	err := filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			var info fs.FileInfo
			if info, err = d.Info(); err == nil {
				sum += info.Size()
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%d KiB", sum>>10)
}
