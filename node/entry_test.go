package node

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/cloud"
	"github.com/omega-im/omega/internal/i18n"
	"github.com/omega-im/omega/transport"
)

// What kept a server from its cloud is told by what it is, however it is worded.
func TestEntryReasons(t *testing.T) {
	says, err := omega.ParseFingerprint("0123456789ABCDEF0123456789ABCDEF01234567")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		err    error
		reason string
		said   string // in the words for people
	}{
		{&transport.OtherServer{Says: says}, "identity", says.String()},
		{fmt.Errorf("%w: no proof", transport.ErrServer), "other", "no proof"},
		{fmt.Errorf("%w: it says it is %s", errors.New("somebody"), says), "other", "somebody"},
		{transport.ErrRole, "role", ""},
		{transport.ErrPlain, "plain", ""},
		{context.DeadlineExceeded, "silent", ""},
	} {
		e := entryOf(cloud.Unmet{Address: "a:1", Err: fmt.Errorf("connect to a:1: %w", c.err)})
		want := i18n.T("entry."+c.reason, "a:1", e.Error)
		if c.said == says.String() {
			want = i18n.T("entry."+c.reason, "a:1", c.said)
		}
		if got := e.Words(); e.Reason != c.reason || fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%v: %q in the words %v, want %q, %v", c.err, e.Reason, got, c.reason, want)
		}
	}
	if !errors.Is(&transport.OtherServer{Says: says}, transport.ErrServer) {
		t.Error("another server is not ErrServer")
	}
}
