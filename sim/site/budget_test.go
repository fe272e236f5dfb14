package site

import (
	"bufio"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/omega-im/omega/internal/pagetest"
)

var (
	manyChats    = flag.Int("chats", 600, "chats of TestBudgets")
	slack        = flag.Float64("slack", 3, "by how much the times of TestBudgets may be longer than the budgets")
	profile      = flag.Bool("profile", false, "say where the time of TestBudgets goes")
	manyMessages = flag.Int("messages", 3000, "messages of the longest chat of TestBudgets")
)

// TestBudgets runs browser/budgets.mjs: what the web face costs, over a real core that
// was filled by an import. Processor time and counts are asked, since machines that run
// tests are busy; `make bench-ui` does the same with ten thousand chats, and a hundred
// thousand messages in one.
func TestBudgets(t *testing.T) {
	chromium, nodejs := pagetest.Need(t)
	noteChecks(t)
	noteFace(t)
	omega := buildOmega(t)
	cloud := startCloud(t, 1)
	home, env := newHome(t, cloud.nodes[0].ClientAddress())
	command := func(args ...string) []byte {
		cmd := exec.CommandContext(t.Context(), omega, append([]string{"--home", home}, args...)...)
		cmd.Env = env
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("omega %v: %v\n%s", args, err, out)
		}
		return out
	}
	command("init", "--name", "阿明", "--server", cloud.nodes[0].ClientAddress(), "--no-passphrase")
	file := filepath.Join(t.TempDir(), "result.json")
	writeArchive(t, file, *manyChats, *manyMessages)
	command("import", file)
	var me struct{ Fingerprint string }
	if err := json.Unmarshal(command("id", "--json"), &me); err != nil {
		t.Fatal(err)
	}
	command("send", "--to", me.Fingerprint, "停車位 B2-117") // somewhere to write without a server
	cloud.stop[0]()                                       // what follows is seen without a server
	f := startFace(t, omega, home, env)
	burst := newFixture(t)
	burst.burst = 10_000
	run(t, nodejs, "budgets.mjs", map[string]any{
		"chromium": chromium, "url": f.url, "chats": *manyChats, "messages": *manyMessages, "pid": f.pid, "profile": *profile, "slack": *slack,
		"burst": map[string]any{"url": serveFixture(t, burst), "events": burst.burst},
	}, nil, 9)
}

// writeArchive writes an export of Telegram: one chat of many messages, and chats of few.
func writeArchive(t *testing.T, path string, chats, messages int) {
	t.Helper()
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	w := bufio.NewWriter(file)
	begin := time.Date(2024, 1, 1, 8, 0, 0, 0, time.UTC)
	encode := func(v any) {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		w.Write(b) // errors stick
	}
	chat := func(n, size int) {
		fmt.Fprintf(w, `{"name":"聊天 %d","type":"personal_chat","id":%d,"messages":[`, n, n+1)
		for i := range size {
			if i > 0 {
				w.WriteByte(',')
			}
			at := begin.Add(time.Duration(n+i) * time.Minute)
			encode(map[string]any{"id": i + 1, "type": "message", "date": at.Format("2006-01-02T15:04:05"), "date_unixtime": fmt.Sprint(at.Unix()),
				"from": []string{"小美", "阿明"}[i%2], "from_id": fmt.Sprint("user", i%2), "text": sentence(i)})
		}
		w.WriteString("]}")
	}
	w.WriteString(`{"chats":{"list":[`)
	chat(0, messages)
	for n := 1; n < chats; n++ {
		w.WriteByte(',')
		chat(n, 2)
	}
	w.WriteString("]}}")
	if err := errors.Join(w.Flush(), file.Close()); err != nil {
		t.Fatal(err)
	}
}

// sentence is a text of its own length for each number.
func sentence(i int) string {
	words := []string{"今天", "合歡山", "下雨", "記得", "帶傘", "早上六點", "台中火車站", "集合", "好的", "沒問題", "晚點再說", "哈哈"}
	text := fmt.Sprintf("第%d句：", i)
	for k := range 2 + i*7%23 {
		text += words[(i*5+k*3)%len(words)]
	}
	return text
}
