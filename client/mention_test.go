package client

import (
	"testing"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
	"github.com/omega-im/omega/chat/group"
	"github.com/omega-im/omega/clientrpc"
)

func TestCalled(t *testing.T) {
	names := map[string]omega.Fingerprint{"小明": fp(1), "小明哥": fp(2), "Ann": fp(3), "Bob Lee": fp(4)}
	for _, tt := range []struct {
		behind string
		all    bool
		want   omega.Fingerprint
		length uint32
	}{
		{"小明你好", false, fp(1), 3},
		{"小明哥好", false, fp(2), 4},
		{"ann, hello", false, fp(3), 4},
		{"ＡＮＮ好", false, fp(3), 4},
		{"Annabel", false, omega.Fingerprint{}, 0},
		{"Ann好", false, fp(3), 4},
		{"bob lee", false, fp(4), 8},
		{"bob", false, omega.Fingerprint{}, 0},
		{"所有人", true, omega.Fingerprint{}, 4},
		{"ALL!", true, omega.Fingerprint{}, 4},
		{"Alligator", true, omega.Fingerprint{}, 0},
		{"所有人", false, omega.Fingerprint{}, 0},
		{"", true, omega.Fingerprint{}, 0},
	} {
		e, ok := called(tt.behind, names, tt.all)
		if ok != (tt.length > 0) || ok && (e.Account != tt.want || e.Length != tt.length || (e.Type == chat.EntityAll) != tt.want.IsZero()) {
			t.Errorf("%q: %+v, %v", tt.behind, e, ok)
		}
	}
}

// TestMentionsUnread: who calls this account is listed until it is read; an edit
// calls nobody, and what was taken back does not either.
func TestMentionsUnread(t *testing.T) {
	p := newFakeProxy(t)
	c := p.newCore(t)
	s := p.newStranger(t, c, "peer")
	calls := func(text string) *chat.Content {
		return &chat.Content{Kind: chat.KindText, Text: text, Entities: []chat.Entity{{Type: chat.EntityMention, Length: 2, Account: c.acc.Fingerprint}}}
	}
	one, mails := s.say(t, c, calls("@x one"))
	two, more := s.say(t, c, calls("@x two"))
	plain, last := s.say(t, c, &chat.Content{Kind: chat.KindText, Text: "plain"})
	edit := calls("@x three")
	edit.Kind, edit.Edit = chat.KindEdit, &chat.Edit{Target: plain.Link(), Version: 1}
	_, edited := s.say(t, c, edit)
	p.push(t, append(append(append(mails, more...), last...), edited...)...)
	until(t, "edited", func() bool { m, err := c.shown(plain.ID); return err == nil && m.Text == "@x three" })
	list := func(want ...omega.ID) {
		t.Helper()
		var got []omega.ID
		must(t, clientrpc.Each(t.Context(), c, clientrpc.Mentions, clientrpc.MentionsParams{Page: clientrpc.Page{Count: 1}}, func(r clientrpc.MessagesResult) error {
			for _, m := range r.Messages {
				if got = append(got, m.ID); !m.Mentioned {
					t.Errorf("%s is no mention", m.ID)
				}
			}
			return nil
		}))
		if len(got) != len(want) {
			t.Errorf("%v, want %v", got, want)
			return
		}
		for i := range want {
			if got[i] != want[i] {
				t.Errorf("%v, want %v", got, want)
			}
		}
		chats, err := clientrpc.Chats.Call(t.Context(), c, clientrpc.Page{})
		if err != nil || chats.Chats[0].Calls != len(want) {
			t.Errorf("counted %d, %v", chats.Chats[0].Calls, err)
		}
	}
	list(one.ID, two.ID)
	_, gone := s.say(t, c, &chat.Content{Kind: chat.KindDelete, Delete: &chat.Delete{Targets: []chat.Link{one.Link()}}})
	p.push(t, gone...)
	until(t, "taken back", func() bool { m, err := c.shown(one.ID); return err == nil && m.Deleted })
	list(two.ID)
	_, err := clientrpc.SetChat.Call(t.Context(), c, clientrpc.SetChatParams{Chat: s.id.String(), Read: true})
	must(t, err)
	list()
	_, err = clientrpc.Mentions.Call(t.Context(), c, clientrpc.MentionsParams{Page: clientrpc.Page{Next: "x"}})
	wantCode(t, "nonsense", err, clientrpc.CodeUsage)
}

// TestAllIsForAdmins: what calls everybody counts if its author may do that when it
// comes, and is completed only for those.
func TestAllIsForAdmins(t *testing.T) {
	p := newFakeProxy(t)
	c := p.newCore(t)
	f := newFounder(t, p.newStranger(t, c, "山友"), "登山社")
	invite := f.next(t, f.me.Signer, group.Op{Type: group.TypeInvite, Accounts: []omega.Fingerprint{c.acc.Fingerprint}})
	p.push(t, f.tell(t, c, chat.KindGroupInvite, f.log.Ops()[0], invite)...)
	until(t, "invited", func() bool {
		g, err := clientrpc.ShowGroup.Call(t.Context(), c, clientrpc.GroupRef{Group: "登山社"})
		return err == nil && g.Role == clientrpc.RoleInvited
	})
	_, err := clientrpc.AcceptGroup.Call(t.Context(), c, clientrpc.GroupRef{Group: "登山社"})
	must(t, err)
	complete := func(typed string) []clientrpc.Callable {
		t.Helper()
		r, err := clientrpc.CompleteMention.Call(t.Context(), c, clientrpc.CompleteMentionParams{GroupRef: clientrpc.GroupRef{Group: "登山社"}, Typed: typed})
		must(t, err)
		return r.People
	}
	if r := complete("＠山"); len(r) != 1 || r[0].Account != f.id || r[0].Insert != "@山友" || r[0].Ambiguous || r[0].Role != clientrpc.RoleOwner {
		t.Errorf("%+v", r)
	}
	for _, typed := range []string{"ㄕㄧ", "sy", "山", "＠"} { // initials as well
		if r := complete(typed); len(r) != 1 {
			t.Errorf("%q: %+v", typed, r)
		}
	}
	if r := complete(""); len(r) != 1 {
		t.Errorf("a member may call all: %+v", r)
	}
	if r := complete("@nobody"); len(r) != 0 {
		t.Errorf("%+v", r)
	}
}
