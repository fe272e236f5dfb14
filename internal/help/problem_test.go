package help

import (
	"errors"
	"testing"

	"github.com/omega-im/omega/internal/i18n"
)

// TestProblem: what the library says of a command line is said in Chinese.
func TestProblem(t *testing.T) {
	for _, tt := range []struct{ english, chinese string }{
		{`--wait must be one of "none","stored" but got "x"`, "--wait 必須是 none|stored 之一，不是「x」"},
		{`--timeout: expected duration but got "x": time: invalid`, "--timeout 必須是時間，例如 10s 或 2m，不是「x」"},
		{`--count: expected int value but got "-3" (short flag)`, "--count 不能小於零"},
		{`unexpected argument two`, "多出來的「two」"},
		{`missing flags: --to=FPR|CHAT`, "缺少選項 --to=FPR|CHAT"},
	} {
		if got := Problem(errors.New(tt.english)).In(i18n.Chinese); got != tt.chinese {
			t.Errorf("%s: %s, want %s", tt.english, got, tt.chinese)
		}
	}
}
