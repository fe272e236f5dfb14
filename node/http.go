package node

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/pprof"
	"slices"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/keyserver"
	"github.com/omega-im/omega/mailbox"
	"github.com/omega-im/omega/transport"
	"github.com/omega-im/omega/wire"
)

// publicHandler is the web site and everything else that speaks HTTP to the
// world.
func (n *Node) publicHandler() (http.Handler, error) {
	v := newVisitors(&n.cfg, nil)
	mux := &router{mux: http.NewServeMux(), visitors: v}
	mux.HandleFunc("GET /healthz", n.serveHealth)
	mux.HandleFunc("GET "+transport.WebSocketPath, func(w http.ResponseWriter, r *http.Request) {
		c, err := n.transport.ServeWebSocket(w, r)
		if err != nil {
			n.log.Debug("websocket refused", "err", err)
			return
		}
		n.session(r.Context(), c)
	})
	mux.HandleFunc("GET /api/v1/denied", n.serveDenied)
	mux.HandleFunc("GET /media/{name}", n.serveBlob)
	n.directory.Register(mux)
	n.hkp.Register(mux)
	v.next = mux.mux
	return v, mux.err
}

// adminHandler is for the operator only.
func (n *Node) adminHandler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", n.metrics.handler(n))
	mux.HandleFunc("GET /status", n.serveStatus)
	mux.HandleFunc("GET /trace", n.serveTrace)
	mux.HandleFunc("POST /backup", n.serveBackup)
	mux.HandleFunc("GET /invites", n.serveInvites)
	mux.HandleFunc("POST /invites", n.serveNewInvite)
	mux.HandleFunc("DELETE /invites/{name}", n.serveRevoke)
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	return mux
}

// Intervals of background work.
const (
	expireInterval = 10 * time.Second
	expireBatch    = 10_000 // mails per look
)

// compare keeps this key server and the mailboxes that it shares equal to those
// of the others: with every server that it meets for the first time or again,
// and with all from time to time.
func (n *Node) compare(ctx context.Context) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	c := n.comparisons
	defer c.wait()
	known, refused, clock, places := introductions{}, lamp{}, clockLamp{}, &placer{}
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		servers, now := n.cloud.Servers(), n.opt.Clock()
		n.members.update(servers, now)
		refused.look(n)
		clock.look(n)
		n.place(places, servers, now)
		if err := n.disputes.save(now); err != nil {
			n.log.Warn("proofs against devices not saved", "err", err)
		}
		known.forget(servers)
		var there []omega.Fingerprint
		for _, s := range servers {
			if known.due(s.Server, s.Certificate, now) {
				known.tried(s.Server, s.Certificate, n.knowServer(ctx, s.Server, s.Certificate), now)
			}
			if s.Server != n.Fingerprint() && s.Connected {
				there = append(there, s.Server)
			}
		}
		for _, owner := range n.also(places, now) {
			if !slices.Contains(there, owner) {
				there = append(there, owner)
			}
		}
		c.look(ctx, there, now)
	}
}

// compareWith compares the key servers, and then the mailboxes, of this server and
// another.
func (n *Node) compareWith(ctx context.Context, server omega.Fingerprint) error {
	_, keysErr := n.proxy.SyncWith(ctx, server)
	if keysErr != nil {
		n.log.Debug("key servers not compared", "server", server, "err", keysErr)
	}
	_, mailErr := n.proxy.CompareWith(ctx, server)
	if mailErr != nil {
		n.log.Debug("mail not compared", "server", server, "err", mailErr)
	}
	return errors.Join(keysErr, mailErr)
}

// knowServer puts a server's certificate, which came with its announcement, into
// the key server: devices look up the keys of their homes there.
func (n *Node) knowServer(ctx context.Context, fp omega.Fingerprint, hash [32]byte) (known bool) {
	if have, err := n.keys.FindCertificate(ctx, fp); err == nil && have.Hash() == hash {
		return true
	}
	cert, err := n.cloud.FindCertificate(ctx, fp)
	if err != nil {
		return false // it comes with the next announcement
	}
	if _, _, err := n.keys.Accept(ctx, keyserver.FromServer, wire.Entry{Certificate: cert.Bytes()}); err != nil {
		n.log.Debug("certificate of a server not kept", "server", fp, "err", err)
		return false
	}
	return cert.Hash() == hash
}

// maxReunions is how many servers can be waiting for reunite.
const maxReunions = 1024

// connected is told of every connection to another server. When very many come
// at once some are left to the heartbeat of leases.
func (n *Node) connected(server omega.Fingerprint) {
	n.comparisons.meet(server)
	select {
	case n.reunions <- server:
	default:
	}
}

// reunite tells the proxy at once of servers that are connected again: one that
// started again has forgotten who is attached, however short it was away.
func (n *Node) reunite(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case server := <-n.reunions:
			n.proxy.ServerUp(server)
		}
	}
}

// expire drops mail whose lifetime is over.
func (n *Node) expire(ctx context.Context) error {
	tick := time.NewTicker(expireInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		for _, s := range []*mailbox.Store{n.mail, n.spool} {
			if _, _, err := s.Expire(ctx, expireBatch); err != nil && ctx.Err() == nil {
				n.log.Warn("old mail not dropped", "err", err)
			}
		}
	}
}

func logLevel(s string) (l slog.Level, err error) {
	if err := l.UnmarshalText([]byte(s)); err != nil {
		return l, wrong("config.loglevel", s)
	}
	return l, nil
}

// NewLogger returns the log of a server: text for people, at the level of the
// configuration.
func NewLogger(w io.Writer, level string) (*slog.Logger, error) {
	l, err := logLevel(level)
	if err != nil {
		return nil, err
	}
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: l})), nil
}
