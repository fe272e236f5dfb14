package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/term"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/internal/i18n"
)

// deviceHistoryCmd shows how far histories for other devices are, waits for them, and
// gives one, or asks for one.
type deviceHistoryCmd struct {
	To   string        `help:"${help_device_history_to}" placeholder:"FPR"`
	From string        `help:"${help_device_history_from}" placeholder:"FPR"`
	Wait time.Duration `default:"10m" help:"${help_device_history_wait}"`
}

func (c *deviceHistoryCmd) Run(ctx context.Context, a *app) error {
	if err := checkTimeout(c.Wait); err != nil {
		return err
	}
	conn, err := a.connect(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	if c.To != "" {
		fp, err := a.deviceOf(ctx, conn, c.To)
		if err != nil {
			return err
		}
		if _, err := clientrpc.GiveHistory.Call(ctx, conn, clientrpc.GiveHistoryParams{Device: fp}); err != nil {
			return err
		}
	}
	if c.From != "" {
		fp, err := a.deviceOf(ctx, conn, c.From)
		if err != nil {
			return err
		}
		if _, err := clientrpc.AskHistory.Call(ctx, conn, clientrpc.AskHistoryParams{Device: fp}); err != nil {
			return err
		}
	}
	if err := a.awaitOffer(ctx, conn, min(c.Wait, offerWait)); err != nil {
		return err
	}
	list, err := a.awaitHandovers(ctx, conn, c.Wait)
	if err != nil {
		return err
	}
	if !a.json && len(list) == 0 {
		a.printf("%s\n", a.advice("handover.none"))
	}
	for _, h := range list {
		if a.json {
			if err := a.line(h); err != nil {
				return err
			}
			continue
		}
		a.printf("%s\n", a.handoverLine(h))
	}
	if moving(list) {
		return &clientrpc.Error{Code: clientrpc.CodeTimeout, Doing: i18n.T("doing.handover"), Why: i18n.T("why.handlate", c.Wait), Next: i18n.T("next.handlate")}
	}
	return nil
}

// offerWait is how long is waited for what another device may have said of a history.
const offerWait = 20 * time.Second

// awaitOffer waits until a history moves, or everything that waited at the homes is
// here.
func (a *app) awaitOffer(ctx context.Context, conn clientrpc.Conn, wait time.Duration) error {
	for deadline := time.Now().Add(wait); time.Now().Before(deadline); {
		r, err := clientrpc.Handovers.Call(ctx, conn, clientrpc.None{})
		if err != nil || moving(r.Handovers) || r.CaughtUp {
			return err
		}
		select {
		case <-time.After(handoverPoll):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// handoverPoll is how often progress is shown.
const handoverPoll = 200 * time.Millisecond

// awaitHandovers waits until nothing moves any more, and shows progress to a person
// meanwhile.
func (a *app) awaitHandovers(ctx context.Context, conn clientrpc.Conn, wait time.Duration) ([]clientrpc.Handover, error) {
	deadline, shown := time.Now().Add(wait), ""
	for {
		r, err := clientrpc.Handovers.Call(ctx, conn, clientrpc.None{})
		if err != nil {
			return nil, err
		}
		if !moving(r.Handovers) || !time.Now().Before(deadline) {
			return r.Handovers, nil
		}
		var lines []string
		for _, h := range r.Handovers {
			if isMoving(h) {
				lines = append(lines, a.handoverLine(h))
			}
		}
		if text := strings.Join(lines, "\n"); text != shown && !a.json {
			shown = text
			fmt.Fprintf(a.stderr, "omega: %s\n", text)
		}
		select {
		case <-time.After(handoverPoll):
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// approved says, as the last thing, that approving a device is done, and where its
// history is.
func (a *app) approved(device omega.Fingerprint, list []clientrpc.Handover) {
	if moving(list) {
		a.printf("%s\n", a.advice("handover.later"))
		return
	}
	for _, h := range list {
		if h.Device == device && h.Gives {
			a.printf("%s\n", a.handoverLine(h))
		}
	}
	a.printf("%s\n", a.text("approve.finished"))
}

// isMoving reports whether a history moves by what this device does.
func isMoving(h clientrpc.Handover) bool {
	return h.State == clientrpc.HandoverAsked || h.State == clientrpc.HandoverOffered && !h.Gives
}

func moving(list []clientrpc.Handover) bool {
	for _, h := range list {
		if isMoving(h) {
			return true
		}
	}
	return false
}

func (a *app) handoverLine(h clientrpc.Handover) string {
	way, more := "takes", ""
	if h.Gives {
		way = "gives"
	}
	switch {
	case h.Why != "" && isMoving(h):
		more = a.text("handover.why", a.text("why.server", h.Why))
	case h.Size > 0 && h.Moved > 0 && isMoving(h):
		more = a.text("handover.percent", h.Moved*100/h.Size)
	case h.Messages > 0 && h.Taken > 0 && isMoving(h):
		more = a.text("handover.percent", h.Taken*100/h.Messages)
	}
	return a.advice("handover."+way+"."+h.State, safe(h.DeviceName)+" ("+keyID(h.Device)+")", h.Messages, more)
}

// wantsHistory is whether a device that is approved gets the history: as was said, or as
// the person at the terminal says, or yes.
func (a *app) wantsHistory(ctx context.Context, said *bool) (bool, error) {
	in, ok := a.stdin.(*os.File)
	if said != nil || a.json || !ok || !term.IsTerminal(int(in.Fd())) {
		return said == nil || *said, nil
	}
	fmt.Fprintf(a.stderr, "%s", a.text("approve.history"))
	line, err := a.answer(ctx, in)
	return !strings.HasPrefix(strings.ToLower(line), "n"), err
}

// answer reads what a person at the terminal says, without white space around it.
func (a *app) answer(ctx context.Context, in *os.File) (string, error) {
	answer := make(chan string, 1)
	go func() { // reading a terminal cannot be interrupted: it ends with the process
		line, _ := bufio.NewReader(in).ReadString('\n')
		answer <- strings.TrimSpace(line)
	}()
	select {
	case line := <-answer:
		return line, nil
	case <-ctx.Done():
		return "", errQuit
	}
}
