package failstop

import (
	"errors"
	"log/slog"
	"testing"
)

// Whatever a call comes to, an error, a panic, or no end, who called gets an answer;
// and after the first failure everybody the same one.
func TestGuard(t *testing.T) {
	store, usual := errors.New("store failed"), errors.New("no such key")
	for name, end := range map[string]func(g *Guard) error{
		"panic": func(*Guard) error { panic("lost my log") },
		"fatal": func(g *Guard) error { g.Logger().Fatalf("lost my %s", "log"); return nil },
	} {
		g := New(slog.New(slog.DiscardHandler), store)
		if err := g.Do(func() error { return usual }); err != usual || g.Err() != nil {
			t.Fatalf("%s: %v, %v; want its error, and no failure", name, err, g.Err())
		}
		err := g.Do(func() error { return end(g) })
		if !errors.Is(err, store) || err.Error() != "store failed: pebble: lost my log" {
			t.Errorf("%s: %v", name, err)
		}
		g.Fail(usual)
		select {
		case <-g.Failed():
		default:
			t.Errorf("%s: nobody is told", name)
		}
		if again := g.Do(func() error { t.Error("it was called"); return nil }); again != err {
			t.Errorf("%s: afterwards %v, want %v", name, again, err)
		}
	}
}
