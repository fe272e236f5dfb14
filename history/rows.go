package history

import (
	"crypto/sha256"
	"fmt"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
	"github.com/omega-im/omega/pgp"
)

// A Row is a message as it is stored. Control kinds (chat.Kind.Control) are
// never shown: Page, Search, Chats, Unprinted and All leave them out. Operations
// (chat.Kind.Operation) are told by Unprinted only.
type Row struct {
	chat.Message                     // of every kind: own control messages are kept so that they can be sent again
	Own          bool                // sent by this account
	State        string              // of own messages: queued, stored, delivered, read, failed; "" otherwise
	Why          string              // code of the last failure (omega.Code name), "" if none
	Position     int64               // order in which this device learnt of it; rises
	Printed      bool                // Unprinted returned it and the caller confirmed
	Import       int64               // number of the import that added it, unsigned as it was; 0: it came as mail
	Author       string              // of an imported message: who wrote it, as the file says
	Secure       bool                // of a secure chat; set when it is read
	Service      bool                // nobody said it: PutService or PutGroupLine did
	About        []omega.Fingerprint // the first of those that a line is about
	AboutCount   int                 // how many they are
	Read         bool                // of others: this account read it on another device

	Ref       chat.Link     // what operations name it by
	Edited    *chat.Content // text and entities that its author put in its place; nil: none
	EditTime  time.Time     // of that
	Deleted   bool          // its author took it back; nothing of it is here
	Pinned    bool
	Reactions []Reaction // the oldest first
	Tally     *Tally     // of a channel: what its subscribers say; nil: nothing was counted

	Mentioned bool // of others: it called this account when it came

	// Heard is when this device wrote or took it, by its own clock as the proxy corrected it,
	// where Received does not say when a home had it; zero: unknown. It is not stored.
	Heard time.Time

	// Place is where it stands in its chat, in ms (spec/chat.md, CHAT-96): the database finds it. A page is in
	// order of Place, and of Position where that is the same.
	Place int64

	marks int
}

// Now is what a person sees of the message: what was signed, or what its author
// put in its place.
func (r *Row) Now() *chat.Content {
	if r.Edited != nil {
		return r.Edited
	}
	return r.Content
}

// Values of message.shown.
const (
	shownNever     = 0 // between clients, or deleted for this account
	shownMessage   = 1
	shownOperation = 2 // told to readers; has no place in the chat
)

// shown tells where messages of a kind are seen.
func shown(k chat.Kind) int {
	switch {
	case k.Operation():
		return shownOperation
	case k.Control():
		return shownNever
	}
	return shownMessage
}

// columns are what scanRow reads, in order.
const columns = `m.position, c.id, c.peer, m.id, m.account, m.device, m.epoch, m.sequence, m.time, m.received,
	m.kind, m.text, m.content, m.head, m.signature, m.verified, m.problem, m.differs, m.own, m.state, m.why, m.printed,
	m.link, m.edited, m.edit_time, m.gone, m.marks, m.import, m.author, m.mentioned, c.kind, m.service > 0, m.read, m.accounts, m.place`

// fromMessage is where columns are.
const fromMessage = ` FROM message m JOIN chat c ON c.number = m.chat `

// A stored is a row as it comes from the database.
type stored struct {
	chat, peer, id, account, device, content, head, signature, link, edited, accounts []byte
	epoch, sequence, time, received, editTime                                         int64
	kind, text, problem                                                               string
	state, gone, chatKind                                                             int
}

func scanRow(scan func(...any) error) (*Row, error) {
	r, s := &Row{}, &stored{}
	err := scan(&r.Position, &s.chat, &s.peer, &s.id, &s.account, &s.device, &s.epoch, &s.sequence, &s.time, &s.received,
		&s.kind, &s.text, &s.content, &s.head, &s.signature, &r.Verified, &s.problem, &r.ListDiffers, &r.Own, &s.state, &r.Why, &r.Printed,
		&s.link, &s.edited, &s.editTime, &s.gone, &r.marks, &r.Import, &r.Author, &r.Mentioned, &s.chatKind, &r.Service, &r.Read, &s.accounts, &r.Place)
	if err != nil {
		return nil, err
	}
	return r, s.fill(r)
}

func (s *stored) fill(r *Row) (err error) {
	for _, f := range []struct{ dst, src []byte }{{r.Chat[:], s.chat}, {r.ID[:], s.id}, {r.Ref[:], s.link}} {
		if err := fill(f.dst, f.src); err != nil {
			return err
		}
	}
	for _, a := range []struct {
		dst *omega.Fingerprint
		src []byte
	}{{&r.Peer, s.peer}, {&r.From, s.account}, {&r.Device, s.device}} {
		if *a.dst, err = readAddress(a.src); err != nil {
			return err
		}
	}
	if len(s.signature) > 0 {
		if err := fill(r.Signature[:], s.signature); err != nil {
			return err
		}
	}
	r.Epoch, r.Sequence = uint32(s.epoch), uint32(s.sequence)
	r.Time, r.Received = readTime(s.time), readTime(s.received)
	r.Problem, r.State = chat.Problem(s.problem), stateName(s.state)
	r.Secure = s.chatKind == kindSecure || s.chatKind == kindSecureGroup
	if len(s.head) > 0 {
		r.Transcript = s.head
		if !r.Secure { // there it has the text's hash in it, and not the text
			r.Transcript = append(s.head, s.text...)
		}
	}
	r.EditTime, r.Deleted, r.Pinned = readTime(s.editTime), s.gone == goneDeleted, r.marks&markedPin != 0
	if len(s.edited) > 0 {
		if r.Edited, err = chat.DecodeContent(s.edited); err != nil {
			return fmt.Errorf("%w (edit of message %s: %w)", ErrDamaged, r.ID, err)
		}
	}
	if r.About, r.AboutCount, err = readAccounts(s.accounts); err != nil {
		return err
	}
	return s.fillContent(r)
}

func (s *stored) fillContent(r *Row) (err error) {
	if len(s.content) > 0 {
		if r.Content, err = chat.DecodeContent(s.content); err != nil {
			return fmt.Errorf("%w (content of message %s: %w)", ErrDamaged, r.ID, err)
		}
		return nil
	}
	r.Content = chat.NewText(s.text)
	r.Content.Kind = chat.Kind(s.kind)
	return nil
}

// contentColumn is the encoded content, or nothing if it is only text. An answer
// to a request is never sent again with what it holds, which is in another row.
func contentColumn(m *chat.Message) ([]byte, error) {
	c := m.Content
	if c.Kind == chat.KindResent {
		return []byte{}, nil
	}
	if c.Kind == chat.KindText && c.Seen.IsZero() && len(c.Lines) == 0 && len(c.Entities) == 0 && c.Reply == nil && c.Forward == nil && !c.Silent && c.Lifetime == 0 {
		raw, err := c.Raw()
		if err != nil {
			return nil, err
		}
		plain, err := chat.NewText(c.Text).Raw()
		if err != nil || string(plain) == string(raw) {
			return []byte{}, err
		}
	}
	return c.Raw()
}

// linkColumn tells messages apart: two with one link are one. A message that
// was never sealed has no transcript and is told by its id.
func linkColumn(m *chat.Message) chat.Link {
	if len(m.Transcript) > 0 {
		return m.Link()
	}
	sum := sha256.Sum256(append([]byte("unsealed\n"), m.ID[:]...))
	return chat.Link(sum[:])
}

func signatureColumn(m *chat.Message) []byte {
	if m.Signature == (pgp.Compact{}) {
		return []byte{}
	}
	return m.Signature[:]
}

// States of own messages, in order: a state is only ever raised.
var states = []string{"", "failed", "queued", "stored", "delivered", "read"}

const (
	stateFailed = 1
	stateQueued = 2
	stateRead   = 5
)

func stateName(n int) string {
	if n < 0 || n >= len(states) {
		return ""
	}
	return states[n]
}

func stateNumber(name string) (int, error) {
	for n, s := range states {
		if s == name {
			return n, nil
		}
	}
	return 0, fmt.Errorf("message state %q does not exist", name)
}
