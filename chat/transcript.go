package chat

import (
	"bytes"
	"crypto/sha256"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/internal/canon"
)

// A Transcript is what the signature of a message covers: readable lines, a
// blank line, the text exactly as it is. (spec/chat.md, CHAT-9)
//
//	Omega-Message: 1
//	Id: 32 hex
//	Chat: 32 hex
//	Members: 64 hex
//	Key-Epoch: number
//	Key-Commitment: 64 hex
//	From: FINGERPRINT
//	Device: FINGERPRINT
//	Sequence: number
//	Previous: 32 hex
//	Seen: 32 hex                       (if the sender said so)
//	Time: 2026-11-22T13:20:00.123Z
//	Kind: text
//	Name: value                        (additional lines)
//	Content-Hash: 64 hex               (if there is more than text)
//
//	text
type Transcript struct {
	ID          omega.ID
	Chat        omega.ChatID
	Members     Hash // of the member and device list of the key record
	Epoch       uint32
	Commitment  Hash // to the session key
	From        omega.Fingerprint
	Device      omega.Fingerprint
	Sequence    uint32
	Previous    Link     // of the device's message before this one in the chat; zero for the first
	Seen        omega.ID // zero: no such line
	Time        time.Time
	Kind        Kind
	Lines       []string
	ContentHash Hash // zero: no such line
	Text        string
}

const transcriptVersion = "1"

// transcriptNames are the names that additional lines must not have.
var transcriptNames = []string{
	"Omega-Message", "Id", "Chat", "Members", "Key-Epoch", "Key-Commitment", "From", "Device",
	"Sequence", "Previous", "Seen", "Time", "Kind", "Content-Hash",
}

// appendHead appends everything before the text, the blank line included.
func (t *Transcript) appendHead(b []byte) []byte {
	b = canon.AppendLine(b, "Omega-Message", transcriptVersion)
	b = canon.AppendHex(b, "Id", t.ID[:])
	b = canon.AppendHex(b, "Chat", t.Chat[:])
	b = canon.AppendHex(b, "Members", t.Members[:])
	b = canon.AppendUint(b, "Key-Epoch", t.Epoch)
	b = canon.AppendHex(b, "Key-Commitment", t.Commitment[:])
	b = canon.AppendAddress(b, "From", t.From)
	b = canon.AppendAddress(b, "Device", t.Device)
	b = canon.AppendUint(b, "Sequence", t.Sequence)
	b = canon.AppendHex(b, "Previous", t.Previous[:])
	if !t.Seen.IsZero() {
		b = canon.AppendHex(b, "Seen", t.Seen[:])
	}
	b = canon.AppendTime(b, "Time", t.Time)
	b = canon.AppendLine(b, "Kind", string(t.Kind))
	for _, line := range t.Lines {
		b = append(b, line...)
		b = append(b, '\n')
	}
	if t.ContentHash != (Hash{}) {
		b = canon.AppendHex(b, "Content-Hash", t.ContentHash[:])
	}
	return append(b, '\n')
}

// AppendTo appends the canonical form of t to b.
func (t *Transcript) AppendTo(b []byte) []byte {
	return append(t.appendHead(b), t.Text...)
}

// Bytes returns the canonical form of t.
func (t *Transcript) Bytes() []byte { return t.AppendTo(make([]byte, 0, 640+len(t.Text))) }

// LinkOf returns what the next message of the device names this one by.
func LinkOf(transcript []byte) Link {
	sum := sha256.Sum256(transcript)
	return Link(sum[:])
}

// SplitTranscript cuts a transcript behind its blank line: head and text
// together are exactly what was signed.
func SplitTranscript(b []byte) (head, text []byte) {
	if i := bytes.Index(b, []byte("\n\n")); i >= 0 {
		return b[:i+2], b[i+2:]
	}
	return b, nil
}

// ParseTranscript reads a transcript. It accepts exactly what AppendTo writes.
func ParseTranscript(b []byte) (*Transcript, error) {
	if len(b) > omega.MaxEnvelope {
		return nil, malformed("transcript: %d octets", len(b))
	}
	head, text := SplitTranscript(b)
	if !utf8.Valid(b) || len(text) > omega.MaxText {
		return nil, malformed("transcript: text")
	}
	t := &Transcript{Text: string(text)}
	r := canon.Reader{B: head}
	if r.Text("Omega-Message") != transcriptVersion {
		r.Bad = true
	}
	r.Hex("Id", t.ID[:])
	r.Hex("Chat", t.Chat[:])
	r.Hex("Members", t.Members[:])
	t.Epoch = r.Uint("Key-Epoch")
	r.Hex("Key-Commitment", t.Commitment[:])
	t.From, t.Device = r.Fingerprint("From"), r.Fingerprint("Device")
	t.Sequence = r.Uint("Sequence")
	r.Hex("Previous", t.Previous[:])
	if seen, ok := r.Optional("Seen"); ok && !canon.Unhex(t.Seen[:], seen) {
		r.Bad = true
	}
	t.Time = r.Time("Time")
	t.Kind = Kind(r.Text("Kind"))
	t.parseTail(&r)
	if r.Bad || !t.Kind.valid() || t.Sequence == 0 || !bytes.Equal(t.appendHead(nil), head) {
		return nil, malformed("transcript: header lines")
	}
	return t, nil
}

// parseTail reads the additional lines and the content hash.
func (t *Transcript) parseTail(r *canon.Reader) {
	for !r.Bad && !bytes.Equal(r.B, []byte("\n")) {
		if hash, ok := r.Optional("Content-Hash"); ok {
			r.Bad = !canon.Unhex(t.ContentHash[:], hash) || !bytes.Equal(r.B, []byte("\n"))
			return
		}
		name, value, size, ok := r.Next()
		line := strings.Join([]string{name, value}, ": ")
		if !ok || !validLine(line) || len(t.Lines) >= MaxLines {
			r.Bad = true
			return
		}
		t.Lines = append(t.Lines, line)
		r.B = r.B[size:]
	}
}
