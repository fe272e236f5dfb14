package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/internal/i18n"
)

// A countingConn counts the calls of each method and answers nothing.
type countingConn map[string]int

func (c countingConn) Call(_ context.Context, method string, _, _ any) error {
	c[method]++
	return nil
}

func (countingConn) Close() error { return nil }

// full is a disk without room.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space left") }

// TestReceivedNotPrinted: a message that could not be written anywhere is not
// confirmed, so it comes again.
func TestReceivedNotPrinted(t *testing.T) {
	from, err := omega.ParseFingerprint("00112233445566778899AABBCCDDEEFF00112233")
	if err != nil {
		t.Fatal(err)
	}
	list := []clientrpc.Message{{ID: omega.ID{1}, From: from, Text: "x"}}
	for _, json := range []bool{true, false} {
		conn := countingConn{}
		a := &app{json: json, stdout: full{}}
		if err := a.received(t.Context(), conn, list); err == nil || len(conn) != 0 {
			t.Errorf("json %v: %v, calls %v", json, err, conn)
		}
		a = &app{json: json, stdout: &bytes.Buffer{}}
		if err := a.received(t.Context(), conn, list); err != nil || conn[clientrpc.Confirm.Name] != 1 {
			t.Errorf("json %v: %v, calls %v", json, err, conn)
		}
	}
}

// TestMessageOfSomebody: neither a text nor a name can look like anything else
// than the text and the name of one message.
func TestMessageOfSomebody(t *testing.T) {
	from, err := omega.ParseFingerprint("00112233445566778899AABBCCDDEEFF00112233")
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	a := &app{lang: i18n.English, stdout: &out}
	text := "one\rtwo\x1b[2Jthree\u061cfour\u202efive\u2028six\u0085seven\n2026-01-01 00:00:00  bob  ✓"
	a.message(t.Context(), clientrpc.Message{From: from, Name: "bob", Kind: "text", Text: text})
	lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	if len(lines) != 3 || !strings.HasSuffix(lines[0], "  bob  CCDDEEFF00112233") {
		t.Fatalf("%q", lines)
	}
	if lines[1] != "    one�two�[2Jthree�four�five�six�seven" || !strings.HasPrefix(lines[2], "    2026") {
		t.Errorf("%q", lines[1:])
	}
	out.Reset()
	a.message(t.Context(), clientrpc.Message{ID: omega.ID{0xab, 0xcd}, From: from, Name: "ann", Kind: "text", Text: "x", State: clientrpc.StateStored})
	if got := out.String(); !strings.HasSuffix(got, "  ann  abcd0000  ✓\n    x\n") {
		t.Errorf("own: %q", got)
	}
	for text, want := range map[string]string{"": "", "which?": "    which?\n"} {
		out.Reset()
		a.message(t.Context(), clientrpc.Message{From: from, Kind: "unheard-of", Text: text})
		if got := out.String(); !strings.HasSuffix(got, "\n    (a newer version can show this kind of message)\n"+want) {
			t.Errorf("newer kind: %q", got)
		}
	}
}

// TestInvitation: in the list an invitation says what it is, without a command that is cut
// off; one's own says who was invited.
func TestInvitation(t *testing.T) {
	a := &app{lang: i18n.Chinese}
	m := clientrpc.Message{Kind: "group-invite", Text: "週末登山讀書會", Name: "小安", Group: strings.Repeat("ab", 32)}
	if got := a.preview(t.Context(), &m); !strings.HasSuffix(got, "邀請你加入群組「週末登山讀書會」") {
		t.Errorf("preview: %q", got)
	}
	if got := a.body(t.Context(), m); !strings.HasSuffix(got, "omega group accept "+strings.Repeat("ab", 16)) {
		t.Errorf("body: %q", got)
	}
	m.State = clientrpc.StateStored
	if got := a.body(t.Context(), m); got != "邀請對方加入群組「週末登山讀書會」" {
		t.Errorf("own: %q", got)
	}
}

// TestJSONOfSomebody: a line of JSON steers no terminal, and says the same.
func TestJSONOfSomebody(t *testing.T) {
	var out bytes.Buffer
	text := "one\u009b2Jtwo\x7fthree\u202efour\x1b\u2028五😀"
	a := &app{json: true, stdout: &out, stderr: &out}
	if err := a.line(clientrpc.Message{Text: text}); err != nil {
		t.Fatal(err)
	}
	a.showError(&clientrpc.Error{Cause: text})
	for line := range strings.Lines(out.String()) {
		var got struct {
			Text  string
			Error struct{ Cause string }
		}
		if err := json.Unmarshal([]byte(line), &got); err != nil || got.Text+got.Error.Cause != text {
			t.Errorf("%q: %+v, %v", line, got, err)
		}
		line = strings.TrimSuffix(line, "\n")
		if i := strings.IndexFunc(line, func(r rune) bool { return !i18n.Harmless(r) }); i >= 0 || !strings.Contains(line, "五😀") {
			t.Errorf("%q", line)
		}
	}
}
