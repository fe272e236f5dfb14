package client

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/history"
	"github.com/omega-im/omega/internal/i18n"
	"github.com/omega-im/omega/wire"
)

// pageMax bounds the messages of one answer.
const pageMax = 200

// receive returns messages from others that were not confirmed yet. They are
// held for the caller, so that two callers do not get the same ones.
func (c *Client) receive(ctx context.Context, p clientrpc.ReceiveParams) (clientrpc.ReceiveResult, error) {
	n := min(p.Count, pageMax)
	if n <= 0 {
		n = 100
	}
	var deadline <-chan time.Time
	if p.Timeout > 0 {
		deadline = time.After(p.Timeout)
	}
	for {
		changed := c.changed.wait()
		left, attached := c.caughtUp() // before the look: what came until then is seen
		out, again, err := c.unprinted(ctx, n)
		var news []clientrpc.DeviceNews
		if err == nil && p.News {
			news, err = c.unseenNews(ctx, p.NewsAfter)
		}
		if err != nil || len(out) > 0 || len(news) > 0 || p.Timeout <= 0 {
			return clientrpc.ReceiveResult{Messages: out, News: news, Waiting: c.arrivals.waiting()}, err
		}
		if again.IsZero() && !c.gone().IsZero() {
			return clientrpc.ReceiveResult{}, explain(i18n.T("doing.receive"), errDeleted)
		}
		var late, settled <-chan time.Time // nil: nothing waits for its turn, or to be here
		if !again.IsZero() {
			late = time.After(again.Sub(c.cfg.now()))
		}
		if p.Settle && attached {
			if left <= 0 && again.IsZero() {
				return clientrpc.ReceiveResult{CaughtUp: true}, nil
			}
			settled = time.After(max(left, time.Millisecond))
		}
		select {
		case <-changed:
		case <-late:
		case <-settled:
		case <-deadline:
			return c.notReceived(), nil
		case <-ctx.Done():
			return clientrpc.ReceiveResult{}, context.Cause(ctx)
		}
	}
}

// notReceived is the answer when the time is over.
func (c *Client) notReceived() clientrpc.ReceiveResult {
	_, attached := c.caughtUp()
	c.mu.Lock()
	defer c.mu.Unlock()
	out := clientrpc.ReceiveResult{Problem: c.problemError()}
	if c.session == nil || attached {
		return out
	}
	for home, s := range c.homes {
		if !s.attached {
			out.Problem = HomeProblem(home, s.code.String())
		}
	}
	return out
}

// HomeProblem says why a home has not taken this device's lease. code is what it
// answered, "" if nothing.
func HomeProblem(home omega.Fingerprint, code string) *clientrpc.Error {
	why := i18n.T("why.homecode", code)
	switch code {
	case "":
		why = i18n.T("why.homesilent")
	case omega.CodeUnavailable.String(), omega.CodeShutdown.String():
		why = i18n.T("why.homedown")
	}
	return &clientrpc.Error{Code: clientrpc.CodeOffline, Doing: i18n.T("doing.home", home), Why: why, Next: i18n.T("next.home")}
}

// unprinted takes hold of at most n messages that nobody else holds. again is
// when messages that wait for their turn come without it.
func (c *Client) unprinted(ctx context.Context, n int) (out []clientrpc.Message, again time.Time, err error) {
	c.holding.Lock()
	defer c.holding.Unlock()
	now := c.cfg.now()
	by := callerOf(ctx)
	for position, l := range c.held {
		if !now.Before(l.until) {
			delete(c.held, position)
		}
	}
	var taken []int64
	o := newOrdering(now)
	// More than n: some may have to wait, or are held.
	for limit := n + len(c.held) + pageMax/2; ; limit *= 4 {
		more := false
		err = c.db.View(ctx, func(tx *history.Tx) error {
			rows, err := tx.Unprinted(limit)
			if err != nil {
				return err
			}
			more = len(rows) == limit
			if rows, err = o.inOrder(ctx, tx, rows); err != nil {
				return err
			}
			var ready time.Time
			if rows, ready, err = c.readyInvites(tx, rows, now); err != nil {
				return err
			}
			o.again = sooner(o.again, ready)
			var over time.Time
			out, taken, over, err = c.free(tx, by, rows, n)
			again = sooner(o.again, over)
			return err
		})
		if err != nil || len(out) == n || !more {
			break
		}
	}
	if err == nil {
		err = o.store(ctx, c.db)
	}
	if err != nil {
		return nil, again, err
	}
	for _, position := range taken {
		c.held[position] = loan{by: by, until: now.Add(clientrpc.ReceiveHold)}
	}
	return out, again, nil
}

// confirm marks messages as shown and tells their senders that they were read.
func (c *Client) confirm(ctx context.Context, p clientrpc.ConfirmParams) (clientrpc.None, error) {
	read := map[lane][]omega.ID{}
	var printed []int64
	var marks []chat.Setting
	err := c.db.Update(ctx, func(tx *history.Tx) error {
		for _, id := range p.IDs {
			rows, err := tx.WithID(id)
			if err != nil {
				return err
			}
			for _, row := range c.confirmed(rows) {
				printed = append(printed, row.Position)
				if row.Verified && !row.Content.Kind.Operation() {
					l := laneOf(&row.Message)
					read[l] = append(read[l], id)
					marks = noteRead(marks, row.Chat, row.Device, row.Sequence)
				}
			}
		}
		if err := tx.SetPrinted(printed); err != nil {
			return err
		}
		var err error
		for l := range read {
			if marks, err = unmark(tx, marks, l.chat); err != nil {
				return err
			}
		}
		if err := keepToOneself(tx, read); err != nil {
			return err
		}
		if err := c.keepFromMany(tx, read); err != nil {
			return err
		}
		return c.changeIn(ctx, tx, marks)
	})
	if err != nil {
		return clientrpc.None{}, err
	}
	c.holding.Lock()
	for _, position := range printed {
		delete(c.held, position)
	}
	c.holding.Unlock()
	c.queued.notify()
	c.changed.notify() // others may wait for these
	for l, ids := range read {
		for part := range slices.Chunk(ids, chat.MaxIDs) {
			content := &chat.Content{Kind: chat.KindRead, Receipt: &chat.Receipt{Device: l.device, IDs: part, Chat: c.receiptChat(l)}}
			if err := c.tellLane(ctx, l, content); err != nil {
				c.cfg.log().Warn("read receipt not sent", "peer", l.peer, "err", err)
			}
		}
	}
	return clientrpc.None{}, nil
}

// keepToOneself leaves out chats whose people are not told what was read.
func keepToOneself(tx *history.Tx, read map[lane][]omega.ID) error {
	list, err := tx.SettingsOf(chat.SettingNoRead)
	for _, s := range list {
		maps.DeleteFunc(read, func(l lane, _ []omega.ID) bool { return string(l.chat[:]) == string(s.Subject) })
	}
	return err
}

// keepFromMany leaves out groups that are too large for receipts.
func (c *Client) keepFromMany(tx *history.Tx, read map[lane][]omega.ID) error {
	for l := range read {
		if c.receiptChat(l) == (omega.ChatID{}) {
			continue
		}
		tell, err := c.tellsOf(tx, l.chat, maxRead)
		if err != nil {
			return err
		}
		if !tell {
			delete(read, l)
		}
	}
	return nil
}

// confirmed returns those of the messages with one id that somebody was given and
// confirms now. A core that did not give any, because it took the home over
// since, knows only that it was one.
func (c *Client) confirmed(rows []history.Row) (out []history.Row) {
	c.holding.Lock()
	defer c.holding.Unlock()
	for _, r := range rows {
		if _, held := c.held[r.Position]; held {
			out = append(out, r)
		}
	}
	if len(out) > 0 || len(rows) == 0 {
		return out
	}
	i := slices.IndexFunc(rows, func(r history.Row) bool { return !r.Printed })
	i = max(i, 0) // printed already: its sender may not have heard of it
	return rows[i : i+1]
}

// securePrefixes before a fingerprint, or the name of a contact, mean the secure chat with
// that account. (spec/chat.md, CHAT-87)
var securePrefixes = []string{clientrpc.SecurePrefix, "密:", "密："}

// cutSecure is whom a text names whose secure chat it means; false: it means another chat.
func cutSecure(text string) (whom string, ok bool) {
	for _, prefix := range securePrefixes {
		if whom, ok = strings.CutPrefix(text, prefix); ok {
			return strings.TrimSpace(whom), true
		}
	}
	return "", false
}

// chatID finds the chat that a chat id or the fingerprint of an account means.
func (c *Client) chatID(doing i18n.Text, text string) (omega.ChatID, error) {
	if whom, ok := cutSecure(text); ok {
		if fp, err := c.contactRef(context.Background(), doing, whom); !isNotFound(err) {
			return c.secureChat(fp), err
		}
	}
	if fp, err := omega.ParseFingerprint(text); err == nil {
		return omega.DirectChat(c.acc.Fingerprint, fp), nil
	}
	if id, err := omega.ParseChatID(text); err == nil {
		return id, nil
	}
	return c.chatNamed(doing, text)
}

func noChat(doing i18n.Text, text string, err error) error {
	if errors.Is(err, history.ErrNotFound) {
		return fail(clientrpc.CodeNotFound, doing, i18n.T("why.nochat", text), i18n.T("next.list"), nil)
	}
	return err
}

// history returns one page of a chat.
func (c *Client) history(ctx context.Context, p clientrpc.HistoryParams) (clientrpc.MessagesResult, error) {
	doing := i18n.T("doing.history", p.Chat)
	id, err := c.chatID(doing, p.Chat)
	if err != nil {
		return clientrpc.MessagesResult{}, err
	}
	n := min(p.Count, pageMax)
	if n <= 0 {
		n = 50
	}
	out, err := c.list(ctx, func(tx *history.Tx) ([]history.Row, error) { return c.page(tx, doing, id, p, n) })
	if err == nil && p.At.IsZero() && p.After.IsZero() && !p.Before.IsZero() && len(out.Messages) < n {
		var said string
		said, err = c.reachBack(ctx, id, func() (bool, error) {
			var err error
			out, err = c.list(ctx, func(tx *history.Tx) ([]history.Row, error) { return c.page(tx, doing, id, p, n) })
			return len(out.Messages) < n, err
		})
		out.Earlier = said
	}
	if len(out.Messages) < n {
		inSequence(out.Messages)
	} else {
		inSequence(out.Messages[1:]) // the first one is what the next page is asked for by
	}
	if err == nil {
		out.Notices, err = c.noticesBeside(ctx, id, p, out.Messages, n)
	}
	return out, noChat(doing, p.Chat, err)
}

// page reads one page. A message that it should end before and that is not
// there is another mistake than a chat that is not there.
func (c *Client) page(tx *history.Tx, doing i18n.Text, id omega.ChatID, p clientrpc.HistoryParams, n int) ([]history.Row, error) {
	if !p.At.IsZero() {
		return tx.From(id, p.At, n)
	}
	read, end := tx.Page, p.Before
	if !p.After.IsZero() {
		read, end = tx.PageAfter, p.After
	}
	rows, err := read(id, end, n)
	if !end.IsZero() && errors.Is(err, history.ErrNotFound) {
		if _, chatErr := tx.Chat(id); chatErr == nil {
			return nil, fail(clientrpc.CodeNotFound, doing, i18n.T("why.nomessage", end), i18n.T("next.before"), nil)
		}
	}
	return rows, err
}

// inSequence puts the verified messages of each device into the order in which
// they were written, in the places that they have: one that filled a gap
// stands where it was missed. Lines that this program noted have no place in a sequence.
func inSequence(page []clientrpc.Message) {
	places := map[omega.Fingerprint][]int{}
	for i, m := range page {
		if m.Verified && !m.Service {
			places[m.Device] = append(places[m.Device], i)
		}
	}
	for _, at := range places {
		messages := make([]clientrpc.Message, len(at))
		for i, p := range at {
			messages[i] = page[p]
		}
		slices.SortStableFunc(messages, func(a, b clientrpc.Message) int { return cmp.Compare(a.Sequence, b.Sequence) })
		for i, p := range at {
			page[p] = messages[i]
		}
	}
}

func (c *Client) list(ctx context.Context, get func(*history.Tx) ([]history.Row, error)) (clientrpc.MessagesResult, error) {
	out := clientrpc.MessagesResult{Messages: []clientrpc.Message{}}
	err := c.db.View(ctx, func(tx *history.Tx) error {
		rows, err := get(tx)
		if err != nil {
			return err
		}
		for i := range rows {
			m, err := c.show(tx, &rows[i])
			if err != nil {
				return err
			}
			out.Messages = append(out.Messages, m)
		}
		return nil
	})
	return out, err
}

func recordHomes(b []byte) ([]omega.Fingerprint, error) {
	if len(b) == 0 {
		return nil, nil
	}
	rec, err := wire.DecodeRecord(b)
	if err != nil {
		return nil, err
	}
	return rec.Homes, nil
}
