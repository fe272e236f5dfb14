package e2e

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// BenchmarkStart starts `omega` on a home with 200,000 messages in 50 chats, as a
// process of its own: the list of chats, the last page of one, and a search with how
// many there are. The target is 0.3 s for the first two together.
func BenchmarkStart(b *testing.B) {
	dir := b.TempDir()
	home, file := filepath.Join(dir, "home"), filepath.Join(dir, "result.json")
	if err := writeTelegram(file, 50, 4000); err != nil {
		b.Fatal(err)
	}
	var used time.Duration
	omega := func(args ...string) []byte {
		b.Helper()
		cmd := exec.Command(filepath.Join(bin, "omega"), append([]string{"--home", home, "--json"}, args...)...)
		cmd.Env = append(os.Environ(), "LANG=C")
		out, err := cmd.Output()
		if err != nil {
			b.Fatalf("omega %q: %v", args, err)
		}
		used += cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
		return out
	}
	omega("init", "--name", "小明", "--no-passphrase", "--server", shared.servers[0].Client)
	omega("import", file)
	var chat struct {
		ID string `json:"chat"`
	}
	list := omega("chats")
	if err := json.Unmarshal(list[:bytes.IndexByte(list, '\n')], &chat); err != nil {
		b.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		args [][]string
	}{
		{"first page", [][]string{{"chats"}, {"history", "--chat", chat.ID}}},
		{"search", [][]string{{"search", "台北車站"}}},
		{"search, counted", [][]string{{"search", "--total", "台北車站"}}},
	} {
		b.Run(tt.name, func(b *testing.B) {
			used = 0
			for b.Loop() {
				for _, args := range tt.args {
					if len(omega(args...)) == 0 {
						b.Fatalf("omega %q prints nothing", args)
					}
				}
			}
			b.ReportMetric(float64(used)/float64(b.N), "cpu-ns/op")
		})
	}
}

// writeTelegram writes an export of so many chats with n messages each.
func writeTelegram(path string, chats, n int) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	w := bufio.NewWriter(f)
	fmt.Fprint(w, `{"chats":{"list":[`)
	for c := range chats {
		if c > 0 {
			fmt.Fprint(w, ",")
		}
		fmt.Fprintf(w, `{"name":"聊天 %d","type":"private_group","id":%d,"messages":[`, c, c+1)
		for i := range n {
			if i > 0 {
				fmt.Fprint(w, ",")
			}
			at := time.Date(2022, 1, 1, 0, i*chats+c, 0, 0, time.UTC)
			fmt.Fprintf(w, `{"id":%d,"type":"message","date":"%s","date_unixtime":"%d","from":"小華","from_id":"user%d","text":"第 %d 則：%s"}`,
				i+1, at.Format("2006-01-02T15:04:05"), at.Unix(), i%5+1, i, phrases[i%len(phrases)])
		}
		fmt.Fprint(w, "]}")
	}
	fmt.Fprint(w, "]}}")
	return w.Flush()
}

var phrases = []string{"明天早上十點在台北車站見面", "晚餐想吃什麼？", "我到家了，謝謝你", "會議改到星期三下午", "這張照片拍得真好", "高鐵票買好了", "生日快樂！", "記得帶傘"}
