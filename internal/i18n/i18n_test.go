package i18n

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// all is the whole catalogue.
func all() map[string]entry {
	out := map[string]entry{}
	for _, part := range parts {
		for k, e := range part {
			out[k] = e
		}
	}
	return out
}

var (
	placeholder = regexp.MustCompile(`\{\d\}`)
	noun        = regexp.MustCompile(`(\{\d) [a-z]+\}`)
)

func TestBothLanguagesSayTheSame(t *testing.T) {
	want := 0
	for _, part := range parts {
		want += len(part)
	}
	if got := len(all()); got != want {
		t.Errorf("%d keys stand in two parts", want-got)
	}
	for key, e := range all() {
		if e.zh == "" || e.en == "" {
			t.Errorf("%s lacks a language", key)
		}
		e.en = noun.ReplaceAllString(e.en, "$1}")
		for _, p := range placeholder.FindAllString(e.zh+e.en, -1) {
			if !strings.Contains(e.zh, p) || !strings.Contains(e.en, p) {
				t.Errorf("%s: %s stands in one language only", key, p)
			}
		}
	}
}

// elsewhere are words that are used elsewhere for what Taiwan calls otherwise, and
// simplified characters that slip in with them.
var elsewhere = []string{
	"聊天記錄", // 聊天紀錄; LINE says the other of its own
	"信息", "消息", "发送", "發送", "用户", "用戶", "賬號", "账号", "賬戶", "帳戶", "密鑰", "密钥", "服務器", "服务器", "設備", "设备", "默認", "默认",
	"文件夾", "文件名", "網絡", "网络", "視頻", "二維碼", "鏈接", "屏幕", "屏蔽", "保存到", "支持的", "質量", "撤回", "設置", "軟件", "硬件", "程序", "進程",
	"線程", "內存", "硬盤", "磁盤", "端口", "接口", "菜單", "界面", "打印", "日誌", "登錄", "註銷", "搜索", "查找", "刷新", "緩存", "字符", "字節", "數據",
	"數據庫", "加載", "運行", "重啟", "配置", "命令行", "激活", "黑名單", "白名單", "舉報", "域名", "代理服務器", "客戶端", "組播", "帶寬", "延時",
	"實時", "概率", "優化", "兼容", "拷貝", "粘貼", "剪貼板", "回車", "光標", "鼠標", "短信", "博客", "互聯網", "云", "后", "这", "说", "为", "个", "时",
}

// right are words of Taiwan in which one of those stands.
var right = strings.NewReplacer("「傳送聊天記錄」", "", "用戶端", "", "處理程序", "", "讀取命令列", "", "資料夾", "")

// texts are all texts in Chinese: of the catalogue, and of files for people.
func texts(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	for key, e := range all() {
		out[key] = e.zh
	}
	for key, e := range inFaces {
		out["in faces "+key] = e.zh
	}
	for _, file := range []string{"node/omegad.zh.toml", "README.md"} {
		b, err := os.ReadFile(filepath.Join("../..", file))
		if err != nil {
			t.Fatal(err)
		}
		for n, line := range strings.Split(string(b), "\n") {
			out[fmt.Sprintf("%s:%d", file, n+1)] = line
		}
	}
	return out
}

// TestWordsOfTaiwan finds words that are used elsewhere.
func TestWordsOfTaiwan(t *testing.T) {
	for where, text := range texts(t) {
		text = right.Replace(text)
		for _, word := range elsewhere {
			if strings.Contains(text, word) {
				t.Errorf("%s says %q: %s", where, word, text)
			}
		}
	}
}

var han = regexp.MustCompile(`\p{Han}`)

// TestNothingIsLeftInEnglish: what has words in English has words in Chinese.
func TestNothingIsLeftInEnglish(t *testing.T) {
	words := regexp.MustCompile(`[a-z]{3,} [a-z]{2,}`)
	for key, e := range all() {
		if strings.HasPrefix(key, "example.") && strings.HasPrefix(e.zh, "omega ") {
			continue // a command is typed the same in both
		}
		if words.MatchString(e.en) && !han.MatchString(e.zh) {
			t.Errorf("%s is in English: %q", key, e.zh)
		}
	}
}

// used finds the keys that the programs ask for.
var used = regexp.MustCompile(`(?:i18n\.T|\.text|\.line|\.word|\bsay|\bwrong)\("([a-z0-9._]+)"[,)]`)

func TestEveryKeyInUseExists(t *testing.T) {
	known, found := all(), 0
	for _, dir := range []string{"client", "clientrpc", "cmd/omega", "cmd/omega-try", "cmd/omegad", "node", "sim/churn", "internal/help", "tui"} {
		files, err := filepath.Glob(filepath.Join("../..", dir, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			src, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range used.FindAllSubmatch(src, -1) {
				found++
				if _, ok := known[string(m[1])]; !ok {
					t.Errorf("%s asks for %s, which the catalogue lacks", file, m[1])
				}
			}
		}
	}
	if found < 50 {
		t.Errorf("found %d keys in use: the test looks at the wrong files", found)
	}
}

func TestDetect(t *testing.T) {
	for _, row := range []struct {
		env  map[string]string
		want Lang
	}{
		{nil, English},
		{map[string]string{"LANG": "C"}, English},
		{map[string]string{"LANG": "zh_TW.UTF-8"}, Chinese},
		{map[string]string{"LANG": "en_US.UTF-8", "LC_ALL": "zh_TW.UTF-8"}, Chinese},
		{map[string]string{"LANG": "zh_TW.UTF-8", "LC_ALL": "C"}, English},
		{map[string]string{"LANG": "ja_JP.UTF-8"}, English},
	} {
		if got := Detect(func(k string) string { return row.env[k] }); got != row.want {
			t.Errorf("Detect(%v) = %v, want %v", row.env, got, row.want)
		}
	}
}

func TestIn(t *testing.T) {
	text := T("doing.open", "HOME")
	if got, want := text.In(English), "opening the account in HOME"; got != want {
		t.Errorf("In(English) = %q, want %q", got, want)
	}
	if got, want := text.In(Chinese), "開啟 HOME 裡的帳號"; got != want {
		t.Errorf("In(Chinese) = %q, want %q", got, want)
	}
	for n, want := range map[int]string{0: "exported 0 messages and 2 keys to d", 1: "exported 1 message and 2 keys to d"} {
		if got := T("export.done", n, 2, "d").In(English); got != want {
			t.Errorf("In(English) = %q, want %q", got, want)
		}
	}
	if got, want := T("no.such.key", 7).In(Chinese), "no.such.key 7"; got != want {
		t.Errorf("In = %q, want %q", got, want)
	}
}

// TestDuration: durations are written as people in Taiwan write them.
func TestDuration(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0 秒", 250 * time.Microsecond: "250 微秒", 1500 * time.Millisecond: "1.5 秒", 10 * time.Minute: "10 分鐘",
		90 * time.Second: "1 分鐘 30 秒", 168 * time.Hour: "7 天", -25 * time.Hour: "-1 天 1 小時", 12340 * time.Microsecond: "12.34 毫秒",
	} {
		if got := Duration(d, Chinese); got != want {
			t.Errorf("Duration(%v) = %q, want %q", d, got, want)
		}
	}
	text := T("why.nomail", 10*time.Minute)
	if got, want := text.In(Chinese), "10 分鐘之內沒有新訊息"; got != want {
		t.Errorf("In(Chinese) = %q, want %q", got, want)
	}
	if got, want := text.In(English), "no new message within 10m0s"; got != want {
		t.Errorf("In(English) = %q, want %q", got, want)
	}
}

// TestFullWidth: Chinese sentences have the punctuation of Chinese.
func TestFullWidth(t *testing.T) {
	half := regexp.MustCompile(`\p{Han}[,;!?"]|["]\p{Han}|\p{Han} ?\(`)
	for key, e := range all() {
		if m := half.FindString(e.zh); m != "" {
			t.Errorf("%s has half-width punctuation: %q", key, m)
		}
	}
}

// TestFacesNameNoCommands: what faces say in which nobody types a command names none, and
// no option; what they have of their own exists in the catalogue.
func TestFacesNameNoCommands(t *testing.T) {
	only := map[string]bool{ // of commands alone
		"why.admin.down": true, "why.invite.many": true, "why.invite.none": true,
		"why.invite.bounds": true, "why.picturearg": true, "why.trace.account": true, "why.whoorqr": true,
	}
	program := regexp.MustCompile(`另一個 omega 程式|another omega `)
	for key, said := range Entries("why.", "next.", "tui.", "homes.why.") {
		e := entry{program.ReplaceAllString(said[0], ""), program.ReplaceAllString(said[1], "")}
		if e.isCommand() && !only[key] && !strings.HasPrefix(key, "next.gpg.") {
			t.Errorf("%s: %q, %q", key, said[0], said[1])
		}
	}
	for key, e := range inFaces {
		if was, ok := find(key); !ok || !was.isCommand() || e.zh == "" || e.en == "" {
			t.Errorf("%s is no text that names a command, or says nothing", key)
		}
	}
	if got := T("next.backup").In(Chinese); !strings.Contains(got, "--home") {
		t.Errorf("the command itself says %q", got)
	}
	if got := T("next.thesedevices", "筆電").InFace(Chinese); got != "有這些：筆電" {
		t.Errorf("%q", got)
	}
}

// TestOneWord: what is one thing has one word: messages on top are 公告, chats on top 置頂,
// chats that stay quiet 靜音, what a group says of itself 簡介, links without which a cloud
// falls apart 關鍵連結, a picture 照片, who is called 提到, what a thing is called from now on
// 改名, a contact that is none any more 移除, a backup that is read to try it 試讀.
func TestOneWord(t *testing.T) {
	for key, e := range all() {
		for _, word := range []string{"釘選", "關閉提醒", "開啟提醒", "群組說明", "橋接", "來過", "相片", "提及", "重新命名", "刪除聯絡人", "試試看", "為這把金鑰簽章"} {
			if strings.Contains(e.zh, word) {
				t.Errorf("%s says %s: %s", key, word, e.zh)
			}
		}
	}
}
