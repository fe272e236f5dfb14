package chat

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/internal/canon"
	"github.com/omega-im/omega/internal/chatpb"
	"github.com/omega-im/omega/media"
)

// KindMedia is a message with media; its text is their caption.
const KindMedia Kind = "media"

// Limits of media in a message. (spec/media.md, MEDIA-10)
const (
	MaxItems    = 10
	MaxFileName = 255      // octets
	MaxThumb    = 64 << 10 // octets of a picture that stands for another blob
	MaxWaveform = 256      // octets
)

// What an item is.
const (
	Photo   = "photo"
	Video   = "video"
	Voice   = "voice"
	File    = "file"
	Sticker = "sticker"
)

// A MediaItem is one blob of a message.
type MediaItem struct {
	What          string
	Ref           media.Ref
	Type          string // media type
	FileName      string // "" if it has none
	Width, Height uint32 // pixels, after turning; 0 if unsaid
	Duration      time.Duration
	Servers       []omega.Fingerprint // that have it
	Emoji         string              // of a sticker
	Thumb         media.Ref           // a picture that stands for it; zero if there is none

	// In a secure chat, what opens the blobs that Ref and Thumb name; nil elsewhere.
	Seal, ThumbSeal *media.Seal

	Waveform []byte // of a voice note: how loud it is from begin to end; nil if unsaid
}

// Sealed reports whether all media of a content are sealed.
func (c *Content) Sealed() bool {
	return len(c.Media) > 0 && c.Media[0].Seal != nil // check has them all alike
}

// NewMedia returns the content of a message with media. Unsigned has the
// signature leave them out. (spec/media.md, MEDIA-11)
func NewMedia(caption string, items []MediaItem, unsigned bool) *Content {
	c := &Content{Kind: KindMedia, Text: caption, Media: items, Unsigned: unsigned}
	if !unsigned && !c.Sealed() { // a secure chat's signature covers all there is
		c.Lines = mediaLines(items)
	}
	return c
}

// mediaLine is how the additional lines of signed media begin.
const mediaLine = "Media: "

func mediaLines(items []MediaItem) (lines []string) {
	for i := range items {
		it := &items[i]
		lines = append(lines, mediaLine+it.Ref.Name.String()+" "+strconv.FormatInt(it.Ref.Size, 10)+" "+it.What)
	}
	return lines
}

// mediaFit reports whether the lines of a transcript of normal chat say what the
// items are. Nothing there is sealed.
func (c *Content) mediaFit() bool {
	if c.Kind != KindMedia {
		return true
	}
	if c.Sealed() {
		return false
	}
	var want []string
	if !c.Unsigned {
		want = mediaLines(c.Media)
	}
	var got []string
	for _, line := range c.Lines {
		if strings.HasPrefix(line, mediaLine) {
			got = append(got, line)
		}
	}
	return slices.Equal(got, want)
}

// checkMedia holds items to the limits.
func (c *Content) checkMedia() error {
	if c.Kind.Known() && (len(c.Media) > 0) != (c.Kind == KindMedia) {
		return malformed("%d media in a message of kind %s", len(c.Media), c.Kind)
	}
	if len(c.Media) > MaxItems {
		return fmt.Errorf("%w: %d media, at most %d", ErrTooLarge, len(c.Media), MaxItems)
	}
	for i := range c.Media {
		if err := c.Media[i].check(); err != nil {
			return err
		}
		if sealed := c.Media[i].Seal != nil; sealed != (c.Media[0].Seal != nil) || sealed && c.Unsigned {
			return malformed("some media are sealed, or are and are not signed")
		}
	}
	return nil
}

func (m *MediaItem) check() error {
	switch {
	case !slices.Contains([]string{Photo, Video, Voice, File, Sticker}, m.What):
		return malformed("medium: it is %.20q", m.What)
	case m.Ref.Check() != nil:
		return malformed("medium of %d octets", m.Ref.Size)
	case !m.validThumb():
		return malformed("medium: a picture of %d octets stands for it", m.Thumb.Size)
	case m.Seal != nil && m.Seal.Check(m.Ref) != nil:
		return malformed("medium of %d octets: what opens it", m.Ref.Size)
	case len(m.Waveform) > MaxWaveform || len(m.Waveform) > 0 && m.What != Voice:
		return malformed("medium: a waveform of %d octets", len(m.Waveform))
	case !validType(m.Type):
		return malformed("medium of type %.128q", m.Type)
	case !validFileName(m.FileName) || len(m.Emoji) > 64 || !plainText(m.Emoji):
		return malformed("medium called %.64q", m.FileName)
	case len(m.Servers) > omega.MaxHomes:
		return malformed("medium on %d servers", len(m.Servers))
	case m.Duration < 0 || m.Duration.Milliseconds() > 1<<32-1:
		return malformed("medium that lasts %v", m.Duration)
	}
	return nil
}

// validThumb reports whether a picture may stand for the item: sealed if and only if
// the item is.
func (m *MediaItem) validThumb() bool {
	switch {
	case m.Thumb == (media.Ref{}):
		return m.ThumbSeal == nil
	case m.Thumb.Check() != nil || (m.Seal != nil) != (m.ThumbSeal != nil):
		return false
	case m.ThumbSeal != nil:
		return m.ThumbSeal.Check(m.Thumb) == nil && m.ThumbSeal.Size <= MaxThumb
	}
	return m.Thumb.Size <= MaxThumb
}

func plainText(s string) bool {
	return utf8.ValidString(s) && strings.IndexFunc(s, func(r rune) bool { return !canon.Plain(r) }) < 0
}

// validFileName reports whether a name is one of a file, and no path.
func validFileName(s string) bool {
	return len(s) <= MaxFileName && plainText(s) && !strings.ContainsAny(s, `/\`) && s != "." && s != ".."
}

// CleanFileName is a name that may travel, made of one that people use.
func CleanFileName(s string) string {
	s = strings.Map(func(r rune) rune {
		if r == '/' || r == '\\' || r == utf8.RuneError || !canon.Plain(r) {
			return '_'
		}
		return r
	}, s)
	for len(s) > MaxFileName { // the end tells what it is
		_, n := utf8.DecodeRuneInString(s)
		s = s[n:]
	}
	if !validFileName(s) {
		return "_"
	}
	return s
}

func validType(s string) bool {
	kind, sub, ok := strings.Cut(s, "/")
	return ok && len(s) <= 127 && validToken(kind) && validToken(sub)
}

func validToken(s string) bool {
	for _, c := range []byte(s) {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !letter && !strings.ContainsRune("!#$&-^_.+", rune(c)) {
			return false
		}
	}
	return s != ""
}

func encodeMedia(items []MediaItem) (out []*chatpb.MediaItem) {
	for i := range items {
		m := &items[i]
		p := &chatpb.MediaItem{
			What: m.What, Name: m.Ref.Name[:], Size: uint64(m.Ref.Size), Type: m.Type, FileName: m.FileName,
			Width: m.Width, Height: m.Height, Duration: uint32(m.Duration.Milliseconds()), Emoji: m.Emoji,
		}
		if !m.Ref.Root.IsZero() {
			p.Root = m.Ref.Root[:]
		}
		p.Seal, p.ThumbSeal, p.Waveform = encodeSeal(m.Seal), encodeSeal(m.ThumbSeal), m.Waveform
		if m.Thumb.Size > 0 {
			p.ThumbName, p.ThumbSize = m.Thumb.Name[:], uint32(m.Thumb.Size)
		}
		for _, s := range m.Servers {
			p.Servers = append(p.Servers, s.Wire())
		}
		out = append(out, p)
	}
	return out
}

func (r *fieldReader) media(list []*chatpb.MediaItem) (out []MediaItem) {
	if len(list) > MaxItems {
		r.bad = true
		return nil
	}
	for _, p := range list {
		m := MediaItem{
			What: p.What, Type: p.Type, FileName: p.FileName, Width: p.Width, Height: p.Height,
			Duration: time.Duration(p.Duration) * time.Millisecond, Emoji: p.Emoji, Waveform: p.Waveform,
			Seal: r.seal(p.Seal), ThumbSeal: r.seal(p.ThumbSeal),
		}
		m.Ref.Size, m.Thumb.Size = int64(min(p.Size, media.MaxSize+1)), int64(p.ThumbSize)
		r.fixed(m.Ref.Name[:], p.Name)
		r.fixed(m.Ref.Root[:], p.Root)
		r.fixed(m.Thumb.Name[:], p.ThumbName)
		if len(p.Servers) > omega.MaxHomes {
			r.bad = true
			return nil
		}
		for _, s := range p.Servers {
			m.Servers = append(m.Servers, r.fingerprint(s))
		}
		out = append(out, m)
	}
	return out
}

func encodeSeal(s *media.Seal) *chatpb.Seal {
	if s == nil {
		return nil
	}
	return &chatpb.Seal{Key: s.Key[:], Size: uint64(s.Size), Hash: s.Hash[:]}
}

func (r *fieldReader) seal(p *chatpb.Seal) *media.Seal {
	if p == nil {
		return nil
	}
	s := &media.Seal{Size: int64(min(p.Size, media.MaxSealed+1))}
	r.fixed(s.Key[:], p.Key)
	r.fixed(s.Hash[:], p.Hash)
	return s
}
