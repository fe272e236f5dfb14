package chat

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/internal/canon"
	"github.com/omega-im/omega/pgp"
)

// MaxGroupKeyAge is after how long a group key is renewed. (spec/group.md,
// GROUP-14)
const MaxGroupKeyAge = 7 * 24 * time.Hour

// groupPart is how many devices one part of a group key is wrapped for: every
// recipient is sent all of it. (spec/group.md, GROUP-12)
const groupPart = 32

// A GroupKey is what the sending keys of a group are sealed under: access to the
// group, as one device made it and all members have it. (spec/group.md, GROUP-12)
type GroupKey struct {
	Group       Hash
	Locator     Locator
	Heads       []Hash // of the group, that the maker knew; in order
	From        omega.Fingerprint
	Device      omega.Fingerprint
	MembersHash Hash // CHAT-5, over all members at Heads
	Commitment  Hash
	Time        time.Time // UTC, milliseconds

	Secret  SessionKey
	Problem Problem // of its signature or device
	Sealed  []byte  // what it is wrapped again with, as it came: pgp.WrapRecord
}

// A GroupReader is one account that a group key is wrapped for.
type GroupReader struct {
	Account omega.Fingerprint
	Devices []pgp.Device // active ones, but for the maker's own
}

// A GroupPart is a payload with a group key, and whom it is for.
type GroupPart struct {
	To      []omega.Fingerprint
	Payload []byte
}

// NewGroupKey makes a key for a group that is at heads. members are all devices
// that can read, as CHAT-5 lists them, the maker's too.
func NewGroupKey(ctx context.Context, rand io.Reader, id *pgp.Identity, group Hash, heads []Hash, members []Member, now time.Time) (*GroupKey, error) {
	k := &GroupKey{
		Group: group, Heads: heads, From: id.Account(), Device: id.Device(), MembersHash: hashMembers(members),
		Time: now.UTC().Truncate(time.Millisecond),
	}
	for _, b := range [][]byte{k.Secret[:], k.Locator[:]} {
		if _, err := io.ReadFull(rand, b); err != nil {
			return nil, fmt.Errorf("new group key: read randomness: %w", err)
		}
	}
	d, err := k.Secret.derive()
	if err != nil {
		return nil, err
	}
	k.Commitment = d.commitment
	if !k.valid() {
		return nil, errors.New("new group key: heads of the group are out of order")
	}
	k.Sealed, err = pgp.SignRecord(ctx, rand, id.Signer, k.Secret[:], k.Text(), k.Time)
	return k, err
}

// Parts wraps the key, as it is, for readers. (spec/group.md, GROUP-12, GROUP-14)
func (k *GroupKey) Parts(rand io.Reader, readers []GroupReader) ([]GroupPart, error) {
	var out []GroupPart
	var to []omega.Fingerprint
	var keys []*pgp.PublicKey
	flush := func() error {
		if len(keys) == 0 {
			return nil
		}
		record, err := pgp.WrapRecord(rand, keys, k.Secret[:], k.Sealed)
		if err != nil {
			return fmt.Errorf("wrap group key: %w", err)
		}
		p := Payload{Kind: PayloadGroupKey, Locator: k.Locator, Body: record}
		out = append(out, GroupPart{to, p.appendTo(nil)})
		to, keys = nil, nil
		return nil
	}
	for _, r := range readers {
		if len(keys) > 0 && len(keys)+len(r.Devices) > groupPart {
			if err := flush(); err != nil {
				return nil, err
			}
		}
		if len(r.Devices) == 0 {
			continue
		}
		to = append(to, r.Account)
		for _, d := range r.Devices {
			keys = append(keys, d.Encryption)
		}
	}
	err := flush()
	return out, err
}

// Text returns the canonical text of a group key.
func (k *GroupKey) Text() []byte {
	b := canon.AppendLine(make([]byte, 0, 1024), "Omega-Group-Key", recordVersion)
	b = canon.AppendHex(b, "Group", k.Group[:])
	b = canon.AppendHex(b, "Locator", k.Locator[:])
	b = appendHeads(b, k.Heads)
	b = canon.AppendAddress(b, "From", k.From)
	b = canon.AppendAddress(b, "Device", k.Device)
	b = canon.AppendHex(b, "Members-Hash", k.MembersHash[:])
	b = canon.AppendHex(b, "Key-Commitment", k.Commitment[:])
	return canon.AppendTime(b, "Time", k.Time)
}

func appendHeads(b []byte, heads []Hash) []byte {
	for _, h := range heads {
		b = canon.AppendHex(b, "Head", h[:])
	}
	return b
}

func readHeads(r *canon.Reader) (out []Hash) {
	for {
		value, ok := r.Optional("Head")
		if !ok {
			return out
		}
		var h Hash
		if !canon.Unhex(h[:], value) || len(out) == MaxHeads {
			r.Bad = true
			return nil
		}
		out = append(out, h)
	}
}

func validHeads(heads []Hash) bool {
	for i := 1; i < len(heads); i++ {
		if bytes.Compare(heads[i-1][:], heads[i][:]) >= 0 {
			return false
		}
	}
	return len(heads) >= 1 && len(heads) <= MaxHeads
}

func (k *GroupKey) valid() bool {
	return k.Group != (Hash{}) && validHeads(k.Heads) && !k.From.IsZero() && !k.Device.IsZero()
}

// Format keeps every verb away from the secret.
func (k GroupKey) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "GroupKey(%s, hidden)", k.Locator) }

// Chat is the id of the group's chat. (spec/group.md, GROUP-2)
func (k *GroupKey) Chat() omega.ChatID { return omega.ChatID(k.Group[:16]) }

// Same reports whether other is the same key.
func (k *GroupKey) Same(other *GroupKey) bool {
	return k.Device == other.Device && k.Locator == other.Locator && k.Commitment == other.Commitment
}

// parseGroupKey accepts exactly what Text writes.
func parseGroupKey(text []byte) (*GroupKey, error) {
	if len(text) > maxRecord || !utf8.Valid(text) {
		return nil, malformed("group key: %d octets", len(text))
	}
	k := &GroupKey{}
	r := canon.Reader{B: text}
	if r.Text("Omega-Group-Key") != recordVersion {
		r.Bad = true
	}
	r.Hex("Group", k.Group[:])
	r.Hex("Locator", k.Locator[:])
	k.Heads = readHeads(&r)
	k.From, k.Device = r.Fingerprint("From"), r.Fingerprint("Device")
	r.Hex("Members-Hash", k.MembersHash[:])
	r.Hex("Key-Commitment", k.Commitment[:])
	k.Time = r.Time("Time")
	if r.Bad || len(r.B) != 0 || !k.valid() || !bytes.Equal(k.Text(), text) {
		return nil, malformed("group key")
	}
	return k, nil
}

// readGroupKey checks everything about a group key that needs no certificate.
func readGroupKey(record *pgp.Record, locator Locator) (*GroupKey, error) {
	k, err := parseGroupKey(record.Plaintext)
	if err != nil {
		return nil, err
	}
	if err := k.setSecret(record.Key); err != nil {
		return nil, err
	}
	switch {
	case k.Locator != locator:
		return nil, malformed("group key: locator is not the one outside")
	case record.Signer != k.Device || record.Time.Unix() != k.Time.Unix():
		return nil, malformed("group key: signed by another device or at another time")
	}
	k.Sealed = record.Sealed
	return k, nil
}

func (k *GroupKey) setSecret(secret []byte) error {
	if len(secret) != len(k.Secret) {
		return malformed("group key: secret of %d octets", len(secret))
	}
	k.Secret = SessionKey(secret)
	d, err := k.Secret.derive()
	if err == nil && d.commitment != k.Commitment {
		err = malformed("group key: commitment to another key")
	}
	return err
}

const groupKeyStateVersion = 1

// Marshal returns the stored form of k, secret included:
//
//	u8 version (1) | u8 problem | 32 secret | u32 n | n sealed | text
func (k *GroupKey) Marshal() []byte {
	b := []byte{groupKeyStateVersion, byte(slices.Index(problemCodes, k.Problem))}
	b = append(b, k.Secret[:]...)
	b = binary.BigEndian.AppendUint32(b, uint32(len(k.Sealed)))
	b = append(b, k.Sealed...)
	return append(b, k.Text()...)
}

// UnmarshalGroupKey reads what GroupKey.Marshal wrote.
func UnmarshalGroupKey(b []byte) (*GroupKey, error) {
	const head = 2 + 32 + 4
	if len(b) < head || b[0] != groupKeyStateVersion || int(b[1]) >= len(problemCodes) {
		return nil, malformed("stored group key: %d octets", len(b))
	}
	size := int(binary.BigEndian.Uint32(b[head-4:]))
	if size > len(b)-head {
		return nil, malformed("stored group key: %d octets sealed in %d", size, len(b))
	}
	k, err := parseGroupKey(b[head+size:])
	if err != nil {
		return nil, err
	}
	k.Problem, k.Sealed = problemCodes[b[1]], b[head:head+size:head+size]
	return k, k.setSecret(b[2 : head-4])
}
