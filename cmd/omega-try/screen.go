package main

import (
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"github.com/omega-im/omega/internal/i18n"
)

// Columns of what is shown. Everything fits into 60 columns, most into 45.
const (
	labelWidth = 6  // names on the left: 雲端, you
	nodeWidth  = 8  // names of stops on the way
	tickColumn = 30 // where ticks begin
	timeWidth  = 9  // of a time in ms
)

// A screen writes to a terminal, or to a file without colours.
type screen struct {
	w     io.Writer
	fd    int
	tty   bool
	color bool
}

func newScreen(f *os.File) *screen {
	s := &screen{w: f, fd: int(f.Fd())}
	s.tty = term.IsTerminal(s.fd)
	s.color = s.tty && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
	return s
}

// width is how many columns there are.
func (s *screen) width() int {
	if w, _, err := term.GetSize(s.fd); err == nil && w > 0 {
		return w
	}
	return 80
}

// print writes text. Nothing useful can be done when the terminal is gone.
func (s *screen) print(text string) { fmt.Fprint(s.w, text) }

// println writes a line. The terminal may be raw, so it returns by itself.
func (s *screen) println(line string) {
	if s.tty {
		line += "\r"
	}
	fmt.Fprintln(s.w, line)
}

// clearLine takes back what stands on the line, or ends it in a file.
func (s *screen) clearLine() {
	if s.tty {
		s.print("\r\x1b[K")
		return
	}
	s.println("")
}

func (s *screen) style(code, text string) string {
	if !s.color {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

func (s *screen) bold(text string) string { return s.style("1", text) }
func (s *screen) dim(text string) string  { return s.style("2", text) }
func (s *screen) good(text string) string { return s.style("32", text) }
func (s *screen) bad(text string) string  { return s.style("31", text) }
func (s *screen) tint(text string) string { return s.style("33", text) } // the yellow of the tit

// field writes a label and what belongs to it.
func (s *screen) field(label, text string) { s.println(pad(label, labelWidth) + text) }

// stop writes one stop of a message's way, and the tick that proves it.
func (s *screen) stop(name, fp, tick, at string) {
	line := " " + s.tint("●") + " " + s.bold(pad(name, nodeWidth)) + s.dim(fp)
	s.ticked(line, tick, at)
}

// note writes what happens after a stop.
func (s *screen) note(text string) { s.println(" " + s.tint("│") + " " + text) }

// last writes what happens at the last stop.
func (s *screen) last(text, tick, at string) { s.ticked("   "+text, tick, at) }

func (s *screen) ticked(line, tick, at string) {
	if tick != "" {
		line = pad(line, tickColumn) + pad(tick, 5) + strings.Repeat(" ", max(0, timeWidth-width(at))) + at
	}
	s.println(line)
}

// clean makes somebody's text harmless on a terminal, in one line.
func clean(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return ' '
		case !i18n.Harmless(r):
			return '\ufffd'
		}
		return r
	}, text)
}
