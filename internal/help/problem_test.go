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
		{`missing flags: --config=FILE or --server=ADDRESS`, "缺少選項 --config=FILE|--server=ADDRESS"},
		{`--config: stat /x/y.toml: no such file or directory`, "--config：沒有檔案 /x/y.toml"},
		{`--expires: "x" is not a time such as 36h or 7d`, "--expires 必須是時間，例如 36h 或 7d，不是「x」"},
		{`--config and --server can't be used together`, "--config 與 --server 只能擇一"},
		{`<fpr> ...: not an OpenPGP fingerprint: 4 hexadecimal digits, want 40 or 64`, "<fpr> 必須是 40 或 64 位的指紋"},
		{`[<choice> ...]: expected a valid 64 bit int but got "麵"`, "<choice> 必須是整數，不是「麵」"},
		{`missing flags: --to=FPR|CHAT`, "缺少選項 --to=FPR|CHAT"},
	} {
		if got := Problem(errors.New(tt.english)).In(i18n.Chinese); got != tt.chinese {
			t.Errorf("%s: %s, want %s", tt.english, got, tt.chinese)
		}
	}
}
