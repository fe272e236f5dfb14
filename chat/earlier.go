package chat

import (
	"time"

	"github.com/omega-im/omega/internal/chatpb"
)

// Earlier asks for a page of messages from before the reader came, or answers that.
// (spec/group.md, GROUP-48)
type Earlier struct {
	Before Link       // of the message before which they stand; zero: of none
	Time   time.Time  // of that message, or when the reader came; in an answer, of the oldest that was given
	Count  int        // that are asked for, at most MaxEarlier; 0: this is an answer
	Links  []Link     // of an answer: those that were given, the newest first
	End    EarlierEnd // of an answer
}

// maxEarlierTime is the last millisecond that has a form in RFC 3339.
const maxEarlierTime = 253402300799999

// An EarlierEnd says whether there is anything before a page.
type EarlierEnd uint32

// What there may be before a page.
const (
	EarlierMore    EarlierEnd = 0 // there may be more
	EarlierNoMore  EarlierEnd = 1 // who answers has no more
	EarlierAllowed EarlierEnd = 2 // the rules allow no more
)

func (e *Earlier) encode() *chatpb.Earlier {
	if e == nil {
		return nil
	}
	p := &chatpb.Earlier{Time: uint64(max(0, e.Time.UnixMilli())), Count: uint32(e.Count), End: uint32(e.End)}
	if e.Before != (Link{}) {
		p.Before = e.Before[:]
	}
	for i := range e.Links {
		p.Links = append(p.Links, e.Links[i][:])
	}
	return p
}

func (r *fieldReader) earlier(p *chatpb.Earlier) *Earlier {
	if p == nil {
		return nil
	}
	if p.Count > MaxEarlier || len(p.Links) > MaxEarlier || p.Count > 0 && len(p.Links)+int(p.End) > 0 || p.Time > maxEarlierTime || p.End > uint32(EarlierAllowed) {
		r.bad = true
		return nil
	}
	out := &Earlier{Time: time.UnixMilli(int64(p.Time)).UTC(), Count: int(p.Count), End: EarlierEnd(p.End)}
	r.fixed(out.Before[:], p.Before)
	for _, b := range p.Links {
		r.bad = r.bad || len(b) != len(Link{})
		var l Link
		r.fixed(l[:], b)
		out.Links = append(out.Links, l)
	}
	return out
}
