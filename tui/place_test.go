package tui

import (
	"cmp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/omega-im/omega/clientrpc"
)

// TestPlaces: a message that comes late stands where it was written, those that it moves
// behind itself go there, and nothing moves for who reads further up.
func TestPlaces(t *testing.T) {
	f := long(200)
	for i := range f.history[withBob] {
		f.history[withBob][i].Place = int64(10 * (i + 1))
	}
	d := zh(t, f, 80, 24)
	d.do(d.m.openChat(withBob))
	come := func(n int, text string, place int64) {
		m := said(n, 3, "陳怡君", text, noon.Add(time.Duration(place)*time.Millisecond))
		m.Place = place
		f.come(m)
	}
	wants := func(want ...string) {
		t.Helper()
		var got []string
		for _, e := range d.m.conv.list[len(d.m.conv.list)-len(want):] {
			got = append(got, e.msg.Text)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
	}
	seen := func() (out []string) {
		for _, line := range strings.Split(d.screen(), "\n")[3:20] {
			_, line, _ = strings.Cut(line, "│")
			out = append(out, line)
		}
		return out
	}
	come(5000, "丙", 3000)
	come(5001, "丁", 3500)
	d.pump()
	d.press("pgup")
	screen := seen()
	come(5002, "甲", 1505) // between what is above the screen
	come(5003, "乙乙", 3400)
	come(5004, "早就寫了", 5) // of a page that is not here
	d.pump()
	wants("丙", "乙乙", "丁")
	if d.m.conv.at(id(5002)) < 0 || d.m.conv.at(id(5004)) >= 0 {
		t.Error("what stands above the screen is not there, or what stands before all that is here is")
	}
	if got := seen(); !slices.Equal(got, screen) {
		t.Errorf("the screen moved:\n%s\n%s", strings.Join(screen, "\n"), strings.Join(got, "\n"))
	}
	if d.m.conv.below != 2 {
		t.Errorf("%d are said to be new", d.m.conv.below)
	}

	// 乙 came to its home last, and its device wrote 丙 after it: the core moves that.
	f.mu.Lock()
	all := f.history[withBob]
	all = slices.DeleteFunc(all, func(m clientrpc.Message) bool { return m.Place == 5 || m.Place == 1505 })
	slices.SortStableFunc(all, func(a, b clientrpc.Message) int { return cmp.Compare(a.Place, b.Place) })
	at := slices.IndexFunc(all, func(m clientrpc.Message) bool { return m.Text == "丙" })
	moved := all[at]
	moved.Place = 4001
	f.history[withBob] = slices.Delete(all, at, at+1)
	f.mu.Unlock()
	come(5005, "乙", 4000)
	f.mu.Lock()
	f.history[withBob] = append(f.history[withBob], moved)
	f.event(clientrpc.OrderChanged.Name, clientrpc.ChatEvent{Chat: withBob})
	f.mu.Unlock()
	d.pump()
	if got := seen(); !slices.Equal(got, screen) {
		t.Errorf("the screen moved:\n%s\n%s", strings.Join(screen, "\n"), strings.Join(got, "\n"))
	}
	d.press("ctrl+end")
	wants("乙乙", "丁", "乙", "丙")
}
