package chat

import (
	"cmp"
	"encoding/binary"
	"math"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/internal/canon"
	"github.com/omega-im/omega/internal/chatpb"
)

// A Word is all that a subscriber of a channel says of one message by emoji, or by its vote.
// (spec/group.md, GROUP-53)
type Word struct {
	Kind    MarkKind // MarkReaction or MarkVote
	Version uint32
	Time    time.Time // milliseconds
	Target  Link
	Account omega.Fingerprint
	Value   []byte // as in a Mark of that kind; empty: nothing any more
}

// wordHead is what stands before the account of a word.
const wordHead = 1 + 4 + 8 + len(Link{})

// encode writes u8 what | u32 version | u64 milliseconds | 16 link | fp | value.
func (w *Word) encode() []byte {
	b := binary.BigEndian.AppendUint32([]byte{byte(w.Kind)}, w.Version)
	b = binary.BigEndian.AppendUint64(b, uint64(w.Time.UnixMilli()))
	b = w.Account.AppendTo(append(b, w.Target[:]...))
	return append(b, w.Value...)
}

// Bytes is its form among the words of a message.
func (w *Word) Bytes() []byte { return w.encode() }

// ParseWord reads what Bytes wrote.
func ParseWord(b []byte) (Word, error) {
	r := fieldReader{}
	w := r.word(b)
	if r.bad {
		return Word{}, malformed("word of %d octets", len(b))
	}
	return w, nil
}

func (r *fieldReader) word(b []byte) (w Word) {
	if len(b) <= wordHead {
		r.bad = true
		return w
	}
	size := omega.FingerprintSize(b[wordHead])
	if size == 0 || len(b) < wordHead+size {
		r.bad = true
		return w
	}
	millis := binary.BigEndian.Uint64(b[5:])
	w = Word{Kind: MarkKind(b[0]), Version: binary.BigEndian.Uint32(b[1:]), Time: time.UnixMilli(int64(millis)).UTC(), Account: r.fingerprint(b[wordHead : wordHead+size])}
	copy(w.Target[:], b[13:])
	w.Value = slices.Clone(b[wordHead+size:])
	r.bad = r.bad || w.Account.IsZero() || millis > canon.MaxMilli || !w.valid()
	return w
}

// valid holds what a word says to CHAT-25 and CHAT-29.
func (w *Word) valid() bool {
	m := Mark{Value: w.Value}
	switch w.Kind {
	case MarkReaction:
		return w.Version > 0 && len(w.Value) <= MaxEmoji*(MaxEmojiSize+1) && validReaction(m.Emoji())
	case MarkVote:
		v := Vote{Version: w.Version, Options: m.Chosen()}
		return v.valid()
	}
	return false
}

// Mark is what those who may write keep of a word.
func (w *Word) Mark(chat omega.ChatID) *Mark {
	m := w.Own(chat)
	m.Kind = MarkSaid
	if w.Kind == MarkVote {
		m.Kind = MarkVoted
	}
	return m
}

// Own is what the devices of its account keep of a word: they show it as anybody's.
func (w *Word) Own(chat omega.ChatID) *Mark {
	return &Mark{Chat: chat, Target: w.Target, Kind: w.Kind, Account: w.Account, Stamp: Stamp{Version: w.Version, Time: w.Time}, Value: w.Value}
}

// A Counted is what the words about one message come to. (spec/group.md, GROUP-55)
type Counted struct {
	Target  Link
	Version uint32
	Heard   int          // accounts whose words are known to who counted
	Emoji   []EmojiCount // the most frequent first; at most MaxCountedEmoji
	Voters  int          // of a poll: subscribers
	Votes   []int        // of subscribers for each of its answers

	MemberVoters int
	MemberVotes  []int
}

// An EmojiCount is how often an emoji was said.
type EmojiCount struct {
	Emoji   string
	Times   int // by subscribers
	Members int // by members
}

// MaxCountedEmoji is how many emoji of one message are counted, the most frequent.
const MaxCountedEmoji = 16

// Sort puts the emoji in order, and leaves the most frequent.
func (c *Counted) Sort() {
	slices.SortFunc(c.Emoji, func(a, b EmojiCount) int {
		return cmp.Or(cmp.Compare(b.Times+b.Members, a.Times+a.Members), strings.Compare(a.Emoji, b.Emoji))
	})
	c.Emoji = c.Emoji[:min(len(c.Emoji), MaxCountedEmoji)]
}

// Mark is what readers keep of it. Its account is nobody's: one says it for all. came is
// when a home had it, by whose clock own words can be compared with it.
func (c *Counted) Mark(chat omega.ChatID, at, came time.Time, device omega.Fingerprint) *Mark {
	return &Mark{Chat: chat, Target: c.Target, Kind: MarkCounts, Stamp: Stamp{Version: c.Version, Time: at, Device: device}, Value: c.value(came)}
}

// value is its form in a mark: u64 milliseconds when it came, and what place and stamp do
// not say.
func (c *Counted) value(came time.Time) []byte {
	p := c.encode()
	p.Target, p.Version = nil, 0
	b, err := proto.MarshalOptions{Deterministic: true}.MarshalAppend(binary.BigEndian.AppendUint64(nil, uint64(came.UnixMilli())), p)
	if err != nil { // an emoji is UTF-8
		return nil
	}
	return b
}

// Counted reads what a MarkCounts says, and when it came.
func (m *Mark) Counted() (c *Counted, came time.Time, err error) {
	const head = 8
	if len(m.Value) < head {
		return nil, came, malformed("counts of message %s", m.Target)
	}
	var p chatpb.Counted
	if err := proto.Unmarshal(m.Value[head:], &p); err != nil {
		return nil, came, malformed("counts: %v", err)
	}
	p.Target = m.Target[:]
	r := fieldReader{}
	out := r.counted(&p)
	if r.bad {
		return nil, came, malformed("counts of message %s", m.Target)
	}
	out.Version = m.Stamp.Version
	return &out, time.UnixMilli(int64(binary.BigEndian.Uint64(m.Value))).UTC(), nil
}

func (c *Counted) encode() *chatpb.Counted {
	p := &chatpb.Counted{Target: c.Target[:], Version: c.Version, Heard: uint32(c.Heard), Voters: uint32(c.Voters), MemberVoters: uint32(c.MemberVoters)}
	for _, e := range c.Emoji {
		p.Emoji, p.Times, p.MemberTimes = append(p.Emoji, e.Emoji), append(p.Times, uint32(e.Times)), append(p.MemberTimes, uint32(e.Members))
	}
	for _, n := range c.Votes {
		p.Votes = append(p.Votes, uint32(n))
	}
	for _, n := range c.MemberVotes {
		p.MemberVotes = append(p.MemberVotes, uint32(n))
	}
	return p
}

func (r *fieldReader) counted(p *chatpb.Counted) (c Counted) {
	if len(p.Emoji) > MaxCountedEmoji || len(p.Times) != len(p.Emoji) || len(p.MemberTimes) != len(p.Emoji) || len(p.Votes) > MaxOptions || len(p.MemberVotes) > MaxOptions {
		r.bad = true
		return c
	}
	c = Counted{Target: r.target(p.Target), Version: p.Version, Heard: r.count(p.Heard), Voters: r.count(p.Voters), MemberVoters: r.count(p.MemberVoters)}
	seen := map[string]bool{}
	for i, e := range p.Emoji {
		r.bad = r.bad || seen[e] || !ValidEmoji(e)
		seen[e] = true
		c.Emoji = append(c.Emoji, EmojiCount{e, r.count(p.Times[i]), r.count(p.MemberTimes[i])})
	}
	for _, n := range p.Votes {
		c.Votes = append(c.Votes, r.count(n))
	}
	for _, n := range p.MemberVotes {
		c.MemberVotes = append(c.MemberVotes, r.count(n))
	}
	return c
}

// count is a number of accounts, which machines of 32 bits can add up.
func (r *fieldReader) count(n uint32) int {
	r.bad = r.bad || n > math.MaxInt32/2
	return int(n)
}

func (g *GroupNews) encodeWords(p *chatpb.Group) {
	for i := range g.Words {
		p.Words = append(p.Words, g.Words[i].encode())
	}
	for i := range g.Counts {
		p.Counts = append(p.Counts, g.Counts[i].encode())
	}
	for i := range g.WordsOf {
		p.WordsOf = append(p.WordsOf, g.WordsOf[i][:])
	}
}

func (r *fieldReader) words(g *GroupNews, p *chatpb.Group) {
	for _, b := range p.Words {
		g.Words = append(g.Words, r.word(b))
	}
	for _, c := range p.Counts {
		g.Counts = append(g.Counts, r.counted(c))
		r.bad = r.bad || c.Version == 0
	}
	for _, b := range p.WordsOf {
		g.WordsOf = append(g.WordsOf, r.target(b))
	}
}
