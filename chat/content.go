package chat

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/internal/canon"
	"github.com/omega-im/omega/internal/chatpb"
	"github.com/omega-im/omega/pgp"
)

// A Kind says what a message is. Kinds that this version does not know are
// verified, kept and skipped. (spec/chat.md, CHAT-11)
type Kind string

// The kinds of this version.
const (
	KindText      Kind = "text"
	KindDelivered Kind = "delivered" // receipt: a device took messages
	KindRead      Kind = "read"      // receipt: its user saw them
	KindResend    Kind = "resend"    // please send again
	KindResent    Kind = "resent"    // a message once more
	KindEdit      Kind = "edit"      // another text for a message
	KindDelete    Kind = "delete"    // takes messages back
	KindReaction  Kind = "reaction"  // emoji for a message
	KindPin       Kind = "pin"       // puts a message on top, or takes it down
	KindPoll      Kind = "poll"      // a question with answers to choose from
	KindVote      Kind = "vote"      // an answer to a poll
	KindList      Kind = "list"      // a list that all add lines to
	KindEntry     Kind = "entry"     // a line of a list
	KindClose     Kind = "close"     // ends a poll or a list
	KindState     Kind = "state"     // settings, among the devices of one account

	KindGroup       Kind = "group"        // operations of a group, or a request for them
	KindGroupInvite Kind = "group-invite" // its reader may join a group
	KindGroupJoin   Kind = "group-join"   // its sender, who has a link, wants to join

	KindGroupRefused Kind = "group-refused" // its reader, who wanted to join, is not let in

	KindToken Kind = "token" // lets its reader write to its sender as somebody it knows

	KindSecureResend Kind = "secure-resend" // asks for what is missing of a secure chat
	KindSecureEnd    Kind = "secure-end"    // its sender destroyed the keys of this secure chat
)

// Known reports whether this version understands k.
func (k Kind) Known() bool {
	switch k {
	case KindText, KindMedia, KindDelivered, KindRead, KindResend, KindResent, KindState, KindPoll, KindList,
		KindGroup, KindGroupInvite, KindGroupJoin, KindGroupRefused, KindHistory, KindCertification, KindSuccession, KindToken, KindSecureResend, KindSecureEnd:
		return true
	}
	return k.Operation()
}

// Operation reports whether k changes other messages: people are told of it, and
// it has no place of its own in the chat.
func (k Kind) Operation() bool {
	switch k {
	case KindEdit, KindDelete, KindReaction, KindPin, KindVote, KindEntry, KindClose:
		return true
	}
	return false
}

// Control reports whether k is between clients only: it is never shown, never
// answered by a receipt and never counted as unread.
func (k Kind) Control() bool {
	switch k {
	case KindText, KindMedia, KindPoll, KindList, KindGroupInvite, KindGroupRefused:
		return false
	}
	return k.Known() && !k.Operation()
}

// ValidKind reports whether s has the form of a kind.
func ValidKind(s string) bool { return Kind(s).valid() }

func (k Kind) valid() bool {
	for i, c := range []byte(k) {
		if c >= 'a' && c <= 'z' || i > 0 && (c == '-' || c >= '0' && c <= '9') {
			continue
		}
		return false
	}
	return len(k) >= 1 && len(k) <= 32
}

// A Content is the body of one message. Of the pointers only those are set that
// belong to Kind.
type Content struct {
	Kind     Kind
	Text     string         // UTF-8, at most omega.MaxText; signed exactly as it is
	Seen     omega.ID       // last message the sender had seen; zero if unsaid
	Lines    []string       // additional transcript lines, "Name: value"
	Entities []Entity       // KindText, KindEdit, KindMedia; what parts of Text are
	Reply    *Reply         // KindText; nil: it answers none
	Forward  *Forward       // KindText; nil: the sender wrote it
	Receipt  *Receipt       // KindDelivered, KindRead
	Resend   *ResendRequest // KindResend
	Resent   *Resent        // KindResent
	Edit     *Edit          // KindEdit
	Delete   *Delete        // KindDelete
	Reaction *Reaction      // KindReaction
	Pin      *Pin           // KindPin
	Poll     *Poll          // KindPoll; its answers are Lines
	Vote     *Vote          // KindVote
	Entry    *Entry         // KindEntry
	Close    *Close         // KindClose
	State    []Setting      // KindState
	Lifetime time.Duration  // KindText, KindMedia; whole seconds after which it is erased everywhere; 0: it stays
	Silent   bool           // KindText; people are told of it without a sound
	View     *View          // of any kind; set by the sender when it is to be told
	Media    []MediaItem    // KindMedia
	Unsigned bool           // KindMedia; the signature says nothing of Media
	Group    *GroupNews     // of any kind in a group's chat; the kinds of groups elsewhere
	Ask      *SecureAsk     // KindSecureResend

	Certifications []Certification // KindCertification
	Succession     *Succession     // KindSuccession

	Token omega.Token // of any kind, and of KindToken always; set by the sender when it is to be told

	raw  []byte // as it was received; what is signed and what is stored
	hash Hash   // of what is in raw and not readable in the transcript; zero for none
}

// A Receipt acknowledges messages of one device in the chat it travels in.
type Receipt struct {
	Device omega.Fingerprint // that sent the messages
	UpTo   uint32            // all sequences up to this one; 0 if unsaid
	IDs    []omega.ID        // and these; at most MaxIDs
	Chat   omega.ChatID      // of the group that it is about; zero: the chat that it travels in
}

// A ResendRequest asks a device for what did not arrive.
type ResendRequest struct {
	Device    omega.Fingerprint // that sent it; zero if only Locator is known
	Chat      omega.ChatID      // zero: the chat that the request travels in
	Sequences []uint32          // of missing messages, or of those that came under Locator; at most MaxIDs
	Locator   Locator           // whose key record is missing; zero if none is
}

// A Resent is a message once more, by its author or by another device of the
// reader, with its original id, time and signature.
type Resent struct {
	Transcript []byte
	Signature  pgp.Compact
	Content    []byte            // Content.Raw of the original; nil if it was nothing but text, or a Resent
	Peer       omega.Fingerprint // other account of the original's chat; zero if it is this chat
	Earlier    bool              // it is of a page that the reader asked for (GROUP-48)
}

// NewText returns the content of a text message.
func NewText(text string) *Content { return &Content{Kind: KindText, Text: text} }

// Raw returns the encoded content: as it was received, or, for a new one, as
// it will be sent. The caller must not change it.
func (c *Content) Raw() ([]byte, error) {
	if c.raw != nil {
		return c.raw, nil
	}
	if err := c.check(); err != nil {
		return nil, err
	}
	p := &chatpb.Content{Text: c.Text, Line: c.Lines}
	if c.Kind != KindText {
		p.Kind = string(c.Kind)
	}
	if !c.Seen.IsZero() {
		p.Seen = c.Seen[:]
	}
	if !c.plain() {
		c.encodeRest(p)
	}
	raw, err := proto.MarshalOptions{Deterministic: true}.Marshal(p)
	if err != nil {
		return nil, fmt.Errorf("encode %s content: %w", c.Kind, err)
	}
	if raw == nil {
		raw = []byte{}
	}
	return raw, nil
}

// With returns the content with a view, and additional transcript lines, as the first
// message of an epoch of a secure chat has them.
func (c *Content) With(v *View, lines ...string) *Content {
	with := *c
	with.raw, with.View, with.Lines = nil, v, append(slices.Clone(c.Lines), lines...)
	return &with
}

// plain reports whether all of a new content stands readable in the transcript.
func (c *Content) plain() bool {
	return len(c.Entities) == 0 && c.Reply == nil && c.Forward == nil && c.Receipt == nil && c.Resend == nil && c.Resent == nil &&
		c.Edit == nil && c.Delete == nil && c.Reaction == nil && c.Pin == nil && c.Poll == nil && c.Vote == nil && c.Entry == nil && c.Close == nil && len(c.State) == 0 && !c.Silent && c.Lifetime == 0 && c.View == nil && len(c.Media) == 0 && c.Group == nil && c.Ask == nil &&
		len(c.Certifications) == 0 && c.Succession == nil && c.Token.IsZero()
}

// encodeRest writes the fields that do not stand readable in the transcript.
func (c *Content) encodeRest(p *chatpb.Content) {
	p.Entities, p.Reply, p.Forward = encodeEntities(c.Entities), c.Reply.encode(), c.Forward.encode()
	p.Receipt, p.Resend, p.Resent, p.View = c.Receipt.encode(), c.Resend.encode(), c.Resent.encode(), c.View.encode()
	p.Edit, p.Delete, p.Reaction, p.Pin = c.Edit.encode(), c.Delete.encode(), c.Reaction.encode(), c.Pin.encode()
	p.Poll, p.Vote, p.Entry, p.Close = c.Poll.encode(), c.Vote.encode(), c.Entry.encode(), c.Close.encode()
	p.Group, p.Certifications, p.Succession, p.SecureAsk = c.Group.encode(), encodeCertifications(c.Certifications), c.Succession.encode(), c.Ask.encode()
	p.State, p.Silent, p.Lifetime = encodeSettings(c.State), c.Silent, uint32(c.Lifetime/time.Second)
	if !c.Token.IsZero() {
		p.Token = c.Token[:]
	}
	if c.Unsigned {
		p.UnsignedMedia = encodeMedia(c.Media)
	} else {
		p.Media = encodeMedia(c.Media)
	}
}

// DecodeContent reads an encoded content. Fields and kinds of later versions
// are kept in Raw.
func DecodeContent(raw []byte) (*Content, error) {
	if len(raw) > omega.MaxEnvelope {
		return nil, malformed("content: %d octets", len(raw))
	}
	f, err := splitContent(raw)
	if err != nil {
		return nil, err
	}
	c := &Content{Kind: f.kind, Text: f.text, Seen: f.seen, Lines: f.lines, raw: raw}
	if len(f.rest) > 0 {
		c.hash = sha256.Sum256(f.rest)
		if err := c.decodeRest(f.rest); err != nil {
			return nil, err
		}
	}
	if len(f.unsigned) > 0 {
		if err := c.decodeUnsigned(f.unsigned); err != nil {
			return nil, err
		}
	}
	return c, c.check()
}

// decodeUnsigned reads the fields that the signature leaves out.
func (c *Content) decodeUnsigned(b []byte) error {
	var p chatpb.Content
	if err := proto.Unmarshal(b, &p); err != nil {
		return malformed("content: %v", err)
	}
	r := fieldReader{}
	items := r.media(p.UnsignedMedia)
	if r.bad || len(c.Media) > 0 {
		return malformed("media that are not signed")
	}
	c.Media, c.Unsigned = items, true
	return nil
}

// decodeRest reads the fields that do not stand readable in the transcript.
func (c *Content) decodeRest(rest []byte) error {
	var p chatpb.Content
	if err := proto.Unmarshal(rest, &p); err != nil {
		return malformed("content: %v", err)
	}
	r := fieldReader{}
	c.Receipt, c.Resend, c.Resent, c.View = r.receipt(p.Receipt), r.resend(p.Resend), r.resent(p.Resent), r.view(p.View)
	c.Edit, c.Delete, c.Reaction, c.Pin = r.edit(p.Edit), r.delete(p.Delete), r.reaction(p.Reaction), r.pin(p.Pin)
	c.Poll, c.Vote, c.Entry, c.Close = r.poll(p.Poll), r.vote(p.Vote), r.entry(p.Entry), r.close(p.Close)
	c.State, c.Media, c.Group, c.Ask = r.settings(p.State), r.media(p.Media), r.group(p.Group), r.secureAsk(p.SecureAsk)
	c.Certifications, c.Succession = r.certifications(p.Certifications), r.succession(p.Succession)
	if len(p.Token) > 0 {
		r.bad = r.bad || len(p.Token) != omega.TokenSize
		copy(c.Token[:], p.Token)
	}
	if c.Kind.marked() {
		c.Entities = readEntities(c.Text, p.Entities)
	}
	if c.Kind == KindText {
		c.Reply, c.Forward, c.Silent = readReply(p.Reply), readForward(p.Forward), p.Silent
	}
	if c.Kind == KindText || c.Kind == KindMedia {
		c.Lifetime = time.Duration(min(p.Lifetime, uint32(MaxMessageLife/time.Second))) * time.Second
	}
	if r.bad {
		return malformed("content of kind %.32q", string(c.Kind))
	}
	return nil
}

// check holds a content to the limits, in both directions.
func (c *Content) check() error {
	switch {
	case len(c.Text) > omega.MaxText || len(c.Lines) > MaxLines:
		return fmt.Errorf("%w: %d octets of text, %d lines", ErrTooLarge, len(c.Text), len(c.Lines))
	case !utf8.ValidString(c.Text):
		return malformed("text is not UTF-8")
	case !c.Kind.valid():
		return malformed("kind %q", string(c.Kind))
	case c.Kind.Known() && (!c.fits() || !c.validOperation() || !validSettings(c.State) || !c.validTrust()):
		return malformed("content does not fit its kind %s", c.Kind)
	case !ValidEntities(c.Text, c.Entities), !c.Reply.valid(), !c.Forward.valid():
		return malformed("entities, reply or forward of a %s", c.Kind)
	case c.Receipt != nil && len(c.Receipt.IDs) > MaxIDs, c.Resend != nil && len(c.Resend.Sequences) > MaxIDs:
		return fmt.Errorf("%w: more than %d ids", ErrTooLarge, MaxIDs)
	}
	for _, line := range c.Lines {
		if !validLine(line) {
			return malformed("transcript line %.64q", line)
		}
	}
	return c.checkMedia()
}

// marked reports whether the text of a kind may have entities. (spec/chat.md, CHAT-22)
func (k Kind) marked() bool { return k == KindText || k == KindEdit || k == KindMedia }

// fits reports whether a content has what its kind needs, and nothing that other
// kinds need.
func (c *Content) fits() bool {
	k := c.Kind
	return (c.Receipt != nil) == (k == KindDelivered || k == KindRead) &&
		(c.Resend != nil) == (k == KindResend) &&
		(c.Resent != nil) == (k == KindResent) &&
		(c.Edit != nil) == (k == KindEdit) &&
		(c.Delete != nil) == (k == KindDelete) &&
		(c.Reaction != nil) == (k == KindReaction) &&
		(c.Pin != nil) == (k == KindPin) &&
		(c.Poll != nil) == (k == KindPoll) &&
		(c.Vote != nil) == (k == KindVote) &&
		(c.Entry != nil) == (k == KindEntry) &&
		(c.Close != nil) == (k == KindClose) &&
		(c.Ask != nil) == (k == KindSecureResend) &&
		(len(c.State) > 0) == (k == KindState) && c.fitsGroup() &&
		(len(c.Certifications) > 0) == (k == KindCertification) && (c.Succession != nil) == (k == KindSuccession) &&
		(k != KindToken || !c.Token.IsZero()) &&
		(len(c.Entities) == 0 || k.marked()) &&
		(c.Reply == nil && c.Forward == nil && !c.Silent || k == KindText) && (c.Lifetime == 0 || k == KindText || k == KindMedia) &&
		c.Lifetime >= 0 && c.Lifetime <= MaxMessageLife && c.Lifetime%time.Second == 0
}

// validLine reports whether a line may be added to a transcript: "Name: value"
// with a name that the transcript does not use itself.
func validLine(line string) bool {
	name, value, ok := strings.Cut(line, ": ")
	if !ok || len(line) > MaxLine || !utf8.ValidString(line) || slices.Contains(transcriptNames, name) || value == "" {
		return false
	}
	for i, c := range []byte(name) {
		letter := c >= 'A' && c <= 'Z' || i > 0 && (c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-')
		if !letter || i >= 32 {
			return false
		}
	}
	return name != "" && strings.IndexFunc(value, func(r rune) bool { return !canon.Plain(r) }) < 0
}

// Field numbers of proto/chat.proto that stand readable in the transcript.
const (
	fieldText = 1
	fieldKind = 2
	fieldSeen = 3
	fieldLine = 4

	fieldUnsigned = 64 // stands neither there nor in Content-Hash
)

// contentFields are an encoded content, taken apart: what stands readable in
// the transcript, and every other field as it stands, one after the other.
type contentFields struct {
	text  string
	kind  Kind
	seen  omega.ID
	lines []string
	rest  []byte

	unsigned []byte // fields that the signature leaves out, in the same way
}

// splitContent reads the readable fields by hand: a text is nothing else, and
// the others need to be told apart to the octet. They may occur once.
func splitContent(raw []byte) (*contentFields, error) {
	f := &contentFields{kind: KindText}
	var seen [fieldLine + 1]bool
	for b := raw; len(b) > 0; {
		num, typ, n := protowire.ConsumeField(b)
		if n < 0 {
			return nil, malformed("content: %v", protowire.ParseError(n))
		}
		if num == fieldUnsigned {
			f.unsigned = append(f.unsigned, b[:n]...)
			b = b[n:]
			continue
		}
		if num > fieldLine {
			f.rest = append(f.rest, b[:n]...)
			b = b[n:]
			continue
		}
		if typ != protowire.BytesType || seen[num] && num != fieldLine {
			return nil, malformed("content: field %d twice, or of another type", num)
		}
		seen[num] = true
		_, _, tag := protowire.ConsumeTag(b)
		value, _ := protowire.ConsumeBytes(b[tag:])
		if !f.set(num, value) {
			return nil, malformed("content: field %d", num)
		}
		b = b[n:]
	}
	return f, nil
}

func (f *contentFields) set(num protowire.Number, value []byte) bool {
	switch num {
	case fieldText:
		f.text = string(value)
	case fieldKind:
		f.kind = Kind(value)
		return len(value) > 0 && f.kind != KindText // one way to say it
	case fieldSeen:
		return len(value) == len(f.seen) && copy(f.seen[:], value) > 0 && !f.seen.IsZero()
	case fieldLine:
		f.lines = append(f.lines, string(value))
		return len(f.lines) <= MaxLines
	}
	return true
}

// contentHash is the SHA-256 of all that does not stand readable in the
// transcript; zero if there is no such field.
func (c *Content) contentHash(raw []byte) (Hash, error) {
	if c.raw != nil || c.plain() {
		return c.hash, nil
	}
	f, err := splitContent(raw)
	if err != nil || len(f.rest) == 0 {
		return Hash{}, err
	}
	return sha256.Sum256(f.rest), nil
}
