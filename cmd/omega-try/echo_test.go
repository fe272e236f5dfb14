package main

import (
	"bytes"
	"context"
	"testing"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat/secure"
	"github.com/omega-im/omega/clientrpc"
)

// A listener notes what it is asked.
type listener struct{ asked []any }

func (l *listener) Close() error { return nil }
func (l *listener) Call(_ context.Context, _ string, req, _ any) error {
	l.asked = append(l.asked, req)
	return nil
}

// TestEcho: the echo answers where it was written to, and in a group only who calls it,
// without calling anybody; it comes where it is invited to.
func TestEcho(t *testing.T) {
	own, from := fingerprint(t, 1), fingerprint(t, 2)
	direct, secret, group := omega.DirectChat(own, from), secure.Direct(own, from), omega.ChatID{7}
	call := []clientrpc.Entity{{Type: "mention", Offset: 4, Length: 3, Account: own}}
	for name, row := range map[string]struct {
		m        clientrpc.Message
		to, text string
	}{
		"of two":                {clientrpc.Message{Chat: direct, Text: "哈囉"}, from.String(), "哈囉"},
		"in secret":             {clientrpc.Message{Chat: secret, Text: "噓", Secure: true}, secret.String(), "噓"},
		"in a group":            {clientrpc.Message{Chat: group, Text: "大家好"}, "", ""},
		"called":                {clientrpc.Message{Chat: group, Text: "😀嗨 @回聲 在嗎", Mentioned: true, Entities: call}, group.String(), "😀嗨 在嗎"},
		"only called":           {clientrpc.Message{Chat: group, Text: "@回聲", Mentioned: true, Entities: []clientrpc.Entity{{Type: "mention", Length: 3, Account: own}}}, group.String(), "👋"},
		"called beyond the end": {clientrpc.Message{Chat: group, Text: "嗨", Mentioned: true, Entities: []clientrpc.Entity{{Type: "all", Length: 1 << 31, Offset: 1 << 31}}}, group.String(), "嗨"},
		"a picture":             {clientrpc.Message{Chat: direct, Kind: "media", Text: "看"}, "", ""},
	} {
		if row.m.From, row.m.Verified = from, true; row.m.Kind == "" {
			row.m.Kind = "text"
		}
		var l listener
		echo(t.Context(), &l, own, &row.m)
		unproven := row.m
		unproven.Verified = false
		echo(t.Context(), &l, own, &unproven)
		if row.to == "" {
			if len(l.asked) != 0 {
				t.Errorf("%s: %+v", name, l.asked)
			}
			continue
		}
		if len(l.asked) != 1 {
			t.Fatalf("%s: %d calls", name, len(l.asked))
		}
		if p := l.asked[0].(clientrpc.SendParams); p.To != row.to || p.Text != row.text || (p.Reply != nil) != row.m.Mentioned || p.ID.IsZero() {
			t.Errorf("%s: %+v", name, p)
		}
	}
	var l listener
	echo(t.Context(), &l, own, &clientrpc.Message{Chat: direct, From: from, Verified: true, Kind: "group-invite", Group: "g"})
	if len(l.asked) != 1 || l.asked[0] != (clientrpc.GroupRef{Group: "g"}) {
		t.Errorf("invited: %+v", l.asked)
	}
}

// fingerprint is that of an account that does not exist.
func fingerprint(t *testing.T, n byte) omega.Fingerprint {
	t.Helper()
	fp, err := omega.FingerprintV4(bytes.Repeat([]byte{n}, 20))
	if err != nil {
		t.Fatal(err)
	}
	return fp
}
