package crashfs

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// A dir is the files of one directory: as programs see them, and what has to
// be done until the disk agrees. Both are guarded by FS.mu.
type dir struct {
	path    string
	names   map[string]*inode
	pending []change
}

// A change of a directory.
type change struct {
	kind     kind
	name, to string // to: of rename and link
	node     *inode
}

type kind uint8

const (
	create kind = iota
	rename
	link
	remove
)

// newPrefix marks files that are being written and have no name yet; after a
// cut they are left over.
const newPrefix = ".crashfs-"

// dir returns a directory, reading it from the disk the first time. y.mu is
// held.
func (y *FS) dir(path string) (*dir, error) {
	path = filepath.Clean(path)
	if d := y.dirs[path]; d != nil {
		return d, nil
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, err
	}
	d := &dir{path: path, names: make(map[string]*inode)}
	for _, e := range entries {
		full := filepath.Join(path, e.Name())
		switch {
		case strings.HasPrefix(e.Name(), newPrefix):
			if err := os.Remove(full); err != nil {
				return nil, err
			}
		case e.Type().IsRegular():
			d.names[e.Name()] = &inode{path: full}
		}
	}
	y.dirs[path] = d
	return d, nil
}

// note adds a change that a program made. Sometimes the first of the pending
// ones reach the disk by themselves. y.mu is held.
func (y *FS) note(d *dir, c change) error {
	d.pending = append(d.pending, c)
	if y.perhaps(4) {
		return d.write(1 + y.cfg.Rand.IntN(len(d.pending)))
	}
	return nil
}

// syncDir makes all changes of d durable.
func (y *FS) syncDir(d *dir) error {
	y.wait()
	y.mu.Lock()
	defer y.mu.Unlock()
	if y.cut {
		return nil
	}
	return d.write(len(d.pending))
}

// write brings the first n changes to the disk, each in one step. FS.mu is
// held.
func (d *dir) write(n int) error {
	for _, c := range d.pending[:n] {
		if err := d.writeOne(c); err != nil {
			return err
		}
	}
	d.pending = append(d.pending[:0], d.pending[n:]...)
	return nil
}

func (d *dir) writeOne(c change) error {
	path, to := filepath.Join(d.path, c.name), filepath.Join(d.path, c.to)
	switch c.kind {
	case create:
		return c.node.place(path)
	case rename:
		if c.node.path == path {
			c.node.path = to
		}
		return os.Rename(path, to)
	case link:
		if err := c.node.attach(); err != nil {
			return err
		}
		return os.Link(path, to)
	default:
		if err := os.Remove(path); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	}
}
