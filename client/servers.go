package client

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/history"
	"github.com/omega-im/omega/mesh"
	"github.com/omega-im/omega/pgp"
	"github.com/omega-im/omega/transport"
	"github.com/omega-im/omega/wire"
)

// Bounds of the list of servers, which a proxy could fill with any number.
const (
	maxServers  = 256 // that are remembered
	perOperator = 4   // beyond which servers of one operator are the first to go
	askServers  = 96  // announcements in one answer
	askAgain    = 48  // of those at hand, asked for by name
	maxLookups  = 8   // certificates that are fetched at a time
	listTimeout = 5 * time.Second
)

// A knownServer is a server whose announcement this device verified itself.
type knownServer struct {
	history.Server
	announced *mesh.Announcement // what Announcement says; immutable
	changed   bool               // since it was stored
	tried     uint64             // which of the tries in vain was the last one here; 0: none since it was of use
}

// address is where it takes clients, if it says so and may be believed: a device
// whose owner chose a server on a private network dials others there too.
// (spec/delivery.md, DELIV-32)
func (k *knownServer) address(private bool) (transport.Address, bool) {
	a := k.announced
	addr := transport.Address{Network: transport.NetworkTLS, HostPort: a.Client, Fingerprint: a.Server}
	return addr, a.Client != "" && a.Flags&mesh.FlagNAT == 0 && transport.CheckAnnounced(a.Client, private) == nil
}

// loadServers reads what was learned before.
func (c *Client) loadServers(ctx context.Context) error {
	var list []history.Server
	err := c.db.View(ctx, func(tx *history.Tx) (err error) {
		list, err = tx.Servers()
		return err
	})
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range list {
		if a, err := mesh.Decode(s.Announcement); err == nil && a.Server == s.Fingerprint {
			c.servers[s.Fingerprint] = &knownServer{Server: s, announced: a}
		}
	}
	return nil
}

// learnServers refreshes the list of servers: the proxy tells some, and this
// device takes those that prove themselves. (spec/delivery.md, DELIV-20)
func (c *Client) learnServers(ctx context.Context, s *session) {
	blobs, err := c.askForServers(ctx, s, c.serversToName(s.conn.Peer().Account), askServers)
	if err != nil {
		return // the next look
	}
	c.keepAnnouncements(blobs)
	c.takeServers(ctx, s, blobs)
	c.tellConnection() // what this one is called may be known now
	if err := c.storeServers(ctx); err != nil && ctx.Err() == nil {
		c.cfg.log().Warn("list of servers not kept", "err", err)
	}
}

// serversToName lists servers of which newer announcements are wanted: those
// that this device depends on, proxy among them, and some of the others.
func (c *Client) serversToName(proxy omega.Fingerprint) []omega.Fingerprint {
	own, _ := c.ownServer()
	c.mu.Lock()
	defer c.mu.Unlock()
	out := []omega.Fingerprint{proxy}
	if !own.addr.Fingerprint.IsZero() && own.addr.Fingerprint != proxy {
		out = append(out, own.addr.Fingerprint)
	}
	if c.record != nil {
		out = append(out, c.record.Homes...)
	}
	for fp := range c.servers { // in random order
		if len(out) < askAgain && !slices.Contains(out, fp) {
			out = append(out, fp)
		}
	}
	return out
}

// askForServers asks the proxy for announcements. Nothing about them is verified.
func (c *Client) askForServers(ctx context.Context, s *session, named []omega.Fingerprint, most uint16) ([][]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, listTimeout)
	defer cancel()
	q := wire.ServersQuery{Most: most, Named: named[:min(len(named), wire.MaxNamedServers)]}
	f, err := s.request(ctx, wire.TypeServers, wire.AppendServersQuery(nil, &q))
	if err != nil {
		return nil, err
	}
	if f.Type != wire.TypeServerList {
		return nil, fmt.Errorf("%w answer of type %d to a question for servers", wire.ErrMalformed, f.Type)
	}
	return wire.DecodeBlobs(f.Body, int(max(most, askServers)))
}

// takeServers verifies announcements that are news and keeps them.
func (c *Client) takeServers(ctx context.Context, s *session, blobs [][]byte) {
	slots := make(chan struct{}, maxLookups)
	var wg sync.WaitGroup
	for _, b := range blobs {
		a, err := mesh.Decode(b)
		if err != nil || !c.isNews(a, b) {
			continue
		}
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			c.takeServer(ctx, s, a, bytes.Clone(b))
		})
	}
	wg.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pruneServers()
}

// isNews reports whether an announcement is worth a look: it takes clients, is of
// this time, and newer than what is known.
func (c *Client) isNews(a *mesh.Announcement, b []byte) bool {
	now := c.cfg.now()
	if a.Client == "" || a.Issued.After(now.Add(omega.ClockTolerance)) || now.After(a.Expires.Add(omega.ClockTolerance)) {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	k := c.servers[a.Server]
	return k == nil || a.Sequence > k.announced.Sequence
}

// takeServer verifies one announcement and keeps it.
func (c *Client) takeServer(ctx context.Context, s *session, a *mesh.Announcement, b []byte) {
	cert := c.serverCertificate(a.Server)
	if cert == nil || cert.Hash() != a.Certificate {
		entry, err := s.lookup(ctx, a.Server)
		if err != nil {
			return
		}
		newer, err := pgp.ParseCertificate(entry.Certificate, c.cfg.now())
		if err != nil {
			return
		}
		if cert != nil { // a revocation once seen stays
			if newer, err = pgp.Merge(cert, newer, c.cfg.now()); err != nil {
				return
			}
		}
		cert = newer
	}
	if err := provenBy(cert, b, c.cfg.now()); err != nil {
		c.cfg.log().Info("announcement of a server not taken", "server", a.Server, "err", err)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	k := &knownServer{Server: history.Server{Fingerprint: a.Server}, announced: a, changed: true}
	if old := c.servers[a.Server]; old != nil {
		k.Took, k.Failed, k.tried = old.Took, old.Failed, old.tried
	}
	k.Announcement, k.Certificate = b, cert.Bytes()
	c.servers[a.Server] = k
}

// provenBy checks that an announcement is by the server that it names, whose
// certificate cert is. (spec/cloud.md, CLOUD-1)
func provenBy(cert *pgp.Certificate, announcement []byte, now time.Time) error {
	if err := cert.Check(now); err != nil {
		return err
	}
	_, err := mesh.Open(announcement, func(server omega.Fingerprint, data []byte, at time.Time, sig mesh.Signature) error {
		if server != cert.Fingerprint() {
			return pgp.ErrSignature
		}
		for _, d := range cert.Active(now) {
			if pgp.VerifyCompact(d.Signing, data, at, pgp.Compact(sig)) == nil {
				return nil
			}
		}
		return pgp.ErrSignature
	})
	return err
}

// serverCertificate is what was last verified of a server; nil: nothing.
func (c *Client) serverCertificate(fp omega.Fingerprint) *pgp.Certificate {
	c.mu.Lock()
	k := c.servers[fp]
	c.mu.Unlock()
	if k == nil {
		return nil
	}
	cert, err := pgp.ParseCertificate(k.Certificate, c.cfg.now())
	if err != nil {
		return nil
	}
	return cert
}

// knowsServer reports whether a server proved itself to this device, or is one of those
// that the account is at.
func (c *Client) knowsServer(fp omega.Fingerprint) bool {
	own, _ := c.ownServer()
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.servers[fp] != nil || fp == own.addr.Fingerprint || c.record != nil && slices.Contains(c.record.Homes, fp)
}

// serverCalled is what a server calls itself: in the announcement that was verified, else in
// the one that a proxy told of it; "" if there is none. c.mu is held.
func (c *Client) serverCalled(fp omega.Fingerprint) string {
	if k := c.servers[fp]; k != nil {
		return k.announced.Name
	}
	if a, err := mesh.Decode(c.announced[fp]); err == nil && a.Server == fp {
		return a.Name
	}
	return ""
}

// pruneServers keeps maxServers: those that the account depends on, then those
// that answer, of many operators, and near ones. c.mu is held.
func (c *Client) pruneServers() {
	if len(c.servers) <= maxServers {
		return
	}
	now := c.cfg.now()
	list := slices.Collect(maps.Keys(c.servers))
	rand.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	worth := map[omega.Fingerprint]int{}
	operators := map[string]int{}
	for _, fp := range list {
		k := c.servers[fp]
		operators[k.announced.Operator]++
		switch {
		case c.record != nil && slices.Contains(c.record.Homes, fp):
			worth[fp] = 4
		case !k.Failed.IsZero() || now.After(k.announced.Expires):
		case k.announced.Operator != "" && operators[k.announced.Operator] > perOperator:
			worth[fp] = 1
		case k.Took > 0:
			worth[fp] = 3
		default:
			worth[fp] = 2
		}
	}
	slices.SortStableFunc(list, func(a, b omega.Fingerprint) int {
		return cmp.Or(cmp.Compare(worth[b], worth[a]), cmp.Compare(c.servers[a].Took, c.servers[b].Took))
	})
	for _, fp := range list[maxServers:] {
		delete(c.servers, fp)
	}
}

// noteDial takes down how an attempt to connect to a server went.
func (c *Client) noteDial(fp omega.Fingerprint, took time.Duration, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	old := c.servers[fp]
	if old == nil {
		return
	}
	k := *old
	k.changed = true
	if err != nil {
		c.tries++
		k.Failed, k.tried = c.cfg.now(), c.tries
	} else {
		k.Failed, k.tried, k.Took = time.Time{}, 0, max(took, time.Millisecond)
	}
	c.servers[fp] = &k
}

// storeServers writes what changed.
func (c *Client) storeServers(ctx context.Context) error {
	c.mu.Lock()
	known := maps.Clone(c.servers)
	c.mu.Unlock()
	if !slices.ContainsFunc(slices.Collect(maps.Values(known)), func(k *knownServer) bool { return k.changed }) {
		return nil
	}
	err := c.db.Update(ctx, func(tx *history.Tx) error {
		stored, err := tx.Servers()
		if err != nil {
			return err
		}
		for _, s := range stored {
			if known[s.Fingerprint] == nil {
				if err := tx.RemoveServer(s.Fingerprint); err != nil {
					return err
				}
			}
		}
		for _, k := range known {
			if k.changed {
				if err := tx.PutServer(&k.Server); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for fp, k := range known {
		if k.changed && c.servers[fp] == k {
			stored := *k
			stored.changed = false
			c.servers[fp] = &stored
		}
	}
	return nil
}

// seekServers asks for announcements of servers that nothing is known of: in a
// large cloud an answer holds few that nobody named.
func (c *Client) seekServers(ctx context.Context, s *session, wanted []omega.Fingerprint) {
	known := c.announcements()
	wanted = slices.DeleteFunc(slices.Clone(wanted), func(fp omega.Fingerprint) bool { return known[fp] != nil })
	if len(wanted) == 0 {
		return
	}
	if blobs, err := c.askForServers(ctx, s, wanted, uint16(min(len(wanted), wire.MaxNamedServers))); err == nil {
		c.keepAnnouncements(blobs)
	}
}

// maxAnnounced bounds the announcements that are not verified.
const maxAnnounced = 1024

// keepAnnouncements remembers what this session's proxy says that servers say
// about themselves. Who uses one verifies it.
func (c *Client) keepAnnouncements(list [][]byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.announced)+len(list) > maxAnnounced {
		clear(c.announced)
	}
	for _, b := range list {
		if fp := mesh.Origin(b); !fp.IsZero() {
			c.announced[fp] = bytes.Clone(b)
		}
	}
}

// announcements returns what is known of servers: what the proxy said last, and
// what was verified of others.
func (c *Client) announcements() map[omega.Fingerprint][]byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := maps.Clone(c.announced)
	for fp, k := range c.servers {
		if out[fp] == nil {
			out[fp] = k.Announcement
		}
	}
	return out
}
