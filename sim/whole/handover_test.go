package whole

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/client"
	"github.com/omega-im/omega/clientrpc"
)

// linkWithHistory is link, and the new device gets what is here.
func (d *device) linkWithHistory(t *testing.T, address string) *device {
	t.Helper()
	d2 := &device{cfg: d.cfg, account: d.account}
	d2.cfg.Home = filepath.Join(t.TempDir(), d.cfg.Name+"-second")
	text, approved := make(chan string, 1), make(chan error, 1)
	go func() {
		_, err := clientrpc.Approve.Call(t.Context(), d.conn, clientrpc.ApproveParams{Text: <-text, History: true})
		approved <- err
	}()
	info, err := client.Link(t.Context(), client.LinkConfig{Config: d2.cfg, Server: address, DeviceName: "second", Show: func(s string) { text <- s }})
	must(t, err)
	must(t, <-approved)
	d2.fpr = info.Device
	d2.open(t)
	d2.online(t)
	return d2
}

// handover is how a history stands at a device.
func (d *device) handover(t *testing.T, gives bool) (out clientrpc.Handover) {
	t.Helper()
	r, err := clientrpc.Handovers.Call(t.Context(), d.conn, clientrpc.None{})
	must(t, err)
	i := slices.IndexFunc(r.Handovers, func(h clientrpc.Handover) bool { return h.Gives == gives })
	if i >= 0 {
		out = r.Handovers[i]
	}
	return out
}

// A seenMessage is what two devices of an account must show alike.
type seenMessage struct {
	id                          omega.ID
	kind, text, reactions, poll string
	verified, deleted, imported bool
	edited                      time.Time
}

func alike(list []clientrpc.Message) (out []seenMessage) {
	for _, m := range list {
		s := seenMessage{id: m.ID, kind: m.Kind, text: m.Text, verified: m.Verified, deleted: m.Deleted, imported: m.Imported, edited: m.Edited}
		for _, r := range m.Reactions {
			s.reactions += r.From.String() + ":" + r.Emoji[0] + " "
		}
		if m.Poll != nil {
			for _, o := range m.Poll.Options {
				s.poll += o.Text + " "
			}
		}
		out = append(out, s)
	}
	return out
}

func (d *device) chatHistory(t *testing.T, chat string) []clientrpc.Message {
	t.Helper()
	r, err := clientrpc.History.Call(t.Context(), d.conn, clientrpc.HistoryParams{Chat: chat, Count: 200})
	if err != nil {
		t.Fatalf("history of %s: %v", d.cfg.Name, err)
	}
	return r.Messages
}

// TestHistoryGoesAlong: a device that is linked shows what the old one shows, in its
// order and with what was said of it, whatever comes meanwhile; what comes twice is there
// once, and what was not read is not read.
func TestHistoryGoesAlong(t *testing.T) {
	t.Parallel()
	a, b, c := newPerson(t, "a", cloud[0].address()), newPerson(t, "b", cloud[1].address()), newPerson(t, "c", cloud[2].address())
	a.send(t, b, "one", "delivered")
	two := b.send(t, a, "two", "delivered")
	three := a.send(t, b, "three, taken back", "delivered")
	wantVerified(t, a.receive(t, 1), "two")
	wantVerified(t, b.receive(t, 2), "one", "three, taken back")
	ref := func(id omega.ID) clientrpc.MessageRef { return clientrpc.MessageRef{Message: id} }
	wait := clientrpc.Delivery{Wait: "delivered", Timeout: patience}
	_, err := clientrpc.Edit.Call(t.Context(), b.conn, clientrpc.EditParams{ID: newID(), MessageRef: ref(two), Text: "two, edited", Delivery: wait})
	must(t, err)
	_, err = clientrpc.React.Call(t.Context(), a.conn, clientrpc.ReactParams{ID: newID(), MessageRef: ref(two), Emoji: []string{"👍"}, Delivery: wait})
	must(t, err)
	_, err = clientrpc.Remove.Call(t.Context(), a.conn, clientrpc.RemoveParams{ID: newID(), Messages: []omega.ID{three}, Delivery: wait})
	must(t, err)
	_, err = clientrpc.Ask.Call(t.Context(), b.conn, clientrpc.AskParams{ID: newID(), To: a.account.String(), Question: "tea?", Options: []string{"yes", "no"}, Delivery: wait})
	must(t, err)
	b.send(t, b, "a note to myself", "none")
	g := newGroup(t, "hikers", false, b, a, c)
	b.say(t, g, "who comes?")
	a.hears(t, g, "who comes?")
	a.say(t, g, "I do")
	b.hears(t, g, "who comes?", "I do")
	b.receiveAll(t, "I do")
	file := filepath.Join(t.TempDir(), "line.txt")
	must(t, os.WriteFile(file, []byte("[LINE] 與小明的聊天記錄\n儲存日期：2026/11/22 13:20\n\n2026/11/20（五）\n09:00\t小明\t早安\n09:01\t我\t早\n"), 0o600))
	imported, err := clientrpc.ImportFile.Call(t.Context(), b.conn, clientrpc.ImportParams{Path: file, Zone: 8 * 3600})
	must(t, err)
	if imported.Messages != 2 {
		t.Fatalf("imported %+v", imported)
	}
	a.send(t, b, "not read yet", "delivered")

	b2 := b.linkWithHistory(t, cloud[3].address())
	a.know(t, b)
	a.send(t, b, "while it travels", "delivered")
	until(t, "the new device has it all", func() bool { return b2.handover(t, false).State == clientrpc.HandoverDone })
	until(t, "the old device knows", func() bool { return b.handover(t, true).State == clientrpc.HandoverDone })
	if h := b2.handover(t, false); h.Messages == 0 || h.Taken != h.Messages || h.Device != b.fpr || h.DeviceName != "first" || h.Why != "" {
		t.Errorf("handover %+v", h)
	}
	until(t, "what came meanwhile is at both", func() bool {
		return slices.Contains(texts(b2.history(t, a)), "while it travels") && slices.Contains(texts(b.history(t, a)), "while it travels")
	})

	chats := func(d *device) (out []string) {
		r, err := clientrpc.Chats.Call(t.Context(), d.conn, clientrpc.Page{})
		must(t, err)
		for _, ch := range r.Chats {
			out = append(out, ch.ID.String())
		}
		slices.Sort(out)
		return out
	}
	if got, want := chats(b2), chats(b); !slices.Equal(got, want) {
		t.Errorf("chats %q, want %q", got, want)
	}
	for _, id := range chats(b) {
		got, want := alike(b2.chatHistory(t, id)), alike(b.chatHistory(t, id))
		// What a device noted of others stays with it.
		noted := func(m seenMessage) bool {
			return m.kind == clientrpc.DeviceAdded || strings.HasPrefix(m.kind, "group-")
		}
		got, want = slices.DeleteFunc(got, noted), slices.DeleteFunc(want, noted)
		if !slices.Equal(got, want) {
			t.Errorf("chat %s:\n got %+v\nwant %+v", id, got, want)
		}
	}
	wantVerified(t, b2.receive(t, 2), "not read yet", "while it travels")
	found, err := clientrpc.Search.Call(t.Context(), b2.conn, clientrpc.SearchParams{Text: "早安"})
	if err != nil || len(found.Messages) != 1 {
		t.Errorf("the new device finds %+v, %v", found, err)
	}
	// Edits and answers to what came along are about it.
	_, err = clientrpc.React.Call(t.Context(), b2.conn, clientrpc.ReactParams{ID: newID(), MessageRef: ref(two), Emoji: []string{"🎉"}, Delivery: wait})
	must(t, err)
	if _, err := os.Stat(filepath.Join(b.cfg.Home, "media")); err == nil {
		until(t, "nothing of it is left in the cache", func() bool {
			list, err := os.ReadDir(filepath.Join(b.cfg.Home, "media"))
			return err == nil && len(list) == 0
		})
	}
	// Only devices that were there before have a history for others.
	_, err = clientrpc.GiveHistory.Call(t.Context(), b.conn, clientrpc.GiveHistoryParams{Device: b.fpr})
	wantCode(t, err, clientrpc.CodeUsage)
	_, err = clientrpc.GiveHistory.Call(t.Context(), b.conn, clientrpc.GiveHistoryParams{Device: a.fpr})
	wantCode(t, err, clientrpc.CodeNotFound)
}
