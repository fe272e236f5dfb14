package chat

import (
	"github.com/omega-im/omega"
	"github.com/omega-im/omega/internal/chatpb"
)

// Limits of what one message says of a group. (spec/group.md, GROUP-16)
const (
	MaxHeads       = 16  // that one message or record names
	MaxOperations  = 256 // that one message carries
	MaxSubscribers = 256 // that one message carries
	MaxEarlier     = 100 // messages of one page (GROUP-48)
	MaxWords       = 128 // that one message carries (GROUP-53)
	MaxCounts      = 32  // messages whose counts one message tells (GROUP-55)
	MaxWordsOf     = 16  // messages whose words one message asks for (GROUP-55)
)

// GroupNews is what a message says of a group. (spec/group.md, GROUP-16)
type GroupNews struct {
	ID         Hash     // of the group; zero in its own chat
	Heads      []Hash   // what the sender knows of it; at most MaxHeads
	Operations [][]byte // as they travel, each after its past; at most MaxOperations
	Ask        bool     // please tell what these heads lack
	Ticket     Ticket   // of KindGroupJoin

	Asker       omega.Fingerprint // of KindGroupJoin that is passed on: who wants to join (GROUP-27)
	Called      string            // of KindGroupJoin that is passed on: what Asker calls itself (GROUP-37)
	Subscribers []Subscriber      // of KindGroup in a direct chat (GROUP-40); at most MaxSubscribers
	Refused     bool              // of KindGroupJoin that is passed on: it is not let in (GROUP-31)
	Earlier     *Earlier          // of KindGroup in a direct chat: a page of earlier messages (GROUP-48); nil: none

	Words   []Word    // of KindGroup in a direct chat: what subscribers say (GROUP-53); at most MaxWords
	Counts  []Counted // of KindGroup: what words come to (GROUP-55); at most MaxCounts
	WordsOf []Link    // of KindGroup in a direct chat: words are asked for (GROUP-55); at most MaxWordsOf
}

// A Ticket is what a link to a group proves: whoever has it may ask to join.
type Ticket [16]byte

func (g *GroupNews) encode() *chatpb.Group {
	if g == nil {
		return nil
	}
	p := &chatpb.Group{Operations: g.Operations, Ask: g.Ask, Asker: wireOrNil(g.Asker), Called: g.Called, Refused: g.Refused, Earlier: g.Earlier.encode()}
	if g.ID != (Hash{}) {
		p.Id = g.ID[:]
	}
	for _, h := range g.Heads {
		p.Heads = append(p.Heads, h[:])
	}
	for i := range g.Subscribers {
		p.Subscribers = append(p.Subscribers, g.Subscribers[i].encode())
		if g.Subscribers[i].Ended {
			p.Ended = append(p.Ended, uint32(i))
		}
	}
	if g.Ticket != (Ticket{}) {
		p.Ticket = g.Ticket[:]
	}
	g.encodeWords(p)
	return p
}

func (r *fieldReader) group(p *chatpb.Group) *GroupNews {
	if p == nil {
		return nil
	}
	if len(p.Heads) > MaxHeads || len(p.Operations) > MaxOperations || len(p.Subscribers) > MaxSubscribers || len(p.Words) > MaxWords || len(p.Counts) > MaxCounts || len(p.WordsOf) > MaxWordsOf {
		r.bad = true
		return nil
	}
	out := &GroupNews{Operations: p.Operations, Ask: p.Ask, Called: p.Called, Refused: p.Refused, Earlier: r.earlier(p.Earlier)}
	r.bad = r.bad || p.Called != SanitizeName(p.Called)
	if len(p.Asker) > 0 {
		out.Asker = r.fingerprint(p.Asker)
	}
	for _, b := range p.Subscribers {
		out.Subscribers = append(out.Subscribers, r.subscriber(b))
	}
	r.ended(out, p.Ended)
	r.fixed(out.ID[:], p.Id)
	r.fixed(out.Ticket[:], p.Ticket)
	for _, h := range p.Heads {
		r.bad = r.bad || len(h) != len(Hash{})
		var hash Hash
		r.fixed(hash[:], h)
		out.Heads = append(out.Heads, hash)
	}
	r.words(out, p)
	return out
}

// fitsGroup holds what a content says of a group to GROUP-16.
func (c *Content) fitsGroup() bool {
	switch c.Kind {
	case KindGroup, KindGroupInvite:
		return c.Group != nil
	case KindGroupJoin, KindGroupRefused:
		return c.Group != nil && c.Group.ID != (Hash{}) && c.Group.Ticket != (Ticket{})
	}
	return c.Group == nil || len(c.Group.Heads) <= MaxHeads && len(c.Group.Operations) <= MaxOperations
}
