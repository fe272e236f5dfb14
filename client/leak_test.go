package client

import (
	"maps"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/omega-im/omega/clientrpc"
)

// ours are the goroutines that run code of this module, by their numbers.
func ours() map[string]string {
	b := make([]byte, 1<<20)
	for {
		if n := runtime.Stack(b, true); n < len(b) {
			b = b[:n]
			break
		}
		b = make([]byte, 2*len(b))
	}
	out := map[string]string{}
	number := regexp.MustCompile(`^goroutine (\d+) `)
	for _, stack := range strings.Split(string(b), "\n\n") {
		if m := number.FindStringSubmatch(stack); m != nil && strings.Contains(stack, "omega-im/omega/") {
			out[m[1]] = stack
		}
	}
	return out
}

// TestNothingRunsOn: a core that is closed leaves no goroutine behind, whatever was done with
// it: whoever starts one waits for it.
func TestNothingRunsOn(t *testing.T) {
	p := newFakeProxy(t)
	cfg := p.newHome(t)
	settled := func() map[string]string { // what the proxy does for a connection ends after that
		p.edit(func() {
			for _, c := range p.conns {
				c.Close()
			}
			p.conns = nil
		})
		var now map[string]string
		until(t, "connections ended", func() bool {
			before := now
			now = ours()
			return before != nil && maps.Equal(keys(before), keys(now))
		})
		return now
	}
	before := settled()
	for range 3 {
		c, err := Open(t.Context(), cfg)
		must(t, err)
		stop := c.start(t)
		until(t, "online", func() bool { _, err := c.online(); return err == nil })
		first, err := clientrpc.Follow.Call(t.Context(), c, clientrpc.FollowParams{})
		must(t, err)
		waiting := make(chan struct{})
		go func() { // a face that waits for events when the core ends
			defer close(waiting)
			clientrpc.Follow.Call(t.Context(), c, clientrpc.FollowParams{Run: first.Run, After: first.Last, Timeout: 2 * time.Second})
		}()
		_, err = clientrpc.Send.Call(t.Context(), c, clientrpc.SendParams{ID: [16]byte{1}, To: c.acc.Fingerprint.String(), Text: "to myself", Timeout: time.Second})
		must(t, err)
		p.edit(func() { p.conns[len(p.conns)-1].Close() })
		stop()
		<-waiting
	}
	var left []string
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		left = left[:0]
		for n, stack := range settled() {
			if before[n] == "" {
				left = append(left, stack)
			}
		}
		if len(left) == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d goroutines run on:\n%s", len(left), strings.Join(left, "\n\n"))
		}
	}
}

// keys are the numbers of goroutines alone.
func keys(m map[string]string) map[string]string {
	out := map[string]string{}
	for k := range m {
		out[k] = ""
	}
	return out
}
