package fault

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"unicode/utf16"
)

// A recorder stands before a listener of a server and writes down every octet
// that passes, both ways.
type recorder struct {
	addr string // where it listens
	to   string // where it leads
	ln   net.Listener

	mu    sync.Mutex
	file  *os.File              // guarded by mu
	conns map[net.Conn]struct{} // guarded by mu
	ended bool                  // guarded by mu
	wg    sync.WaitGroup
}

// record starts a recorder before to, which writes to a file.
func record(t *testing.T, to, file string) *recorder {
	t.Helper()
	// Another process may try the port at the same moment.
	ln, err := net.Listen("tcp", freePorts(t, "127.0.0.1", 1)[0])
	for tries := 1; err != nil; tries++ {
		if tries == 10 {
			t.Fatal(err)
		}
		ln, err = net.Listen("tcp", freePorts(t, "127.0.0.1", 1)[0])
	}
	f, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	r := &recorder{addr: ln.Addr().String(), to: to, ln: ln, file: f, conns: map[net.Conn]struct{}{}}
	r.wg.Go(r.accept)
	t.Cleanup(r.close)
	return r
}

// close ends every connection. Everything is in the file when it returns.
func (r *recorder) close() {
	r.ln.Close()
	r.mu.Lock()
	r.ended = true
	for c := range r.conns {
		c.Close()
	}
	r.mu.Unlock()
	r.wg.Wait()
	r.file.Close()
}

// own has c closed when the recorder ends.
func (r *recorder) own(c net.Conn) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ended {
		c.Close()
		return false
	}
	r.conns[c] = struct{}{}
	return true
}

func (r *recorder) accept() {
	for {
		in, err := r.ln.Accept()
		if err != nil {
			return
		}
		if !r.own(in) {
			return
		}
		r.wg.Go(func() { r.carry(in) })
	}
}

// carry carries one connection.
func (r *recorder) carry(in net.Conn) {
	defer in.Close()
	out, err := net.Dial("tcp", r.to)
	if err != nil || !r.own(out) {
		return
	}
	defer out.Close()
	done := make(chan struct{}, 2)
	for _, way := range [][2]net.Conn{{in, out}, {out, in}} {
		go func() {
			defer func() { done <- struct{}{} }()
			_, _ = io.Copy(way[1], io.TeeReader(way[0], r)) // either side may end it
		}()
	}
	<-done
	in.Close()
	out.Close()
	<-done
}

// Write writes down what passes. Octets of different connections mix, but what
// was read at once stays together.
func (r *recorder) Write(b []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.file.Write(b)
}

// needles are the forms of a marker that a search looks for.
func needles(marker string) map[string][]byte {
	out := map[string][]byte{
		"plain": []byte(marker), "hex": []byte(hex.EncodeToString([]byte(marker))), "HEX": []byte(strings.ToUpper(hex.EncodeToString([]byte(marker)))),
	}
	var wide []byte
	for _, u := range utf16.Encode([]rune(marker)) {
		wide = append(wide, byte(u), byte(u>>8))
	}
	out["UTF-16"] = wide
	// In base64 a text has three forms; the ends depend on what is beside it.
	for pad := range 3 {
		text := base64.StdEncoding.EncodeToString(append(make([]byte, pad), marker...))
		out["base64"+strings.Repeat("+", pad)] = []byte(text[(pad*8+5)/6 : len(text)-4])
	}
	return out
}

// find lists the files below dir that hold a marker in any form.
func find(t *testing.T, dir, marker string) (found []string) {
	t.Helper()
	forms := needles(marker)
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for form, n := range forms {
			if bytes.Contains(b, n) {
				found = append(found, path+" ("+form+")")
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestFind(t *testing.T) {
	t.Parallel()
	marker := "canary-0123456789abcdef"
	for pad := range 5 {
		text := strings.Repeat("x", pad) + marker + "yyy"
		for form, b := range map[string][]byte{
			"plain": []byte(text), "hex": []byte(hex.EncodeToString([]byte(text))), "base64": []byte(base64.StdEncoding.EncodeToString([]byte(text))),
			"base64 for URLs": []byte(base64.RawURLEncoding.EncodeToString([]byte(text))),
		} {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "file"), b, 0o600); err != nil {
				t.Fatal(err)
			}
			if got := find(t, dir, marker); len(got) != 1 {
				t.Errorf("%s with %d octets before: found %v", form, pad, got)
			}
			if got := find(t, dir, "another-marker-00000000"); len(got) != 0 {
				t.Errorf("%s: found %v", form, got)
			}
		}
	}
}
