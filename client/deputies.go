package client

import (
	"context"
	"slices"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/history"
	"github.com/omega-im/omega/keyserver"
	"github.com/omega-im/omega/wire"
)

// While a home is away its mail is with the account's deputies, so this device
// reads there too. While none is, they have nothing that the homes have not, and
// nobody asks them. (spec/delivery.md, DELIV-17)

// noteHome takes down how this device stands with a server, and reports whether
// that is news of a home.
func (c *Client) noteHome(a *wire.Attached) (news bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	before := c.homes[a.Home]
	now := &homeState{attached: a.Code == omega.CodeOK, code: a.Code, incarnation: a.Incarnation}
	c.homes[a.Home] = now
	if news = before == nil && !now.attached || before != nil && before.attached != now.attached; news && !now.attached {
		c.looking = true
	}
	return news
}

// livesAt reports whether a server is a home of the account.
func (c *Client) livesAt(server omega.Fingerprint) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.record != nil && slices.Contains(c.record.Homes, server)
}

// homesAway counts homes that said, or of which the proxy said, that they do not
// serve this device now, and silent ones that have not answered.
func (c *Client) homesAway() (away, silent int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, h := range c.record.Homes {
		switch st := c.homes[h]; {
		case st == nil:
			silent++
		case !st.attached:
			away++
		}
	}
	return away, silent
}

// Times between looks for deputies while a home is away: which servers are there
// settles only some time after one has gone.
const (
	firstDeputyLook = 3 * time.Second
	lastDeputyLook  = 10 * time.Minute
)

// watchHomes waits, follows the account when another device moves it, and asks
// deputies whenever a home has gone away meanwhile.
func (c *Client) watchHomes(ctx context.Context, s *session, wait time.Duration) error {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	for again := firstDeputyLook; ; {
		moved := c.moving.wait()
		c.takeNews(ctx)
		if err := c.follow(ctx, s); err != nil {
			return err
		}
		if err := c.askDeputies(ctx, s); err != nil {
			return err
		}
		var look <-chan time.Time // nil: none is away
		if away, _ := c.homesAway(); away > 0 {
			look = time.After(again)
		} else {
			again = firstDeputyLook
		}
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
			return nil
		case <-moved:
		case <-look:
			again = min(2*again, lastDeputyLook)
			c.learnServers(ctx, s)
		}
	}
}

// askDeputies attaches to the deputies if a home is away and that is not done
// yet. Only a lease that cannot be sent is an error.
func (c *Client) askDeputies(ctx context.Context, s *session) error {
	if away, _ := c.homesAway(); away == 0 {
		c.looked()
		return nil
	}
	defer c.looked()
	offers, err := c.homeOffers(ctx, s)
	if err != nil {
		c.cfg.log().Warn("deputies not asked", "err", err)
		return nil
	}
	changed, err := c.keepDeputies(ctx, c.deputies(ctx, s, offers))
	if err != nil || !changed {
		return err
	}
	return c.attach(ctx, s)
}

// looked notes that the deputies of what is away have been asked.
func (c *Client) looked() {
	c.mu.Lock()
	was := c.looking
	c.looking = false
	c.mu.Unlock()
	if was {
		c.changed.notify()
	}
}

// deputies are those of the account: of the full members that can be reached the
// ones that senders' proxies find too. The proxy's word counts for that; who a
// server is, its announcement proves, and the ranking is done here.
// (spec/delivery.md, DELIV-14, DELIV-19)
func (c *Client) deputies(ctx context.Context, s *session, offers []wire.HomeOffer) []omega.Fingerprint {
	const wanted = wire.HomeFull | wire.HomeReachable
	c.mu.Lock()
	homes := c.record.Homes
	c.mu.Unlock()
	announced := c.announcements()
	var members []omega.Fingerprint
	for _, o := range offers {
		if o.Flags&wanted == wanted && announced[o.Server] != nil {
			members = append(members, o.Server)
		}
	}
	for {
		best := keyserver.DeputiesOf(c.acc.Fingerprint, homes, members)
		i := slices.IndexFunc(best, func(fp omega.Fingerprint) bool { return !c.proves(ctx, s, announced[fp]) })
		if i < 0 {
			return best
		}
		members = slices.DeleteFunc(members, func(fp omega.Fingerprint) bool { return fp == best[i] })
	}
}

// keepDeputies has the next leases name these servers, and reports whether the
// last one did not.
func (c *Client) keepDeputies(ctx context.Context, list []omega.Fingerprint) (changed bool, err error) {
	err = c.db.Update(ctx, func(tx *history.Tx) error {
		book, err := readHomeBook(tx)
		if err != nil {
			return err
		}
		if changed = !slices.Equal(book.Deputies, list); !changed {
			return nil
		}
		book.Deputies = list
		return book.write(tx)
	})
	return changed, err
}

// dismissDeputies leaves the deputies when all homes are back. That is looked at
// seldom, so a home that comes and goes makes no storm of leases.
func (c *Client) dismissDeputies(ctx context.Context, s *session) error {
	if away, silent := c.homesAway(); away+silent > 0 {
		return nil
	}
	changed, err := c.keepDeputies(ctx, nil)
	if err != nil || !changed {
		return err
	}
	return c.attach(ctx, s)
}
