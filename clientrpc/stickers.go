package clientrpc

import (
	"time"

	"github.com/omega-im/omega"
)

// The methods about stickers.
var (
	StickerPacks = Method[Page, StickerPacksResult]{"stickers"}
	ShowStickers = Method[PackRef, *StickerPack]{"stickers.show"}
	ImportPack   = Method[ImportPackParams, *ImportPackResult]{"stickers.import"}
	AddPack      = Method[AddPackParams, *StickerPack]{"stickers.add"}
	RenamePack   = Method[RenamePackParams, StickerPacksResult]{"stickers.rename"}
	RemovePack   = Method[PackRef, StickerPacksResult]{"stickers.remove"}
	LinkPack     = Method[PackRef, LinkPackResult]{"stickers.link"}
	SendPack     = Method[SendPackParams, *SendFileResult]{"stickers.share"}
	SendSticker  = Method[SendStickerParams, *SendFileResult]{"stickers.send"}
	ReadSticker  = Method[ReadStickerParams, *ReadFileResult]{"stickers.read"}
)

// A PackRef names a sticker pack of this account.
type PackRef struct {
	Pack string `json:"pack"` // its title, or the first digits, six at least, of its name
}

// A StickerPack is one of this account.
type StickerPack struct {
	Pack     string    `json:"pack"`               // SHA-256 of what says what is in it, 64 hexadecimal digits
	Title    string    `json:"title"`              // as its owner here calls it
	Author   string    `json:"author,omitempty"`   // on the word of who made the pack
	Stickers []Sticker `json:"stickers,omitempty"` // not in lists
}

// A Sticker is one of a pack.
type Sticker struct {
	Number int    `json:"number"` // from 1
	Emoji  string `json:"emoji,omitempty"`
	Type   string `json:"type"` // media type: image/png, image/webp, video/webm, application/x-tgsticker
	Blob   string `json:"blob"`
	Size   int64  `json:"size"`
	Width  uint32 `json:"width"`
	Height uint32 `json:"height"`
}

// StickerPacksResult are packs, by title.
type StickerPacksResult struct {
	Packs []StickerPack `json:"packs"`
	Rest
}

// ImportPackParams makes a pack of files that a person has: .png, .webp, .tgs, .webm,
// or one zip package of them or of LINE.
type ImportPackParams struct {
	Paths   []string      `json:"paths"`  // absolute
	Title   string        `json:"title"`  // empty: as the package or the first file is called
	Author  string        `json:"author"` // empty: as the package says
	Emoji   []string      `json:"emoji"`  // of the stickers, in order; fewer: the others have those that their names begin with, or none
	Timeout time.Duration `json:"timeout"`
}

// ImportPackResult is the pack.
type ImportPackResult struct {
	StickerPack
	Skipped int `json:"skipped"` // files that are no stickers that can be shown
}

// AddPackParams adds a pack that somebody made: all of it is fetched and checked.
type AddPackParams struct {
	Link    string        `json:"link"`    // of LinkPack; or empty:
	Message omega.ID      `json:"message"` // the message that it came in
	Timeout time.Duration `json:"timeout"`
}

// RenamePackParams calls a pack something else, for this account only.
type RenamePackParams struct {
	PackRef
	Title string `json:"title"`
}

// LinkPackResult is a text by which others can add a pack.
type LinkPackResult struct {
	Link string `json:"link"`
}

// SendPackParams shares a pack with a chat.
type SendPackParams struct {
	ID      omega.ID      `json:"id"` // as in SendParams
	To      string        `json:"to"` // the same
	Pack    string        `json:"pack"`
	Wait    string        `json:"wait"`
	Timeout time.Duration `json:"timeout"`
}

// SendStickerParams sends a sticker of a pack.
type SendStickerParams struct {
	ID      omega.ID      `json:"id"` // as in SendParams
	To      string        `json:"to"` // the same
	Secure  bool          `json:"secure"`
	Expire  time.Duration `json:"expire"`
	Pack    string        `json:"pack"`   // as in PackRef
	Number  int           `json:"number"` // from 1; or 0:
	Emoji   string        `json:"emoji"`  // the first one with this
	Wait    string        `json:"wait"`
	Timeout time.Duration `json:"timeout"`
}

// ReadStickerParams reads a part of a sticker of a pack, as ReadFileParams of a file.
type ReadStickerParams struct {
	PackRef
	Number  int           `json:"number"` // from 1
	Offset  int64         `json:"offset"`
	Length  int           `json:"length"` // at most MaxRead
	Timeout time.Duration `json:"timeout"`
}
