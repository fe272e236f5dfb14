package main

import (
	"context"
	"fmt"
	"time"

	"github.com/omega-im/omega/clientrpc"
)

// busyAgain is how often a command that goes on says so again.
const busyAgain = 10 * time.Second

// busy tells a person what a command does that takes longer than a moment, until stop
// is called. Scripts hear nothing of it.
func (a *app) busy(key string, args ...any) (stop func()) {
	return a.busyWith(busyAgain, func(since time.Duration) { a.sayBusy(a.text(key, args...), since) })
}

// busyWith calls say after a moment and then every so often, until stop is called.
func (a *app) busyWith(every time.Duration, say func(since time.Duration)) (stop func()) {
	if a.json {
		return func() {}
	}
	began, done, ended := time.Now(), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for wait := time.NewTimer(sayAfter); ; wait.Reset(every) {
			select {
			case <-done:
				wait.Stop()
				return
			case <-wait.C:
				say(time.Since(began))
			}
		}
	}()
	return func() {
		close(done)
		<-ended
	}
}

// sayBusy says what is done, and for how long if that is long.
func (a *app) sayBusy(what string, since time.Duration) {
	if since < busyAgain {
		fmt.Fprintf(a.stderr, "%s\n", safe(what))
		return
	}
	fmt.Fprintf(a.stderr, "%s\n", safe(a.text("busy.since", what, since.Round(time.Second))))
}

// percentEvery is how often it is asked how far a work is.
const percentEvery = time.Second

// working is busy for a work of the core that can say how far it is: a line for each
// step of ten percent, or where nothing moves for long.
func (a *app) working(ctx context.Context, conn clientrpc.Conn, key, kind, path string) (stop func()) {
	const nothing = -2
	said, last := nothing, time.Duration(0)
	return a.busyWith(percentEvery, func(since time.Duration) {
		percent := a.percent(ctx, conn, kind, path)
		step := percent - max(0, percent)%10
		if step == said && since-last < busyAgain {
			return
		}
		said, last = step, since
		what := a.text(key)
		if percent >= 0 {
			what = a.text("busy.percent", what, percent)
		}
		a.sayBusy(what, since)
	})
}

// percent is how far a work of the core is; -1: it does not say.
func (a *app) percent(ctx context.Context, conn clientrpc.Conn, kind, path string) int {
	r, err := clientrpc.Works.Call(ctx, conn, clientrpc.None{})
	if err != nil {
		return -1
	}
	for _, w := range r.Works {
		if w.Kind == kind && w.Path == path && w.Total > 0 {
			return int(min(100, max(0, 100*w.Done/w.Total)))
		}
	}
	return -1
}
