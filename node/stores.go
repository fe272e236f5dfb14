package node

import (
	"errors"
	"fmt"
	"path/filepath"
	"syscall"

	"github.com/omega-im/omega/keyserver"
	keypebble "github.com/omega-im/omega/keyserver/pebble"
	"github.com/omega-im/omega/mailbox"
	"github.com/omega-im/omega/mailbox/mem"
	mailpebble "github.com/omega-im/omega/mailbox/pebble"
)

// openDrivers opens the storage that the configuration names.
func (n *Node) openDrivers() (mailbox.Driver, error) {
	switch n.cfg.Store.Kind {
	case "memory":
		n.keyStore = keyserver.NewMem()
		return mem.New(), nil
	default:
		keys, err := keypebble.Open(keypebble.Config{
			Dir: filepath.Join(n.cfg.Dir, "keys"), CacheSize: int64(n.cfg.Store.KeyCache), FS: n.opt.FS,
		})
		if errors.Is(err, syscall.EAGAIN) { // its lock
			return nil, fmt.Errorf("another omegad uses %s: %w", n.cfg.Dir, err)
		}
		if err != nil {
			return nil, fmt.Errorf("key server: %w", err)
		}
		n.keyStore = keys // a nil *Store is not a nil Store
		mail, err := mailpebble.Open(mailpebble.Config{
			Dir: filepath.Join(n.cfg.Dir, "mail"), FS: n.opt.FS, Reserve: int64(n.cfg.Store.Reserve),
			Cache: int64(n.cfg.Store.MailCache), Logger: n.log,
		})
		if err != nil {
			return nil, err
		}
		n.stores = map[string]checkpointer{"keys": keys, "mail": mail}
		return mail, nil
	}
}

// openSpool opens the store for mail that other servers are owed.
func (n *Node) openSpool() error {
	driver, err := n.openSpoolDriver()
	if err != nil {
		return err
	}
	n.spool, err = mailbox.Open(mailbox.Config{
		Driver: driver, MaxMessages: n.cfg.Spool.Messages, MaxBytes: int64(n.cfg.Spool.Bytes),
		Now: n.opt.Clock,
	})
	if err != nil {
		driver.Close()
	}
	return err
}

// openSpoolDriver opens its storage. It is small as a rule: no cache of its own
// is worth the memory.
func (n *Node) openSpoolDriver() (mailbox.Driver, error) {
	if n.cfg.Store.Kind == "memory" {
		return mem.New(), nil
	}
	driver, err := mailpebble.Open(mailpebble.Config{
		Dir: filepath.Join(n.cfg.Dir, "spool"), FS: n.opt.FS, Reserve: int64(n.cfg.Store.Reserve),
		MemTable: spoolMemTable, Window: spoolWindow, Cache: spoolCache, Logger: n.log,
	})
	if err != nil {
		return nil, err
	}
	n.stores["spool"] = driver
	return driver, nil
}

// Sizes of the spool in memory, and of its logs on disk: it is empty most of
// the time.
const (
	spoolMemTable = 2 << 20 // octets
	spoolCache    = 1 << 20 // octets
	spoolWindow   = 1 << 10 // mails
)
