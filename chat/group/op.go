package group

import (
	"bytes"
	"crypto/sha256"
	"slices"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/internal/canon"
	"github.com/omega-im/omega/pgp"
)

// A Party is an account and the device by which it signs.
type Party struct{ Account, Device omega.Fingerprint }

// An Op is one operation (spec/group.md, GROUP-1). Which of the fields below
// Type are set depends on it (GROUP-3). An Op that was made or parsed is not
// changed any more.
type Op struct {
	Group     Hash // zero in a genesis
	Author    Party
	Time      time.Time // by the author's clock; UTC, milliseconds
	Parents   []Hash    // in order
	Cosigners []Party   // in order of their accounts
	Type      Type

	Accounts   []omega.Fingerprint // genesis (its owners), invite, remove, ban, unban, role; in order
	Role       Role                // role
	Profile    Profile             // genesis, profile
	Rules      *Rules              // policy; genesis, nil for DefaultRules
	Messages   []omega.ID          // pin, unpin, redact; in order
	Operations []Hash              // revert; in order
	State      Hash                // checkpoint
	Called     string              // genesis, accept: what the author calls itself; empty: nothing
	Succeeds   Hash                // genesis: of the group that this one goes on from; zero for none
	Secure     bool                // genesis: its chat is a secure one
	Nonce      omega.ID            // genesis

	// Signatures are the author's and one per cosigner, over Text.
	Signatures []pgp.Compact

	text []byte
	hash Hash
}

// Hash names the operation.
func (o *Op) Hash() Hash { return o.hash }

// Text is what the signatures cover.
func (o *Op) Text() []byte { return o.text }

// ID is the group that the operation belongs to.
func (o *Op) ID() Hash {
	if o.Type == TypeGenesis {
		return o.hash
	}
	return o.Group
}

// SignatureTime is the creation time of the signatures: Time cut to seconds.
func (o *Op) SignatureTime() time.Time { return o.Time.Truncate(time.Second) }

// Signers are the author and the cosigners, as their signatures stand.
func (o *Op) Signers() []Party { return append([]Party{o.Author}, o.Cosigners...) }

// Self reports whether the operation only does something to its author.
func (o *Op) Self() bool {
	switch o.Type {
	case TypeAccept, TypeLeave:
		return true
	case TypeRole:
		return o.Role == RoleMember && len(o.Accounts) == 1 && o.Accounts[0] == o.Author.Account
	}
	return false
}

// seal puts the lists in order, checks everything and computes text and name.
func (o *Op) seal() error {
	o.Time = o.Time.UTC().Truncate(time.Millisecond)
	slices.SortFunc(o.Parents, compareHash)
	slices.SortFunc(o.Operations, compareHash)
	slices.SortFunc(o.Cosigners, func(a, b Party) int { return a.Account.Compare(b.Account) })
	slices.SortFunc(o.Accounts, omega.Fingerprint.Compare)
	slices.SortFunc(o.Messages, compareID)
	if err := o.check(); err != nil {
		return err
	}
	o.text = o.append(nil)
	if len(o.text) > MaxText {
		return malformed("%s of %d octets", o.Type, len(o.text))
	}
	o.hash = sha256.Sum256(o.text)
	return nil
}

func compareHash(a, b Hash) int   { return bytes.Compare(a[:], b[:]) }
func compareID(a, b omega.ID) int { return bytes.Compare(a[:], b[:]) }

// append writes the canonical text.
func (o *Op) append(b []byte) []byte {
	b = canon.AppendLine(b, "Omega-Group-Operation", "1")
	if o.Type != TypeGenesis {
		b = canon.AppendHex(b, "Group", o.Group[:])
	}
	b = canon.AppendAddress(b, "Author", o.Author.Account)
	b = canon.AppendAddress(b, "Device", o.Author.Device)
	b = canon.AppendTime(b, "Time", o.Time)
	for _, p := range o.Parents {
		b = canon.AppendHex(b, "Parent", p[:])
	}
	for _, c := range o.Cosigners {
		b = append(b, "Cosigner: "...)
		b = append(canon.AppendFingerprint(b, c.Account), ' ')
		b = append(canon.AppendFingerprint(b, c.Device), '\n')
	}
	b = canon.AppendLine(b, "Type", string(o.Type))
	for _, f := range forms[o.Type].fields {
		b = f.append(o, b)
	}
	return b
}

// Parse reads an operation as it travels. (spec/group.md, GROUP-2)
func Parse(b []byte) (*Op, error) {
	if len(b) < 2 {
		return nil, malformed("%d octets", len(b))
	}
	size := int(b[0])<<8 | int(b[1])
	b = b[2:]
	if size > MaxText || size > len(b) {
		return nil, malformed("text of %d octets in %d", size, len(b))
	}
	o, err := parseText(b[:size])
	if err != nil {
		return nil, err
	}
	b = b[size:]
	if len(b) != (1+len(o.Cosigners))*pgp.CompactSize {
		return nil, malformed("%d octets of signatures for %d signers", len(b), 1+len(o.Cosigners))
	}
	for ; len(b) > 0; b = b[pgp.CompactSize:] {
		o.Signatures = append(o.Signatures, pgp.Compact(b))
	}
	return o, nil
}

// Marshal writes what Parse reads. The operation must have all its signatures.
func (o *Op) Marshal() []byte {
	b := make([]byte, 0, 2+len(o.text)+len(o.Signatures)*pgp.CompactSize)
	b = append(b, byte(len(o.text)>>8), byte(len(o.text)))
	b = append(b, o.text...)
	for _, s := range o.Signatures {
		b = append(b, s[:]...)
	}
	return b
}

// parseText reads a text and accepts exactly what append writes.
func parseText(text []byte) (*Op, error) {
	r := &canon.Reader{B: text}
	o := &Op{}
	if r.Text("Omega-Group-Operation") != "1" {
		r.Bad = true
	}
	if group, ok := r.Optional("Group"); ok && !canon.Unhex(o.Group[:], group) {
		r.Bad = true
	}
	o.Author = Party{r.Fingerprint("Author"), r.Fingerprint("Device")}
	o.Time = r.Time("Time")
	o.Parents = readList(r, "Parent", MaxParents, readHash)
	o.Cosigners = readList(r, "Cosigner", MaxCosigners, readParty)
	o.Type = Type(r.Text("Type"))
	for _, f := range forms[o.Type].fields {
		f.read(o, r)
	}
	if r.Bad || len(r.B) > 0 {
		return nil, malformed("lines of %.20q", string(o.Type))
	}
	if err := o.seal(); err != nil {
		return nil, err
	}
	if !bytes.Equal(o.text, text) {
		return nil, malformed("%s is not in canonical form", o.Type)
	}
	return o, nil
}
