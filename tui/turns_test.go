package tui

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"

	tea "charm.land/bubbletea/v2"

	"github.com/omega-im/omega/clientrpc"
)

// TestTurns: what is written into a chat reaches the core in its order, however its
// effects are run; another chat waits for nothing.
func TestTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var order []string
		note := func(what string) effect {
			return func(context.Context, clientrpc.Conn) tea.Msg { order = append(order, what); return nil }
		}
		all := turns{}
		first, second, other := all.behind(withBob, note("first")), all.behind(withBob, note("second")), all.behind(withEve, note("other"))
		go second(t.Context(), nil)
		synctest.Wait() // it waits, or it is over
		other(t.Context(), nil)
		first(t.Context(), nil)
		synctest.Wait()
		if !slices.Equal(order, []string{"other", "first", "second"}) {
			t.Errorf("%q", order)
		}
		// A program that ends waits for nobody.
		all.behind(withBob, note("never run"))
		ended, end := context.WithCancel(t.Context())
		end()
		all.behind(withBob, note("last"))(ended, nil)
	})
}
