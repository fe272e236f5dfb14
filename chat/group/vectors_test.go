package group

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"flag"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/pgp"
	"github.com/omega-im/omega/spec"
)

var update = flag.Bool("update", false, "write spec/vectors/group-operations.json anew")

const vectorFile = "group-operations.json"

// operationVectors are operations of one group, in an order in which each comes
// after its past, and what the group is when the operations so far are all that is
// known. (spec/group.md, GROUP-2 to GROUP-9)
type operationVectors struct {
	Keys       []keyVector       `json:"keys"` // of the devices; each is its account too
	Operations []operationVector `json:"operations"`
	Refused    []refusedVector   `json:"refused"`
	Secure     operationVector   `json:"secure"` // the genesis of another group, which is a secure one
}

type keyVector struct {
	Fingerprint omega.Fingerprint `json:"fingerprint"`
	Packet      string            `json:"packet"` // hexadecimal digits, as all octets here
}

type operationVector struct {
	Note  string `json:"note"`
	Data  string `json:"data"` // as it travels
	Text  string `json:"text"`
	Hash  string `json:"hash"`
	State string `json:"state"` // afterwards
	Void  int    `json:"void"`  // operations that do not count then
}

type refusedVector struct {
	Note string `json:"note"`
	Data string `json:"data"`
}

// A writer writes signed operations as people with one device each.
type writer struct {
	t     *testing.T
	rnd   *rand.ChaCha8
	keys  map[Party]*pgp.SecretKey
	who   []Party
	log   *Log
	clock time.Time
	out   operationVectors
}

func newWriter(t *testing.T, people int) *writer {
	w := &writer{t: t, rnd: rand.NewChaCha8([32]byte{4}), keys: map[Party]*pgp.SecretKey{}, clock: start}
	for range people {
		k, err := pgp.GenerateSigning(w.rnd, start)
		must(t, err)
		fp := k.Public().Fingerprint()
		w.who = append(w.who, Party{fp, fp})
		w.keys[Party{fp, fp}] = k
		w.out.Keys = append(w.out.Keys, keyVector{fp, hex.EncodeToString(k.Public().Packet(false))})
	}
	return w
}

func (w *writer) accounts(of ...int) (out []omega.Fingerprint) {
	for _, i := range of {
		out = append(out, w.who[i].Account)
	}
	slices.SortFunc(out, omega.Fingerprint.Compare)
	return out
}

func (w *writer) sign(o *Op) *Op {
	w.t.Helper()
	for _, p := range o.Signers() {
		must(w.t, o.Sign(w.t.Context(), w.keys[p]))
	}
	return o
}

// next is an operation behind all that is known in l.
func (w *writer) next(l *Log, by int, o Op) *Op {
	w.t.Helper()
	w.clock = w.clock.Add(time.Second + 7*time.Millisecond)
	n, err := l.Next(w.who[by], w.clock, o)
	must(w.t, err)
	return w.sign(n)
}

func (w *writer) put(note string, o *Op) {
	w.t.Helper()
	if w.log == nil {
		l, err := NewLog(o)
		must(w.t, err)
		w.log = l
	} else {
		placed, err := w.log.Add(o)
		must(w.t, err)
		if len(placed) != 1 {
			w.t.Fatalf("%s: %d placed", note, len(placed))
		}
	}
	s, h := w.log.State(), o.Hash()
	w.out.Operations = append(w.out.Operations, operationVector{note, hex.EncodeToString(o.Marshal()), string(o.Text()), h.String(), string(s.Text()), len(s.Void)})
}

func (w *writer) say(note string, by int, o Op) { w.t.Helper(); w.put(note, w.next(w.log, by, o)) }

// write has four people found a group, and two administrators do things at the
// same time.
func (w *writer) write() {
	g, err := Genesis(w.rnd, Op{Author: w.who[0], Time: start, Profile: Profile{Name: "讀書會", About: "每週三"}})
	must(w.t, err)
	w.put("genesis", w.sign(g))
	w.say("invite", 0, Op{Type: TypeInvite, Accounts: w.accounts(1, 2, 3)})
	for i := 1; i <= 3; i++ {
		w.say("accept", i, Op{Type: TypeAccept})
	}
	w.say("two administrators", 0, Op{Type: TypeRole, Role: RoleAdmin, Accounts: w.accounts(1, 2)})
	w.say("pin", 1, Op{Type: TypePin, Messages: []omega.ID{{1}}})
	w.say("redact", 1, Op{Type: TypeRedact, Messages: []omega.ID{{2}}})
	one := w.next(w.log, 1, Op{Type: TypeRemove, Accounts: w.accounts(3)})
	two := w.next(w.log, 2, Op{Type: TypeProfile, Profile: Profile{Name: "讀書會二"}})
	three := w.next(w.log, 3, Op{Type: TypeInvite, Accounts: w.accounts(4)})
	w.put("one of them removes a member", one)
	w.put("the other renames it, and does not know", two)
	w.put("the removed member invites, and does not know", three)
	w.say("who is not in it accepts", 4, Op{Type: TypeAccept})
	w.say("a plain member is not there to ban", 3, Op{Type: TypeBan, Accounts: w.accounts(1)})
	w.say("leave", 2, Op{Type: TypeLeave})
	w.say("dissolve", 0, Op{Type: TypeDissolve})

	secret, err := Genesis(w.rnd, Op{Author: w.who[0], Time: start, Profile: Profile{Name: "密友"}, Secure: true})
	must(w.t, err)
	l, err := NewLog(w.sign(secret))
	must(w.t, err)
	h := secret.Hash()
	w.out.Secure = operationVector{"genesis of a secure group", hex.EncodeToString(secret.Marshal()), string(secret.Text()), h.String(), string(l.State().Text()), 0}

	last := w.out.Operations[len(w.out.Operations)-1].Data
	whole, _ := hex.DecodeString(last)
	for note, change := range map[string]func(b []byte) []byte{
		"cut":                     func(b []byte) []byte { return b[:len(b)-1] },
		"an octet more":           func(b []byte) []byte { return append(b, 0) },
		"another text":            func(b []byte) []byte { return bytes.Replace(b, []byte("dissolve"), []byte("dissolvE"), 1) },
		"another signature":       func(b []byte) []byte { b[len(b)-1] ^= 1; return b },
		"a time that none signed": func(b []byte) []byte { return bytes.Replace(b, []byte("Time: 2"), []byte("Time: 3"), 1) },
	} {
		b := change(bytes.Clone(whole))
		if bytes.Equal(b, whole) {
			w.t.Fatalf("%s changes nothing", note)
		}
		w.out.Refused = append(w.out.Refused, refusedVector{note, hex.EncodeToString(b)})
	}
	named, err := w.log.Next(w.who[4], w.clock, Op{Type: TypeAccept, Called: "阿文 Wen"})
	must(w.t, err)
	w.put("what who joins is called", w.sign(named))
	spaced := bytes.Replace(named.Marshal(), []byte("阿文 Wen"), []byte("阿文  en"), 1)
	w.out.Refused = append(w.out.Refused, refusedVector{"a name with two spaces", hex.EncodeToString(spaced)})
	loose := bytes.Replace(secret.Marshal(), []byte("Secure: yes"), []byte("Secure: no!"), 1)
	w.out.Refused = append(w.out.Refused, refusedVector{"a group that is not said to be secure or not", hex.EncodeToString(loose)})
	slices.SortFunc(w.out.Refused, func(a, b refusedVector) int { return bytes.Compare([]byte(a.Note), []byte(b.Note)) })
}

func TestOperationVectors(t *testing.T) {
	w := newWriter(t, 5)
	w.write()
	b, err := json.MarshalIndent(w.out, "", "  ")
	must(t, err)
	b = append(b, '\n')
	if *update {
		must(t, os.WriteFile("../../spec/vectors/"+vectorFile, b, 0o644))
		return
	}
	if have, err := spec.Vectors.ReadFile("vectors/" + vectorFile); err != nil || !bytes.Equal(b, have) {
		t.Errorf("%s is not what the code makes (%v); look at the difference, then run with -update", vectorFile, err)
	}
}

// TestReadOperationVectors knows nothing but the file.
func TestReadOperationVectors(t *testing.T) {
	b, err := spec.Vectors.ReadFile("vectors/" + vectorFile)
	must(t, err)
	var v operationVectors
	must(t, json.Unmarshal(b, &v))
	keys := map[omega.Fingerprint]*pgp.PublicKey{}
	for _, k := range v.Keys {
		keys[k.Fingerprint] = readKey(t, k)
	}
	find := func(p Party) (*pgp.PublicKey, error) {
		if k := keys[p.Device]; k != nil && p.Account == p.Device {
			return k, nil
		}
		return nil, omega.Errorf(omega.CodeNotFound, "key %s", p.Device)
	}
	var log *Log
	for i, want := range v.Operations {
		data, err := hex.DecodeString(want.Data)
		must(t, err)
		o, err := Parse(data)
		must(t, err)
		if log == nil {
			log, err = NewLog(o)
		} else {
			_, err = log.Add(o)
		}
		must(t, err)
		s := log.State()
		if err := o.Verify(find); err != nil || string(o.Text()) != want.Text || o.Hash().String() != want.Hash || string(s.Text()) != want.State || len(s.Void) != want.Void {
			t.Errorf("operation %d (%s): %v, %d void\n%s", i, want.Note, err, len(s.Void), s.Text())
		}
	}
	data, err := hex.DecodeString(v.Secure.Data)
	must(t, err)
	o, err := Parse(data)
	must(t, err)
	l, err := NewLog(o)
	must(t, err)
	if err := o.Verify(find); err != nil || !l.State().Secure || log.State().Secure || string(o.Text()) != v.Secure.Text || o.Hash().String() != v.Secure.Hash || string(l.State().Text()) != v.Secure.State {
		t.Errorf("the secure group: %v", err)
	}
	for _, r := range v.Refused {
		data, err := hex.DecodeString(r.Data)
		must(t, err)
		if o, err := Parse(data); err == nil && o.Verify(find) == nil {
			t.Errorf("%s: accepted", r.Note)
		}
	}
}

func readKey(t *testing.T, k keyVector) *pgp.PublicKey {
	t.Helper()
	b, err := hex.DecodeString(k.Packet)
	must(t, err)
	key, err := pgp.ParsePublicKey(b)
	must(t, err)
	if key.Fingerprint() != k.Fingerprint {
		t.Errorf("key of %s is %s", k.Fingerprint, key.Fingerprint())
	}
	return key
}
