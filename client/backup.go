package client

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/omega-im/omega/archive"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/history"
	"github.com/omega-im/omega/internal/i18n"
	"github.com/omega-im/omega/pgp"
)

// Settings about backups: times, ms since 1970; unset: never.
const (
	settingBackup = "backup-created" // when the last one was made
	settingTried  = "backup-tried"   // when the last one was made that was read again
)

// backup writes account and history to one encrypted file. (spec/archive.md, ARCH-5)
func (c *Client) backup(ctx context.Context, p clientrpc.BackupParams) (*clientrpc.BackupInfo, error) {
	doing := i18n.T("doing.backup", p.Path)
	if len(p.Passphrase) < clientrpc.MinBackupPassphrase {
		return nil, fail(clientrpc.CodeUsage, doing, i18n.T("why.shortpassphrase", clientrpc.MinBackupPassphrase), i18n.T("next.longpass"), nil)
	}
	if _, err := os.Lstat(p.Path); err == nil {
		return nil, fail(clientrpc.CodeExists, doing, i18n.T("why.fileexists", p.Path), i18n.T("next.otherfile"), nil)
	}
	work, end := c.works.begin(clientrpc.WorkBackup, p.Path)
	defer end()
	name, err := c.ownNameNow(ctx)
	if err != nil {
		return nil, err
	}
	m := &archive.Manifest{Created: c.cfg.now().UTC().Truncate(time.Second), Fingerprint: c.acc.Fingerprint, Device: c.acc.Device, Name: name}
	if err := c.writeBackup(ctx, p, m, work); err != nil {
		return nil, fileError(doing, p.Path, err)
	}
	err = c.db.Update(ctx, func(tx *history.Tx) error { return setSettingUint(tx, settingBackup, uint64(m.Created.UnixMilli())) })
	if err != nil {
		return nil, err
	}
	return backupInfo(p.Path, m)
}

// writeBackup copies the database beside itself, and writes the file under
// another name first: it is there as a whole or not at all. How large it will be is known
// once the copy is there, of which all else is little.
func (c *Client) writeBackup(ctx context.Context, p clientrpc.BackupParams, m *archive.Manifest, work *work) error {
	dir, err := os.MkdirTemp(c.cfg.Home, ".backup-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := c.db.Snapshot(ctx, filepath.Join(dir, fileHistory)); err != nil {
		return err
	}
	if info, err := os.Stat(filepath.Join(dir, fileHistory)); err == nil {
		work.total.Store(info.Size())
	}
	if err := c.db.View(ctx, func(tx *history.Tx) (err error) { m.Messages, err = tx.CountMessages(); return err }); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(p.Path), ".new-*") // 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // fails once it was renamed
	defer f.Close()
	out, err := pgp.EncryptFile(f, []byte(p.Passphrase), c.cfg.rand())
	if err != nil {
		return err
	}
	err = archive.WriteBackup(work.writing(out), m, func(name string) string {
		if name == fileHistory {
			return filepath.Join(dir, name)
		}
		return filepath.Join(c.cfg.Home, name)
	})
	if err = errors.Join(err, out.Close(), f.Sync(), f.Close(), ctx.Err()); err != nil {
		return err
	}
	// A link, unlike a new name, replaces nothing that came meanwhile.
	if err := os.Link(f.Name(), p.Path); err != nil {
		if errors.Is(err, os.ErrExist) {
			return err
		}
		if err := os.Rename(f.Name(), p.Path); err != nil {
			return err
		}
	}
	return syncDir(filepath.Dir(p.Path))
}

func backupInfo(path string, m *archive.Manifest) (*clientrpc.BackupInfo, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	return &clientrpc.BackupInfo{
		Path: path, Size: info.Size(), Created: m.Created, Fingerprint: m.Fingerprint, Device: m.Device, Name: m.Name, Messages: m.Messages,
	}, nil
}

// readBackup reads a whole backup, and has put take its files.
func readBackup(doing i18n.Text, p clientrpc.BackupParams, put func(name string, r io.Reader) error) (*clientrpc.BackupInfo, error) {
	f, err := os.Open(p.Path)
	if err != nil {
		return nil, chosenError(doing, p.Path, err)
	}
	defer f.Close()
	var m *archive.Manifest
	err = pgp.DecryptFile(f, []byte(p.Passphrase), func(r io.Reader) (err error) {
		m, err = archive.ReadBackup(r, put)
		return err
	})
	switch {
	case err == nil:
		return backupInfo(p.Path, m)
	case errors.Is(err, pgp.ErrPassphrase):
		return nil, fail(clientrpc.CodePassphrase, doing, i18n.T("why.backuppass"), i18n.T("next.backuppass"), nil)
	case errors.Is(err, pgp.ErrNotOurs), errors.Is(err, pgp.ErrTampered), errors.Is(err, archive.ErrBackup):
		return nil, fail(clientrpc.CodeVerify, doing, i18n.T("why.nobackup", p.Path), i18n.T("next.otherbackup"), err)
	}
	return nil, chosenError(doing, p.Path, err)
}

// TryBackup reads a whole backup and keeps nothing of it.
func TryBackup(p clientrpc.BackupParams) (*clientrpc.BackupInfo, error) {
	return readBackup(i18n.T("doing.trybackup", p.Path), p, func(_ string, r io.Reader) error {
		_, err := io.Copy(io.Discard, r)
		return err
	})
}

// verifyBackup is TryBackup, and notes that one of this account was tried.
func (c *Client) verifyBackup(ctx context.Context, p clientrpc.BackupParams) (*clientrpc.BackupInfo, error) {
	info, err := TryBackup(p)
	if err != nil || info.Fingerprint != c.acc.Fingerprint {
		return info, err
	}
	return info, c.db.Update(ctx, func(tx *history.Tx) error {
		before, err := settingUint(tx, settingTried)
		if err != nil || before >= uint64(info.Created.UnixMilli()) {
			return err
		}
		return setSettingUint(tx, settingTried, uint64(info.Created.UnixMilli()))
	})
}

// Restore makes a home of a backup: the same device, whose sequences leap.
// Nothing is left behind when it fails. (spec/archive.md, ARCH-6)
func Restore(ctx context.Context, cfg Config, p clientrpc.BackupParams) (_ *clientrpc.BackupInfo, err error) {
	doing := i18n.T("doing.restore", p.Path)
	home, err := claimHome(doing, cfg.Home)
	if err != nil {
		return nil, fileError(doing, cfg.Home, err)
	}
	defer home.release()
	dir, err := os.MkdirTemp(cfg.Home, ".restore-*")
	if err != nil {
		return nil, fileError(doing, cfg.Home, err)
	}
	defer os.RemoveAll(dir)
	var names []string
	info, err := readBackup(doing, p, func(name string, r io.Reader) error {
		names = append(names, name)
		return fillFile(filepath.Join(dir, name), r)
	})
	if err != nil {
		return nil, err
	}
	if err := settleRestored(ctx, cfg, info, filepath.Join(dir, fileHistory)); err != nil {
		return nil, explain(doing, err)
	}
	// The home is one only once there is account.json.
	for i := len(names) - 1; i >= 0; i-- {
		if err := os.Rename(filepath.Join(dir, names[i]), filepath.Join(cfg.Home, names[i])); err != nil {
			return nil, fileError(doing, cfg.Home, err)
		}
	}
	home.kept = true
	return info, fileError(doing, cfg.Home, syncDir(cfg.Home))
}

// fillFile writes a new file that only its owner reads.
func fillFile(path string, r io.Reader) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, r)
	return errors.Join(err, f.Sync(), f.Close())
}

// whyRestored is the reason of texts that a restored home does not send.
const whyRestored = "restored"

// settleRestored has a restored database repeat nothing: sequences leap, and
// texts that were not sealed are shown as failed, since the home that was lost may
// have sent them. Those whose time is still to come wait for it.
func settleRestored(ctx context.Context, cfg Config, info *clientrpc.BackupInfo, path string) error {
	db, err := history.Open(ctx, path)
	if err != nil {
		return err
	}
	err = db.Update(ctx, func(tx *history.Tx) error {
		for {
			waiting, err := tx.Unsealed(cfg.now(), 100)
			if err == nil && len(waiting) == 0 {
				waiting, err = tx.UnsealedSecure(cfg.now(), 100)
			}
			if err != nil || len(waiting) == 0 {
				return errors.Join(err, leapAll(tx, cfg.rand(), cfg.now()))
			}
			for i := range waiting {
				if err := putFailed(tx, info.Fingerprint, info.Device, &waiting[i], whyRestored); err != nil {
					return err
				}
				if err := tx.RemoveUnsealed(waiting[i].ID); err != nil {
					return err
				}
			}
		}
	})
	return errors.Join(err, db.Close())
}

// backups tells when the last backup was made, and the last one that was tried.
func backups(tx *history.Tx) (made, tried time.Time, err error) {
	for name, t := range map[string]*time.Time{settingBackup: &made, settingTried: &tried} {
		ms, err := settingUint(tx, name)
		if err != nil {
			return made, tried, err
		}
		if ms != 0 {
			*t = time.UnixMilli(int64(ms)).UTC()
		}
	}
	return made, tried, nil
}
