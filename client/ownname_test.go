package client

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/history"
)

func (s *somebody) renames(t *testing.T, name string) {
	t.Helper()
	r, err := clientrpc.SetName.Call(t.Context(), s.Client, clientrpc.SetNameParams{Name: &name})
	if must(t, err); r.Name != name {
		t.Fatalf("called %q, want %q", r.Name, name)
	}
}

// writesTo sends a text to a chat.
func (s *somebody) writesTo(t *testing.T, to, text string) {
	t.Helper()
	id, err := s.newID()
	must(t, err)
	_, err = clientrpc.Send.Call(t.Context(), s.Client, clientrpc.SendParams{ID: id, To: to, Text: text, Wait: clientrpc.StateStored, Timeout: 20 * time.Second})
	must(t, err)
}

// befriends makes two people write to each other, each as the other's contact.
func (s *somebody) befriends(t *testing.T, o *somebody) {
	t.Helper()
	s.writesTo(t, o.acc.Fingerprint.String(), "hi")
	o.writesTo(t, s.acc.Fingerprint.String(), "hello")
	until(t, "they know each other", func() bool {
		return s.contactOf(t, o.acc.Fingerprint).Name != "" && o.contactOf(t, s.acc.Fingerprint).Name != ""
	})
}

// away has a core run without a connection, until back is called.
func (s *somebody) away(t *testing.T) (back func()) {
	t.Helper()
	s.stop()
	c, err := Open(t.Context(), s.cfg)
	must(t, err)
	s.Client = c
	return func() {
		s.stop = sync.OnceFunc(c.start(t))
		t.Cleanup(func() { s.stop() })
	}
}

// lines returns what lines about names say in a chat.
func (c *Client) nameLines(t *testing.T, id omega.ChatID) (out []string) {
	t.Helper()
	r, err := clientrpc.History.Call(t.Context(), c, clientrpc.HistoryParams{Chat: id.String(), Count: 100})
	if err != nil {
		return nil
	}
	for _, m := range r.Messages {
		if m.Kind == clientrpc.NameChanged {
			said := m.Was + "→" + m.Text
			for _, a := range m.About {
				said += " like " + a.Name
			}
			out = append(out, said)
		}
	}
	return out
}

// TestOwnName: a name that is changed, with no connection too, is what contacts see when
// they can be told, without another message, and each of them sees that it was changed;
// others learn it in groups and in secure chats. (spec/chat.md, CHAT-97 to CHAT-99)
func TestOwnName(t *testing.T) {
	p := newPost(t)
	ann, bob, cat := p.newSomebody(t, "ann"), p.newSomebody(t, "bob"), p.newSomebody(t, "cat")
	ann.befriends(t, bob)
	party := newDinner(t, ann, bob, cat)
	bob.joinsDinner(t, party, 2)
	cat.joinsDinner(t, party, 3)
	at := ann.dinner(t, party).Chat
	ann.writesTo(t, at.String(), "to all")
	ann.say(t, cat, "in secret", clientrpc.StateDelivered)
	called := func(s *somebody, of *somebody) string {
		var name string
		must(t, s.db.View(t.Context(), func(tx *history.Tx) (err error) { name, _, err = tx.Heard(of.acc.Fingerprint); return err }))
		return name
	}
	until(t, "cat has heard of ann", func() bool { return called(cat, ann) == "ann" && len(cat.secretTexts(t, ann)) == 1 })

	back := ann.away(t)
	ann.renames(t, "Anna")
	if got := called(bob, ann); got != "ann" {
		t.Fatalf("bob calls her %q before she is connected", got)
	}
	back()
	direct := omega.DirectChat(ann.acc.Fingerprint, bob.acc.Fingerprint)
	until(t, "bob is told", func() bool { return called(bob, ann) == "Anna" })
	for _, id := range []omega.ChatID{direct, at} {
		if got := bob.nameLines(t, id); !slices.Equal(got, []string{"ann→Anna"}) {
			t.Errorf("lines in %s: %q", id, got)
		}
	}
	ann.say(t, cat, "again", clientrpc.StateDelivered)
	until(t, "cat is told in the secure chat", func() bool { return called(cat, ann) == "Anna" })
	if got := cat.nameLines(t, at); !slices.Equal(got, []string{"ann→Anna"}) {
		t.Errorf("cat's lines: %q", got)
	}
	ann.renames(t, "Anne")
	ann.writesTo(t, at.String(), "to all again")
	until(t, "cat is told in the group", func() bool { return called(cat, ann) == "Anne" })
	if got := cat.nameLines(t, at); !slices.Equal(got, []string{"ann→Anne"}) && !slices.Equal(got, []string{"ann→Anna", "Anna→Anne"}) {
		t.Errorf("cat's lines: %q", got)
	}
	for _, bad := range []string{"", "\u3164", "a\nb", "a name of more than sixty-four bytes, which is more than any list could show"} {
		if _, err := clientrpc.SetName.Call(t.Context(), ann.Client, clientrpc.SetNameParams{Name: &bad}); codeOf(err) != clientrpc.CodeUsage {
			t.Errorf("called %q: %v", bad, err)
		}
	}
}

// TestNameIsToldOnce: who was not told before the program ended is told when it runs
// again, and not once more after that.
func TestNameIsToldOnce(t *testing.T) {
	p := newPost(t)
	ann, bob := p.newSomebody(t, "ann"), p.newSomebody(t, "bob")
	ann.befriends(t, bob)
	back := ann.away(t)
	must(t, ann.change(t.Context(), chat.Setting{Name: chat.SettingName, Value: []byte("Anna")})) // and it ends here
	back()
	until(t, "bob is told", func() bool { return bob.contactOf(t, ann.acc.Fingerprint).Name == "Anna" })
	at := omega.DirectChat(ann.acc.Fingerprint, bob.acc.Fingerprint)
	epoch := func() (n uint32) {
		must(t, ann.db.View(t.Context(), func(tx *history.Tx) error {
			s, err := tx.Sender(at)
			n = s.Key.Epoch
			return err
		}))
		return n
	}
	before := epoch()
	must(t, ann.tellName(t.Context()))
	if got := epoch(); got != before {
		t.Errorf("told again: key %d, want %d", got, before)
	}
}

// TestNameOfTwoDevices: two devices that change the name at once call the account the same
// in the end, and so does who hears both.
func TestNameOfTwoDevices(t *testing.T) {
	p := newPost(t)
	ann, bob := p.newSomebody(t, "ann"), p.newSomebody(t, "bob")
	ann.befriends(t, bob)
	two := ann.second(t)
	two.writesTo(t, bob.acc.Fingerprint.String(), "from the second")
	back := two.away(t)
	ann.renames(t, "first")
	two.renames(t, "second")
	back()
	var names []string
	until(t, "both agree", func() bool {
		a, err := ann.ownNameNow(t.Context())
		must(t, err)
		b, err := two.ownNameNow(t.Context())
		must(t, err)
		names = []string{a, b}
		return a == "second" && b == "second" // it was set later
	})
	ann.writesTo(t, bob.acc.Fingerprint.String(), "from the first")
	until(t, "bob agrees", func() bool { return bob.contactOf(t, ann.acc.Fingerprint).Name == names[0] })
}

// TestOldNameIsPutRight: a device that writes under the old name, as it has not heard of
// the new one, tells the new one when it has; so does one that takes an old name again.
func TestOldNameIsPutRight(t *testing.T) {
	p := newPost(t)
	ann, bob := p.newSomebody(t, "ann"), p.newSomebody(t, "bob")
	ann.befriends(t, bob)
	two := ann.second(t)
	must(t, func() error { _, _, err := two.peer(t.Context(), bob.acc.Fingerprint, time.Hour); return err }())
	back := two.away(t)
	called := func(name string) func() bool {
		return func() bool { return bob.contactOf(t, ann.acc.Fingerprint).Name == name }
	}
	ann.renames(t, "Anna")
	until(t, "bob is told", called("Anna"))
	id, err := two.newID()
	must(t, err)
	_, err = clientrpc.Send.Call(t.Context(), two.Client, clientrpc.SendParams{ID: id, To: bob.acc.Fingerprint.String(), Text: "offline"})
	must(t, err)
	back()
	at := omega.DirectChat(ann.acc.Fingerprint, bob.acc.Fingerprint)
	until(t, "bob has the text", func() bool {
		r, err := clientrpc.History.Call(t.Context(), bob.Client, clientrpc.HistoryParams{Chat: at.String(), Count: 100})
		must(t, err)
		return slices.ContainsFunc(r.Messages, func(m clientrpc.Message) bool { return m.Text == "offline" })
	})
	until(t, "the second has heard", func() bool { n, err := two.ownNameNow(t.Context()); return err == nil && n == "Anna" })
	until(t, "bob has the new name", called("Anna"))
	two.writesTo(t, bob.acc.Fingerprint.String(), "from the second")

	// The key that ann has says Anna; after this one's word that is to be told again.
	two.renames(t, "ann")
	until(t, "bob has the old one", called("ann"))
	until(t, "the first has heard", func() bool { n, err := ann.ownNameNow(t.Context()); return err == nil && n == "ann" })
	ann.renames(t, "Anna")
	until(t, "bob is told again", called("Anna"))
}

// TestNamesAreJudgedAnew: a contact that takes the name of another one is told as such, and
// a stranger is like whoever has the name now. (CHAT-48, CHAT-99)
func TestNamesAreJudgedAnew(t *testing.T) {
	p := newFakeProxy(t)
	c := p.newCore(t)
	bo, mei, some := p.newStranger(t, c, "阿波"), p.newStranger(t, c, "小美"), p.newStranger(t, c, "阿安")
	for _, s := range []*stranger{bo, mei} {
		_, err := clientrpc.AddContact.Call(t.Context(), c, clientrpc.AddContactParams{ContactRef: clientrpc.ContactRef{Account: s.id.String()}})
		must(t, err)
	}
	for _, s := range []*stranger{bo, mei, some} {
		p.push(t, s.seal(t, c, "hi")...)
	}
	until(t, "all wrote", func() bool {
		return c.contactOf(t, some.id).Name == "阿安" && c.contactOf(t, mei.id).Name == "小美" && c.contactOf(t, bo.id).Name == "阿波"
	})
	like := func() (out []string) {
		for _, a := range c.contactOf(t, some.id).Similar {
			out = append(out, a.Name)
		}
		return out
	}
	if got := like(); got != nil {
		t.Errorf("a stranger is like %q", got)
	}
	p.push(t, bo.renamed(t, c, "小羙")...) // as 小美
	at := omega.DirectChat(c.acc.Fingerprint, bo.id)
	until(t, "it is noted", func() bool { l := c.nameLines(t, at); return len(l) == 1 && strings.HasPrefix(l[0], "阿波→小羙") })
	p.push(t, bo.renamed(t, c, "阿安")...)
	until(t, "it is like the stranger", func() bool { return slices.Equal(like(), []string{"阿安"}) })
	if got := c.nameLines(t, at); !slices.Equal(got, []string{"阿波→阿安"}) {
		t.Errorf("lines: %q", got)
	}
	name := "阿安"
	_, err := clientrpc.SetName.Call(t.Context(), c, clientrpc.SetNameParams{Name: &name})
	must(t, err)
	if got := like(); len(got) != 2 {
		t.Errorf("a stranger is like %q, and as this account", got)
	}
	// An old record that comes again, and one that was made before, bring no old name.
	must(t, c.db.Update(t.Context(), func(tx *history.Tx) error { return c.hearName(tx, bo.id, "阿波", time.Now().Add(-time.Hour)) }))
	must(t, c.db.Update(t.Context(), func(tx *history.Tx) error { return c.hearName(tx, c.acc.Fingerprint, "別人", time.Now()) }))
	if got := c.contactOf(t, bo.id).Name; got != "阿安" {
		t.Errorf("an old name came back: %q", got)
	}
	// A clock that is wrong holds up no later name.
	must(t, c.db.Update(t.Context(), func(tx *history.Tx) error { return c.hearName(tx, bo.id, "未來", time.Now().Add(1000*time.Hour)) }))
	until(t, "a later name counts", func() bool {
		must(t, c.db.Update(t.Context(), func(tx *history.Tx) error { return c.hearName(tx, bo.id, "現在", time.Now()) }))
		return c.contactOf(t, bo.id).Name == "現在"
	})
}
