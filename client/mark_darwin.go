package client

import (
	"encoding/binary"
	"os"
	"syscall"
)

// markOf is when the file's inode changed last. Who copies a file can set every
// time but this one.
func markOf(info os.FileInfo) []byte {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return nil
	}
	return binary.BigEndian.AppendUint64(nil, uint64(st.Ctimespec.Nano()))
}
