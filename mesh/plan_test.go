package mesh

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/omega-im/omega"
)

// Who lost a near link looks for one of several near ones again, though it has
// two links; who has its near ones looks anywhere. (spec/cloud.md, CLOUD-45)
func TestNearLinksAreReplacedByNearOnes(t *testing.T) {
	servers := []omega.Fingerprint{fp("self")}
	var links []Edge
	const size = 10
	for i := range size { // two cities far from each other, each in itself near
		for _, city := range []string{"a", "b"} {
			at := fp(fmt.Sprintf("%s%02d", city, i))
			servers = append(servers, at)
			for j := range i {
				links = append(links, Edge{at, fp(fmt.Sprintf("%s%02d", city, j)), time.Millisecond})
			}
		}
		links = append(links, Edge{fp(fmt.Sprintf("a%02d", i)), fp(fmt.Sprintf("b%02d", i)), 100 * time.Millisecond})
	}
	wanted := func(own ...Link) map[omega.Fingerprint]bool {
		edges := slices.Clone(links)
		var in PlanInput
		for _, l := range own {
			edges = append(edges, Edge{fp("self"), l.Peer, l.RTT})
			in.Links = append(in.Links, l.Peer)
		}
		db := memberDB(NewGraph(servers, edges, nil))
		db.cfg.Self = fp("self")
		v, picked := db.View(t0.Add(time.Hour), new(Standing)), map[omega.Fingerprint]bool{}
		for seed := range uint64(40) {
			wants := v.Plan(in, seeded(seed))
			if len(wants) != 1 || wants[0].Reason != ReasonDegree {
				t.Fatalf("wants %v", wants)
			}
			picked[wants[0].Peer] = true
		}
		return picked
	}
	near := wanted(Link{fp("a00"), 3 * time.Millisecond}, Link{fp("b00"), 104 * time.Millisecond}, Link{fp("b01"), 104 * time.Millisecond})
	for f := range near {
		if nameOf(f)[0] != 'a' {
			t.Errorf("a near link is to be replaced by %v", nameOf(f))
		}
	}
	if len(near) < 4 {
		t.Errorf("all would look for one of %d: %v", len(near), near)
	}
	far := 0
	for f := range wanted(Link{fp("a00"), 3 * time.Millisecond}, Link{fp("a01"), 3 * time.Millisecond}, Link{fp("b01"), 104 * time.Millisecond}) {
		if nameOf(f)[0] == 'b' {
			far++
		}
	}
	if far < 4 {
		t.Errorf("who has its near links looks for one of %d far ones", far)
	}
}

// A member asks its former neighbours that are in reach and have room, the nearest
// first and up to eight links in all, before anybody else. (spec/cloud.md, CLOUD-50)
func TestMembersAskFormerNeighbours(t *testing.T) {
	db := memberDB(meshGraph(seeded(5), 60, 6))
	v := db.View(t0, new(Standing))
	var in PlanInput
	for i := range 10 {
		in.Former = append(in.Former, Link{v.Graph.nodes[5*i+1], time.Duration(100-i) * time.Millisecond})
	}
	in.Former = append(in.Former, Link{fp("gone"), time.Millisecond})
	in.Links = []omega.Fingerprint{v.Graph.nodes[2], in.Former[9].Peer}
	refused := in.Former[7].Peer
	in.Skip = func(f omega.Fingerprint) bool { return f == refused }
	var got []omega.Fingerprint
	for _, w := range v.Plan(in, seeded(1)) {
		if w.Reason != ReasonFormer {
			t.Errorf("%v is wanted for %v", nameOf(w.Peer), w.Reason)
		}
		got = append(got, w.Peer)
	}
	var want []omega.Fingerprint
	for _, i := range []int{8, 6, 5, 4, 3, 2} {
		want = append(want, in.Former[i].Peer)
	}
	if !slices.Equal(got, want) {
		t.Errorf("asks %v, want %v", got, want)
	}
}
