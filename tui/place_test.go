package tui

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/omega-im/omega/clientrpc"
)

// TestPlaces: a message that comes late stands where it was written, what it moves behind
// itself goes there, and nothing moves for who reads further up.
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
	last := func(n int) (out []string) {
		for _, e := range d.m.conv.list[len(d.m.conv.list)-n:] {
			out = append(out, e.msg.Text)
		}
		return out
	}
	come(5000, "丙", 3000)
	come(5001, "丁", 3500)
	d.pump()
	d.press("pgup")
	screen := d.screen()
	come(5002, "乙", 4000) // its home had it last, and its device wrote 丙 after it
	f.mu.Lock()
	for i := range f.history[withBob] {
		if m := &f.history[withBob][i]; m.Text == "丙" {
			m.Place = 4001
		}
	}
	f.event(clientrpc.MessageChanged.Name, clientrpc.MessageEvent{Chat: withBob, Message: id(5000)})
	f.mu.Unlock()
	come(5003, "早就寫了", 5) // of a page that is not here
	d.pump()
	if got, want := last(3), []string{"丁", "乙", "丙"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if d.m.conv.list[0].msg.Text == "早就寫了" {
		t.Error("a message of an earlier page stands at the beginning of this one")
	}
	after := strings.Split(d.screen(), "\n")
	for y, line := range strings.Split(screen, "\n") {
		_, b, _ := strings.Cut(line, "│")
		if _, a, _ := strings.Cut(after[y], "│"); a != b && y > 2 && y < 20 {
			t.Errorf("line %d moved: %q, %q", y, b, a)
		}
	}
}
