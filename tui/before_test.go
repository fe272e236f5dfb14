package tui

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/internal/i18n"
)

// given has the core answer for what is before the first message of a group as it is said.
func given(f *fake, said *string, older *[]clientrpc.Message, fails *bool) {
	f.serve[clientrpc.History.Name] = func(b []byte) (any, error) {
		var p clientrpc.HistoryParams
		json.Unmarshal(b, &p)
		all := f.history[inGroup]
		if p.Before.IsZero() {
			return clientrpc.MessagesResult{Messages: all}, nil
		}
		switch {
		case *fails:
			return nil, &clientrpc.Error{Code: clientrpc.CodeOffline, Doing: i18n.T("doing.history", "x"), Why: i18n.T("why.notknown")}
		case p.Before == all[0].ID:
			return clientrpc.MessagesResult{Messages: *older, Earlier: *said}, nil
		}
		return clientrpc.MessagesResult{Earlier: *said}, nil
	}
}

// TestBeforeAll: where the history of a group begins it says what is before it, while
// members are asked and when they have answered; going up asks again where nobody had
// given it yet. (spec/group.md, GROUP-48)
func TestBeforeAll(t *testing.T) {
	f := world()
	said, older, fails := clientrpc.EarlierMissing, []clientrpc.Message(nil), false
	given(f, &said, &older, &fails)
	d := zh(t, f, 80, 40)
	d.held = true
	d.do(d.m.openChat(inGroup))
	asked := func() int { return f.count(clientrpc.History.Name) }
	d.release()
	d.wants("正在向成員要更早的訊息")
	d.held = false
	d.release()
	d.wants("還沒有成員給更早的訊息")
	n := asked()
	d.send(tickMsg{})
	d.press("pgdown")
	if asked() != n {
		t.Error("it asks again by itself")
	}
	older = []clientrpc.Message{in(said0(19, "更早的訊息在這"), clientrpc.Chat{ID: inGroup})}
	said = ""
	d.press("pgup")
	d.wants("更早的訊息在這")
	d.wants("沒有更早的訊息了")
	n = asked()
	d.press("pgup", "pgup")
	if asked() != n {
		t.Error("it asks though there is nothing")
	}
	for _, row := range []struct {
		said  string
		fails bool
		want  string
	}{{clientrpc.EarlierLost, false, "沒有成員有了"}, {"", true, "還沒有成員給"}} {
		said, older, fails = row.said, nil, row.fails
		d.do(d.m.openChat(withBob))
		d.do(d.m.openChat(inGroup))
		d.wants(row.want)
	}
	fails = false
	d.do(d.m.openChat(withBob))
	d.press("pgup", "pgup")
	if s := d.screen(); strings.Contains(s, "更早的訊息") {
		t.Errorf("a chat of two speaks of members:\n%s", s)
	}
}

// said0 is a text of a group from before this account came.
func said0(n int, text string) clientrpc.Message { return said(n, 4, "林大山", text, ago(300*60e9)) }

// TestBeforeOfOther: a page that was asked for before what is not at hand any more is not
// put in front of something else.
func TestBeforeOfOther(t *testing.T) {
	f := long(200)
	d := zh(t, f, 80, 24)
	d.do(d.m.openChat(withBob))
	c := &d.m.conv
	d.send(pageMsg{chat: withBob, turn: c.turn, where: before, target: omega.ID{9}, messages: []clientrpc.Message{said(1, 3, "陳怡君", "在別處", ago(0))}})
	if c.at(id(1)) >= 0 || c.ahead {
		t.Error("a page of another place was put in front")
	}
}
