package client

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
	"github.com/omega-im/omega/chat/group"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/history"
	"github.com/omega-im/omega/internal/i18n"
	"github.com/omega-im/omega/pgp"
)

// How old certificates of members may be when something is sent to their group,
// and how many are looked up again at once: a device that was revoked is learned of
// soon, and a large group does not ask for all at once.
const (
	memberAge   = 10 * time.Minute
	verdictAge  = 30 * time.Second // of what was found out about all members
	maxRefresh  = 16
	lookupsOnce = 32 // they are stored together (together.go)
)

// queueGroup seals a message to a group and puts it into the outbox.
func (c *Client) queueGroup(ctx context.Context, id chat.Hash, l letter) error {
	c.readyGroup(ctx, id)
	err := c.db.Update(context.WithoutCancel(ctx), func(tx *history.Tx) error {
		if _, err := tx.Message(l.id); err == nil || !errors.Is(err, history.ErrNotFound) {
			return err
		}
		return c.sealGroup(ctx, tx, id, l.id, l.content)
	})
	if errors.Is(err, errNotMember) {
		return fail(clientrpc.CodeRefused, groupDoing(l.content.Kind), i18n.T("why.mayntwrite"), i18n.T("next.groupinfo"), nil)
	}
	if err != nil {
		return fmt.Errorf("seal a message to group: %w", err)
	}
	c.queued.notify()
	c.changed.notify()
	return nil
}

// groupDoing says what was tried by a message to a group. It names no chat: the person sees
// which, and only its id is at hand.
func groupDoing(k chat.Kind) i18n.Text {
	switch k {
	case chat.KindReaction:
		return i18n.T("doing.reacting")
	case chat.KindPoll, chat.KindVote, chat.KindList, chat.KindEntry, chat.KindClose:
		return i18n.T("doing.poll")
	case chat.KindEdit:
		return i18n.T("doing.editing")
	case chat.KindDelete:
		return i18n.T("doing.remove")
	}
	return i18n.T("doing.sending")
}

// sealGroupAside seals a message to a group that waited for its time.
func (c *Client) sealGroupAside(ctx context.Context, u *history.Unsealed) error {
	content, err := asideContent(u)
	if err != nil {
		return err
	}
	return c.sealGroupLater(ctx, u.Chat, u.ID, content, func(tx *history.Tx) error { return tx.RemoveUnsealed(u.ID) })
}

// sealGroupMedia seals a message to a group whose blobs are at the servers.
func (c *Client) sealGroupMedia(ctx context.Context, p *history.Pending, content *chat.Content) error {
	err := c.sealGroupLater(ctx, p.Chat, p.ID, content, func(tx *history.Tx) error { return tx.RemovePending(p.ID) })
	if errors.Is(err, errNotMember) || errors.Is(err, chat.ErrTooLarge) {
		return &omega.Error{Code: omega.CodeRefused, Text: err.Error()}
	}
	c.queued.notify()
	c.changed.notify()
	return err
}

func (c *Client) sealGroupLater(ctx context.Context, at omega.ChatID, id omega.ID, content *chat.Content, done func(*history.Tx) error) error {
	var g chat.Hash
	err := c.db.View(ctx, func(tx *history.Tx) (err error) {
		g, err = tx.Group(ctx, at)
		return err
	})
	if err != nil {
		return err
	}
	c.readyGroup(ctx, g)
	return c.db.Update(ctx, func(tx *history.Tx) error {
		if err := c.sealGroup(ctx, tx, g, id, content); err != nil {
			return err
		}
		return done(tx)
	})
}

// tellGroupIn sends what is between clients to a group.
func (c *Client) tellGroupIn(ctx context.Context, tx *history.Tx, id chat.Hash, content *chat.Content) error {
	var message omega.ID
	if _, err := c.cfg.rand().Read(message[:]); err != nil {
		return err
	}
	return c.sealGroup(ctx, tx, id, message, content)
}

// sealGroup makes the next message of this device in a group, and its envelopes,
// in one transaction. Certificates are those that are here.
func (c *Client) sealGroup(ctx context.Context, tx *history.Tx, id chat.Hash, message omega.ID, content *chat.Content) error {
	l, err := c.groupIn(tx, id)
	if err != nil {
		return err
	}
	if secret, err := c.sealSecretly(ctx, tx, l, message, content); secret || err != nil {
		return err
	}
	state := l.State()
	if state.Dissolved || state.Role(c.acc.Fingerprint) < neededRole(content.Kind, state.Rules) {
		return errNotMember
	}
	merged, err := c.mergeHeads(ctx, tx, l, chat.MaxHeads)
	if err != nil {
		return err
	}
	if merged, err = c.tellMerges(ctx, tx, id, merged); err != nil {
		return err
	}
	content = withOperations(content, merged)
	key, err := c.groupKey(ctx, tx, l)
	if err != nil {
		return err
	}
	roster := chat.NewGroupRoster(key, l.heads(), l.sameMembers)
	before, err := c.sender(tx, roster.Chat)
	if err != nil {
		return err
	}
	name, err := c.ownName(tx)
	if err != nil {
		return err
	}
	sender, err := chat.NewSender(c.identity(), c.cfg.rand(), name, before)
	if err != nil {
		return err
	}
	sender.Tell(c.view(nil))
	readers, err := c.subscribersToTell(tx, state)
	if err != nil {
		return err
	}
	to := append(c.membersToTell(state), readers...)
	sealed, err := c.sealWith(ctx, tx, sender, roster, message, content, len(to) == 0)
	if err == nil {
		err = c.countHeard(tx, sealed.Message)
	}
	if err != nil || sealed.KeyRecord == nil && len(to) == 0 {
		return err
	}
	if sealed.KeyRecord != nil {
		if err := tx.PutGroupRecord(id, sealed.Key.Locator, sealed.KeyRecord); err != nil {
			return err
		}
		if err := c.postAll(tx, to, sealed.KeyID, omega.ID{}, sealed.KeyRecord); err != nil {
			return err
		}
	}
	return c.postAll(tx, to, message, message, sealed.Payload)
}

// mergeHeads makes operations until a group has no more than most heads, and
// returns them. (spec/group.md, GROUP-26)
func (c *Client) mergeHeads(ctx context.Context, tx *history.Tx, l *groupLog, most int) (made [][]byte, err error) {
	for len(l.Heads()) > most && l.State().Role(c.acc.Fingerprint) > group.RoleNone {
		o, err := l.Next(c.party(), c.signingTime(), group.Op{Type: group.TypeMerge})
		if err != nil {
			return nil, err
		}
		if err := o.Sign(ctx, c.identity().Signer); err != nil {
			return nil, err
		}
		if _, err := l.add(tx, o, c.cfg.now()); err != nil {
			return nil, err
		}
		made = append(made, o.Marshal())
	}
	if len(made) > 0 {
		c.showGroup(l)
	}
	return made, nil
}

// maxMerges is how many merges go with what a member says; more of them go before
// it, in messages of their own, since one may be as long as a message already.
const maxMerges = 8

// tellMerges sends merges to the group and returns those that go with what follows.
func (c *Client) tellMerges(ctx context.Context, tx *history.Tx, id chat.Hash, merged [][]byte) ([][]byte, error) {
	if len(merged) <= maxMerges {
		return merged, nil
	}
	for part := range slices.Chunk(merged, 4*maxMerges) {
		if err := c.tellGroupIn(ctx, tx, id, &chat.Content{Kind: chat.KindGroup, Group: &chat.GroupNews{Operations: part}}); err != nil {
			return nil, err
		}
	}
	return nil, nil
}

// withOperations is a content that brings operations of the group too.
func withOperations(content *chat.Content, ops [][]byte) *chat.Content {
	if len(ops) == 0 {
		return content
	}
	out, g := *content, chat.GroupNews{}
	if content.Group != nil {
		g = *content.Group
	}
	g.Operations = append(slices.Clone(g.Operations), ops...)
	out.Group = &g
	return &out
}

// membersToTell are the accounts to address: this one only if it has another
// device.
func (c *Client) membersToTell(s *group.State) (out []omega.Fingerprint) {
	for _, m := range s.Members {
		if m.Account != c.acc.Fingerprint || len(c.others()) > 0 {
			out = append(out, m.Account)
		}
	}
	return out
}

// postAll puts one payload into the outbox for any number of accounts. It holds up
// nothing and is held up by nothing: a home that is away must not stop a group.
func (c *Client) postAll(tx *history.Tx, to []omega.Fingerprint, id, message omega.ID, payload []byte) error {
	for part := range slices.Chunk(to, omega.MaxRecipients) {
		if err := c.post(tx, omega.Fingerprint{}, part, id, message, payload); err != nil {
			return err
		}
	}
	return nil
}

// groupKey returns the key to send under: the latest one that serves, or a new
// one, which it sends to all members. (spec/group.md, GROUP-14)
func (c *Client) groupKey(ctx context.Context, tx *history.Tx, l *groupLog) (*chat.GroupKey, error) {
	now := c.cfg.now()
	keys, err := tx.GroupKeysOf(chat.Hash(l.ID()), now.Add(-chat.MaxGroupKeyAge))
	if err != nil {
		return nil, err
	}
	for _, k := range keys {
		if k.Time.Sub(now) <= omega.ClockTolerance && c.serves(tx, l, k) {
			return k, nil
		}
	}
	members, readers := c.groupReaders(tx, l.State())
	k, err := chat.NewGroupKey(ctx, c.cfg.rand(), c.identity(), chat.Hash(l.ID()), l.heads(), members, now)
	if err != nil {
		return nil, err
	}
	if err := tx.PutGroupKey(ctx, k); err != nil {
		return nil, err
	}
	c.letting.notify()
	if err := c.sendGroupKey(tx, k, readers); err != nil {
		return nil, err
	}
	others, err := c.subscribersToTell(tx, l.State())
	if err != nil {
		return nil, err
	}
	return k, c.sendKeyToSubscribers(tx, k, others)
}

// serves reports whether all devices that a key was made for may still read.
func (c *Client) serves(tx *history.Tx, l *groupLog, k *chat.GroupKey) bool {
	now := c.cfg.now()
	if v, ok := l.served[k.Locator]; ok && v.operations == l.Len() && young(now, v.at, verdictAge) {
		return v.good
	}
	good := c.servesNow(tx, l, k)
	l.served[k.Locator] = servedTo{l.Len(), good, now}
	return good
}

func (c *Client) servesNow(tx *history.Tx, l *groupLog, k *chat.GroupKey) bool {
	now := c.cfg.now()
	then, ok := l.at(k.Heads)
	if !ok || k.Problem != chat.ProblemNone || then.Role(k.From) == group.RoleNone {
		return false
	}
	state := l.State()
	for _, o := range l.Since(groupHeads(k.Heads)) {
		switch o.Type {
		case group.TypeRemove, group.TypeBan, group.TypeLeave, group.TypeRevert:
			if !isVoid(state, o) {
				return false
			}
		}
	}
	for _, m := range then.Members {
		if state.Role(m.Account) == group.RoleNone {
			return false
		}
	}
	if ended, err := tx.SubscriberEnded(chat.Hash(l.ID()), k.Time); err != nil || ended {
		return false
	}
	since := k.Time.Add(-memberAge)
	suspects, err := tx.PeersLost(since)
	if err != nil {
		return false
	}
	if lost, err := c.lostReader(tx, state, k, suspects, now); err != nil || lost {
		return false
	}
	if !slices.ContainsFunc(append(suspects, c.acc.Fingerprint), func(fp omega.Fingerprint) bool {
		return then.Role(fp) > group.RoleNone && c.lostDevice(tx, fp, since)
	}) {
		return true
	}
	// The maker may have known of it: then this is the list that it made the key for.
	members, _ := c.groupReaders(tx, then)
	return chat.HashMembers(members) == k.MembersHash
}

// lostDevice reports whether a device of an account was, or may have been, revoked
// after a time.
func (c *Client) lostDevice(tx *history.Tx, account omega.Fingerprint, since time.Time) bool {
	cert := c.certIn(tx, account)
	if cert == nil {
		return false
	}
	for _, d := range cert.Devices() {
		if d.Revoked && d.Added.Before(since) && (d.RevokedAt.IsZero() || d.RevokedAt.After(since)) {
			return true
		}
	}
	return false
}

// never is a revocation of which it is not known when it was: it is later than any
// time.
var never = time.UnixMilli(1 << 52)

// lastLost is when a device was revoked last; zero: none was.
func lastLost(cert *pgp.Certificate) (last time.Time) {
	for _, d := range cert.Devices() {
		at := d.RevokedAt
		if at.IsZero() {
			at = never
		}
		if d.Revoked && at.After(last) {
			last = at
		}
	}
	return last
}

// certIn returns a certificate that is here; nil if there is none that can be used.
func (c *Client) certIn(tx *history.Tx, account omega.Fingerprint) *pgp.Certificate {
	if account == c.acc.Fingerprint {
		return c.certificate()
	}
	p, err := tx.Peer(account)
	if err != nil || !p.Deleted.IsZero() {
		return nil
	}
	cert, err := c.parsePeer(p)
	if err != nil {
		return nil
	}
	return cert
}

// groupReaders lists the devices that can read in a group, and those that a key is
// wrapped for: not this one, and none of accounts of which servers show an older
// record than there is, which ask later. (spec/group.md, GROUP-22)
func (c *Client) groupReaders(tx *history.Tx, s *group.State) (members []chat.Member, readers []chat.GroupReader) {
	for _, m := range s.Members {
		r, all := c.groupReader(tx, m.Account)
		if len(all) == 0 {
			continue
		}
		members, readers = append(members, chat.Member{Account: m.Account, Devices: all}), append(readers, r)
	}
	return members, readers
}

func (c *Client) groupReader(tx *history.Tx, account omega.Fingerprint) (r chat.GroupReader, all []omega.Fingerprint) {
	r.Account = account
	if p, err := tx.Peer(account); err == nil && p.Behind() {
		return r, nil
	}
	cert := c.certIn(tx, account)
	if cert == nil || errors.Is(cert.Check(c.cfg.now()), pgp.ErrRevoked) {
		return r, nil
	}
	for _, d := range cert.Active(c.cfg.now()) {
		fp := d.Signing.Fingerprint()
		if all = append(all, fp); fp != c.acc.Device {
			r.Devices = append(r.Devices, d)
		}
	}
	slices.SortFunc(all, omega.Fingerprint.Compare)
	return r, all
}

// sendGroupKey wraps a group key, as it is, for readers, and sends it to them.
func (c *Client) sendGroupKey(tx *history.Tx, k *chat.GroupKey, readers []chat.GroupReader) error {
	parts, err := k.Parts(c.cfg.rand(), readers)
	if err != nil {
		return err
	}
	for _, p := range parts {
		var id omega.ID
		if _, err := c.cfg.rand().Read(id[:]); err != nil {
			return err
		}
		if err := c.post(tx, omega.Fingerprint{}, p.To, id, omega.ID{}, p.Payload); err != nil {
			return err
		}
	}
	return nil
}

// readyGroup brings certificates of members here, as far as somebody can be asked:
// all that are missing, and some of those that are old.
func (c *Client) readyGroup(ctx context.Context, id chat.Hash) {
	if _, err := c.online(); err != nil {
		return
	}
	c.mu.Lock()
	v := c.groupViews[id]
	ready := v.state != nil && v.ready == v.last && young(c.cfg.now(), v.readied, verdictAge)
	c.mu.Unlock()
	if ready {
		return
	}
	var missing, old []omega.Fingerprint
	err := c.db.View(ctx, func(tx *history.Tx) error {
		s, err := c.groupState(tx, id)
		if err != nil {
			return err
		}
		ages, err := tx.PeerAges()
		if err != nil {
			return err
		}
		readers, err := c.subscribersToTell(tx, s)
		var who []omega.Fingerprint
		for _, m := range s.Members {
			who = append(who, m.Account)
		}
		who = append(who, someUnknown(readers, ages, c.cfg.now())...)
		for _, fp := range who {
			p, known := ages[fp]
			switch {
			case fp == c.acc.Fingerprint:
			case !known:
				missing = append(missing, fp)
			case !p.Deleted && len(old) < maxRefresh && !young(c.cfg.now(), p.Checked, memberAge):
				old = append(old, fp)
			}
		}
		return err
	})
	if err != nil && !errors.Is(err, history.ErrNotFound) {
		c.cfg.log().Warn("members of a group not looked up", "err", err)
	}
	c.fetchAccounts(ctx, append(missing, old...), memberAge)
	if ctx.Err() != nil {
		return // not all were looked for
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if v, ok := c.groupViews[id]; ok {
		v.ready, v.readied = v.last, c.cfg.now()
		c.groupViews[id] = v
	}
}

// fetchAccounts asks the cloud about accounts, some at once, but for those that it
// was asked about within an age. It returns those that could not be asked about: it
// may be tried again. Once servers answer that it is enough, nobody else is asked about.
func (c *Client) fetchAccounts(ctx context.Context, list []omega.Fingerprint, age time.Duration) (failed []omega.Fingerprint) {
	turns := make(chan struct{}, lookupsOnce)
	var mu sync.Mutex // guards failed and limited
	limited := false
	miss := func(fp omega.Fingerprint, err error) {
		mu.Lock()
		defer mu.Unlock()
		limited = limited || isCode(err, omega.CodeRateLimited)
		failed = append(failed, fp)
	}
	for i, fp := range list {
		turns <- struct{}{}
		mu.Lock()
		enough := limited
		mu.Unlock()
		if enough {
			<-turns
			for _, fp := range list[i:] {
				miss(fp, nil)
			}
			break
		}
		go func() {
			defer func() { <-turns }()
			defer c.looks.expect()()
			_, _, err := c.peer(ctx, fp, age)
			if err == nil {
				c.nearer.note(c.cfg.now())
				return
			}
			c.cfg.log().Info("member of a group not looked up", "account", fp, "err", err)
			if !isCode(err, omega.CodeNotFound) && !errors.Is(err, errPeerDeleted) {
				miss(fp, err)
			}
		}()
	}
	for range lookupsOnce {
		turns <- struct{}{} // all have ended
	}
	return failed
}
