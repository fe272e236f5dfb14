package directory

import (
	"bytes"
	"reflect"
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/mesh"
)

func TestReportCoding(t *testing.T) {
	r := report{hour: hourOf(noon), rows: []row{
		{subject: subjectKey{1}, rtt: 12300 * time.Microsecond, tries: 10, answers: 9},
		{subject: subjectKey{2}, tries: 3},
		{subject: subjectKey{3}, rtt: 100 * time.Microsecond, tries: 1, answers: 1},
	}}
	b := r.encode()
	if want := []byte{1, 0, 35, 0, 0x07, 0x9c, 0xa4, 3}; !bytes.Equal(b[:8], want) { // hour 498,852 since 1970
		t.Errorf("begins with % x, want % x", b[:8], want)
	}
	got, ok := decodeReport(b)
	if !ok || !reflect.DeepEqual(got, r) {
		t.Errorf("decoded %v %v, want %v", got, ok, r)
	}
	unknown := []byte{9, 0, 2, 'x', 'y'}
	if got, ok := decodeReport(append(unknown, b...)); !ok || !reflect.DeepEqual(got, r) {
		t.Errorf("behind a part of another kind: %v %v", got, ok)
	}
	slow := report{rows: []row{{rtt: time.Hour, tries: 1, answers: 1}}}
	if got, ok := decodeReport(slow.encode()); !ok || got.rows[0].rtt != maxRTT*rttUnit {
		t.Errorf("an hour is told as %v", got)
	}
	for name, bad := range map[string][]byte{
		"cut short":               b[:len(b)-1],
		"a count too high":        append(append(bytes.Clone(b[:7]), 4), b[8:]...),
		"not ascending":           append(append(append(bytes.Clone(b[:8]), b[18:28]...), b[8:18]...), b[28:]...),
		"more answers than tries": append(bytes.Clone(b[:len(b)-1]), 2),
		"answers without a time":  append(append(bytes.Clone(b[:len(b)-4]), 0, 0), 1, 1),
	} {
		if got, ok := decodeReport(bad); ok {
			t.Errorf("%s: taken as %v", name, got)
		}
	}
}

// TestReportFits: what a server says about as many as it may fits into an
// announcement's extension, and no more is said.
func TestReportFits(t *testing.T) {
	var r report
	for i := range 200 {
		r.rows = append(r.rows, row{subject: keyOf(serverNumber(i)), tries: 1})
	}
	b := r.encode()
	if got, ok := decodeReport(b); !ok || len(got.rows) != maxRows {
		t.Fatalf("%d rows", len(got.rows))
	}
	a := cloudOf(1).Servers[0].Announcement
	a.Sequence, a.Expires, a.Extension = 1, a.Issued.Add(time.Hour), b
	if _, err := a.Sign(func([]byte, time.Time) (s mesh.Signature, err error) { return }); err != nil {
		t.Errorf("%d octets: %v", len(b), err)
	}
}

func FuzzReport(f *testing.F) {
	r := report{hour: 7, rows: []row{{subject: subjectKey{1}, rtt: time.Millisecond, tries: 2, answers: 1}}}
	f.Add(r.encode())
	f.Add([]byte{9, 0, 0, 1, 255, 255})
	f.Fuzz(func(t *testing.T, b []byte) {
		r, ok := decodeReport(b)
		if !ok {
			return
		}
		again, ok := decodeReport(r.encode())
		if !ok || !reflect.DeepEqual(again, r) {
			t.Errorf("%v became %v", r, again)
		}
	})
}

// TestDraw: above 50 servers everybody has about eight probers, whom it cannot
// choose, and others every hour.
func TestDraw(t *testing.T) {
	const n = 400
	for s := range 20 {
		probers, next := 0, 0
		for p := range n {
			if drawn(1000, serverNumber(p), serverNumber(s), n, 1) {
				probers++
				if drawn(1001, serverNumber(p), serverNumber(s), n, 1) {
					next++
				}
				if !drawn(1000, serverNumber(p), serverNumber(s), n, proberSlack) {
					t.Error("a reader with slack refuses what was drawn")
				}
			}
		}
		if probers < 1 || probers > 22 || next > 4 {
			t.Errorf("server %d has %d probers, %d of them in the next hour as well", s, probers, next)
		}
	}
	if !drawn(1, serverNumber(1), serverNumber(2), probeAll, 1) {
		t.Error("in a small cloud not everyone probes everyone")
	}
}

// says makes a prober say that it sees, or does not see, a subject.
func says(top *mesh.Topology, prober, subject int, rtt time.Duration, hour uint32) {
	r, _ := decodeReport(top.Servers[prober].Extension)
	r.hour = hour
	w := row{subject: keyOf(top.Servers[subject].Server), tries: 10}
	if rtt > 0 {
		w.rtt, w.answers = rtt, 10
	}
	r.rows = append(r.rows, w)
	top.Servers[prober].Extension = r.encode()
}

func TestOpinions(t *testing.T) {
	top := cloudOf(6)
	hour := hourOf(noon)
	const subject = 0
	says(top, 1, subject, 10*time.Millisecond, hour)
	says(top, 2, subject, 30*time.Millisecond, hour-2)
	says(top, 3, subject, 0, hour)
	says(top, 4, subject, 50*time.Millisecond, hour-3) // too old
	says(top, 5, subject, 50*time.Millisecond, hour+1) // of the future
	says(top, subject, subject, time.Millisecond, hour)
	self := top.Servers[4].Server
	own := report{hour, []row{{keyOf(top.Servers[subject].Server), 20 * time.Millisecond, 10, 10}}}
	got := opinions(top, self, own, noon)[top.Servers[subject].Server]
	if want := (opinion{3, 4, 20 * time.Millisecond}); got != want {
		t.Errorf("opinion %v, want %v", got, want)
	}
	if up, known := got.up(); !up || !known {
		t.Error("three of four is not up")
	}
	top.States[top.Servers[1].Server] = mesh.Probationary
	if got := opinions(top, self, own, noon)[top.Servers[subject].Server]; got.of != 3 {
		t.Errorf("with one prober on probation: %v", got)
	}
}

// TestOpinionsOfChosenProbers: in a large cloud nobody speaks about servers that
// the draw did not give it.
func TestOpinionsOfChosenProbers(t *testing.T) {
	top := cloudOf(300)
	hour := hourOf(noon)
	for p := 1; p < 300; p++ {
		says(top, p, 0, 0, hour) // all say that it is down
	}
	got := opinions(top, omega.Fingerprint{}, report{}, noon)[top.Servers[0].Server]
	if got.of == 0 || got.of > 40 {
		t.Errorf("%d of 299 are heard", got.of)
	}
}
