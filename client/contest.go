package client

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/history"
	"github.com/omega-im/omega/internal/i18n"
	"github.com/omega-im/omega/pgp"
	"github.com/omega-im/omega/wire"
)

// errLaterDevice says that this device has no say about those that removed others.
var errLaterDevice = errors.New("this device was linked after the one that removed others")

// contest takes back what devices of this account removed, all or one of them, and takes
// these devices out: by the primary key where it is at hand, which says that they are in
// wrong hands, else in this device's name, if it was linked before them and not more than
// 72 hours ago was removed itself. (spec/keys.md, KEYS-37, KEYS-39)
func (c *Client) contest(ctx context.Context, p clientrpc.ContestParams) (clientrpc.DevicesResult, error) {
	doing := i18n.T("doing.contest")
	c.lookAtDevices(ctx)
	open, err := c.openRemovals(ctx)
	if err != nil {
		return clientrpc.DevicesResult{}, err
	}
	against := c.removers(p.Device, open)
	switch {
	case len(against) == 0 && p.Device.IsZero():
		return clientrpc.DevicesResult{}, fail(clientrpc.CodeNotFound, doing, i18n.T("why.nocontest"), i18n.T("next.nocontest"), nil)
	case len(against) == 0:
		return clientrpc.DevicesResult{}, fail(clientrpc.CodeNotFound, doing, i18n.T("why.removednone"), i18n.T("next.devices"), nil)
	case len(against) > 1: // one of them may have been right
		return clientrpc.DevicesResult{}, fail(clientrpc.CodeUsage, doing, i18n.T("why.contestwhich", c.devicesInWords(against)), i18n.T("next.contestwhich"), nil)
	}
	cert, told, err := c.contested(ctx, against, open)
	switch {
	case errors.Is(err, errLaterDevice):
		return clientrpc.DevicesResult{}, fail(clientrpc.CodeRefused, doing, i18n.T("why.laterdevice"), i18n.T("next.primarycontest"), nil)
	case err != nil:
		return clientrpc.DevicesResult{}, err
	}
	if err := c.tellContest(ctx, cert, told); err != nil {
		if isCode(err, omega.CodeRefused) {
			return clientrpc.DevicesResult{}, fail(clientrpc.CodeRefused, doing, i18n.T("why.contestlate"), i18n.T("next.primarycontest"), err)
		}
		return clientrpc.DevicesResult{}, err
	}
	if err := c.takeOwn(ctx, wire.Entry{Certificate: cert.Bytes()}); err != nil {
		return clientrpc.DevicesResult{}, err
	}
	for _, fp := range against {
		if err := c.knowDevice(ctx, fp); err != nil {
			return clientrpc.DevicesResult{}, err
		}
	}
	c.again.notify()
	return c.devices(ctx, clientrpc.None{})
}

// lookAtDevices brings here what servers know of the own devices, if they answer.
func (c *Client) lookAtDevices(ctx context.Context) {
	s, err := c.online()
	if err == nil {
		err = c.fetchOwn(ctx, s)
	}
	if err == nil {
		return
	}
	for _, e := range c.askOthers(ctx, c.acc.Fingerprint, omega.Fingerprint{}) {
		if err := c.takeOwn(ctx, e); err != nil {
			c.cfg.log().Info("own entry not taken", "err", err)
		}
	}
}

// removers lists the devices that removed others so that it stands, and are not out by
// the primary key's word: only one, whenever it was, or those that did it within the time
// for contesting.
func (c *Client) removers(only omega.Fingerprint, open []pgp.Word) (out []omega.Fingerprint) {
	list := open
	if !only.IsZero() {
		list = slices.DeleteFunc(c.certificate().Removals(), func(w pgp.Word) bool { return w.By != only })
	}
	for _, w := range list {
		if contestable(c.certificate(), w, c.acc.Device) && !slices.Contains(out, w.By) {
			out = append(out, w.By)
		}
	}
	return out
}

// contestable reports whether a removal stands that another device than this one said,
// which is not out by the primary key's word.
func contestable(cert *pgp.Certificate, w pgp.Word, this omega.Fingerprint) bool {
	d, _ := cert.Device(w.By)
	return w.State == pgp.WordStands && w.By != this && (!d.Revoked || d.Removed)
}

// removedBy lists the devices that one of the account removed so that it can be
// contested. (spec/keys.md, KEYS-43)
func removedBy(cert *pgp.Certificate, d pgp.Device, this omega.Fingerprint) (out []omega.Fingerprint) {
	for _, w := range cert.Removals() {
		if w.By == d.Signing.Fingerprint() && contestable(cert, w, this) && !slices.Contains(out, w.About) {
			out = append(out, w.About)
		}
	}
	return out
}

// openRemovals are the removals of own devices that can be contested, as far as this
// device knows when they came.
func (c *Client) openRemovals(ctx context.Context) (out []pgp.Word, err error) {
	now := c.cfg.now()
	err = c.db.View(ctx, func(tx *history.Tx) error {
		out = nil
		for _, w := range c.certificate().Removals() {
			at, err := learned(tx, c.acc.Fingerprint, w, now)
			if err != nil {
				return err
			}
			if now.Before(at.Add(pgp.ContestTime)) {
				out = append(out, w)
			}
		}
		return nil
	})
	return out, err
}

// contested returns the own certificate with what these devices removed taken back, and
// those of them about which something new is said.
func (c *Client) contested(ctx context.Context, against []omega.Fingerprint, open []pgp.Word) (cert *pgp.Certificate, told []omega.Fingerprint, err error) {
	cert = c.certificate()
	primary, noPrimary := c.primary(ctx)
	for _, fp := range against {
		switch {
		case noPrimary == nil:
			cert, err = pgp.RevokeDevice(ctx, primary, cert, fp, pgp.ReasonCompromised, c.signingTime())
		case !cert.Earlier(c.acc.Device, fp):
			continue
		default:
			cert, err = c.contestBy(ctx, cert, fp, open)
		}
		if err != nil {
			return nil, nil, err
		}
		told = append(told, fp)
	}
	if len(told) == 0 {
		return nil, nil, errLaterDevice
	}
	return cert, told, nil
}

// devicesInWords names devices of the account.
func (c *Client) devicesInWords(list []omega.Fingerprint) string {
	var names []string
	for _, fp := range list {
		d, _ := c.certificate().Device(fp)
		names = append(names, fmt.Sprintf("%s (%s)", d.Name, fp))
	}
	return strings.Join(names, ", ")
}

// contestBy takes back, in this device's name, what another one removed within the time
// for it, and removes that one.
func (c *Client) contestBy(ctx context.Context, cert *pgp.Certificate, against omega.Fingerprint, open []pgp.Word) (*pgp.Certificate, error) {
	signer, now := c.identity().Signer, c.signingTime()
	since := now.Add(-pgp.ContestTime)
	for _, w := range open { // whatever time it gives: it came within the time
		if w.By == against && w.At.Before(since) {
			since = w.At
		}
	}
	cert, err := pgp.Contest(ctx, signer, cert, against, since, now)
	if err != nil {
		return nil, err
	}
	block, err := c.keptRevocation(ctx, against)
	if err != nil || block == nil {
		return cert, err // the contest alone has to do
	}
	return pgp.Remove(ctx, signer, cert, against, block, now)
}

// tellContest publishes cert, where this device has a session; else it brings, as a
// guest, what is new about some devices to the homes and other servers. One that takes it
// is enough: it tells the others.
func (c *Client) tellContest(ctx context.Context, cert *pgp.Certificate, about []omega.Fingerprint) error {
	if _, err := c.online(); err == nil && !c.isRevoked() {
		return c.publishCertificate(ctx, cert)
	}
	var errs []error
	for _, to := range c.witnesses(ctx, c.acc.Fingerprint, omega.Fingerprint{}) {
		err := c.guestContest(ctx, to, cert, about)
		if err == nil {
			return nil
		}
		errs = append(errs, fmt.Errorf("tell %s: %w", to.text, err))
	}
	for _, err := range errs { // what a server says of the contest itself says more than silence
		if isCode(err, omega.CodeRefused) {
			return err
		}
	}
	return cmp.Or(errors.Join(errs...), errOffline)
}

func (c *Client) guestContest(ctx context.Context, to candidate, cert *pgp.Certificate, about []omega.Fingerprint) error {
	ctx, cancel := context.WithTimeout(ctx, 2*othersTimeout)
	defer cancel()
	m, err := dialMeeting(ctx, c.cfg, to.text)
	if err != nil {
		return err
	}
	defer m.close()
	for _, fp := range about {
		if err := m.guest.Contest(ctx, c.acc.Fingerprint, cert.Said(c.acc.Device, fp)); err != nil {
			return err
		}
	}
	return nil
}

// disputes returns the removals about which devices of an account disagree, or may: those
// that are contested, or could be, as long as the device that said it is in the list.
func disputes(cert *pgp.Certificate) []pgp.Word {
	return slices.DeleteFunc(cert.Removals(), func(w pgp.Word) bool {
		d, ok := cert.Device(w.By)
		return !ok || d.Revoked || w.State == pgp.WordVoid || w.State == pgp.WordStands && !cert.Earlier(w.About, w.By)
	})
}

// noteDispute notes that devices of an account disagree about who is one, or that this is
// over: for the time in which that can be contested, from when it was said or from when
// this device learned of it, whatever time it gives. before is what was known, nil if
// nothing was. (spec/keys.md, KEYS-40)
func (c *Client) noteDispute(tx *history.Tx, before, cert *pgp.Certificate) error {
	now, account := c.cfg.now(), cert.Fingerprint()
	stands := false
	for _, w := range disputes(cert) {
		since, err := learned(tx, account, w, now)
		if err != nil {
			return err
		}
		fresh := before != nil && !slices.ContainsFunc(before.Removals(), func(o pgp.Word) bool { return o.By == w.By && o.About == w.About && o.At.Equal(w.At) })
		if !fresh && !now.Before(since.Add(pgp.ContestTime)) {
			continue
		}
		stands = true
		if _, err := tx.AddNotice(&history.Notice{Account: account, Kind: history.NoticeDisputed, Sequence: wordKey(w), Time: now}); err != nil {
			return err
		}
	}
	if stands {
		return nil
	}
	if some, err := tx.HasNotices(account); err != nil || !some {
		return err
	}
	return tx.SettleNotices(account, history.NoticeDisputed, math.MaxInt64, now)
}

// maxDisputes is how many notices of disputes are looked at.
const maxDisputes = 256

// wordKey names a removal among the notices of an account. Those of before were named by
// its second, which is below 2^62, and told two of one second from each other no more.
func wordKey(w pgp.Word) uint64 {
	sum := sha256.Sum256(binary.BigEndian.AppendUint64(w.About.AppendTo(w.By.Wire()), uint64(w.At.Unix())))
	return binary.BigEndian.Uint64(sum[:])>>2 | 1<<62
}

// learned is when a removal was made, or when this device learned of it if it has noted
// that and it is later.
func learned(tx *history.Tx, account omega.Fingerprint, w pgp.Word, now time.Time) (time.Time, error) {
	list, err := tx.NoticesOf(account, now.Add(-pgp.ContestTime), now.Add(time.Second), maxDisputes)
	at := w.At
	for _, n := range list {
		if n.Kind == history.NoticeDisputed && (n.Sequence == wordKey(w) || n.Sequence == uint64(w.At.Unix())) && n.Time.After(at) {
			at = n.Time
		}
	}
	return at, err
}
