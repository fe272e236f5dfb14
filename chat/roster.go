package chat

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/internal/canon"
	"github.com/omega-im/omega/pgp"
)

// A Member is one account of a chat with those of its devices that a key is
// wrapped for, named by their signing subkeys, in order.
type Member struct {
	Account omega.Fingerprint
	Devices []omega.Fingerprint
}

// membersLabel starts what Members-Hash covers (spec/chat.md, CHAT-5).
const membersLabel = "omega-im/chat/members/v1\n"

// appendMembers appends one line per account: "Member: FPR FPR,FPR".
func appendMembers(b []byte, members []Member) []byte {
	for _, m := range members {
		b = append(b, "Member: "...)
		b = canon.AppendFingerprint(b, m.Account)
		for i, d := range m.Devices {
			b = append(b, " ,"[min(i, 1)])
			b = canon.AppendFingerprint(b, d)
		}
		b = append(b, '\n')
	}
	return b
}

// HashMembers is the hash of a member and device list. (spec/chat.md, CHAT-5)
func HashMembers(members []Member) Hash { return hashMembers(members) }

func hashMembers(members []Member) Hash {
	return sha256.Sum256(appendMembers([]byte(membersLabel), members))
}

// parseMember reads the value of a Member line; spelling is judged by the
// caller, who renders it again.
func parseMember(value string) (Member, bool) {
	account, devices, _ := strings.Cut(value, " ")
	m := Member{}
	var ok bool
	if m.Account, ok = canon.ParseFingerprint(account); !ok {
		return m, false
	}
	for d := range strings.SplitSeq(devices, ",") {
		f, ok := canon.ParseFingerprint(d)
		if !ok || len(m.Devices) >= omega.MaxDevices {
			return m, false
		}
		m.Devices = append(m.Devices, f)
	}
	return m, slices.IsSortedFunc(m.Devices, omega.Fingerprint.Compare)
}

// A Roster is who can read a chat, as one device sees it now: made from
// certificates, immutable, and made again when one of them changes or a
// device expires.
type Roster struct {
	Chat omega.ChatID
	Peer omega.Fingerprint // the other account; the own one in the chat with oneself

	members []Member
	hash    Hash
	readers []*pgp.PublicKey // encryption subkeys of all devices but the sender's own

	group *GroupKey // of a group's chat; nil in a direct one
	heads []Hash    // what the sender knows of the group

	current func(heads []Hash) bool
}

// NewGroupRoster returns the roster of a group's chat: whoever has the key reads.
// heads is what the sender knows of the group, and current reports whether the
// members at other heads were those of now, so that newcomers begin with a sending
// key of their own time. (spec/group.md, GROUP-19)
func NewGroupRoster(k *GroupKey, heads []Hash, current func(heads []Hash) bool) *Roster {
	return &Roster{Chat: k.Chat(), hash: k.MembersHash, group: k, heads: heads, current: current}
}

// suits reports whether a sending key of a group can be used on.
func (r *Roster) suits(k *Key) bool {
	if r.group == nil || k.Group == nil {
		return (r.group == nil) == (k.Group == nil)
	}
	return k.Group.Key == r.group.Locator && (slices.Equal(k.Group.Heads, r.heads) || r.current(k.Group.Heads))
}

// nameHeads adds the heads to a message in a group where they are others than
// those of its key. (spec/group.md, GROUP-16)
func (r *Roster) nameHeads(k *Key, c *Content) *Content {
	if r.group == nil || c.raw != nil || slices.Equal(k.Group.Heads, r.heads) {
		return c
	}
	with := *c
	with.Group = &GroupNews{}
	if c.Group != nil {
		*with.Group = *c.Group
	}
	with.Group.Heads = r.heads
	return &with
}

// NewRoster returns the roster of the direct chat of own and peer, as device
// (one of own's) wraps keys for it. With the same certificate twice it is the
// account's chat with itself: its devices' own notes and sync. Expired
// accounts can still be written to, revoked ones cannot: pgp.ErrRevoked.
// ErrNoReaders says that no device of peer would be able to read; an account may
// write to itself all the same, for later.
func NewRoster(own *pgp.Certificate, device omega.Fingerprint, peer *pgp.Certificate, now time.Time) (*Roster, error) {
	r := &Roster{Chat: omega.DirectChat(own.Fingerprint(), peer.Fingerprint()), Peer: peer.Fingerprint()}
	certs := []*pgp.Certificate{own, peer}
	if own.Fingerprint() == peer.Fingerprint() {
		certs = certs[:1]
	}
	for _, c := range certs {
		if err := c.Check(now); errors.Is(err, pgp.ErrRevoked) {
			return nil, fmt.Errorf("write to %s: %w", c.Fingerprint(), err)
		}
		m := Member{Account: c.Fingerprint()}
		for _, d := range c.Active(now) {
			m.Devices = append(m.Devices, d.Signing.Fingerprint())
			if d.Signing.Fingerprint() != device {
				r.readers = append(r.readers, d.Encryption)
			}
		}
		if len(m.Devices) == 0 || len(m.Devices) > omega.MaxDevices {
			return nil, fmt.Errorf("write to %s: %w: %d active devices", c.Fingerprint(), ErrNoReaders, len(m.Devices))
		}
		slices.SortFunc(m.Devices, omega.Fingerprint.Compare)
		r.members = append(r.members, m)
	}
	if len(r.readers) == 0 && own.Fingerprint() != peer.Fingerprint() {
		return nil, fmt.Errorf("write to %s: %w", r.Peer, ErrNoReaders)
	}
	slices.SortFunc(r.members, func(a, b Member) int { return a.Account.Compare(b.Account) })
	r.hash = hashMembers(r.members)
	return r, nil
}

// Members returns the accounts and devices of the roster, in order. The caller
// must not change them.
func (r *Roster) Members() []Member { return r.members }

// Hash returns the hash of the member and device list (spec/chat.md, CHAT-5).
func (r *Roster) Hash() Hash { return r.hash }

// Accounts returns whom to address envelopes to: every account with a device
// that is not the sender's own.
func (r *Roster) Accounts() []omega.Fingerprint {
	out := make([]omega.Fingerprint, 0, len(r.members))
	for _, m := range r.members {
		out = append(out, m.Account)
	}
	return out
}

// lists reports whether members name this device of this account.
func lists(members []Member, account, device omega.Fingerprint) bool {
	i := slices.IndexFunc(members, func(m Member) bool { return m.Account == account })
	return i >= 0 && slices.Contains(members[i].Devices, device)
}
