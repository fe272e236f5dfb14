package client

import (
	"context"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/history"
	"github.com/omega-im/omega/internal/i18n"
)

// ask sends a poll.
func (c *Client) ask(ctx context.Context, p clientrpc.AskParams) (*clientrpc.SendResult, error) {
	doing := i18n.T("doing.poll")
	content := &chat.Content{Kind: chat.KindPoll, Text: p.Question, Lines: chat.PollLines(p.Options), Poll: &chat.Poll{Multiple: p.Multiple}}
	if _, err := content.Raw(); err != nil {
		return nil, fail(clientrpc.CodeUsage, doing, i18n.T("why.options", chat.MinOptions, chat.MaxOptions), i18n.T("next.options"), err)
	}
	return c.begun(ctx, doing, p.ID, p.To, content, p.Delivery)
}

// begin sends a list without lines.
func (c *Client) begin(ctx context.Context, p clientrpc.BeginParams) (*clientrpc.SendResult, error) {
	return c.begun(ctx, i18n.T("doing.list"), p.ID, p.To, &chat.Content{Kind: chat.KindList, Text: p.Title}, p.Delivery)
}

func (c *Client) begun(ctx context.Context, doing i18n.Text, id omega.ID, to string, content *chat.Content, delivery clientrpc.Delivery) (*clientrpc.SendResult, error) {
	if err := checkLetter(doing, id, delivery.Wait); err != nil {
		return nil, err
	}
	if err := CheckText(doing, content.Text, int64(len(content.Text))); err != nil {
		return nil, err
	}
	d, err := c.resolve(ctx, to)
	if err != nil {
		return nil, err
	}
	return c.submit(ctx, d, letter{id, to, content, delivery.Wait, delivery.Timeout})
}

// answerable finds a poll or list that is open.
func (c *Client) answerable(ctx context.Context, doing i18n.Text, ref clientrpc.MessageRef, kinds ...chat.Kind) (*history.Row, error) {
	row, err := c.target(ctx, doing, ref.Chat, ref.Message)
	if err != nil {
		return nil, err
	}
	if !slices.Contains(kinds, row.Content.Kind) {
		return nil, fail(clientrpc.CodeUsage, doing, i18n.T("why.nopoll", ref.Message), i18n.T("next.othermessage"), nil)
	}
	err = c.db.View(ctx, func(tx *history.Tx) error {
		_, closed, err := tx.Answers(row)
		if err == nil && !closed.IsZero() {
			return fail(clientrpc.CodeRefused, doing, i18n.T("why.pollclosed", ref.Message), i18n.T("next.othermessage"), nil)
		}
		return err
	})
	return row, err
}

// vote says everything that this account answers.
func (c *Client) vote(ctx context.Context, p clientrpc.VoteParams) (*clientrpc.SendResult, error) {
	doing := i18n.T("doing.poll")
	if err := checkLetter(doing, p.ID, p.Wait); err != nil {
		return nil, err
	}
	row, err := c.answerable(ctx, doing, p.MessageRef, chat.KindPoll)
	if err != nil {
		return nil, err
	}
	v := &chat.Vote{Target: row.Ref}
	chosen := slices.Clone(p.Options)
	slices.Sort(chosen)
	for _, o := range slices.Compact(chosen) {
		v.Options = append(v.Options, uint32(o))
	}
	n := len(row.Content.Options())
	if len(chosen) > 0 && (chosen[0] < 0 || chosen[len(chosen)-1] >= n || row.Content.Counts(v.Options) == nil) {
		return nil, fail(clientrpc.CodeUsage, doing, i18n.T("why.vote", n), i18n.T("next.vote"), nil)
	}
	if v.Version, err = c.version(ctx, row, chat.MarkVote, c.acc.Fingerprint); err != nil {
		return nil, err
	}
	return c.answer(ctx, doing, row, p.ID, p.Delivery, &chat.Content{Kind: chat.KindVote, Vote: v})
}

// answer says what this account answers to a poll or list. Who waits for it to be under way is
// told if what came meanwhile says that it was closed before: the answer counts for nothing.
// (spec/chat.md, CHAT-105)
func (c *Client) answer(ctx context.Context, doing i18n.Text, row *history.Row, id omega.ID, d clientrpc.Delivery, content *chat.Content) (*clientrpc.SendResult, error) {
	limited, cancel := context.WithTimeout(ctx, max(d.Timeout, time.Millisecond))
	defer cancel()
	out, err := c.operate(ctx, row, id, d, content)
	if err != nil || order(d.Wait) <= 0 || order(out.State) <= 0 || !c.waitCaughtUp(limited) {
		return out, err
	}
	late := false
	err = c.db.View(ctx, func(tx *history.Tx) error {
		said := &chat.Message{Chat: row.Chat, From: c.acc.Fingerprint, Content: content}
		marks, err := said.Marks()
		if err == nil {
			late, err = tx.AnsweredLate(&marks[0])
		}
		return err
	})
	if late {
		err = fail(clientrpc.CodeRefused, doing, i18n.T("why.answerlate", row.ID), i18n.T("next.othermessage"), nil)
	}
	return out, err
}

// closePoll ends a poll or list of this account's.
func (c *Client) closePoll(ctx context.Context, p clientrpc.CloseParams) (*clientrpc.SendResult, error) {
	doing := i18n.T("doing.poll")
	if err := checkLetter(doing, p.ID, p.Wait); err != nil {
		return nil, err
	}
	row, err := c.answerable(ctx, doing, p.MessageRef, chat.KindPoll, chat.KindList)
	if err != nil {
		return nil, err
	}
	if !row.Own {
		return nil, fail(clientrpc.CodeRefused, doing, i18n.T("why.notyours", p.Message), i18n.T("next.othermessage"), nil)
	}
	return c.operate(ctx, row, p.ID, p.Delivery, &chat.Content{Kind: chat.KindClose, Close: &chat.Close{Target: row.Ref}})
}

// line adds a line to a list, or changes one of this account's.
func (c *Client) line(ctx context.Context, p clientrpc.LineParams) (*clientrpc.SendResult, error) {
	doing := i18n.T("doing.list")
	if err := checkLetter(doing, p.ID, p.Wait); err != nil {
		return nil, err
	}
	if len(p.Text) > chat.MaxEntry || p.Line == "" && strings.TrimSpace(p.Text) == "" || strings.ContainsAny(p.Text, "\r\n") {
		return nil, fail(clientrpc.CodeUsage, doing, i18n.T("why.line", chat.MaxEntry), i18n.T("next.shorten"), nil)
	}
	row, err := c.answerable(ctx, doing, p.MessageRef, chat.KindList)
	if err != nil {
		return nil, err
	}
	e := &chat.Entry{Target: row.Ref}
	if e.Slot, err = c.slot(ctx, doing, row, p.Line); err != nil {
		return nil, err
	}
	err = c.db.View(ctx, func(tx *history.Tx) error {
		e.Version, err = tx.NextVersion(&chat.Mark{Chat: row.Chat, Target: row.Ref, Kind: chat.MarkEntry, Account: c.acc.Fingerprint, Slot: e.Slot})
		return err
	})
	if err != nil {
		return nil, err
	}
	return c.answer(ctx, doing, row, p.ID, p.Delivery, &chat.Content{Kind: chat.KindEntry, Text: p.Text, Entry: e})
}

// slot names a new line, or finds one of this account's: by name, or by its number from
// 1 as the list stands now.
func (c *Client) slot(ctx context.Context, doing i18n.Text, row *history.Row, name string) (s chat.Slot, err error) {
	if name == "" {
		var random [2]byte
		if _, err := c.cfg.rand().Read(random[:]); err != nil {
			return s, err
		}
		return chat.NewSlot(c.cfg.now(), random), nil
	}
	err = c.db.View(ctx, func(tx *history.Tx) error {
		list, _, err := tx.Answers(row)
		if err != nil {
			return err
		}
		shown, err := strconv.Atoi(name)
		numbered := err == nil && len(name) <= len(strconv.Itoa(chat.MaxEntries))
		for i, a := range list {
			named := hex.EncodeToString(a.Slot[:]) == name
			if !named && !(numbered && i+1 == shown) {
				continue
			}
			if a.Account != c.acc.Fingerprint {
				return fail(clientrpc.CodeRefused, doing, i18n.T("why.othersline", name), i18n.T("next.line"), nil)
			}
			s = a.Slot
			return nil
		}
		return fail(clientrpc.CodeNotFound, doing, i18n.T("why.noline", name), i18n.T("next.line"), nil)
	})
	return s, err
}

// showAnswers says what was answered to a poll or list so far.
func (c *Client) showAnswers(tx *history.Tx, r *history.Row, m *clientrpc.Message) error {
	kind := r.Content.Kind
	if kind != chat.KindPoll && kind != chat.KindList || r.Deleted {
		return nil
	}
	answers, closed, err := tx.Answers(r)
	if err != nil {
		return err
	}
	said := chat.MarkVote
	if kind == chat.KindList {
		said = chat.MarkEntry
	}
	late := false
	if !closed.IsZero() {
		late, err = tx.SaidLate(&chat.Mark{Chat: r.Chat, Target: r.Ref, Kind: said, Account: c.acc.Fingerprint})
	}
	if kind == chat.KindPoll {
		m.Poll = c.showPoll(r, answers)
		m.Poll.Closed, m.Poll.Late = closed, late
		return err
	}
	if err != nil {
		return err
	}
	m.List = &clientrpc.List{Lines: []clientrpc.ListLine{}, Closed: closed, Late: late}
	for _, a := range answers {
		n, err := c.calling(tx, a.Account)
		if err != nil {
			return err
		}
		m.List.Lines = append(m.List.Lines, clientrpc.ListLine{
			Line: hex.EncodeToString(a.Slot[:]), From: a.Account, Name: n.name, SelfNamed: n.self, Text: a.Text, Time: a.Time,
		})
	}
	return nil
}

func (c *Client) showPoll(r *history.Row, answers []history.Answer) *clientrpc.Poll {
	out := &clientrpc.Poll{Multiple: r.Content.Poll != nil && r.Content.Poll.Multiple, Voters: len(answers)}
	for _, text := range r.Content.Options() {
		out.Options = append(out.Options, clientrpc.Option{Text: text})
	}
	for _, a := range answers {
		for _, o := range a.Options {
			option := &out.Options[o]
			option.Votes++
			if len(option.Voters) < clientrpc.MaxVoters {
				option.Voters = append(option.Voters, a.Account)
			}
			option.Mine = option.Mine || a.Account == c.acc.Fingerprint
		}
	}
	return out
}
