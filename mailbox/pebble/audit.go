package pebble

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"math/bits"
	"strconv"
	"strings"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// Pebble takes what it cannot read at the end of a log or manifest for a write
// that a power cut tore, and forgets everything from there on. Damage looks the
// same to it: one flipped bit in a manifest makes it forget, and then delete,
// whole tables. The audit looks at these files before Pebble does, and refuses
// damage that no power cut makes:
//
//   - a broken record with records behind it that were only written once the
//     broken one was synced: any record in a manifest, the second one in a log,
//     since the driver takes no more than two groups at a time;
//   - a chunk that becomes right when one bit of its header is turned, or, in a
//     manifest, one bit of the rest. In logs, whose chunks are large and are
//     torn by every other power cut, chance would find such bits too often: so
//     damage to the last two groups of a log goes unnoticed.
//
// Both files are made of blocks of 32 KiB, those of chunks, and these of a
// header and a part of a record (package record of Pebble):
//
//	u32 checksum | u16 length | u8 type | [ u32 log number | [ u64 synced offset ] ] | part
//
// Numbers are little endian. Types 1 to 4 are a whole record, its first, a
// middle and its last part, in manifests; 5 to 8 have a log number, 9 to 12 an
// offset too. Checksums are CRC-32C over all from the type on, rotated and
// added to. A block ends with zeros where no header fits. A log that was closed
// ends with an empty chunk of the next log's number.
const (
	auditBlock   = 32 << 10
	shortHeader  = 7
	numberHeader = shortHeader + 4
	syncHeader   = numberHeader + 8
)

var (
	errDamaged = errors.New("the file is damaged, which Pebble would not notice; restore the store from a backup or another home")

	castagnoli = crc32.MakeTable(crc32.Castagnoli)
)

// auditDir audits the logs and manifests in dir.
func auditDir(on vfs.FS, dir string) error {
	names, err := on.List(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, name := range names {
		a := auditor{}
		if number, ok := strings.CutSuffix(name, ".log"); ok {
			n, err := strconv.ParseUint(number, 10, 64)
			if err != nil {
				continue
			}
			a = auditor{log: true, number: uint32(n), unsynced: 1}
		} else if !strings.HasPrefix(name, "MANIFEST-") {
			continue
		}
		if err := a.file(on, on.PathJoin(dir, name)); err != nil {
			return fmt.Errorf("audit %s: %w", name, err)
		}
	}
	return nil
}

// An auditor reads one file.
type auditor struct {
	log      bool
	number   uint32 // of the log
	unsynced int    // records that may follow one that is not synced

	broken int64 // where the first broken chunk is, counted from 1; 0 is none
	after  int   // records that begin behind it
	ended  bool  // by a log's trailer
}

func (a *auditor) file(on vfs.FS, path string) error {
	f, err := on.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	block := make([]byte, auditBlock)
	for at := int64(0); !a.ended; at += auditBlock {
		n, err := io.ReadFull(f, block)
		if err := a.block(block[:n], at); err != nil {
			return err
		}
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// block audits one block, which starts with a chunk.
func (a *auditor) block(b []byte, at int64) error {
	for len(b) >= shortHeader {
		if len(b) < syncHeader && len(bytes.Trim(b, "\x00")) == 0 {
			return nil
		}
		if a.log && a.trailer(b) {
			a.ended = true
			return nil
		}
		size := a.size(b)
		switch {
		case size > 0 && checksum(b[:size]):
			if a.broken != 0 && (b[6]-1)%4 < 2 {
				a.after++
			}
		case a.broken == 0:
			a.broken = at + 1
			if a.oneBit(b) {
				return fmt.Errorf("a bit has turned at octet %d or behind: %w", at, errDamaged)
			}
		}
		if a.after > a.unsynced {
			return fmt.Errorf("octet %d was synced and cannot be read: %w", a.broken-1, errDamaged)
		}
		if size == 0 {
			return nil // where the next chunk starts is lost, but the next block starts with one
		}
		b = b[size:]
		at += int64(size)
	}
	return nil
}

// size returns the length of the chunk that b starts with, or 0 when its
// header makes no sense.
func (a *auditor) size(b []byte) int {
	kind, header := b[6], shortHeader
	switch {
	case !a.log:
		if kind < 1 || kind > 4 {
			return 0
		}
	case kind >= 5 && kind <= 8:
		header = numberHeader
	case kind >= 9 && kind <= 12:
		header = syncHeader
	default:
		return 0
	}
	size := header + int(binary.LittleEndian.Uint16(b[4:]))
	if size > len(b) || a.log && binary.LittleEndian.Uint32(b[7:]) != a.number {
		return 0
	}
	return size
}

// trailer reports whether b starts with the end of a log.
func (a *auditor) trailer(b []byte) bool {
	return len(b) >= numberHeader && b[6] == 5 && binary.LittleEndian.Uint16(b[4:]) == 0 &&
		binary.LittleEndian.Uint32(b[7:]) == a.number+1
}

// checksum reports whether the checksum of a chunk is right.
func checksum(chunk []byte) bool {
	return binary.LittleEndian.Uint32(chunk) == cook(crc32.Checksum(chunk[6:], castagnoli))
}

// cook turns a CRC into a checksum, raw does the reverse.
func cook(crc uint32) uint32 { return bits.RotateLeft32(crc, -15) + 0xa282ead8 }

func raw(checksum uint32) uint32 { return bits.RotateLeft32(checksum-0xa282ead8, 15) }

// oneBit reports whether the chunk that b starts with becomes right when one
// bit is turned, of its header or, in a manifest, of the rest.
func (a *auditor) oneBit(b []byte) bool {
	for i := range 8 * min(syncHeader, len(b)) {
		b[i/8] ^= 1 << (i % 8)
		size := a.size(b)
		found := size > 0 && checksum(b[:size])
		b[i/8] ^= 1 << (i % 8)
		if found {
			return true
		}
	}
	size := a.size(b)
	if a.log || size == 0 {
		return false
	}
	// CRCs are linear: what a bit adds depends only on what follows it.
	syndrome := raw(binary.LittleEndian.Uint32(b)) ^ crc32.Checksum(b[6:size], castagnoli)
	var adds [8]uint32
	for k := range adds {
		adds[k] = castagnoli[1<<k]
	}
	for range size - 6 {
		for k, add := range adds {
			if add == syndrome {
				return true
			}
			adds[k] = castagnoli[byte(add)] ^ add>>8
		}
	}
	return false
}
