package chat

import (
	"encoding/binary"
	"strings"
	"time"

	"github.com/omega-im/omega/internal/chatpb"
)

// Limits of polls and lists. (spec/chat.md, CHAT-29, CHAT-30)
const (
	MinOptions = 2
	MaxOptions = 32

	// MaxEntry is the longest line of a list in octets.
	MaxEntry = 1024

	// MaxEntries is how many lines of a list count, the first ones.
	MaxEntries = 1000
)

// optionLine begins the transcript lines that are the answers of a poll.
const optionLine = "Option: "

// A Poll says how a poll is answered. Its question is the text of its message, its
// answers stand readable in the transcript.
type Poll struct{ Multiple bool }

// A Vote is all that its sender answers to a poll; no options: no answer any more.
type Vote struct {
	Target  Link
	Version uint32
	Options []uint32 // from 0, ascending
}

// A Slot names a line of a list by when it was made, so lines stand in the order
// in which they were made: u48 milliseconds | 2 random.
type Slot [8]byte

// NewSlot makes the name of a line that is made at t.
func NewSlot(t time.Time, random [2]byte) (s Slot) {
	binary.BigEndian.PutUint64(s[:], uint64(t.UnixMilli())<<16|uint64(binary.BigEndian.Uint16(random[:])))
	return s
}

// Time is when the line was made, on the word of who made it.
func (s Slot) Time() time.Time {
	return time.UnixMilli(int64(binary.BigEndian.Uint64(s[:]) >> 16)).UTC()
}

// An Entry is one line of a list; its text is that of its message, empty: the line
// is gone.
type Entry struct {
	Target  Link
	Slot    Slot
	Version uint32
}

// A Close ends a poll or a list: what is said later does not count.
type Close struct{ Target Link }

// PollLines are the transcript lines of a poll with these answers.
func PollLines(options []string) (out []string) {
	for _, o := range options {
		out = append(out, optionLine+o)
	}
	return out
}

// Options are the answers of a poll.
func (c *Content) Options() (out []string) {
	for _, l := range c.Lines {
		if o, ok := strings.CutPrefix(l, optionLine); ok {
			out = append(out, o)
		}
	}
	return out
}

// Counts returns which of the chosen options count in a poll: none if one does not
// exist, or several were chosen where one may be.
func (c *Content) Counts(options []uint32) []uint32 {
	if c.Poll == nil || len(options) > 1 && !c.Poll.Multiple || len(options) > 0 && int(options[len(options)-1]) >= len(c.Options()) {
		return nil
	}
	return options
}

func (v *Vote) valid() bool {
	for i, o := range v.Options {
		if o >= MaxOptions || i > 0 && o <= v.Options[i-1] {
			return false
		}
	}
	return v.Version > 0
}

// value is the form of a vote in a mark: one octet per option.
func (v *Vote) value() (b []byte) {
	for _, o := range v.Options {
		b = append(b, byte(o))
	}
	return b
}

// Chosen returns what a MarkVote says.
func (m *Mark) Chosen() (out []uint32) {
	for _, o := range m.Value {
		out = append(out, uint32(o))
	}
	return out
}

func (p *Poll) encode() *chatpb.Poll {
	if p == nil {
		return nil
	}
	return &chatpb.Poll{Multiple: p.Multiple}
}

func (v *Vote) encode() *chatpb.Vote {
	if v == nil {
		return nil
	}
	return &chatpb.Vote{Target: v.Target[:], Version: v.Version, Options: v.Options}
}

func (e *Entry) encode() *chatpb.Entry {
	if e == nil {
		return nil
	}
	return &chatpb.Entry{Target: e.Target[:], Slot: e.Slot[:], Version: e.Version}
}

func (c *Close) encode() *chatpb.Close {
	if c == nil {
		return nil
	}
	return &chatpb.Close{Target: c.Target[:]}
}

func (r *fieldReader) poll(p *chatpb.Poll) *Poll {
	if p == nil {
		return nil
	}
	return &Poll{p.Multiple}
}

func (r *fieldReader) vote(p *chatpb.Vote) *Vote {
	if p == nil {
		return nil
	}
	r.bad = r.bad || len(p.Options) > MaxOptions
	return &Vote{r.target(p.Target), p.Version, p.Options}
}

func (r *fieldReader) entry(p *chatpb.Entry) *Entry {
	if p == nil {
		return nil
	}
	out := &Entry{Target: r.target(p.Target), Version: p.Version}
	r.bad = r.bad || len(p.Slot) != len(out.Slot)
	r.fixed(out.Slot[:], p.Slot)
	return out
}

func (r *fieldReader) close(p *chatpb.Close) *Close {
	if p == nil {
		return nil
	}
	return &Close{r.target(p.Target)}
}
