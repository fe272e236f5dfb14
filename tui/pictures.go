package tui

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	_ "image/gif"  // pictures that are drawn
	_ "image/jpeg" // the same
	_ "image/png"  // the same
	"strconv"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"
	uv "github.com/charmbracelet/ultraviolet"
	"github.com/charmbracelet/x/ansi"
	"golang.org/x/image/draw"
	_ "golang.org/x/image/webp" // the same

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/clientrpc"
)

// Bounds of pictures: octets that are read, points that are decoded, how many are
// kept, and how large one is among messages, in columns and lines.
const (
	maxPicture       = 8 << 20
	maxPoints        = 24 << 20
	maxPictures      = 128
	maxReading       = 4                // pictures that are fetched at a time
	thumbTimeout     = 20 * time.Second // so long one may take: others wait for its place
	thumbAgain       = time.Minute      // then one that did not come is asked for again
	thumbWide        = 36
	thumbHigh        = 10
	sixelAttribute   = 4 // of what a terminal says that it can do (DA1)
	assumedCell      = 10
	assumedCellLines = 20
)

// Ways in which a terminal shows pictures.
const (
	byNothing = "none"
	byBlocks  = "blocks" // two points in a character
	byKitty   = "kitty"
	byITerm2  = "iterm2"
	bySixel   = "sixel"
)

// pictures are those that were decoded, and how this terminal shows them.
type pictures struct {
	way          string // of a picture of its own; among messages it is blocks
	auto         bool
	cellW, cellH int                  // of a character, in points
	drawn        map[pictureKey][]row // nil: on its way, or cannot be drawn
	failed       map[pictureKey]time.Time
	turn         chan struct{} // one is decoded at a time
	reading      chan struct{} // so many are fetched at a time
}

// A pictureKey names a file of a message, drawn for a width.
type pictureKey struct {
	blob  string
	width int
}

// pictureMsg is a picture that was decoded for the history.
type pictureMsg struct {
	key  pictureKey
	rows []row
	err  error // it did not come
}

// newPictures decides by what the environment says and the person chose.
func newPictures(o Options) pictures {
	p := pictures{way: o.Images, cellW: assumedCell, cellH: assumedCellLines, drawn: map[pictureKey][]row{}, failed: map[pictureKey]time.Time{}, turn: make(chan struct{}, 1), reading: make(chan struct{}, maxReading)}
	if o.Images != "" && o.Images != "auto" {
		return p
	}
	p.auto, p.way = true, byBlocks
	switch {
	case o.Term.Inside: // what is between us and the terminal knows no pictures
	case strings.Contains(o.Term.Name, "kitty"), o.Term.Program == "ghostty":
		p.way = byKitty
	case o.Term.Program == "iTerm.app", o.Term.Program == "WezTerm":
		p.way = byITerm2
	}
	return p
}

// ask asks the terminal what it can do.
func (p *pictures) ask() tea.Cmd {
	switch {
	case p.way == byNothing, !p.auto && p.way == byBlocks:
		return nil
	case !p.auto: // the way is known, not how many points a character has
		return tea.Raw(ansi.WindowOp(ansi.RequestCellSizeWinOp))
	}
	return tea.Raw(ansi.RequestNameVersion + ansi.RequestPrimaryDeviceAttributes + ansi.WindowOp(ansi.RequestCellSizeWinOp))
}

// learn takes what the terminal answers, and reports whether msg is that.
func (p *pictures) learn(msg tea.Msg) bool {
	switch msg := msg.(type) {
	case tea.TerminalVersionMsg:
		if name := strings.ToLower(msg.Name); p.auto && (strings.HasPrefix(name, "kitty") || strings.HasPrefix(name, "ghostty")) {
			p.way = byKitty
		} else if p.auto && (strings.HasPrefix(name, "iterm2") || strings.HasPrefix(name, "wezterm")) {
			p.way = byITerm2
		}
	case uv.PrimaryDeviceAttributesEvent:
		for _, a := range msg {
			if p.auto && p.way == byBlocks && a == sixelAttribute {
				p.way = bySixel
			}
		}
	case uv.CellSizeEvent:
		if msg.Width > 0 && msg.Width < 200 && msg.Height > 0 && msg.Height < 400 {
			p.cellW, p.cellH = msg.Width, msg.Height
		}
	default:
		return false
	}
	return true
}

// mayDraw reports whether pictures stand among messages: they need colours, and
// characters of one column.
func (m *Model) mayDraw() bool {
	return m.pictures.way != byNothing && !m.mono && !m.metric.wideAmbiguous() && m.height >= 16
}

// pictureRows are the lines of a picture among messages, if it is here.
func (m *Model) pictureRows(e *entry, i, w int) []row {
	if !m.mayDraw() || !isPicture(&e.msg.Media[i]) {
		return nil
	}
	return m.pictures.drawn[pictureKey{e.msg.Media[i].Blob, min(w, thumbWide)}]
}

// fetchPictures has the pictures of the messages on the screen decoded.
func (m *Model) fetchPictures() tea.Cmd {
	if !m.conv.open || !m.mayDraw() {
		return nil
	}
	g := m.measure()
	if g.pane == 0 {
		return nil
	}
	inner := max(8, min(72, g.pane*4/5, g.pane-4)) - 2
	var cmds []tea.Cmd
	left := g.history + m.conv.skip
	for i := min(m.conv.bottom, len(m.conv.list)-1); i >= 0 && left > 0; i-- {
		e := m.conv.list[i]
		for item := range e.msg.Media {
			if medium := &e.msg.Media[item]; isPicture(medium) && !e.msg.Inert && !e.msg.Deleted {
				cmds = append(cmds, m.fetchPicture(e.msg.ID, item, medium, min(inner, thumbWide)))
			}
		}
		left -= len(m.layout(i, g.pane))
	}
	return tea.Batch(cmds...)
}

func (m *Model) fetchPicture(id omega.ID, item int, medium *clientrpc.Medium, w int) tea.Cmd {
	key := pictureKey{medium.Blob, w}
	if _, known := m.pictures.drawn[key]; known {
		return nil
	}
	if at, failed := m.pictures.failed[key]; failed && m.now().Sub(at) < thumbAgain {
		return nil
	}
	m.pictures.room()
	m.pictures.drawn[key] = nil
	ref := clientrpc.FileRef{ID: id, Item: item, Thumb: medium.Thumb != ""}
	p := m.pictures
	return m.run(func(ctx context.Context, core clientrpc.Conn) tea.Msg {
		b, err := p.read(ctx, core, ref)
		switch {
		case errors.Is(err, errNoPicture):
			return nil // nor will it be one later
		case err != nil:
			return pictureMsg{key: key, err: err} // the line below it says what there is
		}
		p.turn <- struct{}{}
		defer func() { <-p.turn }()
		img, err := decode(b)
		if err != nil {
			return nil
		}
		return pictureMsg{key: key, rows: blocks(img, w, thumbHigh)}
	})
}

// room lets go of what was drawn where there is too much.
func (p *pictures) room() {
	if len(p.drawn)+len(p.failed) >= maxPictures {
		clear(p.drawn)
		clear(p.failed)
	}
}

// read fetches a picture for the history: one that is nowhere holds up its place only,
// and not for long.
func (p *pictures) read(ctx context.Context, core clientrpc.Conn, ref clientrpc.FileRef) ([]byte, error) {
	p.reading <- struct{}{}
	defer func() { <-p.reading }()
	return readOctets(ctx, core, ref, thumbTimeout)
}

func (m *Model) onPicture(msg pictureMsg) tea.Cmd {
	if msg.err != nil {
		delete(m.pictures.drawn, msg.key)
		m.pictures.failed[msg.key] = m.now()
		return nil
	}
	m.pictures.drawn[msg.key] = msg.rows
	for _, e := range m.conv.list {
		for _, medium := range e.msg.Media {
			if medium.Blob == msg.key.blob {
				e.rows = nil
			}
		}
	}
	return nil
}

var errNoPicture = errors.New("that is no picture that can be drawn")

// readPicture reads a picture of a message, which the core has checked, and decodes
// it if that takes no more memory than it may.
func readPicture(ctx context.Context, core clientrpc.Conn, ref clientrpc.FileRef) (image.Image, error) {
	b, err := readOctets(ctx, core, ref, fileTimeout)
	if err != nil {
		return nil, err
	}
	return decode(b)
}

// readOctets reads a picture of a message, whose parts may take so long each.
func readOctets(ctx context.Context, core clientrpc.Conn, ref clientrpc.FileRef, wait time.Duration) ([]byte, error) {
	var b []byte
	for {
		r, err := clientrpc.ReadFile.Call(ctx, core, clientrpc.ReadFileParams{FileRef: ref, Offset: int64(len(b)), Length: clientrpc.MaxRead, Timeout: wait})
		if err != nil {
			return nil, err
		}
		if r.Size > maxPicture {
			return nil, errNoPicture
		}
		if b = append(b, r.Data...); len(r.Data) == 0 || int64(len(b)) >= r.Size {
			return b, nil
		}
	}
}

// decode is image.Decode for pictures of strangers.
func decode(b []byte) (image.Image, error) {
	c, _, err := image.DecodeConfig(bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	if c.Width <= 0 || c.Height <= 0 || c.Width > maxPoints/c.Height {
		return nil, errNoPicture
	}
	img, _, err := image.Decode(bytes.NewReader(b))
	return img, err
}

// within is the size of a picture that fits into w times h points.
func within(img image.Image, w, h int) (int, int) {
	b := img.Bounds()
	if b.Dx()*h > b.Dy()*w {
		return w, max(1, b.Dy()*w/b.Dx())
	}
	return max(1, b.Dx()*h/b.Dy()), h
}

// scaled is a picture of w times h points, on white where it is transparent.
func scaled(img image.Image, w, h int) *image.RGBA {
	out := image.NewRGBA(image.Rect(0, 0, w, h))
	draw.Draw(out, out.Bounds(), image.White, image.Point{}, draw.Src)
	draw.ApproxBiLinear.Scale(out, out.Bounds(), img, img.Bounds(), draw.Over, nil)
	return out
}

// blocks draws a picture with characters of which the upper half has one colour and
// the lower half another: at most w columns and h lines.
func blocks(img image.Image, w, h int) []row {
	pw, ph := within(img, w, 2*h)
	ph += ph % 2
	p := scaled(img, pw, ph)
	rows := make([]row, ph/2)
	for y := range rows {
		for x := range pw {
			rows[y].spans = append(rows[y].spans, span{text: "▀", sgr: "38;2;" + rgb(p, x, 2*y) + ";48;2;" + rgb(p, x, 2*y+1)})
		}
		rows[y].width = pw
	}
	return rows
}

func rgb(p *image.RGBA, x, y int) string {
	c := p.RGBAAt(x, y)
	return strconv.Itoa(int(c.R)) + ";" + strconv.Itoa(int(c.G)) + ";" + strconv.Itoa(int(c.B))
}

// placeAt moves to a place of the screen (from 0), draws, and comes back.
func placeAt(x, y int, drawing string) string {
	return fmt.Sprintf("\x1b7\x1b[%d;%dH%s\x1b8", y+1, x+1, drawing)
}
