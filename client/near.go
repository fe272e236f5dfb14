package client

import (
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/mesh"
)

// handshakes guesses how long it takes to connect to each server that can be
// guessed: from servers that were dialled on, the links that both ends announce say
// how far others are. self is this account. (spec/delivery.md, DELIV-20)
func handshakes(self omega.Fingerprint, servers map[omega.Fingerprint]*knownServer) map[omega.Fingerprint]time.Duration {
	nodes := []omega.Fingerprint{self}
	var links []mesh.Edge
	for fp, k := range servers {
		nodes = append(nodes, fp)
		if k.Took > 0 {
			links = append(links, mesh.Edge{A: self, B: fp, RTT: k.Took / handshakeTrips})
		}
		for _, l := range k.announced.Links {
			if back, ok := servers[l.Peer].linkTo(fp); ok && fp.Compare(l.Peer) < 0 {
				links = append(links, mesh.Edge{A: fp, B: l.Peer, RTT: max(l.RTT, back)})
			}
		}
	}
	tree := mesh.NewGraph(nodes, links, nil).SPF(self)
	out := map[omega.Fingerprint]time.Duration{}
	for fp, k := range servers {
		if rtt, ok := tree.Distance(fp); ok {
			out[fp] = handshakeTrips * rtt
		}
		if k.Took > 0 {
			out[fp] = k.Took
		}
	}
	return out
}

// linkTo is the round trip of a link that the server announces.
func (k *knownServer) linkTo(peer omega.Fingerprint) (time.Duration, bool) {
	if k != nil {
		for _, l := range k.announced.Links {
			if l.Peer == peer {
				return l.RTT, true
			}
		}
	}
	return 0, false
}
