package chat

import (
	"bytes"
	"fmt"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/internal/canon"
)

// A Key is one sending key of one device in one chat, as its readers keep it:
// the key record's text, the secret that came with it and what was found out
// about it. (spec/chat.md, CHAT-3)
type Key struct {
	Chat       omega.ChatID
	Locator    Locator
	Epoch      uint32 // rises with every key of the device in the chat
	First      uint32 // sequence of the first message under the key
	From       omega.Fingerprint
	Device     omega.Fingerprint
	Members    []Member // accounts in order, devices in order
	Commitment Hash
	Time       time.Time // UTC, milliseconds
	Profile    string    // the sender's name for itself, sanitised; may be empty
	Group      *InGroup  // nil in a direct chat; Members is empty in a group's

	Secret  SessionKey // hides itself; Marshal writes it
	Problem Problem    // of the record; its messages have it too

	// ListDiffers says that the member and device list was not the reader's
	// when the record came: the sender had an older, or a newer, view.
	ListDiffers bool

	keys        *derived // what Secret gives, if it was worked out when the key was made
	membersHash Hash     // the same for Members
}

const recordVersion = "1"

// Text returns the canonical text of the key record: what gpg -d shows.
//
//	Omega-Key-Record: 1
//	Chat: 32 hex
//	Locator: 16 hex
//	Key-Epoch: number
//	First-Sequence: number
//	From: FINGERPRINT
//	Device: FINGERPRINT
//	Members-Hash: 64 hex
//	Member: FINGERPRINT DEVICE,DEVICE…   (once per account, in order)
//	Key-Commitment: 64 hex
//	Time: 2026-11-22T13:20:00.123Z
//	Profile-Name: text                   (if there is one)
func (k *Key) Text() []byte {
	if k.Group != nil {
		return k.groupText()
	}
	hash := k.MembersHash()
	b := canon.AppendLine(make([]byte, 0, 1024), "Omega-Key-Record", recordVersion)
	b = canon.AppendHex(b, "Chat", k.Chat[:])
	b = canon.AppendHex(b, "Locator", k.Locator[:])
	b = canon.AppendUint(b, "Key-Epoch", k.Epoch)
	b = canon.AppendUint(b, "First-Sequence", k.First)
	b = canon.AppendAddress(b, "From", k.From)
	b = canon.AppendAddress(b, "Device", k.Device)
	b = canon.AppendHex(b, "Members-Hash", hash[:])
	b = appendMembers(b, k.Members)
	b = canon.AppendHex(b, "Key-Commitment", k.Commitment[:])
	b = canon.AppendTime(b, "Time", k.Time)
	if k.Profile != "" {
		b = canon.AppendLine(b, "Profile-Name", k.Profile)
	}
	return b
}

// Format names the key and keeps every verb away from the secret. (%s of a
// struct around it would print the fields without asking them.)
func (k Key) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "Key(%s, hidden)", k.Locator) }

// MembersHash returns the hash of the member and device list.
func (k *Key) MembersHash() Hash {
	if k.membersHash != (Hash{}) {
		return k.membersHash
	}
	return hashMembers(k.Members)
}

// Peer returns the direct chat's account that is not me; in the chat of an
// account with itself it is me, in a group nobody.
func (k *Key) Peer(me omega.Fingerprint) omega.Fingerprint {
	if k.Group != nil {
		return omega.Fingerprint{}
	}
	for _, m := range k.Members {
		if m.Account != me {
			return m.Account
		}
	}
	return me
}

// parseKey reads the text of a key record. It accepts exactly what Text writes
// and a sender that lists itself; whom the key is for is judged elsewhere.
func parseKey(text []byte) (*Key, error) {
	if len(text) > maxRecord || !utf8.Valid(text) {
		return nil, malformed("key record: %d octets", len(text))
	}
	k := &Key{}
	r := canon.Reader{B: text}
	if r.Text("Omega-Key-Record") != recordVersion {
		r.Bad = true
	}
	r.Hex("Chat", k.Chat[:])
	r.Hex("Locator", k.Locator[:])
	k.Epoch, k.First = r.Uint("Key-Epoch"), r.Uint("First-Sequence")
	k.From, k.Device = r.Fingerprint("From"), r.Fingerprint("Device")
	r.Text("Members-Hash") // compared below, with everything else
	for len(k.Members) < omega.MaxRecipients {
		value, ok := r.Optional("Member")
		if !ok {
			break
		}
		m, ok := parseMember(value)
		r.Bad = r.Bad || !ok
		k.Members = append(k.Members, m)
	}
	r.Hex("Key-Commitment", k.Commitment[:])
	k.Time = r.Time("Time")
	k.Profile, _ = r.Optional("Profile-Name")
	if r.Bad || len(r.B) != 0 || !k.valid() || !bytes.Equal(k.Text(), text) {
		return nil, malformed("key record")
	}
	k.membersHash = hashMembers(k.Members)
	return k, nil
}

// setSecret gives k its secret and reports whether it is the one that the
// record commits to.
func (k *Key) setSecret(secret []byte) (bool, error) {
	if len(secret) != len(k.Secret) {
		return false, nil
	}
	k.Secret = SessionKey(secret)
	var err error
	if k.keys, err = k.Secret.derive(); err != nil {
		return false, err
	}
	return k.keys.commitment == k.Commitment, nil
}

// valid checks what a text cannot show by being canonical.
func (k *Key) valid() bool {
	if g := k.Group; g != nil {
		return k.Epoch > 0 && k.First > 0 && k.Profile == SanitizeName(k.Profile) && validHeads(g.Heads) && g.Group != (Hash{}) &&
			!k.From.IsZero() && !k.Device.IsZero()
	}
	for i, m := range k.Members {
		if i > 0 && k.Members[i-1].Account.Compare(m.Account) >= 0 {
			return false
		}
		if len(slices.Compact(slices.Clone(m.Devices))) != len(m.Devices) {
			return false
		}
	}
	return k.Epoch > 0 && k.First > 0 && k.Profile == SanitizeName(k.Profile) && lists(k.Members, k.From, k.Device)
}

// derive returns what the secret gives. It changes nothing: keys are shared.
func (k *Key) derive() (*derived, error) {
	if k.keys != nil {
		return k.keys, nil
	}
	return k.Secret.derive()
}

func (k *Key) seat(sequence uint32) *seat {
	return &seat{k.Chat, k.Epoch, k.Device, k.Locator, sequence}
}

// Same reports whether other is the same key: same device, locator and secret.
func (k *Key) Same(other *Key) bool {
	return k.Device == other.Device && k.Locator == other.Locator && k.Commitment == other.Commitment
}

// forMe reports whether the key is for this reader: a direct chat of the
// sender and the reader (or the reader's own device) that lists its device. Whom
// a group's is for its operations say.
func (k *Key) forMe(account, device omega.Fingerprint) bool {
	if k.Group != nil {
		return true
	}
	if len(k.Members) == 0 || len(k.Members) > 2 || !lists(k.Members, account, device) {
		return false
	}
	first, last := k.Members[0].Account, k.Members[len(k.Members)-1].Account
	return k.Chat == omega.DirectChat(first, last)
}
