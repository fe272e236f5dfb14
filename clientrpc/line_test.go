package clientrpc

import (
	"strings"
	"testing"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/internal/i18n"
)

// Lines name one, two, or the first and how many more, in both languages.
func TestLine(t *testing.T) {
	anna, bo, me := NamedAccount{Name: "小美"}, NamedAccount{Name: "小明"}, NamedAccount{Name: "x", This: true}
	wen, err := omega.ParseFingerprint(strings.Repeat("0123", 8) + "89ABCDEF")
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		m      Message
		zh, en string
	}{
		{Message{Kind: "group-joined", About: []NamedAccount{anna}, AboutCount: 1}, "— 小美 加入了群組 —", "— 小美 joined the group —"},
		{Message{Kind: "group-joined", About: []NamedAccount{anna, bo}, AboutCount: 2}, "— 小美、小明 加入了群組 —", "— 小美 and 小明 joined the group —"},
		{Message{Kind: "group-joined", About: []NamedAccount{anna, bo}, AboutCount: 13}, "— 小美 和其他 12 人 加入了群組 —", "— 小美 and 12 more joined the group —"},
		{Message{Kind: "group-removed", Name: "小華", About: []NamedAccount{me}, AboutCount: 1}, "— 小華 請你離開了群組 —", "— 小華 removed you from the group —"},
		{Message{Kind: "group-left", Channel: true, About: []NamedAccount{anna}, AboutCount: 1}, "— 小美 離開了頻道 —", "— 小美 left the channel —"},
		{Message{Kind: "group-dissolved", Channel: true, Mine: true}, "— 你解散了頻道 —", "— you ended the channel —"},
		{Message{Kind: "group-renamed", Mine: true, Text: "登山社"}, "— 你把群組改名為「登山社」 —", "— you named the group “登山社” —"},
		{Message{Kind: "group-joined", About: []NamedAccount{{Name: "阿文", Account: wen, SelfNamed: true}}, AboutCount: 1}, "— 阿文（自稱，89ABCDEF） 加入了群組 —", "— 阿文 (self-chosen, 89ABCDEF) joined the group —"},
		{Message{Kind: NameChanged, From: wen, Name: "新", Was: "舊", Text: "新"}, "— 「舊」把自己的名字改成「新」，金鑰末 8 碼 89ABCDEF —", "— “舊” goes by the name “新” now; its key ends in 89ABCDEF —"},
		{Message{Kind: NameChanged, From: wen, Name: "媽", Was: "舊", Text: "新"}, "— 媽 把自己的名字從「舊」改成「新」 —", "— 媽 changed their own name from “舊” to “新” —"},
		{Message{Kind: NameChanged, From: wen, Name: "x", SelfNamed: true, Was: "舊", Text: "新", About: []NamedAccount{me}}, "⚠ 新名字和你的名字相似", "⚠ the new name looks like that of you"},
		{Message{Kind: DeviceAdded, Text: "手機"}, "多了一部裝置「手機」", "one more device, “手機”"},
	} {
		for lang, want := range map[i18n.Lang]string{i18n.Chinese: test.zh, i18n.English: test.en} {
			got := test.m.Line(func(key string, args ...any) string { return i18n.T(key, args...).In(lang) }, strings.ToLower)
			if !strings.Contains(got, want) {
				t.Errorf("%s: %q, want %q", test.m.Kind, got, want)
			}
		}
	}
}
