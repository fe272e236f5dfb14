package tui

import (
	"bytes"
	"cmp"
	"context"
	"image"
	"image/png"
	"path/filepath"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
	"github.com/charmbracelet/x/ansi/iterm2"
	"github.com/charmbracelet/x/ansi/kitty"
	"github.com/charmbracelet/x/ansi/sixel"

	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/internal/i18n"
)

// fileTimeout is how long a file may take to come.
const fileTimeout = 2 * time.Minute

// drawDelay lets the screen be empty before a picture is put on it.
const drawDelay = 100 * time.Millisecond

// maxSixel is the longest side of a picture that is drawn by sixels, in points: xterm drops
// a larger one whole (maxGraphicSize in xterm(1), 1000x1000).
const maxSixel = 1000

// kittyID is the number of the only picture that kitty keeps of us.
const kittyID = 4217

// A viewer shows one picture on the whole screen.
type viewer struct {
	e    *entry
	item int
	img  image.Image // nil: it comes
	rows []row       // of blocks, for a size
	w, h int         // that was asked for; 0: none
}

// shownMsg is a picture that came for the viewer, or how it is drawn.
type shownMsg struct {
	v       *viewer
	img     image.Image
	drawing *drawing
	err     error
}

// A drawing is a picture as a terminal of a size shows it: by lines of blocks, or by a
// sequence.
type drawing struct {
	w, h     int
	rows     []row
	sequence string
}

// openMedia shows a picture here, and has the system open any other file.
func (m *Model) openMedia(e *entry) tea.Cmd {
	return m.chooseMedium(e, func(m *Model, item int) tea.Cmd {
		medium := &e.msg.Media[item]
		if e.msg.Inert {
			m.confirm(m.text("tui.act.open"), m.text("contact.inert"), func(m *Model) tea.Cmd { return m.openWith(e, item) })
			return nil
		}
		switch {
		case medium.What == kindVoice && m.opts.Play != nil:
			if m.playing != nil && m.playing.id == e.msg.ID {
				m.stopPlaying()
				return nil
			}
			return m.play(e, item)
		case medium.What == kindVoice && m.opts.Open == nil:
			m.sayBad(m.text("tui.noplayer"))
			return nil
		case !isPicture(medium) || m.pictures.way == byNothing:
			return m.openWith(e, item)
		}
		v := &viewer{e: e, item: item}
		m.push(v)
		ref := clientrpc.FileRef{ID: e.msg.ID, Item: item, Thumb: medium.Thumb != "" && (medium.What != "photo" && medium.What != "sticker" || medium.Size > maxPicture)}
		return m.run(func(ctx context.Context, core clientrpc.Conn) tea.Msg {
			img, err := readPicture(ctx, core, ref)
			return shownMsg{v: v, img: img, err: err}
		})
	})
}

// chooseMedium asks which file of an album is meant.
func (m *Model) chooseMedium(e *entry, do func(m *Model, item int) tea.Cmd) tea.Cmd {
	if len(e.msg.Media) == 1 {
		return do(m, 0)
	}
	p := &picker{title: m.text("tui.which")}
	for i := range e.msg.Media {
		medium := &e.msg.Media[i]
		p.items = append(p.items, item{label: m.bracketed(m.text("what."+medium.What), m.clean(medium.Name)), hint: i18n.Size(medium.Size), do: func(m *Model) tea.Cmd { return do(m, i) }})
	}
	m.push(p)
	return nil
}

// openWith brings a file here and has the system open it.
func (m *Model) openWith(e *entry, item int) tea.Cmd {
	open := m.opts.Open
	if open == nil {
		return m.saveItem(e, item)
	}
	m.say(m.text("tui.fetching"))
	p := clientrpc.GetFileParams{FileRef: clientrpc.FileRef{ID: e.msg.ID, Item: item}, Anyway: e.msg.Inert, Path: filepath.Join(m.opts.Scratch, newID().String()+fileExt(e.msg.Media[item].Name)), Timeout: fileTimeout}
	return m.run(func(ctx context.Context, core clientrpc.Conn) tea.Msg {
		r, err := clientrpc.GetFile.Call(ctx, core, p)
		if err == nil {
			err = open(r.Path)
		}
		if err != nil {
			return failedMsg{err}
		}
		return nil
	})
}

// fileExt is how a name ends, if that is short and plain.
func fileExt(name string) string {
	ext := filepath.Ext(name)
	if len(ext) > 8 || !plainASCII(ext) || strings.ContainsAny(ext, `/\: `) {
		return ""
	}
	return ext
}

// saveMedia asks where a file is to be put.
func (m *Model) saveMedia(e *entry) tea.Cmd {
	return m.chooseMedium(e, func(m *Model, item int) tea.Cmd { return m.saveItem(e, item) })
}

func (m *Model) saveItem(e *entry, item int) tea.Cmd {
	name := filepath.Base(strings.ReplaceAll(m.clean(e.msg.Media[item].Name), `\`, "/"))
	if name == "." || name == "/" || strings.HasPrefix(name, ".") {
		name = cmp.Or(fileExt(name), "file") + "-" + e.msg.Media[item].Blob[:min(8, len(e.msg.Media[item].Blob))]
		name = strings.TrimPrefix(name, ".")
	}
	m.askText(m.text("tui.act.save"), m.text("tui.save.note"), filepath.Join(m.opts.Downloads, name), func(m *Model, path string) tea.Cmd {
		m.say(m.text("tui.fetching"))
		return m.run(saveFile(clientrpc.GetFileParams{FileRef: clientrpc.FileRef{ID: e.msg.ID, Item: item}, Anyway: e.msg.Inert, Timeout: fileTimeout}, path))
	})
	return nil
}

func saveFile(p clientrpc.GetFileParams, path string) effect {
	return func(ctx context.Context, core clientrpc.Conn) tea.Msg {
		var err error
		if p.Path, err = absolute(path); err != nil {
			return failedMsg{err}
		}
		r, err := clientrpc.GetFile.Call(ctx, core, p)
		if err != nil {
			return failedMsg{err}
		}
		return doneMsg{i18n.T("tui.filesaved", r.Path)}
	}
}

func (v *viewer) draw(m *Model) box {
	rows := m.blank(m.height)
	if v.img == nil {
		rows[len(rows)/2] = m.centred(m.text("tui.fetching"), inkDim, m.width)
	} else if v.w == m.width && v.h == m.height {
		for i, r := range v.rows {
			rows[i] = m.metric.over(rows[i], r, (m.width-r.width)/2)
		}
	}
	name := m.clean(v.e.msg.Media[v.item].Name)
	rows[len(rows)-1] = m.metric.pad(m.metric.line(span{text: " " + name + "  ", ink: inkHead}, span{text: m.text("tui.viewer"), ink: inkDim}), m.width)
	return box{rows: rows}
}

// onShown takes the picture, and draws it when the screen is empty.
func (m *Model) onShown(msg shownMsg) tea.Cmd {
	if m.top() != layer(msg.v) {
		return nil
	}
	if msg.err != nil {
		m.pop()
		m.sayBad(m.explain(msg.err))
		return nil
	}
	if d := msg.drawing; d != nil {
		if d.w != m.width || d.h != m.height {
			return nil // another one is on its way
		}
		msg.v.rows = d.rows
		if d.sequence == "" {
			return nil
		}
		return tea.Raw(d.sequence)
	}
	msg.v.img = msg.img
	return m.redraw()
}

// redraw has the picture that is looked at drawn for the size of the screen, beside the
// program: that may take a while.
func (m *Model) redraw() tea.Cmd {
	v, ok := m.top().(*viewer)
	if !ok || v.img == nil || v.w == m.width && v.h == m.height {
		return nil
	}
	v.w, v.h, v.rows = m.width, m.height, nil
	img, way, w, h, cellW, cellH := v.img, m.pictures.way, m.width, m.height, m.pictures.cellW, m.pictures.cellH
	if way == byBlocks {
		return func() tea.Msg {
			return shownMsg{v: v, drawing: &drawing{w: w, h: h, rows: blocks(img, w, max(1, h-1))}}
		}
	}
	begun := m.now()
	return func() tea.Msg {
		d := &drawing{w: w, h: h, sequence: encoded(way, img, w, max(1, h-1), cellW, cellH)}
		return drawnMsg{shownMsg{v: v, drawing: d}, begun}
	}
}

// drawnMsg is a drawing that was begun at a time: the screen has to be empty before.
type drawnMsg struct {
	shown shownMsg
	begun time.Time
}

func (m *Model) onDrawn(msg drawnMsg) tea.Cmd {
	return m.after(max(0, drawDelay-m.now().Sub(msg.begun)), msg.shown)
}

// encoded is the sequence that draws a picture in the middle of w columns and h
// lines of cells of so many points.
func encoded(way string, img image.Image, w, h, cellW, cellH int) string {
	mostW, mostH := w*cellW, h*cellH
	if way == bySixel {
		mostW, mostH = min(mostW, maxSixel), min(mostH, maxSixel)
	}
	pw, ph := within(img, mostW, mostH)
	cw, ch := max(1, pw/cellW), max(1, ph/cellH)
	x, y := (w-cw)/2, (h-ch)/2
	var b bytes.Buffer
	switch way {
	case byKitty:
		kitty.EncodeGraphics(&b, scaled(img, pw, ph), &kitty.Options{Action: kitty.TransmitAndPut, ID: kittyID, Quiet: 2, Format: kitty.PNG, Transmission: kitty.Direct, Columns: cw, Rows: ch, DoNotMoveCursor: true, Chunk: true}) // into memory
	case byITerm2:
		var file bytes.Buffer
		png.Encode(&file, scaled(img, pw, ph)) // into memory
		b.WriteString(ansi.ITerm2(iterm2.File{Width: iterm2.Cells(cw), Height: iterm2.Cells(ch), Inline: true, DoNotMoveCursor: true, Size: int64(file.Len()), Content: base64Of(file.Bytes())}))
	case bySixel:
		var file bytes.Buffer
		(&sixel.Encoder{}).Encode(&file, scaled(img, pw, ph)) // into memory
		b.WriteString(ansi.SixelGraphics(0, 1, 0, file.Bytes()))
	}
	return placeAt(x, y, b.String())
}

func (v *viewer) key(m *Model, k tea.KeyPressMsg) tea.Cmd {
	switch k.String() {
	case "o":
		return tea.Batch(v.close(m), m.openWith(v.e, v.item))
	case "s":
		cmd := v.close(m)
		m.saveItem(v.e, v.item)
		return cmd
	}
	return v.close(m)
}

// close has the screen drawn anew: pictures lie on it.
func (v *viewer) close(m *Model) tea.Cmd {
	m.pop()
	if m.pictures.way == byKitty {
		return tea.Sequence(tea.Raw(ansi.KittyGraphics(nil, "a=d", "d=A", "q=2")), tea.ClearScreen)
	}
	return tea.ClearScreen
}

func (v *viewer) click(m *Model, _, _ int) tea.Cmd { return v.close(m) }
func (v *viewer) wheel(_ *Model, _ int) tea.Cmd    { return nil }
func (v *viewer) paste(_ *Model, _ string) tea.Cmd { return nil }
