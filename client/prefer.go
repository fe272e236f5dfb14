package client

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/history"
	"github.com/omega-im/omega/transport"
)

// What the owner of the account chose on this device after it began. The server of choice
// may be one of a list, which is as others announced it; the one that was named is as its
// owner gave it, and stays known as such when one of a list is chosen. (spec/delivery.md,
// DELIV-32)
const (
	settingServer       = "server"
	settingOwnersServer = "server-named"
)

// preferTimeout is how long a server that is to be the one of choice has to answer.
const preferTimeout = 10 * time.Second

// choice is the address of the server of choice, as its owner wrote it.
func (c *Client) choice() string {
	if s := c.server.Load(); s != nil {
		return *s
	}
	return c.acc.Server
}

// named is the address of a server that was given last by the owner of the account, and not
// by a list: where the account was made counts as that.
func (c *Client) named() string {
	if s := c.serverNamed.Load(); s != nil {
		return *s
	}
	return c.acc.Server
}

// isNamed reports whether the owner of the account gave an address: it is dialled as it is
// written, wherever it leads. (spec/delivery.md, DELIV-32)
func (c *Client) isNamed(text string) bool { return text == c.named() || text == c.acc.Server }

// loadChoice reads which servers were chosen.
func (c *Client) loadChoice(ctx context.Context) error {
	return c.db.View(ctx, func(tx *history.Tx) error {
		for name, to := range map[string]*atomic.Pointer[string]{settingServer: &c.server, settingOwnersServer: &c.serverNamed} {
			b, err := tx.Setting(name)
			if err != nil {
				return err
			}
			if s := string(b); s != "" {
				to.Store(&s)
			}
		}
		return nil
	})
}

// preferServer answers clientrpc.PreferServer: a server that takes this device becomes the
// one of choice, and the session moves there. Where it is not to be had others are used
// meanwhile, as ever. (spec/delivery.md, DELIV-20, DELIV-32)
func (c *Client) preferServer(ctx context.Context, p clientrpc.PreferServerParams) (clientrpc.None, error) {
	doing := doingConnect(p.Server)
	addr, err := transport.ParseAddress(p.Server)
	if err != nil {
		return clientrpc.None{}, explain(doing, &addressError{p.Server, err})
	}
	dialing, cancel := context.WithTimeout(ctx, preferTimeout)
	defer cancel()
	d, err := c.dialAs(dialing, candidate{addr, p.Server}, !p.Listed || c.isNamed(p.Server))
	if err != nil {
		return clientrpc.None{}, explain(doing, err)
	}
	d.conn.Close() // the session dials for itself, when it is ready to move
	err = c.db.Update(ctx, func(tx *history.Tx) error {
		if err := tx.SetSetting(settingServer, []byte(p.Server)); err != nil || p.Listed {
			return err
		}
		return tx.SetSetting(settingOwnersServer, []byte(p.Server))
	})
	if err != nil {
		return clientrpc.None{}, err
	}
	if !p.Listed {
		c.serverNamed.Store(&p.Server)
	}
	c.server.Store(&p.Server)
	c.chosenNow.notify()
	c.again.notify()
	return clientrpc.None{}, nil
}
