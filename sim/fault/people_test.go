package fault

import (
	"context"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	im "github.com/omega-im/omega"
	"github.com/omega-im/omega/client"
	"github.com/omega-im/omega/clientrpc"
)

// A dialer makes the connections of a client; nil is this machine's.
type dialer func(ctx context.Context, network, address string) (net.Conn, error)

// A person is an account with its devices.
type person struct {
	name    string
	dial    dialer
	fpr     im.Fingerprint
	devices []*device
}

// A device is a home in this process.
type device struct {
	owner *person
	name  string
	home  string
	log   *slog.Logger
	fpr   im.Fingerprint
	conn  *client.Local
}

// newPerson makes an account on a server and opens it.
func newPerson(t *testing.T, dir, name, server string, dial dialer) *person {
	t.Helper()
	p := &person{name: name, dial: dial}
	d := newDevice(t, p, dir, name)
	info, err := client.Init(t.Context(), client.InitConfig{Config: d.config(), Server: server, DeviceName: "first"})
	if err != nil {
		t.Fatalf("make account %s: %v", name, err)
	}
	p.fpr, d.fpr = info.Fingerprint, info.Device
	d.open(t)
	p.devices = append(p.devices, d)
	return p
}

func (d *device) config() client.Config {
	return client.Config{Home: d.home, Name: d.owner.name, Dialer: d.owner.dial, Logger: d.log}
}

// befriend makes everybody a contact of everybody else: of strangers homes and clients
// take little (spec/delivery.md, DELIV-46; spec/chat.md, CHAT-64).
func befriend(t *testing.T, people ...*person) {
	t.Helper()
	for _, p := range people {
		for _, other := range people {
			if other == p {
				continue
			}
			var err error
			until(t, startTimeout, p.name+" has "+other.name+" as a contact", func() bool {
				_, err = clientrpc.AddContact.Call(t.Context(), p.devices[0].conn, clientrpc.AddContactParams{ContactRef: clientrpc.ContactRef{Account: other.fpr.String()}})
				return err == nil
			})
		}
	}
}

// newDevice is a device with a home below dir and its log beside it.
func newDevice(t *testing.T, p *person, dir, name string) *device {
	t.Helper()
	d := &device{owner: p, name: name, home: filepath.Join(dir, name)}
	f, err := os.Create(d.home + ".log")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	d.log = slog.New(slog.NewTextHandler(f, &slog.HandlerOptions{Level: slog.LevelDebug}))
	return d
}

// open opens the device's core.
func (d *device) open(t *testing.T) {
	t.Helper()
	conn, err := client.OpenLocal(t.Context(), d.config())
	if err != nil {
		t.Fatalf("open %s: %v", d.name, err)
	}
	d.conn = conn
	t.Cleanup(func() { conn.Close() })
}

// link gives the person one more device, which meets the first on a server.
func (p *person) link(t *testing.T, dir, server string) *device {
	t.Helper()
	d := newDevice(t, p, dir, p.name+"b")
	text := make(chan string, 1)
	approved := make(chan error, 1)
	go func() {
		_, err := clientrpc.Approve.Call(t.Context(), p.devices[0].conn, clientrpc.ApproveParams{Text: <-text})
		approved <- err
	}()
	info, err := client.Link(t.Context(), client.LinkConfig{
		Config: d.config(), Server: server, DeviceName: "second", Show: func(s string) { text <- s },
	})
	if err != nil {
		t.Fatalf("link a device of %s: %v", p.name, err)
	}
	if err := <-approved; err != nil {
		t.Fatalf("approve a device of %s: %v", p.name, err)
	}
	d.fpr = info.Device
	d.open(t)
	p.devices = append(p.devices, d)
	return d
}

// online waits until the device is attached to all its homes.
func (d *device) online(t *testing.T, within time.Duration) {
	t.Helper()
	var st *clientrpc.StatusResult
	attached := func() bool {
		var err error
		if st, err = clientrpc.Status.Call(t.Context(), d.conn, clientrpc.None{}); err != nil || !st.Online {
			return false
		}
		return len(st.Homes) > 0 && !slices.ContainsFunc(st.Homes, func(h clientrpc.HomeStatus) bool { return !h.Attached })
	}
	for deadline := time.Now().Add(within); !attached(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s is not attached to all its homes within %v: %+v", d.name, within, st)
		}
	}
}
