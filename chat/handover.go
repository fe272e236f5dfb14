package chat

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/media"
	"github.com/omega-im/omega/pgp"
)

// KindHistory is, among the devices of one account, that a history is there for one
// of them, that it was taken, or that one would like to have it. (spec/chat.md,
// CHAT-44, CHAT-72)
const KindHistory Kind = "history"

// A Handover says that a blob is the history of one device for another, that the
// other one has it, or that the other one asks for it.
type Handover struct {
	To       omega.Fingerprint // device that it is for
	From     omega.Fingerprint // device that is asked, and nothing else is said then; else zero
	Taken    bool              // by that device: it has what the blob of this name held
	Ref      media.Ref         // Taken: the name only
	Servers  []omega.Fingerprint
	Messages int // at most so many
}

// Lines of a transcript that a handover is written in.
const (
	lineFor      = "History-For: "
	lineFrom     = "History-From: "
	lineTaken    = "History-Taken: "
	lineBlob     = "History-Blob: "
	lineServers  = "History-Servers: "
	lineMessages = "History-Messages: "
)

// NewHandover returns the content that says h.
func NewHandover(h *Handover) *Content {
	c := &Content{Kind: KindHistory, Lines: []string{lineFor + h.To.String()}}
	if !h.From.IsZero() {
		c.Lines = append(c.Lines, lineFrom+h.From.String())
		return c
	}
	if h.Taken {
		c.Lines = append(c.Lines, lineTaken+h.Ref.Name.String())
		return c
	}
	blob := h.Ref.Name.String() + " " + strconv.FormatInt(h.Ref.Size, 10)
	if media.HasTree(h.Ref.Size) {
		blob += " " + h.Ref.Root.String()
	}
	var servers []string
	for _, s := range h.Servers {
		servers = append(servers, s.String())
	}
	c.Lines = append(c.Lines, lineBlob+blob, lineServers+strings.Join(servers, " "), lineMessages+strconv.Itoa(h.Messages))
	return c
}

// ParseHandover reads what NewHandover wrote, and nothing else.
func ParseHandover(c *Content) (*Handover, error) {
	h := &Handover{}
	lines := c.Lines
	take := func(prefix string) string {
		if len(lines) == 0 {
			return ""
		}
		value, ok := strings.CutPrefix(lines[0], prefix)
		if ok {
			lines = lines[1:]
		}
		return value
	}
	var err error
	if h.To, err = omega.ParseFingerprint(take(lineFor)); err != nil || c.Kind != KindHistory {
		return nil, malformed("history: for whom")
	}
	switch {
	case len(lines) == 1 && strings.HasPrefix(lines[0], lineTaken):
		h.Taken = true
		h.Ref.Name, err = media.ParseHash(take(lineTaken))
	case len(lines) == 1 && strings.HasPrefix(lines[0], lineFrom):
		h.From, err = omega.ParseFingerprint(take(lineFrom))
	default:
		err = h.parseOffer(take(lineBlob), take(lineServers), take(lineMessages))
	}
	if err != nil || len(lines) > 0 || strings.Join(NewHandover(h).Lines, "\n") != strings.Join(c.Lines, "\n") {
		return nil, malformed("history: lines")
	}
	return h, nil
}

func (h *Handover) parseOffer(blob, servers, messages string) (err error) {
	words := strings.Split(blob, " ")
	if len(words) < 2 || len(words) > 3 {
		return malformed("history: blob")
	}
	if h.Ref.Name, err = media.ParseHash(words[0]); err != nil {
		return err
	}
	if h.Ref.Size, err = strconv.ParseInt(words[1], 10, 64); err != nil {
		return err
	}
	if len(words) == 3 {
		if h.Ref.Root, err = media.ParseHash(words[2]); err != nil {
			return err
		}
	}
	for _, s := range strings.Fields(servers) {
		fp, err := omega.ParseFingerprint(s)
		if err != nil {
			return err
		}
		h.Servers = append(h.Servers, fp)
	}
	if h.Messages, err = strconv.Atoi(messages); err != nil || h.Messages < 0 || len(h.Servers) == 0 || len(h.Servers) > omega.MaxHomes {
		return malformed("history: servers or messages")
	}
	return h.Ref.Check()
}

// ParseHanded reads a message of another device's history: what it signed, and the
// content if that is more than the text. Nothing is verified but that the one is what
// the other says; ProvenBy does the rest.
func ParseHanded(again *Resent, received time.Time) (*Message, error) {
	t, err := ParseTranscript(again.Transcript)
	if err != nil {
		return nil, err
	}
	if t.Kind == KindResent {
		return nil, malformed("history: an answer to a request")
	}
	content, err := again.content(t)
	if err != nil {
		return nil, fmt.Errorf("message %s: %w", t.ID, err)
	}
	c := &claim{transcript: t}
	return c.newMessage(&Arrival{Received: received}, content, again.Signature), nil
}

// ProvenBy reports whether the key of the message's device signed it, and it shows
// what it signs.
func (m *Message) ProvenBy(key *pgp.PublicKey) bool {
	return pgp.VerifyCompact(key, m.Transcript, m.SignatureTime(), m.Signature) == nil && m.Content.mediaFit()
}
