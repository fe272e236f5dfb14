package whole

import (
	"slices"
	"testing"
	"time"

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

// TestRevokedDevice revokes a device while one of the account's homes is down.
// Within seconds it has no session, and nobody writes for it any more; the home
// that was down throws away what waits for it, too, once it is back.
func TestRevokedDevice(t *testing.T) {
	t.Parallel()
	servers := ownCloud(t, 4, "open", young)
	a, b := newPerson(t, "a", servers[0].address()), newPerson(t, "b", servers[1].address())
	homes := b.awaitHomes(t, 3)
	b2 := b.link(t, servers[2].address())
	b2.awaitHomes(t, 3)
	a.know(t, b)
	a.send(t, b, "to both", "delivered")
	wantVerified(t, b2.receive(t, 1), "to both")
	wantVerified(t, b.receive(t, 1), "to both")
	i := slices.IndexFunc(homes, func(h omega.Fingerprint) bool {
		return h != servers[0].fpr() && h != servers[1].fpr() && h != servers[2].fpr()
	})
	if i < 0 {
		i = slices.IndexFunc(homes, func(h omega.Fingerprint) bool { return h != servers[1].fpr() && h != servers[0].fpr() })
	}
	down := find(t, servers, homes[i])
	must(t, down.end())

	_, err := clientrpc.Revoke.Call(t.Context(), b.conn, clientrpc.RevokeParams{Device: b.fpr})
	wantCode(t, err, clientrpc.CodeUsage)
	began := time.Now()
	d, err := clientrpc.Revoke.Call(t.Context(), b.conn, clientrpc.RevokeParams{Device: b2.fpr})
	if err != nil || d.Status != "revoked" || d.Fingerprint != b2.fpr {
		t.Fatalf("%+v, %v", d, err)
	}
	until(t, "the revoked device is offline", func() bool { return !b2.status(t).Online })
	t.Logf("the revoked device was out after %v", time.Since(began))
	b.send(t, a, "I lost my phone", "stored")
	wantVerified(t, a.receive(t, 1), "I lost my phone") // it tells of the record
	until(t, "the other side knows", func() bool {
		l := a.lookup(t, b.account)
		return slices.ContainsFunc(l.Devices, func(d clientrpc.Device) bool { return d.Fingerprint == b2.fpr && d.Status == "revoked" })
	})
	a.send(t, b, "only to you", "stored")
	wantVerified(t, b.receive(t, 1), "only to you")
	must(t, down.start())
	b.awaitHomes(t, 3)
	until(t, "the revoked device knows why", func() bool {
		st := b2.status(t)
		return !st.Online && st.Problem != nil && st.Problem.Code == clientrpc.CodeRefused && st.Problem.Why.Key == "why.revoked"
	})
	if got := texts(b2.history(t, a)); !slices.Equal(got, []string{"to both"}) {
		t.Errorf("the revoked device has %q", got)
	}
	b2.close(t)
	// It compares its key server with others within seconds, if nobody ends it before.
	until(t, "the home that was down knows", func() bool { return len(down.certificate(t, b.account).Active(time.Now())) == 1 })
	for _, s := range servers {
		until(t, "nothing waits at "+s.cfg.Name, func() bool {
			// A new session is attached where it says so, and its lease acknowledges
			// what was taken by the one before.
			b.close(t)
			b.open(t)
			b.awaitHomes(t, 3)
			b.catchUp(t)
			must(t, s.end())
			n := s.waiting(t, b.account)
			must(t, s.start())
			return n == 0
		})
	}
}
