package client

import (
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/omega-im/omega/clientrpc"
)

// TestHighlighted: a snippet holds the first hit, and no half of a character.
func TestHighlighted(t *testing.T) {
	for _, tt := range []struct {
		name, text, query, snippet string
		first                      clientrpc.Span
	}{
		{"short", "我在臺北", "台北", "", clientrpc.Span{Offset: 2, Length: 2}},
		{"at the end", strings.Repeat("好", 300) + "臺北", "台北", "…" + strings.Repeat("好", 40) + "臺北", clientrpc.Span{Offset: 300, Length: 2}},
		{"at the beginning", "臺北" + strings.Repeat("好", 300), "台北", "臺北" + strings.Repeat("好", 158) + "…", clientrpc.Span{Offset: 0, Length: 2}},
		{"between emoji", "好" + strings.Repeat("😀", 100) + "臺北", "台北", "…" + strings.Repeat("😀", 20) + "臺北", clientrpc.Span{Offset: 201, Length: 2}},
		{"through an emoji", strings.Repeat("😀", 100) + "好臺北", "台北", "…" + strings.Repeat("😀", 19) + "好臺北", clientrpc.Span{Offset: 201, Length: 2}},
	} {
		m := highlighted(clientrpc.Message{Text: tt.text}, tt.query)
		if len(m.Hits) != 1 || m.Hits[0] != tt.first || m.Snippet != tt.snippet {
			t.Errorf("%s: %v %q, want %q", tt.name, m.Hits, m.Snippet, tt.snippet)
		}
		units := utf16.Encode([]rune(tt.text))
		for _, h := range m.Hits {
			if got := string(utf16.Decode(units[h.Offset : h.Offset+h.Length])); got != "臺北" {
				t.Errorf("%s: hit %q", tt.name, got)
			}
		}
	}
}
