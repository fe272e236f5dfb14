package wire

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"runtime"
	"testing"
)

func batchOf(n int, stream []byte) []byte {
	return append(binary.BigEndian.AppendUint32(nil, uint32(n)), stream...)
}

func deflated(t testing.TB, raw []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := flate.NewWriter(&out, flate.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	w.Write(raw)
	w.Close()
	return out.Bytes()
}

// What was added comes out again, and a batch can be used again.
func TestBatch(t *testing.T) {
	random := rand.NewChaCha8([32]byte{5})
	var batch Batch
	for round := range 3 {
		var bodies [][]byte
		for batch.Room(1300) {
			body := make([]byte, 1300)
			random.Read(body[400:])
			body[0] = byte(round)
			bodies = append(bodies, body)
			batch.Add(TypeLSA, body)
		}
		before := batch.Len()
		b := batch.AppendTo([]byte("before"))[len("before"):]
		if before > MaxBatch || before < MaxBatch-1308 || len(b) > before*3/4 || batch.Len() != 0 {
			t.Errorf("%d octets became %d, %d are left", before, len(b), batch.Len())
		}
		frames, err := DecodeBatch(b)
		if err != nil || len(frames) != len(bodies) {
			t.Fatalf("%d frames of %d: %v", len(frames), len(bodies), err)
		}
		for i, f := range frames {
			if f.Type != TypeLSA || f.Tag != 0 || !bytes.Equal(f.Body, bodies[i]) {
				t.Errorf("frame %d is another", i)
			}
		}
	}
}

// What is not as it says is malformed, and a bomb takes no more memory than a batch.
func TestBatchMalformed(t *testing.T) {
	frame := AppendFrame(nil, TypeLSA, 0, []byte("announcement"))
	good := deflated(t, frame)
	bomb := deflated(t, make([]byte, 64<<20))
	for name, b := range map[string][]byte{
		"empty":              nil,
		"no stream":          batchOf(len(frame), nil),
		"cut":                batchOf(len(frame), good[:len(good)-3]),
		"longer than said":   batchOf(len(frame)-1, good),
		"shorter than said":  batchOf(len(frame)+1, good),
		"something behind":   batchOf(len(frame), append(bytes.Clone(good), 0)),
		"too long":           batchOf(MaxBatch+1, deflated(t, make([]byte, MaxBatch+1))),
		"says 4 GiB":         batchOf(1<<32-1, good),
		"bomb":               batchOf(MaxBatch, bomb),
		"bomb, says little":  batchOf(len(frame), bomb),
		"another frame":      batchOf(len(frame), deflated(t, AppendFrame(nil, TypeLSWant, 0, []byte("announcement")))),
		"half a frame":       batchOf(len(frame)-2, deflated(t, frame[:len(frame)-2])),
		"a batch in a batch": batchOf(8, deflated(t, AppendFrame(nil, TypeLSBatch, 0, nil))),
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		frames, err := DecodeBatch(b)
		runtime.ReadMemStats(&after)
		if took := after.TotalAlloc - before.TotalAlloc; took > 4*MaxBatch {
			t.Errorf("%s: %d octets of memory", name, took)
		}
		if !errors.Is(err, ErrMalformed) || frames != nil {
			t.Errorf("%s: %d frames, %v", name, len(frames), err)
		}
	}
}

func FuzzDecodeBatch(f *testing.F) {
	frame := AppendFrame(nil, TypeServerCert, 0, []byte("certificate"))
	f.Add(batchOf(len(frame), deflated(f, frame)))
	f.Add(batchOf(0, deflated(f, nil)))
	f.Add(batchOf(MaxBatch, deflated(f, make([]byte, MaxBatch))))
	f.Fuzz(func(t *testing.T, b []byte) {
		frames, err := DecodeBatch(b)
		if err != nil {
			return
		}
		var again Batch
		total := 0
		for _, fr := range frames {
			total += HeaderSize + len(fr.Body)
			again.Add(fr.Type, fr.Body)
		}
		if total > MaxBatch {
			t.Fatalf("%d octets of frames", total)
		}
		if back, err := DecodeBatch(again.AppendTo(nil)); err != nil || len(back) != len(frames) {
			t.Fatalf("again %d frames of %d, %v", len(back), len(frames), err)
		}
	})
}
