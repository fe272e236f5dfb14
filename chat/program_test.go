package chat

import "testing"

// What does something when it is opened is known by its name, by its type, or by how
// it begins.
func TestPrograms(t *testing.T) {
	for name, want := range map[string]bool{
		"發票.pdf.exe": true, "a.EXE": true, "a.exe. .": true, "run.lnk": true, "信.html": true, "x.apk": true, "報表.xlsm": true, "pic.svg": true,
		"exe": false, "山.jpg": false, "a.exe.txt": false, "notes.txt": false, "": false, "v.mp4": false, "a.zip": false,
	} {
		if m := (MediaItem{FileName: name, Type: "application/octet-stream"}); m.Program() != want {
			t.Errorf("%q: %v", name, !want)
		}
	}
	if m := (MediaItem{FileName: "x", Type: "Application/X-MSDownload"}); !m.Program() {
		t.Error("a program by its type is none")
	}
	for begin, want := range map[string]bool{
		"MZ\x90": true, "\x7fELF\x02": true, "#!/bin/sh\n": true, "\xef\xbb\xbf <!DOCTYPE HTML>": true, "\n<script>": true, "<svg xmlns": true, "<html>": true,
		"": false, "\xff\xd8\xff": false, "PK\x03\x04": false, "hello": false, "%PDF-1.7": false,
	} {
		if BeginsLikeProgram([]byte(begin)) != want {
			t.Errorf("%q: %v", begin, !want)
		}
	}
}
