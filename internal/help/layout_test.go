package help

import (
	"strings"
	"testing"

	"github.com/omega-im/omega/internal/i18n"
)

// TestLayOut: help in Chinese has its names in Chinese, two straight columns, and no line
// that is wider than a terminal.
func TestLayOut(t *testing.T) {
	const english = "用法：omega send --to=FPR|CHAT <text> [選項]\n\n參數：\n  <text>    訊息。\n\n選項：\n  -h, --help               顯示說明。\n" +
		"      --to=FPR|CHAT        對方的指紋，或聊天的名稱；這一句很長很長很長很長很長很長很長很長，要斷成（兩行）。\n      --wait=\"stored\"      等到 none、\n                           stored（✓）。\n"
	const want = "用法：omega send --to=誰 <文字> [選項]\n\n參數：\n  <文字>    訊息。\n\n選項：\n  -h, --help             顯示說明。\n" +
		"      --to=誰            對方的指紋，或聊天的名稱；這一句很長很長很長很長很長很\n                         長很長很長，要斷成（兩行）。\n      --wait=\"stored\"    等到 none、 stored（✓）。\n"
	if got := layOut(english, i18n.Chinese); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if got := layOut(english, i18n.English); got != english {
		t.Errorf("English: %s", got)
	}
	for _, line := range strings.Split(layOut("  "+strings.Repeat("字", 100), i18n.Chinese), "\n") {
		if cells(line) > columns || !strings.HasPrefix(line, "  ") {
			t.Errorf("%d columns: %q", cells(line), line)
		}
	}
}
