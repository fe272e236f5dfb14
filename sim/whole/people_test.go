package whole

import (
	"context"
	"crypto/rand"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/client"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/history"
)

// A device is a home and the way to its core.
type device struct {
	cfg     client.Config
	account omega.Fingerprint
	fpr     omega.Fingerprint
	conn    *client.Local // nil: closed
}

// newPerson makes an account on a server and attaches its first device.
func newPerson(t testing.TB, name, address string, change ...func(*client.Config)) *device {
	t.Helper()
	d := &device{cfg: client.Config{Home: filepath.Join(t.TempDir(), name), Name: name}}
	for _, f := range change {
		f(&d.cfg)
	}
	info, err := client.Init(t.Context(), client.InitConfig{Config: d.cfg, Server: address, DeviceName: "first"})
	if err != nil {
		t.Fatalf("make account %s: %v", name, err)
	}
	d.account, d.fpr = info.Fingerprint, info.Device
	d.open(t)
	d.online(t)
	return d
}

func (d *device) open(t testing.TB) {
	t.Helper()
	conn, err := client.OpenLocal(t.Context(), d.cfg)
	if err != nil {
		t.Fatalf("open %s: %v", d.cfg.Name, err)
	}
	d.conn = conn
	t.Cleanup(func() { conn.Close() })
}

func (d *device) close(t testing.TB) {
	t.Helper()
	if err := d.conn.Close(); err != nil {
		t.Fatalf("close %s: %v", d.cfg.Name, err)
	}
	d.conn = nil
}

// link gives the account one more device; the two meet on a server.
func (d *device) link(t *testing.T, address string) *device {
	t.Helper()
	d2 := &device{cfg: d.cfg, account: d.account}
	d2.cfg.Home = filepath.Join(t.TempDir(), d.cfg.Name+"-second")
	text, approved := make(chan string, 1), make(chan error, 1)
	go func() {
		_, err := clientrpc.Approve.Call(t.Context(), d.conn, clientrpc.ApproveParams{Text: <-text})
		approved <- err
	}()
	info, err := client.Link(t.Context(), client.LinkConfig{
		Config: d2.cfg, Server: address, DeviceName: "second", Show: func(s string) { text <- s },
	})
	if err != nil {
		t.Fatalf("link a device of %s: %v", d.cfg.Name, err)
	}
	if err := <-approved; err != nil {
		t.Fatalf("approve a device of %s: %v", d.cfg.Name, err)
	}
	d2.fpr = info.Device
	d2.open(t)
	d2.online(t)
	return d2
}

func (d *device) status(t testing.TB) *clientrpc.StatusResult {
	t.Helper()
	st, err := clientrpc.Status.Call(t.Context(), d.conn, clientrpc.None{})
	if err != nil {
		t.Fatalf("status of %s: %v", d.cfg.Name, err)
	}
	return st
}

// online waits until the device is attached to all its homes.
func (d *device) online(t testing.TB) *clientrpc.StatusResult {
	t.Helper()
	var st *clientrpc.StatusResult
	until(t, d.cfg.Name+" is attached to its home", func() bool {
		st = d.status(t)
		return st.Online && len(st.Homes) > 0 &&
			!slices.ContainsFunc(st.Homes, func(h clientrpc.HomeStatus) bool { return !h.Attached })
	})
	return st
}

func newID() (id omega.ID) {
	rand.Read(id[:])
	return id
}

// send sends a text and waits for a state.
func (d *device) send(t *testing.T, to *device, text, wait string) omega.ID {
	t.Helper()
	id := newID()
	r := d.sendAs(t, id, to, text, wait)
	// The other side may be quicker than the question.
	if further := wait == "stored" && r.State == "delivered"; wait != "none" && r.State != wait && !further {
		t.Fatalf("%q is %s (%v), want %s", text, r.State, r.Why, wait)
	}
	return id
}

func (d *device) sendAs(t testing.TB, id omega.ID, to *device, text, wait string) *clientrpc.SendResult {
	t.Helper()
	r, err := clientrpc.Send.Call(t.Context(), d.conn, clientrpc.SendParams{
		ID: id, To: to.account.String(), Text: text, Wait: wait, Timeout: patience,
	})
	if err != nil {
		t.Fatalf("send %q: %v", text, err)
	}
	return r
}

// receive takes n messages and confirms them.
func (d *device) receive(t *testing.T, n int) []clientrpc.Message {
	t.Helper()
	var out []clientrpc.Message
	deadline := time.Now().Add(patience)
	for len(out) < n {
		r, err := clientrpc.Receive.Call(t.Context(), d.conn, clientrpc.ReceiveParams{
			Count: n - len(out), Timeout: max(time.Until(deadline), time.Millisecond),
		})
		if err != nil {
			t.Fatalf("receive at %s: %v", d.cfg.Name, err)
		}
		if len(r.Messages) == 0 {
			t.Fatalf("%s received %d of %d messages", d.cfg.Name, len(out), n)
		}
		out = append(out, r.Messages...)
		d.confirm(t, r.Messages)
	}
	return out
}

// catchUp takes all that waits at the homes.
func (d *device) catchUp(t *testing.T) {
	t.Helper()
	until(t, d.cfg.Name+" has all that waits", func() bool {
		r, err := clientrpc.Receive.Call(t.Context(), d.conn, clientrpc.ReceiveParams{Settle: true, Timeout: time.Second})
		must(t, err)
		d.confirm(t, r.Messages)
		return r.CaughtUp
	})
}

func (d *device) confirm(t *testing.T, messages []clientrpc.Message) {
	t.Helper()
	var ids []omega.ID
	for _, m := range messages {
		ids = append(ids, m.ID)
	}
	if _, err := clientrpc.Confirm.Call(t.Context(), d.conn, clientrpc.ConfirmParams{IDs: ids}); err != nil {
		t.Fatal(err)
	}
}

// history returns the whole chat with somebody.
func (d *device) history(t *testing.T, peer *device) []clientrpc.Message {
	t.Helper()
	r, err := clientrpc.History.Call(t.Context(), d.conn, clientrpc.HistoryParams{Chat: peer.account.String(), Count: 200})
	if err != nil {
		t.Fatalf("history of %s: %v", d.cfg.Name, err)
	}
	return r.Messages
}

// state is how far an own message got.
func (d *device) state(t *testing.T, peer *device, id omega.ID) string {
	t.Helper()
	for _, m := range d.history(t, peer) {
		if m.ID == id {
			return m.State
		}
	}
	return ""
}

// awaitState waits until an own message has a state.
func (d *device) awaitState(t *testing.T, peer *device, id omega.ID, want string) {
	t.Helper()
	until(t, "state "+want, func() bool { return d.state(t, peer, id) == want })
}

// database runs fn on the device's database while no core holds it.
func (d *device) database(t *testing.T, fn func(tx *history.Tx) error) {
	t.Helper()
	db, err := history.Open(t.Context(), filepath.Join(d.cfg.Home, "history.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.Update(context.Background(), fn); err != nil {
		t.Fatal(err)
	}
}

func texts(messages []clientrpc.Message) (out []string) {
	for _, m := range messages {
		out = append(out, m.Text)
	}
	return out
}

// wantVerified fails unless the messages are these texts, verified, in order.
func wantVerified(t *testing.T, got []clientrpc.Message, want ...string) {
	t.Helper()
	if !slices.Equal(texts(got), want) {
		t.Fatalf("messages %q, want %q", texts(got), want)
	}
	for _, m := range got {
		if !m.Verified || m.Problem != "" {
			t.Errorf("%q: verified %v, problem %q", m.Text, m.Verified, m.Problem)
		}
	}
}

// now is the device's clock.
func (d *device) now() time.Time {
	if d.cfg.Clock != nil {
		return d.cfg.Clock()
	}
	return time.Now()
}
