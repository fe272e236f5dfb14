package client

import (
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/clientrpc"
)

// testTime is the now of tests that need none in particular.
var testTime = time.Date(2026, 11, 22, 13, 20, 0, 0, time.UTC)

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

// fp makes up a fingerprint.
func fp(n byte) omega.Fingerprint {
	f, err := omega.FingerprintV4(append(make([]byte, 19), n))
	if err != nil {
		panic(err)
	}
	return f
}

func TestAccountFile(t *testing.T) {
	home := t.TempDir()
	if _, err := loadAccount(home); !errors.Is(err, errNoAccount) {
		t.Errorf("empty home: %v", err)
	}
	a := &account{Version: 1, Fingerprint: fp(1), Device: fp(2), Name: "小明", Server: "x", Primary: PrimaryHere, Created: testTime}
	must(t, a.save(home))
	got, err := loadAccount(home)
	if err != nil || *got != *a {
		t.Errorf("%+v, %v", got, err)
	}
	info, err := os.Stat(filepath.Join(home, fileAccount))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	for _, text := range []string{"", "{", `{"version":2}`, `[]`} {
		must(t, os.WriteFile(filepath.Join(home, fileAccount), []byte(text), 0o600))
		if _, err := loadAccount(home); err == nil || errors.Is(err, errNoAccount) {
			t.Errorf("%q: %v", text, err)
		}
		var e *clientrpc.Error
		if _, err := AccountOf(home); !errors.As(err, &e) || e.Code != clientrpc.CodeHome {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// TestWriteFile: readers see the old content or the new one, whole, and a
// failure leaves the old one and no other file.
func TestWriteFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "f")
	content := func(n byte) []byte {
		b := make([]byte, 64<<10)
		for i := range b {
			b[i] = n
		}
		return b
	}
	must(t, writeFile(path, content(0)))
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		defer close(done)
		for n := range byte(20) {
			if err := writeFile(path, content(n)); err != nil {
				t.Error(err)
			}
		}
	})
	for open := true; open; {
		select {
		case <-done:
			open = false
		default:
		}
		b, err := os.ReadFile(path)
		if err != nil || len(b) != 64<<10 || b[0] != b[len(b)-1] {
			t.Fatalf("half a file: %d octets, %v", len(b), err)
		}
	}
	wg.Wait()
	if info, _ := os.Stat(path); info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v", info.Mode())
	}
	must(t, os.Mkdir(filepath.Join(dir, "d"), 0o700))
	if err := writeFile(filepath.Join(dir, "d"), nil); err == nil {
		t.Error("a directory was replaced")
	}
	if files, _ := os.ReadDir(dir); len(files) != 2 {
		t.Errorf("%d files, want 2", len(files))
	}
}

func TestNotice(t *testing.T) {
	var n notice
	n.notify() // nobody waits
	a, b := n.wait(), n.wait()
	select {
	case <-a:
		t.Fatal("woken by what was before")
	default:
	}
	n.notify()
	<-a
	<-b
	c := n.wait()
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() { n.notify(); <-c })
	}
	wg.Wait()
}

// A home is exposed when others come in and can do something there.
func TestExposed(t *testing.T) {
	for _, tt := range []struct {
		dir, file os.FileMode
		want      bool
	}{
		{0o700, 0o644, false},
		{0o755, 0o600, false},
		{0o755, 0o644, true},
		{0o750, 0o660, true},
	} {
		dir := t.TempDir()
		must(t, os.WriteFile(filepath.Join(dir, "own"), nil, 0o600))
		file := filepath.Join(dir, fileSecrets)
		must(t, os.WriteFile(file, nil, 0o600))
		must(t, os.Chmod(file, tt.file))
		must(t, os.Chmod(dir, tt.dir))
		if got := exposed(dir); got != tt.want {
			t.Errorf("directory %o, file %o: exposed %v, want %v", tt.dir, tt.file, got, tt.want)
		}
	}
	if exposed(filepath.Join(t.TempDir(), "none")) {
		t.Error("a directory that is not there is exposed")
	}
}
