package whole

import (
	"slices"
	"testing"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/clientrpc"
)

// news is what nobody has seen of devices.
func (d *device) news(t *testing.T) []clientrpc.DeviceNews {
	t.Helper()
	r, err := clientrpc.DeviceNewsOf.Call(t.Context(), d.conn, clientrpc.DeviceNewsParams{})
	if err != nil {
		t.Fatalf("news of %s: %v", d.cfg.Name, err)
	}
	return r.News
}

// awaitNews waits until there are news of a kind about a device, and returns them.
// It looks the account up, unless that is its own.
func (d *device) awaitNews(t *testing.T, kind string, who *device, of omega.Fingerprint) (out clientrpc.DeviceNews) {
	t.Helper()
	until(t, d.cfg.Name+" hears "+kind, func() bool {
		if who.account != d.account {
			d.know(t, who)
		}
		list := d.news(t)
		i := slices.IndexFunc(list, func(n clientrpc.DeviceNews) bool { return n.Kind == kind && n.Device == of })
		if i >= 0 {
			out = list[i]
		}
		return i >= 0
	})
	return out
}

// TestDeviceNews: contacts and the account's other devices hear of each device that
// comes or goes, once, in the chat and beside it; who meets the account later hears of none.
func TestDeviceNews(t *testing.T) {
	t.Parallel()
	a, b := newPerson(t, "a", cloud[0].address()), newPerson(t, "b", cloud[1].address())
	a.send(t, b, "before", "delivered")
	if got := a.news(t); len(got) != 0 {
		t.Errorf("of devices that were there at the first contact: %+v", got)
	}
	b2 := b.link(t, cloud[2].address())
	n := a.awaitNews(t, clientrpc.DeviceAdded, b, b2.fpr)
	if n.Account != b.account || n.Own || n.DeviceName != "second" || n.Time.IsZero() {
		t.Errorf("contact's news %+v", n)
	}
	if got := b.news(t); len(got) != 0 {
		t.Errorf("who approved it is told %+v", got)
	}
	if got := b2.news(t); len(got) != 0 {
		t.Errorf("the new device is told %+v", got)
	}
	page := a.history(t, b)
	if len(page) != 2 || !page[1].Service || page[1].Kind != clientrpc.DeviceAdded || page[1].Device != b2.fpr || page[1].Text != "second" {
		t.Fatalf("the chat shows %+v", page)
	}
	_, err := clientrpc.React.Call(t.Context(), a.conn, clientrpc.ReactParams{MessageRef: clientrpc.MessageRef{Message: page[1].ID}, ID: newID(), Emoji: []string{"👍"}})
	wantCode(t, err, clientrpc.CodeRefused)
	if _, err := clientrpc.DeviceNewsSeen.Call(t.Context(), a.conn, clientrpc.DeviceNewsSeenParams{Numbers: []int64{n.Number}}); err != nil {
		t.Fatal(err)
	}
	if got := a.news(t); len(got) != 0 {
		t.Errorf("it is told again: %+v", got)
	}

	// A third device: the second one asks whose it is, until somebody says.
	b3 := b.link(t, cloud[0].address())
	own := b2.awaitNews(t, clientrpc.DeviceAdded, b, b3.fpr)
	if !own.Own || own.Account != b.account {
		t.Errorf("own news %+v", own)
	}
	if st := b2.status(t); len(st.News) != 1 || st.News[0].Device != b3.fpr {
		t.Errorf("the status shows %+v", st.News)
	}
	late := newPerson(t, "c", cloud[3].address())
	late.send(t, b, "hello", "delivered")
	if got := late.news(t); len(got) != 0 {
		t.Errorf("who meets the account now is told %+v", got)
	}
	if _, err := clientrpc.Revoke.Call(t.Context(), b.conn, clientrpc.RevokeParams{Device: b3.fpr}); err != nil {
		t.Fatal(err)
	}
	b2.awaitNews(t, clientrpc.DeviceRevoked, b, b3.fpr)
	if got := b2.news(t); len(got) != 1 {
		t.Errorf("whose the revoked device was is asked still: %+v", got)
	}
	for _, d := range []*device{a, late} {
		d.awaitNews(t, clientrpc.DeviceRevoked, b, b3.fpr)
	}
	if got := b.news(t); len(got) != 0 {
		t.Errorf("who revoked it is told %+v", got)
	}
}
