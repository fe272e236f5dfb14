package tui

import (
	"context"
	"fmt"
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/internal/i18n"
)

// stickers asks for a sticker for the open chat: first for its pack.
func (m *Model) stickers() tea.Cmd {
	c := m.chat()
	if c == nil || !m.mayWrite() {
		return nil
	}
	return m.run(packs(c))
}

// allPacks are the packs of this account.
func allPacks(ctx context.Context, core clientrpc.Conn) (all []clientrpc.StickerPack, err error) {
	err = clientrpc.Each(ctx, core, clientrpc.StickerPacks, clientrpc.Page{}, func(r clientrpc.StickerPacksResult) error {
		all = append(all, r.Packs...)
		return nil
	})
	return all, err
}

// packs shows the packs of this account: choosing one shows its stickers.
func packs(c *clientrpc.Chat) effect {
	return func(ctx context.Context, core clientrpc.Conn) tea.Msg {
		all, err := allPacks(ctx, core)
		return pickerMsg{err: err, make: func(m *Model) *picker {
			p := &picker{title: m.text("tui.stickers")}
			for _, pack := range all {
				p.items = append(p.items, item{label: m.clean(pack.Title), hint: m.clean(pack.Author), do: func(m *Model) tea.Cmd { return m.run(stickersOf(c, pack.Pack)) }})
			}
			p.items = append(p.items, m.packItems()...)
			if len(all) > 0 {
				p.items = append(p.items, item{label: m.text("tui.stickers.manage"), ink: inkAccent, do: func(m *Model) tea.Cmd { return m.run(managePacks(c)) }})
			}
			return p
		}}
	}
}

// stickersOf shows the stickers of a pack: by their number and emoji, which may be typed,
// and what the chosen one looks like.
func stickersOf(c *clientrpc.Chat, name string) effect {
	return func(ctx context.Context, core clientrpc.Conn) tea.Msg {
		pack, err := clientrpc.ShowStickers.Call(ctx, core, clientrpc.PackRef{Pack: name})
		return pickerMsg{err: err, make: func(m *Model) *picker {
			p := &picker{title: m.clean(pack.Title), input: &editor{}, ask: m.glyphs.point + " "}
			var shown []clientrpc.Sticker
			p.refill = func(m *Model, typed string) tea.Cmd {
				p.items, p.sel, shown = nil, 0, nil
				for _, s := range pack.Stickers {
					if it := m.stickerItem(c, pack, &s); strings.Contains(it.label, strings.TrimSpace(typed)) {
						p.items, shown = append(p.items, it), append(shown, s)
					}
				}
				return p.moved(m)
			}
			p.moved = func(m *Model) tea.Cmd {
				if p.sel >= len(shown) {
					return nil
				}
				return m.lookAtSticker(pack.Pack, &shown[p.sel])
			}
			p.below = func(m *Model) []row {
				if p.sel >= len(shown) || !m.mayDraw() {
					return nil
				}
				return m.pictures.drawn[stickerKey(&shown[p.sel])]
			}
			return p
		}, then: func(m *Model, p *picker) tea.Cmd { return p.refill(m, "") }}
	}
}

func (m *Model) stickerItem(c *clientrpc.Chat, pack *clientrpc.StickerPack, s *clientrpc.Sticker) item {
	number := s.Number
	return item{label: fmt.Sprintf("%3d  %s", number, m.metric.fit(m.clean(s.Emoji), 12)), hint: fmt.Sprintf("%d×%d", s.Width, s.Height), do: func(m *Model) tea.Cmd {
		p := clientrpc.SendStickerParams{ID: newID(), Pack: pack.Pack, Number: number, Wait: "none"}
		p.To, p.Secure = addressee(c)
		return m.run(call(clientrpc.SendSticker, p, i18n.T("tui.stickers.sent"))) // may wait for the network: it holds up no text
	}}
}

// packItems are how packs come: of files of this machine, and by a link.
func (m *Model) packItems() []item {
	return []item{
		{label: m.text("tui.stickers.import"), ink: inkAccent, do: func(m *Model) tea.Cmd { return m.askPack() }},
		{label: m.text("tui.stickers.add"), ink: inkAccent, do: func(m *Model) tea.Cmd { return m.askPackLink() }},
	}
}

// askPack makes a pack of a file of this machine.
func (m *Model) askPack() tea.Cmd {
	m.askText(m.text("tui.stickers.import"), m.text("tui.stickers.importnote"), "", func(m *Model, typed string) tea.Cmd {
		path, err := absolute(strings.TrimSpace(typed))
		if err != nil {
			m.sayBad(err.Error())
			return nil
		}
		m.say(m.text("tui.working"))
		return m.run(call(clientrpc.ImportPack, clientrpc.ImportPackParams{Paths: []string{path}, Timeout: fileTimeout}, i18n.T("tui.stickers.imported")))
	})
	return nil
}
