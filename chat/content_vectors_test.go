package chat

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/omega-im/omega/media"
)

// A contentVector is one line of chat-contents.json: encoded contents, what they
// say, and what they come to (CHAT-22 to CHAT-30).
type contentVector struct {
	Note     string    `json:"note"`
	Raw      string    `json:"raw"`
	Verdict  string    `json:"verdict"` // taken, or refused
	Kind     Kind      `json:"kind,omitempty"`
	Text     string    `json:"text,omitempty"`
	Hash     string    `json:"content_hash,omitempty"`
	Entities []Entity  `json:"entities,omitempty"`
	Reply    *Reply    `json:"reply,omitempty"`
	Forward  *Forward  `json:"forward,omitempty"`
	Lines    []string  `json:"lines,omitempty"`
	Settings []Setting `json:"settings,omitempty"`

	Certifications []Certification `json:"certifications,omitempty"`
	Succession     *Succession     `json:"succession,omitempty"`

	Marks []markVector `json:"marks,omitempty"`

	Lifetime int64    `json:"lifetime_s,omitempty"`
	Words    []string `json:"words,omitempty"`  // of subscribers: what, version, milliseconds, message, account, value
	Counts   []string `json:"counts,omitempty"` // what they come to
	Media    []string `json:"media,omitempty"`  // what each is, its name and size, and those of what is sealed in it
}

type markVector struct {
	Target  string   `json:"target"`
	Kind    MarkKind `json:"kind"`
	Version uint32   `json:"version"`
	Value   string   `json:"value"`
}

// contents are what the vectors hold: honest ones, and what a reader makes of the
// rest.
func contents(t *testing.T) (notes []string, raws [][]byte) {
	add := func(note string, raw []byte) { notes, raws = append(notes, note), append(raws, raw) }
	encoded := func(note string, c *Content) {
		raw, err := c.Raw()
		must(t, err)
		add(note, raw)
	}
	l := Link{1, 2, 3}
	bold := []Entity{{Type: EntityBold, Offset: 2, Length: 2}}
	encoded("entities after a character of two units", &Content{Kind: KindText, Text: "🐦粗體", Entities: bold})
	text, entities := ParseMarkup("> @[小明](" + testAccount(t, 7).String() + ") **[站](https://x.tw)**\n```go\nx\n```")
	encoded("all kinds of fields", &Content{Kind: KindText, Text: text, Entities: entities})
	encoded("reply with a quote", &Content{Kind: KindText, Text: "x", Reply: &Reply{l, "🐦b", 2}})
	encoded("forward", &Content{Kind: KindText, Text: "x", Forward: &Forward{testAccount(t, 7), "小明", testTime}})
	encoded("forward that says nothing", &Content{Kind: KindText, Text: "x", Forward: &Forward{}})
	encoded("edit", &Content{Kind: KindEdit, Text: "🐦粗體", Entities: bold, Edit: &Edit{l, 3}})
	encoded("delete two", &Content{Kind: KindDelete, Delete: &Delete{[]Link{l, {4}}}})
	encoded("react", &Content{Kind: KindReaction, Reaction: &Reaction{l, 1, []string{"❤️", "推"}}})
	encoded("react no more", &Content{Kind: KindReaction, Reaction: &Reaction{l, 2, nil}})
	encoded("pin", &Content{Kind: KindPin, Pin: &Pin{l, 1, true}})
	encoded("take down", &Content{Kind: KindPin, Pin: &Pin{l, 2, false}})
	encoded("poll", &Content{Kind: KindPoll, Text: "吃什麼？", Lines: PollLines([]string{"飯", "麵"}), Poll: &Poll{Multiple: true}})
	encoded("vote", &Content{Kind: KindVote, Vote: &Vote{l, 1, []uint32{0, 1}}})
	encoded("line of a list", &Content{Kind: KindEntry, Text: "王小明 2 盒", Entry: &Entry{l, NewSlot(testTime, [2]byte{1, 2}), 1}})
	encoded("close", &Content{Kind: KindClose, Close: &Close{l}})
	encoded("silent", &Content{Kind: KindText, Text: "x", Silent: true})
	draft := Setting{SettingDraft, make([]byte, 16), []byte("草稿"), Stamp{3, testTime, testAccount(t, 9)}}
	encoded("settings", &Content{Kind: KindState, State: []Setting{draft}})
	who := testAccount(t, 7).Wire()
	stamp := Stamp{1, testTime, testAccount(t, 9)}
	encoded("what is thought of an account", &Content{Kind: KindState, State: []Setting{
		{SettingContact, who, []byte{Contact}, stamp}, {SettingPetname, who, []byte("阿明"), stamp}, {SettingBlocked, who, []byte{1}, stamp},
		{SettingVerified, who, append(testAccount(t, 1).Wire(), testAccount(t, 3).Wire()...), stamp},
	}})
	encoded("a certification", &Content{Kind: KindCertification, Certifications: []Certification{{testAccount(t, 7), []byte("packet")}}})
	encoded("a succession", &Content{Kind: KindSuccession, Succession: &Succession{testAccount(t, 7), testAccount(t, 9), []byte("statement"), []byte("answer")}})
	said := Word{MarkReaction, 2, testTime, l, testAccount(t, 7), []byte("👍 ❤️")}
	voted := Word{MarkVote, 1, testTime, l, testAccount(t, 7), []byte{0, 3}}
	encoded("what subscribers say", &Content{Kind: KindGroup, Group: &GroupNews{ID: Hash{1}, Words: []Word{said, voted}}})
	encoded("what it comes to", &Content{Kind: KindGroup, Group: &GroupNews{ID: Hash{1}, Counts: []Counted{
		{Target: l, Version: 7, Heard: 9, Emoji: []EmojiCount{{"👍", 5, 0}, {"噓", 1, 2}}, Voters: 3, Votes: []int{0, 3}, MemberVoters: 1, MemberVotes: []int{1, 0}},
	}}})
	encoded("what they say is asked for", &Content{Kind: KindGroup, Group: &GroupNews{ID: Hash{1}, WordsOf: []Link{l}}})
	said.Value = []byte("buy")
	encoded("text for an emoji", &Content{Kind: KindGroup, Group: &GroupNews{ID: Hash{1}, Words: []Word{said}}})
	add("a certification of nothing", []byte("\x12\x0dcertification"))
	add("an entity that cuts a character: none is taken", []byte("\x0a\x04\xf0\x9f\x90\xa6\x42\x04\x08\x05\x18\x01"))
	add("an entity of a later version is left out", []byte("\x0a\x02ab\x42\x04\x08\x05\x18\x01\x42\x04\x08\x63\x18\x09"))
	add("a reply to half a link is none", []byte("\x0a\x01x\x4a\x03\x0a\x01\x01"))
	add("an edit of nothing", []byte("\x0a\x01x\x12\x04edit"))
	add("an edit without a version", append([]byte("\x0a\x01x\x12\x04edit\x52\x12\x0a\x10"), l[:]...))
	add("words for a reaction", append(append([]byte("\x12\x08reaction\x62\x18\x0a\x10"), l[:]...), "\x10\x01\x1a\x02hi"...))
	for _, c := range mediaContents(t) {
		encoded(c.note, c.content)
	}
	sealed, err := NewMedia("", sealedMedia(), false).Raw()
	must(t, err)
	add("sealed with no key", bytes.Replace(sealed, append([]byte{0x0a, 32}, append([]byte{5}, make([]byte, 31)...)...), append([]byte{0x0a, 32}, make([]byte, 32)...), 1))
	add("sealed, with a size that the blob has not", bytes.Replace(sealed, []byte("\x10\xe8\x07"), []byte("\x10\xe8\x70"), 1))
	add("sealed, and not signed", unsignedFields(sealed))
	add("a lifetime of a poll is none", []byte("\x0a\x01x\x12\x03vote\xb0\x01\x05"))
	return notes, raws
}

type notedContent struct {
	note    string
	content *Content
}

func mediaContents(t *testing.T) []notedContent {
	lives := func(c *Content) *Content { c.Lifetime = 90 * time.Second; return c }
	return []notedContent{
		{"media", NewMedia("caption", someMedia(), false)},
		{"a caption that calls somebody", captioned("給 @小明", Entity{Type: EntityMention, Offset: 2, Length: 3, Account: testAccount(t, 7)})},
		{"media that are not signed", NewMedia("", someMedia(), true)},
		{"sealed media", NewMedia("密", sealedMedia(), false)},
		{"a text that lives for 90 seconds", lives(NewText("x"))},
		{"media that live for 90 seconds", lives(NewMedia("", someMedia(), false))},
		{"sealed media that live for 90 seconds", lives(NewMedia("", sealedMedia(), false))},
		{"a voice note", NewMedia("", []MediaItem{{What: Voice, Ref: media.Ref{Name: media.Hash{1}, Size: 9}, Type: "audio/ogg", Duration: time.Second, Waveform: []byte{0, 127, 255}}}, false)},
	}
}

func sealedMedia() []MediaItem {
	return []MediaItem{{
		What: Photo, Ref: media.Ref{Name: media.Hash{1}, Size: media.SealedSize(1000)}, Type: "image/jpeg", FileName: "山.jpg", Width: 640, Height: 480,
		Thumb:     media.Ref{Name: media.Hash{2}, Size: media.SealedSize(500)},
		Seal:      &media.Seal{Key: [32]byte{5}, Size: 1000, Hash: media.Hash{6}},
		ThumbSeal: &media.Seal{Key: [32]byte{7}, Size: 500, Hash: media.Hash{8}},
	}}
}

// unsignedFields has the media of a content stand in the field that is not signed.
func unsignedFields(raw []byte) []byte {
	var out []byte
	for len(raw) > 0 {
		num, typ, n := protowire.ConsumeField(raw)
		if num == 13 {
			_, _, tag := protowire.ConsumeTag(raw)
			out = protowire.AppendTag(out, fieldUnsigned, typ)
			out = append(out, raw[tag:n]...)
		} else {
			out = append(out, raw[:n]...)
		}
		raw = raw[n:]
	}
	return out
}

func TestContentVectors(t *testing.T) {
	var v []contentVector
	notes, raws := contents(t)
	for i, raw := range raws {
		v = append(v, describeContent(t, notes[i], raw))
	}
	compareVectors(t, "chat-contents.json", v)
}

func describeContent(t *testing.T, note string, raw []byte) contentVector {
	t.Helper()
	out := contentVector{Note: note, Raw: hex.EncodeToString(raw), Verdict: "refused"}
	c, err := DecodeContent(raw)
	if err != nil {
		return out
	}
	out.Verdict, out.Kind, out.Text, out.Entities, out.Reply, out.Forward = "taken", c.Kind, c.Text, c.Entities, c.Reply, c.Forward
	out.Lines, out.Settings, out.Certifications, out.Succession = c.Lines, c.State, c.Certifications, c.Succession
	if c.hash != (Hash{}) {
		out.Hash = c.hash.String()
	}
	out.Lifetime = int64(c.Lifetime / time.Second)
	if c.Group != nil {
		for _, w := range c.Group.Words {
			out.Words = append(out.Words, fmt.Sprintf("%d %d %d %s %s %x", w.Kind, w.Version, w.Time.UnixMilli(), w.Target, w.Account, w.Value))
		}
		for _, n := range c.Group.Counts {
			out.Counts = append(out.Counts, fmt.Sprintf("%s version %d of %d: %v, %d %v and %d %v", n.Target, n.Version, n.Heard, n.Emoji, n.Voters, n.Votes, n.MemberVoters, n.MemberVotes))
		}
	}
	for _, m := range c.Media {
		line := fmt.Sprintf("%s %s %d", m.What, m.Ref.Name, m.Ref.Size)
		if m.Seal != nil {
			line += fmt.Sprintf(" %s %d", m.Seal.Hash, m.Seal.Size)
		}
		out.Media = append(out.Media, line)
	}
	marks, err := (&Message{Content: c, Time: time.UnixMilli(0)}).Marks()
	must(t, err)
	for _, m := range marks {
		out.Marks = append(out.Marks, markVector{m.Target.String(), m.Kind, m.Stamp.Version, hex.EncodeToString(m.Value)})
	}
	return out
}

// captioned is media whose caption has entities.
func captioned(text string, entities ...Entity) *Content {
	c := NewMedia(text, someMedia(), false)
	c.Entities = entities
	return c
}
