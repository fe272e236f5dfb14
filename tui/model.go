// Package tui is the face of ω IM in a terminal: the list of chats, the history of
// one, and a line to write in. It speaks clientrpc to the core and knows nothing
// else of it.
//
// It is built as Elm has it: Model is everything that is shown, Update makes of a
// message of the terminal or the core what is shown then, and effects (core.go),
// which ask the core and answer with the next message; View (view.go) makes a screen
// of it. Nothing in Update or View waits, reads a clock of its own or does input and
// output. What others wrote becomes harmless in one place (clean.go), and lines are
// laid out from spans of such text (row.go, wrap.go), never from escape sequences.
package tui

import (
	"context"
	"io"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/internal/i18n"
)

// What has the keys.
type focus int

const (
	onComposer focus = iota
	onHistory
	onList
)

// Phases of the program.
type phase int

const (
	starting phase = iota
	settingUp
	ready
)

// singlePane is the width below which list and chat take turns.
const singlePane = 70

// A Model is everything that is shown. It belongs to the goroutine of the program.
type Model struct {
	run    func(effect) tea.Cmd
	after  func(time.Duration, tea.Msg) tea.Cmd // a message later
	opts   Options
	lang   i18n.Lang
	now    func() time.Time
	metric metric
	glyphs glyphset
	theme  *theme
	look   int // changes when everything looks different
	dark   bool
	mono   bool
	few    bool // colours: sixteen

	width, height int
	looking       bool // the terminal has the focus
	phase         phase
	focus         focus
	layers        []layer // what lies above, the last one on top
	setup         *clientrpc.SetupState
	asking        bool // how the home stands

	me      *clientrpc.AccountInfo
	reached clientrpc.ConnectionEvent // the server, or why there is none
	catchUp *clientrpc.CatchUpEvent
	events  followed

	chats     list
	conv      conversation
	edit      editor
	editTop   int // first line of the composer on the screen
	tasks     map[omega.ChatID]task
	drafts    map[omega.ChatID]string      // that the core was not told yet
	calling   map[omega.ChatID]written     // drafts that call people who were chosen
	given     map[omega.ChatID][]givenBack // texts that the core did not take, and stand in the composer
	sendTurn  int                          // of texts that are sent
	turns     turns                        // of what is written
	saving    turns                        // of drafts
	complete  *completion
	typing    map[omega.ChatID]map[omega.Fingerprint]clientrpc.TypingEvent
	present   map[omega.ChatID]clientrpc.PresenceEvent
	groups    map[omega.ChatID]groupNote // those that were looked at
	listed    map[omega.ChatID]time.Time // groups that were looked at because the list shows them: when that may be tried again
	transfers map[string]clientrpc.TransferEvent
	pictures  pictures
	playing   *playing // nil: nothing is

	toast      string
	toastBad   bool
	toastUntil time.Time
	typedAt    time.Time // the last key in the composer
	saidTyping time.Time
	saidLook   time.Time
	newsAsked  *picker
	fillTurn   int // of asking for what a layer shows
}

// A task is what the composer is for beside a new message.
type task struct {
	reply *clientrpc.Message
	edit  *clientrpc.Message
}

// Options are what a person may choose.
type Options struct {
	Lang   i18n.Lang
	Theme  string // auto, light, dark, mono
	Notify string // off, bell, osc9, osc777, auto
	Images string // auto, none, blocks, kitty, iterm2, sixel
	Mouse  bool
	Term   Terminal

	Downloads string                  // where files are saved if the person says nothing else
	Scratch   string                  // a directory for files that are opened; the caller removes it
	Open      func(path string) error // has the system open a file; nil: it cannot

	// In and Out are the terminal, of Width columns and Height lines; nil: that of the
	// process.
	In            io.Reader
	Out           io.Writer
	Width, Height int

	// Play plays a sound to its end, or to that of ctx; Record writes what is spoken to
	// path until ctx ends, which is no error. Nil where no program does that.
	Play, Record func(ctx context.Context, path string) error
}

// A Terminal is what the environment says of the terminal.
type Terminal struct {
	Name    string // $TERM
	Program string // $TERM_PROGRAM
	Inside  bool   // a multiplexer is between us and the terminal
}

// newModel makes what is shown before anything is known.
func newModel(run func(effect) tea.Cmd, opts Options, now func() time.Time) *Model {
	m := &Model{
		run: run, after: later, opts: opts, lang: opts.Lang, now: now, dark: opts.Theme != "light", mono: opts.Theme == "mono", looking: true,
		tasks: map[omega.ChatID]task{}, drafts: map[omega.ChatID]string{}, calling: map[omega.ChatID]written{}, given: map[omega.ChatID][]givenBack{}, typing: map[omega.ChatID]map[omega.Fingerprint]clientrpc.TypingEvent{},
		present: map[omega.ChatID]clientrpc.PresenceEvent{}, groups: map[omega.ChatID]groupNote{}, listed: map[omega.ChatID]time.Time{}, transfers: map[string]clientrpc.TransferEvent{}, turns: turns{}, saving: turns{},
	}
	m.pictures = newPictures(opts)
	m.restyle()
	return m
}

// restyle is called when what everything looks like has changed.
func (m *Model) restyle() {
	m.look++
	m.theme = newTheme(m.dark, m.mono, m.few)
	m.glyphs = m.metric.glyphs()
}

// text is a catalogue entry in the person's language.
func (m *Model) text(key string, args ...any) string { return i18n.T(key, args...).InFace(m.lang) }

func (m *Model) cleaner(lines bool) cleaner { return cleaner{joined: m.metric.joined, lines: lines} }

// clean makes foreign text harmless and one line, cleanLines leaves its lines apart.
func (m *Model) clean(s string) string      { return m.cleaner(false).text(s) }
func (m *Model) cleanLines(s string) string { return m.cleaner(true).text(s) }

// say tells the person something for a moment.
func (m *Model) say(text string) {
	m.toast, m.toastBad, m.toastUntil = text, false, m.now().Add(5*time.Second)
}

func (m *Model) sayBad(text string) {
	m.toast, m.toastBad, m.toastUntil = text, true, m.now().Add(12*time.Second)
}

// chat is the open one; nil: none is.
func (m *Model) chat() *clientrpc.Chat {
	if !m.conv.open {
		return nil
	}
	return m.chats.find(m.conv.chat)
}

// one reports whether there is room for one pane only.
func (m *Model) one() bool { return m.width < singlePane }

// roomy reports whether lines may be left empty.
func (m *Model) roomy() bool { return m.height >= 20 }

// top is the layer that has the keys; nil: none.
func (m *Model) top() layer {
	if len(m.layers) == 0 {
		return nil
	}
	return m.layers[len(m.layers)-1]
}

func (m *Model) push(l layer) { m.layers = append(m.layers, l) }

func (m *Model) pop() {
	if n := len(m.layers); n > 0 {
		m.layers = m.layers[:n-1]
	}
}
