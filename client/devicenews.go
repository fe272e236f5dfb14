package client

import (
	"cmp"
	"context"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/history"
	"github.com/omega-im/omega/internal/names"
	"github.com/omega-im/omega/pgp"
)

// maxNews bounds one answer.
const maxNews = 200

// noteDevices puts a line into the chat with an account for each device that it
// has now and had not, and for each that was revoked since. Nobody is told of the
// devices that an account had when it was met first, nor of accounts without a
// direct chat that people see. (spec/chat.md, CHAT-42)
func (c *Client) noteDevices(tx *history.Tx, before, after *pgp.Certificate) error {
	account := after.Fingerprint()
	id := omega.DirectChat(c.acc.Fingerprint, account)
	if account != c.acc.Fingerprint {
		if seen, err := c.isSeen(tx, id); err != nil || !seen {
			return err
		}
	}
	now := c.cfg.now()
	for _, d := range after.Devices() {
		old, known := before.Device(d.Signing.Fingerprint())
		line := history.Service{
			Chat: id, Peer: account, Account: account, Device: d.Signing.Fingerprint(), Text: names.Shown(d.Name), Noted: now,
			Seen: d.Signing.Fingerprint() == c.acc.Device || c.isApproving(d.Signing.Fingerprint()), // it knows about itself, and what it does
		}
		if !known {
			line.Kind, line.Time = history.ServiceDeviceAdded, d.Added
			if err := tx.PutService(&line); err != nil {
				return err
			}
		}
		if known && old.Revoked && !d.Revoked {
			line.Kind, line.Time = history.ServiceDeviceBack, now
			if err := tx.PutService(&line); err != nil {
				return err
			}
		}
		if !d.Revoked || known && old.Revoked {
			continue
		}
		if err := tx.SeeServicesOf(account, line.Device); err != nil { // whose device it was is no question any more
			return err
		}
		if line.Kind, line.Time = history.ServiceDeviceRevoked, d.RevokedAt; line.Time.IsZero() {
			line.Time = now
		}
		if err := tx.PutService(&line); err != nil {
			return err
		}
	}
	return nil
}

// beginApproving notes that the person at this device lets one in: no line about it is
// news here, however soon it comes. The caller ends that.
func (c *Client) beginApproving(device omega.Fingerprint) (end func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.approving[device] = true
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.approving, device)
	}
}

func (c *Client) isApproving(device omega.Fingerprint) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.approving[device]
}

// knowDevice notes that the person at this device did it.
func (c *Client) knowDevice(ctx context.Context, device omega.Fingerprint) error {
	err := c.db.Update(context.WithoutCancel(ctx), func(tx *history.Tx) error { return tx.SeeServicesOf(c.acc.Fingerprint, device) })
	c.changed.notify()
	return err
}

// ownDevice finds a device of this account; one that is not known here may have been
// added by another one just now.
func (c *Client) ownDevice(ctx context.Context, fp omega.Fingerprint) (pgp.Device, bool) {
	if d, ok := c.certificate().Device(fp); ok {
		return d, true
	}
	wait, cancel := context.WithTimeout(ctx, unknownWait)
	defer cancel()
	if s, err := c.waitOnline(wait); err == nil {
		if err := c.fetchOwn(ctx, s); err != nil {
			c.cfg.log().Info("own entry not fetched", "err", err)
		}
	}
	return c.certificate().Device(fp)
}

// deviceNews answers clientrpc.DeviceNews.
func (c *Client) deviceNews(ctx context.Context, p clientrpc.DeviceNewsParams) (clientrpc.DeviceNewsResult, error) {
	var deadline <-chan time.Time
	if p.Timeout > 0 {
		deadline = time.After(p.Timeout)
	}
	for {
		changed := c.changed.wait()
		list, err := c.unseenNews(ctx, p.After)
		if err != nil || len(list) > 0 || p.Timeout <= 0 {
			return clientrpc.DeviceNewsResult{News: list}, err
		}
		select {
		case <-changed:
		case <-deadline:
			return clientrpc.DeviceNewsResult{News: list}, nil
		case <-ctx.Done():
			return clientrpc.DeviceNewsResult{}, context.Cause(ctx)
		}
	}
}

func (c *Client) unseenNews(ctx context.Context, after int64) (out []clientrpc.DeviceNews, err error) {
	out = []clientrpc.DeviceNews{}
	err = c.db.View(ctx, func(tx *history.Tx) error {
		names, err := deviceNames(tx)
		if err != nil {
			return err
		}
		list, err := tx.Services(after, maxNews)
		for _, s := range list {
			if err != nil {
				return err
			}
			n := clientrpc.DeviceNews{
				Number: s.Position, Kind: s.Kind, Account: s.Account, Own: s.Account == c.acc.Fingerprint, Device: s.Device, DeviceName: s.Text, Time: s.Time,
			}
			if n.Name, err = c.nameOf(tx, s.Account); err != nil {
				return err
			}
			if n.Kind != clientrpc.DeviceAdded {
				n.By, n.ByName, err = c.removedBy(tx, s.Account, s.Device)
			}
			if n.Own {
				n.DeviceName, n.ByName = cmp.Or(names[n.Device], n.DeviceName), cmp.Or(names[n.By], n.ByName)
			}
			out = append(out, n)
		}
		return err
	})
	return out, err
}

// removedBy is the device that removed another one of an account in its own name, and
// what it is called, as far as the certificate that is known here says it.
func (c *Client) removedBy(tx *history.Tx, account, device omega.Fingerprint) (omega.Fingerprint, string, error) {
	cert := c.certificate()
	if account != c.acc.Fingerprint {
		p, err := tx.Peer(account)
		if err != nil || len(p.Certificate) == 0 {
			return omega.Fingerprint{}, "", ignoreNotFound(err)
		}
		if cert, err = c.parsePeer(p); err != nil {
			return omega.Fingerprint{}, "", err
		}
	}
	w, ok := remover(cert.Removals(), device)
	if !ok {
		return omega.Fingerprint{}, "", nil
	}
	d, _ := cert.Device(w.By)
	return w.By, names.Shown(d.Name), nil
}

// remover finds the word by which a device was removed: of those that stand the first,
// else of those that are contested.
func remover(removals []pgp.Word, device omega.Fingerprint) (w pgp.Word, ok bool) {
	for _, state := range []pgp.WordState{pgp.WordStands, pgp.WordContested} {
		for _, w := range removals {
			if w.About == device && w.State == state {
				return w, true
			}
		}
	}
	return w, false
}

// seenNews answers clientrpc.DeviceNewsSeen.
func (c *Client) seenNews(ctx context.Context, p clientrpc.DeviceNewsSeenParams) (clientrpc.None, error) {
	err := c.db.Update(ctx, func(tx *history.Tx) error {
		for _, fp := range p.Devices {
			if err := tx.SeeServicesOf(c.acc.Fingerprint, fp); err != nil {
				return err
			}
		}
		return tx.SeeServices(p.Numbers)
	})
	c.changed.notify()
	return clientrpc.None{}, err
}
