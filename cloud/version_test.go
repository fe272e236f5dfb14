package cloud

import (
	"testing"
	"time"

	"github.com/omega-im/omega/mesh"
	"github.com/omega-im/omega/wire"
)

// A request of a version that the candidate does not know is answered so, as
// often as it comes, and not held against the asker: what it asks next, by a
// request that is known, is judged.
func TestRequestOfNewerVersion(t *testing.T) {
	inBubble(t, func(t *testing.T, n *testNet) {
		nodes := n.cloudOf(4, nil)
		time.Sleep(acceptWindow) // what the cloud itself was offered is past
		newcomer := n.add(9, nil)
		conn := n.connect(newcomer, nodes[0])
		defer conn.Close()
		q := requestOf(newcomer, nodes[0], nodes[:3]...)
		b, err := q.AppendTo(nil)
		if err != nil {
			t.Fatal(err)
		}
		b[0] = 2
		b = append(b, "and more"...)
		for i := range 2 * maxBad {
			b[3] = byte(i + 1) // of the nonce
			if err := conn.SendFrame(wire.TypeLinkRequest, 0, b); err != nil {
				t.Fatal(err)
			}
			var f wire.Frame
			for f.Type != wire.TypeLinkRefusal {
				if f, err = conn.ReadFrame(); err != nil {
					t.Fatalf("request %d: %v", i, err)
				}
			}
			r, err := wire.DecodeLinkRefusal(f.Body)
			if err != nil || mesh.Refusal(r.Reason) != mesh.RefusalVersion || r.Nonce[0] != byte(i+1) || r.Text == "" || r.Retry <= 0 {
				t.Fatalf("request %d: %+v, %v", i, r, err)
			}
			time.Sleep(requestsPace)
		}
		_, offer := askOver(t, conn, q)
		checkOffer(t, nodes[0], newcomer, offer)
	})
}

// A newcomer joins although a server that it asks never answers requests.
func TestSilentCandidate(t *testing.T) {
	inBubble(t, func(t *testing.T, n *testNet) {
		nodes := n.cloudOf(5, nil)
		time.Sleep(acceptWindow)
		silent, asked := nodes[1], 0
		newcomer := n.add(9, nil)
		n.setTap(func(from, to string, f wire.Frame) bool {
			if from != newcomer.addr || to != silent.addr || f.Type != wire.TypeLinkRequest {
				return false
			}
			asked++
			return true
		})
		newcomer.start(silent)
		took := n.await("the newcomer is a member", 15*time.Second, func() bool {
			return nodes[0].Topology().States[newcomer.id.Account()] == mesh.Full
		})
		n.setTap(nil)
		if asked == 0 || n.linked(newcomer, silent) {
			t.Errorf("asked the silent one %d times, linked %v", asked, n.linked(newcomer, silent))
		}
		t.Logf("a member after %v", took)
	})
}
