package chat

import (
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/internal/chatpb"
)

// testAccount is somebody who is mentioned.
func testAccount(tb testing.TB, last byte) omega.Fingerprint {
	tb.Helper()
	f, err := omega.FingerprintV4(append(make([]byte, 19), last))
	must(tb, err)
	return f
}

func TestValidEntities(t *testing.T) {
	ann := testAccount(t, 1)
	const text = "a黃🐦b cd https://x.tw" // 🐦 takes two units: a 0, 黃 1, 🐦 2-3, b 4
	long := make([]Entity, MaxEntities+1)
	for i := range long {
		long[i] = Entity{Type: EntityBold, Offset: uint32(i), Length: 1}
	}
	for _, tt := range []struct {
		name string
		list []Entity
		want bool
	}{
		{"none", nil, true},
		{"one", []Entity{{Type: EntityBold, Offset: 1, Length: 3}}, true},
		{"to the end", []Entity{{Type: EntityBold, Offset: 0, Length: uint32(UTF16Len(text))}}, true},
		{"over the end", []Entity{{Type: EntityBold, Offset: 0, Length: uint32(UTF16Len(text)) + 1}}, false},
		{"starts inside a pair", []Entity{{Type: EntityBold, Offset: 3, Length: 1}}, false},
		{"ends inside a pair", []Entity{{Type: EntityBold, Offset: 1, Length: 2}}, false},
		{"empty", []Entity{{Type: EntityBold, Offset: 1}}, false},
		{"wraps around", []Entity{{Type: EntityBold, Offset: 1, Length: 0xffffffff}}, false},
		{"nested", []Entity{{Type: EntityBold, Length: 5}, {Type: EntityItalic, Offset: 1, Length: 3}}, true},
		{"beside", []Entity{{Type: EntityBold, Length: 1}, {Type: EntityBold, Offset: 1, Length: 1}}, true},
		{"overlap", []Entity{{Type: EntityBold, Length: 2}, {Type: EntityItalic, Offset: 1, Length: 3}}, false},
		{"out of order", []Entity{{Type: EntityItalic, Offset: 1, Length: 1}, {Type: EntityBold, Length: 5}}, false},
		{"bold in bold", []Entity{{Type: EntityBold, Length: 5}, {Type: EntityBold, Offset: 1, Length: 3}}, false},
		{"inside code", []Entity{{Type: EntityCode, Length: 5}, {Type: EntityBold, Offset: 1, Length: 3}}, false},
		{"tag in a link", []Entity{{Type: EntityLink, Length: 5}, {Type: EntityHashtag, Offset: 1, Length: 3}}, false},
		{"bold in a link", []Entity{{Type: EntityLink, Length: 5, Address: "https://a"}, {Type: EntityBold, Offset: 1, Length: 3}}, true},
		{"quote holds bold", []Entity{{Type: EntityQuote, Length: 5}, {Type: EntityBold, Length: 5}}, true},
		{"bold holds quote", []Entity{{Type: EntityBold, Length: 5}, {Type: EntityQuote, Offset: 1, Length: 3}}, false},
		{"mention", []Entity{{Type: EntityMention, Length: 5, Account: ann}}, true},
		{"mention of nobody", []Entity{{Type: EntityMention, Length: 5}}, false},
		{"bold somebody", []Entity{{Type: EntityBold, Length: 5, Account: ann}}, false},
		{"address of bold", []Entity{{Type: EntityBold, Length: 5, Address: "https://a"}}, false},
		{"script", []Entity{{Type: EntityLink, Length: 5, Address: "javascript:alert(1)"}}, false},
		{"address with a space", []Entity{{Type: EntityLink, Length: 5, Address: "https://a b"}}, false},
		{"turned address", []Entity{{Type: EntityLink, Length: 5, Address: "https://a\u202eb"}}, false},
		{"misleading", []Entity{{Type: EntityLink, Offset: 9, Length: 12, Address: "https://evil"}}, false},
		{"language", []Entity{{Type: EntityPre, Length: 5, Language: "c++"}}, true},
		{"language of bold", []Entity{{Type: EntityBold, Length: 5, Language: "go"}}, false},
		{"unknown", []Entity{{Type: 99, Length: 5}}, false},
		{"too many", long, false},
	} {
		whole := text
		if tt.name == "too many" {
			whole = strings.Repeat("x", len(long))
		}
		if got := ValidEntities(whole, tt.list); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}

// TestEntitiesArrive: what is wrong takes the entities away, never the text; what
// a later version knows is left out.
func TestEntitiesArrive(t *testing.T) {
	bold := &chatpb.Entity{Type: uint32(EntityBold), Length: 2}
	for _, tt := range []struct {
		name string
		list []*chatpb.Entity
		want int
	}{
		{"good", []*chatpb.Entity{bold}, 1},
		{"of a later version", []*chatpb.Entity{bold, {Type: 77, Offset: 1, Length: 9}}, 1},
		{"outside", []*chatpb.Entity{bold, {Type: uint32(EntityItalic), Offset: 1, Length: 9}}, 0},
		{"half a fingerprint", []*chatpb.Entity{{Type: uint32(EntityMention), Length: 2, Account: []byte{4, 1}}}, 0},
	} {
		if got := readEntities("abc", tt.list); len(got) != tt.want {
			t.Errorf("%s: %d entities, want %d", tt.name, len(got), tt.want)
		}
	}
}

// spans shows entities as "type:part" for comparing.
func spans(t *testing.T, text string, list []Entity) (out []string) {
	t.Helper()
	if !ValidEntities(text, list) {
		t.Fatalf("%q: not valid: %+v", text, list)
	}
	parts, _ := utf16Parts(text, list)
	for i, e := range list {
		s := e.Type.String() + ":" + parts[i]
		if e.Address != "" {
			s += "→" + e.Address
		}
		if e.Language != "" {
			s += " in " + e.Language
		}
		out = append(out, s)
	}
	return out
}

func TestParseMarkup(t *testing.T) {
	ann := testAccount(t, 1).String()
	for _, tt := range []struct {
		in, text string
		want     []string
	}{
		{"plain", "plain", nil},
		{"**粗體** 與 __斜體__", "粗體 與 斜體", []string{"bold:粗體", "italic:斜體"}},
		{"**a __b__ c**", "a b c", []string{"bold:a b c", "italic:b"}},
		{"||🐦 秘密||", "🐦 秘密", []string{"spoiler:🐦 秘密"}},
		{"~~x~~++y++`**z**`", "xy**z**", []string{"strike:x", "underline:y", "code:**z**"}},
		{"**not closed", "**not closed", nil},
		{"**a __b** c__", "a __b c__", []string{"bold:a __b"}},
		{`\**a\** \_\_b`, "**a** __b", nil},
		{"[網站](https://x.tw) ok", "網站 ok", []string{"link:網站→https://x.tw"}},
		{"[**網站**](https://x.tw)", "網站", []string{"link:網站→https://x.tw", "bold:網站"}},
		{"[https://good](https://evil)", "[https://good](https://evil)", nil},
		{"[x](javascript:1)", "[x](javascript:1)", nil},
		{"@[小明](" + ann + ") 來", "@小明 來", []string{"mention:@小明"}},
		{"@[x](nobody)", "@[x](nobody)", nil},
		{"> a\n> **b**\nc", "a\nb\nc", []string{"quote:a\nb", "bold:b"}},
		{"x\n> a", "x\na", []string{"quote:a"}},
		{"```go\nx := 1\n```\nok", "x := 1\nok", []string{"pre:x := 1 in go"}},
		{"```a b```", "a b", []string{"pre:a b"}},
		{"```never", "```never", nil},
		{"****", "****", nil},
		{"", "", nil},
	} {
		text, list := ParseMarkup(tt.in)
		if text != tt.text || !reflect.DeepEqual(spans(t, text, list), tt.want) {
			t.Errorf("%q: %q %q, want %q %q", tt.in, text, spans(t, text, list), tt.text, tt.want)
		}
	}
}

func TestDetectEntities(t *testing.T) {
	for _, tt := range []struct {
		in   string
		want []string
	}{
		{"#早安 大家", []string{"hashtag:#早安"}},
		{"a#b #123 ＃週末 c", []string{"hashtag:＃週末"}},
		{"/start now", []string{"command:/start"}},
		{"／接龍", []string{"command:／接龍"}},
		{"、投票\n/b", []string{"command:、投票", "command:/b"}},
		{"no /command, no /a/path", nil},
		{"/usr/bin", nil},
		{"看 https://x.tw/a?b=1。好", []string{"link:https://x.tw/a?b=1"}},
		{"(HTTPS://x.tw/a_(b)).", []string{"link:HTTPS://x.tw/a_(b)"}},
		{"https:// http", nil},
		{"🐦https://x.tw/#tag", []string{"link:https://x.tw/#tag"}},
	} {
		if got := spans(t, tt.in, DetectEntities(tt.in, nil)); !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%q: %q, want %q", tt.in, got, tt.want)
		}
	}
	text, list := ParseMarkup("`#no` **#yes** [#no](https://x.tw)")
	want := []string{"code:#no", "hashtag:#yes", "bold:#yes", "link:#no→https://x.tw"}
	if got := spans(t, text, DetectEntities(text, list)); !reflect.DeepEqual(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	many := strings.Repeat("#a ", MaxEntities+5)
	if got := DetectEntities(many, nil); len(got) != MaxEntities {
		t.Errorf("%d entities, want %d", len(got), MaxEntities)
	}
}

func FuzzMarkup(f *testing.F) {
	for _, s := range []string{"**a __b__**", "> x\n```go\n1```", "[a](https://b)@[c](0000000000000000000000000000000000000001)", `\**`, "#tag /x https://y.tw"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if !utf8.ValidString(s) {
			return // nobody types that
		}
		text, list := ParseMarkup(s)
		if len(text) > len(s) {
			t.Errorf("longer than it was: %q", text)
		}
		if len(list) > MaxEntities {
			return
		}
		if list = DetectEntities(text, list); !ValidEntities(text, list) {
			t.Errorf("%q: %q %+v", s, text, list)
		}
	})
}

func FuzzEmoji(f *testing.F) {
	for _, s := range []string{"👍", "推", "👩‍👩‍👧", "1️⃣", "🇹🇼", "x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if ValidEmoji(s) && (strings.ContainsAny(s, " \n\x1b") || len(s) > MaxEmojiSize) {
			t.Errorf("%q is taken for an emoji", s)
		}
	})
}
