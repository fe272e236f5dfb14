package tui

import (
	"slices"
	"strings"
	"testing"

	"github.com/omega-im/omega/clientrpc"
)

// TestWritten: whom a text calls stays with the text while it is changed.
func TestWritten(t *testing.T) {
	a, b := fingerprint(4), fingerprint(5)
	w := written{text: "問@小明 與@小明 呢"}
	first := callee{len("問"), len("問@小明"), a}
	second := callee{len("問@小明 與"), len("問@小明 與@小明"), b}
	w = w.calling(second).calling(first)
	said := func(w written) (out []string) {
		for _, c := range w.calls {
			out = append(out, w.text[c.from:c.to]+map[bool]string{true: "甲", false: "乙"}[c.account == a])
		}
		return out
	}
	both := []string{"@小明甲", "@小明乙"}
	for _, row := range []struct {
		name     string
		from, to int
		s, text  string
		want     []string
	}{
		{"before", 0, 0, "先", "先問@小明 與@小明 呢", both},
		{"at the end", len(w.text), len(w.text), "？", "問@小明 與@小明 呢？", both},
		{"between", first.to, second.from, "", "問@小明@小明 呢", both},
		{"right before", first.from, first.from, "🐦", "問🐦@小明 與@小明 呢", both},
		{"into the first", first.to - len("明"), first.to, "美", "問@小美 與@小明 呢", []string{"@小明乙"}},
		{"in the second", second.from + 1, second.from + 1, "大", "問@小明 與@大小明 呢", []string{"@小明甲"}},
		{"all", 0, len(w.text), "", "", nil},
	} {
		got := w.splice(row.from, row.to, row.s)
		if got.text != row.text || !slices.Equal(said(got), row.want) {
			t.Errorf("%s: %q calls %q, want %q %q", row.name, got.text, said(got), row.text, row.want)
		}
	}
	if got := (written{text: "早"}).then(w); got.text != "早\n"+w.text || !slices.Equal(said(got), both) {
		t.Errorf("joined: %q %q", got.text, said(got))
	}
	if got := w.entities(); len(got) != 2 || got[0] != (clientrpc.Entity{Type: "mention", Offset: 1, Length: 3, Account: a}) || got[1].Offset != 6 {
		t.Errorf("entities %+v", got)
	}
}

// TestWrittenMarkup: a call is written as markup has it, where markup reads one.
func TestWrittenMarkup(t *testing.T) {
	who := fingerprint(4)
	as := "@[小明](" + who.String() + ")"
	for in, want := range map[string]string{
		"@小明 來":                   as + " 來",
		"**@小明** 來":               "**" + as + "** 來",
		"`x` @小明":                 "`x` " + as,
		"a`b @小明":                 "a`b " + as,
		"`@小明`":                   "`@小明`",
		"```\n@小明\n```":           "```\n@小明\n```",
		`\@小明`:                    `\@小明`,
		`\\@小明`:                   `\\` + as,
		"[見@小明](https://x.tw)":    "[見@小明](https://x.tw)",
		"[站](https://x.tw) @小明":   "[站](https://x.tw) " + as,
		"[@小明 與 [站](https://x.y)": "[" + as + " 與 [站](https://x.y)",
	} {
		at := strings.Index(in, "@")
		w := written{in, []callee{{at, at + len("@小明"), who}}}
		if got := w.markup(); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

// TestCalledAlike: of two people called alike the one is called who was chosen, also with
// the whole name typed, after changes before it, and after the text came back or the chat
// was left.
func TestCalledAlike(t *testing.T) {
	f := world()
	f.serve["mention.complete"] = func([]byte) (any, error) {
		return clientrpc.CompleteMentionResult{People: []clientrpc.Callable{
			{Account: fingerprint(4), Name: "小明", Insert: "@小明", Role: "member", Ambiguous: true},
			{Account: fingerprint(5), Name: "小明", Insert: "@小明", Role: "member", Ambiguous: true},
		}}, nil
	}
	refused := true
	kept := f.send
	f.serve["send"] = func(b []byte) (any, error) {
		if refused {
			refused = false
			return nil, &clientrpc.Error{Code: clientrpc.CodeOffline}
		}
		f.mu.Lock()
		defer f.mu.Unlock()
		return kept(b)
	}
	d := zh(t, f, 80, 24)
	d.do(d.m.openChat(inGroup))
	d.typing("**@小明")
	for _, p := range []int{4, 5} {
		d.wants(d.m.called("", fingerprint(p)))
	}
	d.press("down", "enter")
	if d.m.edit.text != "**@小明 " {
		t.Fatalf("chosen: %q", d.m.edit.text)
	}
	d.press("backspace")
	d.m.complete = nil
	d.typing("** 來")
	d.press("home")
	d.typing("請")
	d.press("end")
	d.m.complete = nil
	d.do(d.m.openChat(withSelf))
	d.do(d.m.openChat(inGroup))
	want := "請**@[小明](" + fingerprint(5).String() + ")** 來"
	for _, when := range []string{"first", "again"} {
		d.press("enter")
		if p := params[clientrpc.SendParams](t, f, "send"); p.Text != want || !p.Markup {
			t.Errorf("%s: sent %q, want %q", when, p.Text, want)
		}
	}
	if d.m.edit.text != "" || len(d.m.calling) != 0 {
		t.Errorf("left: %q, %d", d.m.edit.text, len(d.m.calling))
	}
}
