package history

import "github.com/ncruces/go-sqlite3/vfs"

// aloneName is what SQLite calls alone.
const aloneName = "omega-alone"

// alone are the files of a system that has no locks for them: every lock is there for the
// asking, and keeps nobody out: that only one process has the home open is a condition that
// nothing here checks (see the package's documentation). SQLite's own nolock=1 would not do.
// With it there is no log, and with a rollback journal SQLite asks whether another connection
// is at work on what it finds, which fails where there are no locks: what a transaction left
// that was cut short could never be undone.
type alone struct{ vfs.VFSFilename }

func (a alone) Open(name string, flags vfs.OpenFlag) (vfs.File, vfs.OpenFlag, error) {
	f, flags, err := a.VFSFilename.Open(name, flags)
	return lonely(f, err), flags, err
}

func (a alone) OpenFilename(name *vfs.Filename, flags vfs.OpenFlag) (vfs.File, vfs.OpenFlag, error) {
	f, flags, err := a.VFSFilename.OpenFilename(name, flags)
	return lonely(f, err), flags, err
}

func lonely(f vfs.File, err error) vfs.File {
	if err != nil {
		return nil
	}
	return aloneFile{f}
}

// An aloneFile hides what else a file of the system can do: shared memory above all.
type aloneFile struct{ vfs.File }

func (aloneFile) Lock(vfs.LockLevel) error         { return nil }
func (aloneFile) Unlock(vfs.LockLevel) error       { return nil }
func (aloneFile) CheckReservedLock() (bool, error) { return false, nil }
