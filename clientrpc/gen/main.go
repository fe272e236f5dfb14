// Command gen writes what the registry of package clientrpc says for those who
// cannot read Go: TypeScript types with a table of calls (clientrpc.ts, beside
// this file), docs/clientrpc.md, and the words of the core for the web face. Types come from reflection, comments and
// constants from the source. `go generate ./clientrpc` runs it.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/omega-im/omega/internal/i18n"
)

func main() {
	if err := write(".."); err != nil { // go generate is in clientrpc
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// write renews the files under root, the folder of the module.
func write(root string) error {
	files, err := render(root)
	for name, text := range files {
		if err == nil {
			err = os.WriteFile(filepath.Join(root, name), text, 0o644)
		}
	}
	return err
}

// render returns the files by their paths under root.
func render(root string) (map[string][]byte, error) {
	src, err := read(filepath.Join(root, "internal/i18n"), filepath.Join(root, "clientrpc"))
	if err != nil {
		return nil, err
	}
	m := newModel()
	var ts, md bytes.Buffer
	typescript(&ts, m, src)
	markdown(&md, m, src)
	words, err := json.MarshalIndent(i18n.Entries("doing.", "why.", "next.", "slash.", "homes.why."), "", " ")
	if err != nil {
		return nil, err
	}
	return map[string][]byte{
		"clientrpc/gen/clientrpc.ts": ts.Bytes(), "docs/clientrpc.md": md.Bytes(), "web/ui/src/gen/core.json": append(words, '\n'),
	}, nil
}
