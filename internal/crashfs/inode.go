package crashfs

import (
	"io"
	"os"
	"path/filepath"
)

// An inode is the contents of a file, whatever its names are. All of it is
// guarded by FS.mu.
type inode struct {
	path    string   // a name on disk; "" before it has one
	file    *os.File // on disk; nil while it was not needed, or is not there yet
	durable []byte   // what is synced of a file that is not on disk yet

	loaded  bool
	data    []byte // as programs see it, once loaded
	dirty   []span // of data, not synced
	handles int
}

// A span is the octets from from to to, to left out.
type span struct{ from, to int }

// attach opens the file on disk.
func (n *inode) attach() (err error) {
	if n.file == nil && n.path != "" {
		n.file, err = os.OpenFile(n.path, os.O_RDWR, 0)
	}
	return err
}

// load reads the contents into memory.
func (n *inode) load() error {
	if n.loaded {
		return nil
	}
	if err := n.attach(); err != nil {
		return err
	}
	info, err := n.file.Stat()
	if err != nil {
		return err
	}
	data := make([]byte, info.Size())
	if _, err := n.file.ReadAt(data, 0); err != nil && err != io.EOF {
		return err
	}
	n.data, n.loaded = data, true
	return nil
}

// release ends the use of a handle; what is on disk need not be in memory.
func (n *inode) release() {
	n.handles--
	if n.handles == 0 && n.file != nil && len(n.dirty) == 0 {
		n.data, n.loaded = nil, false
	}
}

// place puts a new file onto the disk under its first name, with what is
// synced of it.
func (n *inode) place(path string) error {
	f, err := os.CreateTemp(filepath.Dir(path), newPrefix+"*")
	if err != nil {
		return err
	}
	if _, err = f.Write(n.durable); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		f.Close()
		os.Remove(f.Name())
		return err
	}
	n.file, n.path, n.durable = f, path, nil
	return nil
}

// write changes octets from at on, in memory.
func (n *inode) write(b []byte, at int) {
	end := at + len(b)
	if grow := end - len(n.data); grow > 0 {
		n.data = append(n.data, make([]byte, grow)...)
	}
	copy(n.data[at:], b)
	if last := len(n.dirty) - 1; last >= 0 && n.dirty[last].to == at {
		n.dirty[last].to = end
		return
	}
	n.dirty = append(n.dirty, span{at, end})
}

// sync makes everything durable.
func (n *inode) sync() error {
	for _, s := range n.dirty {
		if err := n.keep(s); err != nil {
			return err
		}
	}
	n.dirty = n.dirty[:0]
	return nil
}

// keep makes one span durable.
func (n *inode) keep(s span) error {
	if n.file != nil {
		_, err := n.file.WriteAt(n.data[s.from:s.to], int64(s.from))
		return err
	}
	if grow := s.to - len(n.durable); grow > 0 {
		n.durable = append(n.durable, make([]byte, grow)...)
	}
	copy(n.durable[s.from:s.to], n.data[s.from:s.to])
	return nil
}

// blockSize is what a disk writes at once.
const blockSize = 4096

// leak lets some of what is not synced reach the disk, block by block; take
// chooses.
func (n *inode) leak(take func() bool) error {
	for _, s := range n.dirty {
		for from := s.from; from < s.to; {
			to := min((from/blockSize+1)*blockSize, s.to)
			if take() {
				if err := n.keep(span{from, to}); err != nil {
					return err
				}
			}
			from = to
		}
	}
	return nil
}
