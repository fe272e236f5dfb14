package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/omega-im/omega/client"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/internal/i18n"
)

// envBackupPassphrase holds the passphrase of backups for scripts.
const envBackupPassphrase = "OMEGA_BACKUP_PASSPHRASE"

type backupCmd struct {
	Path string `arg:"" name:"file" help:"${help_backup_file}"`
}

func (c *backupCmd) Run(ctx context.Context, a *app) error {
	p, err := backupParams(c.Path)
	if err != nil {
		return err
	}
	made := p.Passphrase == ""
	if made {
		p.Passphrase = strongPassphrase()
	}
	conn, err := a.connect(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	stop := a.working(ctx, conn, "busy.backup", clientrpc.WorkBackup, p.Path)
	r, err := clientrpc.Backup.Call(ctx, conn, p)
	stop()
	if err != nil {
		return err
	}
	if a.json {
		out := struct {
			*clientrpc.BackupInfo
			Passphrase string `json:"passphrase,omitempty"`
		}{r, ""}
		if made {
			out.Passphrase = p.Passphrase
		}
		return a.line(out)
	}
	a.printf("%s\n", a.text("backedup.done", r.Messages, r.Path, fmt.Sprintf("%.1f MB", float64(r.Size)/1e6)))
	if made {
		a.printf("\n    %s\n\n%s\n", p.Passphrase, a.text("backedup.passphrase"))
	}
	a.printf("%s\n", a.advice("backedup.try", quoted(r.Path)))
	return nil
}

type tryBackupCmd struct {
	Path string `arg:"" name:"file" help:"${help_backup_file}"`
}

// Run reads the backup in this home's core, which then knows that it was tried;
// without an account, here.
func (c *tryBackupCmd) Run(ctx context.Context, a *app) error {
	p, err := a.knownBackup(ctx, c.Path)
	if err != nil {
		return err
	}
	defer a.busy("busy.tryback")()
	var r *clientrpc.BackupInfo
	if _, err := client.AccountOf(a.home); err != nil {
		r, err = client.TryBackup(p)
		if err != nil {
			return err
		}
	} else {
		conn, err := a.connect(ctx)
		if err != nil {
			return err
		}
		defer conn.Close()
		if r, err = clientrpc.VerifyBackup.Call(ctx, conn, p); err != nil {
			return err
		}
	}
	return a.backupLine("backedup.whole", r)
}

type restoreCmd struct {
	Path string `arg:"" name:"file" help:"${help_backup_file}"`
}

func (c *restoreCmd) Run(ctx context.Context, a *app) error {
	p, err := a.knownBackup(ctx, c.Path)
	if err != nil {
		return err
	}
	stop := a.busy("busy.tryback")
	r, err := client.Restore(ctx, client.Config{Home: a.home}, p)
	stop()
	if err != nil {
		return err
	}
	return a.backupLine("backedup.restored", r)
}

func (a *app) backupLine(key string, r *clientrpc.BackupInfo) error {
	if a.json {
		return a.line(r)
	}
	a.printf("%s\n", a.text(key, safe(r.Name), r.Fingerprint, a.clock(r.Created), r.Messages))
	return nil
}

func backupParams(path string) (p clientrpc.BackupParams, err error) {
	p.Path, err = filepath.Abs(path)
	p.Passphrase = os.Getenv(envBackupPassphrase)
	return p, err
}

// knownBackup is a backup whose passphrase was told, or is asked for.
func (a *app) knownBackup(ctx context.Context, path string) (clientrpc.BackupParams, error) {
	p, err := backupParams(path)
	if err != nil || p.Passphrase != "" {
		return p, err
	}
	secret, err := a.ask(ctx, "ask.backup")
	var e *clientrpc.Error
	if errors.As(err, &e) {
		e.Doing, e.Next = i18n.T("doing.trybackup", path), i18n.T("next.backupenv", envBackupPassphrase)
	}
	p.Passphrase = strings.TrimSpace(string(secret))
	return p, err
}

// strongPassphrase makes one of 120 bits, without letters that look alike.
func strongPassphrase() string {
	const letters = "0123456789abcdefghjkmnpqrstvwxyz"
	random := make([]byte, 24)
	rand.Read(random)
	var b strings.Builder
	for i, r := range random {
		if i > 0 && i%4 == 0 {
			b.WriteByte('-')
		}
		b.WriteByte(letters[r%32])
	}
	return b.String()
}
