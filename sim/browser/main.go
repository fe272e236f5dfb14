//go:build js

// Command browser is the client core as it runs where Go is WebAssembly: it opens a
// home directory and makes calls, for tests under Node. Nothing of it is served.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"

	"github.com/omega-im/omega/client"
)

// The first argument is the home, then methods with their parameters, in turn. Each
// result is one line.
func main() {
	if err := run(context.Background(), os.Args[1], os.Args[2:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, home string, calls []string) error {
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
