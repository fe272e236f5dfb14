package mem

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"maps"
	"slices"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/mailbox"
)

// state is what a disk holds. Envelopes are never changed, so clones share them.
type state struct {
	incarnation mailbox.Incarnation
	next        uint64
	totals      mailbox.Totals
	mail        map[omega.Fingerprint][]mail // ascending
	devices     map[omega.Fingerprint][]mailbox.DeviceCursor
	tokens      map[omega.Fingerprint]mailbox.Tokens
	tombs       []mailbox.TombRun // in the order of batches
}

type mail struct {
	mailbox.Entry
	received int64
	envelope []byte
}

// A change is a batch that belongs to the disk.
type change = mailbox.Batch

func newState() *state {
	return &state{
		next:    1,
		mail:    make(map[omega.Fingerprint][]mail),
		devices: make(map[omega.Fingerprint][]mailbox.DeviceCursor),
		tokens:  make(map[omega.Fingerprint]mailbox.Tokens),
	}
}

func (s *state) clone() *state {
	c := *s
	c.mail = make(map[omega.Fingerprint][]mail, len(s.mail))
	for a, m := range s.mail {
		c.mail[a] = slices.Clone(m)
	}
	c.devices = maps.Clone(s.devices)
	c.tokens = maps.Clone(s.tokens)
	c.tombs = slices.Clone(s.tombs)
	return &c
}

func copyBatch(b *mailbox.Batch) change {
	c := *b
	c.Driver = nil
	c.Puts = slices.Clone(b.Puts)
	for i := range c.Puts {
		c.Puts[i].To = slices.Clone(c.Puts[i].To)
		c.Puts[i].Envelope = append([]byte{}, c.Puts[i].Envelope...)
	}
	c.Trims = slices.Clone(b.Trims)
	c.Devices = slices.Clone(b.Devices)
	c.Tokens = slices.Clone(b.Tokens)
	c.Tombs = slices.Clone(b.Tombs)
	for i := range c.Tombs {
		c.Tombs[i].Keys = slices.Clone(c.Tombs[i].Keys)
	}
	return c
}

func (s *state) apply(c change) {
	for _, p := range c.Puts {
		e := mailbox.Entry{Seq: p.Seq, Key: p.Key, Size: uint32(len(p.Envelope)), Expires: p.Expires, Shared: len(p.To) > 1, Request: p.Request}
		for _, a := range p.To {
			s.mail[a] = append(s.mail[a], mail{e, p.Received, p.Envelope})
		}
	}
	for _, t := range c.Trims {
		if i := s.find(t.Mailbox, t.Seq); i >= 0 {
			s.mail[t.Mailbox] = slices.Delete(s.mail[t.Mailbox], i, i+1)
		}
		if len(s.mail[t.Mailbox]) == 0 {
			delete(s.mail, t.Mailbox)
		}
	}
	for _, d := range c.Devices {
		s.devices[d.Mailbox] = slices.Clone(d.Devices)
	}
	for _, t := range c.Tokens {
		s.tokens[t.Mailbox] = t.Tokens
	}
	if c.DropTombs != (mailbox.TombID{}) {
		s.tombs = slices.DeleteFunc(s.tombs, func(r mailbox.TombRun) bool { return r.Compare(c.DropTombs) < 0 })
	}
	s.tombs = append(s.tombs, c.Tombs...)
	if c.Reserve != 0 {
		s.next = c.Reserve
	}
	s.totals = c.Totals
}

// find returns the index of seq in the mailbox of a, or -1.
func (s *state) find(a omega.Fingerprint, seq uint64) int {
	i, found := slices.BinarySearchFunc(s.mail[a], seq, func(m mail, seq uint64) int { return cmp.Compare(m.Seq, seq) })
	if !found {
		return -1
	}
	return i
}

// expired walks all mail in the order of its positions: a mailbox's
// fingerprint and a sequence.
func (s *state) expired(from []byte, now uint32, limit int) (found []mailbox.Ref, next []byte) {
	type thing struct {
		position []byte
		ref      mailbox.Ref
		expires  uint32
	}
	var all []thing
	for a, ms := range s.mail {
		for _, m := range ms {
			all = append(all, thing{binary.BigEndian.AppendUint64(a.Wire(), m.Seq), mailbox.Ref{Mailbox: a, Seq: m.Seq}, m.Expires})
		}
	}
	slices.SortFunc(all, func(x, y thing) int { return bytes.Compare(x.position, y.position) })
	for _, t := range all {
		if bytes.Compare(t.position, from) <= 0 {
			continue
		}
		if limit == 0 {
			return found, next
		}
		limit--
		next = t.position
		if t.expires <= now {
			found = append(found, t.ref)
		}
	}
	return found, nil
}
