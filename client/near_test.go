package client

import (
	"maps"
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/history"
	"github.com/omega-im/omega/mesh"
)

// How far servers are that were never dialled is guessed from the links that both
// of their ends announce, on from those that were.
func TestHandshakes(t *testing.T) {
	const ms = time.Millisecond
	server := func(took time.Duration, links ...mesh.Link) *knownServer {
		return &knownServer{Server: history.Server{Took: took}, announced: &mesh.Announcement{Links: links}}
	}
	to := func(i int, rtt time.Duration) mesh.Link { return mesh.Link{Peer: manyFP(i), RTT: rtt} }
	servers := map[omega.Fingerprint]*knownServer{
		manyFP(0): server(40*ms, to(1, 5*ms), to(2, 30*ms)),
		manyFP(1): server(0, to(0, 6*ms), to(2, 10*ms)),
		manyFP(2): server(0, to(0, 30*ms), to(1, 10*ms), to(3, ms)),
		manyFP(3): server(0, to(0, ms)), // who says so of it does not hear it from the other end
		manyFP(4): server(400*ms, to(0, ms)),
		manyFP(5): server(0, to(4, 20*ms), to(9, ms)), // 4 lists only itself near to others; 9 is unknown
	}
	want := map[omega.Fingerprint]time.Duration{
		manyFP(0): 40 * ms,
		manyFP(1): 4 * (10 + 6) * ms,
		manyFP(2): 4 * (10 + 6 + 10) * ms,
		manyFP(4): 400 * ms, // what was measured counts
	}
	if got := handshakes(fp(255), servers); !maps.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}
