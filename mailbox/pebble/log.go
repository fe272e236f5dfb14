package pebble

import (
	"strings"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// A logfile is a log of Pebble whose octets are written once, as zeros, some
// time before they are needed. A sync of octets that the file never had must
// write too where they are and how long the file is: one more wait for the
// disk, or a commit of the file system's journal by a thread of the kernel. On
// a busy machine every such wait ends with one for a processor, which is
// longer. A log that Pebble uses again has its octets already, but the first
// ones after a start do not. Space that is only set aside (fallocate) does not
// help: it is the first writing that counts.
//
// To whoever reads the log, zeros are its end.
type logfile struct {
	*patientFile
	at    int64 // where the next Write goes
	ready int64 // octets that have been written once
	whole bool  // nothing more is zeroed, since that failed
	zeros [zeroStep]byte
}

// As much as was written is zeroed ahead, within these limits: logs of stores
// with little mail stay small, and zeroing takes no longer than a sync.
const (
	minAhead = 64 << 10
	maxAhead = 1 << 20
	zeroStep = 64 << 10 // in one write
)

func isLog(name string) bool { return strings.HasSuffix(name, ".log") }

// openLog returns f, which may have octets of an earlier log.
func openLog(f *patientFile) *logfile {
	l := &logfile{patientFile: f}
	if info, err := f.Stat(); err == nil {
		l.ready = info.Size()
	}
	return l
}

// Write implements vfs.File.
func (f *logfile) Write(b []byte) (int, error) {
	f.at += int64(len(b))
	for f.at > f.ready && !f.whole {
		f.zero()
	}
	return f.patientFile.Write(b)
}

// zero writes zeros behind what is ready. If it cannot, the log goes on
// without, and its own writes meet the error.
func (f *logfile) zero() {
	end := f.ready + min(max(f.ready, minAhead), maxAhead)
	for f.ready < end && !f.whole {
		clear(f.zeros[:]) // a vfs.File may write into what it is given
		n, err := f.File.WriteAt(f.zeros[:], f.ready)
		f.ready += int64(n)
		f.whole = err != nil
	}
}

var _ vfs.File = (*logfile)(nil)
