package chat

import (
	"context"
	"errors"
	"fmt"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/pgp"
)

// A claim is a message that nobody has judged yet.
type claim struct {
	transcript *Transcript
	key        *Key // nil for a message that was sent again
	group      Hash // whose chat it is of; zero: a direct one
	message    *Message
}

func (c *claim) newMessage(a *Arrival, content *Content, sig pgp.Compact) *Message {
	t := c.transcript
	return &Message{
		ID: t.ID, Chat: t.Chat, From: t.From, Device: t.Device, Epoch: t.Epoch, Sequence: t.Sequence,
		Time: t.Time, Received: a.Received, Content: content, Transcript: t.Bytes(), Signature: sig,
	}
}

// A signer is what the sender's certificate says about a device.
type signer struct {
	cert     *pgp.Certificate
	key      *pgp.PublicKey // nil: not bound, or no certificate
	active   bool
	needCert bool // a newer certificate may say otherwise
}

// signer looks up a device. Whether it is active is judged at the time when
// the home took the message, which its sender cannot set back.
func (r *Receiver) signer(ctx context.Context, account, device omega.Fingerprint, a *Arrival) (*signer, error) {
	cert, err := r.finder.FindCertificate(ctx, account)
	switch {
	case errors.Is(err, &omega.Error{Code: omega.CodeNotFound}):
		if account != r.id.Account() {
			return &signer{needCert: true}, nil
		}
		cert = r.id.Certificate
	case err != nil:
		return nil, fmt.Errorf("find certificate of %s: %w", account, err)
	}
	s := &signer{cert: cert, needCert: true}
	if d, ok := cert.Device(device); ok {
		s.key = d.Signing
		s.active = cert.Check(a.heard()) == nil && d.Active(a.heard())
		s.needCert = !s.active
	}
	return s, nil
}

// judge finds a claim's problem and, if it counts, takes note of it. A message
// counts if its signature, device, readers and place are right: only its
// clock may be wrong. (spec/chat.md, CHAT-14)
func (r *Receiver) judge(ctx context.Context, st Store, a *Arrival, c *claim) (*Result, error) {
	m := c.message
	place, err := r.place(ctx, st, c)
	if err != nil {
		return nil, fmt.Errorf("judge message %s: %w", m.ID, err)
	}
	if place.duplicate(c) {
		return &Result{Verdict: VerdictDuplicate, Message: m, Track: place.track}, nil
	}
	s, err := r.signer(ctx, m.From, m.Device, a)
	if err != nil {
		return nil, err
	}
	if s.needCert && !a.Fresh {
		return &Result{Verdict: VerdictNeedCert, Account: m.From}, nil
	}
	if m.Problem, err = r.problem(ctx, st, s, c, a.Checked); err != nil {
		return nil, fmt.Errorf("judge message %s: %w", m.ID, err)
	}
	if m.Problem == ProblemNone && c.group != (Hash{}) {
		switch standing, err := r.standing(ctx, a, c); {
		case err != nil:
			return nil, fmt.Errorf("judge message %s: %w", m.ID, err)
		case standing == StandingUnknown:
			return needGroup(c), nil
		case standing == StandingNone:
			m.Problem = ProblemMember
		}
	}
	if m.Problem == ProblemNone {
		m.Problem = place.problem(c)
	}
	if m.Problem != ProblemNone && c.key != nil && !c.key.forMe(r.id.Account(), r.id.Device()) {
		m.Chat, m.Peer = omega.DirectChat(m.From, r.id.Account()), m.From
	}
	if m.Problem != ProblemNone {
		return &Result{Verdict: VerdictMessage, Message: m}, nil
	}
	if clockProblem(a, c, place) {
		m.Problem = ProblemClock
	}
	m.Verified = m.Problem == ProblemNone
	return r.take(ctx, st, a, c, place)
}

// take stores that the message was here.
func (r *Receiver) take(ctx context.Context, st Store, a *Arrival, c *claim, p *place) (*Result, error) {
	sight := sightingOf(c.message, c.transcript.Previous)
	// After a message from the future, by a clock that was wrong for a moment,
	// the next one is not wrong for being before it.
	sight.Time = min(sight.Time, a.latest().UnixMilli())
	if c.key != nil || c.group == (Hash{}) || sight.Sequence >= p.track.Low && p.track.Low > 0 {
		p.track.see(sight)
	} // else it is older than what this reader was there for: others are not missed for it
	if err := st.PutTrack(ctx, p.track, sight); err != nil {
		return nil, fmt.Errorf("store message %d of device %s: %w", sight.Sequence, c.message.Device, err)
	}
	out := &Result{Verdict: VerdictMessage, Message: c.message, Track: p.track}
	if !c.message.Verified || c.message.Content.Kind != KindResent || c.key == nil {
		return out, nil
	}
	var err error
	out.Original, err = r.openResent(ctx, st, a, c)
	return out, err
}

// problem judges what does not depend on other messages.
func (r *Receiver) problem(ctx context.Context, st Store, s *signer, c *claim, ahead *Checked) (Problem, error) {
	m := c.message
	if s.key == nil {
		return ProblemDevice, nil
	}
	if !ahead.holds(s.key, m) && pgp.VerifyCompact(s.key, m.Transcript, m.SignatureTime(), m.Signature) != nil {
		again, err := st.SignatureSeen(ctx, m.Chat, m.Device, [16]byte(m.Signature[:16]))
		switch {
		case err != nil:
			return ProblemSignature, err
		case again:
			return ProblemReplay, nil
		case signedByOther(s.cert, c):
			return ProblemDevice, nil
		}
		return ProblemSignature, nil
	}
	if !m.Content.mediaFit() {
		return ProblemSignature, nil // it signs something else than it shows (MEDIA-11)
	}
	if !s.active {
		return ProblemDevice, nil
	}
	if c.key != nil {
		return c.key.Problem, nil
	}
	return ProblemNone, nil
}

// signedByOther reports whether another device of the sender made the
// signature, under its own name or under the one that the key belongs to.
func signedByOther(cert *pgp.Certificate, c *claim) bool {
	m := c.message
	for _, d := range cert.Devices() {
		if d.Signing.Fingerprint() == m.Device {
			continue
		}
		other := *c.transcript
		other.Device = d.Signing.Fingerprint()
		for _, data := range [][]byte{other.Bytes(), m.Transcript} {
			if pgp.VerifyCompact(d.Signing, data, m.SignatureTime(), m.Signature) == nil {
				return true
			}
		}
	}
	return false
}

// clockProblem reports whether the message's time cannot be right.
func clockProblem(a *Arrival, c *claim, p *place) bool {
	t := c.message.Time
	return t.Sub(a.latest()) > omega.ClockTolerance ||
		c.key != nil && c.key.Time.Sub(t) > omega.ClockTolerance ||
		p.before != nil && p.before.Sub(t) > omega.ClockTolerance
}

// openResent judges the message inside a verified one of KindResent: it has
// its own signature, and must belong to a chat of this reader.
func (r *Receiver) openResent(ctx context.Context, st Store, a *Arrival, outer *claim) (*Result, error) {
	again := outer.message.Content.Resent
	t, err := ParseTranscript(again.Transcript)
	if err != nil {
		return refused(err), nil
	}
	content, err := again.content(t)
	if err != nil {
		return refused(err), nil
	}
	c := &claim{transcript: t}
	c.message = c.newMessage(a, content, again.Signature)
	c.message.Peer = outer.message.Peer
	if !again.Peer.IsZero() {
		c.message.Peer = again.Peer
	}
	may, err := r.mayResend(ctx, a, outer, c)
	if err != nil {
		return nil, err
	}
	if !may {
		return refused(malformed("message %s is not of a chat with whom sent it again", t.ID)), nil
	}
	return r.judge(ctx, st, a, c)
}

// mayResend: an author sends again into the same chat, a device of the reader's
// own account sends what is in one of the account's chats, and who was in a group
// what is in its chat.
func (r *Receiver) mayResend(ctx context.Context, a *Arrival, outer, c *claim) (bool, error) {
	me, m := r.id.Account(), c.message
	if a.Groups != nil {
		group, err := a.Groups.Group(ctx, m.Chat)
		if err != nil {
			return false, err
		}
		if group != (Hash{}) {
			c.group, m.Peer = group, omega.Fingerprint{}
			s, err := a.Groups.Standing(ctx, Writing{Group: group, Author: outer.message.From, Kind: KindResent, Time: m.Time, Heard: m.Time})
			return s == StandingGood, err
		}
	}
	if m.From != me && m.From != m.Peer {
		return false, nil
	}
	author := outer.message.From == m.From && outer.message.Chat == m.Chat
	own := outer.message.From == me && m.Chat == omega.DirectChat(me, m.Peer)
	return author || own, nil
}

// content returns the original content; it must be what the transcript says.
// Of an original that is a Resent itself there is none: answers are not
// wrapped in answers.
func (s *Resent) content(t *Transcript) (*Content, error) {
	raw := s.Content
	if t.Kind == KindResent {
		if len(raw) > 0 {
			return nil, malformed("an answer with an answer inside")
		}
		return &Content{Kind: KindResent}, nil
	}
	if len(raw) == 0 {
		var err error
		if raw, err = NewText(t.Text).Raw(); err != nil {
			return nil, err
		}
	}
	c, err := DecodeContent(raw)
	if err != nil {
		return nil, err
	}
	shown := *t
	shown.Text, shown.Kind, shown.Seen, shown.Lines, shown.ContentHash = c.Text, c.Kind, c.Seen, c.Lines, c.hash
	if string(shown.Bytes()) != string(t.Bytes()) {
		return nil, malformed("content that was sent again is not what was signed")
	}
	return c, nil
}
