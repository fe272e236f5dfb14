package node

import (
	"cmp"
	"path/filepath"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/omega-im/omega/prekeys"
)

// openPrekeys opens the store of prekeys, which needs no closing.
func (n *Node) openPrekeys() (err error) {
	fs := cmp.Or(n.opt.FS, vfs.Default)
	if n.cfg.Store.Kind == "memory" {
		fs = vfs.NewMem()
	}
	n.prekeys, err = prekeys.Open(fs, filepath.Join(n.cfg.Dir, "prekeys"))
	return err
}
