package pebble

import (
	"bytes"
	"io"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// contents writes b at the end of f, if there was no error before, and returns
// what the file holds.
func contents(t *testing.T, p *patientFS, name string, f vfs.File, err error, b []byte) []byte {
	t.Helper()
	if err == nil {
		_, err = f.Write(bytes.Clone(b)) // a vfs.File may write into it
	}
	if err != nil {
		t.Fatal(err)
	}
	r, err := p.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	all, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestLogIsZeroedAhead(t *testing.T) {
	p := &patientFS{FS: vfs.NewMem(), fail: func(err error) { t.Error(err) }}
	small, large := bytes.Repeat([]byte{1}, 100), bytes.Repeat([]byte{2}, 3*maxAhead)

	f, err := p.Create("1.log", "")
	got := contents(t, p, "1.log", f, err, small)
	if want := append(small[:100:100], make([]byte, minAhead-100)...); !bytes.Equal(got, want) {
		t.Errorf("a small log has %d octets, want %d: what was written, then zeros", len(got), len(want))
	}
	got = contents(t, p, "1.log", f, nil, large)
	n := len(small) + len(large)
	if len(got) < n || len(got) > n+maxAhead || !bytes.Equal(got[100:n], large) || bytes.Count(got[n:], []byte{0}) != len(got)-n {
		t.Errorf("a large log has %d octets, or not what was written", len(got))
	}
	f, err = p.ReuseForWrite("1.log", "2.log", "")
	if again := contents(t, p, "2.log", f, err, small); len(again) != len(got) {
		t.Errorf("a log used again has %d octets, want the %d it had", len(again), len(got))
	}
	f, err = p.Create("3.sst", "")
	if got := contents(t, p, "3.sst", f, err, small); !bytes.Equal(got, small) {
		t.Errorf("a table has %d octets, want the %d that were written", len(got), len(small))
	}
}

// A log goes on where there is no room for zeros.
func TestLogWithoutZeros(t *testing.T) {
	p := &patientFS{FS: vfs.NewMem(), fail: func(err error) { t.Error(err) }}
	f, err := p.Create("1.log", "")
	if err != nil {
		t.Fatal(err)
	}
	l := f.(*logfile)
	l.File = noWriteAt{l.File}
	for range 3 {
		if n, err := l.Write(make([]byte, 10)); n != 10 || err != nil {
			t.Errorf("write = %d, %v", n, err)
		}
	}
}

type noWriteAt struct{ vfs.File }

func (noWriteAt) WriteAt([]byte, int64) (int, error) { return 0, io.ErrShortWrite }
