package client

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
	"github.com/omega-im/omega/chat/group"
	"github.com/omega-im/omega/chat/secure"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/history"
	"github.com/omega-im/omega/internal/i18n"
	"github.com/omega-im/omega/pgp"
)

// A room is a secure chat: of this account and another one, or of a group.
type room struct {
	chat  omega.ChatID
	peer  omega.Fingerprint // zero: of a group
	group chat.Hash
}

// secureChat is the id of the secure chat with an account.
func (c *Client) secureChat(peer omega.Fingerprint) omega.ChatID {
	return secure.Direct(c.acc.Fingerprint, peer)
}

// roomWith is the secure chat with an account.
func (c *Client) roomWith(peer omega.Fingerprint) room {
	return room{chat: c.secureChat(peer), peer: peer}
}

// groupRoom is the secure chat of a group.
func groupRoom(id chat.Hash) room { return room{chat: omega.ChatID(id[:16]), group: id} }

// roomOf is where a stored secure chat is held.
func roomOf(s *history.SecureChat) room { return room{s.Chat, s.Peer, s.Group} }

func (r room) ofGroup() bool { return r.peer.IsZero() }

// roomAt is the secure chat with an id; false: it is none, or not here.
func (c *Client) roomAt(tx *history.Tx, id omega.ChatID, peer omega.Fingerprint) (room, bool, error) {
	if !peer.IsZero() && id == c.secureChat(peer) {
		return c.roomWith(peer), true, nil
	}
	g, err := tx.Group(context.Background(), id)
	if err != nil || g == (chat.Hash{}) {
		return room{}, false, err
	}
	secret, err := c.isSecureGroup(tx, g)
	return groupRoom(g), secret, err
}

// isSecureGroup reports whether the chat of a group is a secure one.
func (c *Client) isSecureGroup(tx *history.Tx, id chat.Hash) (bool, error) {
	state, err := c.groupState(tx, id)
	if err != nil {
		return false, ignoreNotFound(err)
	}
	return state.Secure, nil
}

// A secureDevice is one that is in a secure chat now.
type secureDevice struct {
	account omega.Fingerprint
	pgp.Device
}

func (d secureDevice) fp() omega.Fingerprint { return d.Signing.Fingerprint() }

// An audience is who reads in a secure chat now.
type audience struct {
	devices []secureDevice
	owners  map[omega.Fingerprint]bool // of a group
	heads   []chat.Hash                // what is known of the group, for its records
	known   *history.Peer              // the other account of a chat of two
}

// others reports whether there is anybody to write to, another device of this account
// included.
func (a *audience) others(device omega.Fingerprint) bool {
	return slices.ContainsFunc(a.devices, func(d secureDevice) bool { return d.fp() != device })
}

func active(cert *pgp.Certificate, now time.Time) (out []secureDevice) {
	for _, d := range cert.Active(now) {
		out = append(out, secureDevice{cert.Fingerprint(), d})
	}
	return out
}

// errAudience says that a group has more devices than an epoch.
var errAudience = errors.New("more devices than a secure chat can have")

// audience finds out who reads in a room, with certificates that are here, and whether
// this account may send a message of a kind. A member of a group of which servers show
// an older record than there is, is left out until its record is here.
func (c *Client) audience(ctx context.Context, tx *history.Tx, r room, content *chat.Content, now time.Time) (*audience, error) {
	if !r.ofGroup() {
		cert := c.certIn(tx, r.peer)
		if cert == nil {
			if p, err := tx.Peer(r.peer); err == nil && !p.Deleted.IsZero() {
				return nil, errPeerDeleted
			}
			return nil, errNoCertificate
		}
		cert, known, err := c.newest(tx, cert, content)
		if err != nil {
			return nil, err
		}
		if err := c.mayWrite(tx, r.peer, content.Kind); err != nil {
			return nil, err
		}
		return &audience{devices: append(active(c.certificate(), now), active(cert, now)...), known: known}, nil
	}
	l, err := c.groupIn(tx, r.group)
	if err != nil {
		return nil, err
	}
	state := l.State()
	if state.Dissolved || state.Role(c.acc.Fingerprint) < max(neededRole(content.Kind, state.Rules), group.RoleMember) {
		return nil, errNotMember
	}
	a := c.readersIn(tx, state, now)
	if a.heads = l.heads(); len(a.devices) > secure.MaxDevices {
		return nil, errAudience
	}
	return a, nil
}

// readersIn are those of a group's members whose certificates are here.
func (c *Client) readersIn(tx *history.Tx, state *group.State, now time.Time) *audience {
	a := &audience{owners: map[omega.Fingerprint]bool{}}
	for _, m := range state.Members {
		a.owners[m.Account] = m.Role == group.RoleOwner
		if p, err := tx.Peer(m.Account); err == nil && p.Behind() {
			continue
		}
		if cert := c.certIn(tx, m.Account); cert != nil && !errors.Is(cert.Check(now), pgp.ErrRevoked) {
			a.devices = append(a.devices, active(cert, now)...)
		}
	}
	return a
}

// errNoCertificate says that the certificate of the other account is not here.
var errNoCertificate = errors.New("certificate is not at hand")

// accounts are those to address: this one only if it has another device in the epoch.
func (c *Client) accounts(e *secure.Epoch) (out []omega.Fingerprint) {
	for _, m := range e.Record.Members {
		if m.Account != c.acc.Fingerprint || slices.ContainsFunc(m.Devices, func(d secure.Device) bool { return d.Signing != c.acc.Device }) {
			out = append(out, m.Account)
		}
	}
	return out
}

// postIn puts a payload into the outbox for accounts of a room. What goes to a group
// holds up nothing, and is held up by nothing.
func (c *Client) postIn(tx *history.Tx, r room, to []omega.Fingerprint, id, message omega.ID, payload []byte) error {
	if r.ofGroup() {
		return c.postAll(tx, to, id, message, payload)
	}
	return c.post(tx, r.peer, to, id, message, payload)
}

// secureDest is the secure chat that a dest means.
func (c *Client) secureDest(doing i18n.Text, d dest) (dest, error) {
	switch {
	case d.peer.IsZero() && !d.secure:
		return d, fail(clientrpc.CodeRefused, doing, i18n.T("why.securegroup"), i18n.T("next.securegroup"), nil)
	case d.peer == c.acc.Fingerprint:
		return d, fail(clientrpc.CodeUsage, doing, i18n.T("why.secureself"), i18n.T("next.fingerprint"), nil)
	}
	d.secure = true
	return d, nil
}

// room is the secure chat that a dest is.
func (c *Client) room(d dest) room {
	if d.peer.IsZero() {
		return groupRoom(d.group)
	}
	return c.roomWith(d.peer)
}

// secureRoom is the secure chat that somebody names.
func (c *Client) secureRoom(ctx context.Context, text string) (room, error) {
	doing := i18n.T("doing.secure")
	d, err := c.resolve(ctx, text)
	if err != nil {
		return c.room(d), whileDoing(doing, err)
	}
	d, err = c.secureDest(doing, d)
	return c.room(d), err
}

// readyRoom brings the certificates that sealing in a room needs: what is stored will do
// if the cloud does not answer.
func (c *Client) readyRoom(ctx context.Context, r room) error {
	if r.ofGroup() {
		c.readyGroup(ctx, r.group)
		return nil
	}
	_, err := c.secureCert(ctx, r.peer)
	return err
}
