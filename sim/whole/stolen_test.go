package whole

import (
	"slices"
	"testing"

	"github.com/omega-im/omega/clientrpc"
)

// TestStolenPhone: the primary key is away when a phone is stolen. The laptop revokes it
// by what was signed before; the thief can neither attach, nor read what is written from
// then on, nor write; contacts see it. When the primary key is back it says when.
func TestStolenPhone(t *testing.T) {
	t.Parallel()
	a, desk := newPerson(t, "a", cloud[0].address()), newPerson(t, "b", cloud[1].address())
	laptop := desk.link(t, cloud[2].address())
	phone := desk.link(t, cloud[3].address())
	a.send(t, desk, "before", "delivered")
	wantVerified(t, phone.receive(t, 1), "before")
	wantVerified(t, laptop.receive(t, 1), "before")
	phone.send(t, a, "from the phone", "delivered")
	wantVerified(t, a.receive(t, 1), "from the phone")
	until(t, "the laptop knows both", func() bool {
		list, err := clientrpc.Devices.Call(t.Context(), laptop.conn, clientrpc.None{})
		must(t, err)
		return len(list.Devices) == 3
	})
	laptop.awaitNews(t, clientrpc.DeviceAdded, laptop, phone.fpr)
	desk.close(t) // the primary key is away

	var d clientrpc.Device
	until(t, "the laptop has what was signed before", func() (ok bool) {
		var err error
		d, err = clientrpc.Revoke.Call(t.Context(), laptop.conn, clientrpc.RevokeParams{Device: phone.fpr})
		if err != nil {
			wantCode(t, err, clientrpc.CodeKey)
		}
		return err == nil
	})
	if d.Status != "revoked" || d.Fingerprint != phone.fpr || !d.Undated {
		t.Fatalf("revoked: %+v", d)
	}
	until(t, "the phone is out and knows why", func() bool {
		st := phone.status(t)
		return !st.Online && st.Problem != nil && st.Problem.Why.Key == "why.revoked"
	})
	a.awaitNews(t, clientrpc.DeviceRevoked, laptop, phone.fpr)
	a.send(t, desk, "not for the thief", "delivered")
	wantVerified(t, laptop.receive(t, 1), "not for the thief")
	_, err := clientrpc.Send.Call(t.Context(), phone.conn, clientrpc.SendParams{ID: newID(), To: a.account.String(), Text: "send me money", Wait: "none"})
	wantCode(t, err, clientrpc.CodeRefused)
	phone.close(t)
	phone.open(t) // and it does not come in again
	until(t, "the phone is refused", func() bool {
		st := phone.status(t)
		return !st.Online && st.Problem != nil && st.Problem.Code == clientrpc.CodeRefused
	})
	if got := texts(phone.history(t, a)); !slices.Equal(got, []string{"before", "from the phone"}) {
		t.Errorf("the thief has %q", got)
	}
	for _, m := range a.history(t, desk) {
		if m.Text == "send me money" {
			t.Error("what the thief wrote arrived")
		}
	}
	_, err = clientrpc.Revoke.Call(t.Context(), phone.conn, clientrpc.RevokeParams{Device: laptop.fpr})
	wantCode(t, err, clientrpc.CodeRefused)

	desk.open(t)
	desk.online(t)
	desk.awaitNews(t, clientrpc.DeviceRevoked, desk, phone.fpr)
	d, err = clientrpc.Revoke.Call(t.Context(), desk.conn, clientrpc.RevokeParams{Device: phone.fpr})
	if err != nil || d.Undated || d.Status != "revoked" {
		t.Errorf("with the primary key: %+v, %v", d, err)
	}
}
