package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
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

// A pack is one of this account: what its devices agreed on, and what is in it.
type pack struct {
	ref   chat.PackRef
	title string
	pack  *chat.Pack // nil until it was fetched
}

// packs are those of this account.
func (c *Client) packs(ctx context.Context) (out []pack, err error) {
	err = c.db.View(ctx, func(tx *history.Tx) error {
		out = nil
		list, err := tx.SettingsOf(chat.SettingStickers)
		for i := range list {
			p := pack{}
			if p.ref, p.title, err = list[i].PackOf(); err != nil {
				return err
			}
			out = append(out, p)
		}
		return err
	})
	return out, err
}

// onePack finds a pack by its title, or how its name begins, and has what is in it.
func (c *Client) onePack(ctx context.Context, doing i18n.Text, named string) (*pack, error) {
	list, err := c.packs(ctx)
	if err != nil {
		return nil, err
	}
	list = slices.DeleteFunc(list, func(p pack) bool {
		return p.title != named && (len(named) < 6 || !strings.HasPrefix(p.ref.Ref.Name.String(), strings.ToLower(named)))
	})
	switch len(list) {
	case 0:
		return nil, fail(clientrpc.CodeNotFound, doing, i18n.T("why.nopack", named), i18n.T("next.packs"), nil)
	case 1:
	default:
		return nil, fail(clientrpc.CodeUsage, doing, i18n.T("why.somepacks", named, len(list)), i18n.T("next.packs"), nil)
	}
	p := &list[0]
	var raw []byte
	err = c.db.View(ctx, func(tx *history.Tx) error {
		raw, err = tx.Pack(p.ref.Ref.Name)
		return err
	})
	if errors.Is(err, history.ErrNotFound) { // another device added it
		if raw, err = c.fetchPack(ctx, &p.ref); err == nil {
			err = c.db.Update(ctx, func(tx *history.Tx) error { return tx.PutPack(&p.ref, raw, c.cfg.now().Add(media.DefaultClaim/2)) })
		}
	}
	if err != nil {
		return nil, getFileError(doing, err)
	}
	p.pack, err = chat.DecodePack(raw)
	return p, err
}

// fetchPack brings the blob here that says what is in a pack.
func (c *Client) fetchPack(ctx context.Context, r *chat.PackRef) ([]byte, error) {
	path, err := c.fetchBlob(ctx, r.Ref, r.Servers)
	if err != nil {
		return nil, err
	}
	return os.ReadFile(path)
}

func (p *pack) show() *clientrpc.StickerPack {
	out := &clientrpc.StickerPack{Pack: p.ref.Ref.Name.String(), Title: p.title}
	if p.pack == nil {
		return out
	}
	out.Author = p.pack.Author
	for i := range p.pack.Stickers {
		s := &p.pack.Stickers[i]
		out.Stickers = append(out.Stickers, clientrpc.Sticker{
			Number: i + 1, Emoji: s.Emoji, Type: s.Type, Blob: s.Ref.Name.String(), Size: s.Ref.Size, Width: s.Width, Height: s.Height,
		})
	}
	return out
}

// listPacks lists the packs of this account.
func (c *Client) listPacks(ctx context.Context, p clientrpc.Page) (clientrpc.StickerPacksResult, error) {
	out := clientrpc.StickerPacksResult{Packs: []clientrpc.StickerPack{}}
	list, err := c.packs(ctx)
	if err != nil {
		return out, err
	}
	for i := range list {
		out.Packs = append(out.Packs, *list[i].show())
	}
	out.Packs, out.Rest, err = part(out.Packs, p, func(s *clientrpc.StickerPack) string { return s.Title + " " + s.Pack })
	return out, err
}

// showPack shows what is in a pack.
func (c *Client) showPack(ctx context.Context, r clientrpc.PackRef) (*clientrpc.StickerPack, error) {
	p, err := c.onePack(ctx, i18n.T("doing.stickers"), r.Pack)
	if err != nil {
		return nil, err
	}
	return p.show(), nil
}

// renamePack calls a pack something else, on all devices of this account.
func (c *Client) renamePack(ctx context.Context, r clientrpc.RenamePackParams) (clientrpc.StickerPacksResult, error) {
	doing := i18n.T("doing.stickers")
	p, err := c.onePack(ctx, doing, r.Pack)
	if err == nil && (r.Title == "" || r.Title != chat.SanitizeName(r.Title)) {
		err = fail(clientrpc.CodeUsage, doing, i18n.T("why.packtitle"), i18n.T("next.packtitle"), nil)
	}
	if err == nil {
		err = c.change(ctx, chat.PackSetting(&p.ref, r.Title))
	}
	if err != nil {
		return clientrpc.StickerPacksResult{}, err
	}
	return c.listPacks(ctx, clientrpc.Page{})
}

// removePack forgets a pack, on all devices of this account.
func (c *Client) removePack(ctx context.Context, r clientrpc.PackRef) (clientrpc.StickerPacksResult, error) {
	p, err := c.onePack(ctx, i18n.T("doing.stickers"), r.Pack)
	if err == nil {
		err = c.change(ctx, chat.Setting{Name: chat.SettingStickers, Subject: p.ref.Ref.Name[:]})
	}
	if err != nil {
		return clientrpc.StickerPacksResult{}, err
	}
	return c.listPacks(ctx, clientrpc.Page{})
}

// linkPack is the text by which others can add a pack.
func (c *Client) linkPack(ctx context.Context, r clientrpc.PackRef) (out clientrpc.LinkPackResult, err error) {
	p, err := c.onePack(ctx, i18n.T("doing.stickers"), r.Pack)
	if err == nil {
		out.Link = p.ref.Link()
	}
	return out, err
}

// sharePack sends a pack to a chat.
func (c *Client) sharePack(ctx context.Context, r clientrpc.SendPackParams) (*clientrpc.SendFileResult, error) {
	doing := i18n.T("doing.file", r.To)
	p, err := c.onePack(ctx, doing, r.Pack)
	if err != nil {
		return nil, err
	}
	d, err := c.resolve(ctx, r.To)
	if err == nil && d.secure { // its stickers are at servers as they are
		err = fail(clientrpc.CodeRefused, doing, i18n.T("why.packsecure"), i18n.T("next.packsecure"), nil)
	}
	if err == nil {
		_, err = c.fetchPack(ctx, &p.ref)
	}
	if err != nil {
		return nil, getFileError(doing, err)
	}
	item := chat.MediaItem{What: chat.File, Ref: p.ref.Ref, Type: chat.TypePack, FileName: chat.CleanFileName(p.pack.Title + ".stickers")}
	return c.sendItems(ctx, doing, d, clientrpc.SendFileParams{ID: r.ID, To: r.To, Wait: r.Wait, Timeout: r.Timeout}, func() ([]chat.MediaItem, error) {
		return []chat.MediaItem{item}, nil
	})
}

// pick finds a sticker by its number or emoji.
func (p *pack) pick(doing i18n.Text, number int, emoji string) (*chat.MediaItem, error) {
	for i := range p.pack.Stickers {
		s := &p.pack.Stickers[i]
		if number == i+1 || number == 0 && emoji != "" && bare(s.Emoji) == bare(emoji) {
			return s, nil
		}
	}
	return nil, fail(clientrpc.CodeNotFound, doing, i18n.T("why.nosticker", p.title, len(p.pack.Stickers)), i18n.T("next.nosticker"), nil)
}

// bare is an emoji without the mark that only says that it is one.
func bare(emoji string) string { return strings.ReplaceAll(emoji, "\ufe0f", "") }

// sendSticker sends a sticker of a pack.
func (c *Client) sendSticker(ctx context.Context, r clientrpc.SendStickerParams) (*clientrpc.SendFileResult, error) {
	doing := i18n.T("doing.file", r.To)
	p, err := c.onePack(ctx, doing, r.Pack)
	if err != nil {
		return nil, err
	}
	s, err := p.pick(doing, r.Number, r.Emoji)
	if err != nil {
		return nil, err
	}
	d, err := c.resolve(ctx, r.To)
	if err == nil && r.Secure {
		d, err = c.secureDest(doing, d)
	}
	if err != nil {
		return nil, err
	}
	file := clientrpc.SendFileParams{ID: r.ID, To: r.To, Secure: r.Secure, Expire: r.Expire, Wait: r.Wait, Timeout: r.Timeout}
	return c.sendItems(ctx, doing, d, file, func() ([]chat.MediaItem, error) {
		path, err := c.fetchBlob(ctx, s.Ref, p.ref.Servers)
		if err != nil {
			return nil, getFileError(doing, err)
		}
		item := *s
		if !d.secure {
			return []chat.MediaItem{item}, nil
		}
		b, err := os.ReadFile(path)
		if err == nil {
			item.Ref, item.Seal, err = c.keep(ctx, bytes.NewReader(b), sticker.MaxFile, true)
		}
		return []chat.MediaItem{item}, err
	})
}

// readSticker reads a part of a sticker of a pack.
func (c *Client) readSticker(ctx context.Context, r clientrpc.ReadStickerParams) (*clientrpc.ReadFileResult, error) {
	doing := i18n.T("doing.stickers")
	if r.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, r.Timeout)
		defer cancel()
	}
	p, err := c.onePack(ctx, doing, r.Pack)
	if err != nil {
		return nil, err
	}
	s, err := p.pick(doing, r.Number, "")
	if err != nil {
		return nil, err
	}
	if r.Offset < 0 || r.Offset > s.Ref.Size || r.Length < 1 || r.Length > clientrpc.MaxRead {
		return nil, fail(clientrpc.CodeUsage, doing, i18n.T("why.range", r.Length, r.Offset, s.Ref.Size), i18n.T("next.range", clientrpc.MaxRead), nil)
	}
	path, err := c.fetchBlob(ctx, s.Ref, p.ref.Servers)
	if err != nil {
		return nil, getFileError(doing, err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	b = b[r.Offset:]
	return &clientrpc.ReadFileResult{Data: b[:min(len(b), r.Length)], Size: s.Ref.Size, Type: s.Type}, nil
}

// addPack adds a pack that somebody made, once all of it was checked.
func (c *Client) addPack(ctx context.Context, r clientrpc.AddPackParams) (*clientrpc.StickerPack, error) {
	doing := i18n.T("doing.stickers")
	ctx, cancel := context.WithTimeout(ctx, max(r.Timeout, time.Millisecond))
	defer cancel()
	ref, err := c.packToAdd(ctx, doing, r)
	if err != nil {
		return nil, err
	}
	raw, err := c.fetchPack(ctx, &ref)
	if err != nil {
		return nil, getFileError(doing, err)
	}
	p, err := chat.DecodePack(raw)
	if err == nil {
		err = c.checkStickers(ctx, &ref, p)
	}
	if errors.Is(err, sticker.ErrBad) || errors.Is(err, chat.ErrMalformed) || errors.Is(err, chat.ErrTooLarge) {
		return nil, fail(clientrpc.CodeRefused, doing, i18n.T("why.badpack"), i18n.T("next.badpack"), err)
	}
	if err != nil {
		return nil, getFileError(doing, err)
	}
	added, err := c.putPack(ctx, doing, ref.Ref, raw, p)
	if err != nil {
		return nil, err
	}
	return added.show(), nil
}

// packToAdd finds where a pack is that came in a link or message.
func (c *Client) packToAdd(ctx context.Context, doing i18n.Text, r clientrpc.AddPackParams) (ref chat.PackRef, err error) {
	if r.Link != "" {
		if ref, err = chat.ParsePackLink(r.Link); err != nil {
			err = fail(clientrpc.CodeUsage, doing, i18n.T("why.packlink"), i18n.T("next.packlink"), err)
		}
		return ref, err
	}
	w, err := c.wantBlob(ctx, doing, clientrpc.FileRef{ID: r.Message})
	if err != nil {
		return ref, err
	}
	if w.item.Type != chat.TypePack || w.seal != nil || w.ref.Size > chat.MaxPack {
		return ref, fail(clientrpc.CodeUsage, doing, i18n.T("why.packlink"), i18n.T("next.packlink"), nil)
	}
	servers := c.whoHas(ctx, w.item, w.from)
	return chat.PackRef{Ref: w.ref, Servers: servers[:min(len(servers), omega.MaxHomes)]}, nil
}

// checkStickers fetches the stickers of a pack, and looks whether each is what the pack
// says.
func (c *Client) checkStickers(ctx context.Context, ref *chat.PackRef, p *chat.Pack) error {
	for i := range p.Stickers {
		s := &p.Stickers[i]
		path, err := c.fetchBlob(ctx, s.Ref, ref.Servers)
		if err != nil {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		f, err := sticker.Check("", b)
		if err != nil {
			return err
		}
		if f.Type != s.Type || uint32(f.Width) != s.Width || uint32(f.Height) != s.Height || !bytes.Equal(f.Octets, b) {
			return fmt.Errorf("%w: sticker %d is another than the pack says", sticker.ErrBad, i+1)
		}
	}
	return nil
}
