package group

import (
	"testing"

	"github.com/omega-im/omega"
)

// TestMerge: however many accept at the same time, each stands in the past of what
// it does next, and merges bring the heads down without changing the group.
func TestMerge(t *testing.T) {
	g := &Op{Author: party("A"), Time: start, Type: TypeGenesis, Accounts: people([]string{"A"}), Profile: Profile{Name: "g"}, Nonce: message("n")}
	must(t, g.seal())
	log, _ := NewLog(g)
	var many []omega.Fingerprint
	for i := range 200 {
		many = append(many, account(t, i))
	}
	invite, err := log.Next(party("A"), start, Op{Type: TypeInvite, Accounts: many})
	must(t, err)
	_, err = log.Add(invite)
	must(t, err)
	apart, _ := NewLog(g)
	_, err = apart.Add(invite)
	must(t, err)
	for _, f := range many {
		o, err := apart.Next(Party{f, f}, start, Op{Type: TypeAccept})
		must(t, err)
		_, err = log.Add(o)
		must(t, err)
	}
	if n := len(log.Heads()); n != len(many) {
		t.Fatalf("%d heads", n)
	}
	for _, f := range many {
		o, err := log.Next(Party{f, f}, start, Op{Type: TypeMerge})
		must(t, err)
		if s, ok := log.StateAt(o.Parents); !ok || s.Role(f) != RoleMember {
			t.Fatalf("%s is no member where it merges", f)
		}
	}
	before := log.State().Hash()
	for range 14 { // 200 heads, 15 fewer each time
		o, err := log.Next(party("A"), start, Op{Type: TypeMerge})
		must(t, err)
		_, err = log.Add(o)
		must(t, err)
	}
	s := log.State()
	if len(log.Heads()) != 1 || s.Hash() != before || len(s.Members) != 201 || len(s.Void) != 0 {
		t.Errorf("%d heads, %d members, %d void", len(log.Heads()), len(s.Members), len(s.Void))
	}
}
