package tui

import (
	"context"
	"fmt"
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/internal/i18n"
)

// kindPack is the kind of file that is a pack of stickers.
const kindPack = "pack"

// How large the sticker that is chosen is drawn, in columns and lines.
const (
	stickerWide = 24
	stickerHigh = 8
)

// managePacks shows the packs of this account: choosing one shows what may be done with it.
func managePacks(c *clientrpc.Chat) effect {
	return func(ctx context.Context, core clientrpc.Conn) tea.Msg {
		all, err := allPacks(ctx, core)
		return pickerMsg{err: err, make: func(m *Model) *picker {
			p := &picker{title: m.text("tui.stickers.manage")}
			for _, pack := range all {
				p.items = append(p.items, item{label: m.clean(pack.Title), hint: m.clean(pack.Author), do: func(m *Model) tea.Cmd { m.packMenu(c, &pack); return nil }})
			}
			return p
		}}
	}
}

// packMenu is what may be done with a pack. Its name is its digest, since titles may be
// the same.
func (m *Model) packMenu(c *clientrpc.Chat, pack *clientrpc.StickerPack) {
	ref := clientrpc.PackRef{Pack: pack.Pack}
	title := m.clean(pack.Title)
	m.push(&picker{title: title, items: []item{
		{label: m.text("tui.stickers.show"), do: func(m *Model) tea.Cmd { return m.run(stickersOf(c, pack.Pack)) }},
		{label: m.text("tui.stickers.rename"), do: func(m *Model) tea.Cmd {
			m.askText(m.text("tui.stickers.rename"), m.text("tui.stickers.renamenote"), title, func(m *Model, name string) tea.Cmd {
				return m.run(call(clientrpc.RenamePack, clientrpc.RenamePackParams{PackRef: ref, Title: strings.TrimSpace(name)}, i18n.T("tui.changed")))
			})
			return nil
		}},
		{label: m.text("tui.stickers.share", m.chatTitle(c)), do: func(m *Model) tea.Cmd {
			p := clientrpc.SendPackParams{ID: newID(), Pack: pack.Pack, Wait: "none"}
			if p.To, _ = addressee(c); c.Secure {
				p.To = c.ID.String() // the core says no
			}
			return m.run(call(clientrpc.SendPack, p, i18n.T("tui.stickers.shared")))
		}},
		{label: m.text("tui.stickers.link"), do: func(m *Model) tea.Cmd { return m.run(packLink(ref)) }},
		{label: m.text("tui.stickers.remove"), ink: inkBad, do: func(m *Model) tea.Cmd {
			m.confirm(m.text("tui.stickers.remove"), title, func(m *Model) tea.Cmd {
				return m.run(call(clientrpc.RemovePack, ref, i18n.T("tui.stickers.removed")))
			})
			return nil
		}},
	}})
}

// packLink shows the text by which others add a pack.
func packLink(ref clientrpc.PackRef) effect {
	return func(ctx context.Context, core clientrpc.Conn) tea.Msg {
		r, err := clientrpc.LinkPack.Call(ctx, core, ref)
		return codeMsg{err: err, show: func(m *Model) *codeView {
			return newCode(m.text("tui.stickers.link"), r.Link, r.Link, m.text("tui.stickers.linknote"))
		}}
	}
}

// askPackLink adds a pack by such a text.
func (m *Model) askPackLink() tea.Cmd {
	m.askText(m.text("tui.stickers.add"), m.text("tui.stickers.addnote"), "", func(m *Model, link string) tea.Cmd {
		m.say(m.text("tui.working"))
		return m.run(call(clientrpc.AddPack, clientrpc.AddPackParams{Link: strings.TrimSpace(link), Timeout: fileTimeout}, i18n.T("tui.stickers.imported")))
	})
	return nil
}

// hasPack reports whether a message has a pack that may be added.
func hasPack(_ *Model, msg *clientrpc.Message) bool {
	return alive(nil, msg) && !msg.Inert && len(msg.Media) == 1 && msg.Media[0].What == kindPack
}

func (m *Model) addPack(e *entry) tea.Cmd {
	m.say(m.text("tui.working"))
	return m.run(call(clientrpc.AddPack, clientrpc.AddPackParams{Message: e.msg.ID, Timeout: fileTimeout}, i18n.T("tui.stickers.imported")))
}

// stickerKey is under what a sticker of a pack is kept when it was drawn.
func stickerKey(s *clientrpc.Sticker) pictureKey { return pictureKey{s.Blob, stickerWide} }

// lookAtSticker has a sticker of a pack drawn, if it is a picture.
func (m *Model) lookAtSticker(pack string, s *clientrpc.Sticker) tea.Cmd {
	key := stickerKey(s)
	if _, known := m.pictures.drawn[key]; known || !m.mayDraw() || !strings.HasPrefix(s.Type, "image/") {
		return nil
	}
	m.pictures.room()
	m.pictures.drawn[key] = nil
	number, p := s.Number, m.pictures
	return m.run(func(ctx context.Context, core clientrpc.Conn) tea.Msg {
		b, err := readSticker(ctx, core, pack, number)
		if err != nil {
			return pictureMsg{key: key, err: err} // the line says what it is
		}
		p.turn <- struct{}{}
		defer func() { <-p.turn }()
		img, err := decode(b)
		if err != nil {
			return nil
		}
		return pictureMsg{key: key, rows: blocks(img, stickerWide, stickerHigh)}
	})
}

func readSticker(ctx context.Context, core clientrpc.Conn, pack string, number int) ([]byte, error) {
	var b []byte
	for {
		r, err := clientrpc.ReadSticker.Call(ctx, core, clientrpc.ReadStickerParams{PackRef: clientrpc.PackRef{Pack: pack}, Number: number, Offset: int64(len(b)), Length: clientrpc.MaxRead, Timeout: thumbTimeout})
		if err != nil {
			return nil, fmt.Errorf("read sticker %d: %w", number, err)
		}
		if r.Size > maxPicture {
			return nil, errNoPicture
		}
		if b = append(b, r.Data...); len(r.Data) == 0 || int64(len(b)) >= r.Size {
			return b, nil
		}
	}
}
