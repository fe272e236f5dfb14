package client

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
	"github.com/omega-im/omega/chat/group"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/history"
	"github.com/omega-im/omega/internal/i18n"
	"github.com/omega-im/omega/wire"
)

// A presence is what is true for a moment, of this account and of others. It is in
// memory only. (spec/chat.md, CHAT-53, CHAT-54)
type presence struct {
	mu     sync.Mutex
	said   map[saying]time.Time       // when this device said something last; guarded by mu
	heard  map[lane]time.Time         // time of the last sign of a device in a chat; guarded by mu
	others map[omega.ChatID]otherSide // of direct chats; guarded by mu
	looked time.Time                  // when the person looked at anything last; guarded by mu
}

// A saying is a kind of signs in a chat: typing, being there, or not.
type saying struct {
	chat omega.ChatID
	what chat.What
}

func sayingOf(id omega.ChatID, what chat.What) saying {
	if what < chat.Here {
		what = chat.Typing // whatever the person does
	}
	return saying{id, what}
}

// An otherSide is what the other account of a direct chat said last.
type otherSide struct{ until, seen time.Time }

// maxPresence bounds each of the maps: what is older than a few minutes says nothing
// any more.
const maxPresence = 4096

// keep sets an entry of a map that forgets everything when it is full.
func keep[K comparable, V any](m *map[K]V, k K, v V) {
	if *m == nil || len(*m) >= maxPresence {
		*m = map[K]V{}
	}
	(*m)[k] = v
}

var typingWhat = map[string]chat.What{
	clientrpc.TypingText: chat.Typing, clientrpc.TypingVoice: chat.Recording, clientrpc.TypingFile: chat.Sending, clientrpc.TypingStopped: chat.Stopped,
}

// typing answers clientrpc.Type.
func (c *Client) typing(ctx context.Context, p clientrpc.TypeParams) (none clientrpc.None, err error) {
	what, ok := typingWhat[p.What]
	if !ok {
		return none, fail(clientrpc.CodeUsage, i18n.T("doing.presence"), i18n.T("why.typingwhat", p.What), i18n.T("next.typingwhat"), nil)
	}
	d, err := c.resolve(ctx, p.Chat)
	if err != nil {
		return none, err
	}
	every := chat.TypingEvery
	if what == chat.Stopped {
		every = chat.SignGap
	}
	return none, c.sendSign(ctx, d, &chat.Sign{What: what}, every)
}

// look answers clientrpc.Look.
func (c *Client) look(ctx context.Context, p clientrpc.LookParams) (out clientrpc.PresenceResult, err error) {
	d, err := c.resolve(ctx, p.Chat)
	if err != nil {
		return out, err
	}
	now := c.cfg.now()
	c.present.mu.Lock()
	c.present.looked = now
	c.present.mu.Unlock()
	if out.Shared, err = c.shares(ctx, c.chatAt(d)); err != nil || !out.Shared || d.peer.IsZero() {
		return out, err
	}
	c.present.mu.Lock()
	o := c.present.others[c.chatAt(d)]
	c.present.mu.Unlock()
	out.Online, out.Seen = o.until.After(now), o.seen
	return out, c.sendSign(ctx, d, &chat.Sign{What: chat.Here, Ask: true}, chat.HereEvery)
}

// setPresence answers clientrpc.SetPresence.
func (c *Client) setPresence(ctx context.Context, p clientrpc.SetPresenceParams) (out clientrpc.PresenceResult, err error) {
	if p.Shared != nil {
		s := chat.Setting{Name: chat.SettingPresence}
		if !*p.Shared {
			s.Value = []byte{1}
		}
		if err := c.change(ctx, s); err != nil {
			return out, err
		}
	}
	out.Shared, err = c.shares(ctx, omega.ChatID{})
	return out, err
}

// shares reports whether the people of a chat may learn that this account types,
// or is there.
func (c *Client) shares(ctx context.Context, id omega.ChatID) (shares bool, err error) {
	err = c.db.View(ctx, func(tx *history.Tx) error {
		shares, err = sharesIn(tx, id)
		return err
	})
	return shares, err
}

func sharesIn(tx *history.Tx, id omega.ChatID) (bool, error) {
	list, err := tx.SettingsOf(chat.SettingPresence)
	for _, s := range list {
		if len(s.Subject) == 0 || string(s.Subject) == string(id[:]) {
			return false, err
		}
	}
	return err == nil, err
}

// sendSign tells the people of a chat what is true now, unless it did so a moment ago,
// there is no key that they have, or no server. Nobody waits for it.
func (c *Client) sendSign(ctx context.Context, d dest, s *chat.Sign, every time.Duration) error {
	id, now := c.chatAt(d), c.cfg.now()
	session, err := c.online()
	if err != nil || id == c.selfChat() || d.secure {
		return nil // what is true now is not worth waiting; secure chats say nothing outside of their keys
	}
	var key *chat.Key
	var to []omega.Fingerprint
	var tokens []omega.Token
	err = c.db.View(ctx, func(tx *history.Tx) error {
		if shares, err := sharesIn(tx, id); err != nil || !shares {
			return err
		}
		if to, err = c.signedTo(tx, d); err != nil || len(to) == 0 {
			return err
		}
		if tokens, err = c.tokensFor(tx, to); err != nil {
			return err
		}
		state, err := tx.Sender(id)
		key = state.Key
		return err
	})
	if err != nil || key == nil || !c.mayTell(sayingOf(id, s.What), now, every) {
		return err
	}
	s.Time = now
	envelope, payload, err := chat.SealSign(ctx, c.identity(), c.cfg.rand(), key, s)
	if err != nil {
		return err
	}
	env := wire.Envelope{Class: wire.ClassEphemeral, ID: envelope, Lifetime: chat.HereLasts, Sender: c.acc.Fingerprint, Recipients: to, Tokens: tokens, Payload: payload}
	b, err := env.AppendTo(nil)
	if err == nil {
		_ = session.conn.SendFrame(wire.TypeSend, 0, b) // or the session ends: nobody misses it
	}
	return err
}

// signedTo are the accounts that are told: the other side, or a small group.
func (c *Client) signedTo(tx *history.Tx, d dest) (to []omega.Fingerprint, err error) {
	if !d.peer.IsZero() {
		wrote, err := tx.Wrote(c.chatAt(d)) // receipts make keys as well: a stranger is told nothing
		if err != nil || !wrote {
			return nil, err
		}
		if known, err := c.onSpeakingTerms(tx, d.peer); err != nil || !known {
			return nil, err
		}
		return []omega.Fingerprint{d.peer}, nil
	}
	s, err := c.groupState(tx, d.group)
	if err != nil || len(s.Members) > chat.MaxSigned || s.Role(c.acc.Fingerprint) < s.Rules.Write {
		return nil, ignoreNotFound(err)
	}
	for _, m := range s.Members {
		if m.Account != c.acc.Fingerprint {
			to = append(to, m.Account)
		}
	}
	return to, nil
}

// mayTell reports whether enough time went by, and notes that something is told.
// That somebody stopped is told only if it was told that somebody began.
func (c *Client) mayTell(s saying, now time.Time, every time.Duration) bool {
	c.present.mu.Lock()
	defer c.present.mu.Unlock()
	last, told := c.present.said[s]
	switch since := now.Sub(last); {
	case every == chat.SignGap && (!told || since > chat.TypingLasts || since < every):
		return false
	case told && since >= 0 && since < every:
		return false
	}
	keep(&c.present.said, s, now)
	return true
}

// takeSign opens what is true for a moment. What cannot be opened, or is not to be
// believed, is dropped in silence.
func (c *Client) takeSign(ctx context.Context, m *wire.Mail) {
	env, err := wire.ParseEnvelope(m.Envelope)
	if err != nil || env.Class() != wire.ClassEphemeral {
		return
	}
	c.mu.Lock()
	receiver := c.receiver
	c.mu.Unlock()
	a := &chat.Arrival{ID: env.ID(), Payload: env.Payload(), Now: c.cfg.now()}
	var s *chat.Sign
	var believed bool
	err = c.db.View(ctx, func(tx *history.Tx) error {
		c.certIn(tx, env.Sender()) // what is stored comes to where the receiver looks
		if s, err = receiver.OpenSign(ctx, tx, a); err != nil {
			return err
		}
		believed, err = c.believes(tx, s)
		return err
	})
	switch {
	case errors.Is(err, chat.ErrMalformed), errors.Is(err, chat.ErrUnsealed), ctx.Err() != nil:
		return
	case err != nil:
		c.cfg.log().Warn("sign not opened", "err", err)
		return
	case !believed || !c.hears(s):
		return
	}
	c.tellSign(s, a.Now)
	if s.Ask && s.What == chat.Here {
		c.answerSign(ctx, s.From)
	}
}

// believes reports whether a sign is of somebody in a chat that is here and where
// presence is shared.
func (c *Client) believes(tx *history.Tx, s *chat.Sign) (bool, error) {
	if s.From == c.acc.Fingerprint {
		return false, nil
	}
	if _, err := tx.Chat(s.Chat); err != nil {
		return false, ignoreNotFound(err)
	}
	if s.Group != (chat.Hash{}) {
		state, err := c.groupState(tx, s.Group)
		if err != nil || state.Secure || state.Role(s.From) == group.RoleNone || s.What >= chat.Here {
			return false, ignoreNotFound(err)
		}
	} else if known, err := c.onSpeakingTerms(tx, s.From); err != nil || !known {
		return false, err
	}
	return sharesIn(tx, s.Chat)
}

// onSpeakingTerms reports whether an account is neither blocked nor declined: such
// are told nothing, and what they do is not shown. (spec/chat.md, CHAT-46)
func (c *Client) onSpeakingTerms(tx *history.Tx, fp omega.Fingerprint) (bool, error) {
	r, err := tx.Relation(fp)
	return err == nil && !r.Blocked && r.Contact != chat.Declined, err
}

// hears reports whether a sign is later than the device's last one in the chat by
// enough, and notes it.
func (c *Client) hears(s *chat.Sign) bool {
	l := lane{s.Chat, s.From, s.Device}
	c.present.mu.Lock()
	defer c.present.mu.Unlock()
	if last, ok := c.present.heard[l]; ok && s.Time.Sub(last) < chat.SignGap {
		return false
	}
	keep(&c.present.heard, l, s.Time)
	return true
}

// tellSign makes an event of a sign.
func (c *Client) tellSign(s *chat.Sign, now time.Time) {
	switch s.What {
	case chat.Here, chat.Away:
		e := clientrpc.PresenceEvent{Chat: s.Chat, Account: s.From, Online: s.What == chat.Here}
		if e.Online {
			e.Until, e.Seen = now.Add(chat.HereLasts), now
		} else if s.Seen.Before(now) {
			e.Seen = s.Seen
		}
		c.present.mu.Lock()
		keep(&c.present.others, s.Chat, otherSide{e.Until, e.Seen})
		c.present.mu.Unlock()
		c.events.add(happening{clientrpc.Present.Name, e})
		return
	}
	for name, what := range typingWhat {
		if what == s.What {
			e := clientrpc.TypingEvent{Chat: s.Chat, Account: s.From, What: name}
			if what != chat.Stopped {
				e.Until = now.Add(chat.TypingLasts)
			}
			c.events.add(happening{clientrpc.SomebodyTypes.Name, e})
		}
	}
}

// answerSign tells somebody who asked whether the person is there.
func (c *Client) answerSign(ctx context.Context, to omega.Fingerprint) {
	c.present.mu.Lock()
	looked := c.present.looked
	c.present.mu.Unlock()
	s := &chat.Sign{What: chat.Away, Seen: looked}
	if c.cfg.now().Sub(looked) < chat.HereLasts {
		s.What, s.Seen = chat.Here, time.Time{}
	}
	if err := c.sendSign(ctx, dest{peer: to}, s, chat.HereEvery); err != nil {
		c.cfg.log().Warn("presence not told", "peer", to, "err", err)
	}
}
