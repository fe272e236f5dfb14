package chat

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/internal/canon"
	"github.com/omega-im/omega/pgp"
)

// What is what a sign says. (spec/chat.md, CHAT-54)
type What uint8

// What signs say.
const (
	Stopped   What = 0  // nothing of the below any more
	Typing    What = 1  // somebody writes
	Recording What = 2  // a voice note
	Sending   What = 3  // a file
	Here      What = 16 // the person is there
	Away      What = 17 // and does not, since Seen
)

// How long signs are true, and how often they are sent. (spec/chat.md, CHAT-54)
const (
	TypingLasts = 6 * time.Second
	TypingEvery = 4 * time.Second
	HereLasts   = 60 * time.Second
	HereEvery   = 20 * time.Second

	// SignGap is the least time between two signs of one device in one chat.
	SignGap = 500 * time.Millisecond

	// MaxSigned is how many accounts a group may have in which people tell that
	// they type.
	MaxSigned = 64
)

// A Sign is something that is true for a moment: nobody stores it.
type Sign struct {
	What What
	Ask  bool      // for the same of the other side
	Seen time.Time // of Away: when the person was there last; zero: it does not say
	Time time.Time // by the sender's clock

	Chat         omega.ChatID
	From, Device omega.Fingerprint
	Group        Hash // whose chat it is; zero: a direct one
}

const (
	signLabel    = "omega-im/sign/v1\n"
	signKeyLabel = "omega-im/chat/sign-key/v1\n"

	signBody = 6 + 1 + 1 + 6 + 1
	signSize = 1 + pgp.CompactSize + signBody

	flagAsk = 1
)

// SealSign seals a sign under a key of this device that its readers have. Nothing
// moves: whoever cannot send it forgets it.
//
//	u8 signature length (64) | 64 signature | u48 time | u8 what | u8 flags | u48 seen | u8 0
func SealSign(ctx context.Context, id *pgp.Identity, rand io.Reader, k *Key, s *Sign) (env omega.ID, payload []byte, err error) {
	if k.Device != id.Device() {
		return env, nil, fmt.Errorf("seal sign: key %s is of another device", k.Locator)
	}
	if _, err := io.ReadFull(rand, env[:]); err != nil {
		return env, nil, fmt.Errorf("seal sign: read randomness: %w", err)
	}
	body := s.body()
	sig, err := pgp.SignCompact(ctx, id.Signer, signText(k, env, body), s.Time)
	if err != nil {
		return env, nil, fmt.Errorf("seal sign: %w", err)
	}
	gcm, err := signCipher(k, env)
	if err != nil {
		return env, nil, fmt.Errorf("seal sign: %w", err)
	}
	plaintext := append(append([]byte{pgp.CompactSize}, sig[:]...), body...)
	p := Payload{Kind: PayloadSign, Locator: k.Locator}
	return env, gcm.Seal(p.appendTo(nil), make([]byte, gcm.NonceSize()), plaintext, signPlace(k)), nil
}

// OpenSign opens a sign. What CHAT-53 has readers drop is ErrMalformed or ErrUnsealed,
// but for what only the caller can tell: whether the author is a member of the
// group, the chat is here, and when the device's last sign was. Other errors are of
// the store and the finder.
func (r *Receiver) OpenSign(ctx context.Context, st Store, a *Arrival) (*Sign, error) {
	p, err := ParsePayload(a.Payload)
	if err != nil {
		return nil, err
	}
	if p.Kind != PayloadSign {
		return nil, malformed("payload: kind %d is no sign", p.Kind)
	}
	keys, err := st.Keys(ctx, p.Locator)
	if err != nil {
		return nil, fmt.Errorf("look up keys %s: %w", p.Locator, err)
	}
	for _, k := range keys {
		gcm, err := signCipher(k, a.ID)
		if err != nil {
			return nil, err
		}
		plaintext, err := gcm.Open(nil, make([]byte, gcm.NonceSize()), p.Body, signPlace(k))
		if err != nil || len(plaintext) != signSize {
			continue
		}
		return r.judgeSign(ctx, a, k, plaintext)
	}
	return nil, ErrUnsealed
}

// judgeSign reads what was inside and checks who says it.
func (r *Receiver) judgeSign(ctx context.Context, a *Arrival, k *Key, plaintext []byte) (*Sign, error) {
	sig, body := pgp.Compact(plaintext[1:]), plaintext[1+pgp.CompactSize:]
	s, err := readSign(body)
	switch {
	case err != nil:
		return nil, err
	case plaintext[0] != pgp.CompactSize, k.Problem != ProblemNone, !k.forMe(r.id.Account(), r.id.Device()):
		return nil, malformed("sign: its key is of no use")
	case s.Time.Sub(a.Now).Abs() > omega.ClockTolerance:
		return nil, malformed("sign: of another time")
	}
	signer, err := r.signer(ctx, k.From, k.Device, a)
	if err != nil {
		return nil, err
	}
	if signer.key == nil || !signer.active || pgp.VerifyCompact(signer.key, signText(k, a.ID, body), s.Time, sig) != nil {
		return nil, malformed("sign: not by an active device of %s", k.From)
	}
	s.Chat, s.From, s.Device = k.Chat, k.From, k.Device
	if k.Group != nil {
		s.Group = k.Group.Group
	}
	return s, nil
}

// body is what a sign says.
func (s *Sign) body() []byte {
	b := appendMilli(nil, s.Time)
	flags := byte(0)
	if s.Ask {
		flags = flagAsk
	}
	b = append(b, byte(s.What), flags)
	return append(appendMilli(b, s.Seen), 0)
}

func readSign(b []byte) (*Sign, error) {
	if len(b) != signBody || b[signBody-1] != 0 {
		return nil, malformed("sign")
	}
	s := &Sign{Time: milliTime(b), What: What(b[6]), Ask: b[7]&flagAsk != 0, Seen: milliTime(b[8:])}
	if s.Time.UnixMilli() > canon.MaxMilli || s.Seen.UnixMilli() > canon.MaxMilli {
		return nil, malformed("sign: a time that there is not")
	}
	return s, nil
}

// appendMilli appends u48 milliseconds; 0 is no time.
func appendMilli(b []byte, t time.Time) []byte {
	var ms uint64
	if !t.IsZero() {
		ms = uint64(t.UnixMilli())
	}
	return append(b, binary.BigEndian.AppendUint64(nil, ms)[2:]...)
}

func milliTime(b []byte) time.Time {
	ms := binary.BigEndian.Uint64(append([]byte{0, 0}, b[:6]...))
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(int64(ms)).UTC()
}

// signPlace is where a sign belongs: what its seal binds without carrying it.
func signPlace(k *Key) []byte {
	b := append([]byte{messageVersion, byte(PayloadSign)}, k.Chat[:]...)
	b = binary.BigEndian.AppendUint32(b, k.Epoch)
	b = k.Device.AppendTo(b)
	return append(b, k.Locator[:]...)
}

// signText is what a sign's signature covers.
func signText(k *Key, id omega.ID, body []byte) []byte {
	b := append([]byte(signLabel), id[:]...)
	return append(append(b, signPlace(k)...), body...)
}

// signCipher is AES-256-GCM under the sign's own key, which depends on the
// envelope's id; the nonce is zero because no key is used twice.
func signCipher(k *Key, id omega.ID) (cipher.AEAD, error) {
	d, err := k.derive()
	if err != nil {
		return nil, err
	}
	key, err := hkdf.Expand(sha256.New, d.chain[:], signKeyLabel+string(id[:]), len(d.chain))
	if err != nil {
		return nil, fmt.Errorf("derive sign key: %w", err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}
