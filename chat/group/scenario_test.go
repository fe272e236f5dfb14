package group

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/omega-im/omega"
)

// A scenario is a file of testdata: operations by name, and what the group is
// afterwards. Lines are
//
//	NAME: AUTHOR TYPE ARGUMENT… [by COSIGNER…] [after NAME…] [at HOURS]
//	expect: owners A B | admins C | members D | invited E | banned F | void NAME… | name TEXT | pinned m1 | dissolved
//	at NAME: the same, seen by who knows that operation and its past
//
// People are capital letters, messages are m1, m2 … Without "after" an
// operation comes after all heads of the file so far.
type scenario struct {
	t     *testing.T
	file  string
	line  int
	log   *Log
	ops   map[string]*Op
	names map[Hash]string
}

var start = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)

func person(s string) omega.Fingerprint {
	f, err := omega.ParseFingerprint(strings.Repeat(fmt.Sprintf("%02X", s[0]), 20))
	if err != nil {
		panic(err)
	}
	return f
}

func party(s string) Party { return Party{person(s), person(strings.ToLower(s))} }

func people(s []string) []omega.Fingerprint {
	var out []omega.Fingerprint
	for _, p := range s {
		out = append(out, person(p))
	}
	slices.SortFunc(out, omega.Fingerprint.Compare)
	return out
}

func message(s string) (id omega.ID) {
	copy(id[:], s)
	return id
}

func TestScenarios(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scenarios: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) { runScenario(t, file) })
	}
}

func runScenario(t *testing.T, file string) {
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	s := &scenario{t: t, file: file, ops: map[string]*Op{}, names: map[Hash]string{}}
	for in := bufio.NewScanner(f); in.Scan(); {
		s.line++
		if text := strings.TrimSpace(in.Text()); text != "" && text[0] != '#' {
			s.run(text)
		}
	}
	s.shuffled()
}

func (s *scenario) fatalf(format string, args ...any) {
	s.t.Helper()
	s.t.Fatalf("%s:%d: %s", s.file, s.line, fmt.Sprintf(format, args...))
}

func (s *scenario) run(text string) {
	head, rest, _ := strings.Cut(text, ":")
	switch {
	case head == "expect":
		s.expect(s.log.State(), rest)
	case strings.HasPrefix(head, "at "):
		state, ok := s.log.StateAt([]Hash{s.op(head[3:]).Hash()})
		if !ok {
			s.fatalf("no state")
		}
		s.expect(state, rest)
	default:
		s.add(head, strings.Fields(rest))
	}
}

func (s *scenario) op(name string) *Op {
	o := s.ops[name]
	if o == nil {
		s.fatalf("no operation %s", name)
	}
	return o
}

// clauses cuts words at the keywords.
func clauses(words []string, keys ...string) map[string][]string {
	out, at := map[string][]string{}, ""
	for _, w := range words {
		if slices.Contains(keys, w) {
			at = w
			out[at] = []string{}
			continue
		}
		out[at] = append(out[at], w)
	}
	return out
}

func (s *scenario) add(name string, words []string) {
	c := clauses(words, "by", "after", "at")
	main := c[""]
	o := Op{Author: party(main[0]), Time: start.Add(time.Duration(len(s.ops)) * time.Minute), Type: Type(main[1])}
	if at := c["at"]; at != nil {
		var hours int
		fmt.Sscan(at[0], &hours)
		o.Time = start.Add(time.Duration(hours) * time.Hour)
	}
	for _, p := range c["by"] {
		o.Cosigners = append(o.Cosigners, party(p))
	}
	s.fill(&o, main[2:])
	if o.Type == TypeGenesis {
		o.Nonce = message(s.file)
		must(s.t, o.seal())
		var err error
		s.log, err = NewLog(&o)
		must(s.t, err)
	} else {
		o.Group, o.Parents = s.log.ID(), s.log.Heads()
		if after := c["after"]; after != nil {
			o.Parents = nil
			for _, p := range after {
				o.Parents = append(o.Parents, s.op(p).Hash())
			}
		}
		if o.Type == TypeCheckpoint && o.State == (Hash{}) {
			state, _ := s.log.StateAt(o.Parents)
			o.State = state.Hash()
		}
		must(s.t, o.seal())
		if placed, err := s.log.Add(&o); err != nil || len(placed) != 1 {
			s.fatalf("Add = %d, %v", len(placed), err)
		}
	}
	s.ops[name], s.names[o.hash] = &o, name
}

func (s *scenario) fill(o *Op, args []string) {
	switch o.Type {
	case TypeGenesis:
		o.Profile.Name, o.Accounts = "group", people(args)
	case TypeRole:
		o.Role, _ = ParseRole(args[0])
		o.Accounts = people(args[1:])
	case TypeInvite, TypeRemove, TypeBan, TypeUnban:
		o.Accounts = people(args)
	case TypeProfile:
		o.Profile.Name = args[0]
	case TypePolicy:
		rules := DefaultRules
		for _, l := range rules.lines() {
			if l.name == args[0] {
				*l.role, _ = ParseRole(args[1])
			}
		}
		o.Rules = &rules
	case TypePin, TypeUnpin, TypeRedact:
		for _, m := range args {
			o.Messages = append(o.Messages, message(m))
		}
	case TypeRevert:
		for _, name := range args {
			o.Operations = append(o.Operations, s.op(name).Hash())
		}
	case TypeCheckpoint:
		if len(args) > 0 {
			o.State[0] = 1 // wrong
		}
	}
}

func (s *scenario) expect(got *State, text string) {
	s.t.Helper()
	for part := range strings.SplitSeq(text, "|") {
		words := strings.Fields(part)
		if have := s.have(got, words[0]); !slices.Equal(have, words[1:]) {
			s.t.Errorf("%s:%d: %s %v, want %v", s.file, s.line, words[0], have, words[1:])
		}
	}
}

func (s *scenario) have(got *State, what string) []string {
	var out []string
	initial := func(f omega.Fingerprint) string { return string(f.Digest()[:1]) }
	role := map[string]Role{"owners": RoleOwner, "admins": RoleAdmin, "members": RoleMember}[what]
	for _, m := range got.Members {
		if m.Role == role {
			out = append(out, initial(m.Account))
		}
	}
	switch what {
	case "invited":
		for _, f := range got.Invited {
			out = append(out, initial(f))
		}
	case "banned":
		for _, f := range got.Banned {
			out = append(out, initial(f))
		}
	case "void":
		for _, h := range got.Void {
			out = append(out, s.names[h])
		}
		slices.Sort(out)
	case "name":
		out = []string{got.Profile.Name}
	case "dissolved":
		if !got.Dissolved {
			out = []string{"not"}
		}
	case "pinned":
		for _, id := range got.Pinned {
			out = append(out, strings.TrimRight(string(id[:]), "\x00"))
		}
	}
	return out
}

// shuffled gives the operations to other logs in random orders: all get the
// same state.
func (s *scenario) shuffled() {
	want := s.log.State()
	rnd := rand.New(rand.NewPCG(1, 2))
	ops := s.log.Ops()
	for range 50 {
		l, err := NewLog(ops[0])
		must(s.t, err)
		for _, i := range rnd.Perm(len(ops)) {
			if _, err := l.Add(ops[i]); err != nil && i > 0 {
				s.t.Fatal(err)
			}
			if rnd.IntN(4) == 0 {
				l.State()
			}
		}
		if got := l.State(); got.Hash() != want.Hash() || !slices.Equal(got.Void, want.Void) {
			s.t.Fatalf("%s: another order gave another state:\n%s\nwant\n%s", s.file, got.Text(), want.Text())
		}
	}
}

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}
