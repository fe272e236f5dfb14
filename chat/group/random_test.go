package group

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/omega-im/omega"
)

// history makes a random history of a group of people on several sides that
// now and then hear of each other.
func history(rt *rapid.T, size int) []*Op {
	sides := newSides(rt)
	return goOn(rt, sides, sides[0].Ops(), size)
}

// closedHistory is a random one of which something is late for certain: one side begins
// with two checkpoints of the only owner there was, Grace apart, and another with what
// its author did without having read them.
func closedHistory(rt *rapid.T, size int) []*Op {
	sides := newSides(rt)
	all := sides[0].Ops()
	for _, row := range []struct {
		side int
		at   time.Time
		op   Op
	}{
		{0, start, Op{Type: TypeCheckpoint, State: sides[0].State().Hash()}},
		{0, start.Add(Grace), Op{Type: TypeCheckpoint, State: sides[0].State().Hash()}},
		{1, start, Op{Type: TypePin, Messages: []omega.ID{message("m1")}}},
	} {
		next, err := sides[row.side].Next(party("A"), row.at, row.op)
		if err != nil {
			rt.Fatal(err)
		}
		if _, err := sides[row.side].Add(next); err != nil {
			rt.Fatal(err)
		}
		all = append(all, next)
	}
	return goOn(rt, sides, all, size)
}

// newSides are the logs of a group that has just been founded.
func newSides(rt *rapid.T) (sides [3]*Log) {
	genesis := &Op{Author: party("A"), Time: start, Type: TypeGenesis, Accounts: people([]string{"A", "B"}), Profile: Profile{Name: "g"}, Nonce: message("n")}
	if err := genesis.seal(); err != nil {
		rt.Fatal(err)
	}
	for i := range sides {
		sides[i], _ = NewLog(genesis)
	}
	return sides
}

// goOn has people do anything on any side, and returns it behind what was done before.
func goOn(rt *rapid.T, sides [3]*Log, all []*Op, size int) []*Op {
	names := []string{"A", "B", "C", "D", "E", "F"}
	draw := func(n int, what string) int { return rapid.IntRange(0, n-1).Draw(rt, what) }
	types := []Type{TypeInvite, TypeInvite, TypeAccept, TypeAccept, TypeRole, TypeRole, TypeRemove, TypeBan, TypeUnban, TypeLeave, TypePin, TypeUnpin, TypeProfile, TypePolicy, TypeRevert, TypeCheckpoint}
	for i := range size {
		side := sides[draw(len(sides), "side")]
		o := Op{Type: types[draw(len(types), "type")]}
		switch o.Type {
		case TypeInvite, TypeRemove, TypeBan, TypeUnban:
			o.Accounts = people(names[draw(len(names), "target"):][:1])
		case TypeRole:
			o.Role = Role(1 + draw(3, "role"))
			o.Accounts = people(names[draw(len(names), "target"):][:1])
		case TypePin, TypeUnpin:
			o.Messages = []omega.ID{message([]string{"m1", "m2"}[draw(2, "message")])}
		case TypeProfile:
			o.Profile.Name = names[draw(len(names), "name")]
		case TypePolicy:
			rules := DefaultRules
			rules.Invite = Role(1 + draw(3, "rule"))
			o.Rules = &rules
		case TypeRevert:
			o.Operations = []Hash{all[draw(len(all), "reverted")].hash}
		case TypeCheckpoint:
			o.State = side.State().Hash()
		}
		if draw(4, "cosigned") == 0 {
			o.Cosigners = []Party{party("B")}
		}
		author := names[draw(len(names), "author")]
		if author == "B" {
			o.Cosigners = nil
		}
		next, err := side.Next(party(author), start.Add(time.Duration(i)*12*time.Hour), o)
		if err != nil {
			rt.Fatal(err)
		}
		if placed, _ := side.Add(next); len(placed) > 0 {
			all = append(all, next)
		}
		if draw(5, "meet") == 0 {
			other := sides[draw(len(sides), "other")]
			for _, o := range other.Ops() {
				if _, err := side.Add(o); err != nil {
					rt.Fatal(err)
				}
			}
		}
	}
	return all
}

// TestAnyOrder gives random histories to logs in random orders.
func TestAnyOrder(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		ops := history(rt, 40)
		seed := rapid.Uint64().Draw(rt, "seed")
		rnd := rand.New(rand.NewPCG(seed, 0))
		var want *State
		for range 20 {
			l, _ := NewLog(ops[0])
			for _, i := range rnd.Perm(len(ops)) {
				if _, err := l.Add(ops[i]); err != nil && i != 0 {
					rt.Fatal(err)
				}
			}
			if l.Len() != len(ops) || len(l.Missing()) > 0 {
				rt.Fatalf("%d of %d operations in place, %d missing", l.Len(), len(ops), len(l.Missing()))
			}
			if want == nil {
				want = l.State()
			} else if got := l.State(); got.Hash() != want.Hash() || !slices.Equal(got.Void, want.Void) {
				rt.Fatalf("another order gave\n%s\nwant\n%s", got.Text(), want.Text())
			}
		}
		lawsOfState(rt, ops, want)
	})
}

// TestStateAdvances: what is judged one operation after the other, in any order, is
// what is judged at once.
func TestStateAdvances(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		ops := history(rt, 40)
		rnd := rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "seed"), 1))
		for _, order := range [][]int{nil, rnd.Perm(len(ops))} {
			l, _ := NewLog(ops[0])
			for i := range ops {
				if order != nil {
					i = order[i]
				}
				if _, err := l.Add(ops[i]); err != nil && i != 0 {
					rt.Fatal(err)
				}
				got := l.State()
				if want, _ := l.StateAt(l.Heads()); got.Hash() != want.Hash() || !slices.Equal(got.Void, want.Void) {
					rt.Fatalf("after %s:\n%s\nwant\n%s", ops[i].Type, got.Text(), want.Text())
				}
			}
		}
	})
}

// TestLate: what is found to be late is what GROUP-8 says, word by word.
func TestLate(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		lateAsSaid(rt, history(rt, 40))
		if lateAsSaid(rt, closedHistory(rt, 40)) == 0 {
			rt.Fatal("nothing was late behind two checkpoints")
		}
	})
}

// lateAsSaid counts what is late of a history, and checks each operation of it.
func lateAsSaid(rt *rapid.T, ops []*Op) (late int) {
	l, _ := NewLog(ops[0])
	for _, o := range ops[1:] {
		if _, err := l.Add(o); err != nil {
			rt.Fatal(err)
		}
	}
	l.State()
	c := l.judge(l.court.scope)
	for n := range c.all() {
		want := slices.ContainsFunc(c.closing, func(newer *node) bool {
			return concurrent(n, newer) && slices.ContainsFunc(c.closing, func(o *node) bool {
				return o.before(newer) && newer.op.Time.Sub(o.op.Time) >= Grace && n != o && !o.before(n)
			})
		})
		if c.late[n] != want {
			rt.Fatalf("%s %d is late: %v, want %v", n.op.Type, n.at, c.late[n], want)
		}
		if want {
			late++
		}
	}
	return late
}

// lawsOfState are what holds in every group, whatever happened.
func lawsOfState(rt *rapid.T, ops []*Op, s *State) {
	accepts, leaves := map[omega.Fingerprint]int{}, map[omega.Fingerprint]int{}
	for _, o := range ops {
		switch o.Type {
		case TypeAccept:
			accepts[o.Author.Account]++
		case TypeLeave:
			if !slices.Contains(s.Void, o.hash) { // one that came too late ends nothing
				leaves[o.Author.Account]++
			}
		}
	}
	for _, m := range s.Members {
		if accepts[m.Account] == 0 && (m.Account != ops[0].Author.Account || leaves[m.Account] > 0) {
			rt.Errorf("%s is a member and never accepted", m.Account)
		}
	}
	for _, f := range s.Invited {
		if s.Role(f) != RoleNone {
			rt.Errorf("%s is invited and a member", f)
		}
	}
	if slices.Contains(s.Void, ops[0].hash) {
		rt.Error("the genesis is void")
	}
}

// TestTenThousandOrders is one history of three admins on three sides in
// 10,000 orders.
func TestTenThousandOrders(t *testing.T) {
	orders := 10_000
	if testing.Short() {
		orders = 1000
	}
	ops := threeAdmins(t)
	rnd := rand.New(rand.NewPCG(7, 7))
	var want Hash
	for i := range orders {
		l, _ := NewLog(ops[0])
		for _, j := range rnd.Perm(len(ops)) {
			if _, err := l.Add(ops[j]); err != nil && j != 0 {
				t.Fatal(err)
			}
		}
		if got := l.State().Hash(); i == 0 {
			want = got
		} else if got != want {
			t.Fatalf("order %d gave another state:\n%s", i, l.State().Text())
		}
	}
}

// threeAdmins remove, invite and rename without knowing of each other.
func threeAdmins(t *testing.T) []*Op {
	g := &Op{Author: party("A"), Time: start, Type: TypeGenesis, Accounts: people([]string{"A"}), Profile: Profile{Name: "g"}, Nonce: message("n")}
	must(t, g.seal())
	base, _ := NewLog(g)
	add := func(l *Log, who string, o Op) {
		n, err := l.Next(party(who), start, o)
		must(t, err)
		_, err = l.Add(n)
		must(t, err)
	}
	add(base, "A", Op{Type: TypeInvite, Accounts: people([]string{"B", "C", "D", "E", "F"})})
	for _, p := range []string{"B", "C", "D", "E", "F"} {
		add(base, p, Op{Type: TypeAccept})
	}
	add(base, "A", Op{Type: TypeRole, Role: RoleAdmin, Accounts: people([]string{"B", "C", "D"})})
	all := base.Ops()
	for i, who := range []string{"A", "B", "C", "D"} {
		side, _ := NewLog(g)
		for _, o := range base.Ops() {
			_, err := side.Add(o)
			must(t, err)
		}
		add(side, who, Op{Type: TypeProfile, Profile: Profile{Name: who}})
		add(side, who, Op{Type: TypeRemove, Accounts: people([]string{[]string{"B", "E", "F", "E"}[i]})})
		add(side, who, Op{Type: TypeInvite, Accounts: people([]string{[]string{"G", "H", "I", "J"}[i]})})
		add(side, []string{"G", "H", "I", "J"}[i], Op{Type: TypeAccept})
		all = append(all, side.Ops()[base.Len():]...)
	}
	return all
}

// BenchmarkJoins is a group that thousands join one after the other: an operation
// costs what it says, and not what the group has.
func BenchmarkJoins(b *testing.B) {
	genesis := &Op{Author: party("A"), Time: start, Type: TypeGenesis, Accounts: people([]string{"A"}), Profile: Profile{Name: "g"}, Nonce: message("n")}
	if err := genesis.seal(); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		l, _ := NewLog(genesis)
		add := func(who Party, o Op) {
			n, err := l.Next(who, start, o)
			if err == nil {
				_, err = l.Add(n)
			}
			if err != nil {
				b.Fatal(err)
			}
		}
		for i := range 5000 {
			who := account(b, i)
			add(party("A"), Op{Type: TypeInvite, Accounts: []omega.Fingerprint{who}})
			add(Party{who, who}, Op{Type: TypeAccept})
			if n := len(l.State().Members); n != i+2 {
				b.Fatal(n)
			}
		}
	}
}
