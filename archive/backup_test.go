package archive

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

func backup(tb testing.TB, without ...string) []byte {
	tb.Helper()
	dir := tb.TempDir()
	for _, f := range backupFiles {
		if slices.Contains(without, f.name) {
			continue
		}
		if err := os.WriteFile(filepath.Join(dir, f.name), []byte("this is "+f.name), 0o600); err != nil {
			tb.Fatal(err)
		}
	}
	var b bytes.Buffer
	m := &Manifest{Created: time.Unix(1_800_000_000, 0).UTC(), Name: "小明", Messages: 7}
	if err := WriteBackup(&b, m, func(name string) string { return filepath.Join(dir, name) }); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

func TestBackup(t *testing.T) {
	file := backup(t)
	got := map[string]string{}
	m, err := ReadBackup(bytes.NewReader(file), func(name string, r io.Reader) error {
		b, err := io.ReadAll(r)
		got[name] = string(b)
		return err
	})
	if err != nil || m.Name != "小明" || m.Messages != 7 || len(got) != len(backupFiles) || got["history.db"] != "this is history.db" {
		t.Errorf("%+v, %q, %v", m, got, err)
	}
	if _, err := ReadBackup(bytes.NewReader(file), func(string, io.Reader) error { return nil }); err != nil {
		t.Errorf("without reading: %v", err)
	}
}

// An account whose primary key was made elsewhere has no revocation here.
func TestBackupWithoutRevocation(t *testing.T) {
	var got []string
	_, err := ReadBackup(bytes.NewReader(backup(t, "revocation.asc")), func(name string, _ io.Reader) error {
		got = append(got, name)
		return nil
	})
	if want := []string{"account.json", "secrets.pgp", "certificate.pgp", "history.db"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("%q, %v", got, err)
	}
}

// TestReadBackupRefuses: whatever was taken out, put in or changed is noticed.
func TestReadBackupRefuses(t *testing.T) {
	type file struct {
		name string
		body []byte
	}
	var files []file
	for in := tar.NewReader(bytes.NewReader(backup(t))); ; {
		h, err := in.Next()
		if err != nil {
			break
		}
		b, _ := io.ReadAll(in)
		files = append(files, file{h.Name, b})
	}
	for _, tt := range []struct {
		name   string
		change func([]file) []file
	}{
		{"nothing", func(f []file) []file { return nil }},
		{"one less", func(f []file) []file { return f[:5] }},
		{"a file that is listed", func(f []file) []file { return slices.Delete(f, 4, 5) }},
		{"one more", func(f []file) []file { return append(f, file{"x", nil}) }},
		{"another order", func(f []file) []file { f[1], f[2] = f[2], f[1]; return f }},
		{"a way out", func(f []file) []file { f[1].name = "../account.json"; return f }},
		{"another text", func(f []file) []file { f[3].body = []byte("this is certificate.pgq"); return f }},
		{"a version", func(f []file) []file {
			f[0].body = bytes.Replace(f[0].body, []byte(`"version": 1`), []byte(`"version": 2`), 1)
			return f
		}},
		{"no JSON", func(f []file) []file { f[0].body = []byte("{"); return f }},
		{"a large one", func(f []file) []file { f[1].body = make([]byte, 1<<20+1); return f }},
	} {
		var b bytes.Buffer
		out := tar.NewWriter(&b)
		for _, f := range tt.change(append([]file(nil), files...)) {
			header(out, f.name, int64(len(f.body)), time.Time{})
			out.Write(f.body)
		}
		out.Close()
		if _, err := ReadBackup(&b, func(string, io.Reader) error { return nil }); !errors.Is(err, ErrBackup) {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

func FuzzReadBackup(f *testing.F) {
	f.Add(backup(f))
	f.Fuzz(func(t *testing.T, file []byte) {
		ReadBackup(bytes.NewReader(file), func(_ string, r io.Reader) error {
			_, err := io.Copy(io.Discard, r)
			return err
		})
	})
}
