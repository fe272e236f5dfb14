package archive

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/internal/i18n"
)

var exported = []clientrpc.Message{
	{ID: omega.ID{1}, Name: `<script>alert(1)</script>`, Time: time.Date(2026, 11, 22, 11, 9, 0, 0, time.UTC), Kind: "text", Text: "a < b & \"c\"\n\u202e第二行\x1b", Verified: true},
	{ID: omega.ID{2}, Name: "小明", Time: time.Date(2026, 11, 22, 17, 9, 0, 0, time.UTC), Kind: "text", Text: "壞的", Problem: "signature"},
	{ID: omega.ID{3}, Name: "我", Time: time.Date(2026, 11, 22, 17, 10, 0, 0, time.UTC), Kind: "text", Text: "我的", Verified: true, State: "read"},
	{ID: omega.ID{4}, Name: "小華", Time: time.Date(2026, 11, 22, 17, 11, 0, 0, time.UTC), Kind: "sticker", Imported: true},
}

func write(t *testing.T, form string, lang i18n.Lang) string {
	t.Helper()
	var b bytes.Buffer
	p := &Page{Chat: clientrpc.Chat{Kind: "direct", Name: `小"明<`}, Exported: time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC), Lang: lang, Zone: taipei}
	w, err := NewChatWriter(&b, form, p)
	if err != nil {
		t.Fatal(err)
	}
	for i := range exported {
		if err := w.Message(&exported[i]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestHTML(t *testing.T) {
	zh, en := write(t, FormHTML, i18n.Chinese), write(t, FormHTML, i18n.English)
	for _, want := range []string{
		`<html lang="zh-Hant-TW">`, `<title>小&#34;明&lt;</title>`, "default-src 'none'; style-src 'sha256-", "2026/11/22（週日）", "2026/11/23（週一）", "下午7:09", "上午1:09",
		"&lt;script&gt;alert(1)&lt;/script&gt;", "a &lt; b &amp; &#34;c&#34;\n\ufffd第二行\ufffd", `class="out"`, "匯入、未簽章", "⚠ ",
	} {
		if !strings.Contains(zh, want) {
			t.Errorf("no %q in the page", want)
		}
	}
	for _, never := range []string{"<script", "http:", "https:", "src=", "href=", "url(", "@import"} {
		if strings.Contains(zh, never) || strings.Contains(en, never) {
			t.Errorf("%q in the page", never)
		}
	}
	if n := strings.Count(zh, `class="ok"`); n != 2 {
		t.Errorf("%d messages look verified, not 2", n)
	}
	if !strings.Contains(en, "Sunday, 22 November 2026") || !strings.Contains(en, `<html lang="en">`) || !strings.Contains(en, "imported, not signed") {
		t.Error("the English page is not English")
	}
}

func TestJSON(t *testing.T) {
	var got struct {
		Version  int
		Name     string
		Messages []clientrpc.Message
	}
	text := write(t, FormJSON, i18n.Chinese)
	if err := json.Unmarshal([]byte(text), &got); err != nil || got.Version != 1 || got.Name != `小"明<` || len(got.Messages) != len(exported) {
		t.Fatalf("%+v, %v", got, err)
	}
	if !reflect.DeepEqual(got.Messages[0], exported[0]) {
		t.Errorf("%+v, want %+v", got.Messages[0], exported[0])
	}
	if strings.Count(text, "\n") != len(exported)+2 {
		t.Error("not a line per message")
	}
}
