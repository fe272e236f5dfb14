//go:build js

package main

import (
	"bufio"
	"context"
	"net"
	"syscall/js"

	"github.com/omega-im/omega/clientrpc"
)

// answer has h answer the calls that come in by a MessagePort, in the lines of a pipe of
// clientrpc. It returns when ctx is done.
func answer(ctx context.Context, port js.Value, h clientrpc.Handler) {
	near, far := net.Pipe()
	go clientrpc.ServePipe(ctx, near, h)
	take := js.FuncOf(func(_ js.Value, args []js.Value) any {
		line := append([]byte(args[0].Get("data").String()), '\n')
		go far.Write(line) // what a browser calls must not wait
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
