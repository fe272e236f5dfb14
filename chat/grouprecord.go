package chat

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"time"
	"unicode/utf8"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/internal/canon"
	"github.com/omega-im/omega/pgp"
)

const groupRecordLabel = "omega-im/chat/group-record/v1\n"

// An InGroup says under which group key a sending key is, and what its sender
// knew of the group. (spec/group.md, GROUP-13)
type InGroup struct {
	Group       Hash
	Key         Locator // of the group key
	Heads       []Hash  // in order
	MembersHash Hash    // that of the group key
}

// groupText is the text of a group record.
func (k *Key) groupText() []byte {
	g := k.Group
	b := canon.AppendLine(make([]byte, 0, 1024), "Omega-Group-Record", recordVersion)
	b = canon.AppendHex(b, "Group", g.Group[:])
	b = canon.AppendHex(b, "Locator", k.Locator[:])
	b = canon.AppendHex(b, "Group-Key", g.Key[:])
	b = appendHeads(b, g.Heads)
	b = canon.AppendUint(b, "Key-Epoch", k.Epoch)
	b = canon.AppendUint(b, "First-Sequence", k.First)
	b = canon.AppendAddress(b, "From", k.From)
	b = canon.AppendAddress(b, "Device", k.Device)
	b = canon.AppendHex(b, "Key-Commitment", k.Commitment[:])
	b = canon.AppendTime(b, "Time", k.Time)
	if k.Profile != "" {
		b = canon.AppendLine(b, "Profile-Name", k.Profile)
	}
	return b
}

// parseGroupRecord accepts exactly what groupText writes.
func parseGroupRecord(text []byte) (*Key, error) {
	if len(text) > maxRecord || !utf8.Valid(text) {
		return nil, malformed("group record: %d octets", len(text))
	}
	g := &InGroup{}
	k := &Key{Group: g}
	r := canon.Reader{B: text}
	if r.Text("Omega-Group-Record") != recordVersion {
		r.Bad = true
	}
	r.Hex("Group", g.Group[:])
	r.Hex("Locator", k.Locator[:])
	r.Hex("Group-Key", g.Key[:])
	g.Heads = readHeads(&r)
	k.Epoch, k.First = r.Uint("Key-Epoch"), r.Uint("First-Sequence")
	k.From, k.Device = r.Fingerprint("From"), r.Fingerprint("Device")
	r.Hex("Key-Commitment", k.Commitment[:])
	k.Time = r.Time("Time")
	k.Profile, _ = r.Optional("Profile-Name")
	k.Chat = omega.ChatID(g.Group[:16])
	if r.Bad || len(r.B) != 0 || !k.valid() || !bytes.Equal(k.groupText(), text) {
		return nil, malformed("group record")
	}
	return k, nil
}

// groupRecordCipher is used once per locator. (spec/group.md, GROUP-13)
func groupRecordCipher(g *GroupKey, l Locator) (gcm cipher.AEAD, additional []byte, err error) {
	key, err := hkdf.Key(sha256.New, g.Secret[:], nil, groupRecordLabel+string(l[:]), 32)
	if err != nil {
		return nil, nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, nil, err
	}
	additional = append([]byte{byte(PayloadGroupRecord)}, l[:]...)
	gcm, err = cipher.NewGCM(block)
	return gcm, append(additional, g.Locator[:]...), err
}

// sealGroupRecord tells k to everybody who has g.
func sealGroupRecord(ctx context.Context, s pgp.Signer, g *GroupKey, k *Key) ([]byte, error) {
	text := k.groupText()
	sig, err := pgp.SignCompact(ctx, s, text, k.Time.Truncate(time.Second))
	if err != nil {
		return nil, err
	}
	gcm, additional, err := groupRecordCipher(g, k.Locator)
	if err != nil {
		return nil, err
	}
	plain := append(append(sig[:], k.Secret[:]...), text...)
	return gcm.Seal(bytes.Clone(additional), make([]byte, gcm.NonceSize()), plain, additional), nil
}

// openGroupRecord opens what sealGroupRecord made; body follows the locator of
// the group key.
func openGroupRecord(g *GroupKey, l Locator, body []byte) (*Key, pgp.Compact, error) {
	var sig pgp.Compact
	gcm, additional, err := groupRecordCipher(g, l)
	if err != nil {
		return nil, sig, err
	}
	plain, err := gcm.Open(nil, make([]byte, gcm.NonceSize()), body, additional)
	if err != nil || len(plain) < len(sig)+len(SessionKey{}) {
		return nil, sig, ErrUnsealed
	}
	copy(sig[:], plain)
	secret, text := plain[len(sig):len(sig)+32], plain[len(sig)+32:]
	k, err := parseGroupRecord(text)
	if err != nil {
		return nil, sig, err
	}
	switch ok, err := k.setSecret(secret); {
	case err != nil:
		return nil, sig, err
	case !ok:
		return nil, sig, malformed("group record: commitment to another key")
	case k.Locator != l || k.Group.Key != g.Locator || k.Group.Group != g.Group:
		return nil, sig, malformed("group record: locators or group are not those outside")
	}
	k.Group.MembersHash, k.membersHash = g.MembersHash, g.MembersHash
	return k, sig, nil
}
