package chat

import (
	"unicode"
	"unicode/utf8"

	"github.com/omega-im/omega/internal/canon"
	"github.com/omega-im/omega/internal/chatpb"
)

// Limits of operations on messages.
const (
	// MaxTargets is how many messages one operation may name.
	MaxTargets = 100

	// MaxEmoji is how many emoji one person may have on a message, MaxEmojiSize
	// how long one may be in octets.
	MaxEmoji     = 8
	MaxEmojiSize = 64
)

// An Edit puts the text of its message in the place of another's. (spec/chat.md,
// CHAT-25)
type Edit struct {
	Target  Link
	Version uint32 // one above the highest that the editor knew of (CHAT-26)
}

// A Delete takes messages back. (spec/chat.md, CHAT-25)
type Delete struct{ Targets []Link }

// A Reaction is all that its sender says about a message by emoji; none takes
// back what was said before.
type Reaction struct {
	Target  Link
	Version uint32
	Emoji   []string
}

// A Pin puts a message on top of the chat for all, or takes it down.
type Pin struct {
	Target  Link
	Version uint32
	Pinned  bool
}

func (e *Edit) encode() *chatpb.Edit {
	if e == nil {
		return nil
	}
	return &chatpb.Edit{Target: e.Target[:], Version: e.Version}
}

func (d *Delete) encode() *chatpb.Delete {
	if d == nil {
		return nil
	}
	p := &chatpb.Delete{}
	for _, t := range d.Targets {
		p.Targets = append(p.Targets, t[:])
	}
	return p
}

func (r *Reaction) encode() *chatpb.Reaction {
	if r == nil {
		return nil
	}
	return &chatpb.Reaction{Target: r.Target[:], Version: r.Version, Emoji: r.Emoji}
}

func (p *Pin) encode() *chatpb.Pin {
	if p == nil {
		return nil
	}
	return &chatpb.Pin{Target: p.Target[:], Version: p.Version, Pinned: p.Pinned}
}

// target reads what an operation is about, which it must say.
func (r *fieldReader) target(b []byte) (l Link) {
	r.bad = r.bad || len(b) != len(l)
	r.fixed(l[:], b)
	return l
}

func (r *fieldReader) edit(p *chatpb.Edit) *Edit {
	if p == nil {
		return nil
	}
	return &Edit{r.target(p.Target), p.Version}
}

func (r *fieldReader) delete(p *chatpb.Delete) *Delete {
	if p == nil {
		return nil
	}
	if len(p.Targets) > MaxTargets {
		r.bad = true
		return nil
	}
	out := &Delete{}
	for _, t := range p.Targets {
		out.Targets = append(out.Targets, r.target(t))
	}
	return out
}

func (r *fieldReader) reaction(p *chatpb.Reaction) *Reaction {
	if p == nil {
		return nil
	}
	return &Reaction{r.target(p.Target), p.Version, p.Emoji}
}

func (r *fieldReader) pin(p *chatpb.Pin) *Pin {
	if p == nil {
		return nil
	}
	return &Pin{r.target(p.Target), p.Version, p.Pinned}
}

// validOperation holds what an operation says to CHAT-25.
func (c *Content) validOperation() bool {
	switch {
	case c.Edit != nil:
		return c.Edit.Version > 0
	case c.Delete != nil:
		return len(c.Delete.Targets) > 0 && len(c.Delete.Targets) <= MaxTargets
	case c.Reaction != nil:
		return c.Reaction.Version > 0 && validReaction(c.Reaction.Emoji)
	case c.Pin != nil:
		return c.Pin.Version > 0
	case c.Poll != nil:
		n := len(c.Options())
		return n >= MinOptions && n <= MaxOptions
	case c.Vote != nil:
		return c.Vote.valid()
	case c.Entry != nil:
		return c.Entry.Version > 0 && len(c.Text) <= MaxEntry
	}
	return true
}

// validReaction: a few emoji, none twice.
func validReaction(emoji []string) bool {
	if len(emoji) > MaxEmoji {
		return false
	}
	seen := make(map[string]bool, len(emoji))
	for _, e := range emoji {
		if seen[e] || !ValidEmoji(e) {
			return false
		}
		seen[e] = true
	}
	return true
}

// ValidEmoji reports whether s may be a reaction: symbols and what joins and
// colours them, so that no words come by this way; or 推 or 噓, by which people
// in Taiwan agree and disagree. (spec/chat.md, CHAT-25)
func ValidEmoji(s string) bool {
	if s == "推" || s == "噓" {
		return true
	}
	if s == "" || len(s) > MaxEmojiSize || !utf8.ValidString(s) {
		return false
	}
	symbol := false
	for i, r := range s {
		switch {
		case unicode.Is(unicode.So, r), unicode.Is(unicode.Sm, r), r == 0x20e3: // a keycap
			symbol = true
		case i == 0 && (r >= '0' && r <= '9' || r == '#' || r == '*' || r == '‼' || r == '⁉' || r == '〰' || r == '〽'):
			symbol = symbol || r > 0x7f
		case i > 0 && (unicode.Is(unicode.Sk, r) || unicode.Is(unicode.Mn, r) || r == 0x200d || r >= 0xe0020 && r <= 0xe007f):
		default:
			return false
		}
		if !canon.Plain(r) {
			return false
		}
	}
	return symbol
}
