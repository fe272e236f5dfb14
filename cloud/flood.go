package cloud

import (
	"errors"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/mesh"
	"github.com/omega-im/omega/pgp"
	"github.com/omega-im/omega/wire"
)

// flood tells every link of the mesh but one of a server's record, before which
// there was another one (nil: none). Losses are sent whole, all else is offered. A
// link whose queue is full gets it by the next comparison of databases, which
// begins when there is room.
func (o *owner) flood(rec, before *mesh.Record, except *link) {
	if o.db.Urgent(before) {
		o.toAll(wire.TypeLSA, rec.Bytes, except)
		return
	}
	o.toAll(wire.TypeLSNews, appendNews(nil, rec), except)
}

func (o *owner) toAll(t wire.Type, body []byte, except *link) {
	for _, n := range o.neighbours {
		if l := n.link; l != nil && l != except && (l.up() || l.follows) {
			if l.conn.SendFrame(t, 0, body) != nil {
				l.exchange.active = o.now.Add(-exchangeInterval)
				continue
			}
			o.stats.flooded.Add(1)
		}
	}
}

// control deals with a frame of the mesh.
func (o *owner) control(l *link, t wire.Type, body []byte) {
	if !l.attached {
		return
	}
	switch t {
	case wire.TypeLSA:
		o.heardLSA(l, body)
	case wire.TypeServerCert:
		l.cert = body
	case wire.TypeCertRequest:
		o.heardCertRequest(l, body)
	case wire.TypeLSDigest:
		o.heardDigest(l, body)
	case wire.TypeLSRequest:
		o.heardRequest(l, body)
	case wire.TypeLinkRequest:
		o.heardLinkRequest(l, body)
	case wire.TypeLinkOffer:
		o.heardOffer(l, body)
	case wire.TypeLinkRefusal:
		o.heardRefusal(l, body)
	case wire.TypeEvidence:
		o.heardEvidence(l, body)
	case wire.TypeLSNews:
		o.heardNews(l, body)
	case wire.TypeLSWant:
		o.heardWant(l, body)
	}
	if l.bad >= maxBad {
		o.drop(l, errLies)
	}
}

// heardLSA takes an announcement from a neighbour. If it cannot be judged, the
// certificate that came just before it may help, or the neighbour is asked for
// one.
func (o *owner) heardLSA(l *link, b []byte) {
	offered := l.cert
	l.cert = nil
	before, _ := o.db.Get(mesh.Origin(b))
	news, err := o.db.Apply(o.now, b)
	if errors.Is(err, mesh.ErrUnknownServer) || errors.Is(err, mesh.ErrSignature) {
		switch {
		case offered != nil && o.learn(l, offered):
			news, err = o.db.Apply(o.now, b)
		case offered == nil && o.askFor(l, b):
			if !errors.Is(err, mesh.ErrUnknownServer) {
				l.bad++ // a server with a new key is rare; forgeries are not
			}
			return
		}
	} else if news && offered != nil && o.outdated(b) {
		o.learn(l, offered)
	}
	if news {
		o.stats.news.Add(1)
		if errors.Is(err, mesh.ErrEquivocation) {
			o.proveAgainst(mesh.Origin(b))
			o.toAll(wire.TypeLSA, b, l) // under a sequence that is known to all: no offer would tell
		} else if rec, ok := o.db.Get(mesh.Origin(b)); ok {
			o.flood(rec, before, l)
		}
		if offered == nil && o.outdated(b) {
			o.askFor(l, b)
		}
	}
	o.cameFrom(mesh.Origin(b))
	if err != nil {
		o.refused(l, b, err)
	}
}

// refused acts on an announcement that was not taken.
func (o *owner) refused(l *link, b []byte, err error) {
	o.stats.lsaRefused.Add(1)
	switch {
	case errors.Is(err, mesh.ErrStale):
		if rec, ok := o.db.Get(mesh.Origin(b)); ok {
			l.conn.SendFrame(wire.TypeLSA, 0, rec.Bytes) // it comes again if this one is lost
		}
	case errors.Is(err, mesh.ErrOwn):
		o.needAnnounce = true
	case errors.Is(err, pgp.ErrExpired), errors.Is(err, pgp.ErrRevoked):
		// True once, and so no lie of the peer's.
		o.log.Debug("announcement refused", "peer", l.peer, "err", err)
	case errors.Is(err, mesh.ErrSignature), errors.Is(err, mesh.ErrMalformed):
		l.bad++
		o.log.Warn("announcement refused", "peer", l.peer, "err", err)
	case errors.Is(err, mesh.ErrEquivocation), errors.Is(err, mesh.ErrFuture):
		o.log.Warn("announcement refused", "peer", l.peer, "err", err)
	default:
		o.log.Debug("announcement refused", "peer", l.peer, "err", err)
	}
}

// learn reads a certificate that the peer sent, and reports whether it was
// news.
func (o *owner) learn(l *link, raw []byte) bool {
	_, changed, err := o.certs.parse(raw)
	if err != nil {
		o.log.Warn("certificate of a server refused", "peer", l.peer, "err", err)
	}
	return changed
}

// outdated reports whether an announcement names another certificate of its
// server than the one at hand.
func (o *owner) outdated(b []byte) bool {
	a, err := mesh.Decode(b)
	if err != nil || a.Server == o.self {
		return false
	}
	cert := o.certs.get(a.Server)
	return cert == nil || cert.Hash() != a.Certificate
}

// askFor asks the peer for the certificate that an announcement names; the
// announcement comes again with it. It reports whether that makes sense.
func (o *owner) askFor(l *link, b []byte) bool {
	if !o.outdated(b) {
		return false
	}
	o.stats.certsAsked.Add(1)
	l.conn.SendFrame(wire.TypeCertRequest, 0, mesh.Origin(b).Wire())
	return true
}

// heardCertRequest answers with the certificate and the announcement.
func (o *owner) heardCertRequest(l *link, body []byte) {
	fp, n, err := omega.DecodeFingerprint(body)
	if err != nil || n != len(body) {
		l.bad++
		return
	}
	if !o.neighbour(l.peer).rations.certs.take(o.now, 1, certsPace, certsBurst) {
		o.stats.rationed.Add(1)
		return
	}
	if rec, ok := o.db.Get(fp); ok {
		o.sendRecord(l, rec)
	}
}

// sendRecord sends a server's certificate and announcement. It reports whether
// there was room for both.
func (o *owner) sendRecord(l *link, rec *mesh.Record) bool {
	cert := o.certs.get(rec.Server)
	if cert == nil {
		return true
	}
	return l.conn.SendFrame(wire.TypeServerCert, 0, cert.Bytes()) == nil &&
		l.conn.SendFrame(wire.TypeLSA, 0, rec.Bytes) == nil
}
