package whole

import (
	"slices"
	"testing"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/clientrpc"
)

// TestSecondDevice links a device that meets the first at another server: it
// reads what is sent from then on, sees what the account's other device sends,
// and both acknowledge, so that the home keeps nothing.
func TestSecondDevice(t *testing.T) {
	t.Parallel()
	a, b := newPerson(t, "a", cloud[0].address()), newPerson(t, "b", cloud[1].address())
	a.send(t, b, "before", "delivered")
	b2 := b.link(t, cloud[2].address())
	if b2.account != b.account || b2.fpr == b.fpr {
		t.Fatalf("device %s of %s", b2.fpr, b2.account)
	}
	devices, err := clientrpc.Devices.Call(t.Context(), b.conn, clientrpc.None{})
	if err != nil || len(devices.Devices) != 2 {
		t.Fatalf("%d devices, %v", len(devices.Devices), err)
	}
	// The sender learns of the device when it looks again.
	a.know(t, b)
	id := a.send(t, b, "to both", "delivered")
	wantVerified(t, b2.receive(t, 1), "to both")
	wantVerified(t, b.receive(t, 2), "before", "to both")
	a.awaitState(t, b, id, "read")

	// What one device sends, the other shows as the account's own.
	b2.send(t, a, "from the second", "delivered")
	wantVerified(t, a.receive(t, 1), "from the second")
	until(t, "the first device has it", func() bool { return slices.Contains(texts(b.history(t, a)), "from the second") })
	own := b.history(t, a)
	wantVerified(t, own, "before", "to both", "from the second")
	if m := own[2]; m.From != b.account || m.Device != b2.fpr || m.State == "" {
		t.Errorf("the other device's message: %+v", m)
	}

	for _, d := range []*device{b, b2} {
		until(t, "the home keeps nothing for the device", func() bool {
			d.online(t) // receipts of the others may still come in
			d.close(t)
			cursor, mails := d.attachAgain(t, cloud[1].fpr(), cloud[3].address())
			d.open(t)
			return cursor > 0 && mails == 0
		})
	}
}

// TestNoNetwork writes to somebody unknown without a network: the text waits
// and goes out by itself.
func TestNoNetwork(t *testing.T) {
	t.Parallel()
	a, b := newPerson(t, "a", cloud[2].address()), newPerson(t, "b", cloud[3].address())
	a.close(t)
	dialer := a.cfg.Dialer
	noNetwork(&a.cfg)
	a.open(t)
	id := newID()
	r, err := clientrpc.Send.Call(t.Context(), a.conn, clientrpc.SendParams{ID: id, To: b.account.String(), Text: "later", Wait: "none"})
	if err != nil || r.State != "queued" {
		t.Fatalf("%+v, %v", r, err)
	}
	nobody, err := omega.ParseFingerprint("0123456789ABCDEF0123456789ABCDEF01234567")
	if err != nil {
		t.Fatal(err)
	}
	lost := &device{account: nobody}
	lostID := a.send(t, lost, "to nobody", "none")
	if st := a.status(t); st.Online || st.Outbox != 2 || st.Problem == nil || st.Problem.Code != clientrpc.CodeInternal {
		t.Errorf("status %+v", st)
	}
	a.close(t)
	a.cfg.Dialer = dialer
	a.open(t)
	wantVerified(t, b.receive(t, 1), "later")
	a.awaitState(t, b, id, "read")
	a.awaitState(t, lost, lostID, "failed")
}
