package client

import (
	"errors"
	"strings"
	"testing"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/clientrpc"
)

// TestShownNames: what is shown of a stranger who wrote can be typed, by name or by the end
// of the fingerprint; a name that several have, or that looks like a contact's, cannot.
// (CHAT-84)
func TestShownNames(t *testing.T) {
	p := newFakeProxy(t)
	c := p.newCore(t)
	meet := func(name string) *stranger {
		s := p.newStranger(t, c, name)
		p.push(t, s.seal(t, c, "hello")...)
		until(t, name+" came", func() bool {
			r, err := clientrpc.Contacts.Call(t.Context(), c, clientrpc.ContactsParams{State: clientrpc.ContactRequest})
			must(t, err)
			for _, x := range r.Contacts {
				if x.Account == s.id {
					return x.Name == name
				}
			}
			return false
		})
		return s
	}
	ming, one, two := meet("阿明"), meet("twin"), meet("twin")
	code := func(text string) string {
		_, err := clientrpc.ShowContact.Call(t.Context(), c, clientrpc.ContactRef{Account: text})
		var e *clientrpc.Error
		if errors.As(err, &e) {
			return e.Code
		}
		must(t, err)
		return ""
	}
	end := func(s *stranger) string { text := s.id.String(); return text[len(text)-16:] }
	for text, want := range map[string]string{
		"阿明": "", end(ming): "", strings.ToLower(end(one)): "", end(two): "", "twin": clientrpc.CodeUsage, "nobody": clientrpc.CodeNotFound, end(ming)[1:]: clientrpc.CodeNotFound,
	} {
		if got := code(text); got != want {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
	got, err := c.resolve(t.Context(), "阿明")
	if must(t, err); got.peer != ming.id {
		t.Errorf("阿明 leads to %s", got.peer)
	}

	// Once a contact has a name that looks like it, the stranger is not meant any more.
	add := clientrpc.AddContactParams{ContactRef: clientrpc.ContactRef{Account: one.id.String()}, Petname: "阿 明"}
	_, err = clientrpc.AddContact.Call(t.Context(), c, add)
	must(t, err)
	if got := code("阿明"); got != clientrpc.CodeNotFound {
		t.Errorf("a name that looks like a contact's: %q", got)
	}
	if _, err := c.resolve(t.Context(), "阿明"); err == nil {
		t.Error("one can write to a name that looks like a contact's")
	}
}

// TestMessageIDs: a message is named by how its id begins; where several are meant they are
// all said.
func TestMessageIDs(t *testing.T) {
	p := newFakeProxy(t)
	c := p.newCore(t)
	s := p.newStranger(t, c, "peer")
	p.push(t, s.seal(t, c, "hello")...)
	var m clientrpc.Message
	until(t, "it came", func() bool {
		r, err := clientrpc.History.Call(t.Context(), c, clientrpc.HistoryParams{Chat: s.id.String(), Count: 1})
		if err == nil && len(r.Messages) == 1 {
			m = r.Messages[0]
		}
		return err == nil && len(r.Messages) == 1
	})
	short, err := clientrpc.ShortIDs.Call(t.Context(), c, clientrpc.ShortIDsParams{IDs: []omega.ID{m.ID}})
	must(t, err)
	if got := short.Short; len(got) != 1 || got[0] != m.ID.String()[:clientrpc.ShortIDDigits] {
		t.Errorf("short %q of %s", got, m.ID)
	}
	for _, typed := range []string{m.ID.String(), m.ID.String()[:8], strings.ToUpper(m.ID.String()[:4])} {
		if r, err := clientrpc.MessageID.Call(t.Context(), c, clientrpc.MessageIDParams{Typed: typed, Chat: s.id.String()}); err != nil || r.ID != m.ID {
			t.Errorf("%s: %v, %v", typed, r.ID, err)
		}
	}
	for typed, code := range map[string]string{"": clientrpc.CodeUsage, m.ID.String()[:3]: clientrpc.CodeUsage, "號號": clientrpc.CodeUsage, m.ID.String() + "0": clientrpc.CodeUsage} {
		_, err := clientrpc.MessageID.Call(t.Context(), c, clientrpc.MessageIDParams{Typed: typed})
		var e *clientrpc.Error
		if !errors.As(err, &e) || e.Code != code {
			t.Errorf("%q: %v, want %s", typed, err, code)
		}
	}
}
