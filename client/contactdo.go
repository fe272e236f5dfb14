package client

import (
	"context"
	"errors"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/history"
	"github.com/omega-im/omega/internal/i18n"
	"github.com/omega-im/omega/internal/names"
	"github.com/omega-im/omega/pgp"
)

// handleContacts adds the methods about other people.
func handleContacts(m map[string]call) {
	handle(m, clientrpc.Contacts, "doing.contacts", (*Client).contacts)
	handle(m, clientrpc.ShowContact, "doing.contacts", (*Client).contact)
	handle(m, clientrpc.AddContact, "doing.contactadd", (*Client).addContact)
	handle(m, clientrpc.NameContact, "doing.contactname", (*Client).nameContact)
	handle(m, clientrpc.RemoveContact, "doing.contactremove", (*Client).removeContact)
	handle(m, clientrpc.DeclineContact, "doing.contactdecline", (*Client).declineContact)
	handle(m, clientrpc.BlockContact, "doing.contactblock", (*Client).blockContact)
	handle(m, clientrpc.ReportContact, "doing.contactreport", (*Client).reportContact)
	handle(m, clientrpc.VerifyContact, "doing.contactverify", (*Client).verifyContact)
	handle(m, clientrpc.CertifyContact, "doing.contactcertify", (*Client).certifyContact)
	handle(m, clientrpc.UncertifyContact, "doing.contactuncertify", (*Client).uncertifyContact)
	handle(m, clientrpc.SucceedContact, "doing.contactsucceed", (*Client).confirmSuccession)
	handle(m, clientrpc.Inherit, "doing.inherit", (*Client).inherit)
	handle(m, clientrpc.Succeed, "doing.succeed", (*Client).succeed)
	handle(m, clientrpc.Card, "doing.account", (*Client).card)
}

// contact shows one account.
func (c *Client) contact(ctx context.Context, p clientrpc.ContactRef) (*clientrpc.Contact, error) {
	fp, err := c.contactRef(ctx, i18n.T("doing.contacts"), p.Account)
	if err != nil {
		return nil, err
	}
	return c.contactNow(ctx, fp)
}

// contactNow is an account as it stands.
func (c *Client) contactNow(ctx context.Context, fp omega.Fingerprint) (out *clientrpc.Contact, err error) {
	err = c.db.View(ctx, func(tx *history.Tx) error {
		r, err := tx.Relation(fp)
		if err == nil {
			out, err = c.showWhole(tx, r)
		}
		return err
	})
	return out, err
}

// contactSetting makes one of what is thought of an account.
func contactSetting(fp omega.Fingerprint, name string, value ...byte) chat.Setting {
	return chat.Setting{Name: name, Subject: fp.Wire(), Value: value}
}

// setContact changes what is thought of an account that somebody names, and shows it then.
func (c *Client) setContact(ctx context.Context, doing i18n.Text, who string, list func(fp omega.Fingerprint) []chat.Setting) (*clientrpc.Contact, error) {
	fp, err := c.contactRef(ctx, doing, who)
	if err != nil {
		return nil, err
	}
	if err := c.change(ctx, list(fp)...); err != nil {
		return nil, err
	}
	return c.contactNow(ctx, fp)
}

// addContact makes a contact of an account, which must exist.
func (c *Client) addContact(ctx context.Context, p clientrpc.AddContactParams) (*clientrpc.Contact, error) {
	doing := i18n.T("doing.contactadd")
	fp, err := c.contactRef(ctx, doing, p.Account)
	if err != nil {
		return nil, err
	}
	if err := checkPetname(doing, p.Petname); err != nil {
		return nil, err
	}
	if err := c.exists(ctx, doing, fp); err != nil {
		return nil, err
	}
	err = c.db.Update(ctx, func(tx *history.Tx) error {
		r, err := tx.Relation(fp)
		switch {
		case err != nil:
			return err
		case r.Blocked:
			return explain(doing, errBlocked)
		}
		var list []chat.Setting
		if r.Contact != chat.Contact {
			list = append(list, contactSetting(fp, chat.SettingContact, chat.Contact))
		}
		if p.Petname != "" && p.Petname != r.Petname {
			list = append(list, contactSetting(fp, chat.SettingPetname, []byte(p.Petname)...))
		}
		if err := c.changeIn(ctx, tx, list); err != nil || r.Contact == chat.Contact {
			return err
		}
		return errors.Join(c.tellToken(ctx, tx, fp), c.vouch(ctx, tx, fp), c.askHeir(tx, fp))
	})
	if err != nil {
		return nil, err
	}
	c.queued.notify()
	c.changed.notify()
	return c.contactNow(ctx, fp)
}

// exists looks an account up where nothing is known of it. What is stored will do
// where nobody can be asked.
func (c *Client) exists(ctx context.Context, doing i18n.Text, fp omega.Fingerprint) error {
	stored, err := c.storedPeer(ctx, fp)
	if err != nil {
		return err
	}
	wait, cancel := context.WithTimeout(ctx, unknownWait)
	defer cancel()
	if stored == nil {
		c.waitOnline(wait)
	}
	_, _, err = c.peer(ctx, fp, peerAge)
	switch {
	case err == nil, stored != nil && !errors.Is(err, errPeerDeleted):
		return nil
	case isCode(err, omega.CodeNotFound):
		return fail(clientrpc.CodeNotFound, doing, i18n.T("why.unknown", fp), i18n.T("next.fingerprint"), nil)
	}
	return err
}

func checkPetname(doing i18n.Text, name string) error {
	if name != chat.SanitizeName(name) || name != "" && names.Blank(name) {
		return fail(clientrpc.CodeUsage, doing, i18n.T("why.petname", chat.MaxName), i18n.T("next.shorten"), nil)
	}
	return nil
}

func (c *Client) nameContact(ctx context.Context, p clientrpc.NameContactParams) (*clientrpc.Contact, error) {
	doing := i18n.T("doing.contactname")
	if err := checkPetname(doing, p.Petname); err != nil {
		return nil, err
	}
	return c.setContact(ctx, doing, p.Account, func(fp omega.Fingerprint) []chat.Setting {
		return []chat.Setting{contactSetting(fp, chat.SettingPetname, []byte(p.Petname)...)}
	})
}

// removeContact forgets what is thought of an account, but that it is blocked. Chats
// stay.
func (c *Client) removeContact(ctx context.Context, p clientrpc.ContactRef) (*clientrpc.Contact, error) {
	return c.setContact(ctx, i18n.T("doing.contactremove"), p.Account, func(fp omega.Fingerprint) []chat.Setting {
		return []chat.Setting{contactSetting(fp, chat.SettingContact), contactSetting(fp, chat.SettingPetname), contactSetting(fp, chat.SettingVerified)}
	})
}

func (c *Client) declineContact(ctx context.Context, p clientrpc.ContactRef) (*clientrpc.Contact, error) {
	return c.setContact(ctx, i18n.T("doing.contactdecline"), p.Account, func(fp omega.Fingerprint) []chat.Setting {
		return []chat.Setting{contactSetting(fp, chat.SettingContact, chat.Declined)}
	})
}

func (c *Client) blockContact(ctx context.Context, p clientrpc.BlockContactParams) (*clientrpc.Contact, error) {
	return c.setContact(ctx, i18n.T("doing.contactblock"), p.Account, func(fp omega.Fingerprint) []chat.Setting {
		if p.Off {
			return []chat.Setting{contactSetting(fp, chat.SettingBlocked)}
		}
		return []chat.Setting{contactSetting(fp, chat.SettingBlocked, 1)}
	})
}

// reportContact blocks an account and writes down what it sent, so that others can
// verify it.
func (c *Client) reportContact(ctx context.Context, p clientrpc.ReportParams) (*clientrpc.ReportResult, error) {
	doing := i18n.T("doing.contactreport")
	fp, err := c.contactRef(ctx, doing, p.Account)
	if err != nil {
		return nil, err
	}
	out := &clientrpc.ReportResult{Dir: p.Dir}
	if p.Dir != "" {
		written, err := c.export(ctx, clientrpc.ExportParams{Chat: fp.String(), Dir: p.Dir})
		if err != nil {
			return nil, err
		}
		out.Messages = written.Messages
	}
	if err := c.change(ctx, contactSetting(fp, chat.SettingBlocked, 1)); err != nil {
		return nil, err
	}
	out.Contact, err = c.contactNow(ctx, fp)
	return out, err
}

// card is what others add and verify this account by.
func (c *Client) card(ctx context.Context, _ clientrpc.None) (*clientrpc.CardResult, error) {
	out := &clientrpc.CardResult{Account: c.acc.Fingerprint, Link: contactLink(c.acc.Fingerprint)}
	err := c.db.View(ctx, func(tx *history.Tx) (err error) {
		if out.Name, err = c.ownName(tx); err != nil {
			return err
		}
		list, err := tx.Certifications(c.acc.Fingerprint)
		for _, k := range list[:min(len(list), clientrpc.PageMax)] { // that were verified when they came
			if err != nil {
				return err
			}
			if claim, err := pgp.ReadClaim(k.Packet); err != nil || claim.Withdrawn {
				continue
			}
			var name string
			name, err = c.nameOf(tx, k.Issuer)
			out.Certified = append(out.Certified, clientrpc.NamedAccount{Account: k.Issuer, Name: name})
		}
		return err
	})
	return out, err
}

// personal reports whether a message is from one person to another: such are not
// exchanged with a blocked account.
func personal(k chat.Kind) bool {
	return !k.Control() && k != chat.KindGroupInvite && k != chat.KindGroupRefused
}

// mayWrite refuses what is for an account that is blocked, or that goes on as another.
func (c *Client) mayWrite(tx *history.Tx, to omega.Fingerprint, k chat.Kind) error {
	if to == c.acc.Fingerprint || !personal(k) {
		return nil
	}
	r, err := tx.Relation(to)
	switch {
	case err != nil:
		return err
	case r.Blocked:
		return errBlocked
	}
	next, err := successor(tx, to)
	if err != nil || next.IsZero() {
		return err
	}
	taken, err := agreed(tx, to)
	if err != nil {
		return err
	}
	return &succeededError{to, next, taken == next}
}

// unwritable reports whether an error says that an account is not to be written to.
func unwritable(err error) bool {
	var s *succeededError
	return errors.Is(err, errBlocked) || errors.As(err, &s)
}

// notBlocked refuses what a person wants to send to a blocked account.
func (c *Client) notBlocked(ctx context.Context, doing i18n.Text, to omega.Fingerprint) error {
	if to.IsZero() {
		return nil
	}
	err := c.db.View(context.WithoutCancel(ctx), func(tx *history.Tx) error { return c.mayWrite(tx, to, chat.KindText) })
	return explain(doing, err)
}

// befriend makes a contact of whom this account writes to. (CHAT-46)
func (c *Client) befriend(ctx context.Context, tx *history.Tx, to omega.Fingerprint, k chat.Kind) error {
	if to == c.acc.Fingerprint || !personal(k) || k.Operation() {
		return nil
	}
	r, err := tx.Relation(to)
	if err != nil || r.Contact == chat.Contact {
		return err
	}
	if err := c.changeIn(ctx, tx, []chat.Setting{contactSetting(to, chat.SettingContact, chat.Contact)}); err != nil {
		return err
	}
	return c.vouch(ctx, tx, to)
}

// A reception is what becomes of a message of another account by what is thought of it.
type reception struct{ dropped, quiet bool }

// reception judges a message that came in a direct chat. (CHAT-46)
func (c *Client) reception(tx *history.Tx, m *chat.Message) (w reception, err error) {
	if m.Peer.IsZero() || m.From == c.acc.Fingerprint || m.Content.Kind.Control() {
		return w, nil
	}
	r, err := tx.Relation(m.From)
	return reception{dropped: err == nil && r.Blocked, quiet: err == nil && r.Contact == chat.Declined}, err
}
