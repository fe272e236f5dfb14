package whole

import (
	"cmp"
	"context"
	"errors"
	"net"
	"slices"
	"testing"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/client"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/history"
)

// TestText follows one text from the first server to the last, and the answer
// back: ✓, ✓✓, 已讀.
func TestText(t *testing.T) {
	t.Parallel()
	a := newPerson(t, "阿明", cloud[0].address())
	d := newPerson(t, "小美", cloud[3].address())
	id := a.send(t, d, "你好，世界", "delivered")
	got := d.receive(t, 1)
	wantVerified(t, got, "你好，世界")
	if m := got[0]; m.ID != id || m.From != a.account || m.Device != a.fpr || m.Name != "阿明" || m.Sequence != 1 || m.Received.IsZero() {
		t.Errorf("message %+v", m)
	}
	a.awaitState(t, d, id, "read")
	d.send(t, a, "hello", "stored")
	wantVerified(t, a.receive(t, 1), "hello")
	wantVerified(t, d.history(t, a), "你好，世界", "hello")
	// The same id again is the same message.
	if r := a.sendAs(t, id, d, "你好，世界", "read"); r.State != "read" {
		t.Errorf("sent again: %s", r.State)
	}
	if n := len(a.history(t, d)); n != 2 {
		t.Errorf("%d messages in the sender's history, want 2", n)
	}
}

// noNetwork makes a device that reaches nobody.
func noNetwork(cfg *client.Config) {
	cfg.Dialer = func(context.Context, string, string) (net.Conn, error) { return nil, errors.New("no network") }
}

// lose lets a device write texts without a network, and takes the envelopes
// for which lost returns true out of its outbox before it is back. It returns
// the texts' ids.
func (d *device) lose(t *testing.T, to *device, lost func(o *history.Outgoing, ids []omega.ID) bool, texts ...string) (ids []omega.ID) {
	t.Helper()
	d.close(t)
	before := d.cfg.Dialer
	noNetwork(&d.cfg)
	d.open(t)
	for _, text := range texts {
		ids = append(ids, d.send(t, to, text, "none"))
	}
	d.close(t)
	n := 0
	d.database(t, func(tx *history.Tx) error {
		due, _, err := tx.Outgoing(d.now().AddDate(1, 0, 0), 0, 1000)
		if err != nil {
			return err
		}
		for i := range due {
			if lost(&due[i], ids) {
				n++
				if err := tx.RemoveOutgoing(due[i].Position); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if n == 0 {
		t.Fatal("no envelope was lost")
	}
	d.cfg.Dialer = before
	d.open(t)
	d.online(t)
	return ids
}

// know lets a device fetch another account's certificate.
func (d *device) know(t *testing.T, other *device) {
	t.Helper()
	if _, err := clientrpc.Lookup.Call(t.Context(), d.conn, clientrpc.LookupParams{Fingerprint: other.account}); err != nil {
		t.Fatal(err)
	}
}

// TestGap loses one message between the sender and everybody: the reader
// notices, asks, and has it once.
func TestGap(t *testing.T) {
	t.Parallel()
	a, d := newPerson(t, "a", cloud[0].address()), newPerson(t, "d", cloud[3].address())
	a.send(t, d, "one", "delivered")
	ids := a.lose(t, d, func(o *history.Outgoing, ids []omega.ID) bool { return o.Message == ids[0] }, "two", "three")
	got := d.receive(t, 3) // the late one may come last
	slices.SortFunc(got, func(a, b clientrpc.Message) int { return cmp.Compare(a.Sequence, b.Sequence) })
	wantVerified(t, got, "one", "two", "three")
	a.awaitState(t, d, ids[0], "read")
	a.awaitState(t, d, ids[1], "read")
	a.send(t, d, "four", "delivered")
	wantVerified(t, d.receive(t, 1), "four")
	wantVerified(t, d.history(t, a), "one", "two", "three", "four")
	for i, m := range d.history(t, a) {
		if i > 0 && m.Sequence <= d.history(t, a)[i-1].Sequence {
			t.Errorf("sequence %d after %d", m.Sequence, d.history(t, a)[i-1].Sequence)
		}
	}
}

// TestUnknownKey loses a key record: what comes under it is parked, asked for
// and read.
func TestUnknownKey(t *testing.T) {
	t.Parallel()
	a, d := newPerson(t, "a", cloud[1].address()), newPerson(t, "d", cloud[2].address())
	a.know(t, d)
	a.lose(t, d, func(o *history.Outgoing, _ []omega.ID) bool { return o.Message.IsZero() }, "one", "two")
	until(t, "what cannot be read is parked", func() bool { return d.status(t).Parked >= 2 })
	wantVerified(t, d.receive(t, 2), "one", "two")
	until(t, "nothing is parked", func() bool { return d.status(t).Parked == 0 })
	a.send(t, d, "three", "delivered")
	wantVerified(t, d.receive(t, 1), "three")
	wantVerified(t, d.history(t, a), "one", "two", "three")
}
