//go:build js

package main

import (
	"bufio"
	"context"
	"net"
	"syscall/js"

	"github.com/omega-im/omega/clientrpc"
)

// most is how many calls wait to be read; a page has fewer under way.
const most = 1024

// answer has h answer the calls that come in by a MessagePort, in the lines of a pipe of
// clientrpc. It returns when ctx is done.
func answer(ctx context.Context, port js.Value, h clientrpc.Handler) {
	near, far := net.Pipe()
	go clientrpc.ServePipe(ctx, near, h)
	calls := make(chan string, most)
	go func() {
		for line := range calls {
			if _, err := far.Write([]byte(line + "\n")); err != nil {
				return
			}
		}
	}()
	take := js.FuncOf(func(_ js.Value, args []js.Value) any {
		select {
		case calls <- args[0].Get("data").String():
		default: // what a browser calls must not wait
			port.Call("close")
		}
		return nil
	})
	defer take.Release()
	port.Set("onmessage", take) // this begins it: what came before has waited
	defer port.Call("close")
	for lines := bufio.NewReader(far); ; {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return
		}
		port.Call("postMessage", string(line))
	}
}
