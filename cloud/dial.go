package cloud

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/mesh"
	"github.com/omega-im/omega/transport"
)

// Reasons why this server ended a connection, for logs.
var (
	errSilent = errors.New("the peer fell silent")
	errIdle   = errors.New("the connection was idle")
	errLies   = errors.New("the peer sends what does not verify")
)

// wantLink asks a server for a link of the mesh: over the connection that there
// is, or by dialling first.
func (o *owner) wantLink(fp omega.Fingerprint, why mesh.Reason) {
	n := o.neighbour(fp)
	n.purpose = why
	if n.link == nil {
		o.dial(n, true)
		return
	}
	if !n.link.mine && n.asked.at.IsZero() && !o.now.Before(n.offered) {
		n.wanted = true
		o.askSoon(n)
	}
}

// dialDirect makes a direct connection for packets.
func (o *owner) dialDirect(fp omega.Fingerprint) {
	if n := o.neighbour(fp); n.link == nil {
		o.dial(n, false)
		o.dialByCircuit(n)
	}
}

// dial connects to a server at its announced address, unless a dial is under
// way, failed lately, or cannot be. wanted: for a link of the mesh.
func (o *owner) dial(n *neighbour, wanted bool) {
	rec, ok := o.db.Get(n.fp)
	if n.dialling || n.fp == o.self || n.backoff.rests(o.now) || !ok || !rec.Dialable() || o.dialling >= maxDials {
		return
	}
	addr := transport.Address{Network: transport.NetworkTLS, HostPort: rec.Peer, Fingerprint: n.fp}
	o.dialNeighbour(n, addr, wanted, func(error) {})
}

func (o *owner) dialNeighbour(n *neighbour, addr transport.Address, wanted bool, ended func(err error)) {
	o.dialNeighbourBy(n, addr, o.cfg.Dial, wanted, ended)
}

// A dialFunc is Config.Dial, or what stands for it.
type dialFunc func(context.Context, transport.Address) (Conn, error)

func (o *owner) dialNeighbourBy(n *neighbour, addr transport.Address, dial dialFunc, wanted bool, ended func(err error)) {
	n.dialling, n.wanted = true, wanted
	o.linksChanged = true
	o.connect(addr, dial, func(o *owner, _ *link, err error) {
		n.dialling = false
		o.linksChanged = true
		if err != nil {
			n.wanted = false
			if n.link == nil {
				o.failed(&n.backoff)
				o.planSoon()
			}
		}
		ended(err)
	})
}

// connect dials on a goroutine of its own, and serves the connection there
// until it ends. Between the two ended runs on the owner's.
func (o *owner) connect(addr transport.Address, dial dialFunc, ended func(o *owner, l *link, err error)) {
	o.dialling++
	o.wg.Go(func() {
		ctx, cancel := context.WithTimeout(o.ctx, o.cfg.DialTimeout)
		conn, err := dial(ctx, addr)
		cancel()
		var l *link
		if err == nil {
			l = newLink(conn, true)
		}
		known := o.do(func(o *owner) {
			o.dialling--
			o.countDial(addr, err)
			ended(o, l, err)
		})
		switch {
		case l == nil:
		case !known:
			conn.Close()
		default:
			o.serve(o.ctx, l)
		}
	})
}

func (o *owner) countDial(addr transport.Address, err error) {
	if err == nil {
		o.stats.dialled.Add(1)
		return
	}
	o.stats.dialFailed.Add(1)
	o.log.Debug("dial failed", "peer", addr.Fingerprint, "addr", addr.HostPort, "err", err)
}

// planBootstrap dials the configured servers while none of them is in reach
// over the mesh. So clouds that began apart find each other, and a cloud that
// stands is left alone.
func (o *owner) planBootstrap() {
	for _, b := range o.bootstrap {
		if o.inReach(b) {
			return
		}
	}
	for _, b := range o.bootstrap {
		if !b.dialling && !b.backoff.rests(o.now) && b.known() != o.self && o.dialling < maxDials {
			o.dialBootstrap(b)
		}
	}
}

// known is the bootstrap server's fingerprint, zero while it is not known.
func (b *bootstrap) known() omega.Fingerprint {
	if !b.addr.Fingerprint.IsZero() {
		return b.addr.Fingerprint
	}
	return b.fp
}

func (o *owner) inReach(b *bootstrap) bool {
	fp := b.known()
	if fp.IsZero() || fp == o.self {
		return false
	}
	return o.table.Load().view.State(fp) != mesh.Unreachable
}

func (o *owner) dialBootstrap(b *bootstrap) {
	decided := func(err error) {
		b.dialling = false
		if err != nil {
			o.failed(&b.backoff)
			o.unmets.note(Unmet{Address: b.addr.HostPort, Err: err, Again: b.backoff.until})
			o.logUnmet(b, err)
			return
		}
		o.unmets.note(Unmet{Address: b.addr.HostPort})
		b.backoff = backoff{until: o.now.Add(answerWithin)} // time to come into view
	}
	if fp := b.known(); !fp.IsZero() {
		n := o.neighbour(fp)
		switch {
		case n.dialling || n.link != nil && n.link.mine:
		case n.link != nil:
			b.backoff = backoff{until: o.now.Add(answerWithin)}
			o.meet(n)
		default:
			b.dialling = true
			o.dialNeighbour(n, b.addr, false, decided)
			o.meet(n)
		}
		return
	}
	b.dialling = true
	o.connect(b.addr, o.cfg.Dial, func(o *owner, l *link, err error) {
		if err == nil {
			b.fp = l.peer
			o.meet(o.neighbour(l.peer))
		}
		decided(err)
	})
}

// patientTries is how often nothing may answer at a configured server before that
// is worth a warning: servers are started at the same time.
const patientTries = 3

// logUnmet says why a configured server was not met. That nobody answers in time
// says nothing about the configuration.
func (o *owner) logUnmet(b *bootstrap, err error) {
	level, check := slog.LevelWarn, "cloud.bootstrap wants the port for servers (7001 by default) and that server's fingerprint"
	var network net.Error
	if errors.Is(err, context.DeadlineExceeded) || errors.As(err, &network) {
		check = "the server there has to run, and firewalls have to let its port through"
		if b.backoff.failures < patientTries {
			level = slog.LevelInfo
		}
	}
	o.log.Log(o.ctx, level, "cannot join the cloud by this server", "addr", b.addr.String(), "err", err,
		"again_in", b.backoff.until.Sub(o.now).Round(time.Second), "check", check)
}

// meet says what a connection to a configured server is for: a newcomer looks
// at the cloud first, a member brings the two clouds together.
func (o *owner) meet(n *neighbour) {
	if o.joining() {
		n.probe = true
		if n.link != nil && !n.link.exchange.synced {
			o.beginExchange(n.link)
		}
		return
	}
	n.purpose, n.wanted = mesh.ReasonReunion, true
	if n.link != nil {
		o.askSoon(n)
	}
}
