package tui

import "testing"

// TestWithGiven: texts that come back stand before what was written since, in the order
// in which they were written, and cut no sentence that the person goes on with.
func TestWithGiven(t *testing.T) {
	type back struct {
		turn int
		text string
	}
	for _, row := range []struct {
		name  string
		back  []back
		wrote func(text string) string // by the person, before the last one comes back
		want  string
	}{
		{"nothing else", []back{{1, "first"}}, nil, "first"},
		{"answers pass each other", []back{{2, "second"}, {1, "first"}}, nil, "first\nsecond"},
		{"a line of its own", []back{{1, "first"}, {2, "second"}}, func(s string) string { return s + "\nsince" }, "first\nsecond\nsince"},
		{"the line goes on", []back{{1, "first"}, {2, "second"}}, func(s string) string { return s + " and on" }, "second\nfirst and on"},
		{"two lines, the last goes on", []back{{1, "first"}, {2, "second"}, {3, "third"}}, func(s string) string { return s + "!" }, "third\nfirst\nsecond!"},
		{"emptied", []back{{1, "first"}, {2, "second"}}, func(string) string { return "" }, "second"},
		{"emptied, the older one later", []back{{2, "second"}, {1, "first"}}, func(string) string { return "" }, "first"},
		{"written anew", []back{{1, "first"}, {2, "second"}}, func(string) string { return "new" }, "second\nnew"},
	} {
		d := zh(t, world(), 80, 24)
		d.do(d.m.openChat(withBob))
		for i, b := range row.back {
			if i == len(row.back)-1 && row.wrote != nil {
				d.m.edit.set(row.wrote(d.m.edit.text))
			}
			d.m.giveBack(sentMsg{chat: withBob, turn: b.turn, written: written{text: b.text}})
		}
		if d.m.edit.text != row.want {
			t.Errorf("%s: %q, want %q", row.name, d.m.edit.text, row.want)
		}
	}
}
