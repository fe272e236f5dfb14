package client

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/internal/i18n"
)

// A claim is a home directory in which an account is being made: of several
// that try at once, one has it. Unless it is kept, releasing it leaves nothing
// behind.
type claim struct {
	home   string
	unlock func()
	made   []string // directories that were not there before, innermost first
	ours   bool     // secrets in it are of the account that is being made
	kept   bool
}

// claimHome makes the directory of a new account and takes its lock. A home
// that has an account, or in which one is being made, is refused.
func claimHome(doing i18n.Text, home string) (*claim, error) {
	if err := noAccount(doing, home); err != nil {
		return nil, err
	}
	c := &claim{home: home, made: missing(home), unlock: func() {}}
	if err := os.MkdirAll(home, 0o700); err != nil {
		c.release()
		return nil, err
	}
	unlock, err := takeLock(home)
	if err == nil && unlock == nil {
		return nil, fail(clientrpc.CodeExists, doing, i18n.T("why.making", home), i18n.T("next.otherhome"), nil)
	}
	if err == nil {
		c.unlock = unlock
		err = noAccount(doing, home) // one may have been made since
	}
	if err == nil {
		err = keepAside(home)
	}
	if err != nil {
		c.release()
		return nil, err
	}
	c.ours = true
	return c, nil
}

// noAccount refuses a home that has an account, whole or damaged.
func noAccount(doing i18n.Text, home string) error {
	acc, err := loadAccount(home)
	switch {
	case err == nil:
		return fail(clientrpc.CodeExists, doing, i18n.T("why.exists", home, acc.Fingerprint), i18n.T("next.otherhome"), nil)
	case errors.Is(err, errNoAccount):
		return nil
	}
	return accountError(home, err)
}

// missing lists the directories on the way to home that do not exist.
func missing(home string) (out []string) {
	for dir := home; ; dir = filepath.Dir(dir) {
		if _, err := os.Lstat(dir); !errors.Is(err, fs.ErrNotExist) || dir == filepath.Dir(dir) {
			return out
		}
		out = append(out, dir)
	}
}

// keepAside moves secrets that stand in a home without an account out of the
// way: whoever lost account.json only has not lost the keys.
func keepAside(home string) error {
	path := filepath.Join(home, fileSecrets)
	err := os.Rename(path, path+time.Now().UTC().Format(".20060102T150405"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// release lets go of the home.
func (c *claim) release() {
	defer c.unlock()
	if c.kept {
		return
	}
	if c.ours {
		os.Remove(filepath.Join(c.home, fileSecrets))
		os.Remove(filepath.Join(c.home, fileCert))
		os.Remove(filepath.Join(c.home, fileRevoked))
	}
	if len(c.made) > 0 {
		os.Remove(filepath.Join(c.home, fileLock))
	}
	for _, dir := range c.made {
		os.Remove(dir) // unless somebody put something there
	}
}
