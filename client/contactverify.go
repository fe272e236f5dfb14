package client

import (
	"context"
	"errors"
	"slices"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/history"
	"github.com/omega-im/omega/internal/i18n"
)

// verifyContact notes that the owner of an account was met, or heard, and showed its
// key: with the devices that it has now. Whom one verifies is a contact. (CHAT-49)
func (c *Client) verifyContact(ctx context.Context, p clientrpc.VerifyParams) (*clientrpc.Contact, error) {
	doing := i18n.T("doing.contactverify")
	fp, err := c.contactRef(ctx, doing, p.Account)
	if err != nil {
		return nil, err
	}
	if p.Off {
		if err := c.change(ctx, contactSetting(fp, chat.SettingVerified)); err != nil {
			return nil, err
		}
		return c.contactNow(ctx, fp)
	}
	if err := c.checkProof(doing, fp, p); err != nil {
		return nil, err
	}
	if err := c.exists(ctx, doing, fp); err != nil {
		return nil, err
	}
	err = c.db.Update(ctx, func(tx *history.Tx) error { return c.verifiedIn(ctx, tx, doing, fp) })
	if err != nil {
		return nil, err
	}
	c.queued.notify()
	c.changed.notify()
	return c.contactNow(ctx, fp)
}

// checkProof holds what was compared or scanned to the account's key.
func (c *Client) checkProof(doing i18n.Text, fp omega.Fingerprint, p clientrpc.VerifyParams) error {
	switch {
	case p.Scan != "":
		seen, ok := parseContact(p.Scan)
		switch {
		case !ok:
			return fail(clientrpc.CodeUsage, doing, i18n.T("why.scan"), i18n.T("next.scan"), nil)
		case seen != fp:
			return fail(clientrpc.CodeVerify, doing, i18n.T("why.scanother", seen), i18n.T("next.notverified"), nil)
		}
	case p.Number == "":
		return fail(clientrpc.CodeUsage, doing, i18n.T("why.noproof"), i18n.T("next.compare"), nil)
	case !chat.SameSafetyNumber(p.Number, chat.SafetyNumber(c.acc.Fingerprint, fp)):
		return fail(clientrpc.CodeVerify, doing, i18n.T("why.safety"), i18n.T("next.notverified"), nil)
	}
	return nil
}

// verifiedIn keeps the devices of an account as those that it had when it was verified.
func (c *Client) verifiedIn(ctx context.Context, tx *history.Tx, doing i18n.Text, fp omega.Fingerprint) error {
	r, err := tx.Relation(fp)
	if err != nil {
		return err
	}
	if r.Blocked {
		return explain(doing, errBlocked)
	}
	peer, err := tx.Peer(fp)
	if err != nil {
		return err
	}
	if !peer.Deleted.IsZero() {
		return errPeerDeleted
	}
	cert, err := c.parsePeer(peer)
	if err != nil {
		return err
	}
	if err := cert.Check(c.cfg.now()); err != nil {
		return fail(clientrpc.CodeKey, doing, i18n.T("why.peerkey", fp), i18n.T("next.peerkey"), err)
	}
	var devices []omega.Fingerprint
	for _, d := range cert.Active(c.cfg.now()) {
		devices = append(devices, d.Signing.Fingerprint())
	}
	if len(devices) == 0 {
		return fail(clientrpc.CodeKey, doing, i18n.T("why.nodevices", fp), i18n.T("next.retry"), errors.New("no active device"))
	}
	slices.SortFunc(devices, omega.Fingerprint.Compare)
	var value []byte
	for _, d := range devices {
		value = d.AppendTo(value)
	}
	list := []chat.Setting{contactSetting(fp, chat.SettingVerified, value...)}
	if r.Contact != chat.Contact {
		list = append(list, contactSetting(fp, chat.SettingContact, chat.Contact))
	}
	if err := c.changeIn(ctx, tx, list); err != nil || r.Contact == chat.Contact {
		return err
	}
	return c.vouch(ctx, tx, fp)
}
