package chat

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"google.golang.org/protobuf/proto"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/internal/chatpb"
	"github.com/omega-im/omega/media"
)

// Limits of sticker packs. (spec/media.md, MEDIA-21)
const (
	MaxPack         = 64 << 10 // octets of the blob that says what is in one
	MaxPackStickers = 120
	MaxSticker      = 1<<20 - 1 // octets of one: it has no root
)

// TypePack is the media type of a pack in a message.
const TypePack = "application/x-omega-stickers"

// stickerTypes are the media types that stickers of packs have.
var stickerTypes = map[string]bool{"image/png": true, "image/webp": true, "video/webm": true, "application/x-tgsticker": true}

// A Pack is what the blob of a sticker pack says.
type Pack struct {
	Title    string // a name (CHAT-3)
	Author   string // the same; "" if unsaid
	Stickers []MediaItem
}

// Encode returns the blob.
func (p *Pack) Encode() ([]byte, error) {
	if err := p.check(); err != nil {
		return nil, err
	}
	raw, err := proto.MarshalOptions{Deterministic: true}.Marshal(&chatpb.StickerPack{Title: p.Title, Author: p.Author, Stickers: encodeMedia(p.Stickers)})
	if err == nil && len(raw) > MaxPack {
		err = fmt.Errorf("%w: a pack of %d octets", ErrTooLarge, len(raw))
	}
	return raw, err
}

// DecodePack reads a blob.
func DecodePack(raw []byte) (*Pack, error) {
	if len(raw) > MaxPack {
		return nil, fmt.Errorf("%w: a pack of %d octets", ErrTooLarge, len(raw))
	}
	var in chatpb.StickerPack
	if err := proto.Unmarshal(raw, &in); err != nil {
		return nil, malformed("sticker pack: %v", err)
	}
	if len(in.Stickers) > MaxPackStickers {
		return nil, malformed("sticker pack of %d", len(in.Stickers))
	}
	p := &Pack{Title: in.Title, Author: in.Author}
	r := fieldReader{}
	for _, s := range in.Stickers {
		p.Stickers = append(p.Stickers, r.media([]*chatpb.MediaItem{s})...)
	}
	if r.bad {
		return nil, malformed("sticker pack")
	}
	return p, p.check()
}

func (p *Pack) check() error {
	if p.Title == "" || p.Title != SanitizeName(p.Title) || p.Author != SanitizeName(p.Author) || len(p.Stickers) == 0 || len(p.Stickers) > MaxPackStickers {
		return malformed("sticker pack %.64q of %d", p.Title, len(p.Stickers))
	}
	for i := range p.Stickers {
		s := &p.Stickers[i]
		if err := s.check(); err != nil {
			return err
		}
		if s.What != Sticker || !stickerTypes[s.Type] || s.Ref.Size > MaxSticker || s.Thumb.Size > 0 || s.Seal != nil || len(s.Servers) > 0 || s.FileName != "" {
			return malformed("sticker %d of a pack", i+1)
		}
	}
	return nil
}

// A PackRef says where a pack is.
type PackRef struct {
	Ref     media.Ref           // of its blob
	Servers []omega.Fingerprint // that have it, and its stickers
}

func (r *PackRef) check() error {
	if r.Ref.Check() != nil || r.Ref.Size > MaxPack || len(r.Servers) == 0 || len(r.Servers) > omega.MaxHomes {
		return malformed("sticker pack of %d octets at %d servers", r.Ref.Size, len(r.Servers))
	}
	return nil
}

// appendTo writes u32 size | u8 n | n × fp.
func (r *PackRef) appendTo(b []byte) []byte {
	b = binary.BigEndian.AppendUint32(b, uint32(r.Ref.Size))
	b = append(b, byte(len(r.Servers)))
	for _, s := range r.Servers {
		b = s.AppendTo(b)
	}
	return b
}

func (r *PackRef) read(b []byte) (rest []byte, err error) {
	if len(b) < 5 {
		return nil, malformed("sticker pack: cut off")
	}
	r.Ref.Size = int64(binary.BigEndian.Uint32(b))
	n, b := int(b[4]), b[5:]
	if n > omega.MaxHomes {
		return nil, malformed("sticker pack at %d servers", n)
	}
	for range n {
		s, size, err := omega.DecodeFingerprint(b)
		if err != nil {
			return nil, malformed("sticker pack: %v", err)
		}
		r.Servers, b = append(r.Servers, s), b[size:]
	}
	return b, r.check()
}

// PackSetting is what the devices of an account keep of a pack: where it is, and what
// its owner calls it. (spec/chat.md, CHAT-60)
func PackSetting(r *PackRef, title string) Setting {
	return Setting{Name: SettingStickers, Subject: r.Ref.Name[:], Value: append(r.appendTo(nil), title...)}
}

// PackOf reads a setting that PackSetting made.
func (s *Setting) PackOf() (r PackRef, title string, err error) {
	if len(s.Subject) != len(r.Ref.Name) {
		return r, "", malformed("sticker pack: a subject of %d octets", len(s.Subject))
	}
	copy(r.Ref.Name[:], s.Subject)
	rest, err := r.read(s.Value)
	if title = string(rest); err == nil && (title == "" || title != SanitizeName(title)) {
		err = malformed("sticker pack called %.64q", title)
	}
	return r, title, err
}

// packPrefix starts a link to a pack.
const packPrefix = "omega:stickers/"

// maxPackLink is more than the longest link in characters.
const maxPackLink = 512

// ErrPackLink is wrapped by what ParsePackLink returns.
var ErrPackLink = errors.New("no link to a sticker pack")

// Link is the text by which others find the pack (spec/media.md, MEDIA-23). Before
// base64url: u8 version (1) | 32 name | u32 size | u8 n | n × fp | 4 checksum.
func (r *PackRef) Link() string {
	b := r.appendTo(append([]byte{1}, r.Ref.Name[:]...))
	sum := sha256.Sum256(b)
	return packPrefix + base64.RawURLEncoding.EncodeToString(append(b, sum[:4]...))
}

// ParsePackLink reads a link; white space that copying brought in is ignored.
func ParsePackLink(s string) (r PackRef, err error) {
	if len(s) > maxPackLink {
		return r, fmt.Errorf("%w: %d characters", ErrPackLink, len(s))
	}
	s, ok := strings.CutPrefix(strings.Join(strings.Fields(s), ""), packPrefix)
	if !ok {
		return r, fmt.Errorf("%w: it does not begin with %s", ErrPackLink, packPrefix)
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	if err != nil || len(b) < 1+32+4 || b[0] != 1 {
		return r, ErrPackLink
	}
	end := len(b) - 4
	if sum := sha256.Sum256(b[:end]); string(sum[:4]) != string(b[end:]) {
		return r, fmt.Errorf("%w: a character is missing or wrong", ErrPackLink)
	}
	copy(r.Ref.Name[:], b[1:])
	switch rest, err := r.read(b[33:end]); {
	case err != nil:
		return r, fmt.Errorf("%w: %w", ErrPackLink, err)
	case len(rest) > 0:
		return r, fmt.Errorf("%w: %d octets more", ErrPackLink, len(rest))
	}
	return r, nil
}
