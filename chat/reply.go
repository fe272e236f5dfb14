package chat

import (
	"time"
	"unicode/utf8"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/internal/canon"
	"github.com/omega-im/omega/internal/chatpb"
)

// MaxQuote is the longest quote of a reply in octets.
const MaxQuote = 1024

// A Reply says which message of the chat a text answers. (spec/chat.md, CHAT-23)
type Reply struct {
	Target Link   // to that message
	Quote  string // the part of its text that is answered; may be empty
	Offset uint32 // of the quote in that text, in UTF-16 code units
}

func (r *Reply) encode() *chatpb.Reply {
	if r == nil {
		return nil
	}
	return &chatpb.Reply{Target: r.Target[:], Quote: r.Quote, Offset: r.Offset}
}

func (r *Reply) valid() bool {
	return r == nil || r.Target != (Link{}) && len(r.Quote) <= MaxQuote && utf8.ValidString(r.Quote) && (r.Quote != "" || r.Offset == 0)
}

// readReply returns nothing of one that breaks CHAT-23: the text stands without.
func readReply(p *chatpb.Reply) *Reply {
	if p == nil || len(p.Target) != len(Link{}) {
		return nil
	}
	out := &Reply{Link(p.Target), p.Quote, p.Offset}
	if !out.valid() {
		return nil
	}
	return out
}

// Quotes reports whether the quote stands in a text where the reply says.
func (r *Reply) Quotes(text string) bool {
	parts, ok := utf16Parts(text, []Entity{{Offset: r.Offset, Length: uint32(UTF16Len(r.Quote))}})
	return ok && parts[0] == r.Quote
}

// A Forward says where a text comes from, on the word of who sends it. Its zero
// value says that it comes from somebody, and not from whom. (spec/chat.md,
// CHAT-24)
type Forward struct {
	Account omega.Fingerprint // who wrote it; zero: the sender does not say
	Name    string            // how the sender knows them
	Time    time.Time         // when it was written; zero if the sender does not say
}

func (f *Forward) encode() *chatpb.Forward {
	if f == nil {
		return nil
	}
	p := &chatpb.Forward{Account: wireOrNil(f.Account), Name: f.Name}
	if !f.Time.IsZero() {
		p.Time = uint64(f.Time.UnixMilli())
	}
	return p
}

func (f *Forward) valid() bool {
	return f == nil || f.Name == SanitizeName(f.Name) && (f.Time.IsZero() || f.Time.UnixMilli() > 0 && f.Time.UnixMilli() <= canon.MaxMilli)
}

// readForward returns a Forward that says nothing for one that breaks CHAT-24:
// that the text is somebody else's counts all the same.
func readForward(p *chatpb.Forward) *Forward {
	if p == nil {
		return nil
	}
	r := fieldReader{}
	out := &Forward{Account: r.fingerprint(p.Account), Name: p.Name}
	if p.Time > canon.MaxMilli {
		return &Forward{}
	}
	if p.Time > 0 {
		out.Time = time.UnixMilli(int64(p.Time)).UTC()
	}
	if r.bad || !out.valid() {
		return &Forward{}
	}
	return out
}
