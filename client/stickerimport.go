package client

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
	"github.com/omega-im/omega/chat/sticker"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/history"
	"github.com/omega-im/omega/internal/i18n"
	"github.com/omega-im/omega/media"
)

// maxPacks is how many packs an account has.
const maxPacks = 200

// importPack makes a pack of files that a person has.
func (c *Client) importPack(ctx context.Context, r clientrpc.ImportPackParams) (*clientrpc.ImportPackResult, error) {
	doing := i18n.T("doing.stickers")
	ctx, cancel := context.WithTimeout(ctx, max(r.Timeout, time.Millisecond))
	defer cancel()
	if len(r.Paths) == 0 || len(r.Paths) > sticker.MaxCount || len(r.Emoji) > sticker.MaxCount {
		return nil, fail(clientrpc.CodeUsage, doing, i18n.T("why.stickerfiles", sticker.MaxCount), i18n.T("next.help"), nil)
	}
	files, err := readStickers(doing, r.Paths)
	if err != nil {
		return nil, err
	}
	p := &chat.Pack{Title: chat.SanitizeName(r.Title), Author: chat.SanitizeName(r.Author)}
	if r.Title == "" {
		p.Title = chat.SanitizeName(files.Title)
	}
	if p.Title == "" {
		name := filepath.Base(r.Paths[0])
		p.Title = chat.SanitizeName(strings.TrimSuffix(name, filepath.Ext(name)))
	}
	if p.Author == "" {
		p.Author = chat.SanitizeName(files.Author)
	}
	for i, f := range files.Files {
		item := chat.MediaItem{What: chat.Sticker, Type: f.Type, Width: uint32(f.Width), Height: uint32(f.Height), Emoji: emojiOf(f.Name)}
		if i < len(r.Emoji) && r.Emoji[i] != "" {
			item.Emoji = r.Emoji[i]
		}
		if item.Ref, err = c.keepBlob(ctx, bytes.NewReader(f.Octets), chat.MaxSticker); err != nil {
			return nil, err
		}
		p.Stickers = append(p.Stickers, item)
	}
	raw, err := p.Encode()
	if err != nil {
		return nil, fail(clientrpc.CodeUsage, doing, i18n.T("why.params"), i18n.T("next.help"), err)
	}
	ref, err := c.keepBlob(ctx, bytes.NewReader(raw), chat.MaxPack)
	if err != nil {
		return nil, err
	}
	added, err := c.putPack(ctx, doing, ref, raw, p)
	if err != nil {
		return nil, err
	}
	return &clientrpc.ImportPackResult{StickerPack: *added.show(), Skipped: files.Skipped}, nil
}

// readStickers reads sticker files, or one archive of them.
func readStickers(doing i18n.Text, paths []string) (*sticker.Archive, error) {
	out := &sticker.Archive{}
	for _, path := range paths {
		b, err := readAtMost(path, sticker.MaxZip)
		if err != nil {
			return nil, chosenError(doing, path, err)
		}
		if sticker.IsZip(b) && len(paths) == 1 {
			if out, err = sticker.ReadZip(b); err == nil {
				return out, nil
			}
		} else {
			var f sticker.File
			f, err = sticker.Check(filepath.Base(path), b)
			out.Files = append(out.Files, f)
		}
		if err != nil {
			return nil, fail(clientrpc.CodeUsage, doing, i18n.T("why.stickerfile", path), i18n.T("next.stickerfile", sticker.MaxCount, sticker.MaxFile>>10), err)
		}
	}
	return out, nil
}

// readAtMost reads a regular file of at most so many octets, and one more of a larger
// one.
func readAtMost(path string, most int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, most+1))
}

// emojiOf is the emoji that the name of a file has first, behind digits; "" for none.
func emojiOf(name string) string {
	name = strings.TrimLeft(strings.TrimSuffix(name, filepath.Ext(name)), "0123456789 _-.")
	for end := min(len(name), 64); end > 0; end-- {
		if chat.ValidEmoji(name[:end]) {
			return name[:end]
		}
	}
	return ""
}

// putPack makes a pack whose blobs are here one of this account: at its homes, and on
// all its devices.
func (c *Client) putPack(ctx context.Context, doing i18n.Text, ref media.Ref, raw []byte, p *chat.Pack) (*pack, error) {
	list, err := c.packs(ctx)
	if err != nil {
		return nil, err
	}
	if known := slices.IndexFunc(list, func(p pack) bool { return p.ref.Ref.Name == ref.Name }); known >= 0 {
		list[known].pack = p
		return &list[known], nil
	}
	if len(list) >= maxPacks {
		return nil, fail(clientrpc.CodeRefused, doing, i18n.T("why.manypacks", maxPacks), i18n.T("next.manypacks"), nil)
	}
	added := &pack{ref: chat.PackRef{Ref: ref}, title: p.Title, pack: p}
	if err := c.db.Update(ctx, func(tx *history.Tx) error { return tx.PutPack(&added.ref, raw, c.cfg.now()) }); err != nil {
		return nil, err // named from here on, so that what is uploaded is not taken back
	}
	added.ref.Servers, err = c.uploadPack(ctx, ref, p)
	if err == nil {
		err = c.change(ctx, chat.PackSetting(&added.ref, p.Title))
	}
	if err != nil {
		forget := c.db.Update(context.WithoutCancel(ctx), func(tx *history.Tx) error { return tx.RemovePack(ref.Name) })
		return nil, errors.Join(explainUpload(doing, err), forget)
	}
	return added, nil
}

// explainUpload says why a pack is not at the account's homes.
func explainUpload(doing i18n.Text, err error) error {
	switch {
	case isCode(err, omega.CodeMailboxFull), isCode(err, omega.CodeDiskFull):
		return fail(clientrpc.CodeRefused, doing, i18n.T("why.quota"), i18n.T("next.quota"), err)
	case errors.Is(err, errOffline), errors.Is(err, errSessionEnded), errors.Is(err, context.DeadlineExceeded), isRetry(err):
		return fail(clientrpc.CodeTimeout, doing, i18n.T("why.packoffline"), i18n.T("next.packoffline"), err)
	}
	return err
}

// uploadPack has a pack stored, and returns the servers that have all of it.
func (c *Client) uploadPack(ctx context.Context, ref media.Ref, p *chat.Pack) (at []omega.Fingerprint, err error) {
	s, err := c.waitOnline(ctx)
	if err != nil {
		return nil, err
	}
	refs := []media.Ref{ref}
	for i := range p.Stickers {
		refs = append(refs, p.Stickers[i].Ref)
	}
	for i, ref := range refs {
		have, err := c.uploadBlob(ctx, s, ref)
		if err != nil {
			return nil, err
		}
		if i == 0 {
			at = have
		}
		at = slices.DeleteFunc(at, func(h omega.Fingerprint) bool { return !slices.Contains(have, h) })
	}
	if len(at) == 0 { // homes came and went meanwhile
		return nil, omega.Errorf(omega.CodeUnavailable, "no server has all of the pack")
	}
	return at, nil
}
