package help

import (
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"github.com/omega-im/omega/internal/i18n"
)

// TestTexts: struct tags get their words, beside the library's variables, and a name
// that is in no catalogue is found when the command line is made.
func TestTexts(t *testing.T) {
	var c struct {
		N int `short:"n" default:"4" help:"${help_dev_n} (${default})"`
		X struct {
			Y string `arg:"" help:"${help_serve}"`
		} `cmd:"" help:"${help_serve}"`
	}
	k, err := kong.New(&c, Texts(i18n.English, "omegad.help.", []string{"dev_n", "serve"}))
	if err != nil {
		t.Fatal(err)
	}
	n, serve := i18n.T("omegad.help.dev_n").In(i18n.English), i18n.T("omegad.help.serve").In(i18n.English)
	x := k.Model.Children[0]
	for _, f := range k.Model.Flags {
		if f.Name == "n" && f.Help != n+" (4)" {
			t.Errorf("help %q, want %q", f.Help, n+" (4)")
		}
	}
	if x.Help != serve || x.Positional[0].Help != serve {
		t.Errorf("help %q and %q, want %q", x.Help, x.Positional[0].Help, serve)
	}
	if _, err := kong.New(&c, Texts(i18n.English, "omegad.help.", []string{"dev_n"})); err == nil || !strings.Contains(err.Error(), "help_serve") {
		t.Errorf("a text that there is not: %v", err)
	}
}

// TestUsualCauses: what usually goes wrong at a person's own files and links is said in
// Chinese, all of it.
func TestUsualCauses(t *testing.T) {
	for text, want := range map[string]string{
		"neither a chat of LINE nor a result.json of Telegram":             "不是 LINE 的聊天紀錄，也不是 Telegram 的 result.json",
		"line 7: longer than a message can be: 70000 octets":               "第 7 行比一則訊息能有的還長",
		"not a whole backup: history.db: unexpected EOF":                   "備份不完整",
		"the passphrase is another one":                                    "密碼不對",
		"not a link text: it does not begin with omega-link:":              "開頭應該是 omega-link:",
		"damaged picture: image/png: png: invalid format: bad IHDR length": "圖片壞了",
		"no sticker: 700 by 300 pixels, at most 512":                       "有 700 × 300 點，每邊上限是 512",
		"no sticker: neither PNG, WebP, WebM nor .tgs":                     "不是 PNG、WebP、WebM 或 .tgs",
		"the connection to the server ended":                               "連線中斷",
		"x509: certificate signed by unknown authority":                    "伺服器的憑證不能信任",
		"invalid character 'x' looking for beginning of value":             "格式不對",
		"not a member of the group, or without the role for that":          "不是群組成員，或沒有那個身分",
	} {
		if got := Cause(text, i18n.Chinese); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
		if got := Cause(text, i18n.English); got != text {
			t.Errorf("%s: %s", text, got)
		}
	}
}
