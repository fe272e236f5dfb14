package prekeys

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/wire"
)

var made = time.UnixMilli(1795000000123).UTC()

func fp(t testing.TB, digit string) omega.Fingerprint {
	t.Helper()
	f, err := omega.ParseFingerprint(strings.Repeat(digit, 40))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func prekey(n int) []byte { return bytes.Repeat([]byte{byte(n)}, wire.PrekeySize) }

// stockOf has the prekey 0 for a week and 1 to n for one wrap each.
func stockOf(account, device omega.Fingerprint, at time.Time, n int) *wire.PrekeyStock {
	w := &wire.PrekeyStock{User: account, Device: device, Made: at, Week: prekey(0)}
	for i := range n {
		w.Once = append(w.Once, prekey(1+i))
	}
	return w
}

func opened(t testing.TB, fs vfs.FS) *Store {
	t.Helper()
	s, err := Open(fs, "/prekeys")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *Store) put(t testing.TB, w *wire.PrekeyStock) wire.PrekeyCount {
	t.Helper()
	c, err := s.Put(w)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// take returns which prekey was given; -1 is none.
func (s *Store) take(t testing.TB, account, device omega.Fingerprint, by Asker) int {
	t.Helper()
	k, err := s.Take(account, device, by)
	if err != nil {
		t.Fatal(err)
	}
	if k == nil {
		return -1
	}
	if !bytes.Equal(k, prekey(int(k[0]))) {
		t.Fatalf("a prekey that nobody put: %x", k[:8])
	}
	return int(k[0])
}

func id(n int) wire.PrekeyID { return wire.PrekeyID{byte(n), byte(n >> 8), 1} }

// Each prekey for one wrap goes to one question; the same question gets the same;
// then comes the one for a week.
func TestGivenOnce(t *testing.T) {
	s := opened(t, vfs.NewMem())
	account, device := fp(t, "A"), fp(t, "B")
	if c := s.put(t, stockOf(account, device, made, 5)); c.Left != 5 || !c.Made.Equal(made) {
		t.Fatalf("after putting: %+v", c)
	}
	seen := map[int]bool{}
	for i := range 5 {
		by := Asker{Account: fp(t, string("123456"[i])), ID: id(i)}
		k := s.take(t, account, device, by)
		if k == 0 || seen[k] {
			t.Errorf("question %d gets prekey %d", i, k)
		}
		seen[k] = true
		if again := s.take(t, account, device, by); again != k {
			t.Errorf("question %d, asked again, gets prekey %d, not %d", i, again, k)
		}
	}
	if k := s.take(t, account, device, Asker{Account: fp(t, "7"), ID: id(9)}); k != 0 {
		t.Errorf("with none left prekey %d is given", k)
	}
	if c, err := s.Count(account, device); err != nil || c.Left != 0 {
		t.Errorf("count: %+v, %v", c, err)
	}
	if k := s.take(t, account, fp(t, "C"), Asker{Account: fp(t, "7"), ID: id(9)}); k != -1 {
		t.Errorf("of a device without a stock prekey %d", k)
	}
}

// Another account's question with the same id is another question.
func TestIDIsOfItsAsker(t *testing.T) {
	s := opened(t, vfs.NewMem())
	account, device := fp(t, "A"), fp(t, "B")
	s.put(t, stockOf(account, device, made, 5))
	a := s.take(t, account, device, Asker{Account: fp(t, "1"), ID: id(1)})
	if b := s.take(t, account, device, Asker{Account: fp(t, "2"), ID: id(1)}); a == b {
		t.Errorf("two accounts get prekey %d", a)
	}
}

// Neither an account nor the accounts that another server speaks for can drain a
// stock; this server's own accounts count one by one.
func TestRations(t *testing.T) {
	account, device := fp(t, "A"), fp(t, "B")
	for _, c := range []struct {
		name string
		by   func(i int) Asker
		want int
	}{
		{"one account", func(i int) Asker { return Asker{Account: fp(t, "1"), ID: id(i)} }, perAsker},
		{"one server", func(i int) Asker {
			return Asker{Account: fp(t, string("0123456789ABCDEF"[i%16])), Server: fp(t, "9"), ID: id(i)}
		}, 40 / serversPart},
		{"accounts here", func(i int) Asker { return Asker{Account: fp(t, string("0123456789ABCDEF"[i%16])), ID: id(i)} }, 40},
	} {
		s := opened(t, vfs.NewMem())
		s.put(t, stockOf(account, device, made, 40))
		got := 0
		for i := range 60 {
			switch k := s.take(t, account, device, c.by(i)); {
			case k > 0:
				got++
			case k < 0:
				t.Fatalf("%s: nothing for question %d", c.name, i)
			}
		}
		if got != c.want {
			t.Errorf("%s: %d prekeys for one wrap, want %d", c.name, got, c.want)
		}
	}
}

// A stock that comes again, or late, does not bring back what was given.
func TestPutAgain(t *testing.T) {
	s := opened(t, vfs.NewMem())
	account, device := fp(t, "A"), fp(t, "B")
	w := stockOf(account, device, made, 2)
	s.put(t, w)
	first := s.take(t, account, device, Asker{Account: fp(t, "1"), ID: id(1)})
	if c := s.put(t, w); c.Left != 1 {
		t.Errorf("the same again leaves %d", c.Left)
	}
	if c := s.put(t, stockOf(account, device, made.Add(-time.Hour), 9)); c.Left != 1 || !c.Made.Equal(made) {
		t.Errorf("an older one leaves %+v", c)
	}
	if k := s.take(t, account, device, Asker{Account: fp(t, "1"), ID: id(2)}); k == first || k == 0 {
		t.Errorf("prekey %d after prekey %d", k, first)
	}
	if _, err := s.Put(stockOf(account, device, made.Add(time.Minute), 3)); !errors.Is(err, errOften) {
		t.Errorf("a minute later: %v", err)
	}
	if c := s.put(t, stockOf(account, device, made.Add(putInterval), 3)); c.Left != 3 {
		t.Errorf("a newer one leaves %d", c.Left)
	}
}

// What was given before the machine lost its power is not given again, wherever the
// power went.
func TestPowerCut(t *testing.T) {
	account, device := fp(t, "A"), fp(t, "B")
	mem := vfs.NewCrashableMem()
	s := opened(t, mem)
	s.put(t, stockOf(account, device, made, 9))
	seen := map[int]bool{}
	for i := range 9 {
		k := s.take(t, account, device, Asker{Account: fp(t, string("123456789"[i])), ID: id(i)})
		if k == 0 || seen[k] {
			t.Fatalf("after %d cuts prekey %d comes again", i, k)
		}
		seen[k] = true
		mem = mem.CrashClone(vfs.CrashCloneCfg{})
		s = opened(t, mem)
		if c, err := s.Count(account, device); err != nil || int(c.Left) != 8-i {
			t.Fatalf("after cut %d: %+v, %v", i, c, err)
		}
	}
}

// A prekey whose mark may not be stable is not given out, then or later.
func TestDiskFails(t *testing.T) {
	account, device := fp(t, "A"), fp(t, "B")
	var broken atomic.Bool // pebble syncs on goroutines of its own
	fs := errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
		if broken.Load() && op.Kind == errorfs.OpFileSync {
			return errors.New("input/output error")
		}
		return nil
	}))
	s := opened(t, fs)
	s.put(t, stockOf(account, device, made, 2))
	broken.Store(true)
	by := Asker{Account: fp(t, "1"), ID: id(1)}
	if k, err := s.Take(account, device, by); err == nil || k != nil {
		t.Errorf("given though its mark is not stable: %v", err)
	}
	broken.Store(false)
	if k, err := s.Take(account, device, by); !errors.Is(err, ErrFailed) || k != nil {
		t.Errorf("asked again: %v, want %v", err, ErrFailed)
	}
}

// Devices that left, and stocks that are too old, go; the rest stays.
func TestKeep(t *testing.T) {
	mem := vfs.NewMem()
	s := opened(t, mem)
	account, other := fp(t, "A"), fp(t, "F")
	stays, left, old := fp(t, "B"), fp(t, "C"), fp(t, "D")
	now := made.Add(stockLifetime)
	s.put(t, stockOf(account, stays, now, 1))
	s.put(t, stockOf(account, left, now, 1))
	s.put(t, stockOf(account, old, made, 1))
	s.put(t, stockOf(other, stays, now, 1))
	if err := s.Keep(account, []omega.Fingerprint{stays, old}, now); err != nil {
		t.Fatal(err)
	}
	by := Asker{Account: fp(t, "1"), ID: id(1)}
	for device, want := range map[omega.Fingerprint]int{stays: 1, left: -1, old: -1} {
		if k := s.take(t, account, device, by); k != want {
			t.Errorf("device %s: prekey %d, want %d", device, k, want)
		}
	}
	if err := s.Keep(account, nil, now); err != nil {
		t.Fatal(err)
	}
	var accounts []omega.Fingerprint
	if err := s.Accounts(func(a omega.Fingerprint) bool { accounts = append(accounts, a); return true }); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(accounts, []omega.Fingerprint{other}) {
		t.Errorf("accounts that are left: %v", accounts)
	}
	if _, err := mem.Stat(s.folder(account)); err == nil {
		t.Error("an empty folder is left")
	}
}

// Many who ask at once get different ones.
func TestConcurrent(t *testing.T) {
	s := opened(t, vfs.NewMem())
	account, device := fp(t, "A"), fp(t, "B")
	s.put(t, stockOf(account, device, made, wire.MaxStock))
	got := make(chan int, wire.MaxStock)
	for i := range wire.MaxStock {
		go func() {
			k, err := s.Take(account, device, Asker{Account: fp(t, string("0123456789ABCDEF"[i%16])), ID: id(i)})
			if err != nil {
				t.Error(err)
				got <- 0
				return
			}
			got <- int(k[0])
		}()
	}
	seen := map[int]bool{}
	for range wire.MaxStock {
		if k := <-got; k == 0 || seen[k] {
			t.Errorf("prekey %d", k)
		} else {
			seen[k] = true
		}
	}
}
