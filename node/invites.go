package node

import (
	"bytes"
	"cmp"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/omega-im/omega"
)

// fileInvites is the book of invites in a server's directory. Backups leave it
// out: restored, it would give uses again that were taken since.
const fileInvites = "invites.json"

// Bounds of invites.
const (
	maxInvites     = 1_000                // in the book
	maxInviteUses  = 10_000               // of all in the book together: 0.5 MB of fingerprints
	maxInviteLife  = 366 * 24 * time.Hour // of one
	maxInviteNote  = 128                  // octets
	maxInviteFile  = 4 << 20              // octets
	keepOldInvites = 30 * 24 * time.Hour  // used up or expired, for the list
)

// Errors of invites that callers put into words.
var (
	ErrNoInvite       = errors.New("no invite has this id")
	ErrInviteBounds   = errors.New("an invite has 1 to 10000 uses, lives a minute to 366 days, and has a note of 128 octets at most")
	ErrTooManyInvites = errors.New("there are too many invites: revoke some")
)

// What people without a good invite are told; clients know these texts.
// (spec/handshake.md, SHAKE-6)
var (
	errInviteNeeded  = omega.Errorf(omega.CodeRefused, "registration is by invitation: it needs an invite")
	errInviteUnknown = omega.Errorf(omega.CodeRefused, "registration is by invitation: the invite is unknown, or was revoked")
	errInviteExpired = omega.Errorf(omega.CodeRefused, "registration is by invitation: the invite has expired")
	errInviteUsed    = omega.Errorf(omega.CodeRefused, "registration is by invitation: the invite is used up")
)

// An Invite lets a number of people register at a server that takes new accounts
// by invitation. The server keeps a hash of its code only: who reads the book, or
// a copy of it, can register nobody.
type Invite struct {
	ID       string              `json:"id"`   // the first 8 digits of Hash
	Hash     string              `json:"hash"` // SHA-256 of the code's octets, hexadecimal
	Note     string              `json:"note,omitempty"`
	Uses     int                 `json:"uses"` // at most so many accounts
	Made     time.Time           `json:"made"`
	Expires  time.Time           `json:"expires"`
	Accounts []omega.Fingerprint `json:"accounts,omitempty"` // that registered with it
}

// Left is how many more can register with i now.
func (i *Invite) Left(now time.Time) int {
	if !now.Before(i.Expires) {
		return 0
	}
	return i.Uses - len(i.Accounts)
}

// An InviteOrder says what invite to make.
type InviteOrder struct {
	Uses int           `json:"uses"`
	Life time.Duration `json:"life_ns"`
	Note string        `json:"note,omitempty"`
}

// invites is the book of them. Its file is replaced as a whole, and durable,
// before anybody is told of a change: no use is given twice after a crash.
type invites struct {
	path string
	now  func() time.Time

	mu   sync.Mutex
	book map[string]*Invite // by Hash; guarded by mu, as what it points to
}

// loadInvites reads the book. One that is damaged is an error: begun anew, uses
// could be given twice.
func loadInvites(path string, now func() time.Time) (*invites, error) {
	v := &invites{path: path, now: now, book: map[string]*Invite{}}
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return v, nil
	}
	if err == nil && info.Size() > maxInviteFile {
		err = fmt.Errorf("%d octets, at most %d", info.Size(), maxInviteFile)
	}
	var text []byte
	if err == nil {
		text, err = os.ReadFile(path)
	}
	var list []*Invite
	if err == nil {
		err = json.Unmarshal(text, &list)
	}
	for _, i := range list {
		if i == nil || len(i.Hash) != hex.EncodedLen(sha256.Size) {
			err = cmp.Or(err, errors.New("an entry without a hash"))
			break
		}
		v.book[i.Hash] = i
	}
	if err != nil {
		return nil, fmt.Errorf("invites: %s cannot be read; move it away to end all invites: %w", path, err)
	}
	return v, nil
}

// make makes an invite and returns its code, which is kept nowhere.
func (v *invites) make(o InviteOrder) (made Invite, code omega.Invite, err error) {
	if o.Uses < 1 || o.Uses > maxInviteUses || o.Life < time.Minute || o.Life > maxInviteLife || len(o.Note) > maxInviteNote {
		return made, code, ErrInviteBounds
	}
	if _, err := rand.Read(code[:]); err != nil {
		return made, code, err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	now := v.now().UTC().Truncate(time.Second)
	v.forget(now)
	uses := o.Uses
	for _, i := range v.book {
		uses += i.Uses
	}
	if len(v.book) >= maxInvites || uses > maxInviteUses {
		return made, code, ErrTooManyInvites
	}
	i := &Invite{Hash: inviteHash(code), Note: o.Note, Uses: o.Uses, Made: now, Expires: now.Add(o.Life)}
	i.ID = i.Hash[:8]
	v.book[i.Hash] = i
	if err := v.save(); err != nil {
		delete(v.book, i.Hash)
		return made, code, err
	}
	return *i, code, nil
}

// forget lets go of invites that ended long ago. mu is held.
func (v *invites) forget(now time.Time) {
	for hash, i := range v.book {
		if i.Left(now) <= 0 && now.Sub(i.Made) > keepOldInvites && now.Sub(i.Expires) > 0 {
			delete(v.book, hash)
		}
	}
}

func inviteHash(code omega.Invite) string {
	sum := sha256.Sum256(code[:])
	return hex.EncodeToString(sum[:])
}

// redeem is keyserver.Config.Redeem.
func (v *invites) redeem(account omega.Fingerprint, invite *omega.Invite) (giveBack func(), err error) {
	if invite == nil {
		return nil, errInviteNeeded
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	i := v.book[inviteHash(*invite)]
	switch {
	case i == nil:
		return nil, errInviteUnknown
	case slices.Contains(i.Accounts, account):
		return func() {}, nil
	case !v.now().Before(i.Expires):
		return nil, errInviteExpired
	case i.Left(v.now()) <= 0:
		return nil, errInviteUsed
	}
	before := i.Accounts
	i.Accounts = append(slices.Clone(before), account)
	if err := v.save(); err != nil {
		i.Accounts = before
		if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
			return nil, omega.Errorf(omega.CodeDiskFull, "the use of an invite cannot be stored")
		}
		return nil, omega.Errorf(omega.CodeInternal, "the use of an invite cannot be stored: %v", err)
	}
	return func() { v.giveBack(i, account) }, nil
}

// giveBack undoes a use. Where that cannot be stored the use is lost, which harms
// less than one too many.
func (v *invites) giveBack(i *Invite, account omega.Fingerprint) {
	v.mu.Lock()
	defer v.mu.Unlock()
	with := i.Accounts
	i.Accounts = slices.DeleteFunc(slices.Clone(with), func(a omega.Fingerprint) bool { return a == account })
	if v.save() != nil {
		i.Accounts = with
	}
}

// revoke ends an invite, named by its id, its hash, or its code. Who registered
// with it stays.
func (v *invites) revoke(name string) (Invite, error) {
	hash := strings.ToLower(name)
	if code, err := omega.ParseInvite(name); err == nil {
		hash = inviteHash(code)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	for full, i := range v.book {
		if full != hash && i.ID != hash {
			continue
		}
		delete(v.book, full)
		if err := v.save(); err != nil {
			v.book[full] = i
			return Invite{}, err
		}
		return *i, nil
	}
	return Invite{}, ErrNoInvite
}

// list returns copies, the newest first.
func (v *invites) list() []Invite {
	v.mu.Lock()
	defer v.mu.Unlock()
	out := make([]Invite, 0, len(v.book))
	for _, i := range v.book {
		c := *i
		c.Accounts = slices.Clone(i.Accounts)
		out = append(out, c)
	}
	slices.SortFunc(out, func(a, b Invite) int { return cmp.Or(b.Made.Compare(a.Made), cmp.Compare(a.Hash, b.Hash)) })
	return out
}

// save replaces the file. mu is held.
func (v *invites) save() error {
	list := make([]*Invite, 0, len(v.book))
	for _, i := range v.book {
		list = append(list, i)
	}
	slices.SortFunc(list, func(a, b *Invite) int { return cmp.Compare(a.Hash, b.Hash) })
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	enc.SetIndent("", " ")
	if err := enc.Encode(list); err != nil {
		return err
	}
	return writeFile(v.path, text.Bytes())
}
