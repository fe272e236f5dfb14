package mesh

import (
	"testing"
	"time"
)

// A loss is a link that the other end still lists, or transit; nothing else
// cannot wait.
func TestUrgent(t *testing.T) {
	links := func(names ...string) func(*Announcement) {
		return func(a *Announcement) {
			for _, n := range names {
				a.Links = append(a.Links, Link{fp(n), time.Millisecond})
			}
		}
	}
	drains := func(a *Announcement) {
		links("b", "c")(a)
		a.Flags |= FlagDraining
	}
	rows := []struct {
		name   string
		next   func(*Announcement)
		urgent bool
	}{
		{"a refresh", links("b", "c"), false},
		{"another link", links("b", "c", "d"), false},
		{"one less", links("b"), true},
		{"one for another", links("b", "d"), true},
		{"goes away", drains, true},
	}
	for _, row := range rows {
		db := newTestDB("self")
		apply := func(b []byte) {
			if news, err := db.Apply(t0, b); !news || err != nil {
				t.Fatal(row.name, news, err)
			}
		}
		for _, peer := range []string{"b", "c", "d"} {
			apply(announce(t, peer, 1, t0, links("a")))
		}
		apply(announce(t, "a", 1, t0, links("b", "c")))
		before, _ := db.Get(fp("a"))
		apply(announce(t, "a", 2, t0, row.next))
		if got := db.Urgent(before); got != row.urgent {
			t.Errorf("%s: urgent %v, want %v", row.name, got, row.urgent)
		}
	}
	db := newTestDB("self")
	if db.Urgent(nil) {
		t.Error("the first announcement of a server is urgent")
	}
	for _, b := range [][]byte{announce(t, "a", 1, t0, links("b")), announce(t, "b", 1, t0, nil)} {
		if _, err := db.Apply(t0, b); err != nil {
			t.Fatal(err)
		}
	}
	before, _ := db.Get(fp("a"))
	if _, err := db.Apply(t0, announce(t, "a", 2, t0, nil)); err != nil {
		t.Fatal(err)
	}
	if db.Urgent(before) {
		t.Error("a link that its other end did not list is a loss")
	}
}
