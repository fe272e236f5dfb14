package secure

import (
	"bytes"
	"crypto/ecdh"
	"crypto/mlkem"
	"crypto/rand"
	"errors"
	"testing"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/internal/cputime"
)

func FuzzParseWraps(f *testing.F) {
	o, _ := open(f, people(f, 2, 2, true))
	for _, b := range o.Wraps {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, err := ParseWraps(b); err != nil && !errors.Is(err, ErrMalformed) {
			t.Fatalf("%v is not ErrMalformed", err)
		}
	})
}

func FuzzRecord(f *testing.F) {
	o, _ := open(f, people(f, 2, 2, true))
	f.Add(o.Epoch.Record.Text())
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := parseRecord(b)
		if err != nil {
			if !errors.Is(err, ErrMalformed) {
				t.Fatalf("%v is not ErrMalformed", err)
			}
			return
		}
		if !bytes.Equal(r.Text(), b) {
			t.Fatal("written differently")
		}
	})
}

func FuzzUnseal(f *testing.F) {
	devices := people(f, 2, 1, false)
	_, epochs := open(f, devices)
	p, err := epochs[0].Seal(devices[0].id(), now, []byte("x"))
	must(f, err)
	f.Add(p)
	f.Fuzz(func(t *testing.T, b []byte) {
		if in, err := epochs[1].Unseal(b); err == nil && !bytes.Equal(b, p) {
			t.Fatalf("opened %v", in)
		}
	})
}

func FuzzUnmarshal(f *testing.F) {
	o, _ := open(f, people(f, 2, 2, true))
	f.Add(o.Epoch.Marshal())
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := Unmarshal(b)
		if err == nil && !bytes.Equal(e.Marshal(), b) {
			_, err = Unmarshal(e.Marshal())
			must(t, err)
		}
	})
}

// BenchmarkOpen200 is an epoch for 100 people with 2 devices each. The wraps are made on all
// processors; cpu-ns/op is what they cost together. The target is 20 ms until it is open.
func BenchmarkOpen200(b *testing.B) {
	devices := people(b, 100, 2, false)
	p := plan(devices)
	began := cputime.Used()
	for b.Loop() {
		if _, err := Open(b.Context(), zeros{}, devices[0].sign, p); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(cputime.Used()-began)/float64(b.N), "cpu-ns/op")
}

// BenchmarkFloor200 is what no epoch for 200 devices can do without: an encapsulation and
// an agreement for each.
func BenchmarkFloor200(b *testing.B) {
	var points []*ecdh.PublicKey
	var keys []*mlkem.EncapsulationKey768
	for range 200 {
		x, err := ecdh.X25519().GenerateKey(rand.Reader)
		must(b, err)
		m, err := mlkem.GenerateKey768()
		must(b, err)
		points, keys = append(points, x.PublicKey()), append(keys, m.EncapsulationKey())
	}
	own, err := ecdh.X25519().GenerateKey(rand.Reader)
	must(b, err)
	for b.Loop() {
		for i, p := range points {
			if _, err := own.ECDH(p); err != nil {
				b.Fatal(err)
			}
			keys[i].Encapsulate()
		}
	}
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = 7
	}
	return len(b), nil
}

func BenchmarkSeal(b *testing.B) {
	devices := people(b, 2, 1, false)
	o, _ := open(b, devices)
	text := make([]byte, 200)
	start := o.Epoch.Marshal()
	e, _ := Unmarshal(start)
	b.ReportAllocs()
	for b.Loop() {
		if e.Sent(devices[0].id()) == MaxLimit {
			e, _ = Unmarshal(start)
		}
		if _, err := e.Seal(devices[0].id(), now, text); err != nil {
			b.Fatal(err)
		}
	}
}

func FuzzReadText(f *testing.F) {
	devices := people(f, 2, 1, false)
	_, epochs := open(f, devices)
	for _, sent := range [][]Count{nil, {{Hash{1}, 3}}} {
		m := &Message{ID: omega.ID{7}, Time: now, Content: []byte("content"), Sent: sent, Device: devices[0].id(), From: devices[0].account}
		f.Add(epochs[0].text(m))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := ReadText(b)
		if err == nil && s.Number >= MaxLimit {
			t.Fatalf("number %d", s.Number)
		}
	})
}
