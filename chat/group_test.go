package chat

import (
	"bytes"
	"context"
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/pgp"
)

// A hall is what a receiver asks about groups, for tests: one group whose members
// may write.
type hall struct {
	id      Hash
	keys    map[Locator][]*GroupKey
	members []omega.Fingerprint
	missing bool // operations are
	since   time.Time
}

func (h *hall) ReadsSince(context.Context, Hash) (time.Time, error) { return h.since, nil }

func (h *hall) GroupKeys(_ context.Context, l Locator) ([]*GroupKey, error) { return h.keys[l], nil }

func (h *hall) PutGroupKey(_ context.Context, k *GroupKey) error {
	h.keys[k.Locator] = append(h.keys[k.Locator], k)
	return nil
}

func (h *hall) Group(_ context.Context, c omega.ChatID) (id Hash, err error) {
	if c == omega.ChatID(h.id[:16]) {
		id = h.id
	}
	return id, nil
}

func (h *hall) Standing(_ context.Context, w Writing) (Standing, error) {
	if h.missing {
		return StandingUnknown, nil
	}
	for _, m := range h.members {
		if m == w.Author {
			return StandingGood, nil
		}
	}
	return StandingNone, nil
}

// a group of three people, of whom the first writes.
func newHall(t *testing.T, w world) (people []*person, h []*hall, key *GroupKey, parts []GroupPart) {
	id := Hash{7, 7}
	var members []Member
	var readers []GroupReader
	for i := range 3 {
		p := w.person(t, byte(i+1), 1)
		people = append(people, p)
		members = append(members, Member{p.fp(), []omega.Fingerprint{p.devices[0].id.Device()}})
		if i > 0 {
			readers = append(readers, GroupReader{p.fp(), p.cert.Devices()})
		}
	}
	for range people {
		x := &hall{id: id, keys: map[Locator][]*GroupKey{}}
		for _, p := range people {
			x.members = append(x.members, p.fp())
		}
		h = append(h, x)
	}
	key, err := NewGroupKey(t.Context(), seeded(9), people[0].devices[0].id, id, []Hash{{1}, {2}}, members, testTime)
	must(t, err)
	must(t, h[0].PutGroupKey(t.Context(), key))
	parts, err = key.Parts(seeded(10), readers)
	must(t, err)
	return people, h, key, parts
}

func always([]Hash) bool { return true }

// TestGroupChat: a group key, a record under it, a message; each is taken once and
// only from who may.
func TestGroupChat(t *testing.T) {
	w := world{}
	people, halls, key, parts := newHall(t, w)
	ann, bob, cat := people[0], people[1].devices[0], people[2].devices[0]
	roster := NewGroupRoster(key, key.Heads, always)
	sender, err := NewSender(ann.devices[0].id, seeded(11), "安", SenderState{Chat: roster.Chat})
	must(t, err)
	sealed := sender.text(t, roster, "大家好")
	open := func(d *device, h *hall, id omega.ID, payload []byte) *Result {
		t.Helper()
		r, err := d.recv.Open(t.Context(), d.store, &Arrival{ID: id, Payload: payload, Now: testTime, Groups: h})
		must(t, err)
		return r
	}
	if len(parts) != 1 || len(parts[0].To) != 2 || sealed.KeyRecord[0] != byte(PayloadGroupRecord) || bytes.Contains(sealed.KeyRecord, key.Group[:2]) {
		t.Fatalf("%d parts, record of kind %d", len(parts), sealed.KeyRecord[0])
	}
	// In the wrong order everything waits for what it needs.
	if r := open(bob, halls[1], sealed.Message.ID, sealed.Payload); r.Verdict != VerdictNeedKey || r.Locator != sealed.Key.Locator {
		t.Errorf("message first: %v", r.Verdict)
	}
	if r := open(bob, halls[1], sealed.KeyID, sealed.KeyRecord); r.Verdict != VerdictNeedKey || r.Locator != key.Locator {
		t.Errorf("record before the group key: %v %s", r.Verdict, r.Locator)
	}
	if r := open(bob, halls[1], omega.ID{1}, parts[0].Payload); r.Verdict != VerdictGroupKey || !r.GroupKey.Same(key) || r.GroupKey.MembersHash != key.MembersHash {
		t.Fatalf("group key: %v %v", r.Verdict, r.Reason)
	}
	if r := open(bob, halls[1], sealed.KeyID, sealed.KeyRecord); r.Verdict != VerdictKey || r.Key.Group == nil || r.Key.Profile != "安" {
		t.Fatalf("record: %v %v", r.Verdict, r.Reason)
	}
	halls[1].missing = true
	if r := open(bob, halls[1], sealed.Message.ID, sealed.Payload); r.Verdict != VerdictNeedGroup || r.Group != key.Group || r.Account != ann.fp() {
		t.Errorf("operations are missing: %v", r.Verdict)
	}
	halls[1].missing = false
	m := wantMessage(t, open(bob, halls[1], sealed.Message.ID, sealed.Payload), ProblemNone)
	if m.Chat != roster.Chat || !m.Peer.IsZero() || m.Content.Text != "大家好" {
		t.Errorf("%+v", m)
	}
	if r := open(bob, halls[1], sealed.Message.ID, sealed.Payload); r.Verdict != VerdictDuplicate {
		t.Errorf("again: %v", r.Verdict)
	}

	// Bob wraps it for cat, as it is; cat knows that ann may not write.
	got := halls[1].keys[key.Locator][0]
	stored, err := UnmarshalGroupKey(got.Marshal())
	must(t, err)
	again, err := stored.Parts(seeded(12), []GroupReader{{people[2].fp(), people[2].cert.Devices()}})
	must(t, err)
	if r := open(cat, halls[2], omega.ID{2}, again[0].Payload); r.Verdict != VerdictGroupKey || !r.GroupKey.Same(key) {
		t.Fatalf("wrapped again: %v %v", r.Verdict, r.Reason)
	}
	halls[2].members = halls[2].members[1:]
	open(cat, halls[2], sealed.KeyID, sealed.KeyRecord)
	wantMessage(t, open(cat, halls[2], sealed.Message.ID, sealed.Payload), ProblemMember)

	// The next message says nothing that is known; with other heads it names them.
	next := sender.text(t, NewGroupRoster(key, []Hash{{3}}, always), "還有")
	if next.KeyRecord != nil || next.Message.Content.Group == nil || next.Message.Content.Group.Heads[0] != (Hash{3}) {
		t.Errorf("%v %+v", next.KeyRecord != nil, next.Message.Content.Group)
	}
	// Where the members are others there is a new sending key.
	other := sender.text(t, NewGroupRoster(key, []Hash{{4}}, func([]Hash) bool { return false }), "歡迎")
	if other.KeyRecord == nil || other.Key.First != 3 {
		t.Errorf("no new key for newcomers")
	}
	state, err := UnmarshalSenderState((&SenderState{Chat: roster.Chat, Key: other.Key, Sequence: 3}).Marshal())
	if err != nil || state.Key.MembersHash() != key.MembersHash || state.Key.Group.Key != key.Locator {
		t.Errorf("%v %v", state, err)
	}
}

// TestSubscribersKeys: who subscribes while somebody writes under a key misses nothing of
// what was written before, whatever it is given of that; under later keys, and by
// members, everything is missed. (spec/group.md, GROUP-44)
func TestSubscribersKeys(t *testing.T) {
	w := world{}
	people, halls, key, parts := newHall(t, w)
	roster := NewGroupRoster(key, key.Heads, always)
	sender, err := NewSender(people[0].devices[0].id, seeded(11), "", SenderState{Chat: roster.Chat})
	must(t, err)
	var sealed []*Sealed
	for _, text := range []string{"one", "two", "three", "four", "five"} {
		sealed = append(sealed, sender.text(t, roster, text))
	}
	after := NewGroupRoster(key, []Hash{{4}}, func([]Hash) bool { return false })
	for _, text := range []string{"six", "seven"} {
		sealed = append(sealed, sender.text(t, after, text))
	}
	for _, row := range []struct {
		name  string
		since time.Time
		want  int // runs that are missing in the end
	}{
		{"member", time.Time{}, 2},
		{"subscriber since then", testTime, 1},
		{"subscriber since before the key", testTime.Add(-time.Hour), 2},
	} {
		t.Run(row.name, func(t *testing.T) {
			reader := people[1].devices[0]
			reader.store = &MemoryStore{}
			h := &hall{id: key.Group, keys: map[Locator][]*GroupKey{}, members: halls[1].members, since: row.since}
			open := func(id omega.ID, payload []byte) *Result {
				t.Helper()
				r, err := reader.recv.Open(t.Context(), reader.store, &Arrival{ID: id, Payload: payload, Now: testTime, Groups: h})
				must(t, err)
				return r
			}
			open(omega.ID{1}, parts[0].Payload)
			if r := open(sealed[0].KeyID, sealed[0].KeyRecord); r.Verdict != VerdictKey {
				t.Fatalf("record: %v %v", r.Verdict, r.Reason)
			}
			wantMessage(t, open(sealed[3].Message.ID, sealed[3].Payload), ProblemNone)
			track := open(sealed[4].Message.ID, sealed[4].Payload).Track
			if (len(track.Wanted()) == 0) != (row.want == 1) {
				t.Errorf("missing of what was before: %v", track.Wanted())
			}
			h.since = time.Time{}
			if !row.since.IsZero() {
				h.since = testTime.Add(-time.Hour) // the next key is a later one
			}
			open(sealed[5].KeyID, sealed[5].KeyRecord)
			if track = open(sealed[6].Message.ID, sealed[6].Payload).Track; len(track.Wanted()) != row.want {
				t.Errorf("missing in the end: %v", track.Wanted())
			}
		})
	}
}

// TestGroupKeyAttacks: what is changed, or signed by somebody else, is refused.
func TestGroupKeyAttacks(t *testing.T) {
	w := world{}
	people, halls, key, parts := newHall(t, w)
	bob := people[1].devices[0]
	open := func(payload []byte) Verdict {
		t.Helper()
		r, err := bob.recv.Open(t.Context(), bob.store, &Arrival{Payload: payload, Now: testTime, Fresh: true, Groups: halls[1]})
		must(t, err)
		return r.Verdict
	}
	flip := func(b []byte, at int) []byte {
		out := bytes.Clone(b)
		out[at] ^= 1
		return out
	}
	for _, at := range []int{1, len(parts[0].Payload) - 1, len(parts[0].Payload) / 2} {
		if v := open(flip(parts[0].Payload, at)); v != VerdictRefused {
			t.Errorf("octet %d changed: %v", at, v)
		}
	}
	// Bob makes a key in ann's name.
	forged := *key
	forged.Sealed, _ = pgp.SignRecord(t.Context(), seeded(1), people[2].devices[0].id.Signer, key.Secret[:], key.Text(), key.Time)
	p, err := forged.Parts(seeded(2), []GroupReader{{people[1].fp(), people[1].cert.Devices()}})
	must(t, err)
	if v := open(p[0].Payload); v != VerdictRefused {
		t.Errorf("signed by another device: %v", v)
	}
	if v := open(parts[0].Payload); v != VerdictGroupKey {
		t.Fatalf("the key itself: %v", v)
	}
	roster := NewGroupRoster(key, key.Heads, always)
	sender, err := NewSender(people[0].devices[0].id, seeded(11), "", SenderState{Chat: roster.Chat})
	must(t, err)
	sealed := sender.text(t, roster, "x")
	for _, at := range []int{1, 9, 30, len(sealed.KeyRecord) - 1} {
		if v := open(flip(sealed.KeyRecord, at)); v == VerdictKey {
			t.Errorf("record with octet %d changed: %v", at, v)
		}
	}
	// Who has the group key cannot speak for others: the record is signed.
	k := *sealed.Key
	k.Locator = Locator{9}
	record, err := sealGroupRecord(t.Context(), people[2].devices[0].id.Signer, key, &k)
	must(t, err)
	r, err := bob.recv.Open(t.Context(), bob.store, &Arrival{Payload: record, Now: testTime, Fresh: true, Groups: halls[1]})
	must(t, err)
	if r.Verdict != VerdictKey || r.Key.Problem != ProblemSignature {
		t.Errorf("record of somebody else: %v", r.Verdict)
	}
	if r, _ := bob.recv.Open(t.Context(), bob.store, &Arrival{Payload: record, Now: testTime}); r.Verdict != VerdictRefused {
		t.Errorf("without groups: %v", r.Verdict)
	}
}

// TestGroupParts: a part is for 32 devices, and 256 at most are never more.
func TestGroupParts(t *testing.T) {
	w := world{}
	p := w.person(t, 1, 1)
	key, err := NewGroupKey(t.Context(), seeded(9), p.devices[0].id, Hash{1}, []Hash{{1}}, []Member{{p.fp(), nil}}, testTime.Add(time.Millisecond))
	must(t, err)
	var readers []GroupReader
	for range 100 {
		readers = append(readers, GroupReader{p.fp(), p.cert.Devices()})
	}
	parts, err := key.Parts(seeded(3), append(readers, GroupReader{Account: p.fp()}))
	must(t, err)
	if len(parts) != 4 || len(parts[0].To) != 32 || len(parts[3].To) != 4 {
		t.Errorf("%d parts", len(parts))
	}
}

func FuzzGroupTexts(f *testing.F) {
	k := &GroupKey{Group: Hash{1}, Heads: []Hash{{2}}, From: omega.Fingerprint{}, Time: testTime}
	f.Add(k.Text())
	f.Add((&Key{Group: &InGroup{Group: Hash{1}, Heads: []Hash{{1}}}, Epoch: 1, First: 1, Time: testTime}).Text())
	f.Fuzz(func(t *testing.T, b []byte) {
		if k, err := parseGroupKey(b); err == nil && !bytes.Equal(k.Text(), b) {
			t.Error("group key written differently")
		}
		if k, err := parseGroupRecord(b); err == nil && !bytes.Equal(k.Text(), b) {
			t.Error("group record written differently")
		}
		_, _ = UnmarshalGroupKey(b)
	})
}
