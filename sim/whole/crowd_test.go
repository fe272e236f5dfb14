package whole

import (
	"flag"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/omega-im/omega/clientrpc"
)

var membersFlag = flag.Int("members", 6, "people in the group of TestGroupOfMany")

// TestGroupOfMany: a group of many, each with a program of its own in the cloud of
// four. All join, one writes, all have it and one state of the group; somebody who
// is removed has nothing any more. With -v it says how long each step took.
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
	together(all[1:], func(d *device) { d.join(t, g) })
	step("all accepted")
	ready := func(size int) func(*device) {
		return func(d *device) {
			d.awaitGroup(t, g, fmt.Sprintf("%d are in it", size), func(got clientrpc.Group) bool { return got.Size == size && !got.Waiting })
		}
	}
	together(all, ready(len(all)))
	step("all know all")
	ann.say(t, g, "停水通知")
	together(all[1:], func(d *device) { d.hears(t, g, "停水通知") })
	step("all have the first message")
	last := all[len(all)-1]
	last.say(t, g, "收到")
	together(all, func(d *device) { d.hears(t, g, "收到") })
	step("all have the second")
	do(t, ann, clientrpc.RemoveGroup, clientrpc.RemoveGroupParams{GroupAccounts: inGroup(g, last)})
	stay := all[:len(all)-1]
	together(stay, ready(len(stay)))
	step("all know that one was removed")
	ann.say(t, g, "只給留下的")
	together(stay, func(d *device) { d.hears(t, g, "只給留下的") })
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

// together does the same for many at once.
func together(all []*device, do func(*device)) {
	var wg sync.WaitGroup
	for _, d := range all {
		wg.Go(func() { do(d) })
	}
	wg.Wait()
}

func stopwatch(t *testing.T) func(what string) {
	start := time.Now()
	return func(what string) {
		t.Logf("%-34s %8.2f s", what, time.Since(start).Seconds())
		start = time.Now()
	}
}
