package client

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/pgp"
)

// Files of a home directory. All are 0600 in a directory that is 0700.
const (
	fileAccount = "account.json"    // which account and device this is
	fileRevoked = "revocation.asc"  // what ends the account, if the primary key was made here (spec/keys.md, KEYS-32)
	fileSecrets = "secrets.pgp"     // the device's secret subkeys, and the primary key if it was made here
	fileCert    = "certificate.pgp" // the account's own certificate, newest known
	fileTicket  = "ticket.json"     // to resume the last session
	fileHistory = "history.db"      // conversations (package history)
	fileLock    = "lock"            // held by the process that runs the core
	fileSocket  = "socket"          // where the others reach it
)

// Where the primary key of an account is.
const (
	PrimaryHere  = "here"  // in secrets.pgp
	PrimaryAgent = "agent" // in the user's gpg-agent
	PrimaryOther = "other" // on another device
)

// An account is what account.json holds.
type account struct {
	Version     int               `json:"version"` // 1
	Fingerprint omega.Fingerprint `json:"fingerprint"`
	Device      omega.Fingerprint `json:"device"`
	Name        string            `json:"name"`        // profile name of the person
	DeviceName  string            `json:"device_name"` // of this device
	Server      string            `json:"server"`      // address of the first proxy, with fingerprint
	Primary     string            `json:"primary"`     // here, agent or other
	GnuPGHome   string            `json:"gnupg_home,omitempty"`
	Protected   bool              `json:"protected"` // secrets.pgp needs a passphrase
	Created     time.Time         `json:"created"`
	Deleted     time.Time         `json:"deleted,omitzero"` // when this device learned that its owner deleted it
}

// errNewer says that a file was written by a newer version of the program.
var errNewer = errors.New("this program is too old for it")

// errNoAccount is returned by loadAccount for a home without one.
var errNoAccount = errors.New("no account")

func loadAccount(home string) (*account, error) {
	b, err := os.ReadFile(filepath.Join(home, fileAccount))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errNoAccount
	}
	if err != nil {
		return nil, err
	}
	var a account
	if err := json.Unmarshal(b, &a); err != nil {
		return nil, &damagedError{fileAccount, err}
	}
	if a.Version > 1 {
		return nil, fmt.Errorf("read %s: %w: version %d", fileAccount, errNewer, a.Version)
	}
	if a.Version != 1 || a.Fingerprint.IsZero() || a.Device.IsZero() {
		return nil, &damagedError{fileAccount, errors.New("no account in it")}
	}
	return &a, nil
}

func (a *account) save(home string) error {
	b, err := json.MarshalIndent(a, "", "  ")
	if err != nil {
		return err
	}
	return writeFile(filepath.Join(home, fileAccount), append(b, '\n'))
}

// saveCertificate keeps the account's own newest certificate.
func saveCertificate(home string, c *pgp.Certificate) error {
	return writeFile(filepath.Join(home, fileCert), c.Bytes())
}

// writeFile replaces path by data in one step: after a crash the old or the
// new content is there, never a mixture.
func writeFile(path string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // fails once it was renamed
	if err := f.Chmod(0o600); err != nil {
		f.Close()
		return err
	}
	if _, err := f.Write(data); err != nil {
		f.Close()
		return err
	}
	if err := f.Sync(); err != nil {
		f.Close()
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

// exposed reports whether others on this machine can get at what is in a home:
// the directory lets them in, and some file is not its owner's alone. What
// cannot be looked at is not known to be open.
func exposed(home string) bool {
	const others = 0o077
	dir, err := os.Stat(home)
	if err != nil || dir.Mode().Perm()&others == 0 {
		return false
	}
	files, err := os.ReadDir(home)
	if err != nil {
		return false
	}
	return slices.ContainsFunc(files, func(f fs.DirEntry) bool {
		info, err := f.Info()
		return err == nil && info.Mode().IsRegular() && info.Mode().Perm()&others != 0
	})
}

// AccountOf returns whose home a directory is.
func AccountOf(home string) (omega.Fingerprint, error) {
	acc, err := loadAccount(home)
	if err != nil {
		return omega.Fingerprint{}, accountError(home, err)
	}
	return acc.Fingerprint, nil
}

// Protected reports whether the secrets of a home need a passphrase.
func Protected(home string) (bool, error) {
	acc, err := loadAccount(home)
	if err != nil {
		return false, accountError(home, err)
	}
	return acc.Protected, nil
}
