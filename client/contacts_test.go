package client

import (
	"strings"
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/pgp"
)

// An owner is a stranger whose primary key is at hand.
type owner struct {
	*stranger
	p       *fakeProxy
	primary *pgp.SecretKey
	device  *pgp.DeviceSecrets
	record  uint64
}

func (p *fakeProxy) newOwner(t *testing.T, c *Client, name string, expires time.Time) *owner {
	t.Helper()
	now := time.Now()
	o := &owner{p: p, stranger: &stranger{}}
	var err error
	o.primary, err = pgp.GenerateSigning(c.cfg.rand(), now)
	must(t, err)
	o.device, err = pgp.GenerateDevice(c.cfg.rand(), "first", now)
	must(t, err)
	cert, err := bind(t.Context(), o.primary, expires, o.device, now)
	must(t, err)
	o.publish(t, cert)
	roster, err := chat.NewRoster(cert, o.me.Device(), c.certificate(), now)
	must(t, err)
	sender, err := chat.NewSender(o.me, c.cfg.rand(), name, chat.SenderState{Chat: roster.Chat})
	must(t, err)
	o.sender, o.roster = sender, roster
	return o
}

// publish has the server show another certificate of the account.
func (o *owner) publish(t *testing.T, cert *pgp.Certificate) {
	t.Helper()
	id, err := pgp.NewIdentity(cert, o.device)
	must(t, err)
	o.me, o.id = id, id.Account()
	o.record += 2 // what is between is nobody's business
	o.p.put(entryOf(t, id, o.p.id.Account(), o.record), o.id)
}

// addDevice gives the account one more.
func (o *owner) addDevice(t *testing.T, c *Client, name string) {
	t.Helper()
	now := time.Now()
	dev, err := pgp.GenerateDevice(c.cfg.rand(), name, now)
	must(t, err)
	req, err := dev.Request(t.Context(), o.primary.Public(), now)
	must(t, err)
	cert, err := pgp.AddDevice(t.Context(), o.primary, o.me.Certificate, req, now)
	must(t, err)
	o.publish(t, cert)
}

// look has the client ask for what stands.
func (o *owner) look(t *testing.T, c *Client) {
	t.Helper()
	until(t, "looked up", func() bool { // what is younger than a second is not asked for
		clientrpc.Lookup.Call(t.Context(), c, clientrpc.LookupParams{Fingerprint: o.id})
		stored, err := c.storedPeer(t.Context(), o.id)
		return err == nil && stored != nil && string(stored.Certificate) == string(o.me.Certificate.Bytes())
	})
}

func (o *owner) ref() clientrpc.ContactRef { return clientrpc.ContactRef{Account: o.id.String()} }

func (c *Client) contactOf(t *testing.T, fp omega.Fingerprint) *clientrpc.Contact {
	t.Helper()
	out, err := clientrpc.ShowContact.Call(t.Context(), c, clientrpc.ContactRef{Account: fp.String()})
	must(t, err)
	return out
}

// chatWith is the chat with an account as the list has it; nil if there is none.
func (c *Client) chatWith(t *testing.T, fp omega.Fingerprint) *clientrpc.Chat {
	t.Helper()
	r, err := clientrpc.Chats.Call(t.Context(), c, clientrpc.Page{})
	must(t, err)
	for i := range r.Chats {
		if r.Chats[i].Peer == fp {
			return &r.Chats[i]
		}
	}
	return nil
}

func (c *Client) listing(t *testing.T, p clientrpc.ContactsParams) (out []omega.Fingerprint) {
	t.Helper()
	r, err := clientrpc.Contacts.Call(t.Context(), c, p)
	must(t, err)
	for _, o := range r.Contacts {
		out = append(out, o.Account)
	}
	return out
}

// TestStranger: who writes first is a request: nothing in it does anything, and a
// name that looks like a contact's is said, until it is accepted. (spec/chat.md,
// CHAT-47, CHAT-48)
func TestStranger(t *testing.T) {
	p := newFakeProxy(t)
	c := p.newCore(t)
	friend, stranger := p.newStranger(t, c, "王小明"), p.newStranger(t, c, "王小朙 ")
	_, err := clientrpc.AddContact.Call(t.Context(), c, clientrpc.AddContactParams{ContactRef: clientrpc.ContactRef{Account: strings.ToLower(contactLink(friend.id))}})
	must(t, err)
	p.push(t, friend.seal(t, c, "hi")...)
	text := "看 https://line.kim"
	m, mails := stranger.say(t, c, &chat.Content{Kind: chat.KindText, Text: text, Entities: chat.DetectEntities(text, nil)})
	p.push(t, mails...)
	until(t, "both are here", func() bool { return c.chatWith(t, friend.id) != nil && c.chatWith(t, stranger.id) != nil })

	if ch := c.chatWith(t, friend.id); ch.Contact != clientrpc.ContactYes || ch.Last.Inert || len(ch.Similar) != 0 {
		t.Errorf("friend: %+v", ch)
	}
	ch := c.chatWith(t, stranger.id)
	if ch.Contact != clientrpc.ContactRequest || len(ch.Similar) != 1 || ch.Similar[0].Account != friend.id || ch.Similar[0].Name != "王小明" {
		t.Errorf("stranger: %+v", ch)
	}
	if got, err := c.shown(m.ID); err != nil || !got.Inert || len(got.Entities) != 1 {
		t.Errorf("%+v, %v", got, err)
	}
	if got := c.listing(t, clientrpc.ContactsParams{State: clientrpc.ContactRequest}); len(got) != 1 || got[0] != stranger.id {
		t.Errorf("requests %v", got)
	}
	if got := c.contactOf(t, stranger.id); got.State != clientrpc.ContactRequest || len(got.Similar) != 1 || got.Key != clientrpc.KeyValid ||
		got.Safety != chat.SafetyNumber(stranger.id, c.acc.Fingerprint) || len(got.Devices) != 1 || got.Name != "王小朙" {
		t.Errorf("%+v", got)
	}

	if _, err := clientrpc.AddContact.Call(t.Context(), c, clientrpc.AddContactParams{ContactRef: clientrpc.ContactRef{Account: stranger.id.String()}, Petname: "假小明"}); err != nil {
		t.Fatal(err)
	}
	if got, err := c.shown(m.ID); err != nil || got.Inert || got.Name != "假小明" {
		t.Errorf("accepted: %+v, %v", got, err)
	}
	if ch := c.chatWith(t, stranger.id); ch.Contact != clientrpc.ContactYes || ch.Name != "假小明" || len(ch.Similar) != 0 {
		t.Errorf("accepted: %+v", ch)
	}
	for query, want := range map[string]omega.Fingerprint{"ㄨㄒㄇ": friend.id, "jxm": stranger.id, "假": stranger.id} {
		if got := c.listing(t, clientrpc.ContactsParams{Query: query}); len(got) == 0 || got[0] != want && got[len(got)-1] != want {
			t.Errorf("%s finds %v", query, got)
		}
	}
	if got := c.listing(t, clientrpc.ContactsParams{Query: "zzz"}); len(got) != 0 {
		t.Errorf("zzz finds %v", got)
	}
	if got, err := clientrpc.RemoveContact.Call(t.Context(), c, clientrpc.ContactRef{Account: "假小明"}); err != nil || got.State != clientrpc.ContactRequest || got.Petname != "" {
		t.Errorf("removed: %+v, %v", got, err)
	}
}

// TestBlockedAndDeclined: what a blocked account sends is not kept, what a declined
// one sends is kept in silence. (spec/chat.md, CHAT-46)
func TestBlockedAndDeclined(t *testing.T) {
	p := newFakeProxy(t)
	c := p.newCore(t)
	bad, dull, good := p.newStranger(t, c, "bad"), p.newStranger(t, c, "dull"), p.newStranger(t, c, "good")
	p.push(t, bad.seal(t, c, "one")...)
	p.push(t, dull.seal(t, c, "one")...)
	until(t, "both wrote", func() bool { return len(c.texts(t, bad.id)) == 1 && len(c.texts(t, dull.id)) == 1 })
	if got, err := clientrpc.BlockContact.Call(t.Context(), c, clientrpc.BlockContactParams{ContactRef: clientrpc.ContactRef{Account: bad.id.String()}}); err != nil || !got.Blocked {
		t.Fatalf("%+v, %v", got, err)
	}
	if got, err := clientrpc.DeclineContact.Call(t.Context(), c, clientrpc.ContactRef{Account: dull.id.String()}); err != nil || got.State != clientrpc.ContactDeclined {
		t.Fatalf("%+v, %v", got, err)
	}
	p.push(t, bad.seal(t, c, "two")...)
	p.push(t, dull.seal(t, c, "two")...)
	p.push(t, good.seal(t, c, "hello")...)
	until(t, "all is taken", func() bool { return len(c.texts(t, good.id)) == 1 && p.acked(t) == p.pushed })
	if got := c.texts(t, bad.id); len(got) != 1 {
		t.Errorf("of the blocked: %q", got)
	}
	if got := c.texts(t, dull.id); len(got) != 2 {
		t.Errorf("of the declined: %q", got)
	}
	var got []string
	r, err := clientrpc.Receive.Call(t.Context(), c, clientrpc.ReceiveParams{Count: 10})
	must(t, err)
	for _, m := range r.Messages {
		got = append(got, m.Text)
	}
	if strings.Join(got, " ") != "one one hello" {
		t.Errorf("received %q", got)
	}
	if ch := c.chatWith(t, dull.id); ch.Unread != 1 || ch.Contact != clientrpc.ContactDeclined {
		t.Errorf("%+v", ch)
	}
	send := func(to string, id byte) error {
		_, err := clientrpc.Send.Call(t.Context(), c, clientrpc.SendParams{ID: omega.ID{id}, To: to, Text: "x"})
		return err
	}
	wantCode(t, "write to the blocked", send(bad.id.String(), 1), clientrpc.CodeRefused)
	_, err = clientrpc.Send.Call(t.Context(), c, clientrpc.SendParams{ID: omega.ID{3}, To: bad.id.String(), Text: "x", At: time.Now().Add(time.Hour)})
	wantCode(t, "write to the blocked later", err, clientrpc.CodeRefused)
	_, err = clientrpc.AddContact.Call(t.Context(), c, clientrpc.AddContactParams{ContactRef: clientrpc.ContactRef{Account: bad.id.String()}})
	wantCode(t, "add the blocked", err, clientrpc.CodeRefused)
	if got := c.listing(t, clientrpc.ContactsParams{Blocked: true}); len(got) != 1 || got[0] != bad.id {
		t.Errorf("blocked: %v", got)
	}

	// Who writes to somebody has accepted them.
	if err := send(dull.id.String(), 2); err != nil {
		t.Fatal(err)
	}
	if got := c.contactOf(t, dull.id); got.State != clientrpc.ContactYes {
		t.Errorf("%+v", got)
	}
	if _, err := clientrpc.BlockContact.Call(t.Context(), c, clientrpc.BlockContactParams{ContactRef: clientrpc.ContactRef{Account: bad.id.String()}, Off: true}); err != nil {
		t.Fatal(err)
	}
	p.push(t, bad.seal(t, c, "three")...)
	until(t, "unblocked", func() bool { return len(c.texts(t, bad.id)) == 2 })

	dir := t.TempDir()
	report, err := clientrpc.ReportContact.Call(t.Context(), c, clientrpc.ReportParams{ContactRef: clientrpc.ContactRef{Account: bad.id.String()}, Dir: dir})
	if err != nil || report.Messages != 2 || !report.Contact.Blocked {
		t.Errorf("%+v, %v", report, err)
	}
}

// TestVerify: a number that is compared, or a code that is scanned, verifies; a device
// that is new ends that until it is verified again, and a key that is none ends it
// too. (spec/chat.md, CHAT-49, CHAT-50)
func TestVerify(t *testing.T) {
	p := newFakeProxy(t)
	c := p.newCore(t)
	o, other := p.newOwner(t, c, "王小明", time.Time{}), p.newStranger(t, c, "other")
	verify := func(v clientrpc.VerifyParams) (*clientrpc.Contact, error) {
		v.ContactRef = o.ref()
		return clientrpc.VerifyContact.Call(t.Context(), c, v)
	}
	number := chat.SafetyNumber(o.id, c.acc.Fingerprint)
	for what, v := range map[string]clientrpc.VerifyParams{
		"another number": {Number: chat.SafetyNumber(other.id, c.acc.Fingerprint)}, "half a number": {Number: number[:35]}, "another's code": {Scan: contactLink(other.id)},
	} {
		_, err := verify(v)
		wantCode(t, what, err, clientrpc.CodeVerify)
	}
	for what, v := range map[string]clientrpc.VerifyParams{"nothing": {}, "no code": {Scan: "https://example.org"}} {
		_, err := verify(v)
		wantCode(t, what, err, clientrpc.CodeUsage)
	}
	got, err := verify(clientrpc.VerifyParams{Number: strings.ReplaceAll(number, " ", "")})
	if err != nil || got.Verified != clientrpc.VerifiedYes || got.State != clientrpc.ContactYes {
		t.Fatalf("%+v, %v", got, err)
	}

	o.addDevice(t, c, "phone")
	o.look(t, c)
	if got := c.contactOf(t, o.id); got.Verified != clientrpc.VerifiedChanged || len(got.NewDevices) != 1 || got.NewDevices[0].Name != "phone" {
		t.Errorf("with a new device: %+v", got)
	}
	if got, err := verify(clientrpc.VerifyParams{Scan: strings.ToUpper(contactLink(o.id))}); err != nil || got.Verified != clientrpc.VerifiedYes || len(got.NewDevices) != 0 {
		t.Errorf("verified again: %+v, %v", got, err)
	}

	// A device less changes nothing; a key that is revoked does.
	cert, err := pgp.RevokeDevice(t.Context(), o.primary, o.me.Certificate, o.me.Certificate.Devices()[1].Signing.Fingerprint(), pgp.ReasonRetired, time.Now())
	must(t, err)
	o.publish(t, cert)
	o.look(t, c)
	if got := c.contactOf(t, o.id); got.Verified != clientrpc.VerifiedYes {
		t.Errorf("with a device less: %+v", got)
	}
	if cert, err = pgp.Revoke(t.Context(), o.primary, cert, pgp.ReasonCompromised, time.Now()); err != nil {
		t.Fatal(err)
	}
	o.publish(t, cert)
	o.look(t, c)
	if got := c.contactOf(t, o.id); got.Verified != clientrpc.VerifiedChanged || got.Key != clientrpc.KeyRevoked {
		t.Errorf("revoked: %+v", got)
	}
	_, err = verify(clientrpc.VerifyParams{Number: number})
	wantCode(t, "verify a revoked key", err, clientrpc.CodeKey)
	_, err = clientrpc.Send.Call(t.Context(), c, clientrpc.SendParams{ID: omega.ID{9}, To: o.id.String(), Text: "x"})
	wantCode(t, "write to a revoked key", err, clientrpc.CodeKey)
	if got, err := verify(clientrpc.VerifyParams{Off: true}); err != nil || got.Verified != "" {
		t.Errorf("taken back: %+v, %v", got, err)
	}
}

// TestContactRefs: who cannot be a contact, and what names one.
func TestContactRefs(t *testing.T) {
	p := newFakeProxy(t)
	c := p.newCore(t)
	s, twin := p.newStranger(t, c, "s"), p.newStranger(t, c, "twin")
	for _, row := range []struct{ who, code string }{
		{c.acc.Fingerprint.String(), clientrpc.CodeUsage}, {contactLink(c.acc.Fingerprint), clientrpc.CodeUsage}, {"nobody", clientrpc.CodeNotFound}, {"", clientrpc.CodeNotFound},
		{strings.Repeat("AB", 20), clientrpc.CodeNotFound}, {s.me.Device().String(), clientrpc.CodeUsage}, {"omega:contact/12", clientrpc.CodeNotFound},
	} {
		p.mu.Lock()
		p.entries[s.me.Device()] = p.entries[s.id] // servers answer for devices too
		p.mu.Unlock()
		_, err := clientrpc.AddContact.Call(t.Context(), c, clientrpc.AddContactParams{ContactRef: clientrpc.ContactRef{Account: row.who}})
		wantCode(t, row.who, err, row.code)
	}
	for _, fp := range []omega.Fingerprint{s.id, twin.id} {
		_, err := clientrpc.AddContact.Call(t.Context(), c, clientrpc.AddContactParams{ContactRef: clientrpc.ContactRef{Account: fp.String()}, Petname: "小華"})
		must(t, err)
	}
	_, err := clientrpc.ShowContact.Call(t.Context(), c, clientrpc.ContactRef{Account: "小華"})
	wantCode(t, "two of one name", err, clientrpc.CodeUsage)
	_, err = clientrpc.NameContact.Call(t.Context(), c, clientrpc.NameContactParams{ContactRef: clientrpc.ContactRef{Account: twin.id.String()}, Petname: "a\nb"})
	wantCode(t, "no name", err, clientrpc.CodeUsage)
	_, err = clientrpc.NameContact.Call(t.Context(), c, clientrpc.NameContactParams{ContactRef: clientrpc.ContactRef{Account: twin.id.String()}, Petname: "大華"})
	must(t, err)
	r, err := clientrpc.Send.Call(t.Context(), c, clientrpc.SendParams{ID: omega.ID{7}, To: "小華", Text: "x"})
	if err != nil || r.Chat != omega.DirectChat(c.acc.Fingerprint, s.id) {
		t.Errorf("%+v, %v", r, err)
	}
	card, err := clientrpc.Card.Call(t.Context(), c, clientrpc.None{})
	if fp, ok := parseContact(strings.ToUpper(card.Link)); err != nil || !ok || fp != c.acc.Fingerprint {
		t.Errorf("%+v, %v", card, err)
	}
}

// TestHistoryBehindTheEnd: a day after the last message has none, and no notices.
func TestHistoryBehindTheEnd(t *testing.T) {
	p := newFakeProxy(t)
	c := p.newCore(t)
	friend := p.newStranger(t, c, "阿明")
	p.push(t, friend.seal(t, c, "hi")...)
	until(t, "it is here", func() bool { return c.chatWith(t, friend.id) != nil })
	r, err := clientrpc.History.Call(t.Context(), c, clientrpc.HistoryParams{Chat: friend.id.String(), At: time.Now().AddDate(1, 0, 0)})
	if err != nil || len(r.Messages) != 0 || len(r.Notices) != 0 {
		t.Errorf("%+v, %v", r, err)
	}
}
