package chat

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/pgp"
)

// A Store is what a receiver remembers. Package history implements it on a
// transaction, so that a message, everything that was learnt from it and the
// home's cursor stand or fall together; MemoryStore is for tests.
type Store interface {
	// Keys returns the keys with this locator, nil if there are none.
	Keys(ctx context.Context, locator Locator) ([]*Key, error)

	// PutKey adds a key, or replaces the one that it is the Same as.
	PutKey(ctx context.Context, k *Key) error

	// Track returns what is known of a device in a chat; if that is nothing, a
	// track with Chat and Device set. The caller owns it.
	Track(ctx context.Context, chat omega.ChatID, device omega.Fingerprint) (*Track, error)

	// PutTrack replaces a track and, if s is not nil, adds a sighting to it.
	PutTrack(ctx context.Context, t *Track, s *Sighting) error

	// Seen returns the sighting with this sequence, nil if there is none.
	Seen(ctx context.Context, chat omega.ChatID, device omega.Fingerprint, sequence uint32) (*Sighting, error)

	// SignatureSeen reports whether any sighting has this signature. It is
	// asked only about bad signatures and may be slow.
	SignatureSeen(ctx context.Context, chat omega.ChatID, device omega.Fingerprint, signature [16]byte) (bool, error)
}

// maxShadows is how many keys may share a locator. Honest ones never do; a
// sender that copies a locator must not hide the key it belongs to.
const maxShadows = 8

// An Arrival is one envelope's payload as it came in.
type Arrival struct {
	ID      omega.ID // of the envelope
	Payload []byte

	Now      time.Time // the reader's clock, best the median of its homes'
	Received time.Time // when the home took it; zero if that is unknown

	// Fresh: the sender's certificate was fetched just now, so what it does not
	// show is a problem and not a reason to fetch it.
	Fresh bool

	// Groups answers about groups; nil: there are none here.
	Groups Groups

	// Checked is what CheckAhead returned for this arrival, or nil.
	Checked *Checked
}

// latest is the latest of the two clocks.
func (a *Arrival) latest() time.Time {
	if a.Received.After(a.Now) {
		return a.Received
	}
	return a.Now
}

// heard is when a server that is not the sender had it first.
func (a *Arrival) heard() time.Time {
	if a.Received.IsZero() {
		return a.Now
	}
	return a.Received
}

// A Result is what became of an arrival. Verdict says which fields are set.
type Result struct {
	Verdict Verdict
	Message *Message          // VerdictMessage, VerdictDuplicate; VerdictNeedGroup, not judged
	Key     *Key              // VerdictKey
	Locator Locator           // VerdictKey, VerdictNeedKey, VerdictGroupKey
	Account omega.Fingerprint // VerdictNeedCert, VerdictNeedGroup
	Track   *Track            // of the message's device, afterwards; nil if it did not count

	GroupKey *GroupKey // VerdictGroupKey
	Group    Hash      // VerdictNeedGroup
	Heads    []Hash    // the same: operations that the message rests on

	Reason error // VerdictRefused; VerdictNeedKey if there are keys, but none fits

	// Original is what became of the message inside a verified Message of
	// KindResent: it is treated like one that came by itself.
	Original *Result
}

func refused(err error) *Result { return &Result{Verdict: VerdictRefused, Reason: err} }

// A Receiver opens and judges what arrives at one device.
type Receiver struct {
	id     *pgp.Identity
	finder pgp.Finder
}

// NewReceiver returns the receiver of a device. Certificates, the reader's own
// account's too, come from finder, which answers from what is stored here; a
// missing one is omega.CodeNotFound and becomes VerdictNeedCert.
func NewReceiver(id *pgp.Identity, finder pgp.Finder) (*Receiver, error) {
	if id == nil || finder == nil {
		return nil, errors.New("new receiver: identity and finder are required")
	}
	return &Receiver{id: id, finder: finder}, nil
}

// Open decrypts and judges one payload and moves the store. The error is only
// about the store, the finder or ctx: nothing that a sender does is an error.
// The same arrival may be opened again at any time.
func (r *Receiver) Open(ctx context.Context, st Store, a *Arrival) (*Result, error) {
	p, err := ParsePayload(a.Payload)
	if err != nil {
		return refused(err), nil
	}
	switch {
	case p.Kind == PayloadKey:
		return r.openKey(ctx, st, a, p)
	case p.Kind == PayloadMessage:
	case p.Kind == PayloadSign:
		return refused(malformed("payload: a sign that was stored")), nil
	case a.Groups == nil:
		return refused(malformed("payload: kind %d, and there are no groups here", p.Kind)), nil
	case p.Kind == PayloadGroupKey:
		return r.openGroupKey(ctx, a, p)
	default:
		return r.openGroupRecord(ctx, st, a, p)
	}
	return r.openMessage(ctx, st, a, p)
}

// openKey takes a key record (spec/chat.md, CHAT-3).
func (r *Receiver) openKey(ctx context.Context, st Store, a *Arrival, p Payload) (*Result, error) {
	record, err := pgp.OpenRecord(ctx, r.id.Decrypter, p.Body)
	if err != nil {
		return refused(err), ctx.Err()
	}
	k, err := readKey(record, p.Locator)
	if err != nil {
		return refused(err), nil
	}
	old, err := st.Keys(ctx, p.Locator)
	if err != nil {
		return nil, fmt.Errorf("look up keys %s: %w", p.Locator, err)
	}
	shadows := 0
	for _, o := range old {
		if !o.Same(k) {
			shadows++
		} else if o.Problem == ProblemNone {
			return &Result{Verdict: VerdictKey, Key: o, Locator: p.Locator}, nil
		}
	}
	if shadows >= maxShadows {
		return refused(malformed("locator %s is used by %d other keys", p.Locator, shadows)), nil
	}
	signer, err := r.signer(ctx, k.From, k.Device, a)
	if err != nil {
		return nil, err
	}
	if signer.needCert && !a.Fresh {
		return &Result{Verdict: VerdictNeedCert, Account: k.From}, nil
	}
	k.Problem = r.judgeKey(signer, record, k)
	k.ListDiffers = r.listDiffers(signer.cert, k, a)
	return r.takeKey(ctx, st, k, true)
}

// takeKey stores a key; a good one also tells which messages there must be, if all from its
// first on are for this reader.
func (r *Receiver) takeKey(ctx context.Context, st Store, k *Key, all bool) (*Result, error) {
	if err := st.PutKey(ctx, k); err != nil {
		return nil, fmt.Errorf("store key %s: %w", k.Locator, err)
	}
	out := &Result{Verdict: VerdictKey, Key: k, Locator: k.Locator}
	if k.Problem != ProblemNone {
		return out, nil
	}
	track, err := st.Track(ctx, k.Chat, k.Device)
	if err != nil {
		return nil, fmt.Errorf("look up device %s: %w", k.Device, err)
	}
	out.Track = track
	if !all {
		return out, nil
	}
	track.start(k.First)
	if err := st.PutTrack(ctx, track, nil); err != nil {
		return nil, fmt.Errorf("store track of %s: %w", k.Device, err)
	}
	return out, nil
}

// readKey checks everything about a record that needs no certificate.
func readKey(record *pgp.Record, locator Locator) (*Key, error) {
	k, err := parseKey(record.Plaintext)
	if err != nil {
		return nil, err
	}
	ok, err := k.setSecret(record.Key)
	switch {
	case err != nil:
		return nil, err
	case !ok:
		return nil, malformed("key record: commitment to another key")
	case k.Locator != locator:
		return nil, malformed("key record: locator is not the one outside")
	case record.Signer != k.Device || record.Time.Unix() != k.Time.Unix():
		return nil, malformed("key record: signed by another device or at another time")
	}
	return k, nil
}

func (r *Receiver) judgeKey(s *signer, record *pgp.Record, k *Key) Problem {
	switch {
	case s.key == nil:
		return ProblemDevice
	case record.Verify(s.key) != nil:
		return ProblemSignature
	case !s.active:
		return ProblemDevice
	case !k.forMe(r.id.Account(), r.id.Device()):
		return ProblemForwarded
	}
	return ProblemNone
}

// openMessage opens a message under whichever key of its locator fits.
func (r *Receiver) openMessage(ctx context.Context, st Store, a *Arrival, p Payload) (*Result, error) {
	keys, err := st.Keys(ctx, p.Locator)
	if err != nil {
		return nil, fmt.Errorf("look up keys %s: %w", p.Locator, err)
	}
	if len(keys) == 0 {
		return &Result{Verdict: VerdictNeedKey, Locator: p.Locator}, nil
	}
	for _, k := range keys {
		d, err := k.derive()
		if err != nil {
			return nil, err
		}
		plaintext, err := unseal(d, k.seat(p.Sequence), a.ID, p.Body)
		if err != nil {
			continue
		}
		c, err := readMessage(k, a, p.Sequence, plaintext)
		if err != nil {
			return refused(err), nil
		}
		c.message.Peer = k.Peer(r.id.Account())
		return r.judge(ctx, st, a, c)
	}
	seen, err := r.seenUnder(ctx, st, keys, p.Sequence)
	if err != nil {
		return nil, err
	}
	if seen {
		return refused(ErrUnsealed), nil
	}
	// The right key may be to come: anybody can use a locator that they saw.
	return &Result{Verdict: VerdictNeedKey, Locator: p.Locator, Reason: ErrUnsealed}, nil
}

// seenUnder reports whether one of the keys has the message with this sequence
// already: then nothing is missing.
func (r *Receiver) seenUnder(ctx context.Context, st Store, keys []*Key, sequence uint32) (bool, error) {
	for _, k := range keys {
		if k.Problem != ProblemNone {
			continue
		}
		s, err := st.Seen(ctx, k.Chat, k.Device, sequence)
		if err != nil {
			return false, fmt.Errorf("look up message %d of device %s: %w", sequence, k.Device, err)
		}
		if s != nil {
			return true, nil
		}
	}
	return false, nil
}

// readMessage rebuilds what the sender says that it signed.
func readMessage(k *Key, a *Arrival, sequence uint32, plaintext []byte) (*claim, error) {
	in, err := parseInner(plaintext)
	if err != nil {
		return nil, err
	}
	content, err := DecodeContent(in.content)
	if err != nil {
		return nil, err
	}
	t, err := k.transcript(a.ID, sequence, in.previous, in.time, content, in.content)
	if err != nil {
		return nil, err
	}
	c := &claim{transcript: t, key: k}
	if k.Group != nil {
		c.group = k.Group.Group
	}
	c.message = c.newMessage(a, content, in.signature)
	c.message.ListDiffers = k.ListDiffers
	return c, nil
}
