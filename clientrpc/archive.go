package clientrpc

import (
	"time"

	"github.com/omega-im/omega"
)

// The methods of files that come from elsewhere.
var (
	ImportFile = Method[ImportParams, *Import]{"import"}
	Imports    = Method[Page, ImportsResult]{"import.list"}
	UndoImport = Method[UndoImportParams, *Import]{"import.undo"}
)

// ImportParams reads a chat of another messenger: the .txt of LINE or the
// result.json of Telegram. The same file again adds nothing.
type ImportParams struct {
	Path string `json:"path"`           // absolute
	Zone int    `json:"zone,omitempty"` // seconds east of UTC, of times without a zone
}

// An Import is a file that was read.
type Import struct {
	Number   int64          `json:"import"` // for UndoImport; 0: nothing was new
	Source   string         `json:"source"` // line, telegram
	File     string         `json:"file"`
	Time     time.Time      `json:"time"`
	Messages int            `json:"messages"`          // that it added, or that were undone
	Skipped  int            `json:"skipped,omitempty"` // that were here already
	Chats    []omega.ChatID `json:"chats,omitempty"`   // in which they are
}

// ImportsResult lists what was imported, oldest first.
type ImportsResult struct {
	Imports []Import `json:"imports"`
	Rest
}

// UndoImportParams takes out again what an import added.
type UndoImportParams struct {
	Number int64 `json:"import"`
}

// The methods of backups. Restoring one is no method: there is no core yet.
var (
	Backup       = Method[BackupParams, *BackupInfo]{"backup"}
	VerifyBackup = Method[BackupParams, *BackupInfo]{"backup.verify"}
)

// BackupParams names a backup: to be made, which must not exist, or to be tried.
type BackupParams struct {
	Path       string `json:"path"` // absolute
	Passphrase string `json:"passphrase"`
}

// MinBackupPassphrase is how short, in octets, the passphrase of a backup may be.
const MinBackupPassphrase = 12

// BackupInfo is what a backup is of. It was read and is whole.
type BackupInfo struct {
	Path        string            `json:"path"`
	Size        int64             `json:"size"`
	Created     time.Time         `json:"created"`
	Fingerprint omega.Fingerprint `json:"fingerprint"`
	Device      omega.Fingerprint `json:"device"`
	Name        string            `json:"name"`
	Messages    int               `json:"messages"`
}

// Forms of an export.
const (
	ExportSigned = "signed" // files that plain gpg verifies
	ExportHTML   = "html"   // CHAT.html, for people
	ExportJSON   = "json"   // CHAT.json, for programs
)

// ExportParams writes a chat, or all.
type ExportParams struct {
	Chat    string    `json:"chat,omitempty"` // chat id or fingerprint; empty: all
	Dir     string    `json:"dir"`            // absolute
	Format  string    `json:"format,omitempty"`
	Since   time.Time `json:"since,omitzero"`
	Until   time.Time `json:"until,omitzero"`    // before that
	Chinese bool      `json:"chinese,omitempty"` // the words of a page; otherwise they are English
}

// ExportResult counts what was written.
type ExportResult struct {
	Messages int `json:"messages"`
	Skipped  int `json:"skipped"` // not verified, therefore not in a signed export

	// What is not in a signed export either, because nobody signed it as it stands.
	TakenBack int `json:"taken_back,omitempty"` // nothing of it is left
	Service   int `json:"service,omitempty"`    // lines about groups and devices
	Imported  int `json:"imported,omitempty"`   // from another messenger
	Unsent    int `json:"unsent,omitempty"`     // not sealed yet

	Keys  int    `json:"keys"`
	Files int    `json:"files,omitempty"` // pages
	Dir   string `json:"dir"`
}
