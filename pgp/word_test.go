package pgp

import (
	"bytes"
	"cmp"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/spec"
	"pgregory.net/rapid"
)

// A quarrel is an account whose devices were linked one hour after the other, each of
// which has what revokes the others.
type quarrel struct {
	*testAccount
	blocks [][]byte // what revokes each device
}

func newQuarrel(tb testing.TB, seed byte, devices int) *quarrel {
	tb.Helper()
	q := &quarrel{testAccount: newAccount(tb, seed, 0)}
	for i := range devices {
		at := testTime.Add(time.Duration(i) * time.Hour)
		d, err := GenerateDevice(seeded(seed+100+byte(i)), fmt.Sprintf("device %d", i), at)
		if err != nil {
			tb.Fatal(err)
		}
		q.cert, q.devices = q.add(tb, q.cert, d, at), append(q.devices, d)
	}
	for i := range devices {
		block, err := RevokeBefore(tb.Context(), q.primary, q.cert, q.fp(i), testTime.Add(24*time.Hour))
		if err != nil {
			tb.Fatal(err)
		}
		q.blocks = append(q.blocks, block)
	}
	return q
}

func (q *quarrel) remove(tb testing.TB, cert *Certificate, by, about int, at time.Time) *Certificate {
	tb.Helper()
	c, err := Remove(tb.Context(), q.devices[by].Signing, cert, q.fp(about), q.blocks[about], at)
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

func (q *quarrel) contest(tb testing.TB, cert *Certificate, by, about int, at time.Time) *Certificate {
	tb.Helper()
	c, err := Contest(tb.Context(), q.devices[by].Signing, cert, q.fp(about), at.Add(-ContestTime), at)
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

// active lists the devices that are active, by their number.
func (q *quarrel) active(c *Certificate, now time.Time) (out []int) {
	for i := range q.devices {
		if d, ok := c.Device(q.fp(i)); ok && d.Active(now) {
			out = append(out, i)
		}
	}
	return out
}

// A thief with the last device removes the others; the first one takes that back, with
// the thief's device; the primary key has the last word, without a time.
func TestContest(t *testing.T) {
	q := newQuarrel(t, 1, 3)
	day := testTime.Add(48 * time.Hour)
	stolen := q.remove(t, q.remove(t, q.cert, 2, 0, day), 2, 1, day)
	if got := q.active(stolen, day); !slices.Equal(got, []int{2}) {
		t.Fatalf("active after the theft: %v", got)
	}
	contested := q.contest(t, stolen, 0, 2, day.Add(time.Hour))
	if got := q.active(contested, day); !slices.Equal(got, []int{0, 1, 2}) {
		t.Fatalf("active after the contest: %v", got)
	}
	for _, w := range contested.Removals() {
		if w.State != WordContested || w.By != q.fp(2) {
			t.Errorf("removal of %s is %v", w.About, w.State)
		}
	}
	if d, _ := stolen.Device(q.fp(0)); !d.Removed {
		t.Error("a device that another one removed is not called so")
	}
	out := q.remove(t, contested, 0, 2, day.Add(time.Hour))
	if got := q.active(out, day); !slices.Equal(got, []int{0, 1}) {
		t.Fatalf("active after the thief was removed: %v", got)
	}
	if _, err := Remove(t.Context(), q.devices[2].Signing, out, q.fp(1), q.blocks[1], day.Add(2*time.Hour)); !errors.Is(err, ErrPolicy) {
		t.Errorf("the thief goes on: %v", err)
	}
	if _, err := Contest(t.Context(), q.devices[2].Signing, out, q.fp(0), day, day.Add(2*time.Hour)); !errors.Is(err, ErrPolicy) {
		t.Errorf("the thief contests: %v", err)
	}
	// Who removes the thief contests what that said of the remover, and of nobody else.
	mutual := q.remove(t, stolen, 0, 2, day.Add(time.Hour))
	if got := q.active(mutual, day); !slices.Equal(got, []int{0}) {
		t.Errorf("active after both removed each other: %v", got)
	}
	// The primary key says that the device is in wrong hands.
	wrong, err := RevokeDevice(t.Context(), q.primary, stolen, q.fp(2), ReasonCompromised, day.Add(5000*time.Hour))
	must(t, err)
	if got := q.active(wrong, day); !slices.Equal(got, []int{0, 1}) {
		t.Errorf("active by the primary key: %v", got)
	}
	// That it is in use no more, since then, keeps what it said before.
	retired, err := RevokeDevice(t.Context(), q.primary, stolen, q.fp(2), ReasonRetired, day.Add(time.Minute))
	must(t, err)
	if got := q.active(retired, day); len(got) != 0 {
		t.Errorf("active after the device retired: %v", got)
	}
}

// Who changes an octet of what devices say makes it count no more, or another one's.
func TestForgedWords(t *testing.T) {
	q := newQuarrel(t, 1, 3)
	day := testTime.Add(48 * time.Hour)
	said := q.contest(t, q.remove(t, q.cert, 2, 0, day), 0, 2, day)
	b := said.Bytes()
	for _, w := range said.Words() {
		at := bytes.Index(b, w.append(nil))
		if at < 0 {
			t.Fatalf("the word about %s is not in the certificate", w.About)
		}
		for i := range wordSize {
			bad := bytes.Clone(b)
			bad[at+i] ^= 1
			c, err := ParseCertificate(bad, day.Add(time.Hour))
			if err != nil {
				continue
			}
			if n := len(c.Words()); n != 1 {
				t.Fatalf("with octet %d of the word about %s changed there are %d words", i, w.About, n)
			}
		}
	}
	// Words of other accounts do not count here.
	other := newQuarrel(t, 2, 3)
	theirs := other.remove(t, other.cert, 2, 0, day)
	c := q.cert.copy()
	for i := range c.subkeys {
		if s := &c.subkeys[i]; s.key.fp == q.fp(1) {
			s.words = theirs.Words()
			s.words[0].By, s.words[0].About = q.fp(2), q.fp(1)
		}
	}
	if made, err := c.checked(day); err == nil && len(made.Words()) > 0 {
		t.Error("a word of another account counts")
	}
}

// Copies that travelled by any ways end up with the same certificate.
func TestWordsMerge(t *testing.T) {
	q := newQuarrel(t, 1, 4)
	day := testTime.Add(48 * time.Hour)
	var pool []*Certificate // each with one word
	for by := range 4 {
		for about := range 4 {
			for h := range 2 {
				at := day.Add(time.Duration(7*by+3*about+40*h) * time.Hour)
				if by != about {
					pool = append(pool, q.remove(t, q.cert, by, about, at))
				}
				if by < about {
					pool = append(pool, q.contest(t, q.cert, by, about, at))
				}
			}
		}
	}
	retired, err := RevokeDevice(t.Context(), q.primary, q.cert, q.fp(3), ReasonRetired, day.Add(20*time.Hour))
	must(t, err)
	wrong, err := RevokeDevice(t.Context(), q.primary, q.cert, q.fp(2), ReasonCompromised, day)
	must(t, err)
	pool = append(pool, retired, wrong, q.cert)
	now := day.Add(1000 * time.Hour)
	union := func(t *rapid.T, list []*Certificate) *Certificate {
		c := q.cert
		for _, o := range list {
			m, err := Merge(c, o, now)
			if err != nil {
				t.Fatal(err)
			}
			c = m
		}
		return c
	}
	rapid.Check(t, func(t *rapid.T) {
		list := rapid.SliceOfN(rapid.SampledFrom(pool), 1, 10).Draw(t, "what was said")
		want := union(t, list)
		order := rapid.Permutation(list).Draw(t, "order")
		cut := rapid.IntRange(0, len(order)).Draw(t, "cut")
		half, err := Merge(union(t, order[:cut]), union(t, order[cut:]), now)
		if err != nil {
			t.Fatal(err)
		}
		if half.Hash() != want.Hash() {
			t.Fatalf("another way gives another certificate: active %v, want %v", q.active(half, now), q.active(want, now))
		}
		read, err := ParseCertificate(want.Bytes(), now)
		if err != nil || read.Hash() != want.Hash() || !slices.Equal(q.active(read, now), q.active(want, now)) {
			t.Fatalf("read again it is another certificate: %v", err)
		}
		if own, err := ReadOwn(want.Bytes(), now); err != nil || own.Hash() != want.Hash() {
			t.Fatalf("read out of the own store it is another certificate: %v", err)
		}
	})
}

// What comes from outside is held to the time in which it can be said.
func TestTimely(t *testing.T) {
	q := newQuarrel(t, 1, 3)
	day := testTime.Add(48 * time.Hour)
	stolen := q.remove(t, q.remove(t, q.cert, 2, 0, day), 2, 1, day)
	contested := q.contest(t, stolen, 0, 2, day.Add(time.Hour))
	mutual := q.remove(t, stolen, 0, 2, day.Add(time.Hour))
	out := q.remove(t, q.cert, 0, 2, day.Add(time.Hour))
	accomplice := q.cert
	accomplice = q.remove(t, accomplice, 2, 1, day)         // dated back
	late := q.remove(t, q.cert, 2, 1, day.Add(2*time.Hour)) // by a device that was removed by then
	wrong, err := RevokeDevice(t.Context(), q.primary, stolen, q.fp(2), ReasonCompromised, day)
	must(t, err)
	retired, err := RevokeDevice(t.Context(), q.primary, q.cert, q.fp(2), ReasonRetired, day.Add(time.Hour))
	must(t, err)
	for _, row := range []struct {
		name          string
		before, after *Certificate
		open          bool
		want          error
	}{
		{"nothing new", stolen, stolen, false, nil},
		{"a removal", q.cert, stolen, false, nil},
		{"a contest in time", stolen, contested, true, nil},
		{"a contest too late", stolen, contested, false, ErrLate},
		{"a removal of the remover in time", stolen, mutual, true, nil},
		{"a removal of the remover too late", stolen, mutual, false, ErrLate},
		{"a thief that was removed, dated back", out, accomplice, true, ErrLate},
		{"the primary key", stolen, wrong, false, nil},
		{"a thief that the primary key revoked, dated back", retired, accomplice, true, nil}, // and nothing comes of it
		{"what does not stand, by who is out", mutual, late, true, nil},
	} {
		after, err := Merge(row.before, row.after, day.Add(time.Hour))
		must(t, err)
		if err := Timely(row.before, after, func(*Word) bool { return row.open }); !errors.Is(err, row.want) {
			t.Errorf("%s: %v, want %v", row.name, err, row.want)
		}
	}
}

// A device can take up the room for words, and no more: whoever was linked before it has
// room for an answer, and the primary key for what it has to say.
func TestWordsAreBounded(t *testing.T) {
	const devices, thief = omega.MaxDevices, omega.MaxDevices - 1
	q := newQuarrel(t, 1, devices)
	day := testTime.Add(48 * time.Hour)
	c := q.said(t, day, thief)
	if grown := len(c.Bytes()) - len(q.cert.Bytes()); grown > wordRoom || grown < wordBudget {
		t.Errorf("the last device fills %d octets", grown)
	}
	for by := 1; by < thief; by++ { // an accomplice of each
		m, err := Merge(c, q.said(t, day, by), day)
		must(t, err)
		c = m
	}
	if grown := len(c.Bytes()) - len(q.cert.Bytes()); grown > wordRoom {
		t.Errorf("all others fill %d octets", grown)
	}
	for by := 1; by < devices; by++ {
		c = q.contest(t, c, 0, by, day)
	}
	if got := q.active(c, day); len(got) != devices {
		t.Errorf("%d devices are active after the first one contests all", len(got))
	}
	c = q.remove(t, c, 0, thief, day)
	c, err := RevokeDevice(t.Context(), q.primary, c, q.fp(1), ReasonCompromised, day)
	must(t, err)
	if got := q.active(c, day); len(got) != devices-2 {
		t.Errorf("%d devices are active in the end", len(got))
	}
}

// said is the certificate with all that a device can say of the others, as far as there is
// room.
func (q *quarrel) said(tb testing.TB, at time.Time, by int) *Certificate {
	tb.Helper()
	c, err := q.uncut(tb, at, by).checked(at)
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

// uncut is said with everything, room or not.
func (q *quarrel) uncut(tb testing.TB, at time.Time, by int) core {
	tb.Helper()
	c := q.cert.copy()
	for about := range q.devices {
		if about == by {
			continue
		}
		block, err := q.cert.revokes(q.fp(about), q.blocks[about], at)
		if err != nil {
			tb.Fatal(err)
		}
		for _, kind := range []WordKind{WordRemoval, WordContest} {
			w, err := signWord(tb.Context(), q.devices[by].Signing, q.cert, Word{Kind: kind, About: q.fp(about), Since: time.Unix(0, 0), At: at})
			if err != nil {
				tb.Fatal(err)
			}
			for i := range block.subkeys {
				if s := &block.subkeys[i]; s.key.fp == w.About {
					s.words = append(s.words, w)
				}
			}
		}
		for _, s := range block.subkeys {
			c.add(s)
		}
	}
	c.sort()
	return c
}

// What is left where there is no room for all depends on nothing but what was said: not on
// the ways that it went, and not on what was dropped where. Nothing that a later-linked
// device says pushes out what an earlier one said.
func TestWordsOverTheBudget(t *testing.T) {
	const devices = 28
	q := newQuarrel(t, 1, devices)
	day := testTime.Add(48 * time.Hour)
	var pool []*Certificate // what each device has to say
	for by := range devices {
		pool = append(pool, q.said(t, day.Add(time.Duration(by)*time.Minute), by))
		pool = append(pool, q.said(t, day.Add(-time.Duration(by)*time.Minute), by))
	}
	for by := range devices - 1 {
		pool = append(pool, q.contest(t, q.cert, by, by+1, day), q.remove(t, q.cert, by, by+1, day))
	}
	now := day.Add(time.Hour)
	union := func(t *rapid.T, list []*Certificate) *Certificate {
		c := q.cert
		for _, o := range list {
			m, err := Merge(c, o, now)
			if err != nil {
				t.Fatal(err)
			}
			c = m
		}
		return c
	}
	rapid.Check(t, func(t *rapid.T) {
		list := rapid.SliceOfN(rapid.SampledFrom(pool), 1, 8).Draw(t, "what was said")
		want := union(t, list)
		order := rapid.Permutation(list).Draw(t, "order")
		cut := rapid.IntRange(0, len(order)).Draw(t, "cut")
		a, b := union(t, order[:cut]), union(t, order[cut:])
		for _, two := range [][2]*Certificate{{a, b}, {b, a}, {want, a}, {want, want}} {
			if m := union(t, two[:]); m.Hash() != want.Hash() {
				t.Fatalf("another way leaves %d words, not %d", len(m.Words()), len(want.Words()))
			}
		}
		if read, err := ParseCertificate(want.Bytes(), now); err != nil || read.Hash() != want.Hash() {
			t.Fatalf("read again it is another certificate: %v", err)
		}
		by := rapid.IntRange(0, devices-1).Draw(t, "later device")
		with := union(t, []*Certificate{want, pool[2*by]})
		for _, w := range want.Words() {
			if q.cert.Earlier(w.By, q.fp(by)) && !slices.ContainsFunc(with.Words(), func(o Word) bool { return o.Sig == w.Sig && o.State == w.State }) {
				t.Fatalf("what device %d says changes what %s said of %s", by, w.By, w.About)
			}
		}
	})
}

func TestEarlier(t *testing.T) {
	q := newQuarrel(t, 1, 3)
	for a := range 3 {
		for b := range 3 {
			if got := q.cert.Earlier(q.fp(a), q.fp(b)); got != (a < b) {
				t.Errorf("Earlier(%d, %d) = %v", a, b, got)
			}
		}
	}
}

// TestGPGAndRemovals has plain gpg read certificates in which devices speak of each other.
func TestGPGAndRemovals(t *testing.T) {
	program(t, "gpg")
	q := newQuarrel(t, 1, 3)
	day := testTime.Add(48 * time.Hour)
	stolen := q.remove(t, q.cert, 2, 0, day)
	contested := q.contest(t, stolen, 0, 2, day)
	for _, row := range []struct {
		name    string
		cert    *Certificate
		revoked int
	}{{"removed", stolen, 2}, {"contested", contested, 0}} {
		own := newGPG(t)
		own.run("--import", own.file(row.name, row.cert.Bytes()))
		listing := own.run("--with-colons", "--fixed-list-mode", "--list-keys")
		n := 0
		for _, r := range colons(listing, "sub") {
			if strings.HasPrefix(r[1], "r") {
				n++
			}
		}
		if n != row.revoked || len(colons(listing, "sub")) != 6 {
			t.Errorf("%s: gpg lists %d subkeys as revoked, want %d:\n%s", row.name, n, row.revoked, listing)
		}
	}
}

// TestDeviceListVectors reads spec/vectors/device-list.json: certificates in which
// devices speak of each other, and who is in the list by them. Every octet is determined.
func TestDeviceListVectors(t *testing.T) {
	q := newQuarrel(t, 1, 3)
	day := testTime.Add(48 * time.Hour)
	type row struct {
		Name        string   `json:"name"`
		Said        string   `json:"said,omitempty"` // with words for which there is no room
		Certificate string   `json:"certificate"`
		Active      []string `json:"active"`
		Words       []string `json:"words"`
	}
	show := func(name string, c *Certificate) row {
		r := row{Name: name, Certificate: hex.EncodeToString(c.Bytes()), Active: []string{}, Words: []string{}}
		for _, d := range c.Active(day) {
			r.Active = append(r.Active, d.Signing.fp.String())
		}
		for _, w := range c.Words() {
			kind := "removal"
			if w.Kind == WordContest {
				kind = "contest"
			}
			r.Words = append(r.Words, fmt.Sprintf("%s of %s by %s at %d: %s", kind, w.About, w.By, w.At.Unix(), w.State))
		}
		return r
	}
	stolen := q.remove(t, q.remove(t, q.cert, 2, 0, day), 2, 1, day)
	contested := q.contest(t, stolen, 0, 2, day.Add(time.Hour))
	wrong, err := RevokeDevice(t.Context(), q.primary, stolen, q.fp(2), ReasonCompromised, day.Add(time.Hour))
	must(t, err)
	got := []row{
		show("three devices", q.cert),
		show("the last one removes the others", stolen),
		show("the first one contests that", contested),
		show("and removes the last one", q.remove(t, contested, 0, 2, day.Add(time.Hour))),
		show("the first one only removes the last one", q.remove(t, stolen, 0, 2, day.Add(time.Hour))),
		show("the second one contests, and the first one removes it for that", q.remove(t, q.contest(t, stolen, 1, 2, day.Add(time.Hour)), 0, 1, day.Add(2*time.Hour))),
		show("the primary key says that the last one is in wrong hands", wrong),
	}
	many := newQuarrel(t, 1, 14)
	uncut := many.uncut(t, day, 13)
	cut := show("the last one of fourteen says more than there is room for", many.said(t, day, 13))
	cut.Said = hex.EncodeToString(uncut.serialize())
	got = append(got, cut)
	const file = "vectors/device-list.json"
	if *update {
		b, _ := json.MarshalIndent(got, "", "  ")
		must(t, os.WriteFile("../spec/"+file, append(b, '\n'), 0o644))
		return
	}
	b, err := spec.Vectors.ReadFile(file)
	must(t, err)
	var want []row
	must(t, json.Unmarshal(b, &want))
	if len(want) != len(got) {
		t.Fatalf("%d rows, want %d", len(got), len(want))
	}
	for i := range got {
		if got[i].Said != want[i].Said || got[i].Certificate != want[i].Certificate || !slices.Equal(got[i].Active, want[i].Active) || !slices.Equal(got[i].Words, want[i].Words) {
			t.Errorf("%s: another certificate or list", got[i].Name)
		}
		raw, err := hex.DecodeString(cmp.Or(want[i].Said, want[i].Certificate))
		must(t, err)
		c, err := ParseCertificate(raw, day.Add(24*time.Hour))
		must(t, err)
		if read := show(want[i].Name, c); read.Certificate != want[i].Certificate || !slices.Equal(read.Active, want[i].Active) || !slices.Equal(read.Words, want[i].Words) {
			t.Errorf("%s: read, it says %v, %v", want[i].Name, read.Active, read.Words)
		}
	}
}

// What was contested before stays so when the same device contests once more, later.
func TestContestAgain(t *testing.T) {
	q := newQuarrel(t, 1, 4)
	first := testTime.Add(200 * time.Hour)
	c := q.contest(t, q.remove(t, q.cert, 1, 2, first), 0, 1, first.Add(time.Hour))
	now := first.Add(80 * time.Hour)
	c = q.contest(t, c, 0, 1, now)
	if got := q.active(c, now); !slices.Equal(got, []int{0, 1, 2, 3}) {
		t.Errorf("active after the second contest: %v", got)
	}
}

// Who removes a device that it has removed does not let stand what that said since.
func TestRemoveAgain(t *testing.T) {
	q := newQuarrel(t, 1, 3)
	first := testTime.Add(200 * time.Hour)
	c := q.remove(t, q.cert, 0, 1, first)
	late := q.remove(t, q.cert, 1, 2, first.Add(time.Hour)) // void: it was removed by then
	c, err := Merge(c, late, first.Add(2*time.Hour))
	must(t, err)
	c = q.remove(t, c, 0, 1, first.Add(90*time.Hour))
	if got := q.active(c, first.Add(91*time.Hour)); !slices.Equal(got, []int{0, 2}) {
		t.Errorf("active after the device was removed once more: %v", got)
	}
}

// A stolen device that the primary key revoked, as not in use any more, has no say,
// whatever time it gives; what it had said before is the primary key's own word by then.
func TestRevokedHasNoSay(t *testing.T) {
	q := newQuarrel(t, 1, 4)
	day := testTime.Add(72 * time.Hour)
	c := q.remove(t, q.cert, 2, 3, day.Add(-2*time.Hour))
	c, err := RevokeDevice(t.Context(), q.primary, c, q.fp(2), ReasonRetired, day)
	must(t, err)
	dated := q.remove(t, q.remove(t, q.cert, 2, 0, day.Add(-time.Hour)), 2, 1, day.Add(-time.Hour))
	later := day.Add(1000 * time.Hour)
	c, err = Merge(c, dated, later)
	must(t, err)
	if got := q.active(c, later); !slices.Equal(got, []int{0, 1}) {
		t.Errorf("the revoked device leaves %v active", got)
	}
}
