package whole

import (
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/omega-im/omega/client"
	"github.com/omega-im/omega/clientrpc"
)

// TestLongAway: a laptop is away for 40 days while people write to it and its other
// device answers. When it is back it reads all of it, in order: what the homes kept,
// and what they did not keep for so long, by asking for it.
func TestLongAway(t *testing.T) {
	t.Parallel()
	var ahead atomic.Int64
	clock := func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	servers := ownCloud(t, 2, "open", young)
	for _, s := range servers {
		must(t, s.end())
		s.clock = clock
	}
	start := func() {
		for _, s := range servers {
			must(t, s.start())
		}
		for _, s := range servers {
			must(t, s.awaitServers(len(servers)))
		}
	}
	start()
	timed := func(cfg *client.Config) { cfg.Clock = clock }
	a, phone := newPerson(t, "a", servers[0].address(), timed), newPerson(t, "b", servers[1].address(), timed)
	laptop := phone.link(t, servers[0].address())
	a.know(t, phone)
	a.send(t, phone, "before", "delivered")
	wantVerified(t, laptop.receive(t, 1), "before")
	wantVerified(t, phone.receive(t, 1), "before")
	laptop.online(t)
	laptop.close(t)

	want := []string{"before"}
	for day, n := 0, 0; ; n++ {
		text := fmt.Sprintf("on day %d", day)
		a.send(t, phone, text, "delivered")
		wantVerified(t, phone.receive(t, 1), text)
		answer := fmt.Sprintf("answer of day %d", day)
		phone.send(t, a, answer, "delivered")
		wantVerified(t, a.receive(t, 1), answer)
		want = append(want, text, answer)
		if n == 3 {
			break
		}
		// The world stands still while the clock jumps.
		a.close(t)
		phone.close(t)
		for _, s := range servers {
			must(t, s.end())
		}
		day += 14
		ahead.Add(int64(14 * 24 * time.Hour))
		start()
		for _, d := range []*device{a, phone} {
			d.open(t)
			d.online(t)
		}
	}
	laptop.open(t)
	laptop.online(t)
	sorted := func(list []string) []string {
		out := slices.Clone(list)
		slices.Sort(out)
		return out
	}
	until(t, "the laptop has all of it", func() bool { return slices.Equal(sorted(texts(laptop.history(t, a))), sorted(want)) })
	for _, m := range laptop.history(t, a) {
		if !m.Verified {
			t.Errorf("%q: problem %q", m.Text, m.Problem)
		}
	}
	// What somebody wrote stands in the order in which it was written.
	var theirs []string
	for _, m := range laptop.history(t, a) {
		if m.From == a.account {
			theirs = append(theirs, m.Text)
		}
	}
	if want := []string{"before", "on day 0", "on day 14", "on day 28", "on day 42"}; !slices.Equal(theirs, want) {
		t.Errorf("in the order %q, want %q", theirs, want)
	}
	laptop.send(t, a, "back", "delivered")
	wantVerified(t, a.receive(t, 1), "back")
}

// TestTwoDevicesEditAtOnce: two devices of an account edit one message at the same time;
// all devices, the other side's too, end with the same text.
func TestTwoDevicesEditAtOnce(t *testing.T) {
	t.Parallel()
	a, b := newPerson(t, "a", cloud[0].address()), newPerson(t, "b", cloud[1].address())
	b2 := b.link(t, cloud[2].address())
	id := b.send(t, a, "first", "delivered")
	wantVerified(t, a.receive(t, 1), "first")
	until(t, "both devices have it", func() bool {
		r, err := clientrpc.History.Call(t.Context(), b2.conn, clientrpc.HistoryParams{Chat: a.account.String()})
		return err == nil && slices.Contains(texts(r.Messages), "first")
	})
	settle := func(d *device) {
		until(t, "all that waited is at "+d.cfg.Name, func() bool {
			r, err := clientrpc.Receive.Call(t.Context(), d.conn, clientrpc.ReceiveParams{Count: 100, Timeout: patience, Settle: true})
			must(t, err)
			d.confirm(t, r.Messages)
			return r.CaughtUp
		})
	}
	for round := range 3 {
		done := make(chan error, 2)
		for i, d := range []*device{b, b2} {
			go func() {
				_, err := clientrpc.Edit.Call(t.Context(), d.conn, clientrpc.EditParams{
					ID: newID(), MessageRef: clientrpc.MessageRef{Message: id}, Text: fmt.Sprintf("by device %d, round %d", i, round),
					Delivery: clientrpc.Delivery{Wait: "stored", Timeout: patience},
				})
				done <- err
			}()
		}
		must(t, <-done)
		must(t, <-done)
		all := []*device{a, b, b2}
		for _, d := range all {
			settle(d)
		}
		var got []string
		for _, d := range all {
			other := a
			if d == a {
				other = b
			}
			list := d.history(t, other)
			i := slices.IndexFunc(list, func(m clientrpc.Message) bool { return m.ID == id })
			if i < 0 || list[i].Edited.IsZero() || !list[i].Verified {
				t.Fatalf("%s shows %+v", d.cfg.Name, list)
			}
			got = append(got, list[i].Text)
		}
		if got[0] != got[1] || got[0] != got[2] {
			t.Errorf("round %d: %q", round, got)
		}
	}
}
