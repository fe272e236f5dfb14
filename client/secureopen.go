package client

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
	"github.com/omega-im/omega/chat/group"
	"github.com/omega-im/omega/chat/secure"
	"github.com/omega-im/omega/history"
	"github.com/omega-im/omega/pgp"
)

// isSecure reports whether a payload is of a secure chat.
func isSecure(payload []byte) bool {
	return len(payload) > 0 && payload[0] >= secure.PayloadWrap && payload[0] <= secure.PayloadMessage
}

// A secureArrival is a payload of a secure chat as it came.
type secureArrival struct {
	*chat.Arrival
	sender omega.Fingerprint // as the server said
	need   omega.Fingerprint // whose certificate is wanted; zero: nobody's
	room   omega.ChatID      // of the group whose operations are wanted; zero: of none
}

// heard is when a server had it first.
func (a *secureArrival) heard() time.Time {
	if a.Received.IsZero() {
		return a.Now
	}
	return a.Received
}

// latest is the later of the two clocks.
func (a *secureArrival) latest() time.Time {
	if a.Received.After(a.Now) {
		return a.Received
	}
	return a.Now
}

// key finds the key of a device that was active when the payload came. What only a
// newer certificate can tell it notes as a need.
func (t *taken) key(ctx context.Context, a *secureArrival, account, device omega.Fingerprint) *pgp.PublicKey {
	cert, err := finder{t.c}.FindCertificate(ctx, account)
	if err == nil {
		if d, ok := cert.Device(device); ok && cert.Check(a.heard()) == nil && d.Active(a.heard()) {
			return d.Signing
		}
	}
	if !a.Fresh {
		a.need = account
	}
	return nil
}

// judgeSecure opens a payload of a secure chat, or keeps it until it can be opened.
// Nothing of it is changed where it needs a certificate first.
func (t *taken) judgeSecure(ctx context.Context, tx *history.Tx, arrival *chat.Arrival, sender omega.Fingerprint) (*chat.Result, error) {
	a := &secureArrival{Arrival: arrival, sender: sender}
	var opened bool
	var err error
	if a.Payload[0] == secure.PayloadMessage {
		opened, err = t.openSecure(ctx, tx, a)
	} else {
		opened, err = t.openEpoch(ctx, tx, a)
	}
	switch {
	case !a.need.IsZero():
		return &chat.Result{Verdict: chat.VerdictNeedCert, Account: a.need}, nil
	case errors.Is(err, errRefused):
		t.c.cfg.log().Warn("secure message refused", "id", a.ID, "sender", sender, "err", err)
		return &chat.Result{Verdict: chat.VerdictRefused, Reason: err}, t.triedInVain(tx, sender, len(a.Payload))
	case err != nil:
		return nil, err
	case opened:
		return &chat.Result{Verdict: chat.VerdictDuplicate}, nil // there is nothing more to do with it
	}
	return &chat.Result{Verdict: chat.VerdictNeedKey}, t.triedInVain(tx, sender, len(a.Payload))
}

// triedSecure counts what payloads of secure chats were tried with since this run began.
type triedSecure struct {
	epochs atomic.Int64 // epochs, by messages
	wraps  atomic.Int64 // wraps that this device tried to open
}

// errRefused is the error of a payload that is never of use.
var errRefused = errors.New("refused")

func refusedf(format string, args ...any) error {
	return fmt.Errorf("%w: %w", errRefused, fmt.Errorf(format, args...))
}

// wait keeps a payload until what it lacks comes.
func (t *taken) wait(tx *history.Tx, a *secureArrival, l secure.Locator, lost bool) error {
	if r, err := tx.Relation(a.sender); err != nil || r.Blocked {
		return err
	}
	t.missing = true
	return tx.AwaitSecure(&history.SecureWaiting{
		Kind: a.Payload[0], Locator: l, Account: a.sender, ID: a.ID, Payload: a.Payload, Received: a.heard(), Lost: lost, Room: a.room,
	})
}

// openEpoch takes wraps or a record. When both are here, and hold, the epoch is.
func (t *taken) openEpoch(ctx context.Context, tx *history.Tx, a *secureArrival) (bool, error) {
	if len(a.Payload) < 9 {
		return false, refusedf("%d octets", len(a.Payload))
	}
	l := secure.Locator(a.Payload[1:9])
	if known, err := tx.HasLocator(l); err != nil || known {
		return known, err
	}
	record, other := a.Payload[0] == secure.PayloadRecord, byte(secure.PayloadRecord)
	if record {
		other = secure.PayloadWrap
	}
	parts, err := tx.WaitingEpoch(l, other, a.sender, maxParts)
	if err != nil {
		return false, err
	}
	lost := false
	if !record {
		w, err := t.c.openWraps(ctx, tx, a.Payload)
		if errors.Is(err, errRefused) {
			return false, err
		}
		if lost = err == nil && w == nil; err != nil {
			return false, err
		}
	}
	for _, p := range parts {
		text, wraps := p.Payload, a.Payload
		if record {
			text, wraps = a.Payload, p.Payload
		}
		opened, err := t.acceptEpoch(ctx, tx, a, text, wraps)
		if err != nil && !errors.Is(err, errRefused) || opened || !a.need.IsZero() {
			return opened, err
		}
		if a.room != (omega.ChatID{}) {
			break // it is what the others would be
		}
	}
	return false, t.wait(tx, a, l, lost)
}

// maxParts is how many wraps are tried with a record, or records with wraps, that came
// under one locator: anybody can send what opens nothing.
const maxParts = 8

// An openedWrap is the wrap for this device, opened.
type openedWrap struct {
	wrap   secure.Wrap
	secret []byte
	own    secure.Device
	prekey *history.Prekey // nil: it was for the encryption subkey
}

// openWraps opens the one of the wraps that is for this device; nil: none opens.
func (c *Client) openWraps(ctx context.Context, tx *history.Tx, payload []byte) (*openedWrap, error) {
	wraps, err := secure.ParseWraps(payload)
	if err != nil {
		return nil, refusedf("%w", err)
	}
	for _, w := range wraps {
		c.tried.wraps.Add(1)
		if id, ok := pgp.WrapKeyID(w.Packet); ok {
			keys, err := tx.Prekeys(id)
			if err != nil {
				return nil, err
			}
			for i := range keys {
				if secret, err := keys[i].Secret.Open(w.Packet); err == nil {
					own := secure.Device{Signing: c.acc.Device, Key: secure.HashPrekey(keys[i].Secret.Public()), Use: keys[i].Use}
					return &openedWrap{w, secret, own, &keys[i]}, nil
				}
			}
			continue
		}
		if secret, err := c.identity().Decrypter.OpenSessionKey(ctx, w.Packet); err == nil {
			r := secure.Reader{Signing: c.acc.Device, Classic: c.identity().Decrypter.Public()}
			own, err := r.Device()
			return &openedWrap{w, secret, own, nil}, err
		}
	}
	return nil, nil
}

// acceptEpoch takes an epoch in whose parts are here, and opens what waited for it.
func (t *taken) acceptEpoch(ctx context.Context, tx *history.Tx, a *secureArrival, record, wraps []byte) (bool, error) {
	c := t.c
	w, err := c.openWraps(ctx, tx, wraps)
	if err != nil || w == nil {
		return false, err
	}
	defer clear(w.secret)
	e, err := secure.Accept(record, &w.wrap, w.secret, w.own)
	if err != nil {
		return false, refusedf("%w", err)
	}
	room, err := t.admitEpoch(ctx, tx, a, e.Record, w.prekey)
	if err != nil || !a.need.IsZero() || a.room != (omega.ChatID{}) {
		return false, err
	}
	b, err := c.secureBookOf(tx, room)
	if err != nil {
		return false, err
	}
	most, err := mostEpochs(tx, room.peer)
	if err != nil {
		return false, err
	}
	if len(b.Epochs) >= most {
		return false, refusedf("more than %d epochs", most)
	}
	if err := b.Add(e, a.latest()); err != nil {
		return false, refusedf("%w", err)
	}
	b.chat.Ended = time.Time{}
	if err := c.usedPrekey(tx, w.prekey, w.own.Key); err != nil {
		return false, err
	}
	if err := tx.DropEpochParts(e.Locator()); err != nil {
		return false, err
	}
	if err := t.storeBook(tx, b); err != nil {
		return false, err
	}
	c.cfg.log().Info("epoch of a secure chat", "epoch", e.Locator(), "chat", room.chat, "by", e.Record.Device)
	if err := t.inGroup(tx, room); err != nil {
		return false, err
	}
	return true, t.openWaiting(ctx, tx, e.Record)
}

// mostEpochs is how many epochs of one chat are kept at once. A device that says
// nothing keeps those of 46 days from being over.
func mostEpochs(tx *history.Tx, peer omega.Fingerprint) (int, error) {
	if peer.IsZero() {
		return 1024, nil // of a group: its members made them
	}
	r, err := tx.Relation(peer)
	if err != nil || r.Contact != chat.Contact {
		return 64, err
	}
	return 1024, nil
}

// admitEpoch judges who made an epoch and for whom, and returns the chat. What rests on
// operations of a group that are not here, it notes as wanted.
func (t *taken) admitEpoch(ctx context.Context, tx *history.Tx, a *secureArrival, r *secure.Record, prekey *history.Prekey) (at room, err error) {
	signer := t.key(ctx, a, r.Opener, r.Device)
	if signer == nil {
		if !a.need.IsZero() {
			return at, nil
		}
		return at, refusedf("epoch by device %s, which was not active in account %s", r.Device, r.Opener)
	}
	if err := r.VerifyRecord(signer); err != nil {
		return at, refusedf("%w", err)
	}
	if prekey != nil && prekey.Chat != (omega.ChatID{}) && prekey.Chat != r.Chat {
		return at, refusedf("epoch wrapped for a prekey of another chat")
	}
	if at, err = t.admitMembers(ctx, tx, a, r); err != nil || a.room != (omega.ChatID{}) {
		return at, err
	}
	return at, t.admitDevices(ctx, a, r)
}

// admitMembers finds the chat of an epoch and whether its members are that chat's.
// (spec/secure.md, SEC-12 and SEC-22)
func (t *taken) admitMembers(ctx context.Context, tx *history.Tx, a *secureArrival, r *secure.Record) (at room, err error) {
	c := t.c
	own := slices.IndexFunc(r.Members, func(m secure.Member) bool { return m.Account == c.acc.Fingerprint })
	if own < 0 {
		return at, refusedf("epoch without this account")
	}
	if len(r.Members) == 2 && r.Chat == c.secureChat(r.Members[1-own].Account) {
		if len(r.Heads) > 0 {
			return at, refusedf("epoch of two accounts with operations of a group")
		}
		return c.roomWith(r.Members[1-own].Account), nil
	}
	id, err := tx.Group(ctx, r.Chat)
	if err != nil {
		return at, err
	}
	if id == (chat.Hash{}) {
		a.room = r.Chat // the group may come
		return at, nil
	}
	at = groupRoom(id)
	l, err := c.groupIn(tx, id)
	if errors.Is(err, history.ErrNotFound) {
		a.room = r.Chat
		return at, nil
	}
	if err != nil {
		return at, err
	}
	if !l.State().Secure {
		return at, refusedf("epoch of group %s, which is no secure one", id)
	}
	heads := chatHeads(r)
	if len(heads) == 0 {
		return at, refusedf("epoch of a group that names no operations")
	}
	then, ok := l.at(heads)
	if !ok {
		a.room, t.missing = r.Chat, true
		return at, tx.WantOperations(id, a.sender, a.Now, heads)
	}
	for _, m := range r.Members {
		if then.Role(m.Account) == group.RoleNone {
			return at, refusedf("epoch for %s, who is no member of group %s", m.Account, id)
		}
	}
	w := chat.Writing{Group: id, Heads: heads, Author: r.Opener, Kind: chat.KindGroup, Time: r.Time, Heard: a.heard()}
	if standing, err := (groupCourt{tx, c}).standing(w); err != nil || standing != chat.StandingGood {
		return at, cmp.Or(err, refusedf("epoch by %s, who is no member of group %s any more", r.Opener, id))
	}
	return at, nil
}

// admitDevices wants each device of an epoch bound in its account's certificate.
func (t *taken) admitDevices(ctx context.Context, a *secureArrival, r *secure.Record) error {
	for _, m := range r.Members {
		cert, err := finder{t.c}.FindCertificate(ctx, m.Account)
		bound := func(d secure.Device) bool {
			if err != nil {
				return false
			}
			_, ok := cert.Device(d.Signing)
			return ok
		}
		if slices.ContainsFunc(m.Devices, func(d secure.Device) bool { return !bound(d) }) {
			if !a.Fresh {
				a.need = m.Account
				return nil
			}
			return refusedf("epoch with a device that is not of account %s", m.Account)
		}
	}
	return nil
}

// inGroup notes that keys of a group came: nobody is asked for them any more.
func (t *taken) inGroup(tx *history.Tx, r room) error {
	if !r.ofGroup() {
		return nil
	}
	g, err := tx.KnownGroup(r.group)
	if err != nil || g.Accepted.IsZero() {
		return ignoreNotFound(err)
	}
	g.Accepted = time.Time{}
	return tx.PutGroup(g)
}

// usedPrekey destroys a prekey for one wrap, or has it destroyed soon. (spec/secure.md,
// SEC-1 and SEC-13)
func (c *Client) usedPrekey(tx *history.Tx, k *history.Prekey, name secure.Hash) error {
	switch {
	case k == nil:
	case k.Use == secure.UseOnce:
		return tx.DropPrekey(name)
	case k.Use == secure.UseChat:
		return tx.UsePrekey(name, c.cfg.now())
	}
	return nil
}

func (t *taken) storeBook(tx *history.Tx, b *secureBook) error {
	spent, err := b.store(tx, t.c.signingTime())
	t.spent = t.spent || spent
	t.sealing = true // an epoch may be what somebody waits for
	return err
}

// openWaiting opens messages by the accounts of an epoch that waited for it.
func (t *taken) openWaiting(ctx context.Context, tx *history.Tx, r *secure.Record) error {
	for _, m := range r.Members {
		list, err := tx.WaitingMessages(m.Account)
		if err != nil {
			return err
		}
		if _, err := t.tryAgain(ctx, tx, list); err != nil {
			return err
		}
	}
	return nil
}

// tryAgain opens payloads that waited, as far as that can be done now, and returns how
// many do not wait any more.
func (t *taken) tryAgain(ctx context.Context, tx *history.Tx, list []history.SecureWaiting) (done int, err error) {
	for _, w := range list {
		a := &secureArrival{Arrival: &chat.Arrival{ID: w.ID, Payload: w.Payload, Now: t.c.cfg.now(), Received: w.Received, Fresh: true}, sender: w.Account}
		try := t.openSecure
		if w.Kind != secure.PayloadMessage {
			try = t.openEpoch
		}
		opened, err := try(ctx, tx, a)
		if err != nil && !errors.Is(err, errRefused) {
			return done, err
		}
		if opened || err != nil {
			if err := tx.DropWaiting(w.Position); err != nil {
				return done, err
			}
			done++
		}
	}
	return done, nil
}

// What is tried again at once, of each kind, when operations of a group came.
// (spec/secure.md, SEC-27)
const (
	maxRoomTurn  = 256  // read at a time
	maxRoomTries = 1024 // in all
)

// openRoom opens what waited for operations of a group: first epochs, then messages.
func (t *taken) openRoom(ctx context.Context, tx *history.Tx, id omega.ChatID) error {
	for _, kind := range []byte{secure.PayloadRecord, secure.PayloadWrap, secure.PayloadMessage} {
		if err := t.openRoomOf(ctx, tx, id, kind); err != nil {
			return err
		}
	}
	return nil
}

// openRoomOf opens what waited of one kind, as long as some of it opens.
func (t *taken) openRoomOf(ctx context.Context, tx *history.Tx, id omega.ChatID, kind byte) error {
	for tried := 0; tried < maxRoomTries; {
		list, err := tx.WaitingRoom(id, kind, maxRoomTurn)
		if err != nil {
			return err
		}
		done, err := t.tryAgain(ctx, tx, list)
		if err != nil || done == 0 || len(list) < maxRoomTurn {
			return err
		}
		tried += len(list)
	}
	return nil
}

// openSecure opens a message with an epoch of the chat with its sender, or of any
// other; false: it waits.
func (t *taken) openSecure(ctx context.Context, tx *history.Tx, a *secureArrival) (bool, error) {
	if seen, err := tx.SeenSecure(a.Payload); err != nil || seen {
		return seen, err
	}
	chats, err := tx.SecureChats()
	if err != nil {
		return false, err
	}
	slices.SortStableFunc(chats, func(x, y history.SecureChat) int { return first(y.Peer == a.sender) - first(x.Peer == a.sender) })
	for i := range chats {
		opened, err := t.readIn(ctx, tx, roomOf(&chats[i]), a)
		if opened || err != nil || !a.need.IsZero() {
			return opened, err
		}
		if a.room != (omega.ChatID{}) {
			break
		}
	}
	return false, t.wait(tx, a, secure.Locator{}, false)
}

func first(yes bool) int {
	if yes {
		return 1
	}
	return 0
}

// readIn opens a message in one chat; false: it is of none of its epochs, or rests on
// what is not here.
func (t *taken) readIn(ctx context.Context, tx *history.Tx, r room, a *secureArrival) (bool, error) {
	b, m, e, err := t.readWith(ctx, tx, r, a)
	if err == nil && m != nil && r.ofGroup() {
		var took bool
		if took, err = t.takeRoomNews(ctx, tx, r, m, a); took && err == nil { // epochs may have come by it
			b, m, e, err = t.readWith(ctx, tx, r, a)
		}
	}
	switch {
	case errors.Is(err, secure.ErrUnsealed):
		return false, nil
	case !a.need.IsZero():
		return false, nil
	case errors.Is(err, secure.ErrUsed):
		return true, nil // it was here
	case err != nil:
		return false, err
	}
	if err := t.secureMessage(ctx, tx, b, e, m, a); err != nil || a.room != (omega.ChatID{}) {
		return false, err
	}
	t.missing = t.missing || len(e.Gaps(t.c.acc.Device)) > 0
	if err := tx.SawSecure(a.Payload, a.heard()); err != nil {
		return false, err
	}
	return true, t.storeBook(tx, b)
}

func (t *taken) readWith(ctx context.Context, tx *history.Tx, r room, a *secureArrival) (*secureBook, *secure.Message, *secure.Epoch, error) {
	b, err := t.c.secureBookOf(tx, r)
	if err != nil {
		return nil, nil, nil, err
	}
	m, e, err := b.Read(a.sender, a.Payload, a.ID, func(account, device omega.Fingerprint) *pgp.PublicKey { return t.key(ctx, a, account, device) })
	t.c.tried.epochs.Add(int64(b.Tries))
	if err != nil && a.need.IsZero() && !errors.Is(err, secure.ErrUnsealed) && !errors.Is(err, secure.ErrUsed) {
		err = refusedf("%w", err)
	}
	return b, m, e, err
}
