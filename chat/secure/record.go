package secure

import (
	"bytes"
	"crypto/sha256"
	"slices"
	"strings"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/internal/canon"
	"github.com/omega-im/omega/pgp"
)

// A Record tells what an epoch is for. (spec/secure.md, SEC-3)
type Record struct {
	Chat          omega.ChatID
	Epoch         uint32
	Parents       []Hash // in order
	Heads         []Hash // of the group's operations, in order
	Opener        omega.Fingerprint
	Device        omega.Fingerprint // the opener's
	Time, Expires time.Time         // UTC, milliseconds
	Limit         uint32            // messages per device
	Members       []Member          // in order
	Wraps         Hash              // root of the tree of wraps
	Commitment    Hash              // to the secret

	Signature pgp.Compact // by Device, over Text

	text []byte
	hash Hash
}

// A Member is an account of an epoch with its devices.
type Member struct {
	Account omega.Fingerprint
	Devices []Device // in order
}

// A Device is one to which the secret was wrapped, and how.
type Device struct {
	Signing omega.Fingerprint
	Key     Hash // of the prekey's packet, or of the encryption subkey's
	Use     Use
}

// Hash names the epoch.
func (r *Record) Hash() Hash { return r.hash }

// Text is what the signature covers.
func (r *Record) Text() []byte { return r.text }

// SignatureTime is the creation time of the signature.
func (r *Record) SignatureTime() time.Time { return r.Time.Truncate(time.Second) }

// Devices are the devices of all members in the order that indices count.
func (r *Record) Devices() []Device {
	out := make([]Device, 0, len(r.Members))
	for _, m := range r.Members {
		out = append(out, m.Devices...)
	}
	return out
}

// Index is the place of a device among Devices, -1 if it is none of them.
func (r *Record) Index(device omega.Fingerprint) int {
	before := 0
	for i := range r.Members {
		m := &r.Members[i]
		if at := slices.IndexFunc(m.Devices, func(d Device) bool { return d.Signing == device }); at >= 0 {
			return before + at
		}
		before += len(m.Devices)
	}
	return -1
}

// Has reports whether the epoch is for an account.
func (r *Record) Has(account omega.Fingerprint) bool {
	return slices.ContainsFunc(r.Members, func(m Member) bool { return m.Account == account })
}

// Account is whose a device is; false if the epoch does not have it.
func (r *Record) Account(device omega.Fingerprint) (omega.Fingerprint, bool) {
	for _, m := range r.Members {
		if slices.ContainsFunc(m.Devices, func(d Device) bool { return d.Signing == device }) {
			return m.Account, true
		}
	}
	return omega.Fingerprint{}, false
}

// Classic lists the accounts with a device that has no prekey: for them the
// epoch is neither forward secret nor safe against a quantum computer.
func (r *Record) Classic() []omega.Fingerprint {
	var out []omega.Fingerprint
	for _, m := range r.Members {
		if slices.ContainsFunc(m.Devices, func(d Device) bool { return d.Use == UseClassic }) {
			out = append(out, m.Account)
		}
	}
	return out
}

// seal checks the record and computes text and name.
func (r *Record) seal() error {
	r.Time, r.Expires = milli(r.Time), milli(r.Expires)
	if err := r.check(); err != nil {
		return err
	}
	r.text = r.append(make([]byte, 0, 2048))
	if len(r.text) > MaxRecord {
		return malformed("epoch record of %d octets", len(r.text))
	}
	r.hash = sha256.Sum256(r.text)
	return nil
}

func (r *Record) append(b []byte) []byte {
	b = canon.AppendLine(b, "Omega-Epoch", "1")
	b = canon.AppendHex(b, "Chat", r.Chat[:])
	b = canon.AppendUint(b, "Epoch", r.Epoch)
	for _, p := range r.Parents {
		b = canon.AppendHex(b, "Parent", p[:])
	}
	for _, h := range r.Heads {
		b = canon.AppendHex(b, "Group-Head", h[:])
	}
	b = canon.AppendAddress(b, "Opener", r.Opener)
	b = canon.AppendAddress(b, "Opener-Device", r.Device)
	b = canon.AppendTime(b, "Time", r.Time)
	b = canon.AppendTime(b, "Expires", r.Expires)
	b = canon.AppendUint(b, "Limit", r.Limit)
	for _, m := range r.Members {
		b = canon.AppendAddress(b, "Member", m.Account)
		for _, d := range m.Devices {
			b = append(canon.AppendFingerprint(append(b, "Device: "...), d.Signing), ' ')
			b = append(b, d.Key.String()...)
			b = append(append(append(b, ' '), d.Use.String()...), '\n')
		}
	}
	b = canon.AppendHex(b, "Wraps", r.Wraps[:])
	return canon.AppendHex(b, "Commitment", r.Commitment[:])
}

func (r *Record) check() error {
	devices := r.Devices()
	opener, ok := r.Account(r.Device)
	switch {
	case r.Chat == (omega.ChatID{}) || r.Limit < 1 || r.Limit > MaxLimit:
		return malformed("epoch without chat, or for %d messages", r.Limit)
	case (r.Epoch == 0) != (len(r.Parents) == 0) || len(r.Parents) > MaxParents || len(r.Heads) > MaxHeads:
		return malformed("epoch %d with %d parents and %d heads", r.Epoch, len(r.Parents), len(r.Heads))
	case !strictly(r.Parents, compareHash) || !strictly(r.Heads, compareHash):
		return malformed("epoch with parents or heads out of order")
	case r.Time.UnixMilli() < 0 || !r.Expires.After(r.Time) || r.Expires.Sub(r.Time) > MaxAge || r.Expires.UnixMilli() > canon.MaxMilli:
		return malformed("epoch from %s to %s", r.Time, r.Expires)
	case len(devices) > MaxDevices || !ok || opener != r.Opener:
		return malformed("epoch of %d devices, or without its opener's", len(devices))
	}
	return r.checkMembers()
}

func (r *Record) checkMembers() error {
	if !strictly(r.Members, func(a, b Member) int { return a.Account.Compare(b.Account) }) {
		return malformed("epoch with members out of order")
	}
	seen := map[omega.Fingerprint]bool{}
	for _, m := range r.Members {
		if len(m.Devices) == 0 || !strictly(m.Devices, func(a, b Device) int { return a.Signing.Compare(b.Signing) }) {
			return malformed("epoch with devices of %s out of order", m.Account)
		}
		for _, d := range m.Devices {
			if seen[d.Signing] || useNames[d.Use] == "" {
				return malformed("epoch with device %s twice", d.Signing)
			}
			seen[d.Signing] = true
		}
	}
	return nil
}

func compareHash(a, b Hash) int { return bytes.Compare(a[:], b[:]) }

func strictly[T any](s []T, compare func(a, b T) int) bool {
	for i := 1; i < len(s); i++ {
		if compare(s[i-1], s[i]) >= 0 {
			return false
		}
	}
	return true
}

// parseRecord reads a text and accepts exactly what append writes.
func parseRecord(text []byte) (*Record, error) {
	if len(text) > MaxRecord {
		return nil, malformed("epoch record of %d octets", len(text))
	}
	in, rec := &canon.Reader{B: text}, &Record{}
	if in.Text("Omega-Epoch") != "1" {
		in.Bad = true
	}
	in.Hex("Chat", rec.Chat[:])
	rec.Epoch = in.Uint("Epoch")
	rec.Parents = readHashes(in, "Parent", MaxParents)
	rec.Heads = readHashes(in, "Group-Head", MaxHeads)
	rec.Opener, rec.Device = in.Fingerprint("Opener"), in.Fingerprint("Opener-Device")
	rec.Time, rec.Expires = in.Time("Time"), in.Time("Expires")
	rec.Limit = in.Uint("Limit")
	rec.readMembers(in)
	in.Hex("Wraps", rec.Wraps[:])
	in.Hex("Commitment", rec.Commitment[:])
	if in.Bad || len(in.B) > 0 {
		return nil, malformed("lines of an epoch record")
	}
	if err := rec.seal(); err != nil {
		return nil, err
	}
	if !bytes.Equal(rec.text, text) {
		return nil, malformed("epoch record is not in canonical form")
	}
	return rec, nil
}

func readHashes(in *canon.Reader, name string, limit int) []Hash {
	var out []Hash
	for {
		s, ok := in.Optional(name)
		if !ok {
			return out
		}
		var h Hash
		if len(out) == limit || !canon.Unhex(h[:], s) {
			in.Bad = true
			return nil
		}
		out = append(out, h)
	}
}

func (r *Record) readMembers(in *canon.Reader) {
	for count := 0; ; {
		s, ok := in.Optional("Member")
		if !ok {
			return
		}
		var m Member
		if m.Account, ok = canon.ParseFingerprint(s); !ok {
			in.Bad = true
		}
		for s, ok := in.Optional("Device"); ok; s, ok = in.Optional("Device") {
			if count++; count > MaxDevices {
				in.Bad = true
				return
			}
			m.Devices = append(m.Devices, readDevice(in, s))
		}
		if in.Bad || len(m.Devices) == 0 {
			in.Bad = true
			return
		}
		r.Members = append(r.Members, m)
	}
}

func readDevice(in *canon.Reader, s string) (d Device) {
	words := strings.Split(s, " ")
	if len(words) != 3 || !canon.Unhex(d.Key[:], words[1]) {
		in.Bad = true
		return d
	}
	var signing, use bool
	d.Signing, signing = canon.ParseFingerprint(words[0])
	d.Use, use = parseUse(words[2])
	in.Bad = in.Bad || !signing || !use
	return d
}
