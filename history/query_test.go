package history

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
	"github.com/omega-im/omega/media"
)

func sequences(rows []Row) (out []int) {
	for _, r := range rows {
		out = append(out, int(r.Sequence))
	}
	return out
}

// TestFind wants what a query names, page by page, and their number.
func TestFind(t *testing.T) {
	db := openTest(t)
	other := omega.ChatID{9}
	db.update(t, func(tx *Tx) error {
		for i := 1; i <= 40; i++ {
			r := message(i, fmt.Sprintf("第 %d 天，臺灣的體育新聞 a-b", i))
			r.Time = testTime.AddDate(0, i, 0)
			if i%2 == 0 {
				r.From = fp(7)
			}
			if i%4 == 0 {
				r.Chat = other
			}
			if i%5 == 0 {
				r.Content.Kind = "sticker"
			}
			must(t, tx.put(r))
		}
		return nil
	})
	month := func(n int) time.Time { return testTime.AddDate(0, n, 0) }
	for _, tt := range []struct {
		name  string
		q     Query
		want  []int
		total int
	}{
		{"one character", Query{Text: "体"}, []int{40, 39, 38}, 40},
		{"simplified", Query{Text: "台湾的体育"}, []int{40, 39, 38}, 40},
		{"sender", Query{Text: "新聞", From: fp(7)}, []int{40, 38, 36}, 20},
		{"chat", Query{Text: "新聞", Chat: other}, []int{40, 36, 32}, 10},
		{"chat and sender, no text", Query{Chat: other, From: fp(7)}, []int{40, 36, 32}, 10},
		{"a sender who is not there", Query{Chat: other, From: fp(2)}, nil, 0},
		{"kind", Query{Kind: "sticker"}, []int{40, 35, 30}, 8},
		{"kind and text", Query{Kind: "text", Text: "體"}, []int{39, 38, 37}, 32},
		{"some months", Query{Text: "新聞", Since: month(3), Until: month(6)}, []int{5, 4, 3}, 3},
		{"until", Query{Text: "新聞", Until: month(3)}, []int{2, 1}, 2},
		{"years", Query{Since: month(2), Until: month(38)}, []int{37, 36, 35}, 36},
		{"a century", Query{Text: "新聞", Since: month(-999), Until: month(3)}, []int{2, 1}, 2},
		{"words the index cannot tell", Query{Text: "a-b", From: fp(7)}, []int{40, 38, 36}, 20},
		{"nor here", Query{Text: "a_b", From: fp(7)}, nil, 0},
		{"nothing asked", Query{}, nil, 0},
		{"author", Query{Author: "小明"}, nil, 0},
	} {
		db.view(t, func(tx *Tx) error {
			found, err := tx.Find(&tt.q, 3)
			if got := sequences(found.Rows); !slices.Equal(got, tt.want) || err != nil {
				t.Errorf("%s: %v, %v, want %v", tt.name, got, err, tt.want)
			}
			if n, exact, err := tx.Count(&tt.q); n != tt.total || !exact || err != nil {
				t.Errorf("%s: %d in all, %v, %v, want %d", tt.name, n, exact, err, tt.total)
			}
			all := len(found.Rows)
			for q := tt.q; found.Next != 0; all += len(found.Rows) {
				q.Before = found.Next
				found, err = tx.Find(&q, 3)
				must(t, err)
			}
			if all != tt.total {
				t.Errorf("%s: %d on all pages, want %d", tt.name, all, tt.total)
			}
			return nil
		})
	}
}

// TestFindNames: a file is found by its name too, and a poll by its answers.
func TestFindNames(t *testing.T) {
	db := openTest(t)
	file, poll := message(1, "去年"), message(2, "哪一天？")
	file.Content.Kind, file.Content.Media = chat.KindMedia, []chat.MediaItem{{What: chat.File, Ref: media.Ref{Name: media.Hash{1}, Size: 9}, Type: "application/pdf", FileName: "登山計畫 v2.pdf", Servers: []omega.Fingerprint{fp(3)}}}
	poll.Content.Kind, poll.Content.Lines, poll.Content.Poll = chat.KindPoll, chat.PollLines([]string{"週六早上", "Sunday"}), &chat.Poll{}
	db.update(t, func(tx *Tx) error { return tx.put(file, poll) })
	db.view(t, func(tx *Tx) error {
		for text, want := range map[string]int{"登山計畫": 1, "pdf": 1, "v2.pdf": 1, "週六": 1, "sunday": 1, "去年": 1, "週日": 0} {
			if rows, err := tx.Search(text, omega.ChatID{}, 9); len(rows) != want || err != nil {
				t.Errorf("%s: %q, %v, want %d", text, texts(rows), err, want)
			}
		}
		return nil
	})
}

// TestReindex makes the index anew where another version wrote it.
func TestReindex(t *testing.T) {
	db := openTest(t)
	db.update(t, func(tx *Tx) error {
		must(t, tx.put(message(1, "臺灣"), message(2, "高雄"), message(3, "臺中"), message(4, "基隆")))
		must(t, tx.do(operation(5, 2, &chat.Content{Kind: chat.KindEdit, Text: "花蓮", Edit: &chat.Edit{Target: message(2, "高雄").Link(), Version: 1}}),
			operation(6, 2, &chat.Content{Kind: chat.KindDelete, Delete: &chat.Delete{Targets: []chat.Link{message(3, "臺中").Link()}}})))
		_, err := tx.exec("test", `INSERT INTO word (word) VALUES ('delete-all')`)
		must(t, err)
		return tx.SetSetting(settingIndex, []byte("1"))
	})
	must(t, db.Close())
	db = reopen(t, db.path)
	db.view(t, func(tx *Tx) error {
		for text, want := range map[string]int{"台": 1, "花蓮": 1, "高雄": 0, "基隆": 1} {
			if rows, err := tx.Search(text, omega.ChatID{}, 9); len(rows) != want || err != nil {
				t.Errorf("%s: %q, %v", text, texts(rows), err)
			}
		}
		if n, _, err := tx.Count(&Query{From: fp(2)}); n != 3 || err != nil {
			t.Errorf("%d messages of one sender, %v: that which was taken back is none", n, err)
		}
		return nil
	})
}

func TestSpans(t *testing.T) {
	for _, tt := range []struct {
		text, query string
		want        []Span
	}{
		{"我在臺北車站，台北！", "台北", []Span{{2, 2}, {7, 2}}},
		{"😀 臺灣", "湾", []Span{{4, 1}}},
		{"😀😀", "😀", []Span{{0, 4}}},
		{"Hello hello othello", "HEL", []Span{{0, 3}, {6, 3}}},
		{"ＡＢＣ", "abc", []Span{{0, 3}}},
		{"a\u200bbc", "abc", []Span{{0, 4}}},
		{"台北車站", "台北 北車", []Span{{0, 3}}},
		{"c++ and a-b", "a-b", []Span{{4, 1}, {8, 3}}},
		{"nothing", "別的", nil},
		{"", "x", nil},
	} {
		if got := Spans(tt.text, tt.query); !slices.Equal(got, tt.want) {
			t.Errorf("%q in %q: %v, want %v", tt.query, tt.text, got, tt.want)
		}
	}
}

// FuzzSpans: spans are in order, apart, and inside the text.
func FuzzSpans(f *testing.F) {
	f.Add("我在臺北車站，台北！", "台北")
	f.Add("a\xffb\u200b", "a b")
	f.Fuzz(func(t *testing.T, text, query string) {
		size := 0
		for _, r := range text {
			size++
			if r > 0xffff {
				size++
			}
		}
		end := 0
		for i, s := range Spans(text, query) {
			if s.Length <= 0 || s.Offset < end || i > 0 && s.Offset == end || s.Offset+s.Length > size {
				t.Fatalf("%v in %q (%d units)", s, text, size)
			}
			end = s.Offset + s.Length
		}
	})
}

// TestDates jumps to a date, and tells the days on which somebody wrote.
func TestDates(t *testing.T) {
	db := openTest(t)
	taipei := time.FixedZone("", 8*3600)
	noon := time.Date(2026, 3, 1, 12, 0, 0, 0, taipei)
	c := message(1, "").Chat
	db.update(t, func(tx *Tx) error {
		for i, at := range []time.Time{noon.AddDate(0, 0, 4), noon, noon.Add(time.Hour), noon.Add(13 * time.Hour), noon.AddDate(0, 2, 0)} {
			r := message(i+1, "x")
			r.Time, r.Received, r.Device = at, at, fp(byte(3+i))
			must(t, tx.put(r))
		}
		return nil
	})
	db.view(t, func(tx *Tx) error {
		rows, err := tx.From(c, noon.Add(time.Minute), 3)
		if got := sequences(rows); !slices.Equal(got, []int{3, 4, 1}) || err != nil {
			t.Errorf("from a date on: %v, %v", got, err)
		}
		if rows, err := tx.From(c, noon.AddDate(1, 0, 0), 3); len(rows) != 0 || err != nil {
			t.Errorf("after the end: %v, %v", rows, err)
		}
		if _, err := tx.From(omega.ChatID{1}, noon, 3); !notFound(err) {
			t.Errorf("no such chat: %v", err)
		}
		days, err := tx.Days(c, noon, noon.AddDate(0, 1, 0))
		var got []string
		for _, d := range days {
			got = append(got, fmt.Sprint(d.Date.Format(time.RFC3339), " ", d.Messages, " ", d.First[2]))
		}
		if want := []string{"2026-03-01T00:00:00+08:00 2 2", "2026-03-02T00:00:00+08:00 1 4", "2026-03-05T00:00:00+08:00 1 1"}; !slices.Equal(got, want) || err != nil {
			t.Errorf("days %q, %v, want %q", got, err, want)
		}
		return nil
	})
}

// words are frequent ones of chats; texts of benchmarks are made of them, the
// first ones oftenest.
var frequent = strings.Fields(`的 我 你 是 了 不 在 有 好 就 也 都 要 這 人 會 到 說 去 可以 什麼 今天 明天 沒有 一起 謝謝 台灣 臺北 車站 吃飯 時間 公司 知道 覺得 大家
	晚上 早上 下午 星期 高雄 台中 捷運 高鐵 火車 咖啡 便當 珍珠奶茶 夜市 老師 學生 考試 會議 報告 專案 客戶 電影 音樂 手機 電腦 網路 伺服器 訊息 貼圖 照片 影片 檔案 天氣 下雨 颱風
	地震 醫院 健保 身分證 銀行 轉帳 郵局 包裹 超商 取貨 付款 折扣 特價 冰箱 洗衣機 房租 水電 管理費 停車場 機車 騎車 加油 罰單 里長 選舉 新聞 棒球 籃球 羽球 健身房 爬山 海邊
	墾丁 花蓮 台東 阿里山 日月潭 溫泉 民宿 機票 護照 日本 東京 大阪 韓國 媽媽 爸爸 阿公 阿嬤 弟弟 妹妹 哥哥 姊姊 同學 朋友 老闆 同事 鄰居 貓咪 狗狗 OK haha lol meeting deadline`)

// typical makes up a text like those that people write.
func typical(r *rand.Rand, z *rand.Zipf) string {
	var b strings.Builder
	for range 4 + r.IntN(14) {
		b.WriteString(frequent[z.Uint64()])
		if r.IntN(6) == 0 {
			b.WriteString("，")
		}
		if r.IntN(5) == 0 { // rare words: any two characters
			b.WriteRune(rune(0x4e00 + r.IntN(6000)))
			b.WriteRune(rune(0x4e00 + r.IntN(6000)))
		}
	}
	return b.String()
}

// large is a database of n typical messages in 50 chats, over four years.
func large(tb testing.TB, n int) *DB {
	db := openTest(tb)
	r := rand.New(rand.NewPCG(1, 2))
	z := rand.NewZipf(r, 1.1, 3, uint64(len(frequent)-1))
	for at := 0; at < n; {
		db.update(tb, func(tx *Tx) error {
			for range min(5000, n-at) {
				at++
				m := message(at, typical(r, z))
				m.Chat = omega.ChatID{byte(r.IntN(50))}
				m.From = fp(byte(m.Chat[0]) + 10)
				m.Time = testTime.Add(-time.Duration(n-at) * (4 * 365 * 24 * time.Hour / time.Duration(n)))
				if at == n/2 {
					m.Content.Text += "針在乾草堆"
				}
				must(tb, tx.put(m))
			}
			return nil
		})
	}
	return db
}

// BenchmarkSearch200k is what a person waits for after a letter in the search
// box, over 200,000 messages. The goal is 20 ms.
func BenchmarkSearch200k(b *testing.B) {
	db := large(b, 200_000)
	chatOf := func(n byte) omega.ChatID { return omega.ChatID{n} }
	for _, bb := range []struct {
		name  string
		q     Query
		count bool
	}{
		{"one frequent character", Query{Text: "我"}, false},
		{"one character", Query{Text: "灣"}, false},
		{"two", Query{Text: "台灣"}, false},
		{"four", Query{Text: "珍珠奶茶"}, false},
		{"once", Query{Text: "乾草堆"}, false},
		{"none", Query{Text: "沒有這回事喔"}, false},
		{"letters", Query{Text: "dead"}, false},
		{"two words", Query{Text: "台灣 咖啡"}, false},
		{"in a chat", Query{Text: "台灣", Chat: chatOf(7)}, false},
		{"frequent in a chat", Query{Text: "我", Chat: chatOf(7)}, false},
		{"of a sender", Query{Text: "我", From: fp(17)}, false},
		{"not of this sender", Query{Text: "我", Chat: chatOf(7), From: fp(18)}, false},
		{"in old months", Query{Text: "我", Since: testTime.AddDate(-3, 0, 0), Until: testTime.AddDate(-3, 1, 0)}, false},
		{"count frequent", Query{Text: "我"}, true},
		{"count", Query{Text: "台灣"}, true},
		{"count in old months", Query{Text: "我", Since: testTime.AddDate(-3, 0, 0), Until: testTime.AddDate(-3, 1, 0)}, true},
	} {
		b.Run(bb.name, func(b *testing.B) {
			var n int
			for b.Loop() {
				db.view(b, func(tx *Tx) error {
					found, err := tx.Find(&bb.q, 50)
					must(b, err)
					n = len(found.Rows)
					if bb.count {
						n, _, err = tx.Count(&bb.q)
					}
					return err
				})
			}
			b.ReportMetric(float64(n), "found")
		})
	}
	b.Run("jump to a date", func(b *testing.B) {
		for b.Loop() {
			db.view(b, func(tx *Tx) error {
				_, err := tx.From(chatOf(7), testTime.AddDate(-2, 0, 0), 50)
				return err
			})
		}
	})
	b.Run("days of a month", func(b *testing.B) {
		for b.Loop() {
			db.view(b, func(tx *Tx) error {
				_, err := tx.Days(chatOf(7), testTime.AddDate(-2, 0, 0), testTime.AddDate(-2, 1, 0))
				return err
			})
		}
	})
	b.Run("open", func(b *testing.B) {
		must(b, db.Close())
		for b.Loop() {
			again, err := Open(b.Context(), db.path)
			must(b, err)
			must(b, again.View(b.Context(), func(tx *Tx) error {
				_, err := tx.Chats()
				must(b, err)
				_, err = tx.Page(chatOf(7), omega.ID{}, 50)
				return err
			}))
			must(b, again.Close())
		}
	})
}
