package node

import (
	"fmt"
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/cloud"
	"github.com/omega-im/omega/mesh"
)

// TestIntroductions: a certificate that cannot be kept is tried less and less
// often, a new one at once, and one that is kept not again.
func TestIntroductions(t *testing.T) {
	fp, err := omega.ParseFingerprint(fmt.Sprintf("%040X", 1))
	if err != nil {
		t.Fatal(err)
	}
	i, now := introductions{}, time.Unix(1_700_000_000, 0)
	tries := func(hash [32]byte, seconds int, ok bool) (n int) {
		for range seconds {
			now = now.Add(time.Second)
			if i.due(fp, hash, now) {
				n++
				i.tried(fp, hash, ok, now)
			}
		}
		return n
	}
	if n := tries([32]byte{1}, 24*3600, false); n < 20 || n > 40 {
		t.Errorf("%d tries in a day that come to nothing", n)
	}
	if n := tries([32]byte{2}, 10, false); n != 3 {
		t.Errorf("%d tries in ten seconds with another certificate, want 3", n)
	}
	if n := tries([32]byte{2}, 24*3600, true); n != 1 {
		t.Errorf("%d times kept", n)
	}
	i.forget([]cloud.Server{{Record: &mesh.Record{Announcement: &mesh.Announcement{Server: fp}}}})
	if len(i) != 1 {
		t.Error("a server that is there is forgotten")
	}
	i.forget(nil)
	if len(i) != 0 {
		t.Error("a server that is gone is remembered")
	}
}
