package node

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/omega-im/omega"
)

// newBook is a book of invites in a directory of its own, at a time that the test
// sets.
func newBook(t *testing.T) (v *invites, now *time.Time) {
	t.Helper()
	at := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	v, err := loadInvites(filepath.Join(t.TempDir(), fileInvites), func() time.Time { return at })
	if err != nil {
		t.Fatal(err)
	}
	return v, &at
}

// reload is what a restart has of v.
func reload(t *testing.T, v *invites) *invites {
	t.Helper()
	again, err := loadInvites(v.path, v.now)
	if err != nil {
		t.Fatal(err)
	}
	return again
}

func order(t *testing.T, v *invites, uses int) (Invite, omega.Invite) {
	t.Helper()
	made, code, err := v.make(InviteOrder{Uses: uses, Life: time.Hour, Note: "friends"})
	if err != nil {
		t.Fatal(err)
	}
	return made, code
}

func account(t *testing.T, n byte) omega.Fingerprint {
	t.Helper()
	fp, err := omega.FingerprintV4(append(make([]byte, 19), n))
	if err != nil {
		t.Fatal(err)
	}
	return fp
}

// TestInviteIsUsedUp: as many as it says, each account once, and a restart
// forgets none of it.
func TestInviteIsUsedUp(t *testing.T) {
	v, _ := newBook(t)
	_, code := order(t, v, 2)
	for n, want := range []error{nil, nil, errInviteUsed} {
		if _, err := v.redeem(account(t, byte(n)), &code); !errors.Is(err, want) {
			t.Errorf("account %d: %v, want %v", n, err, want)
		}
		v = reload(t, v)
	}
	if _, err := v.redeem(account(t, 1), &code); err != nil {
		t.Errorf("the second account again: %v", err)
	}
	if got := v.list(); len(got) != 1 || len(got[0].Accounts) != 2 || got[0].Left(v.now()) != 0 {
		t.Errorf("list = %+v, want one with two accounts", got)
	}
	text, err := os.ReadFile(v.path)
	if err != nil || strings.Contains(string(text), code.String()) {
		t.Errorf("the file (%v) holds the code", err)
	}
}

// TestInviteRace: of many who come at once with the same invite as many get in as
// it has uses.
func TestInviteRace(t *testing.T) {
	v, _ := newBook(t)
	_, code := order(t, v, 3)
	var in atomic.Int32
	var wg sync.WaitGroup
	for n := range byte(20) {
		wg.Go(func() {
			if _, err := v.redeem(account(t, n), &code); err == nil {
				in.Add(1)
			}
		})
	}
	wg.Wait()
	if got, kept := in.Load(), len(reload(t, v).list()[0].Accounts); got != 3 || kept != 3 {
		t.Errorf("%d got in and %d are kept, want 3", got, kept)
	}
}

func TestInviteRefusals(t *testing.T) {
	v, now := newBook(t)
	made, code := order(t, v, 1)
	other, revoked := order(t, v, 1)
	if got, err := v.revoke(other.ID); err != nil || got.Hash != other.Hash {
		t.Fatalf("revoke = %+v, %v", got, err)
	}
	if _, err := v.revoke(other.ID); !errors.Is(err, ErrNoInvite) {
		t.Errorf("revoke again: %v", err)
	}
	v = reload(t, v)
	for name, row := range map[string]struct {
		invite *omega.Invite
		want   error
	}{
		"none": {nil, errInviteNeeded}, "another": {&omega.Invite{1}, errInviteUnknown}, "revoked": {&revoked, errInviteUnknown},
	} {
		if _, err := v.redeem(account(t, 1), row.invite); !errors.Is(err, row.want) || err.Error() != row.want.Error() {
			t.Errorf("%s: %v, want %v", name, err, row.want)
		}
	}
	*now = made.Expires
	if _, err := v.redeem(account(t, 1), &code); err == nil || err.Error() != errInviteExpired.Error() {
		t.Errorf("expired: %v", err)
	}
}

// TestInviteGivenBack: a use that made no account is there again.
func TestInviteGivenBack(t *testing.T) {
	v, _ := newBook(t)
	_, code := order(t, v, 1)
	giveBack, err := v.redeem(account(t, 1), &code)
	if err != nil {
		t.Fatal(err)
	}
	giveBack()
	if _, err := reload(t, v).redeem(account(t, 2), &code); err != nil {
		t.Errorf("after it was given back: %v", err)
	}
}

// TestInviteNotStored: a use that the disk did not take is none.
func TestInviteNotStored(t *testing.T) {
	v, _ := newBook(t)
	made, code := order(t, v, 1)
	good := v.path
	v.path = filepath.Join(filepath.Dir(good), "gone", fileInvites)
	if _, err := v.redeem(account(t, 1), &code); err == nil {
		t.Error("a use was given that is not on the disk")
	}
	if _, err := v.revoke(made.ID); err == nil {
		t.Error("an invite was revoked that is still on the disk")
	}
	if _, _, err := v.make(InviteOrder{Uses: 1, Life: time.Hour}); err == nil {
		t.Error("an invite was made that is not on the disk")
	}
	v.path = good
	if _, err := v.redeem(account(t, 2), &code); err != nil {
		t.Errorf("with the disk back: %v", err)
	}
}

func TestInviteBounds(t *testing.T) {
	v, now := newBook(t)
	for _, o := range []InviteOrder{
		{Uses: 0, Life: time.Hour}, {Uses: maxInviteUses + 1, Life: time.Hour}, {Uses: 1, Life: time.Second},
		{Uses: 1, Life: maxInviteLife + 1}, {Uses: 1, Life: time.Hour, Note: strings.Repeat("x", maxInviteNote+1)},
	} {
		if _, _, err := v.make(o); !errors.Is(err, ErrInviteBounds) {
			t.Errorf("make(%+v): %v", o, err)
		}
	}
	order(t, v, maxInviteUses)
	if _, _, err := v.make(InviteOrder{Uses: 1, Life: time.Hour}); !errors.Is(err, ErrTooManyInvites) {
		t.Errorf("beyond all uses: %v", err)
	}
	*now = now.Add(keepOldInvites + 2*time.Hour) // what ended long ago makes room
	order(t, v, maxInviteUses)
	if got := v.list(); len(got) != 1 {
		t.Errorf("%d invites, want the new one", len(got))
	}
}

// TestInvitesDamaged: a book that cannot be read is not begun anew.
func TestInvitesDamaged(t *testing.T) {
	for _, text := range []string{"{", "[null]", `[{"hash":"ab"}]`, strings.Repeat(" ", maxInviteFile+1)} {
		path := filepath.Join(t.TempDir(), fileInvites)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := loadInvites(path, time.Now); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%.20q: %v", text, err)
		}
	}
}
