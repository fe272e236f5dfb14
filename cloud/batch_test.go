package cloud

import (
	"slices"
	"testing"

	"github.com/omega-im/omega/mesh"
	"github.com/omega-im/omega/wire"
)

// Who says that it takes batches is sent announcements in one, and who does not,
// as an older server, is sent each alone. Both get the same. (spec/cloud.md,
// CLOUD-51)
func TestBatchesByAgreement(t *testing.T) {
	inBubble(t, func(t *testing.T, n *testNet) {
		nodes := n.cloudOf(6, nil)
		answer := func(peer *node, word byte) (alone, batched []string) {
			conn := n.connect(peer, nodes[0])
			defer conn.Close()
			hello := appendHello(nil, 0, false)
			hello[helloSize-1] = word
			var all []byte
			for b := range mesh.Buckets {
				all = append(all, byte(b))
			}
			must := func(err error) {
				if err != nil {
					t.Fatal(err)
				}
			}
			must(conn.SendFrame(wire.TypeHello, 0, hello))
			for ask := range slices.Chunk(all, bucketsPerRequest) {
				must(conn.SendFrame(wire.TypeLSRequest, 0, ask))
			}
			for digests := 0; digests < mesh.Buckets/bucketsPerRequest; {
				f, err := conn.ReadFrame()
				must(err)
				switch f.Type {
				case wire.TypeLSDigest:
					digests++
				case wire.TypeServerCert, wire.TypeLSA:
					alone = append(alone, string(f.Body))
				case wire.TypeLSBatch:
					frames, err := wire.DecodeBatch(f.Body)
					must(err)
					for _, in := range frames {
						batched = append(batched, string(in.Body))
					}
				}
			}
			slices.Sort(alone)
			slices.Sort(batched)
			return alone, batched
		}
		alone, none := answer(n.add(20, nil), 0)
		if len(alone) != 2*len(nodes) || len(none) > 0 {
			t.Errorf("an older server is sent %d frames, and %d in batches", len(alone), len(none))
		}
		none, batched := answer(n.add(21, nil), helloBatch)
		if len(none) > 0 || !slices.Equal(batched, alone) {
			t.Errorf("%d frames in batches and %d alone, want %d", len(batched), len(none), len(alone))
		}
	})
}

// A batch that is not what it says ends the connection.
func TestFalseBatch(t *testing.T) {
	inBubble(t, func(t *testing.T, n *testNet) {
		nodes := n.cloudOf(3, nil)
		conn := n.connect(n.add(20, nil), nodes[0])
		defer conn.Close()
		if err := conn.SendFrame(wire.TypeLSBatch, 0, []byte{0xff, 0xff, 0xff, 0xff, 0}); err != nil {
			t.Fatal(err)
		}
		for {
			if _, err := conn.ReadFrame(); err != nil {
				return // what ended it is the other side
			}
		}
	})
}
