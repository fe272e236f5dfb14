package pebble

import (
	"errors"
	"testing"

	"github.com/cockroachdb/pebble/v2/record"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// logFile writes records of the given sizes as Pebble does.
func logFile(t testing.TB, log bool, sizes ...int) []byte {
	t.Helper()
	fs := vfs.NewMem()
	f, err := fs.Create("f", vfs.WriteCategoryUnspecified)
	if err != nil {
		t.Fatal(err)
	}
	var write func([]byte) error
	var end func() error
	if log {
		w := record.NewLogWriter(f, 9, record.LogWriterConfig{WriteWALSyncOffsets: func() bool { return true }})
		write = func(b []byte) error { _, err := w.SyncRecord(b, nil, nil); return err }
		end = w.Close
	} else {
		w := record.NewWriter(f)
		write = func(b []byte) error { _, err := w.WriteRecord(b); return err }
		end = w.Close
	}
	for i, size := range sizes {
		b := make([]byte, size)
		for j := range b {
			b[j] = byte(i*31 + j*7)
		}
		if err := write(b); err != nil {
			t.Fatal(err)
		}
	}
	if err := end(); err != nil {
		t.Fatal(err)
	}
	data, err := fs.Open("f")
	if err != nil {
		t.Fatal(err)
	}
	info, err := data.Stat()
	if err != nil {
		t.Fatal(err)
	}
	out := make([]byte, info.Size())
	if _, err := data.ReadAt(out, 0); err != nil {
		t.Fatal(err)
	}
	return out
}

func auditBytes(log bool, data []byte) error {
	a := auditor{}
	if log {
		a = auditor{log: true, number: 9, unsynced: 1}
	}
	for at := 0; at < len(data) && !a.ended; at += auditBlock {
		if err := a.block(data[at:min(at+auditBlock, len(data))], int64(at)); err != nil {
			return err
		}
	}
	return nil
}

func TestAudit(t *testing.T) {
	sizes := []int{100, 200, 40_000, 10, 70_000, 300, 32_700, 20, 20}
	tests := []struct {
		name    string
		log     bool
		change  func(b []byte) []byte
		damaged bool
	}{
		{"whole manifest", false, func(b []byte) []byte { return b }, false},
		{"whole log", true, func(b []byte) []byte { return b }, false},
		{"empty", true, func([]byte) []byte { return nil }, false},
		{"torn manifest", false, func(b []byte) []byte { return b[:len(b)-5] }, false},
		{"torn log", true, func(b []byte) []byte { return b[:len(b)-20] }, false},
		{"torn log with zeros behind", true, func(b []byte) []byte { return append(b[:len(b)-20], make([]byte, 100_000)...) }, false},
		{"cut in the long record", true, func(b []byte) []byte { return b[:30_000] }, false},
		{"zeros in a log's last two records", true, func(b []byte) []byte { clear(b[len(b)-45 : len(b)-40]); return b }, false},
		{"bit in a manifest's payload", false, func(b []byte) []byte { b[50] ^= 1; return b }, true},
		{"bit in a manifest's length", false, func(b []byte) []byte { b[4] ^= 4; return b }, true},
		{"bit in a manifest's last record", false, func(b []byte) []byte { b[len(b)-1] ^= 128; return b }, true},
		{"bit in a log's payload", true, func(b []byte) []byte { b[50] ^= 1; return b }, true},
		{"bit in a log's checksum", true, func(b []byte) []byte { b[0] ^= 1; return b }, true},
		{"octets in a log's payload", true, func(b []byte) []byte { copy(b[50:], "damage"); return b }, true},
		{"octets in a log's header", true, func(b []byte) []byte { copy(b[1:], "damage"); return b }, true},
		{"octets in a manifest's header", false, func(b []byte) []byte { copy(b, "damage"); return b }, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := auditBytes(tt.log, tt.change(logFile(t, tt.log, sizes...)))
			if got := errors.Is(err, errDamaged); got != tt.damaged || err != nil && !got {
				t.Errorf("audit = %v, want damaged %v", err, tt.damaged)
			}
		})
	}
}

// What a log was reused from does not count.
func TestAuditOfReusedLog(t *testing.T) {
	old := logFile(t, true, 1000, 2000, 3000, 40_000)
	a := auditor{log: true, number: 10, unsynced: 1}
	if err := a.block(old[:auditBlock], 0); err != nil {
		t.Errorf("audit = %v", err)
	}
}

func FuzzAudit(f *testing.F) {
	f.Add(true, logFile(f, true, 10, 20, 30))
	f.Add(false, logFile(f, false, 10, 20, 30))
	f.Fuzz(func(t *testing.T, log bool, data []byte) {
		if err := auditBytes(log, data); err != nil && !errors.Is(err, errDamaged) {
			t.Errorf("audit = %v", err)
		}
	})
}
