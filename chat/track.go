package chat

import (
	"slices"
	"time"

	"github.com/omega-im/omega"
)

// A Sighting is what a reader remembers of every verified message for ever, so
// that nothing is taken twice.
type Sighting struct {
	Sequence  uint32
	Link      Link     // to the message itself
	Previous  Link     // to the one before, as it says
	Time      int64    // ms since 1970, by the sender's clock, but not later than it was heard
	Signature [16]byte // first octets of its signature
}

func sightingOf(m *Message, previous Link) *Sighting {
	return &Sighting{
		Sequence: m.Sequence, Link: m.Link(), Previous: previous,
		Time: m.Time.UnixMilli(), Signature: [16]byte(m.Signature[:16]),
	}
}

// A Range is a run of sequences, both ends in it.
type Range struct{ From, To uint32 }

// LeapRun is the length from which on a run of sequences that nobody has seen is
// no loss but a leap (spec/chat.md, CHAT-6): it is not asked for.
const LeapRun = 1 << 16

// MaxMissing is how many gaps a track remembers; older ones are given up.
const MaxMissing = 1024

// A Track is what a reader knows of one device's messages in one chat. It
// depends on what arrived, not on the order.
type Track struct {
	Chat    omega.ChatID
	Device  omega.Fingerprint
	Low     uint32  // nothing is expected below; 0 before the first key or message
	Highest uint32  // highest sequence that is known to exist
	Missing []Range // from Low to Highest, ascending; leaps too

	Last     uint32 // highest sequence seen
	LastLink Link
	LastTime int64 // ms since 1970
}

// start takes note of a key whose first message is first: everything before it
// exists, and everything from the lowest such on is for this reader.
func (t *Track) start(first uint32) {
	switch {
	case t.Low == 0:
		t.Low, t.Highest = first, first-1
	case first < t.Low:
		t.miss(first, t.Low-1)
		t.Low = first
	case first-1 > t.Highest: // first is not 0, and Highest may be the last there is
		t.miss(t.Highest+1, first-1)
		t.Highest = first - 1
	}
}

// see takes note of a verified message.
func (t *Track) see(s *Sighting) {
	n := s.Sequence
	switch {
	case t.Low == 0:
		t.Low, t.Highest = n, n
	case n < t.Low:
		t.miss(n+1, t.Low-1)
		t.Low = n
	case n > t.Highest:
		t.miss(t.Highest+1, n-1)
		t.Highest = n
	default:
		t.found(n)
	}
	if n > t.Last {
		t.Last, t.LastLink, t.LastTime = n, s.Link, s.Time
	}
}

// miss adds a run that no other run touches from inside.
func (t *Track) miss(from, to uint32) {
	if from > to {
		return
	}
	i, _ := slices.BinarySearchFunc(t.Missing, from, func(r Range, n uint32) int {
		if r.From < n {
			return -1
		}
		return 1
	})
	t.Missing = slices.Insert(t.Missing, i, Range{from, to})
	if i+1 < len(t.Missing) && t.Missing[i+1].From == to+1 {
		t.Missing[i].To = t.Missing[i+1].To
		t.Missing = slices.Delete(t.Missing, i+1, i+2)
	}
	if i > 0 && t.Missing[i-1].To+1 == from {
		t.Missing[i-1].To = t.Missing[i].To
		t.Missing = slices.Delete(t.Missing, i, i+1)
	}
	if over := len(t.Missing) - MaxMissing; over > 0 {
		t.Missing = slices.Delete(t.Missing, 0, over)
	}
}

// found takes n out of the runs.
func (t *Track) found(n uint32) {
	i := slices.IndexFunc(t.Missing, func(r Range) bool { return r.From <= n && n <= r.To })
	if i < 0 {
		return
	}
	r := t.Missing[i]
	t.Missing = slices.Delete(t.Missing, i, i+1)
	t.missAt(i, n+1, r.To)
	t.missAt(i, r.From, n-1)
}

func (t *Track) missAt(i int, from, to uint32) {
	if from <= to {
		t.Missing = slices.Insert(t.Missing, i, Range{from, to})
	}
}

// GiveUp stops asking for everything up to and with n.
func (t *Track) GiveUp(n uint32) {
	for len(t.Missing) > 0 && t.Missing[0].From <= n {
		if t.Missing[0].To > n {
			t.Missing[0].From = n + 1
			return
		}
		t.Missing = slices.Delete(t.Missing, 0, 1)
	}
}

// Wanted are the runs of messages that are missing: what to ask for again.
func (t *Track) Wanted() []Range {
	return slices.DeleteFunc(slices.Clone(t.Missing), func(r Range) bool { return r.To-r.From >= LeapRun-1 })
}

// MissingSequences lists at most n of the missing sequences, the newest runs
// first: they are what a person waits for.
func (t *Track) MissingSequences(n int) []uint32 {
	var out []uint32
	for _, r := range slices.Backward(t.Wanted()) {
		for seq := r.From; len(out) < n; seq++ {
			out = append(out, seq)
			if seq == r.To {
				break
			}
		}
	}
	return out
}

// UpTo is the sequence up to which nothing is missing: what a receipt says.
func (t *Track) UpTo() uint32 {
	if len(t.Missing) > 0 {
		return t.Missing[0].From - 1
	}
	return t.Highest
}

// lastTime is the time of the highest message seen.
func (t *Track) lastTime() time.Time { return time.UnixMilli(t.LastTime) }
