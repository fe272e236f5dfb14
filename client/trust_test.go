package client

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/history"
	"github.com/omega-im/omega/pgp"
	"github.com/omega-im/omega/wire"
)

// sent has what the client sent of one kind, in any direct chat.
func (c *Client) sent(t *testing.T, kind chat.Kind, to ...*owner) (out []chat.Content) {
	t.Helper()
	must(t, c.db.View(t.Context(), func(tx *history.Tx) error {
		for _, o := range to {
			for n := uint32(1); ; n++ {
				r, err := tx.MessageBySequence(omega.DirectChat(c.acc.Fingerprint, o.id), c.acc.Device, n)
				if errors.Is(err, history.ErrNotFound) {
					break
				}
				if err != nil {
					return err
				}
				if r.Content.Kind == kind {
					out = append(out, *r.Content)
				}
			}
		}
		return nil
	}))
	return out
}

// TestCertifications: who of the contacts certified a key is shown if that verifies,
// and of nobody else. Those of the own key are shown to whom one adds. (spec/chat.md,
// CHAT-51)
func TestCertifications(t *testing.T) {
	p := newFakeProxy(t)
	c := p.newCore(t)
	friend, known, other := p.newOwner(t, c, "小華", time.Time{}), p.newOwner(t, c, "老王", time.Time{}), p.newOwner(t, c, "somebody", time.Time{})
	now := time.Now()
	certify := func(by, of *owner) []byte {
		b, err := pgp.Certify(t.Context(), by.primary, of.me.Certificate, now)
		must(t, err)
		return b
	}
	tell := func(from *owner, list ...chat.Certification) {
		t.Helper()
		_, mails := from.say(t, c, &chat.Content{Kind: chat.KindCertification, Certifications: list})
		p.push(t, append(mails, from.seal(t, c, "done")...)...)
		until(t, "taken", func() bool { return p.acked(t) == p.pushed })
	}
	add := func(o *owner) {
		t.Helper()
		_, err := clientrpc.AddContact.Call(t.Context(), c, clientrpc.AddContactParams{ContactRef: o.ref()})
		must(t, err)
	}
	add(friend)

	// A stranger shows who certified it: a friend, somebody, itself, and what is none.
	forged := certify(friend, known)
	forged[len(forged)-3] ^= 1
	tell(known, chat.Certification{Key: known.id, Packet: certify(friend, known)}, chat.Certification{Key: known.id, Packet: certify(other, known)},
		chat.Certification{Key: known.id, Packet: []byte("none")}, chat.Certification{Key: other.id, Packet: certify(friend, other)})
	tell(other, chat.Certification{Key: other.id, Packet: certify(known, other)})
	if got := c.contactOf(t, known.id); len(got.Certified) != 1 || got.Certified[0].Account != friend.id || got.Certified[0].Name != "" && got.Certified[0].Name != "小華" {
		t.Errorf("certified by %+v", got.Certified)
	}
	if got := c.contactOf(t, other.id); len(got.Certified) != 0 {
		t.Errorf("certified by %+v", got.Certified)
	}
	tell(known, chat.Certification{Key: known.id, Packet: forged})
	if got := c.contactOf(t, known.id); len(got.Certified) != 0 {
		t.Errorf("forged: certified by %+v", got.Certified)
	}
	add(other)
	if got := c.contactOf(t, known.id); len(got.Certified) != 1 || got.Certified[0].Account != other.id {
		t.Errorf("by a new contact: %+v", got.Certified)
	}

	// Friends certify this account's key; only what is theirs counts.
	mine := func(by *owner) []byte {
		b, err := pgp.Certify(t.Context(), by.primary, c.certificate(), now)
		must(t, err)
		return b
	}
	tell(friend, chat.Certification{Key: c.acc.Fingerprint, Packet: mine(friend)}, chat.Certification{Key: c.acc.Fingerprint, Packet: mine(known)})
	wrong := mine(other)
	wrong[len(wrong)-3] ^= 1
	tell(other, chat.Certification{Key: c.acc.Fingerprint, Packet: wrong})
	var own []history.Certification
	must(t, c.db.View(t.Context(), func(tx *history.Tx) (err error) { own, err = tx.Certifications(c.acc.Fingerprint); return err }))
	if len(own) != 1 || own[0].Issuer != friend.id {
		t.Errorf("of the own key: %+v", own)
	}
	if got := c.sent(t, chat.KindCertification, friend, other, known); len(got) != 0 {
		t.Errorf("shown before: %+v", got)
	}
	add(known)
	add(known)
	if got := c.sent(t, chat.KindCertification, friend, other, known); len(got) != 1 || len(got[0].Certifications) != 1 || got[0].Certifications[0].Key != c.acc.Fingerprint {
		t.Errorf("shown to a new contact: %+v", got)
	}

	// One certifies whom one has verified.
	_, err := clientrpc.CertifyContact.Call(t.Context(), c, known.ref())
	wantCode(t, "certify unverified", err, clientrpc.CodeVerify)
	_, err = clientrpc.VerifyContact.Call(t.Context(), c, clientrpc.VerifyParams{ContactRef: known.ref(), Scan: contactLink(known.id)})
	must(t, err)
	got, err := clientrpc.CertifyContact.Call(t.Context(), c, known.ref())
	if err != nil || len(got.Certified) != 2 || !got.Certified[0].This {
		t.Fatalf("%+v, %v", got, err)
	}
	told := c.sent(t, chat.KindCertification, friend, other, known)
	last := told[len(told)-1].Certifications
	if len(last) != 1 || last[0].Key != known.id || pgp.VerifyCertification(last[0].Packet, c.certificate(), known.me.Certificate, time.Now()) != nil {
		t.Errorf("told %+v", last)
	}

	// What was said is taken back, and who has seen it, or may have, hears of that.
	if got, err := clientrpc.UncertifyContact.Call(t.Context(), c, known.ref()); err != nil || len(got.Certified) != 1 || got.Certified[0].This {
		t.Fatalf("taken back: %+v, %v", got, err)
	}
	_, err = clientrpc.UncertifyContact.Call(t.Context(), c, known.ref())
	wantCode(t, "take back again", err, clientrpc.CodeNotFound)
	told = c.sent(t, chat.KindCertification, friend, other, known)
	heard := 0
	for _, content := range told {
		k := content.Certifications[0]
		if k.Key == known.id && pgp.VerifyWithdrawal(k.Packet, c.certificate(), known.me.Certificate, time.Now()) == nil {
			heard++
		}
	}
	if heard != 3 {
		t.Errorf("%d were told, want the account and both other contacts", heard)
	}
	back, err := pgp.Withdraw(t.Context(), other.primary, known.me.Certificate, time.Now())
	must(t, err)
	tell(other, chat.Certification{Key: known.id, Packet: back})
	if got := c.contactOf(t, known.id); len(got.Certified) != 0 {
		t.Errorf("one taken back is shown: %+v", got.Certified)
	}
	back, err = pgp.Withdraw(t.Context(), friend.primary, c.certificate(), time.Now())
	must(t, err)
	tell(friend, chat.Certification{Key: c.acc.Fingerprint, Packet: back})
	tell(friend, chat.Certification{Key: c.acc.Fingerprint, Packet: mine(friend)}) // of before
	card, err := clientrpc.Card.Call(t.Context(), c, clientrpc.None{})
	if err != nil || len(card.Certified) != 0 {
		t.Errorf("the card shows %+v, %v", card, err)
	}
}

// TestSuccession: with both words an account goes on as another: nothing more is
// written to it, and nothing moves before its contact agrees. (spec/chat.md, CHAT-52)
func TestSuccession(t *testing.T) {
	p := newFakeProxy(t)
	c := p.newCore(t)
	old, next, thief := p.newOwner(t, c, "old", time.Time{}), p.newOwner(t, c, "new", time.Time{}), p.newOwner(t, c, "thief", time.Time{})
	_, err := clientrpc.VerifyContact.Call(t.Context(), c, clientrpc.VerifyParams{ContactRef: old.ref(), Scan: contactLink(old.id)})
	must(t, err)
	_, err = clientrpc.NameContact.Call(t.Context(), c, clientrpc.NameContactParams{ContactRef: old.ref(), Petname: "阿明"})
	must(t, err)
	now := time.Now()
	statement, err := pgp.Succeed(t.Context(), old.primary, next.me.Certificate, now)
	must(t, err)
	answer, err := pgp.Inherit(t.Context(), next.primary, old.me.Certificate, now)
	must(t, err)
	stolen, err := pgp.Inherit(t.Context(), thief.primary, old.me.Certificate, now)
	must(t, err)
	tell := func(from *owner, s chat.Succession) {
		t.Helper()
		_, mails := from.say(t, c, &chat.Content{Kind: chat.KindSuccession, Succession: &s})
		p.push(t, mails...)
		until(t, "taken", func() bool { return p.acked(t) == p.pushed })
	}
	unproven := func() (n int) {
		must(t, c.db.View(t.Context(), func(tx *history.Tx) error {
			list, err := tx.UnprovenSuccessions(9)
			n = len(list)
			return err
		}))
		return n
	}
	// Half a word, somebody else's, and one that does not verify change nothing.
	tell(old, chat.Succession{Old: old.id, New: next.id, Statement: statement})
	tell(thief, chat.Succession{Old: old.id, New: next.id, Answer: answer})
	tell(thief, chat.Succession{Old: old.id, New: thief.id, Statement: statement, Answer: stolen})
	if n := unproven(); n != 0 {
		t.Errorf("%d are kept", n)
	}
	tell(old, chat.Succession{Old: old.id, New: thief.id, Statement: statement, Answer: stolen})
	until(t, "it is refused", func() bool { return unproven() == 0 })
	if got := c.contactOf(t, old.id); !got.Successor.IsZero() || got.Verified != clientrpc.VerifiedYes || got.Key != clientrpc.KeyValid {
		t.Errorf("%+v", got)
	}
	_, err = clientrpc.SucceedContact.Call(t.Context(), c, old.ref())
	wantCode(t, "agree to nothing", err, clientrpc.CodeNotFound)

	_, mails := old.say(t, c, &chat.Content{Kind: chat.KindText, Text: "another key, soon"})
	p.push(t, mails...)
	tell(old, chat.Succession{Old: old.id, New: next.id, Statement: statement, Answer: answer})
	until(t, "it is proven", func() bool { return c.contactOf(t, old.id).Successor == next.id })
	if got := c.contactOf(t, old.id); got.Key != clientrpc.KeySucceeded || got.Verified != clientrpc.VerifiedChanged || got.Petname != "阿明" || got.State != clientrpc.ContactYes || len(got.Notices) != 1 {
		t.Errorf("old: %+v", got)
	}
	if got := c.contactOf(t, next.id); got.State != clientrpc.ContactStranger {
		t.Errorf("new: %+v", got)
	}
	_, err = clientrpc.Send.Call(t.Context(), c, clientrpc.SendParams{ID: omega.ID{1}, To: "阿明", Text: "x"})
	wantCode(t, "write to the old one", err, clientrpc.CodeKey)
	got, err := clientrpc.SucceedContact.Call(t.Context(), c, old.ref())
	if err != nil || got.Account != next.id || got.Petname != "阿明" || got.State != clientrpc.ContactYes || got.Verified != "" {
		t.Errorf("agreed: %+v, %v", got, err)
	}
	if got := c.contactOf(t, old.id); got.Petname != "" || got.State == clientrpc.ContactYes || len(got.Notices) != 0 {
		t.Errorf("old after that: %+v", got)
	}
	r, err := clientrpc.Send.Call(t.Context(), c, clientrpc.SendParams{ID: omega.ID{2}, To: "阿明", Text: "x"})
	if err != nil || r.Chat != omega.DirectChat(c.acc.Fingerprint, next.id) {
		t.Errorf("%+v, %v", r, err)
	}
	for _, o := range []*owner{old, next} { // it stands in both chats, also when it is over
		p, err := clientrpc.History.Call(t.Context(), c, clientrpc.HistoryParams{Chat: o.id.String()})
		if err != nil || len(p.Notices) != 1 || p.Notices[0].Kind != clientrpc.NoticeSucceeded || p.Notices[0].Account != old.id || p.Notices[0].Successor != next.id || p.Notices[0].Settled.IsZero() {
			t.Errorf("beside the messages with %s: %+v, %v", o.id, p.Notices, err)
		}
	}
}

// TestOwnSuccession: this account goes on as another once that says so, and its
// contacts are told; and it says the same for another.
func TestOwnSuccession(t *testing.T) {
	p := newFakeProxy(t)
	c := p.newCore(t)
	next, friend, old := p.newOwner(t, c, "new", time.Time{}), p.newOwner(t, c, "friend", time.Time{}), p.newOwner(t, c, "old", time.Time{})
	_, err := clientrpc.AddContact.Call(t.Context(), c, clientrpc.AddContactParams{ContactRef: friend.ref()})
	must(t, err)
	_, err = clientrpc.Succeed.Call(t.Context(), c, next.ref())
	wantCode(t, "without an answer", err, clientrpc.CodeRefused)
	answer, err := pgp.Inherit(t.Context(), next.primary, c.certificate(), time.Now())
	must(t, err)
	_, mails := next.say(t, c, &chat.Content{Kind: chat.KindSuccession, Succession: &chat.Succession{Old: c.acc.Fingerprint, New: next.id, Answer: answer}})
	p.push(t, mails...)
	until(t, "taken", func() bool { return p.acked(t) == p.pushed })
	if n := c.contactOf(t, next.id).Notices; len(n) != 0 {
		t.Errorf("a stranger makes it ask: %+v", n)
	}
	_, err = clientrpc.AddContact.Call(t.Context(), c, clientrpc.AddContactParams{ContactRef: next.ref()})
	must(t, err)
	until(t, "its owner is asked", func() bool {
		n := c.contactOf(t, next.id).Notices
		return len(n) == 1 && n[0].Kind == clientrpc.NoticeHeir
	})
	r, err := clientrpc.Succeed.Call(t.Context(), c, next.ref())
	if err != nil || r.New != next.id || r.Told != 2 {
		t.Fatalf("%+v, %v", r, err)
	}
	told := c.sent(t, chat.KindSuccession, friend, next)
	if len(told) != 2 {
		t.Fatalf("told %+v", told)
	}
	s := told[0].Succession
	if pgp.VerifyStatement(s.Statement, c.certificate(), next.me.Certificate, time.Now()) != nil || pgp.VerifyAnswer(s.Answer, c.certificate(), next.me.Certificate, time.Now()) != nil {
		t.Errorf("told %+v", s)
	}
	if n := c.contactOf(t, next.id).Notices; len(n) != 0 {
		t.Errorf("still asked: %+v", n)
	}

	if _, err := clientrpc.Inherit.Call(t.Context(), c, old.ref()); err != nil {
		t.Fatal(err)
	}
	told = c.sent(t, chat.KindSuccession, old)
	s = told[len(told)-1].Succession
	if s.Old != old.id || s.New != c.acc.Fingerprint || pgp.VerifyAnswer(s.Answer, old.me.Certificate, c.certificate(), time.Now()) != nil {
		t.Errorf("answered %+v", s)
	}
}

// TestAnswersOfStrangers: the order of contact and answer does not matter, and none of
// both is needed where the user names the account; but strangers have few places, and
// push no contact out of its own. (spec/chat.md, CHAT-52)
func TestAnswersOfStrangers(t *testing.T) {
	p := newFakeProxy(t)
	c := p.newCore(t)
	var people []*owner
	for range maxStrangersAnswers + 2 {
		people = append(people, p.newOwner(t, c, "somebody", time.Time{}))
	}
	friend, blocked := p.newOwner(t, c, "friend", time.Time{}), p.newOwner(t, c, "blocked", time.Time{})
	_, err := clientrpc.AddContact.Call(t.Context(), c, clientrpc.AddContactParams{ContactRef: friend.ref()})
	must(t, err)
	_, err = clientrpc.BlockContact.Call(t.Context(), c, clientrpc.BlockContactParams{ContactRef: blocked.ref()})
	must(t, err)
	answers := func(o *owner) {
		t.Helper()
		answer, err := pgp.Inherit(t.Context(), o.primary, c.certificate(), time.Now())
		must(t, err)
		_, mails := o.say(t, c, &chat.Content{Kind: chat.KindSuccession, Succession: &chat.Succession{Old: c.acc.Fingerprint, New: o.id, Answer: answer}})
		p.push(t, mails...)
		until(t, "taken", func() bool { return p.acked(t) == p.pushed })
	}
	kept := func() (out []omega.Fingerprint) {
		must(t, c.db.View(t.Context(), func(tx *history.Tx) error {
			list, err := tx.Successions(c.acc.Fingerprint)
			for _, s := range list {
				out = append(out, s.New)
			}
			return err
		}))
		return out
	}
	answers(friend)
	answers(blocked)
	for _, o := range people {
		answers(o)
	}
	answers(people[2]) // says it again, so that it is the last
	answers(people[0])
	want := []omega.Fingerprint{friend.id, people[4].id, people[2].id, people[0].id}
	if got := kept(); !slices.Equal(got, want) {
		t.Errorf("kept %v, want %v", got, want)
	}
	r, err := clientrpc.Succeed.Call(t.Context(), c, people[0].ref())
	if err != nil || r.New != people[0].id {
		t.Errorf("succeed as a stranger that said so: %+v, %v", r, err)
	}
}

// TestSuccessorKeepsName: who goes on is called as before, also by a name that only the
// old account said, and the old chat asks for nothing any more. (spec/chat.md, CHAT-52)
func TestSuccessorKeepsName(t *testing.T) {
	p := newFakeProxy(t)
	c := p.newCore(t)
	old, next := p.newOwner(t, c, "old", time.Time{}), p.newOwner(t, c, "new", time.Time{})
	_, err := clientrpc.AddContact.Call(t.Context(), c, clientrpc.AddContactParams{ContactRef: old.ref()})
	must(t, err)
	tell := func(content *chat.Content) {
		t.Helper()
		_, mails := old.say(t, c, content)
		p.push(t, mails...)
		until(t, "taken", func() bool { return p.acked(t) == p.pushed })
	}
	tell(&chat.Content{Kind: chat.KindText, Text: "hello"})
	must(t, c.db.Update(t.Context(), func(tx *history.Tx) error {
		_, err := tx.HearName(old.id, "阿南", time.Now())
		return err
	}))
	statement, err := pgp.Succeed(t.Context(), old.primary, next.me.Certificate, time.Now())
	must(t, err)
	answer, err := pgp.Inherit(t.Context(), next.primary, old.me.Certificate, time.Now())
	must(t, err)
	tell(&chat.Content{Kind: chat.KindSuccession, Succession: &chat.Succession{Old: old.id, New: next.id, Statement: statement, Answer: answer}})
	until(t, "it is proven", func() bool { return c.contactOf(t, old.id).Successor == next.id })
	got, err := clientrpc.SucceedContact.Call(t.Context(), c, clientrpc.ContactRef{Account: "阿南"})
	if err != nil || got.Account != next.id || got.Petname != "阿南" {
		t.Fatalf("agreed: %+v, %v", got, err)
	}
	if got := c.contactOf(t, old.id); got.State != clientrpc.ContactStranger || len(got.Similar) != 0 || len(got.Notices) != 0 || got.Successor != next.id {
		t.Errorf("old: %+v", got)
	}
	ch, err := clientrpc.OneChat.Call(t.Context(), c, clientrpc.ChatRef{Chat: omega.DirectChat(c.acc.Fingerprint, old.id).String()})
	if err != nil || ch.Contact != clientrpc.ContactStranger || len(ch.Similar) != 0 || ch.Notice != "" {
		t.Errorf("old chat: %+v, %v", ch, err)
	}
	_, err = clientrpc.Send.Call(t.Context(), c, clientrpc.SendParams{ID: omega.ID{1}, To: old.id.String(), Text: "x"})
	var e *clientrpc.Error
	if !errors.As(err, &e) || e.Next.Key != "next.writesuccessor" {
		t.Errorf("write to the old one: %v", err)
	}
}

// TestExpiredContact: a key that expired is said, what is sent goes out with a warning,
// and all is over when it is renewed.
func TestExpiredContact(t *testing.T) {
	p := newFakeProxy(t)
	c := p.newCore(t)
	o := p.newOwner(t, c, "o", time.Now().Add(8*time.Second))
	_, err := clientrpc.AddContact.Call(t.Context(), c, clientrpc.AddContactParams{ContactRef: o.ref()})
	must(t, err)
	until(t, "expired", func() bool { return c.contactOf(t, o.id).Key == clientrpc.KeyExpired })
	until(t, "it is noted", func() bool {
		clientrpc.Lookup.Call(t.Context(), c, clientrpc.LookupParams{Fingerprint: o.id})
		n := c.contactOf(t, o.id).Notices
		return len(n) == 1 && n[0].Kind == clientrpc.NoticeExpired
	})
	p.mu.Lock()
	p.answer = func(f wire.Frame) (wire.Type, []byte) { return 0, nil }
	p.mu.Unlock()
	r, err := clientrpc.Send.Call(t.Context(), c, clientrpc.SendParams{ID: omega.ID{1}, To: o.id.String(), Text: "x", Wait: "stored", Timeout: time.Minute})
	if err != nil || r.State != clientrpc.StateStored || r.Why == nil || r.Why.Why.Key != "why.peerexpired" {
		t.Errorf("%+v, %v", r, err)
	}
	page, err := clientrpc.History.Call(t.Context(), c, clientrpc.HistoryParams{Chat: o.id.String(), Count: 1})
	if err != nil || len(page.Messages) != 1 || len(page.Notices) != 0 {
		t.Errorf("the page after it: %+v, %v", page.Notices, err)
	}
	page, err = clientrpc.History.Call(t.Context(), c, clientrpc.HistoryParams{Chat: o.id.String(), Count: 1, Before: page.Messages[0].ID})
	if err != nil || len(page.Messages) != 0 || len(page.Notices) != 1 || page.Notices[0].Kind != clientrpc.NoticeExpired {
		t.Errorf("the page before: %+v, %v", page, err)
	}
	page, err = clientrpc.History.Call(t.Context(), c, clientrpc.HistoryParams{Chat: o.id.String()})
	if err != nil || len(page.Messages) != 1 || len(page.Notices) != 1 {
		t.Errorf("all: %+v, %v", page, err)
	}
	cert, err := pgp.Renew(t.Context(), o.primary, o.me.Certificate, time.Now().Add(time.Hour), time.Now())
	must(t, err)
	o.publish(t, cert)
	o.look(t, c)
	if got := c.contactOf(t, o.id); got.Key != clientrpc.KeyValid || len(got.Notices) != 0 {
		t.Errorf("renewed: %+v", got)
	}
}
