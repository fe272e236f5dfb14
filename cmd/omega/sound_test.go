package main

import (
	"context"
	"os"
	"path/filepath"
	"testing"
)

// TestSound: the player that is here is given the file; what records is told to end and
// finishes its file; where no program is, nothing is offered.
func TestSound(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("PATH", dir)
	if player() != nil || recorder() != nil {
		t.Fatal("something is offered that is not here")
	}
	program := func(name, script string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+script), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	played := filepath.Join(dir, "played")
	program("ffplay", `for last; do :; done; echo "$last" >`+played+"\n")
	note := filepath.Join(dir, "a b.ogg")
	is := func(begin string) {
		t.Helper()
		if err := os.WriteFile(note, []byte(begin), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, begin := range []string{"", "#EXTM3U\nhttp://example.org/x", "# mpv EDL v0\nhttp://example.org/x", "http://example.org/"} {
		if is(begin); player()(t.Context(), note) == nil {
			t.Errorf("%q was played", begin)
		}
	}
	if is("OggS\x00\x02"); player()(t.Context(), note) != nil {
		t.Error("a sound was not played")
	}
	if b, err := os.ReadFile(played); string(b) != note+"\n" || err != nil {
		t.Errorf("it was given %q, %v", b, err)
	}
	program("ffmpeg", "for last; do :; done\ntrap 'echo whole >\"$last\"; exit 0' INT\necho >"+dir+"/begun\nwhile :; do /bin/sleep 0.02; done\n")
	if recorder() == nil {
		t.Skip("what records here is not known")
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	out := filepath.Join(dir, "out.ogg")
	ended := make(chan error, 1)
	go func() { ended <- recorder()(ctx, out) }()
	for _, err := os.Stat(filepath.Join(dir, "begun")); err != nil; _, err = os.Stat(filepath.Join(dir, "begun")) {
		if t.Context().Err() != nil || len(ended) > 0 {
			t.Fatal("it did not begin")
		}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(out); string(b) != "whole\n" || err != nil {
		t.Errorf("the file holds %q, %v", b, err)
	}
}
