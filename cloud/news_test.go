package cloud

import (
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/mesh"
	"github.com/omega-im/omega/wire"
)

// wants is how many offers of a server's announcement are open.
func (nd *node) wants(fp omega.Fingerprint) int {
	offers := make(chan int, 1)
	if !nd.do(func(o *owner) {
		n := 0
		if w := o.wanted[fp]; w != nil {
			n = len(w.offers)
		}
		offers <- n
	}) {
		return -1
	}
	return <-offers
}

// What is no loss is known to all soon, by offers, and then nothing is wanted
// any more.
func TestNewsAreOffered(t *testing.T) {
	inBubble(t, func(t *testing.T, n *testNet) {
		nodes := n.cloudOf(8, nil)
		time.Sleep(time.Minute)
		if err := nodes[0].Update(func(a *mesh.Announcement) { a.Load = 7 }); err != nil {
			t.Fatal(err)
		}
		news := nodes[0].id.Account()
		n.await("everybody knows", time.Second, func() bool {
			for _, nd := range nodes {
				for _, b := range nd.Announcements() {
					if a, err := mesh.Decode(b); err == nil && a.Server == news && a.Load != 7 {
						return false
					}
				}
			}
			return true
		})
		for _, nd := range nodes {
			if n := nd.wants(news); n != 0 {
				t.Errorf("%s still has %d offers", nd.addr, n)
			}
		}
	})
}

// Who offers an announcement and does not send it holds it up for a moment: then
// somebody else who offered it is asked. Offers of what is not there are forgotten.
// (spec/cloud.md, CLOUD-40)
func TestOffersThatAreNotHonoured(t *testing.T) {
	inBubble(t, func(t *testing.T, n *testNet) {
		nodes := n.cloudOf(4, nil)
		time.Sleep(time.Minute)
		liar, teller, origin := n.add(8, nil), n.add(9, nil), nodes[3]
		lie, tell := n.connect(liar, nodes[0]), n.connect(teller, nodes[0])
		defer lie.Close()
		defer tell.Close()
		next, err := mesh.Decode(n.announcementOf(origin))
		if err != nil {
			t.Fatal(err)
		}
		next.Sequence++
		offer := appendNews(nil, &mesh.Record{Announcement: next})
		lie.SendFrame(wire.TypeLSNews, 0, offer)
		time.Sleep(100 * time.Millisecond)
		tell.SendFrame(wire.TypeLSNews, 0, offer)
		wanted := func() int { return nodes[0].wants(origin.id.Account()) }
		n.await("both offers are known", time.Second, func() bool { return wanted() == 2 })
		n.await("the second one is taken up", newsPatience/2, func() bool { return wanted() == 1 })
		n.await("nobody is asked for ever", 2*newsPatience, func() bool { return wanted() == 0 })
	})
}
