package client

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/history"
	"github.com/omega-im/omega/internal/i18n"
	"github.com/omega-im/omega/internal/names"
)

// everybody are the words that mention all of a group.
var everybody = []string{"All", "所有人", "全部"}

// mention finds members and everybody in a text: "@" and a name that only one
// member has, the longest that fits. The account is what counts. (spec/chat.md,
// CHAT-37, CHAT-55)
func (c *Client) mention(ctx context.Context, id chat.Hash, content *chat.Content) error {
	if !strings.ContainsFunc(content.Text, isAt) {
		return nil
	}
	var members map[string]omega.Fingerprint
	all := false
	err := c.db.View(ctx, func(tx *history.Tx) error {
		s, err := c.groupState(tx, id)
		if err != nil {
			return err
		}
		all = s.May(c.acc.Fingerprint, s.Rules.MentionAll)
		members, err = c.callable(tx, people(s))
		return err
	})
	if err != nil {
		return err
	}
	before, offset := ' ', 0
	for i, r := range content.Text {
		if isAt(r) && !latin(before) {
			behind := content.Text[i+utf8.RuneLen(r):]
			if e, ok := called(behind, members, all); ok {
				e.Offset = uint32(offset)
				if with := append(slices.Clone(content.Entities), e); valid(content.Text, with) {
					content.Entities = with
				}
			}
		}
		before = r
		offset += chat.UTF16Len(string(r))
	}
	return nil
}

// valid sorts entities, and reports whether a text can have them.
func valid(text string, list []chat.Entity) bool {
	chat.SortEntities(list)
	return chat.ValidEntities(text, list)
}

func isAt(r rune) bool { return r == '@' || r == '＠' }

// latin reports whether a rune goes on with a word of an alphabet: a@b is an
// address.
func latin(r rune) bool { return r < utf8.RuneSelf && (unicode.IsLetter(r) || unicode.IsDigit(r)) }

// called is the entity of whom a text behind an @ begins with; of two that fit, the
// longer one.
func called(behind string, members map[string]omega.Fingerprint, all bool) (e chat.Entity, ok bool) {
	longest := 0
	for name, account := range members {
		if n := beginsWith(behind, name); n > longest {
			longest, e = n, chat.Entity{Type: chat.EntityMention, Account: account}
		}
	}
	for _, word := range everybody {
		if n := beginsWith(behind, word); all && n > longest {
			longest, e = n, chat.Entity{Type: chat.EntityAll}
		}
	}
	e.Length = uint32(1 + chat.UTF16Len(behind[:longest]))
	return e, longest > 0
}

// beginsWith returns how many octets of text a name takes that it begins with,
// whatever the width and size of letters; 0 if it does not, or if the word goes on.
func beginsWith(text, name string) int {
	rest := text
	for _, want := range name {
		r, size := utf8.DecodeRuneInString(rest)
		if size == 0 || foldRune(r) != foldRune(want) {
			return 0
		}
		rest = rest[size:]
	}
	last, _ := utf8.DecodeLastRuneInString(name)
	if next, _ := utf8.DecodeRuneInString(rest); rest != "" && latin(last) && latin(next) {
		return 0
	}
	return len(text) - len(rest)
}

func foldRune(r rune) rune {
	if r >= '！' && r <= '～' {
		r += '!' - '！'
	}
	return unicode.ToLower(r)
}

// callable are the names by which only one of the members calls itself. What this
// account calls people is not among them: it would be told to all.
func (c *Client) callable(tx *history.Tx, list []clientrpc.GroupMember) (map[string]omega.Fingerprint, error) {
	out, twice := map[string]omega.Fingerprint{}, map[string]bool{}
	for _, m := range list {
		if m.Role == clientrpc.RoleInvited || m.Role == clientrpc.RoleBanned {
			continue
		}
		name, err := c.profileName(tx, m.Account)
		if err != nil {
			return nil, err
		}
		if _, known := out[name]; known {
			twice[name] = true
		}
		if name != "" {
			out[name] = m.Account
		}
	}
	for name := range twice {
		delete(out, name)
	}
	return out, nil
}

// mentions reports whether a message that comes calls this account: by name, or
// with everybody else, if its author may do that now.
func (c *Client) mentions(tx *history.Tx, r *history.Row) (bool, error) {
	if r.Own || !r.Verified || r.Content.Kind.Operation() {
		return false, nil
	}
	all := false
	for _, e := range r.Content.Entities {
		if e.Type == chat.EntityMention && e.Account == c.acc.Fingerprint {
			return true, nil
		}
		all = all || e.Type == chat.EntityAll
	}
	if !all || !r.Peer.IsZero() {
		return false, nil
	}
	id, err := tx.Group(context.Background(), r.Chat)
	if err != nil || id == (chat.Hash{}) {
		return false, err
	}
	s, err := c.groupState(tx, id)
	return err == nil && s.May(r.From, s.Rules.MentionAll), ignoreNotFound(err)
}

// listMentions answers clientrpc.Mentions.
func (c *Client) listMentions(ctx context.Context, p clientrpc.MentionsParams) (clientrpc.MessagesResult, error) {
	doing := i18n.T("doing.mentions")
	var id omega.ChatID
	var after int64
	if p.Chat != "" {
		var err error
		if id, err = c.chatID(doing, p.Chat); err != nil {
			return clientrpc.MessagesResult{}, err
		}
	}
	if p.Next != "" {
		if n, err := fmt.Sscanf(p.Next, "%d", &after); err != nil || n != 1 || fmt.Sprint(after) != p.Next {
			return clientrpc.MessagesResult{}, badNext(p.Next)
		}
	}
	n, next := pageOf(p.Page), ""
	out, err := c.list(ctx, func(tx *history.Tx) ([]history.Row, error) {
		rows, err := tx.Mentions(id, p.All, after, n+1)
		if len(rows) > n {
			rows = rows[:n]
			next = fmt.Sprint(rows[n-1].Position)
		}
		return rows, err
	})
	out.Next = next
	return out, err
}

// completeMention answers clientrpc.CompleteMention.
func (c *Client) completeMention(ctx context.Context, p clientrpc.CompleteMentionParams) (out clientrpc.CompleteMentionResult, err error) {
	id, err := c.groupRef(ctx, i18n.T("doing.mentions"), p.Group)
	if err != nil {
		return out, err
	}
	typed := strings.TrimLeftFunc(p.Typed, isAt)
	err = c.db.View(ctx, func(tx *history.Tx) error {
		s, err := c.groupState(tx, id)
		if err != nil {
			return err
		}
		list := people(s)
		unique, err := c.callable(tx, list)
		if err != nil {
			return err
		}
		for _, m := range list {
			if m.Role == clientrpc.RoleInvited || m.Role == clientrpc.RoleBanned || m.Account == c.acc.Fingerprint {
				continue
			}
			called, err := c.profileName(tx, m.Account)
			if err != nil {
				return err
			}
			here, err := c.calling(tx, m.Account)
			if err != nil {
				return err
			}
			if !answersTo(called, typed) && !answersTo(here.name, typed) && !strings.HasPrefix(m.Account.String(), strings.ToUpper(typed)) {
				continue
			}
			if called == "" {
				called = m.Account.String()
			}
			_, only := unique[called]
			out.People = append(out.People, clientrpc.Callable{Account: m.Account, Name: here.name, SelfNamed: here.self, Role: m.Role, Insert: "@" + called, Ambiguous: !only})
		}
		if s.May(c.acc.Fingerprint, s.Rules.MentionAll) {
			for _, word := range everybody {
				if begins(word, typed) {
					out.People = append(out.People, clientrpc.Callable{Insert: "@" + word, All: true})
					break
				}
			}
		}
		return nil
	})
	if err == nil {
		out.People, out.Rest, err = part(out.People, p.Page, func(p *clientrpc.Callable) string { return p.Insert + "\x00" + p.Account.String() })
	}
	return out, err
}

// answersTo reports whether somebody may mean a name by what was typed: how it
// begins, or its initials in pinyin or 注音.
func answersTo(name, typed string) bool {
	return begins(name, typed) || names.Match(name, typed)
}

// begins reports whether a name begins with what was typed, whatever the width and
// size of letters.
func begins(name, typed string) bool {
	for _, want := range typed {
		r, size := utf8.DecodeRuneInString(name)
		if size == 0 || foldRune(r) != foldRune(want) {
			return false
		}
		name = name[size:]
	}
	return true
}
