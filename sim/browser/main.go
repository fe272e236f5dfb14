//go:build js

// Command browser is the client core as it runs where Go is WebAssembly: for tests, under
// Node and in a worker of a browser (worker.mjs). Nothing of it is served.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"syscall/js"

	"github.com/omega-im/omega/client"
)

// The first argument is the home. In a worker, calls come by the port that it was given, and
// two more arguments are a server and a name: an account is made there first. Elsewhere the
// others are methods with their parameters, in turn, and each result is one line.
func main() {
	run := call
	if js.Global().Get("port").Truthy() {
		run = serve
	}
	if err := run(context.Background(), os.Args[1], os.Args[2:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func serve(ctx context.Context, home string, account []string) error {
	cfg := client.Config{Home: home}
	if len(account) == 2 {
		cfg.Name = account[1]
		if _, err := client.Init(ctx, client.InitConfig{Config: cfg, Server: account[0], DeviceName: "Chromium"}); err != nil {
			return err
		}
	}
	c, err := client.Open(ctx, cfg)
	if err != nil {
		return err
	}
	defer c.Close()
	answer(ctx, js.Global().Get("port"), c.Handle)
	return nil
}

func call(ctx context.Context, home string, calls []string) error {
	c, err := client.Open(ctx, client.Config{Home: home})
	if err != nil {
		return err
	}
	defer c.Close()
	for i := 0; i+1 < len(calls); i += 2 {
		var out json.RawMessage
		if err := c.Call(ctx, calls[i], json.RawMessage(calls[i+1]), &out); err != nil {
			return fmt.Errorf("%s: %w", calls[i], err)
		}
		fmt.Printf("%s\n", out)
	}
	return nil
}
