package chat

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/pgp"
)

// A key is renewed after this time or number of messages, whichever is first,
// and whenever the member and device list changes (spec/chat.md, CHAT-6).
const (
	MaxKeyAge      = 24 * time.Hour
	MaxKeyMessages = 10_000
)

// A SenderState is what a sender must keep between messages: per device and
// chat. It is committed together with the message that moved it; a message
// that was not committed must not be sent. Its zero value, but for Chat, is the
// state before the first message.
type SenderState struct {
	Chat     omega.ChatID
	Sequence uint32 // of the last message
	Previous Link   // to the last message
	Count    uint32 // of messages under Key
	Key      *Key   // current key; nil before the first

	Told, ToldPeer uint64      // sequences of the records in the last View
	ToldToken      omega.Token // the last one that the readers were given
}

// A Sender seals the messages of one device in one chat, one at a time.
type Sender struct {
	id      *pgp.Identity
	rand    io.Reader
	profile string
	state   SenderState
	view    View
	token   omega.Token
}

// NewSender continues from state. Random octets for keys and ids come from
// rand; profile is the name that key records carry, sanitised here.
func NewSender(id *pgp.Identity, rand io.Reader, profile string, state SenderState) (*Sender, error) {
	if id == nil || rand == nil || state.Chat == (omega.ChatID{}) {
		return nil, errors.New("new sender: identity, randomness and chat are required")
	}
	if k := state.Key; k != nil && (k.Chat != state.Chat || k.Device != id.Device()) {
		return nil, fmt.Errorf("new sender for chat %s: the stored key is of another chat or device", state.Chat)
	}
	return &Sender{id: id, rand: rand, profile: SanitizeName(profile), state: state}, nil
}

// Tell has the next message say which location records this device knows, if it
// is the first under its key or they are others than were told last: 24 octets
// for each, once a day, tell as much as in every message. (spec/chat.md, CHAT-18)
func (s *Sender) Tell(v View) { s.view = v }

// Admit has the next message give its readers the token by which they write to this
// account, if it is the first under its key or they were given another one last. Zero
// is none. (spec/delivery.md, DELIV-47)
func (s *Sender) Admit(t omega.Token) { s.token = t }

// tell adds the view to a message where CHAT-18 wants one, and the token where
// DELIV-47 does.
func (s *Sender) tell(next *SenderState, c *Content) *Content {
	v, first := s.view, next.Count == 1
	view := !v.IsZero() && (first || v.Own.Sequence != next.Told || v.Peer.Sequence != next.ToldPeer)
	token := !s.token.IsZero() && (first || c.Kind == KindToken || s.token != next.ToldToken)
	if c.raw != nil || !view && !token {
		return c
	}
	with := *c
	if view {
		next.Told, next.ToldPeer = v.Own.Sequence, v.Peer.Sequence
		with.View = &v
	}
	if token {
		next.ToldToken, with.Token = s.token, s.token
	}
	return &with
}

// leap is how far a sender leaps at least, and how far more by chance, so that
// two copies of one device do not land in one place.
const leap = 1 << 18

// Leap has the next message come far behind all that this device may have sent
// and does not know of, under a new key. (spec/chat.md, CHAT-6)
func (s *SenderState) Leap(rand io.Reader) error {
	var b [4]byte
	if _, err := io.ReadFull(rand, b[:]); err != nil {
		return fmt.Errorf("leap: read randomness: %w", err)
	}
	if s.Previous == (Link{}) { // which only the first message may have
		if _, err := io.ReadFull(rand, s.Previous[:]); err != nil {
			return fmt.Errorf("leap: read randomness: %w", err)
		}
	}
	far := uint64(s.Sequence) + leap + uint64(binary.BigEndian.Uint32(b[:])%leap)
	s.Sequence = uint32(min(far, math.MaxUint32))
	s.Count = MaxKeyMessages
	return nil
}

// State returns what to keep.
func (s *Sender) State() SenderState { return s.state }

// Format hides the keys inside from every verb.
func (s *Sender) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "Sender(%s)", s.state.Chat) }

// A Sealed is a message that is ready to be put into envelopes. If there is a
// key record it goes first, in an envelope of its own with KeyID as its id;
// both go to Roster.Accounts.
type Sealed struct {
	KeyID     omega.ID // zero without KeyRecord
	KeyRecord []byte   // payload; nil if readers have the key
	Key       *Key     // that Payload is sealed under
	Payload   []byte   // nil if only a key was announced
	Message   *Message // as Payload

	sighting *Sighting
}

// Seal makes the next message, under a new key where CHAT-6 wants one. On an
// error the sender has not moved. If the caller cannot commit what it returns
// it makes a new Sender from the state it last committed.
func (s *Sender) Seal(ctx context.Context, now time.Time, roster *Roster, c *Content) (*Sealed, error) {
	var id omega.ID
	if _, err := io.ReadFull(s.rand, id[:]); err != nil {
		return nil, fmt.Errorf("seal message: read randomness: %w", err)
	}
	return s.SealAs(ctx, now, roster, id, c)
}

// SealAs is Seal for a message whose id was chosen before, so that whoever asks
// twice for one message can be told apart from whoever wants two.
func (s *Sender) SealAs(ctx context.Context, now time.Time, roster *Roster, id omega.ID, c *Content) (*Sealed, error) {
	if roster.Chat != s.state.Chat {
		return nil, fmt.Errorf("seal message: roster of chat %s, sender of chat %s", roster.Chat, s.state.Chat)
	}
	if s.state.Sequence == math.MaxUint32 {
		return nil, fmt.Errorf("seal message: chat %s has used all sequences", s.state.Chat)
	}
	now = now.UTC().Truncate(time.Millisecond)
	next, sealed := s.state, &Sealed{}
	if s.needsKey(now, roster) {
		if err := s.renew(ctx, now, roster, &next, sealed); err != nil {
			return nil, fmt.Errorf("new key for chat %s: %w", s.state.Chat, err)
		}
	}
	next.Sequence++
	next.Count++
	sealed.Key = next.Key
	if err := s.seal(ctx, now, &next, roster, id, s.tell(&next, c), sealed); err != nil {
		return nil, fmt.Errorf("seal message %d of chat %s: %w", next.Sequence, s.state.Chat, err)
	}
	sealed.sighting = sightingOf(sealed.Message, next.Previous)
	next.Previous = sealed.sighting.Link
	s.state = next
	return sealed, nil
}

// Announce makes a new key and its record, and no message: the readers of the chat learn by
// it what its sender calls itself now. On an error the sender has not moved. (spec/chat.md,
// CHAT-98)
func (s *Sender) Announce(ctx context.Context, now time.Time, roster *Roster) (*Sealed, error) {
	if roster.Chat != s.state.Chat || roster.group != nil {
		return nil, fmt.Errorf("announce a key: roster of chat %s, sender of direct chat %s", roster.Chat, s.state.Chat)
	}
	next, sealed := s.state, &Sealed{}
	if err := s.renew(ctx, now.UTC().Truncate(time.Millisecond), roster, &next, sealed); err != nil {
		return nil, fmt.Errorf("new key for chat %s: %w", s.state.Chat, err)
	}
	sealed.Key, s.state = next.Key, next
	return sealed, nil
}

// needsKey tells when readers could not, or should no longer, use the key.
func (s *Sender) needsKey(now time.Time, roster *Roster) bool {
	k := s.state.Key
	return k == nil ||
		k.MembersHash() != roster.hash ||
		!roster.suits(k) ||
		k.Profile != s.profile ||
		s.state.Count >= MaxKeyMessages ||
		now.Sub(k.Time) >= MaxKeyAge ||
		k.Time.Sub(now) > omega.ClockTolerance // the clock was set back
}

// renew makes a key and its record.
func (s *Sender) renew(ctx context.Context, now time.Time, roster *Roster, next *SenderState, sealed *Sealed) error {
	k := &Key{
		Chat: s.state.Chat, Epoch: 1, First: s.state.Sequence + 1,
		From: s.id.Account(), Device: s.id.Device(),
		Members: roster.members, Time: now, Profile: s.profile,
	}
	if s.state.Key != nil {
		k.Epoch = s.state.Key.Epoch + 1
	}
	if g := roster.group; g != nil {
		k.Group = &InGroup{g.Group, g.Locator, roster.heads, g.MembersHash}
	}
	for _, b := range [][]byte{k.Secret[:], k.Locator[:], sealed.KeyID[:]} {
		if _, err := io.ReadFull(s.rand, b); err != nil {
			return fmt.Errorf("read randomness: %w", err)
		}
	}
	var err error
	if k.keys, err = k.Secret.derive(); err != nil {
		return err
	}
	k.Commitment, k.membersHash = k.keys.commitment, roster.hash
	if !k.valid() {
		return errors.New("the roster does not list this device")
	}
	if roster.group != nil {
		record, err := sealGroupRecord(ctx, s.id.Signer, roster.group, k)
		sealed.KeyRecord, next.Key, next.Count = record, k, 0
		return err
	}
	record, err := pgp.SealRecord(ctx, s.rand, s.id.Signer, roster.readers, k.Secret[:], k.Text(), now)
	if err != nil {
		return err
	}
	p := Payload{Kind: PayloadKey, Locator: k.Locator, Body: record}
	sealed.KeyRecord = p.appendTo(nil)
	next.Key, next.Count = k, 0
	return nil
}

// seal signs and encrypts under next's key.
func (s *Sender) seal(ctx context.Context, now time.Time, next *SenderState, roster *Roster, id omega.ID, c *Content, sealed *Sealed) error {
	k := next.Key
	c = roster.nameHeads(k, c)
	raw, err := c.Raw()
	if err != nil {
		return err
	}
	t, err := k.transcript(id, next.Sequence, next.Previous, now, c, raw)
	if err != nil {
		return err
	}
	m := &Message{
		ID: id, Chat: k.Chat, Peer: roster.Peer, From: k.From, Device: k.Device, Epoch: k.Epoch,
		Sequence: next.Sequence, Time: now, Content: c, Verified: true, Transcript: t.Bytes(),
	}
	if m.Signature, err = pgp.SignCompact(ctx, s.id.Signer, m.Transcript, m.SignatureTime()); err != nil {
		return err
	}
	d, err := k.derive()
	if err != nil {
		return err
	}
	in := inner{m.Signature, now, next.Previous, raw}
	p := Payload{Kind: PayloadMessage, Locator: k.Locator, Sequence: next.Sequence}
	head := p.appendTo(make([]byte, 0, Overhead+len(raw)))
	if sealed.Payload, err = seal(head, d, k.seat(next.Sequence), id, in.bytes()); err != nil {
		return err
	}
	sealed.Message = m
	return nil
}

// Remember puts the key and the message into a store, so that a copy that
// comes back to the device that sent it is a duplicate.
func (s *Sealed) Remember(ctx context.Context, st Store) error {
	if s.KeyRecord != nil {
		if err := st.PutKey(ctx, s.Key); err != nil {
			return err
		}
	}
	if s.Message == nil {
		return nil
	}
	track, err := st.Track(ctx, s.Message.Chat, s.Message.Device)
	if err != nil {
		return err
	}
	track.start(s.Key.First)
	track.see(s.sighting)
	return st.PutTrack(ctx, track, s.sighting)
}
