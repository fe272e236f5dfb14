package chat

import (
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/pgp"
)

// groupVectors are accounts, a group that all of them but the last may write in,
// and what a device of the reader makes of what arrives, in order.
// (spec/group.md, GROUP-12 to GROUP-15)
type groupVectors struct {
	Now      time.Time       `json:"now"`
	Accounts []accountVector `json:"accounts"`
	Reader   secretsVector   `json:"reader"`
	Group    Hash            `json:"group"`
	Chat     omega.ChatID    `json:"chat"`
	Arrivals []groupArrival  `json:"arrivals"`
}

type groupArrival struct {
	arrivalVector
	GroupKey   string `json:"group_key,omitempty"`  // of a group key: its text
	Ciphertext string `json:"ciphertext,omitempty"` // the same: what gpg -d takes
	Needs      string `json:"needs,omitempty"`      // the locator of what is to be asked for
}

// groupScript has Ann write to a group in the order that needs most, and once to
// be refused each way.
func groupScript(t *testing.T, w world) (people []*person, h *hall, out []noted) {
	people, halls, key, parts := newHall(t, w)
	out = append(out, groupHonest(t, people, key, parts)...)
	out = append(out, groupForged(t, people, key)...)
	h = halls[1]
	h.members = h.members[:2]
	return people, h, out
}

func groupHonest(t *testing.T, people []*person, key *GroupKey, parts []GroupPart) (out []noted) {
	roster := NewGroupRoster(key, key.Heads, always)
	sender, err := NewSender(people[0].devices[0].id, seeded(11), "安", SenderState{Chat: roster.Chat})
	must(t, err)
	one := sender.text(t, roster, "大家好")
	two := sender.text(t, NewGroupRoster(key, []Hash{{3}}, always), "還有")
	add := func(note string, id omega.ID, payload []byte) {
		out = append(out, noted{note, &Arrival{ID: id, Payload: payload, Now: testTime}})
	}
	add("a message before everything", one.Message.ID, one.Payload)
	add("its record before the group key", one.KeyID, one.KeyRecord)
	add("the group key", omega.ID{1}, parts[0].Payload)
	add("the record", one.KeyID, one.KeyRecord)
	add("the message", one.Message.ID, one.Payload)
	add("the message again", one.Message.ID, one.Payload)
	add("the next one, at other heads", two.Message.ID, two.Payload)
	return out
}

func groupForged(t *testing.T, people []*person, key *GroupKey) (out []noted) {
	roster := NewGroupRoster(key, key.Heads, always)
	stranger, err := NewSender(people[2].devices[0].id, seeded(13), "", SenderState{Chat: roster.Chat})
	must(t, err)
	one := stranger.text(t, roster, "from outside")
	cut := one.KeyRecord[:len(one.KeyRecord)-1]
	moved := append([]byte(nil), one.KeyRecord...)
	moved[1]++ // the locator that it was sealed for
	for _, n := range []struct {
		note    string
		id      omega.ID
		payload []byte
	}{
		{"a record of who is no member", one.KeyID, one.KeyRecord},
		{"and the message under it", one.Message.ID, one.Payload},
		{"a record that was cut", omega.ID{4}, cut},
		{"a record under another locator", omega.ID{5}, moved},
	} {
		out = append(out, noted{n.note, &Arrival{ID: n.id, Payload: n.payload, Now: testTime}})
	}
	return out
}

func (d *device) openInGroup(t *testing.T, n noted, h *hall, sender *person) groupArrival {
	t.Helper()
	n.a.Groups = h
	r, err := d.recv.Open(t.Context(), d.store, n.a)
	must(t, err)
	return describeInGroup(n, r, sender)
}

func describeInGroup(n noted, r *Result, sender *person) groupArrival {
	out := groupArrival{}
	if r.Verdict == VerdictKey {
		out.arrivalVector = arrivalVector{Note: n.note, ID: n.a.ID, Payload: n.a.Payload, Verdict: r.Verdict.String(), Problem: r.Key.Problem, Record: string(r.Key.groupText())}
		return out
	}
	out.arrivalVector = describe(n.note, n.a, r, sender)
	switch r.Verdict {
	case VerdictGroupKey:
		out.Problem, out.GroupKey = r.GroupKey.Problem, string(r.GroupKey.Text())
		out.Ciphertext = pgp.Armor("PGP MESSAGE", n.a.Payload[keyHeader:])
	case VerdictNeedKey:
		out.Needs = r.Locator.String()
	}
	return out
}

func TestGroupVectors(t *testing.T) {
	w := world{}
	people, h, steps := groupScript(t, w)
	reader := people[1]
	v := groupVectors{Now: testTime, Reader: reader.secretsVector(t, 0), Group: h.id, Chat: omega.ChatID(h.id[:16])}
	for _, p := range people {
		v.Accounts = append(v.Accounts, accountVector{p.fp(), p.cert.Armor()})
	}
	for _, n := range steps {
		v.Arrivals = append(v.Arrivals, reader.devices[0].openInGroup(t, n, h, people[0]))
	}
	compareVectors(t, "chat-groups.json", v)
}

// TestReadGroupVectors knows nothing but the file.
func TestReadGroupVectors(t *testing.T) {
	var v groupVectors
	readVectors(t, "chat-groups.json", &v)
	w, h := world{}, &hall{id: v.Group, keys: map[Locator][]*GroupKey{}}
	for i, a := range v.Accounts {
		cert, err := pgp.ParseCertificate([]byte(a.Certificate), v.Now)
		must(t, err)
		w[cert.Fingerprint()] = cert
		if i < len(v.Accounts)-1 {
			h.members = append(h.members, cert.Fingerprint())
		}
	}
	d := v.Reader.device(t, w)
	for i, want := range v.Arrivals {
		got := d.openInGroup(t, noted{want.Note, &Arrival{ID: want.ID, Payload: want.Payload, Now: v.Now}}, h, &person{cert: w[v.Accounts[0].Fingerprint]})
		if !equalVector(got, want) {
			t.Errorf("arrival %d (%s):\n%+v, want\n%+v", i, want.Note, got, want)
		}
	}
}
