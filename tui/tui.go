package tui

import (
	"context"
	"encoding/base64"
	"errors"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/omega-im/omega/clientrpc"
)

// framesPerSecond is how often the screen may change. The renderer looks that often
// whether it has: at its default of 60 a face that nobody uses took 0.7 % of a core.
const framesPerSecond = 30

// Run shows core in the terminal until the person ends it or ctx does. core is the
// caller's, and stays open.
func Run(ctx context.Context, core clientrpc.Conn, opts Options) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // effects that are under way end
	run := func(e effect) tea.Cmd {
		return func() tea.Msg {
			msg := e(ctx, core)
			if ctx.Err() != nil {
				return nil // nobody looks any more
			}
			return msg
		}
	}
	options := []tea.ProgramOption{tea.WithContext(ctx), tea.WithFPS(framesPerSecond)}
	if opts.In != nil && opts.Out != nil {
		options = append(options, tea.WithInput(opts.In), tea.WithOutput(opts.Out), tea.WithWindowSize(opts.Width, opts.Height), tea.WithoutSignals())
	}
	_, err := tea.NewProgram(newModel(run, opts, time.Now), options...).Run()
	if errors.Is(err, tea.ErrInterrupted) || errors.Is(err, tea.ErrProgramKilled) && ctx.Err() != nil {
		return nil
	}
	return err
}

func base64Of(b []byte) []byte { return []byte(base64.StdEncoding.EncodeToString(b)) }
