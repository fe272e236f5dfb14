package node

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/mailbox"
	"github.com/omega-im/omega/mailbox/pebble"
)

// A backup is a directory like a server's own, with copies of its stores, and
// fileBackup in it, which keeps servers from running on it: sequences that the
// lost server gave after the backup would be given again. Restore copies it and
// makes the stores new ones.
const (
	fileBackup     = "backup.json"
	dirCheckpoint  = "checkpoint"     // in the server's directory: a backup that is being fetched
	backupTimeout  = 10 * time.Minute // a file system without links copies everything
	maxBackupReply = 4 << 10          // octets
)

// BackupConfig is the file of a backup that holds the configuration.
const BackupConfig = "omegad.toml"

// Stores of a server, and the files beside them that a backup has.
var (
	backupStores = []string{"spool", "mail", "keys"} // keys last: they know whose the mail is
	backupFiles  = []string{fileCert, fileCloud, "members", "directory.state", fileDisputes, fileSecrets}
)

// Errors of backups that callers put into words.
var (
	ErrIsBackup    = errors.New("the directory is a backup, or was not restored to the end; use omegad restore")
	ErrNoBackup    = errors.New("the directory is no complete backup")
	ErrNotEmpty    = errors.New("there is something already")
	ErrMemoryStore = errors.New("store.kind is memory: there is nothing to back up")
)

// A Backup says what a backup is of.
type Backup struct {
	Server   omega.Fingerprint `json:"server"`
	Made     time.Time         `json:"made"`
	Complete bool              `json:"complete"`
}

// refuseBackup keeps a server from running on a backup.
func refuseBackup(dir string) error {
	switch _, err := os.Lstat(filepath.Join(dir, fileBackup)); {
	case err == nil:
		return fmt.Errorf("%s: %w", dir, ErrIsBackup)
	case errors.Is(err, fs.ErrNotExist):
		return nil
	default:
		return err
	}
}

// A checkpointer copies a store to a directory that does not exist.
type checkpointer interface{ Checkpoint(dir string) error }

// checkpoint makes a backup of this server beside its stores, where tables can
// be linked, in place of an older one that nobody fetched.
func (n *Node) checkpoint() (b Backup, err error) {
	n.backup.Lock()
	defer n.backup.Unlock()
	dir := filepath.Join(n.cfg.Dir, dirCheckpoint)
	if len(n.stores) == 0 {
		return b, ErrMemoryStore
	}
	if err := os.RemoveAll(dir); err != nil {
		return b, err
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		return b, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(dir))
		}
	}()
	b = Backup{Server: n.Fingerprint(), Made: time.Now().UTC().Truncate(time.Second)}
	if err := b.write(dir); err != nil {
		return b, err
	}
	for _, name := range backupStores {
		if err := n.stores[name].Checkpoint(filepath.Join(dir, name)); err != nil {
			return b, err
		}
	}
	if n.disputes != nil { // nil: of a server that is stopped
		if err := n.disputes.flush(time.Now()); err != nil {
			return b, err
		}
	}
	for _, name := range backupFiles {
		err := copyFile(filepath.Join(dir, name), filepath.Join(n.cfg.Dir, name))
		if err != nil && !(errors.Is(err, fs.ErrNotExist) && name != fileCert && name != fileSecrets) {
			return b, err
		}
	}
	b.Complete = true
	return b, b.write(dir)
}

func (b *Backup) write(dir string) error {
	text, err := json.Marshal(b)
	if err != nil {
		return err
	}
	return writeFile(filepath.Join(dir, fileBackup), append(text, '\n'))
}

// ReadBackup says what a complete backup is of.
func ReadBackup(dir string) (b Backup, err error) {
	text, err := os.ReadFile(filepath.Join(dir, fileBackup))
	if err != nil {
		return b, fmt.Errorf("%s: %w: %w", dir, ErrNoBackup, err)
	}
	if err := json.Unmarshal(text, &b); err != nil || !b.Complete {
		return b, fmt.Errorf("%s: %w", dir, ErrNoBackup)
	}
	return b, nil
}

// serveBackup is POST /backup of the admin listener: it makes a checkpoint and says
// which.
func (n *Node) serveBackup(w http.ResponseWriter, _ *http.Request) {
	b, err := n.checkpoint()
	if err != nil {
		n.log.Warn("no backup made", "err", err)
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(b); err != nil {
		n.log.Debug("backup not answered", "err", err)
	}
}

// MakeBackup backs up the server of a configuration to dir, which must be missing
// or empty: through the admin listener while it runs, from its directory when it
// does not.
func MakeBackup(ctx context.Context, cfg *Config, config, dir string) (b Backup, err error) {
	if err := wantEmpty(dir); err != nil {
		return b, err
	}
	from := filepath.Join(cfg.Dir, dirCheckpoint)
	if b, err = newCheckpoint(ctx, cfg); err != nil {
		return b, err
	}
	if found, err := ReadBackup(from); err != nil || found != b {
		return b, errors.Join(fmt.Errorf("the server at listen.admin has another directory than %s", cfg.Dir), err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(from)) }()
	if err := copyBackup(dir, from, b); err != nil {
		return b, err
	}
	if err := copyFile(filepath.Join(dir, BackupConfig), config); err != nil {
		return b, err
	}
	return b, b.write(dir)
}

// newCheckpoint has the running server make a checkpoint, or makes one of the
// server that is stopped.
func newCheckpoint(ctx context.Context, cfg *Config) (b Backup, err error) {
	if admin, err := cfg.AdminAddress(); err == nil {
		b, err := askCheckpoint(ctx, admin)
		if !errors.Is(err, syscall.ECONNREFUSED) {
			return b, err
		}
	}
	if err := refuseBackup(cfg.Dir); err != nil {
		return b, err
	}
	if _, err := os.Stat(filepath.Join(cfg.Dir, fileSecrets)); err != nil {
		return b, fmt.Errorf("no server has run in this directory: %w", err)
	}
	n := &Node{cfg: *cfg}
	defer func() { err = errors.Join(err, n.closeAll()) }()
	if n.identity, err = loadIdentity(ctx, cfg.Dir, time.Now()); err != nil {
		return b, err
	}
	for _, open := range []func() (mailbox.Driver, error){n.openDrivers, n.openSpoolDriver} {
		d, err := open()
		if err != nil {
			return b, err
		}
		defer d.Close() // its error loses nothing: nothing was written
	}
	return n.checkpoint()
}

func askCheckpoint(ctx context.Context, admin string) (b Backup, err error) {
	ctx, cancel := context.WithTimeout(ctx, backupTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+admin+"/backup", nil)
	if err != nil {
		return b, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return b, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxBackupReply))
	if err != nil {
		return b, err
	}
	if resp.StatusCode != http.StatusOK {
		return b, fmt.Errorf("%s: %s", resp.Status, bytes.TrimSpace(text))
	}
	return b, json.Unmarshal(text, &b)
}

// Restore makes the directory of a configuration, in which no server has run, from
// a backup, with mail stores of a new incarnation: devices list again. One that was
// broken off is begun again. (spec/delivery.md, DELIV-4)
func Restore(cfg *Config, from string) (b Backup, err error) {
	if b, err = ReadBackup(from); err != nil {
		return b, err
	}
	if err := clearBroken(cfg.Dir); err != nil {
		return b, err
	}
	for _, name := range backupNames() {
		if _, err := os.Lstat(filepath.Join(cfg.Dir, name)); !errors.Is(err, fs.ErrNotExist) {
			return b, fmt.Errorf("%s: %s: %w", cfg.Dir, name, ErrNotEmpty)
		}
	}
	if err := copyBackup(cfg.Dir, from, b); err != nil {
		return b, err
	}
	for _, name := range []string{"mail", "spool"} {
		if _, err := pebble.Renew(pebble.Config{Dir: filepath.Join(cfg.Dir, name)}); err != nil {
			return b, fmt.Errorf("renew %s: %w", name, err)
		}
	}
	if err := os.Remove(filepath.Join(cfg.Dir, fileBackup)); err != nil {
		return b, err
	}
	return b, syncDir(cfg.Dir)
}

// backupNames is what Restore makes, but for the mark.
func backupNames() []string { return slices.Concat(backupStores, backupFiles) }

// clearBroken removes what a Restore that was broken off has made.
func clearBroken(dir string) error {
	if refuseBackup(dir) == nil {
		return nil
	}
	if _, err := ReadBackup(dir); err == nil {
		return fmt.Errorf("%s: %w", dir, ErrNotEmpty) // a backup itself
	}
	for _, name := range backupNames() {
		if err := os.RemoveAll(filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	return nil
}

// wantEmpty is nil if there is nothing at dir, or an empty directory.
func wantEmpty(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil && len(entries) > 0 {
		return fmt.Errorf("%s: %w", dir, ErrNotEmpty)
	}
	return err
}

// copyBackup copies the stores and files of a backup, durably, and leaves a mark
// that it is not complete.
func copyBackup(to, from string, b Backup) error {
	if err := os.MkdirAll(to, 0o700); err != nil {
		return err
	}
	if err := os.Chmod(to, 0o700); err != nil {
		return err
	}
	b.Complete = false
	if err := b.write(to); err != nil {
		return err
	}
	for _, name := range backupNames() {
		err := copyTree(filepath.Join(to, name), filepath.Join(from, name))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	_, err := os.Stat(filepath.Join(to, fileSecrets))
	return err
}

func copyTree(to, from string) error {
	return filepath.WalkDir(from, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rest, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		switch at := filepath.Join(to, rest); {
		case e.IsDir():
			return errors.Join(os.Mkdir(at, 0o700), syncDir(filepath.Dir(at)))
		case e.Type().IsRegular():
			return copyFile(at, path)
		default:
			return fmt.Errorf("%s is neither a file nor a directory", path)
		}
	})
}

// copyFile makes a durable copy with the same mode.
func copyFile(to, from string) (err error) {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	info, err := in.Stat()
	if err != nil {
		return err
	}
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, info.Mode().Perm())
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	if err == nil {
		err = out.Chmod(info.Mode().Perm())
	}
	if err == nil {
		err = out.Sync()
	}
	return errors.Join(err, out.Close(), syncDir(filepath.Dir(to)))
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
