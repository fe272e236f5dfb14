package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/omega-im/omega/clientrpc"
)

// freeName is the path of a file in a directory, by the name that its sender gave it,
// with a number where there is one of that name.
func freeName(dir string, r *clientrpc.GetFileResult) (string, error) {
	name := r.Name
	if name == "" || strings.HasPrefix(name, ".") {
		name = r.Blob[:16] + name
	}
	ext := filepath.Ext(name)
	for n := 1; ; n++ {
		try := name
		if n > 1 {
			try = fmt.Sprintf("%s-%d%s", strings.TrimSuffix(name, ext), n, ext)
		}
		try = filepath.Join(dir, try)
		_, err := os.Lstat(try)
		if errors.Is(err, fs.ErrNotExist) {
			return try, nil
		}
		if err != nil {
			return "", err
		}
	}
}
