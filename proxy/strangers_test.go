package proxy

import (
	"testing"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/mailbox"
)

// TestSourceKey: a server numbers where requests come from as before when it starts again,
// and no other server does as it: who looks for a key that has somebody's number would have
// to know its secret. (spec/delivery.md, DELIV-46)
func TestSourceKey(t *testing.T) {
	key := func(p *testPerson) mailbox.SourceKey {
		t.Helper()
		k, err := sourceKey(t.Context(), p.identity(0))
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	server, other := newPerson(t, 1), newPerson(t, 1)
	k, o := key(server), key(other)
	if k == (mailbox.SourceKey{}) || k != key(server) || k == o {
		t.Fatal("the key is none, another one after a start, or that of another server")
	}
	var people []omega.Fingerprint
	for range 8 {
		people = append(people, newPerson(t, 0).fp())
	}
	seen, same := map[uint32]bool{}, 0
	for _, fp := range people {
		s := k.SourceOf(fp, people[0])
		if s.Sender == 0 || s.Server == 0 || s != k.SourceOf(fp, people[0]) || s.Server != k.SourceOf(people[1], people[0]).Server {
			t.Errorf("the source of %s is %+v", fp, s)
		}
		seen[s.Sender] = true
		if o.SourceOf(fp, people[0]) == s {
			same++
		}
	}
	if len(seen) != len(people) || same > 0 {
		t.Errorf("%d people have %d numbers, %d of them at another server too", len(people), len(seen), same)
	}
	if s := k.SourceOf(people[0], people[0]); s.Sender != s.Server {
		t.Errorf("one key has two numbers: %+v", s)
	}
}
