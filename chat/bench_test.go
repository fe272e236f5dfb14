package chat

import (
	"context"
	"testing"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/pgp"
)

// BenchmarkSend seals texts of 200 octets in a chat that has its key. The
// target is 25 µs.
func BenchmarkSend(b *testing.B) {
	w := world{}
	alice, bob := w.person(b, 1, 1), w.person(b, 2, 1)
	s, roster := alice.sender(b, bob), alice.roster(b, bob)
	c := NewText(string(make([]byte, 200)))
	s.at(b, testTime, roster, c)
	b.ReportAllocs()
	began := processorTime(b)
	for b.Loop() {
		if s.state.Count == MaxKeyMessages {
			s.state.Count = 0
		}
		if _, err := s.Seal(context.Background(), testTime, roster, c); err != nil {
			b.Fatal(err)
		}
	}
	m, signer := s.at(b, testTime, roster, c).Message, alice.devices[0].id.Signer
	reportProcessor(b, began, "signing", func() error {
		_, err := pgp.SignCompact(b.Context(), signer, m.Transcript, m.Time)
		return err
	})
}

// BenchmarkOpenVerify opens and verifies them in order. The target is 45 µs.
func BenchmarkOpenVerify(b *testing.B) {
	w := world{}
	alice, bob := w.person(b, 1, 1), w.person(b, 2, 1)
	s, roster := alice.sender(b, bob), alice.roster(b, bob)
	c := NewText(string(make([]byte, 200)))
	var arrivals []*Arrival
	for range 1000 {
		arrivals = append(arrivals, s.at(b, testTime, roster, c).arrivals(testTime)...)
	}
	var d *device
	i := 0
	b.ReportAllocs()
	began := processorTime(b)
	for b.Loop() {
		if i%(len(arrivals)-1) == 0 {
			b.StopTimer()
			pause := processorTime(b)
			d, i = w.device(b, bob, bob.devices[0].secrets), 0
			d.open(b, arrivals[0])
			began += processorTime(b) - pause
			b.StartTimer()
		}
		i++
		r, err := d.recv.Open(context.Background(), d.store, arrivals[i])
		if err != nil || !r.Message.Verified {
			b.Fatal(r, err)
		}
	}
	m, key := s.at(b, testTime, roster, c).Message, alice.devices[0].id.Signer.Public()
	reportProcessor(b, began, "verifying", func() error { return pgp.VerifyCompact(key, m.Transcript, m.SignatureTime(), m.Signature) })
}

// BenchmarkKeyRecord makes a key and its record for a chat with three other
// devices, and seals the first message.
func BenchmarkKeyRecord(b *testing.B) {
	w := world{}
	alice, bob := w.person(b, 1, 2), w.person(b, 2, 2)
	roster := alice.roster(b, bob)
	b.ReportAllocs()
	for b.Loop() {
		s := alice.sender(b, bob)
		s.at(b, testTime, roster, NewText("x"))
	}
}

// BenchmarkOpenKey opens and verifies a key record.
func BenchmarkOpenKey(b *testing.B) {
	w := world{}
	alice, bob := w.person(b, 1, 2), w.person(b, 2, 2)
	a := alice.sender(b, bob).text(b, alice.roster(b, bob), "x").arrivals(testTime)[0]
	b.ReportAllocs()
	for b.Loop() {
		d := bob.devices[0]
		d.store = &MemoryStore{}
		if r, err := d.recv.Open(context.Background(), d.store, a); err != nil || r.Verdict != VerdictKey {
			b.Fatal(r, err)
		}
	}
}

// BenchmarkStoredKey reads a key as it comes from the database.
func BenchmarkStoredKey(b *testing.B) {
	w := world{}
	alice, bob := w.person(b, 1, 2), w.person(b, 2, 2)
	stored := alice.sender(b, bob).text(b, alice.roster(b, bob), "x").Key.Marshal()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := UnmarshalKey(stored); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkGroupKey5000 makes a key for a group of 5,000 accounts with one device
// each, and wraps it for all of them.
func BenchmarkGroupKey5000(b *testing.B) {
	w := world{}
	p := w.person(b, 1, 1)
	var members []Member
	var readers []GroupReader
	for range 5000 {
		members = append(members, Member{p.fp(), []omega.Fingerprint{p.devices[0].id.Device()}})
		readers = append(readers, GroupReader{p.fp(), p.cert.Devices()})
	}
	size := 0
	for b.Loop() {
		k, err := NewGroupKey(b.Context(), seeded(1), p.devices[0].id, Hash{1}, []Hash{{1}}, members, testTime)
		must(b, err)
		parts, err := k.Parts(seeded(2), readers)
		must(b, err)
		size = 0
		for _, part := range parts {
			size += len(part.Payload)
		}
	}
	b.ReportMetric(float64(size), "octets")
}
