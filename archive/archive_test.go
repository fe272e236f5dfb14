package archive

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"
)

var taipei = time.FixedZone("", 8*3600)

// read returns what a file says, a line per message.
func read(file string) (out []string, err error) {
	err = Read(strings.NewReader(file), "name.txt", taipei, func(m *Message) error {
		out = append(out, fmt.Sprintf("%s|%s|%s|%s|%s", m.Title, m.Time.In(taipei).Format("01-02 15:04"), m.Author, m.Kind, m.Text))
		return nil
	})
	return out, err
}

func TestRead(t *testing.T) {
	for _, tt := range []struct {
		name, file string
		want       []string
	}{
		{"zh-TW, phone", "\ufeff[LINE] 與小明的聊天記錄\r\n儲存日期：2026/01/03 01:14\r\n\r\n2025/12/31（三）\r\n下午11:59\t小 明\t[貼圖]\r\n上午12:30\t小 明\t\"多行第一行\r\n他說 \"\"好\"\"\r\n14:00\t小 明\t假的\"\r\n下午07:04\t\t阿華已加入群組\r\n下午12:01\t☎ 通話時間 5:32\r\n", []string{
			"小明|12-31 23:59|小 明|media|[貼圖]",
			"小明|12-31 00:30|小 明|text|多行第一行\n他說 \"好\"\n14:00\t小 明\t假的",
			"小明|12-31 19:04||system|阿華已加入群組",
			"小明|12-31 12:01||system|☎ 通話時間 5:32",
		}},
		{"group, 24 hours, bare lines", "[LINE] 讀書會的聊天記錄\n儲存日期：2026/01/03 01:14\n\n2023/10/2（週一）\n23:59\t阿華\t第一行\n第二行\n\n第四行\n2023/10/3（週二）\n00:00\t阿華\t\"只有開頭\n00:01\t小美\t好", []string{
			"讀書會|10-02 23:59|阿華|text|第一行\n第二行\n\n第四行",
			"讀書會|10-03 00:00|阿華|text|\"只有開頭",
			"讀書會|10-03 00:01|小美|text|好",
		}},
		{"desktop, spaces", "[LINE] 與Ann Lee的聊天\n2025.02.15 星期六\n17:22 Ann Lee 內容 在 這\n17:23 小明 好\n", []string{
			"Ann Lee|02-15 17:22|Ann Lee|text|內容 在 這", "Ann Lee|02-15 17:23|小明|text|好",
		}},
		{"English", "[LINE] Chat history with Ann\nSaved on: 12/31/2025, 11:59 PM\n\nWed, 12/31/2025\n11:59 PM\tAnn\t[Photo]\n12:00 AM\tAnn\thi\nThu, 01/01/2026\n00:10\tBob\t\"a \"\"b\"\"\nc\"\nFri, 02/01/2026\n00:11\tBob\tx", []string{
			"Ann|12-31 23:59|Ann|media|[Photo]", "Ann|12-31 00:00|Ann|text|hi", "Ann|01-01 00:10|Bob|text|a \"b\"\nc", "Ann|01-02 00:11|Bob|text|x",
		}},
		{"Japanese", "[LINE] Annとのトーク履歴\n保存日時：2026/01/03 01:14\n\n2025/12/31(水)\n午後1:02\tAnn\t「はい」", []string{"Ann|12-31 13:02|Ann|text|「はい」"}},
		{"no title", "2025/12/31（三）\n13:02\tAnn\tx", []string{"name.txt|12-31 13:02|Ann|text|x"}},
		{"a quoted word", "2025/12/31（三）\n13:02\tAnn\t\"x\" 和 \"y\"\n13:03\tAnn\t\"z\"", []string{"name.txt|12-31 13:02|Ann|text|\"x\" 和 \"y\"", "name.txt|12-31 13:03|Ann|text|\"z\""}},
		{"Telegram chat", `{"name":"小明","type":"personal_chat","id":42,"messages":[
{"id":7,"type":"message","date":"2026-11-22T19:09:07","date_unixtime":"1795345747","from":"小明","from_id":"user4242","forwarded_from":"阿華","text":["嗨 ",{"type":"mention","text":"@ming"}]},
{"id":8,"type":"service","date":"2026-11-22T19:09:08","actor":"小明","action":"invite_members","members":["阿華",null],"text":""},
{"id":9,"type":"message","date":"2026-11-22T19:09:09","from":null,"file":"x.webp","media_type":"sticker","sticker_emoji":"😀","text":""},
{"id":10,"type":"message","date":"2026-11-22T19:09:10","from":"小明","poll":{"question":"吃？","answers":[{"text":"好","voters":2}]},"text":""}]}`, []string{
			"小明|11-22 19:09|小明|text|↪ 阿華\n嗨 @ming", "小明|11-22 19:09|小明|system|invite_members 阿華",
			"小明|11-22 19:09||media|[sticker 😀]", "小明|11-22 19:09|小明|text|📊 吃？\n- 好 (2)",
		}},
		{"Telegram account", `{"about":"x","contacts":{"list":[{"first_name":"a"}]},"chats":{"about":"","list":[{"name":null,"type":"saved_messages","id":1,"messages":[{"id":1,"type":"message","date":"2026-01-01T00:00:00","from":"我","text":"a"}]},
{"name":"群","type":"private_group","id":2,"messages":[{"id":1,"type":"message","date":"2026-01-01T00:00:00","from":"我","text":"b"}]}]},"left_chats":{"list":[]}}`, []string{
			"saved_messages|01-01 00:00|我|text|a", "群|01-01 00:00|我|text|b",
		}},
	} {
		got, err := read(tt.file)
		if !slices.Equal(got, tt.want) || err != nil {
			t.Errorf("%s: %v\n got %q\nwant %q", tt.name, err, got, tt.want)
		}
	}
}

// TestReadRefuses wants an error that says where, and neither panic nor memory.
func TestReadRefuses(t *testing.T) {
	long := strings.Repeat("x", maxLine)
	for _, tt := range []struct {
		name, file string
		want       error
	}{
		{"nothing", "", ErrUnknown},
		{"another file", "hello\nworld\n", ErrUnknown},
		{"a long line", "2025/12/31（三）\n13:02\tAnn\t" + long, ErrLong},
		{"a long message", "2025/12/31（三）\n13:02\tAnn\tx\n" + strings.Repeat(strings.Repeat("y", 1000)+"\n", 400), ErrLong},
		{"many quotations", "2025/12/31（三）\n" + strings.Repeat("13:02\tAnn\t\"x\n", 100_000) + long, ErrLong},
		{"another JSON", `{"a":[1,2,{"b":null}]}`, ErrUnknown},
		{"a cut one", `{"name":"x","type":"t","id":1,"messages":[{"id":1,"type":"message","da`, io.ErrUnexpectedEOF},
		{"a large message", `{"name":"x","type":"t","id":1,"messages":[{"id":1,"text":"` + strings.Repeat("x", 2*maxObject) + `"}]}`, ErrLong},
		{"a large number of braces", `{"x":` + strings.Repeat("[", 100_000), io.ErrUnexpectedEOF},
		{"no date", `{"name":"x","type":"t","id":1,"messages":[{"id":1}]}`, errShape},
		{"messages of nobody", `{"messages":[]}`, errShape},
		{"chats in chats", `{"chats":{"chats":{"chats":{"chats":{"chats":{"chats":{}}}}}}}`, errShape},
	} {
		_, err := read(tt.file)
		var e *Error
		if !errors.Is(err, tt.want) || !errors.As(err, &e) {
			t.Errorf("%s: %v, want %v", tt.name, err, tt.want)
		}
	}
	stop := errors.New("enough")
	err := Read(strings.NewReader("2025/12/31（三）\n13:02\tAnn\tx"), "", taipei, func(*Message) error { return stop })
	if err != stop {
		t.Errorf("the error of put: %v", err)
	}
}

// TestKeys: the same file gives the same keys, and no two messages have one.
func TestKeys(t *testing.T) {
	keys := func(file string) (out []string) {
		Read(strings.NewReader(file), "", taipei, func(m *Message) error {
			out = append(out, m.Chat+m.Key)
			return nil
		})
		return out
	}
	short := "2025/12/31（三）\n13:02\tAnn\tx\n13:02\tAnn\tx\n13:03\tAnn\ty\n13:02\tAnn\tx\n"
	a, b := keys(short), keys(short+"13:04\tAnn\tz\n")
	if !slices.Equal(a, b[:4]) || len(b) != 5 {
		t.Errorf("%q and %q", a, b)
	}
	slices.Sort(b)
	if n := len(slices.Compact(b)); n != 5 {
		t.Errorf("%d keys for 5 messages", n)
	}
}

func FuzzRead(f *testing.F) {
	f.Add("[LINE] 與小明的聊天記錄\n儲存日期：2026/01/03 01:14\n\n2025/12/31（三）\n下午11:59\t小明\t\"x\ny\"\n")
	f.Add("2025.02.15 星期六\n17:22 A b\n")
	f.Add(`{"name":"x","type":"t","id":1,"messages":[{"id":1,"type":"message","date":"2026-01-01T00:00:00","text":["a",{"text":"b"}]}]}`)
	f.Fuzz(func(t *testing.T, file string) {
		size := 0
		Read(strings.NewReader(file), "n", taipei, func(m *Message) error {
			if m.Key == "" || m.Source == "" || len(m.Author) > MaxName || len(m.Title) > MaxName {
				t.Fatalf("%+v", m)
			}
			size += len(m.Text)
			return nil
		})
		if size > 8*len(file)+64 {
			t.Errorf("%d octets of text from %d", size, len(file))
		}
	})
}

// BenchmarkRead is one message of a LINE file.
func BenchmarkRead(b *testing.B) {
	file := "2025/12/31（三）\n" + strings.Repeat("下午11:59\t小明\t明天在台北車站見面好嗎\n", 10_000)
	b.SetBytes(int64(len(file)))
	for b.Loop() {
		if err := Read(strings.NewReader(file), "", taipei, func(*Message) error { return nil }); err != nil {
			b.Fatal(err)
		}
	}
}
