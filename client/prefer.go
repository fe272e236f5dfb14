package client

import (
	"context"
	"time"

	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/history"
	"github.com/omega-im/omega/transport"
)

// settingServer is where the server of choice is kept, once the owner of the account
// chose another one on this device than the one that it began at.
const settingServer = "server"

// preferTimeout is how long a server that is to be the one of choice has to answer.
const preferTimeout = 10 * time.Second

// choice is the address of the server of choice, as its owner wrote it.
func (c *Client) choice() string {
	if s := c.server.Load(); s != nil {
		return *s
	}
	return c.acc.Server
}

// loadChoice reads which server was chosen.
func (c *Client) loadChoice(ctx context.Context) error {
	return c.db.View(ctx, func(tx *history.Tx) error {
		b, err := tx.Setting(settingServer)
		if err == nil && len(b) > 0 {
			s := string(b)
			c.server.Store(&s)
		}
		return err
	})
}

// preferServer answers clientrpc.PreferServer: a server that takes this device becomes the
// one of choice, and the session moves there. Where it is not to be had others are used
// meanwhile, as ever. (spec/delivery.md, DELIV-20)
func (c *Client) preferServer(ctx context.Context, p clientrpc.PreferServerParams) (clientrpc.None, error) {
	doing := doingConnect(p.Server)
	addr, err := transport.ParseAddress(p.Server)
	if err != nil {
		return clientrpc.None{}, explain(doing, &addressError{p.Server, err})
	}
	ctx, cancel := context.WithTimeout(ctx, preferTimeout)
	defer cancel()
	d, err := c.dial(ctx, candidate{addr, p.Server})
	if err != nil {
		return clientrpc.None{}, explain(doing, err)
	}
	d.conn.Close() // the session dials for itself, when it is ready to move
	err = c.db.Update(ctx, func(tx *history.Tx) error { return tx.SetSetting(settingServer, []byte(p.Server)) })
	if err != nil {
		return clientrpc.None{}, err
	}
	c.server.Store(&p.Server)
	c.chosenNow.notify()
	c.again.notify()
	return clientrpc.None{}, nil
}
