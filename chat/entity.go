package chat

import (
	"cmp"
	"slices"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/internal/canon"
	"github.com/omega-im/omega/internal/chatpb"
)

// Limits of entities. (spec/chat.md, CHAT-22)
const (
	// MaxEntities is how many entities one text may have.
	MaxEntities = 256

	// MaxAddress is the longest address of a link in octets.
	MaxAddress = 2048

	// maxLanguage is the longest name of a programming language in octets.
	maxLanguage = 32
)

// An EntityType says what a part of a text is.
type EntityType uint32

// The types of this version. Others are left out by who does not know them.
const (
	EntityMention   EntityType = 1 // an account, by its fingerprint
	EntityHashtag   EntityType = 2
	EntityLink      EntityType = 3
	EntityCommand   EntityType = 4
	EntityBold      EntityType = 5
	EntityItalic    EntityType = 6
	EntityUnderline EntityType = 7
	EntityStrike    EntityType = 8
	EntitySpoiler   EntityType = 9 // hidden until it is touched
	EntityCode      EntityType = 10
	EntityPre       EntityType = 11 // code in lines of its own
	EntityQuote     EntityType = 12 // somebody else's words
	EntityAll       EntityType = 13 // everybody in a group
)

var entityNames = []string{
	"", "mention", "hashtag", "link", "command", "bold", "italic", "underline", "strike", "spoiler", "code", "pre", "quote", "all",
}

// String returns the type's name, which is stable.
func (t EntityType) String() string {
	if t.known() {
		return entityNames[t]
	}
	return ""
}

// ParseEntityType returns the type with a name.
func ParseEntityType(name string) (EntityType, bool) {
	i := slices.Index(entityNames, name)
	return EntityType(max(i, 0)), i > 0
}

func (t EntityType) known() bool { return t > 0 && int(t) < len(entityNames) }

// solid entities are one thing and hold no other solid one.
func (t EntityType) solid() bool {
	switch t {
	case EntityMention, EntityHashtag, EntityLink, EntityCommand, EntityCode, EntityPre, EntityAll:
		return true
	}
	return false
}

// verbatim entities hold nothing at all.
func (t EntityType) verbatim() bool { return t == EntityCode || t == EntityPre }

// An Entity says what a part of a text is. Offset and Length count UTF-16 code
// units, as browsers and the Bot API do.
type Entity struct {
	Type     EntityType
	Offset   uint32
	Length   uint32
	Account  omega.Fingerprint // of a mention: who is meant
	Address  string            // of a link: where it leads; empty: its text says it
	Language string            // of EntityPre; may be empty
}

func (e *Entity) end() uint64 { return uint64(e.Offset) + uint64(e.Length) }

// compareEntities is the order in which entities stand: what holds others comes
// before them.
func compareEntities(a, b Entity) int {
	return cmp.Or(cmp.Compare(a.Offset, b.Offset), cmp.Compare(b.Length, a.Length), cmp.Compare(a.Type.rank(), b.Type.rank()))
}

// rank orders entities of the same part: a quote holds others, and none holds it.
func (t EntityType) rank() EntityType {
	if t == EntityQuote {
		return 0
	}
	return t
}

// SortEntities puts entities into the order in which they must stand.
func SortEntities(list []Entity) { slices.SortFunc(list, compareEntities) }

// ValidEntities reports whether a text may have these entities: in order, inside
// the text and between whole characters, each inside another or apart from it.
// (spec/chat.md, CHAT-22)
func ValidEntities(text string, list []Entity) bool {
	if len(list) == 0 {
		return true
	}
	if len(list) > MaxEntities || !slices.IsSortedFunc(list, compareEntities) {
		return false
	}
	parts, ok := utf16Parts(text, list)
	if !ok {
		return false
	}
	var open []Entity // those that hold what comes
	for i, e := range list {
		for len(open) > 0 && open[len(open)-1].end() <= uint64(e.Offset) {
			open = open[:len(open)-1]
		}
		if !e.fits(parts[i]) || !nests(open, e) {
			return false
		}
		open = append(open, e)
	}
	return true
}

// nests reports whether e may stand inside the entities that are open.
func nests(open []Entity, e Entity) bool {
	if len(open) == 0 {
		return true
	}
	if open[len(open)-1].end() < e.end() || e.Type == EntityQuote {
		return false
	}
	return !slices.ContainsFunc(open, func(o Entity) bool {
		return o.Type == e.Type || o.Type.verbatim() || o.Type.solid() && e.Type.solid()
	})
}

// fits checks one entity by itself; part is the text that it covers.
func (e *Entity) fits(part string) bool {
	switch {
	case !e.Type.known() || e.Length == 0,
		(e.Type == EntityMention) == e.Account.IsZero(),
		e.Address != "" && (e.Type != EntityLink || !validAddress(e.Address) || misleading(part, e.Address)),
		e.Language != "" && (e.Type != EntityPre || !validLanguage(e.Language)):
		return false
	}
	return true
}

// schemes are where a link may lead.
var schemes = []string{"https://", "http://", "mailto:", "omega:"}

func validAddress(s string) bool {
	known := slices.ContainsFunc(schemes, func(scheme string) bool { return len(s) > len(scheme) && strings.HasPrefix(s, scheme) })
	return known && len(s) <= MaxAddress && utf8.ValidString(s) &&
		strings.IndexFunc(s, func(r rune) bool { return r <= ' ' || !canon.Plain(r) }) < 0
}

// misleading reports whether a text looks like one address and leads to another.
func misleading(text, address string) bool {
	text = strings.TrimSpace(text)
	return text != address && (strings.Contains(text, "://") || strings.HasPrefix(strings.ToLower(text), "www."))
}

func validLanguage(s string) bool {
	return len(s) <= maxLanguage && strings.IndexFunc(s, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("+#._-", r))
	}) < 0
}

// utf16Parts returns the part of the text that each entity covers; false if one
// is outside, or cuts a character in two.
func utf16Parts(text string, list []Entity) ([]string, bool) {
	at := make(map[uint64]int, 2*len(list)) // octet of a position in UTF-16
	for _, e := range list {
		at[uint64(e.Offset)], at[e.end()] = -1, -1
	}
	position := uint64(0)
	for i, r := range text {
		if _, wanted := at[position]; wanted {
			at[position] = i
		}
		position += uint64(utf16.RuneLen(r))
	}
	if _, wanted := at[position]; wanted {
		at[position] = len(text)
	}
	parts := make([]string, len(list))
	for i, e := range list {
		from, to := at[uint64(e.Offset)], at[e.end()]
		if from < 0 || to < 0 {
			return nil, false
		}
		parts[i] = text[from:to]
	}
	return parts, true
}

// UTF16Len is the length of a text in UTF-16 code units.
func UTF16Len(text string) (n int) {
	for _, r := range text {
		n += utf16.RuneLen(r)
	}
	return n
}

func encodeEntities(list []Entity) (out []*chatpb.Entity) {
	for _, e := range list {
		out = append(out, &chatpb.Entity{
			Type: uint32(e.Type), Offset: e.Offset, Length: e.Length, Account: wireOrNil(e.Account), Address: e.Address, Language: e.Language,
		})
	}
	return out
}

// readEntities returns the entities of a text that came. Types of later versions
// are left out; what is wrong takes all of them away, and the text is shown
// plainly: it is signed, and nobody is helped if it is not shown.
func readEntities(text string, list []*chatpb.Entity) []Entity {
	if len(list) == 0 || len(list) > MaxEntities {
		return nil
	}
	var out []Entity
	r := fieldReader{}
	for _, p := range list {
		if t := EntityType(p.Type); t.known() {
			out = append(out, Entity{t, p.Offset, p.Length, r.fingerprint(p.Account), p.Address, p.Language})
		}
	}
	if r.bad || !ValidEntities(text, out) {
		return nil
	}
	return out
}
