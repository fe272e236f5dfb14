package client

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"slices"
	"sync"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/history"
)

// A happening is an event before somebody asks for it.
type happening struct {
	name string
	data any
}

// happenings are the last events of this run, for faces that come for them. Faces
// share them and have nothing of their own here: one that is slow, or gone, costs
// nothing and holds up nobody.
type happenings struct {
	run  string // names this run of the core
	news notice

	mu     sync.Mutex
	last   uint64       // number of the newest event; guarded by mu
	kept   []happening  // the events up to it, fewer than 2*MaxEvents; guarded by mu
	online *onlineState // what was said last of the connection; guarded by mu
}

// An onlineState tells one ConnectionEvent from another.
type onlineState struct{ server, name, problem string }

func newHappenings() *happenings {
	return &happenings{run: rand.Text()}
}

// add takes events in, the oldest first. It does not block.
func (h *happenings) add(list ...happening) {
	if len(list) == 0 {
		return
	}
	h.mu.Lock()
	h.last += uint64(len(list))
	h.kept = append(h.kept, list...)
	if over := len(h.kept) - clientrpc.MaxEvents; over >= clientrpc.MaxEvents {
		h.kept = slices.Delete(h.kept, 0, over)
	}
	h.mu.Unlock()
	h.news.notify()
}

// lose says that events were too many to be kept.
func (h *happenings) lose() {
	h.mu.Lock()
	h.last++
	h.kept = nil
	h.mu.Unlock()
	h.news.notify()
}

// after returns at most n events behind one, or why there are none to go on with.
func (h *happenings) after(run string, number uint64, n int) (list []happening, out clientrpc.FollowResult) {
	h.mu.Lock()
	defer h.mu.Unlock()
	out = clientrpc.FollowResult{Run: h.run, Last: h.last, Events: []clientrpc.Event{}}
	switch {
	case run == "":
		out.Reset = clientrpc.ResetStart
	case run != h.run || number > h.last:
		out.Reset = clientrpc.ResetRun
	case h.last-number > uint64(len(h.kept)):
		out.Reset = clientrpc.ResetLate
	default:
		list = h.kept[uint64(len(h.kept))-(h.last-number):]
		list = slices.Clone(list[:min(n, len(list))])
		out.Last = number + uint64(len(list))
	}
	return list, out
}

// followEvents answers clientrpc.Follow.
func (c *Client) followEvents(ctx context.Context, p clientrpc.FollowParams) (clientrpc.FollowResult, error) {
	n := pageOf(clientrpc.Page{Count: p.Count})
	var deadline <-chan time.Time
	if p.Timeout > 0 {
		deadline = time.After(p.Timeout)
	}
	for {
		news := c.events.news.wait()
		list, out := c.events.after(p.Run, p.After, n)
		if len(list) > 0 || out.Reset != "" || p.Timeout <= 0 {
			err := c.writeOut(ctx, list, &out)
			return out, err
		}
		select {
		case <-news:
		case <-deadline:
			return out, nil
		case <-ctx.Done():
			return out, context.Cause(ctx)
		}
	}
}

// writeOut gives events the form in which they travel, with what is read only when
// somebody asks.
func (c *Client) writeOut(ctx context.Context, list []happening, out *clientrpc.FollowResult) error {
	if len(list) == 0 {
		return nil
	}
	first := out.Last - uint64(len(list)) + 1
	return c.db.View(ctx, func(tx *history.Tx) error {
		muted, err := mutedChats(tx, c.cfg.now())
		if err != nil {
			return err
		}
		for i, h := range list {
			data := h.data
			switch d := data.(type) {
			case clientrpc.NewMessageEvent:
				data, err = c.lookAtNew(tx, d, muted)
			case clientrpc.StateEvent:
				data, err = c.lookAtState(tx, d)
			}
			if err != nil {
				return err
			}
			b, err := json.Marshal(data)
			if err != nil {
				return err
			}
			out.Events = append(out.Events, clientrpc.Event{Number: first + uint64(i), Name: h.name, Data: b})
		}
		return nil
	})
}

// mutedChats are the chats of which the person is not told now.
func mutedChats(tx *history.Tx, now time.Time) (map[omega.ChatID]bool, error) {
	out := map[omega.ChatID]bool{}
	list, err := tx.SettingsOf(chat.SettingMuted)
	for _, s := range list {
		var id omega.ChatID
		copy(id[:], s.Subject)
		out[id] = chat.MomentOf(s.Value).After(now)
	}
	return out, err
}

// lookAtNew says of a new message whether the person is to be told. It may be gone
// by now, or read.
func (c *Client) lookAtNew(tx *history.Tx, e clientrpc.NewMessageEvent, muted map[omega.ChatID]bool) (any, error) {
	rows, err := tx.InChat(e.Chat, e.Message)
	i := slices.IndexFunc(rows, func(r history.Row) bool { return r.Own == e.Own && r.From == e.From })
	if err != nil || i < 0 || e.Own {
		return e, err
	}
	r := &rows[i]
	e.Mentioned = r.Mentioned
	e.Notify = !r.Printed && !r.Service && (e.Mentioned || !muted[e.Chat])
	e.Silent = e.Notify && r.Content.Silent
	return e, nil
}

// lookAtState says how far a message is.
func (c *Client) lookAtState(tx *history.Tx, e clientrpc.StateEvent) (any, error) {
	if e.Message.IsZero() {
		return e, nil
	}
	rows, err := tx.InChat(e.Chat, e.Message)
	i := slices.IndexFunc(rows, func(r history.Row) bool { return r.Own })
	if err != nil || i < 0 {
		return e, err
	}
	var m clientrpc.Message
	err = c.showReach(tx, &rows[i], &m)
	e.State, e.Delivered, e.ReadBy = rows[i].State, m.Delivered, m.ReadBy
	return e, err
}

// happened turns what a transaction changed into events; nil is more than can be told.
func (c *Client) happened(changes []history.Change) {
	if changes == nil {
		c.events.lose()
		return
	}
	begun := map[omega.ChatID]bool{} // direct chats that are new
	var list []happening
	for _, ch := range changes {
		message := clientrpc.MessageEvent{Chat: ch.Chat, Message: ch.Message}
		switch ch.What {
		case history.NewMessage:
			e := clientrpc.NewMessageEvent{MessageEvent: message, From: ch.Account, Own: ch.Account.IsZero() || ch.Account == c.acc.Fingerprint}
			if e.Own {
				e.From = c.acc.Fingerprint
			} else if begun[ch.Chat] {
				list = append(list, happening{clientrpc.Requested.Name, clientrpc.RequestEvent{Kind: clientrpc.RequestStranger, Chat: ch.Chat, Account: ch.Account}})
			}
			delete(begun, ch.Chat)
			list = append(list, happening{clientrpc.MessageNew.Name, e})
		case history.ChangedMessage:
			list = append(list, happening{clientrpc.MessageChanged.Name, message})
		case history.ChangedOrder:
			list = append(list, happening{clientrpc.OrderChanged.Name, clientrpc.ChatEvent{Chat: ch.Chat}})
		case history.GoneMessage:
			list = append(list, happening{clientrpc.MessageDeleted.Name, message})
		case history.MessageState:
			list = append(list, happening{clientrpc.MessageState.Name, clientrpc.StateEvent{Chat: ch.Chat, Message: ch.Message}})
		case history.NewChat:
			begun[ch.Chat] = !ch.Account.IsZero()
			fallthrough
		case history.ChangedChat:
			list = append(list, happening{clientrpc.ChatChanged.Name, clientrpc.ChatEvent{Chat: ch.Chat}})
		case history.ChangedFolders:
			list = append(list, happening{clientrpc.FoldersChanged.Name, clientrpc.None{}})
		case history.ChangedGroup:
			list = append(list, happening{clientrpc.GroupChanged.Name, clientrpc.ChatEvent{Chat: ch.Chat}})
		case history.NewRequest:
			list = append(list, happening{clientrpc.Requested.Name, clientrpc.RequestEvent{Kind: clientrpc.RequestJoin, Chat: ch.Chat, Account: ch.Account}})
		case history.ChangedScheduled:
			list = append(list, happening{clientrpc.ScheduledChanged.Name, clientrpc.None{}})
		case history.ChangedHandover:
			list = append(list, happening{clientrpc.HandoverChanged.Name, clientrpc.DeviceEvent{Device: ch.Account}})
		case history.ChangedName:
			list = append(list, happening{clientrpc.AccountChanged.Name, clientrpc.None{}})
		case history.ChangedDevices:
			list = append(list, happening{clientrpc.DevicesChanged.Name, clientrpc.None{}})
		case history.ChangedContact:
			list = append(list, happening{clientrpc.ContactChanged.Name, clientrpc.AccountEvent{Account: ch.Account}})
		case history.ChangedNotices:
			list = append(list, happening{clientrpc.Noticed.Name, clientrpc.AccountEvent{Account: ch.Account}})
		}
	}
	c.events.add(list...)
}

// connection is whether there is a session, and with whom.
func (c *Client) connection() clientrpc.ConnectionEvent {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := clientrpc.ConnectionEvent{Online: c.session != nil, Problem: c.problemError()}
	if e.Online {
		e.Server, e.ServerName = c.session.server, c.serverCalled(c.session.conn.Peer().Account)
	}
	return e
}

// tellConnection tells whether there is a session and with whom, if that changed.
func (c *Client) tellConnection() {
	e := c.connection()
	now := onlineState{server: e.Server, name: e.ServerName}
	if e.Problem != nil {
		now.problem = e.Problem.Code + " " + e.Problem.Why.Key
	}
	c.events.mu.Lock()
	same := c.events.online != nil && *c.events.online == now
	c.events.online = &now
	c.events.mu.Unlock()
	if !same {
		c.events.add(happening{clientrpc.Connected.Name, e})
	}
}
