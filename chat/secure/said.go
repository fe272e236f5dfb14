package secure

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/internal/canon"
	"github.com/omega-im/omega/pgp"
)

// maxText bounds what the signature of a message covers: its fixed lines, and
// MaxCounts of counts.
const maxText = 1024 + MaxCounts*80

// A Said is what the signature of a message covers, as it stands in the message sent
// again: nothing is known of its epoch. (spec/secure.md, SEC-11 and SEC-16)
type Said struct {
	ID      omega.ID
	Chat    omega.ChatID
	Epoch   Hash
	From    omega.Fingerprint
	Device  omega.Fingerprint
	Number  uint32
	Time    time.Time
	Content Hash

	text []byte
}

// ReadText reads such a text and accepts exactly what a message's signature can cover.
func ReadText(text []byte) (*Said, error) {
	if len(text) > maxText {
		return nil, malformed("signed text of %d octets", len(text))
	}
	in, s := &canon.Reader{B: text}, &Said{text: text}
	if in.Text("Omega-Secure-Message") != "1" {
		in.Bad = true
	}
	in.Hex("Id", s.ID[:])
	in.Hex("Chat", s.Chat[:])
	in.Hex("Epoch", s.Epoch[:])
	s.From, s.Device = in.Fingerprint("From"), in.Fingerprint("Device")
	s.Number, s.Time = in.Uint("Number"), in.Time("Time")
	var counts []Count
	for line, ok := in.Optional("Sent"); ok && !in.Bad; line, ok = in.Optional("Sent") {
		name, sent, _ := strings.Cut(line, " ")
		var c Count
		n, err := strconv.ParseUint(sent, 10, 8)
		in.Bad = err != nil || n > MaxLimit || !canon.Unhex(c.Epoch[:], name) || len(counts) == MaxCounts
		c.Sent = uint32(n)
		counts = append(counts, c)
	}
	var next Hash
	if line, ok := in.Optional("Next-Prekey"); ok && !canon.Unhex(next[:], line) {
		in.Bad = true
	}
	in.Hex("Content-Hash", s.Content[:])
	if in.Bad || len(in.B) > 0 || s.Number >= MaxLimit || !bytes.Equal(s.again(counts, next), text) {
		return nil, malformed("lines of a signed message")
	}
	return s, nil
}

// again is the text that the values give.
func (s *Said) again(counts []Count, next Hash) []byte {
	b := appendHead(make([]byte, 0, len(s.text)), s.ID, s.Chat, s.Epoch, s.From, s.Device, s.Number, s.Time, counts)
	if next != (Hash{}) {
		b = canon.AppendHex(b, "Next-Prekey", next[:])
	}
	return canon.AppendHex(b, "Content-Hash", s.Content[:])
}

// Verify checks the signature, and that content is what was signed.
func (s *Said) Verify(key *pgp.PublicKey, sig pgp.Compact, content []byte) error {
	if sum := sha256.Sum256(content); sum != s.Content {
		return fmt.Errorf("message %s sent again: %w", s.ID, pgp.ErrSignature)
	}
	if err := pgp.VerifyCompact(key, s.text, s.Time.Truncate(time.Second), sig); err != nil {
		return fmt.Errorf("message %s sent again: %w", s.ID, err)
	}
	return nil
}
