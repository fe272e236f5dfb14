package directory

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"time"

	"github.com/omega-im/omega"
)

// Who probes whom. (spec/directory.md, DIR-2)
const (
	probeAll    = 50 // up to so many subjects, everyone probes everyone
	probersEach = 8  // about so many for each subject above that
	proberSlack = 2  // readers allow the draw of a cloud half as large
	probeLabel  = "omega-im/probe/v1\n"
)

// hourOf is the number of an hour since 1970.
func hourOf(t time.Time) uint32 { return uint32(t.Unix() / 3600) }

// drawn reports whether, among n subjects, the hour gives subject to prober;
// times widens the draw.
func drawn(hour uint32, prober, subject omega.Fingerprint, n, times int) bool {
	if n <= probeAll {
		return true
	}
	b := binary.BigEndian.AppendUint32([]byte(probeLabel), hour)
	sum := sha256.Sum256(subject.AppendTo(prober.AppendTo(b)))
	return binary.BigEndian.Uint64(sum[:]) < ^uint64(0)/uint64(n)*uint64(probersEach*times)
}

// Layout of an extension and of a report in it:
//
//	u8 kind (1) | u16 length | u32 hour | u8 n | n × { 6 subject | u16 rtt, 0.1 ms | u8 tries | u8 answers }
//
// (spec/directory.md, DIR-3)
const (
	kindReport   = 1
	kindHeader   = 3
	reportHeader = 5
	rowSize      = 10
	maxRows      = 49
	rttUnit      = 100 * time.Microsecond
	maxRTT       = 1<<16 - 1 // of rttUnit
)

// A subjectKey is how a report names a server.
type subjectKey [6]byte

func keyOf(fp omega.Fingerprint) subjectKey { return subjectKey(fp.Wire()[1:7]) }

// A row is what one prober says about one server.
type row struct {
	subject        subjectKey
	rtt            time.Duration // median of the answers; 0 without any
	tries, answers uint8
}

// sees reports whether the prober could use the server.
func (r row) sees() bool { return 2*int(r.answers) > int(r.tries) }

// A report is what one prober says.
type report struct {
	hour uint32
	rows []row
}

// encode writes the report as an extension. Rows that are too many are left out.
func (r *report) encode() []byte {
	rows := slices.Clone(r.rows)
	slices.SortFunc(rows, func(a, b row) int { return bytes.Compare(a.subject[:], b.subject[:]) })
	rows = slices.CompactFunc(rows, func(a, b row) bool { return a.subject == b.subject })
	rows = rows[:min(len(rows), maxRows)]
	b := []byte{kindReport}
	b = binary.BigEndian.AppendUint16(b, uint16(reportHeader+rowSize*len(rows)))
	b = binary.BigEndian.AppendUint32(b, r.hour)
	b = append(b, byte(len(rows)))
	for _, w := range rows {
		b = append(b, w.subject[:]...)
		rtt := uint16(0)
		if w.answers > 0 {
			rtt = uint16(min(max((w.rtt+rttUnit/2)/rttUnit, 1), maxRTT))
		}
		b = binary.BigEndian.AppendUint16(b, rtt)
		b = append(b, w.tries, w.answers)
	}
	return b
}

// decodeReport finds the report in an extension; there is none in one that is
// malformed.
func decodeReport(extension []byte) (r report, ok bool) {
	b := part(extension, kindReport)
	if len(b) < reportHeader {
		return report{}, false
	}
	r.hour = binary.BigEndian.Uint32(b)
	n := int(b[4])
	b = b[reportHeader:]
	if n > maxRows || len(b) != n*rowSize {
		return report{}, false
	}
	r.rows = make([]row, n)
	for i := range r.rows {
		w := &r.rows[i]
		copy(w.subject[:], b)
		w.rtt = time.Duration(binary.BigEndian.Uint16(b[6:])) * rttUnit
		w.tries, w.answers = b[8], b[9]
		b = b[rowSize:]
		if w.tries == 0 || w.answers > w.tries || (w.answers == 0) != (w.rtt == 0) ||
			i > 0 && bytes.Compare(r.rows[i-1].subject[:], w.subject[:]) >= 0 {
			return report{}, false
		}
	}
	return r, true
}

// part returns the octets of a kind in an extension, nil where there are none.
func part(extension []byte, kind byte) []byte {
	for b := extension; len(b) >= kindHeader; {
		end := kindHeader + int(binary.BigEndian.Uint16(b[1:]))
		if end > len(b) {
			return nil
		}
		if b[0] == kind {
			return b[kindHeader:end]
		}
		b = b[end:]
	}
	return nil
}
