package history

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/omega-im/omega"
)

func asideOf(sender, needs byte, n uint32, size int) *Aside {
	a := &Aside{Needs: fp(needs), Sender: fp(sender), Payload: make([]byte, size), Received: testTime}
	binary.BigEndian.PutUint32(a.ID[:], n)
	return a
}

// TestAside: envelopes wait in order, each once, and are forgotten one by one or
// when they are old.
func TestAside(t *testing.T) {
	db := openTest(t)
	put := func(tx *Tx, a *Aside) {
		t.Helper()
		kept, err := tx.PutAside(a)
		must(t, err)
		if !kept {
			t.Errorf("%v was not kept", a.ID)
		}
	}
	db.update(t, func(tx *Tx) error {
		for _, n := range []uint32{3, 1, 2, 1} {
			put(tx, asideOf(1, 2, n, 5))
		}
		put(tx, asideOf(1, 7, 9, 5))
		accounts, err := tx.AsideFor()
		must(t, err)
		if len(accounts) != 2 {
			t.Errorf("waits for %v, want two accounts", accounts)
		}
		got, err := tx.Aside(fp(2), 10)
		must(t, err)
		if len(got) != 3 || got[0].ID != asideOf(1, 2, 3, 5).ID || got[1].ID != asideOf(1, 2, 1, 5).ID || got[2].ID != asideOf(1, 2, 2, 5).ID {
			t.Fatalf("got %+v", got)
		}
		if got[0].Sender != fp(1) || got[0].Needs != fp(2) || len(got[0].Payload) != 5 || !got[0].Received.Equal(testTime) {
			t.Errorf("got %+v", got[0])
		}
		must(t, tx.DropAside(got[0].Position))
		return tx.DropOldAside(testTime)
	})
	db.update(t, func(tx *Tx) error {
		n, err := tx.CountAside()
		must(t, err)
		if n != 3 {
			t.Errorf("%d are left, want 3", n)
		}
		must(t, tx.DropOldAside(testTime.Add(time.Second)))
		n, err = tx.CountAside()
		if n != 0 {
			t.Errorf("%d old ones are left", n)
		}
		return err
	})
}

// TestAsideQuota: one sender has its share and no more, whomever it names, and
// what is kept stays when others send more than there is room for.
func TestAsideQuota(t *testing.T) {
	db := openTest(t)
	put := func(tx *Tx, a *Aside) bool {
		t.Helper()
		kept, err := tx.PutAside(a)
		must(t, err)
		return kept
	}
	db.update(t, func(tx *Tx) error {
		kept := 0
		for n := range uint32(300) {
			if put(tx, asideOf(1, byte(n), n, 1)) {
				kept++
			}
		}
		if kept != maxAsideOf {
			t.Errorf("%d of one sender are kept, want %d", kept, maxAsideOf)
		}
		if !put(tx, asideOf(1, 0, 0, 1)) {
			t.Error("what is there already is refused")
		}
		if !put(tx, asideOf(2, 0, 1000, maxAsideBytesOf)) || put(tx, asideOf(2, 0, 1001, 1)) {
			t.Error("another sender does not have its share of octets, or more")
		}
		for s := byte(3); s < 40; s++ {
			for n := range uint32(maxAsideOf) {
				put(tx, asideOf(s, 0, 2000+uint32(s)*1000+n, 1))
			}
		}
		n, err := tx.CountAside()
		must(t, err)
		if n != maxAside || put(tx, asideOf(99, 0, 1<<20, 1)) {
			t.Errorf("%d are kept, want %d", n, maxAside)
		}
		first, err := tx.Aside(fp(0), 1)
		if len(first) != 1 || first[0].ID != (omega.ID{}) {
			t.Errorf("the first one is gone: %+v", first)
		}
		return err
	})
}
