package whole

import (
	"context"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"

	"github.com/omega-im/omega/client"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/internal/i18n"
	"github.com/omega-im/omega/tui"
)

// A terminal is what a terminal face was given and has written.
type terminal struct {
	t    *testing.T
	keys *io.PipeWriter
	mu   sync.Mutex
	out  strings.Builder // guarded by mu
	done chan error
}

// Write implements io.Writer.
func (s *terminal) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.out.Write(b)
}

// shown is the text of all that was written.
func (s *terminal) shown() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return ansi.Strip(s.out.String())
}

// types types, as a terminal sends it.
func (s *terminal) types(text string) {
	s.t.Helper()
	if _, err := io.WriteString(s.keys, text); err != nil {
		s.t.Fatal(err)
	}
}

// wants waits until a text was shown.
func (s *terminal) wants(text string) {
	s.t.Helper()
	deadline := time.Now().Add(patience)
	for !strings.Contains(s.shown(), text) {
		if time.Now().After(deadline) {
			s.t.Fatalf("the terminal has not shown %q, but\n%s", text, s.shown())
		}
		time.Sleep(poll)
	}
}

// openTerminal shows a person's home in a terminal.
func (d *device) openTerminal(t *testing.T) *terminal {
	t.Helper()
	entry := client.NewEntry(client.EntryConfig{Config: d.cfg})
	in, keys := io.Pipe()
	s := &terminal{t: t, keys: keys, done: make(chan error, 1)}
	opts := tui.Options{Lang: i18n.Chinese, Theme: "dark", Images: "none", Notify: "off", In: in, Out: s, Width: 100, Height: 30, Downloads: t.TempDir(), Scratch: t.TempDir()}
	ctx, cancel := context.WithCancel(t.Context())
	go func() { s.done <- tui.Run(ctx, entry, opts) }()
	t.Cleanup(func() {
		cancel()
		keys.Close()
		entry.Close()
	})
	return s
}

// Keys, as terminals send them.
const (
	keyEnter = "\r"
	keyF2    = "\x1bOQ"
	ctrlN    = "\x0e"
	ctrlQ    = "\x11"
)

// TestTerminalFace: the face in a terminal with a core of its own, on a real cloud: a
// contact is added, texts go and come, what was read is said, and what was begun is kept.
func TestTerminalFace(t *testing.T) {
	ann := newPerson(t, "ann", cloud[0].address())
	bob := newPerson(t, "bob", cloud[1].address())
	ann.close(t)
	s := ann.openTerminal(t)
	s.wants("還沒有聊天")
	s.types(ctrlN)
	s.wants("加入聯絡人")
	s.types(keyEnter)
	s.wants("對方的連結或指紋")
	s.types(bob.account.String() + keyEnter)
	s.wants("一般聊天：速度優先，不保證安全")
	s.types("哈囉，我在終端機裡" + keyEnter)
	got := bob.receive(t, 1)
	if got[0].Text != "哈囉，我在終端機裡" || !got[0].Verified || got[0].From != ann.account {
		t.Errorf("bob got %+v", got[0])
	}
	bob.confirm(t, got)
	s.wants("已讀") // bob has seen it
	id := bob.send(t, ann, "看得到嗎？", "stored")
	s.wants("看得到嗎？")
	bob.awaitState(t, ann, id, clientrpc.StateRead) // ann looks at the chat

	s.types(keyF2)
	s.wants("帳號、裝置、設定")
	s.types("jjj" + keyEnter)
	s.wants("核准新裝置")
	s.wants("first")
	s.types("q")
	s.types("寫到一半")
	s.wants("寫到一半")
	s.types(ctrlQ)
	if err := <-s.done; err != nil {
		t.Fatal(err)
	}
	ann.open(t)
	c, err := clientrpc.OneChat.Call(t.Context(), ann.conn, clientrpc.ChatRef{Chat: bob.account.String()})
	if err != nil || c.Draft != "寫到一半" {
		t.Errorf("the draft is %q, %v", c.Draft, err)
	}
}
