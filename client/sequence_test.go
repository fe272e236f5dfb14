package client

import (
	"slices"
	"testing"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/clientrpc"
)

// TestInSequence: what a device wrote stands in the order in which it was written, and
// what it did in a group stays where it was noted.
func TestInSequence(t *testing.T) {
	ann, bob := omega.Fingerprint{}, omega.Fingerprint{}
	for fp, octet := range map[*omega.Fingerprint]byte{&ann: 1, &bob: 2} {
		digest := make([]byte, 20)
		digest[0] = octet
		var err error
		if *fp, err = omega.FingerprintV4(digest); err != nil {
			t.Fatal(err)
		}
	}
	text := func(of omega.Fingerprint, sequence uint32, text string) clientrpc.Message {
		return clientrpc.Message{Device: of, Sequence: sequence, Text: text, Verified: true}
	}
	line := func(of omega.Fingerprint, text string) clientrpc.Message {
		return clientrpc.Message{Device: of, Text: text, Verified: true, Service: true}
	}
	for _, tt := range []struct {
		name string
		page []clientrpc.Message
		want []string
	}{
		{"a gap that was filled", []clientrpc.Message{text(ann, 1, "a"), text(ann, 3, "c"), text(bob, 1, "x"), text(ann, 2, "b")}, []string{"a", "b", "x", "c"}},
		{"lines of a group", []clientrpc.Message{line(ann, "made"), text(ann, 4, "a"), text(bob, 1, "x"), line(ann, "pinned"), line(ann, "renamed")}, []string{"made", "a", "x", "pinned", "renamed"}},
		{"both", []clientrpc.Message{text(ann, 5, "b"), line(ann, "pinned"), text(ann, 4, "a")}, []string{"a", "pinned", "b"}},
		{"what nobody proved", []clientrpc.Message{text(ann, 5, "b"), {Device: ann, Sequence: 1, Text: "?"}, text(ann, 4, "a")}, []string{"a", "?", "b"}},
	} {
		inSequence(tt.page)
		var got []string
		for _, m := range tt.page {
			got = append(got, m.Text)
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}
