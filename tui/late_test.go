package tui

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/omega-im/omega/clientrpc"
)

// TestLateAnswers: who answered too late is told that it does not count, and whether what it
// answered before does. (spec/chat.md, CHAT-105, CHAT-111)
func TestLateAnswers(t *testing.T) {
	const never, changed, line = "你投票時已經結束，那一票不算", "結束後才改的不算，算的是之前那一票", "接龍結束後才寫的不算"
	for _, row := range []struct {
		what             string
		late, mine, list bool
		want             string
	}{
		{what: "nothing was late"},
		{"a vote", true, false, false, never},
		{"a change of a vote", true, true, false, changed},
		{"a line", false, false, true, line},
	} {
		t.Run(row.what, func(t *testing.T) {
			f := world()
			poll, list := f.history[inGroup][1].Poll, f.history[inGroup][2].List
			poll.Closed, poll.Late, poll.Options[0].Mine = noon, row.late, row.mine
			list.Closed, list.Late = noon, row.list
			d := zh(t, f, 100, 60)
			d.do(d.m.openChat(inGroup))
			for _, text := range []string{never, changed, line} {
				if text == row.want {
					d.wants(text)
				} else {
					d.wantsNot(text)
				}
			}
		})
	}
}

// TestLookAgain: a group of which the core could not tell is asked for again, not at once.
func TestLookAgain(t *testing.T) {
	f, asked, fails := world(), 0, true
	f.serve[clientrpc.ShowGroup.Name] = func([]byte) (any, error) {
		if asked++; fails {
			return nil, notFound()
		}
		return clientrpc.Group{Chat: inGroup, Size: 5, Role: clientrpc.RoleMember, Channel: true}, nil
	}
	d, now := zh(t, f, 100, 24), noon
	d.m.now = func() time.Time { return now }
	update := func() { d.send(tea.WindowSizeMsg{Width: 100, Height: 24}) }
	update()
	if asked != 1 {
		t.Errorf("asked %d times at once", asked)
	}
	d.wantsNot("📢")
	fails, now = false, now.Add(listedAgain)
	update()
	d.wants("📢")
	now = now.Add(listedAgain)
	update()
	if asked != 2 {
		t.Errorf("asked %d times, want 2: it is known", asked)
	}
}

// TestSentInTurn: a text reaches the core when the one before it in the chat did, also where the
// effect of the later one runs first.
func TestSentInTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := zh(t, world(), 80, 24)
		d.do(d.m.openChat(withBob))
		d.m.focus = onComposer
		d.held = true
		for _, text := range []string{"one", "two"} {
			d.typing(text)
			d.press("enter")
		}
		var sent []string
		core := sendsOnly(func(p clientrpc.SendParams) { sent = append(sent, p.Text) })
		slices.Reverse(d.queue)
		for _, e := range d.queue {
			go e(t.Context(), core)
			synctest.Wait() // it waits, or it is over
		}
		if !slices.Equal(sent, []string{"one", "two"}) {
			t.Errorf("the core was sent %q", sent)
		}
	})
}

// sendsOnly is a core that takes texts.
type sendsOnly func(clientrpc.SendParams)

func (s sendsOnly) Close() error { return nil }

func (s sendsOnly) Call(_ context.Context, method string, req, _ any) error {
	if method == clientrpc.Send.Name {
		s(req.(clientrpc.SendParams))
	}
	return nil
}
