package archive

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/omega-im/omega"
)

// ErrHandover says that something is no history of another device.
var ErrHandover = errors.New("not a history of another device")

// maxHandedLine bounds one line in octets: a message is at most an envelope, twice
// for its transcript and its content, with room for how JSON writes it.
const maxHandedLine = 8 * omega.MaxEnvelope

const handoverVersion = 1

// A HandoverHead is the first line of a history: whose it is, and for which device.
type HandoverHead struct {
	Version  int               `json:"omega_history"`
	Account  omega.Fingerprint `json:"account"`
	From     omega.Fingerprint `json:"from"` // device
	To       omega.Fingerprint `json:"to"`   // device
	Created  time.Time         `json:"created"`
	Messages int               `json:"messages"` // at most so many
}

// A HandedLine is one of the others: one field is set. What a reader does not know
// it skips.
type HandedLine struct {
	Peer    *HandedPeer    `json:"peer,omitempty"`
	Chat    *HandedChat    `json:"chat,omitempty"`
	Message *HandedMessage `json:"message,omitempty"`
}

// A HandedPeer is an account whose certificate was known.
type HandedPeer struct {
	Account     omega.Fingerprint `json:"account"`
	Name        string            `json:"name,omitempty"`
	Certificate []byte            `json:"certificate"`
	Record      []byte            `json:"record,omitempty"`
	Chained     uint64            `json:"chained,omitempty"`
	Tombstone   []byte            `json:"tombstone,omitempty"` // of a deleted account
	Deleted     time.Time         `json:"deleted,omitzero"`
}

// Kinds of chats in a history.
const (
	HandedDirect   = "direct"
	HandedGroup    = "group"
	HandedImported = "imported"
)

// A HandedChat is a chat; it stands before its messages.
type HandedChat struct {
	ID    omega.ChatID      `json:"id"`
	Kind  string            `json:"kind"`
	Peer  omega.Fingerprint `json:"peer,omitzero"`
	Title string            `json:"title,omitempty"`
}

// A HandedMessage is a message as the giving device has it. Where there is a
// transcript, that and the signature say what it is, and nothing else does.
type HandedMessage struct {
	Chat       omega.ChatID      `json:"chat"`
	Transcript string            `json:"transcript,omitempty"`
	Signature  []byte            `json:"signature,omitempty"`
	Content    []byte            `json:"content,omitempty"` // encoded, if it is more than the text
	Received   time.Time         `json:"received,omitzero"`
	Own        bool              `json:"own,omitempty"`
	State      string            `json:"state,omitempty"`
	Why        string            `json:"why,omitempty"`
	Unread     bool              `json:"unread,omitempty"`
	Verified   bool              `json:"verified,omitempty"`
	Problem    string            `json:"problem,omitempty"`
	Differs    bool              `json:"differs,omitempty"`
	Gone       bool              `json:"gone,omitempty"` // its author took it back
	Service    bool              `json:"service,omitempty"`
	Import     *HandedImport     `json:"import,omitempty"`
	Words      [][]byte          `json:"words,omitempty"` // what the account said of it as a subscriber of its channel
	ID         omega.ID          `json:"id,omitzero"`     // this and the rest only without a transcript
	Link       []byte            `json:"link,omitempty"`
	From       omega.Fingerprint `json:"from,omitzero"`
	Device     omega.Fingerprint `json:"device,omitzero"`
	Sequence   uint32            `json:"sequence,omitempty"`
	Time       time.Time         `json:"time,omitzero"`
	Kind       string            `json:"kind,omitempty"`
	Text       string            `json:"text,omitempty"`
}

// A HandedImport says from which file of another messenger a message is.
type HandedImport struct {
	Source string    `json:"source"`
	File   string    `json:"file"`
	Time   time.Time `json:"time"`
	Author string    `json:"author"`
}

// A HandoverWriter writes a history: gzip over lines of JSON.
type HandoverWriter struct {
	zip *gzip.Writer
	enc *json.Encoder
}

// NewHandoverWriter writes the first line.
func NewHandoverWriter(w io.Writer, head *HandoverHead) (*HandoverWriter, error) {
	head.Version = handoverVersion
	zip := gzip.NewWriter(w)
	enc := json.NewEncoder(zip)
	enc.SetEscapeHTML(false)
	return &HandoverWriter{zip, enc}, enc.Encode(head)
}

// Put writes one line.
func (w *HandoverWriter) Put(l *HandedLine) error { return w.enc.Encode(l) }

// Close ends the history; what is below is not closed.
func (w *HandoverWriter) Close() error { return w.zip.Close() }

// A HandoverReader reads what a HandoverWriter wrote, with memory for one line.
type HandoverReader struct {
	Head HandoverHead
	zip  *gzip.Reader
	in   *bufio.Scanner
}

// NewHandoverReader reads the first line. The error is ErrHandover, or r's.
func NewHandoverReader(r io.Reader) (*HandoverReader, error) {
	zip, err := gzip.NewReader(r)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrHandover, err)
	}
	zip.Multistream(false)
	h := &HandoverReader{zip: zip, in: bufio.NewScanner(zip)}
	h.in.Buffer(make([]byte, 0, 64<<10), maxHandedLine)
	if err := h.line(&h.Head); err != nil {
		if err == io.EOF {
			err = fmt.Errorf("%w: it is empty", ErrHandover)
		}
		return nil, err
	}
	if h.Head.Version != handoverVersion {
		return nil, fmt.Errorf("%w: version %d", ErrHandover, h.Head.Version)
	}
	return h, nil
}

// Next reads the next line; io.EOF behind the last.
func (h *HandoverReader) Next() (*HandedLine, error) {
	l := &HandedLine{}
	return l, h.line(l)
}

func (h *HandoverReader) line(to any) error {
	if !h.in.Scan() {
		if err := h.in.Err(); err != nil {
			return fmt.Errorf("%w: %w", ErrHandover, err)
		}
		return io.EOF
	}
	if err := json.Unmarshal(h.in.Bytes(), to); err != nil {
		return fmt.Errorf("%w: %w", ErrHandover, err)
	}
	return nil
}
