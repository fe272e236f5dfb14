package client

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/omega-im/omega/chat"
	"github.com/omega-im/omega/clientrpc"
)

// TestVoiceNotesAreHeard: a recording that is sent as a voice note carries its waveform and how
// long it is, whoever recorded it; what a face measured is left as it is, and what is no
// recording goes without. (spec/media.md, MEDIA-20)
func TestVoiceNotesAreHeard(t *testing.T) {
	c := newPost(t).newSomebody(t, "ann").Client
	dir := t.TempDir()
	recording, err := os.ReadFile("../internal/sound/testdata/four32k.webm") // half seconds: loud, quiet, silent, less loud
	must(t, err)
	read := func(what string, octets []byte, waveform []byte) chat.MediaItem {
		t.Helper()
		path := filepath.Join(dir, "note")
		must(t, os.WriteFile(path, octets, 0o600))
		item, err := c.readMedium(t.Context(), path, false, clientrpc.SendFileParams{As: what, Waveform: waveform})
		must(t, err)
		_, err = chat.NewMedia("", []chat.MediaItem{item}, false).Raw()
		must(t, err)
		return item
	}
	item := read(chat.Voice, recording, nil)
	if w := item.Waveform; len(w) != voiceBars || w[10] < 4*w[26] || w[40] > 10 || item.Duration < 1900*time.Millisecond || item.Duration > 2200*time.Millisecond {
		t.Errorf("a recording: %v, %v", item.Duration, w)
	}
	if item := read(chat.Voice, recording, []byte{1, 2}); !bytes.Equal(item.Waveform, []byte{1, 2}) || item.Duration == 0 {
		t.Errorf("of a face: %v, %v", item.Duration, item.Waveform)
	}
	if item := read(chat.File, recording, nil); len(item.Waveform) > 0 {
		t.Error("a file has a waveform")
	}
	if item := read(chat.Voice, []byte("no recording at all"), nil); len(item.Waveform) > 0 {
		t.Error("a text has a waveform")
	}
}
