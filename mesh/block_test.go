package mesh

import (
	"slices"
	"testing"

	"github.com/omega-im/omega"
)

// crowdedCloud is a cloud of which most servers stand in one block of addresses
// and name an operator each; three others stand in blocks of their own. The last
// server has one link, to the crowded block, and the database is its own.
func crowdedCloud() (db *DB, block func(omega.Fingerprint) uint64) {
	g := randomGraph(seeded(5), 20, 0.4)
	self := fp("zz")
	g = NewGraph(append(slices.Clone(g.nodes), self), append(g.Edges(), Edge{g.nodes[crowded], self, 1000}), nil)
	block = func(f omega.Fingerprint) uint64 {
		if i := slices.Index(g.nodes, f); i < 3 {
			return uint64(1 + i)
		}
		return 9
	}
	db = memberDB(g)
	db.cfg.Self = self
	return db, block
}

// crowded is the number of a server in the crowded block.
const crowded = 10

// inBlock counts the servers of a plan that are in a block.
func inBlock(plan []omega.Fingerprint, block func(omega.Fingerprint) uint64, number uint64) (n int) {
	for _, f := range plan {
		if block(f) == number {
			n++
		}
	}
	return n
}

// Of four links one is in the crowded block while there are three other blocks;
// without them all can be there, and with blocks that are not known it is as if
// there were none.
func TestPlanLooksAtBlocks(t *testing.T) {
	db, block := crowdedCloud()
	for seed := range uint64(50) {
		for name, of := range map[string]func(omega.Fingerprint) uint64{"known": block, "not known": func(omega.Fingerprint) uint64 { return 0 }} {
			v := db.View(t0, new(Standing))
			var member, newcomer []omega.Fingerprint
			for _, w := range v.Plan(PlanInput{Block: of}, seeded(seed)) {
				member = append(member, w.Peer)
			}
			newcomer = v.PlanJoin(JoinInput{Applicant: Applicant{Server: v.Self, Operator: "newcomer"}, Block: of}, seeded(seed)).Chosen()
			for who, plan := range map[string][]omega.Fingerprint{"member": member, "newcomer": newcomer} {
				if len(plan) != TargetLinks {
					t.Fatalf("%s plans %d links", who, len(plan))
				}
				if n := inBlock(plan, block, 9); name == "known" && n != 1 {
					t.Errorf("seed %d: %d of the %d links of a %s are in one block, want 1", seed, n, len(plan), who)
				}
			}
		}
	}
}

// Links that are there count: who has one in the crowded block looks elsewhere
// first, and there again when nothing else is left.
func TestPlanKnowsBlocksOfLinks(t *testing.T) {
	db, block := crowdedCloud()
	v := db.View(t0, new(Standing))
	crowded := v.Records[crowded].Server
	for seed := range uint64(50) {
		wants := v.Plan(PlanInput{Links: []omega.Fingerprint{crowded}, Block: block}, seeded(seed))
		for _, w := range wants {
			if block(w.Peer) == block(crowded) {
				t.Fatalf("seed %d: a link to the block that has one already", seed)
			}
		}
		others := []omega.Fingerprint{v.Records[0].Server, v.Records[1].Server, v.Records[2].Server}
		if wants = v.Plan(PlanInput{Links: others, Block: block}, seeded(seed)); len(wants) == 0 || block(wants[0].Peer) != block(crowded) {
			t.Fatalf("seed %d: %v, and the crowded block is all that is left", seed, wants)
		}
	}
}
