package tui

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/internal/i18n"
)

// maxRecording is how long a voice note may be.
const maxRecording = 10 * time.Minute

// kindVoice is the kind of files that are spoken.
const kindVoice = "voice"

// A playing is the voice note that is heard.
type playing struct {
	turn int
	stop chan struct{} // closed to end it
	id   omega.ID
}

// playedMsg is that a voice note was played to its end, or could not be.
type playedMsg struct {
	turn int
	err  error
}

// play plays a voice note of a message; the one that is playing ends.
func (m *Model) play(e *entry, item int) tea.Cmd {
	play := m.opts.Play
	m.stopPlaying()
	m.fillTurn++
	turn, stop := m.fillTurn, make(chan struct{})
	m.playing = &playing{turn: turn, stop: stop, id: e.msg.ID}
	m.say(m.text("tui.playing"))
	p := clientrpc.GetFileParams{FileRef: clientrpc.FileRef{ID: e.msg.ID, Item: item}, Path: filepath.Join(m.opts.Scratch, newID().String()+".ogg"), Timeout: fileTimeout}
	return m.run(func(ctx context.Context, core clientrpc.Conn) tea.Msg {
		ctx, cancel := until(ctx, stop)
		defer cancel()
		r, err := clientrpc.GetFile.Call(ctx, core, p)
		if err == nil {
			err = play(ctx, r.Path)
		}
		if ctx.Err() != nil {
			err = nil // the person ended it
		}
		return playedMsg{turn, err}
	})
}

// until is ctx, which ends with stop as well.
func until(ctx context.Context, stop <-chan struct{}) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		select {
		case <-stop:
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, cancel
}

func (m *Model) onPlayed(msg playedMsg) {
	if m.playing != nil && m.playing.turn == msg.turn {
		m.playing, m.toast = nil, ""
	}
	if msg.err != nil {
		m.sayBad(m.text("tui.unplayed", m.explain(msg.err)))
	}
}

// stopPlaying ends the voice note that is playing, and reports whether one was.
func (m *Model) stopPlaying() bool {
	if m.playing == nil {
		return false
	}
	close(m.playing.stop)
	m.playing, m.toast = nil, ""
	return true
}

// A recorder is a voice note that is being spoken. It has the keys: Enter sends it, Esc
// throws it away; a click beside it does neither.
type recorder struct {
	begun time.Time
	stop  chan struct{}
	keep  bool // it is to be sent
	done  bool
	send  clientrpc.SendFileParams
}

// recordedMsg is a voice note that is in its file, or none.
type recordedMsg struct {
	r    *recorder
	path string
	err  error
}

// record begins a voice note for the open chat.
func (m *Model) record() tea.Cmd {
	c := m.chat()
	if c == nil || !m.mayWrite() {
		return nil
	}
	record := m.opts.Record
	if record == nil {
		m.sayBad(m.text("tui.norecorder"))
		return nil
	}
	r := &recorder{begun: m.now(), stop: make(chan struct{}), send: clientrpc.SendFileParams{ID: newID(), As: kindVoice, Wait: "none"}}
	r.send.To, r.send.Secure = addressee(c)
	m.push(r)
	path := filepath.Join(m.opts.Scratch, newID().String()+".ogg")
	return tea.Batch(m.run(quietly(clientrpc.Type, clientrpc.TypeParams{Chat: c.ID.String(), What: clientrpc.TypingVoice})),
		m.run(func(ctx context.Context, core clientrpc.Conn) tea.Msg {
			ctx, cancel := until(ctx, r.stop)
			defer cancel()
			ctx, end := context.WithTimeout(ctx, maxRecording)
			defer end()
			return recordedMsg{r, path, record(ctx, path)}
		}))
}

func (m *Model) onRecorded(msg recordedMsg) tea.Cmd {
	r := msg.r
	r.done = true
	if i := slices.Index(m.layers, layer(r)); i >= 0 { // it ended by itself, below another layer perhaps
		m.layers = slices.Delete(m.layers, i, i+1)
		r.keep = msg.err == nil
	}
	switch {
	case msg.err != nil && !errors.Is(msg.err, context.Canceled):
		m.sayBad(m.text("tui.unrecorded", m.explain(msg.err)))
		return nil
	case !r.keep:
		return nil
	}
	m.say(m.text("tui.sending"))
	p, path := r.send, msg.path
	return m.run(func(ctx context.Context, core clientrpc.Conn) tea.Msg {
		p.Paths = []string{path}
		if _, err := clientrpc.SendFile.Call(ctx, core, p); err != nil {
			return failedMsg{err}
		}
		return doneMsg{i18n.T("tui.voicesent")}
	})
}

func (r *recorder) draw(m *Model) box {
	w := m.boxWidth(40)
	long := m.now().Sub(r.begun).Round(time.Second)
	return m.framed(m.text("tui.recording"), []row{
		m.metric.line(span{text: "● " + i18n.Duration(long, m.lang), ink: inkBad}), m.metric.line(span{text: m.text("tui.record.keys"), ink: inkDim}),
	}, w)
}

func (r *recorder) key(m *Model, k tea.KeyPressMsg) tea.Cmd {
	switch k.String() {
	case "enter":
		r.end(m, true)
	case "esc", "ctrl+c":
		r.end(m, false)
	}
	return nil
}

// end has the recording end; what comes of it comes with its message.
func (r *recorder) end(m *Model, keep bool) {
	r.keep = keep
	m.pop()
	if !r.done {
		close(r.stop)
	}
}

func (r *recorder) click(_ *Model, _, _ int) tea.Cmd { return nil }
func (r *recorder) wheel(_ *Model, _ int) tea.Cmd    { return nil }
func (r *recorder) paste(_ *Model, _ string) tea.Cmd { return nil }
