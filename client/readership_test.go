package client

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
	"github.com/omega-im/omega/chat/group"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/history"
	"github.com/omega-im/omega/pgp"
)

// A readership is a channel of ann's that two read, one of them on two devices; bob may be made
// one who writes there.
type readership struct {
	p         *post
	ann, bob  *somebody
	one, also *somebody // devices of one account
	two       *somebody
	id        chat.Hash
	link      string
	ref       clientrpc.GroupRef
}

// newReadership makes the channel; nobody subscribes yet.
func newReadership(t *testing.T) *readership {
	t.Helper()
	p := newPost(t)
	r := &readership{p: p, ann: p.newSomebody(t, "ann"), bob: p.newSomebody(t, "bob"), one: p.newSomebody(t, "reader-uno"), two: p.newSomebody(t, "reader-dos")}
	r.id, r.link = newChannel(t, r.ann, "公告")
	r.ref = clientrpc.GroupRef{Group: r.id.String()}
	r.also = r.one.second(t)
	return r
}

// subscribe has both subscribe.
func (r *readership) subscribe(t *testing.T) {
	t.Helper()
	r.one.subscribesTo(t, r.id, r.link)
	r.two.subscribesTo(t, r.id, r.link)
	until(t, "its other device knows", func() bool { return r.also.channelOrNone(t, r.id).Role == clientrpc.RoleSubscriber })
}

// joins lets bob in as a member.
func (r *readership) joins(t *testing.T) {
	t.Helper()
	must(t, callOf(r.ann.Client, clientrpc.InviteGroup, clientrpc.GroupAccounts{GroupRef: r.ref, Accounts: []omega.Fingerprint{r.bob.acc.Fingerprint}})())
	until(t, "bob is invited", func() bool { return r.bob.channelOrNone(t, r.id).Role == clientrpc.RoleInvited })
	must(t, callOf(r.bob.Client, clientrpc.AcceptGroup, r.ref)())
	until(t, "bob is in", func() bool { return r.ann.channel(t, r.id).Size == 2 && !r.bob.channel(t, r.id).Waiting })
}

// writer has bob write, to whom the list of readers comes.
func (r *readership) writer(t *testing.T, readers int) {
	t.Helper()
	roles := clientrpc.RoleGroupParams{GroupAccounts: clientrpc.GroupAccounts{GroupRef: r.ref, Accounts: []omega.Fingerprint{r.bob.acc.Fingerprint}}, Role: clientrpc.RoleAdmin}
	must(t, callOf(r.ann.Client, clientrpc.RoleGroup, roles)())
	until(t, "bob has the list", func() bool { return r.bob.channel(t, r.id).Subscribers == readers })
}

// takesOut has who writes take a reader out for good.
func (r *readership) takesOut(t *testing.T, by, who *somebody) {
	t.Helper()
	out := clientrpc.RemoveGroupParams{GroupAccounts: clientrpc.GroupAccounts{GroupRef: r.ref, Accounts: []omega.Fingerprint{who.acc.Fingerprint}}, Ban: true}
	must(t, callOf(by.Client, clientrpc.RemoveGroup, out)())
}

// newest is the last message of a channel as somebody is shown it.
func (s *somebody) newest(t *testing.T, id chat.Hash) (m clientrpc.Message) {
	t.Helper()
	page, err := clientrpc.History.Call(t.Context(), s.Client, clientrpc.HistoryParams{Chat: omega.ChatID(id[:16]).String(), Count: 20})
	must(t, err)
	for _, m = range slices.Backward(page.Messages) {
		if !m.Service {
			return m
		}
	}
	t.Fatal("there is no message")
	return m
}

// counts are how often each emoji was said of the newest message, known or counted.
func (s *somebody) counts(t *testing.T, id chat.Hash) map[string]int {
	t.Helper()
	out, m := map[string]int{}, s.newest(t, id)
	for _, r := range m.Reactions {
		for _, e := range r.Emoji {
			out[e]++
		}
	}
	if m.Counted != nil {
		for _, e := range m.Counted.Emoji {
			out[e.Emoji] += e.Count
		}
	}
	return out
}

func (s *somebody) reacts(t *testing.T, id chat.Hash, emoji ...string) {
	t.Helper()
	m := s.newest(t, id)
	n, err := s.newID()
	must(t, err)
	_, err = clientrpc.React.Call(t.Context(), s.Client, clientrpc.ReactParams{ID: n, MessageRef: clientrpc.MessageRef{Chat: m.Chat.String(), Message: m.ID}, Emoji: emoji})
	must(t, err)
}

func (s *somebody) votes(t *testing.T, id chat.Hash, options ...int) error {
	t.Helper()
	m := s.newest(t, id)
	n, err := s.newID()
	must(t, err)
	r, err := clientrpc.Vote.Call(t.Context(), s.Client, clientrpc.VoteParams{ID: n, MessageRef: clientrpc.MessageRef{Chat: m.Chat.String(), Message: m.ID}, Options: options, Delivery: clientrpc.Delivery{Wait: clientrpc.StateStored, Timeout: time.Minute}})
	if err == nil && r.State != clientrpc.StateStored {
		t.Errorf("%s voted, and that is %s", s.acc.Name, r.State)
	}
	return err
}

// seesAll waits until all see the same of the newest message.
func seesAll(t *testing.T, id chat.Hash, want map[string]int, all ...*somebody) {
	t.Helper()
	for _, s := range all {
		defer func() {
			if t.Failed() {
				m := s.newest(t, id)
				t.Logf("%s has %+v %+v", s.acc.Name, m.Reactions, m.Counted)
			}
		}()
		until(t, s.acc.Name+" sees the counts", func() bool {
			got := s.counts(t, id)
			if len(got) != len(want) {
				return false
			}
			for e, n := range want {
				if got[e] != n {
					return false
				}
			}
			return true
		})
	}
}

// asks sends a poll.
func (s *somebody) asks(t *testing.T, id chat.Hash, multiple bool) {
	t.Helper()
	n, err := s.newID()
	must(t, err)
	_, err = clientrpc.Ask.Call(t.Context(), s.Client, clientrpc.AskParams{ID: n, To: omega.ChatID(id[:16]).String(), Question: "吃什麼？", Options: []string{"飯", "麵"}, Multiple: multiple})
	must(t, err)
}

// closes ends the poll that was asked last.
func (s *somebody) closes(t *testing.T, id chat.Hash) {
	t.Helper()
	m := s.newest(t, id)
	n, err := s.newID()
	must(t, err)
	_, err = clientrpc.Close.Call(t.Context(), s.Client, clientrpc.CloseParams{ID: n, MessageRef: clientrpc.MessageRef{Chat: m.Chat.String(), Message: m.ID}})
	must(t, err)
}

// reacted are those who said an emoji of the newest message, or any, and what they said; asked
// for one by one.
func (s *somebody) reacted(t *testing.T, id chat.Hash, emoji string) (out []string) {
	t.Helper()
	m := s.newest(t, id)
	p := clientrpc.ReactorsParams{MessageRef: clientrpc.MessageRef{Chat: m.Chat.String(), Message: m.ID}, Emoji: emoji, Page: clientrpc.Page{Count: 1}}
	must(t, clientrpc.Each(t.Context(), s.Client, clientrpc.Reactors, p, func(r clientrpc.ReactorsResult) error {
		for _, w := range r.Reactors {
			text := w.Name + " " + strings.Join(w.Emoji, " ")
			if w.Subscriber {
				text += " subscriber"
			}
			out = append(out, text)
		}
		return nil
	}))
	return out
}

// voted are those who chose an answer of the newest message.
func (s *somebody) voted(t *testing.T, id chat.Hash, option int) (out []string) {
	t.Helper()
	m := s.newest(t, id)
	p := clientrpc.VotersParams{MessageRef: clientrpc.MessageRef{Chat: m.Chat.String(), Message: m.ID}, Option: option}
	must(t, clientrpc.Each(t.Context(), s.Client, clientrpc.Voters, p, func(r clientrpc.VotersResult) error {
		for _, v := range r.Voters {
			text := v.Name
			if v.Subscriber {
				text += " subscriber"
			}
			out = append(out, text)
		}
		return nil
	}))
	return out
}

// tallies are the votes for each answer, known or counted, and how many voted.
func (s *somebody) tallies(t *testing.T, id chat.Hash) (out [3]int) {
	t.Helper()
	p := s.newest(t, id).Poll
	if p == nil {
		return out
	}
	for i := range p.Options {
		out[i] = p.Options[i].Votes + p.Options[i].Counted
	}
	out[2] = p.Voters + p.Counted
	return out
}

// files are all files of a home, one behind the other.
func (s *somebody) files(t *testing.T) (kept []byte) {
	t.Helper()
	must(t, filepath.WalkDir(s.cfg.Home, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		kept = append(kept, b...)
		return err
	}))
	return kept
}

// takes has the core take words as they come in a direct chat from somebody.
func (a aList) takes(t *testing.T, from omega.Fingerprint, received time.Time, words ...chat.Word) {
	t.Helper()
	a.in(t, func(tx *history.Tx, l *groupLog) error {
		tk := &taken{c: a.c}
		return tk.takeWords(tx, &chat.Message{From: from, Peer: from, Received: received, Content: &chat.Content{Kind: chat.KindGroup, Group: &chat.GroupNews{ID: a.id, Words: words}}})
	})
}

// writes puts a message into the channel and returns its link.
func (a aList) writes(t *testing.T, content *chat.Content) (l chat.Link) {
	t.Helper()
	id, err := a.c.newID()
	must(t, err)
	a.in(t, func(tx *history.Tx, _ *groupLog) error {
		must(t, a.c.sealGroup(t.Context(), tx, a.id, id, content))
		r, err := tx.Message(id)
		must(t, err)
		l = r.Ref
		return nil
	})
	return l
}

// said is how often an emoji was said of a message by who is here, and the words to be told.
func (a aList) said(t *testing.T, l chat.Link) (n *chat.Counted, untold int) {
	t.Helper()
	a.in(t, func(tx *history.Tx, log *groupLog) error {
		r, err := tx.Linked(omega.ChatID(a.id[:16]), l)
		must(t, err)
		who := a.c.counting(tx, log.State())
		n, err = tx.CountWords(a.id, r, who.counts)
		must(t, errors.Join(err, who.err))
		list, err := tx.UntoldWords(a.c.acc.Fingerprint, false, 1000)
		untold = len(list)
		return err
	})
	return n, untold
}

// nthReader makes up the nth subscriber.
func nthReader(t *testing.T, n int) omega.Fingerprint {
	t.Helper()
	fp, err := omega.FingerprintV4(append(make([]byte, 16), 7, byte(n>>16), byte(n>>8), byte(n)))
	must(t, err)
	return fp
}

// withBob makes another account an admin of the list's channel.
func (a aList) withBob(t *testing.T, now time.Time, who *pgp.Identity) {
	t.Helper()
	fp := []omega.Fingerprint{who.Account()}
	a.does(t, a.c.identity(), now, group.Op{Type: group.TypeInvite, Accounts: fp})
	a.does(t, who, now.Add(time.Second), group.Op{Type: group.TypeAccept})
	a.does(t, a.c.identity(), now.Add(2*time.Second), group.Op{Type: group.TypeRole, Role: group.RoleAdmin, Accounts: fp})
}

// tender makes what tells the words that wait.
func (a aList) tender() *groupTender {
	return &groupTender{c: a.c, given: answers{}, told: map[int64]map[omega.Fingerprint]bool{}}
}
