package directory

import (
	"strings"
	"testing"
)

func TestOrigin(t *testing.T) {
	for text, want := range map[string]string{
		"https://im.example.tw":           "https://im.example.tw",
		"http://127.0.0.1:7080/":          "http://127.0.0.1:7080",
		"https://im.example.tw/a/b?c#d":   "https://im.example.tw",
		"https://[2001:db8::1]:7080":      "",
		"https://a.example; script-src *": "",
		"https://a.example,b":             "",
		"https://user@a.example":          "https://a.example",
		"ftp://a.example":                 "",
		"javascript:alert(1)":             "",
		"https://'unsafe-inline'":         "",
		"https://*":                       "",
		"":                                "",
	} {
		if got := origin(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

// TestWidgetSpeaks: the widget has all its words, in both languages.
func TestWidgetSpeaks(t *testing.T) {
	text := newVisitor(t, cloudOf(4), nil).get("/widget.js").text
	for _, want := range []string{`"title":"ω IM 伺服器"`, `"title":"ω IM servers"`, `"up":"{1} 部中 {0} 部正常"`, `"invite":"by invitation"`} {
		if !strings.Contains(text, want) {
			t.Errorf("the widget lacks %s", want)
		}
	}
	for name, key := range widgetWords {
		if strings.Contains(text, key) || !strings.Contains(text, "words."+name) && !strings.Contains(text, "words[") {
			t.Errorf("%s of the widget is not in the catalogue, or not used", name)
		}
	}
}

// TestPolicyIsShort has a cloud whose servers do not all fit.
func TestPolicyIsShort(t *testing.T) {
	v := newVisitor(t, cloudOf(400), nil)
	page := v.get("/?lang=en")
	csp := page.Header.Get("Content-Security-Policy")
	named := strings.Count(csp, " http")
	if len(csp) > maxConnect+300 || named < 50 || named >= 400 {
		t.Fatalf("the policy has %d octets and names %d servers", len(csp), named)
	}
	if rows := strings.Count(page.text, `data-http="http`); rows != named {
		t.Errorf("%d rows can be measured, %d servers are named", rows, named)
	}
}
