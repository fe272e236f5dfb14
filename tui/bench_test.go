package tui

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/omega-im/omega/clientrpc"
)

// BenchmarkView: a screen of 160 columns and 50 lines at the end of a history of
// 100,000 messages, of which the list and the page have to be drawn.
func BenchmarkView(b *testing.B) {
	d := zh(b, long(100_000), 160, 50)
	d.do(d.m.openChat(withBob))
	b.ReportAllocs()
	for b.Loop() {
		d.m.View()
	}
}

// BenchmarkViewAnew is BenchmarkView with every message laid out anew, as after a
// change of the width.
func BenchmarkViewAnew(b *testing.B) {
	d := zh(b, long(100_000), 160, 50)
	d.do(d.m.openChat(withBob))
	b.ReportAllocs()
	for b.Loop() {
		d.m.look++
		d.m.View()
	}
}

// manyChats is a world with n more of them.
func manyChats(n int) *fake {
	f := world()
	for i := range n {
		m := said(100_000+i, 3, "某人", "最近說的話", noon.Add(-time.Duration(i)*time.Minute))
		f.chats = append(f.chats, clientrpc.Chat{ID: chatID(1000 + i), Kind: clientrpc.ChatDirect, Peer: fingerprint(3), Name: fmt.Sprintf("朋友 %d", i), Last: &m})
	}
	return f
}

// BenchmarkList: the same with a list of 10,000 chats.
func BenchmarkList(b *testing.B) {
	d := zh(b, manyChats(10_000), 160, 50)
	b.ReportAllocs()
	for b.Loop() {
		d.m.View()
	}
}

// BenchmarkListChange: one of 10,000 chats changes, and comes to the top.
func BenchmarkListChange(b *testing.B) {
	d := zh(b, manyChats(10_000), 160, 50)
	c := *d.m.chats.all[9000]
	for b.Loop() {
		m := *c.Last
		m.Time = m.Time.Add(time.Hour)
		c.Last = &m
		d.m.chats.put([]clientrpc.Chat{c})
		d.m.View()
	}
}

// BenchmarkKey: a character is typed, up to the screen that shows it.
func BenchmarkKey(b *testing.B) {
	d := zh(b, long(100_000), 160, 50)
	d.do(d.m.openChat(withBob))
	b.ReportAllocs()
	for b.Loop() {
		d.typing("字")
		d.press("backspace")
		d.m.View()
	}
}

// BenchmarkLongDraft: a character is typed at the end of a text of 60 kB.
func BenchmarkLongDraft(b *testing.B) {
	d := zh(b, world(), 160, 50)
	d.do(d.m.openChat(withBob))
	d.m.edit.set(strings.Repeat("很長的草稿，", 3300))
	b.ReportAllocs()
	for b.Loop() {
		d.typing("字")
		d.press("backspace")
		d.m.View()
	}
}

// TestCost bounds what a screen takes by what it allocates, which does not depend on
// how busy the machine is: nothing grows with the history or the list.
func TestCost(t *testing.T) {
	if testing.Short() {
		t.Skip("it makes large worlds")
	}
	small, large := zh(t, long(1000), 160, 50), zh(t, long(100_000), 160, 50)
	few, many := zh(t, manyChats(100), 160, 50), zh(t, manyChats(10_000), 160, 50)
	for _, d := range []*driver{small, large} {
		d.do(d.m.openChat(withBob))
	}
	cost := func(d *driver) float64 { return testing.AllocsPerRun(5, func() { d.m.View() }) }
	if a, b := cost(small), cost(large); b > 1.2*a+20 {
		t.Errorf("with 100,000 messages a screen takes %.0f allocations, with 1,000 %.0f", b, a)
	}
	if a, b := cost(few), cost(many); b > 1.2*a+20 {
		t.Errorf("with 10,000 chats a screen takes %.0f allocations, with 100 %.0f", b, a)
	}
	if n := len(many.m.chats.all); n != 10_005 {
		t.Errorf("%d chats were fetched", n)
	}
}
