package archive

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/omega-im/omega"
)

func aHandover(t testing.TB, lines ...*HandedLine) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := NewHandoverWriter(&b, &HandoverHead{Messages: 3})
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range lines {
		if err := w.Put(l); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func zipped(text string) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	io.WriteString(w, text)
	w.Close()
	return b.Bytes()
}

// A history is read line by line as it was written; what is none, is cut off, or has a
// line that is too long is an error and takes no more memory than a line.
func TestHandoverReader(t *testing.T) {
	text := "<三>\u2028 \"quoted\"\nline"
	b := aHandover(t, &HandedLine{Chat: &HandedChat{ID: omega.ChatID{1}, Kind: HandedGroup, Title: "x"}}, &HandedLine{Message: &HandedMessage{Transcript: text, Signature: []byte{1}}})
	r, err := NewHandoverReader(bytes.NewReader(b))
	if err != nil || r.Head.Messages != 3 {
		t.Fatalf("%+v, %v", r, err)
	}
	first, err := r.Next()
	if err != nil || first.Chat == nil || first.Chat.Title != "x" || first.Message != nil {
		t.Fatalf("%+v, %v", first, err)
	}
	second, err := r.Next()
	if err != nil || second.Message == nil || second.Message.Transcript != text {
		t.Fatalf("%+v, %v", second, err)
	}
	if _, err := r.Next(); err != io.EOF {
		t.Errorf("behind the last: %v", err)
	}
	for name, bad := range map[string][]byte{
		"nothing": nil, "no gzip": []byte("{}"), "empty": zipped(""), "another version": zipped(`{"omega_history":2}` + "\n"),
		"no JSON": zipped("x\n"), "a long line": zipped(`{"account":"` + strings.Repeat("x", maxHandedLine) + `"}`),
	} {
		if _, err := NewHandoverReader(bytes.NewReader(bad)); !errors.Is(err, ErrHandover) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for n := range len(b) - 1 {
		r, err := NewHandoverReader(bytes.NewReader(b[:n]))
		for err == nil {
			_, err = r.Next()
		}
		if err == io.EOF {
			t.Fatalf("%d of %d octets are a whole history", n, len(b))
		}
	}
}

func FuzzHandoverReader(f *testing.F) {
	f.Add(`{"omega_history":1,"messages":1}` + "\n" + `{"message":{"chat":"00","transcript":"x"}}`)
	f.Add(`{"omega_history":1}` + "\n" + `{"peer":{"account":"x","certificate":"AA=="}}`)
	f.Fuzz(func(t *testing.T, text string) {
		r, err := NewHandoverReader(bytes.NewReader(zipped(text)))
		for n := 0; err == nil; n++ {
			if n > len(text) {
				t.Fatal("there are more lines than octets")
			}
			_, err = r.Next()
		}
		if err != io.EOF && !errors.Is(err, ErrHandover) {
			t.Error(err)
		}
	})
}
