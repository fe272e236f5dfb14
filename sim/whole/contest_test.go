package whole

import (
	"testing"
	"time"

	"github.com/omega-im/omega/clientrpc"
)

// linkLater links a device whose keys were made in a later second than those of the
// others: the order of linking goes by that.
func linkLater(t *testing.T, p *device, server string) *device {
	t.Helper()
	began := time.Now().Unix()
	until(t, "the clock goes on", func() bool { return time.Now().Unix() > began })
	return p.link(t, server)
}

// TestThiefRemovesOthers: the primary key is away. The thief of a phone has it remove the
// laptop, which was linked before it, and the desk. The laptop is out at once, sees that,
// and takes it back in its own name: everybody sees it in the list again, and the phone
// is out. When the primary key is back it agrees.
func TestThiefRemovesOthers(t *testing.T) {
	t.Parallel()
	a, desk := newPerson(t, "a", cloud[0].address()), newPerson(t, "b", cloud[1].address())
	laptop := linkLater(t, desk, cloud[2].address())
	phone := linkLater(t, desk, cloud[3].address())
	a.send(t, desk, "before", "delivered")
	wantVerified(t, phone.receive(t, 1), "before")
	wantVerified(t, laptop.receive(t, 1), "before")
	laptop.send(t, a, "from the laptop", "delivered")
	wantVerified(t, a.receive(t, 1), "from the laptop")
	_, err := clientrpc.Contest.Call(t.Context(), laptop.conn, clientrpc.ContestParams{})
	wantCode(t, err, clientrpc.CodeNotFound)
	removes := func(who, whom *device) {
		t.Helper()
		until(t, "it has what was signed before", func() bool {
			d, err := clientrpc.Revoke.Call(t.Context(), who.conn, clientrpc.RevokeParams{Device: whom.fpr})
			if err != nil {
				wantCode(t, err, clientrpc.CodeKey)
			}
			return err == nil && d.Status == "revoked"
		})
	}
	until(t, "the phone knows all", func() bool {
		list, err := clientrpc.Devices.Call(t.Context(), phone.conn, clientrpc.None{})
		must(t, err)
		return len(list.Devices) == 3
	})
	until(t, "the laptop has what revokes the phone", func() bool {
		list, err := clientrpc.Devices.Call(t.Context(), laptop.conn, clientrpc.None{})
		must(t, err)
		return len(list.Devices) == 3
	})
	desk.close(t) // the primary key is away

	removes(phone, laptop)
	removes(phone, desk)
	until(t, "the laptop is out and knows why", func() bool {
		st := laptop.status(t)
		return !st.Online && st.Problem != nil && st.Problem.Why.Key == "why.revoked"
	})
	disputed := func(p *device) bool {
		r, err := clientrpc.Notices.Call(t.Context(), p.conn, clientrpc.NoticesParams{Standing: true})
		must(t, err)
		for _, n := range r.Notices {
			if n.Kind == clientrpc.NoticeDisputed && n.Account == desk.account {
				return true
			}
		}
		return false
	}
	until(t, "the laptop says that there is a dispute", func() bool { return disputed(laptop) })
	_, err = clientrpc.Contest.Call(t.Context(), phone.conn, clientrpc.ContestParams{})
	wantCode(t, err, clientrpc.CodeNotFound) // nothing that others removed
	a.awaitNews(t, clientrpc.DeviceRevoked, laptop, laptop.fpr)

	until(t, "the laptop takes it back", func() bool {
		r, err := clientrpc.Contest.Call(t.Context(), laptop.conn, clientrpc.ContestParams{})
		if err != nil {
			t.Log(err)
			return false
		}
		status := map[string]string{}
		for _, d := range r.Devices {
			status[d.Fingerprint.String()] = d.Status
		}
		if status[laptop.fpr.String()] != "active" || status[desk.fpr.String()] != "active" || status[phone.fpr.String()] != "revoked" {
			t.Fatalf("devices after the contest: %v", status)
		}
		return true
	})
	laptop.online(t)
	until(t, "the phone is out and knows why", func() bool {
		st := phone.status(t)
		return !st.Online && st.Problem != nil && st.Problem.Why.Key == "why.revoked"
	})
	_, err = clientrpc.Contest.Call(t.Context(), phone.conn, clientrpc.ContestParams{})
	wantCode(t, err, clientrpc.CodeRefused)
	a.awaitNews(t, clientrpc.DeviceBack, laptop, laptop.fpr)
	until(t, "the dispute is over for a", func() bool { return !disputed(a) })
	a.send(t, desk, "after", "delivered")
	wantVerified(t, laptop.receive(t, 1), "after")
	laptop.send(t, a, "I am back", "delivered")
	wantVerified(t, a.receive(t, 1), "I am back")

	desk.open(t)
	desk.online(t)
	wantVerified(t, desk.receive(t, 2), "before", "after")
	d, err := clientrpc.Revoke.Call(t.Context(), desk.conn, clientrpc.RevokeParams{Device: phone.fpr})
	if err != nil || d.Undated || d.Status != "revoked" {
		t.Errorf("with the primary key: %+v, %v", d, err)
	}
}

// TestPrimaryTakesBack: a device that was linked first removes another one, and the
// primary key, which is on that one, has the last word, from a device without a session.
func TestPrimaryTakesBack(t *testing.T) {
	t.Parallel()
	a, desk := newPerson(t, "a", cloud[0].address()), newPerson(t, "b", cloud[1].address())
	phone := linkLater(t, desk, cloud[3].address())
	a.send(t, desk, "before", "delivered")
	wantVerified(t, phone.receive(t, 1), "before")
	until(t, "the phone removes the desk", func() bool {
		_, err := clientrpc.Revoke.Call(t.Context(), phone.conn, clientrpc.RevokeParams{Device: desk.fpr})
		if err != nil {
			wantCode(t, err, clientrpc.CodeKey)
		}
		return err == nil
	})
	until(t, "the desk is out", func() bool { return !desk.status(t).Online })
	until(t, "the desk takes it back", func() bool {
		_, err := clientrpc.Contest.Call(t.Context(), desk.conn, clientrpc.ContestParams{Device: phone.fpr})
		return err == nil
	})
	desk.online(t)
	until(t, "the phone is out", func() bool { return !phone.status(t).Online })
	a.send(t, desk, "after", "delivered")
	wantVerified(t, desk.receive(t, 2), "before", "after")
}
