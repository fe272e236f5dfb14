package whole

import (
	"flag"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/omega-im/omega/clientrpc"
)

var (
	membersFlag = flag.Int("members", 6, "people in the group of TestGroupOfMany")
	batchFlag   = flag.Int("batch", 0, "how many of them accept in one moment, the next when these are in; 0: all")
)

// TestGroupOfMany: a group of many, each with a program of its own in the cloud of
// four. All join, one writes, all have it and one state of the group; somebody who
// is removed has nothing any more. With -v it says how long each step took, and what
// processor time all clients and servers together used.
func TestGroupOfMany(t *testing.T) {
	t.Parallel()
	all := crowd(t, *membersFlag)
	ann := all[0]
	step := stopwatch(t)
	p := clientrpc.CreateGroupParams{ID: newID(), Name: "里民"}
	for _, d := range all[1:] {
		p.Members = append(p.Members, d.account)
	}
	g := do(t, ann, clientrpc.CreateGroup, p)
	step("made and invited")
	size := len(all) - 1
	if *batchFlag > 0 {
		size = *batchFlag
	}
	for part := range slices.Chunk(all[1:], size) {
		together(part, func(d *device) { d.join(t, g) })
		if size < len(all)-1 {
			together(part, func(d *device) {
				gently(t, len(part), d.cfg.Name+" is in", func() bool { return !d.listed(t, g).Waiting })
			})
			step(fmt.Sprintf("%d accepted and have a key", len(part)))
		}
	}
	step("all accepted")
	ready := func(size int) func(*device) {
		return func(d *device) {
			gently(t, len(all), fmt.Sprintf("%s sees %d in the group", d.cfg.Name, size), func() bool {
				got := d.listed(t, g)
				return got.Size == size && !got.Waiting
			})
		}
	}
	together(all, ready(len(all)))
	step("all know all")
	hears := func(text string) func(*device) {
		return func(d *device) {
			gently(t, len(all), d.cfg.Name+" hears "+text, func() bool { return d.last(t, g, text) })
		}
	}
	ann.say(t, g, "停水通知")
	together(all[1:], hears("停水通知"))
	step("all have the first message")
	last := all[len(all)-1]
	last.say(t, g, "收到")
	together(all, hears("收到"))
	step("all have the second")
	do(t, ann, clientrpc.RemoveGroup, clientrpc.RemoveGroupParams{GroupAccounts: inGroup(g, last)})
	stay := all[:len(all)-1]
	together(stay, ready(len(stay)))
	step("all know that one was removed")
	ann.say(t, g, "只給留下的")
	together(stay, hears("只給留下的"))
	step("all who stay have the third")
	heads := fmt.Sprint(do(t, ann, clientrpc.ShowGroup, clientrpc.GroupRef{Group: g.ID}).Heads)
	together(stay, func(d *device) {
		d.awaitGroup(t, g, "has the same operations", func(got clientrpc.Group) bool { return fmt.Sprint(got.Heads) == heads })
	})
	for _, text := range last.texts(t, g) {
		if text == "只給留下的" {
			t.Error("who was removed reads on")
		}
	}
}

// crowd makes people on the servers of the cloud.
func crowd(t *testing.T, n int) []*device {
	t.Helper()
	step := stopwatch(t)
	out := make([]*device, n)
	for i := range out {
		out[i] = newPerson(t, fmt.Sprintf("p%d", i), cloud[i%len(cloud)].address())
	}
	step(fmt.Sprintf("%d people", n))
	return out
}

// listed is a group as the list of groups has it, without the names of its people: a
// question that costs a device little, whatever the group's size.
func (d *device) listed(t *testing.T, g clientrpc.Group) (out clientrpc.Group) {
	t.Helper()
	r, err := clientrpc.Groups.Call(t.Context(), d.conn, clientrpc.Page{})
	for _, one := range r.Groups {
		if err == nil && one.ID == g.ID {
			out = one
		}
	}
	return out
}

// last reports whether a text is among the last lines of a group: a question that costs a
// device little, however long the chat is.
func (d *device) last(t *testing.T, g clientrpc.Group, text string) bool {
	t.Helper()
	r, err := clientrpc.History.Call(t.Context(), d.conn, clientrpc.HistoryParams{Chat: g.Chat.String(), Count: 5})
	return err == nil && slices.ContainsFunc(r.Messages, func(m clientrpc.Message) bool { return m.Verified && m.Text == text })
}

// gently waits for a condition that n devices look at, so seldom that all their looks
// together are a hundred a second.
func gently(t *testing.T, n int, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s", patience, what)
		}
		time.Sleep(max(poll, time.Duration(n)*poll))
	}
}

// together does the same for many at once.
func together(all []*device, do func(*device)) {
	var wg sync.WaitGroup
	for _, d := range all {
		wg.Go(func() { do(d) })
	}
	wg.Wait()
}

func stopwatch(t *testing.T) func(what string) {
	start, used := time.Now(), processorTime()
	return func(what string) {
		t.Logf("%-34s %8.2f s %8.2f s of processors", what, time.Since(start).Seconds(), (processorTime() - used).Seconds())
		start, used = time.Now(), processorTime()
	}
}
