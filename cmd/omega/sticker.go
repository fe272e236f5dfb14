package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/internal/i18n"
)

// stickerHelp are the texts of the help of these commands.
var stickerHelp = []string{
	"sticker", "sticker_list", "sticker_show", "sticker_import", "sticker_add", "sticker_rename", "sticker_remove", "sticker_share", "sticker_send", "sticker_get",
	"sticker_pack", "sticker_paths", "sticker_title", "sticker_author", "sticker_emoji", "sticker_link", "sticker_name", "sticker_which", "sticker_to",
}

type stickerCmd struct {
	List   stickerListCmd   `cmd:"" default:"1" help:"${help_sticker_list}"`
	Show   stickerShowCmd   `cmd:"" help:"${help_sticker_show}"`
	Import stickerImportCmd `cmd:"" help:"${help_sticker_import}"`
	Add    stickerAddCmd    `cmd:"" help:"${help_sticker_add}"`
	Rename stickerRenameCmd `cmd:"" help:"${help_sticker_rename}"`
	Remove stickerRemoveCmd `cmd:"" help:"${help_sticker_remove}"`
	Share  stickerShareCmd  `cmd:"" help:"${help_sticker_share}"`
	Send   stickerSendCmd   `cmd:"" help:"${help_sticker_send}"`
	Get    stickerGetCmd    `cmd:"" help:"${help_sticker_get}"`
}

type stickerListCmd struct{}

func (c *stickerListCmd) Run(ctx context.Context, a *app) error {
	return everyPart(ctx, a, clientrpc.StickerPacks, clientrpc.Page{}, "none.stickers", a.packLines)
}

func (a *app) packLines(r clientrpc.StickerPacksResult) error {
	for i := range r.Packs {
		if err := a.packLine(&r.Packs[i]); err != nil {
			return err
		}
	}
	return nil
}

func (a *app) packLine(p *clientrpc.StickerPack) error {
	if a.json {
		return a.line(p)
	}
	a.printf("%s  %s\n", p.Pack[:12], safe(p.Title))
	for _, s := range p.Stickers {
		a.printf("%4d  %s  %s  %d×%d  %d\n", s.Number, safe(s.Emoji), s.Type, s.Width, s.Height, s.Size)
	}
	return nil
}

type stickerShowCmd struct {
	Pack string `arg:"" help:"${help_sticker_pack}" placeholder:"PACK"`
}

func (c *stickerShowCmd) Run(ctx context.Context, a *app) error {
	return calling(ctx, a, clientrpc.ShowStickers, clientrpc.PackRef{Pack: c.Pack}, a.packLine)
}

type stickerImportCmd struct {
	Title   string        `help:"${help_sticker_title}" placeholder:"TITLE"`
	Author  string        `help:"${help_sticker_author}" placeholder:"NAME"`
	Emoji   []string      `help:"${help_sticker_emoji}" placeholder:"EMOJI,…"`
	Timeout time.Duration `default:"10m" help:"${help_timeout}"`
	Paths   []string      `arg:"" help:"${help_sticker_paths}" placeholder:"PATH"`
}

func (c *stickerImportCmd) Run(ctx context.Context, a *app) error {
	if err := checkTimeout(c.Timeout); err != nil {
		return err
	}
	paths, err := absolute(c.Paths)
	if err != nil {
		return err
	}
	p := clientrpc.ImportPackParams{Paths: paths, Title: c.Title, Author: c.Author, Emoji: c.Emoji, Timeout: c.Timeout}
	return calling(ctx, a, clientrpc.ImportPack, p, func(r *clientrpc.ImportPackResult) error {
		if a.json {
			return a.line(r)
		}
		if r.Skipped > 0 {
			fmt.Fprintln(a.stderr, a.text("sticker.skipped", r.Skipped))
		}
		return a.packLine(&r.StickerPack)
	})
}

type stickerAddCmd struct {
	Timeout time.Duration `default:"10m" help:"${help_timeout}"`
	Link    string        `arg:"" help:"${help_sticker_link}" placeholder:"LINK|ID"`
}

func (c *stickerAddCmd) Run(ctx context.Context, a *app) error {
	if err := checkTimeout(c.Timeout); err != nil {
		return err
	}
	p := clientrpc.AddPackParams{Timeout: c.Timeout}
	if strings.Contains(c.Link, ":") {
		p.Link = c.Link
		return calling(ctx, a, clientrpc.AddPack, p, a.packLine)
	}
	conn, id, err := a.connectAbout(ctx, c.Link)
	if err != nil {
		return err
	}
	defer conn.Close()
	p.Message = id
	r, err := clientrpc.AddPack.Call(ctx, conn, p)
	if err != nil {
		return err
	}
	return a.packLine(r)
}

type stickerRenameCmd struct {
	Pack  string `arg:"" help:"${help_sticker_pack}" placeholder:"PACK"`
	Title string `arg:"" help:"${help_sticker_name}" placeholder:"TITLE"`
}

func (c *stickerRenameCmd) Run(ctx context.Context, a *app) error {
	return calling(ctx, a, clientrpc.RenamePack, clientrpc.RenamePackParams{PackRef: clientrpc.PackRef{Pack: c.Pack}, Title: c.Title}, a.packLines)
}

type stickerRemoveCmd struct {
	Pack string `arg:"" help:"${help_sticker_pack}" placeholder:"PACK"`
}

func (c *stickerRemoveCmd) Run(ctx context.Context, a *app) error {
	return calling(ctx, a, clientrpc.RemovePack, clientrpc.PackRef{Pack: c.Pack}, a.packLines)
}

type stickerShareCmd struct {
	To      string        `help:"${help_sticker_to}" placeholder:"FPR|CHAT"`
	Wait    string        `enum:"none,stored,delivered,read" default:"stored" help:"${help_send_wait}"`
	Timeout time.Duration `default:"10m" help:"${help_timeout}"`
	Pack    string        `arg:"" help:"${help_sticker_pack}" placeholder:"PACK"`
}

// Run sends a pack to a chat, or prints its link.
func (c *stickerShareCmd) Run(ctx context.Context, a *app) error {
	if c.To == "" {
		return calling(ctx, a, clientrpc.LinkPack, clientrpc.PackRef{Pack: c.Pack}, func(r clientrpc.LinkPackResult) error {
			if a.json {
				return a.line(r)
			}
			a.printf("%s\n", r.Link)
			return nil
		})
	}
	if err := checkTimeout(c.Timeout); err != nil {
		return err
	}
	p := clientrpc.SendPackParams{To: c.To, Pack: c.Pack, Wait: c.Wait, Timeout: c.Timeout}
	rand.Read(p.ID[:])
	a.sending = true
	return calling(ctx, a, clientrpc.SendPack, p, func(r *clientrpc.SendFileResult) error { return a.sentFiles(ctx, c.To, c.Wait, r) })
}

type stickerSendCmd struct {
	To      string        `required:"" help:"${help_send_to}" placeholder:"FPR|CHAT"`
	Secure  bool          `help:"${help_send_secure}"`
	Expire  time.Duration `help:"${help_send_expire}"`
	Wait    string        `enum:"none,stored,delivered,read" default:"stored" help:"${help_send_wait}"`
	Timeout time.Duration `default:"10m" help:"${help_timeout}"`
	Pack    string        `arg:"" help:"${help_sticker_pack}" placeholder:"PACK"`
	Which   string        `arg:"" help:"${help_sticker_which}" placeholder:"N|EMOJI"`
}

func (c *stickerSendCmd) Run(ctx context.Context, a *app) error {
	if err := checkTimeout(c.Timeout); err != nil {
		return err
	}
	p := clientrpc.SendStickerParams{To: c.To, Secure: c.Secure, Expire: c.Expire, Pack: c.Pack, Wait: c.Wait, Timeout: c.Timeout}
	if n, err := strconv.Atoi(c.Which); err == nil {
		p.Number = n
	} else {
		p.Emoji = c.Which
	}
	rand.Read(p.ID[:])
	a.sending = true
	return calling(ctx, a, clientrpc.SendSticker, p, func(r *clientrpc.SendFileResult) error { return a.sentFiles(ctx, c.To, c.Wait, r) })
}

type stickerGetCmd struct {
	Timeout time.Duration `default:"1m" help:"${help_timeout}"`
	Pack    string        `arg:"" help:"${help_sticker_pack}" placeholder:"PACK"`
	Number  int           `arg:"" help:"${help_sticker_which}" placeholder:"N"`
}

// Run writes a sticker to the standard output.
func (c *stickerGetCmd) Run(ctx context.Context, a *app) error {
	if err := checkTimeout(c.Timeout); err != nil {
		return err
	}
	if c.Number < 1 {
		return badValue(i18n.T("why.parse.natural", "N", c.Number))
	}
	conn, err := a.connect(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	p := clientrpc.ReadStickerParams{PackRef: clientrpc.PackRef{Pack: c.Pack}, Number: c.Number, Length: clientrpc.MaxRead, Timeout: c.Timeout}
	for {
		r, err := clientrpc.ReadSticker.Call(ctx, conn, p)
		if err != nil {
			return err
		}
		if _, err := a.stdout.Write(r.Data); err != nil {
			return err
		}
		if p.Offset += int64(len(r.Data)); p.Offset >= r.Size {
			return nil
		}
	}
}
