package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/omega-im/omega/internal/i18n"
	"github.com/omega-im/omega/node"
)

type backupCmd struct {
	Dir    string `arg:"" help:"${help_backup_dir}" placeholder:"DIR"`
	Config string `required:"" type:"existingfile" help:"${help_backup_config}" placeholder:"FILE"`
}

// Run copies a server, whether it runs or not, to a directory.
func (c *backupCmd) Run(ctx context.Context) error {
	cfg, err := node.LoadConfig(c.Config)
	if err != nil {
		return err
	}
	b, err := node.MakeBackup(ctx, cfg, c.Config, c.Dir)
	if err != nil {
		return &i18n.Error{Text: i18n.T("why.backup", reason(err)), Err: err}
	}
	return say("backup.done", b.Server, c.Dir, b.Made.Format(time.RFC3339))
}

type restoreCmd struct {
	Dir    string `arg:"" type:"existingdir" help:"${help_restore_dir}" placeholder:"DIR"`
	Config string `required:"" help:"${help_restore_config}" placeholder:"FILE"`
}

// Run makes a server's directory from a backup, and its configuration where that
// is lost too.
func (c *restoreCmd) Run() error {
	if _, err := os.Lstat(c.Config); errors.Is(err, fs.ErrNotExist) {
		text, err := os.ReadFile(filepath.Join(c.Dir, node.BackupConfig))
		if err == nil {
			err = os.WriteFile(c.Config, text, 0o600)
		}
		if err != nil {
			return &i18n.Error{Text: i18n.T("why.restore", reason(err)), Err: err}
		}
	}
	cfg, err := node.LoadConfig(c.Config)
	if err != nil {
		return err
	}
	b, err := node.Restore(cfg, c.Dir)
	if err != nil {
		return &i18n.Error{Text: i18n.T("why.restore", reason(err)), Err: err}
	}
	return say("restore.done", b.Server, cfg.Dir, b.Made.Format(time.RFC3339))
}

// reason is what kept a backup or its return from being made.
func reason(err error) string {
	for key, is := range map[string]error{
		"backup.is": node.ErrIsBackup, "backup.none": node.ErrNoBackup, "backup.something": node.ErrNotEmpty, "backup.memory": node.ErrMemoryStore,
	} {
		if errors.Is(err, is) {
			return i18n.T(key, err).In(i18n.Detect(os.Getenv))
		}
	}
	return err.Error()
}

func say(key string, args ...any) error {
	_, err := fmt.Println(i18n.T(key, args...).In(i18n.Detect(os.Getenv)))
	return err
}
