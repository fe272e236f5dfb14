package cloud

import (
	"errors"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/mesh"
	"github.com/omega-im/omega/wire"
)

// heardEvidence takes a proof that a server told different things to different
// others, and passes it on. (spec/cloud.md, CLOUD-19)
func (o *owner) heardEvidence(l *link, body []byte) {
	news, err := o.db.ApplyEvidence(o.now, body)
	switch {
	case errors.Is(err, mesh.ErrUnknownServer):
		// Its announcement brings the certificate; the proof comes again with
		// the next comparison of databases.
		o.log.Debug("evidence against an unknown server", "peer", l.peer, "err", err)
	case err != nil:
		l.bad++
		o.log.Warn("evidence refused", "peer", l.peer, "err", err)
	case news:
		o.tellEvidence(body, l)
	}
}

// tellEvidence floods a proof.
func (o *owner) tellEvidence(body []byte, except *link) {
	o.stats.evidence.Add(1)
	ev, err := mesh.DecodeEvidence(body)
	if err == nil {
		o.log.Warn("a server told different things to different others; its links do not count for a day", "peer", ev.Server, "sequence", ev.Sequence)
	}
	for _, n := range o.neighbours {
		if l := n.link; l != nil && l != except && l.up() {
			l.conn.SendFrame(wire.TypeEvidence, 0, body) // a lost one comes with the next comparison
		}
	}
}

// proveAgainst floods the proof that the database has just made itself: who
// sees only one of the two announcements learns of it by that.
func (o *owner) proveAgainst(fp omega.Fingerprint) {
	for _, ev := range o.db.Evidence() {
		if ev.Server == fp {
			o.tellEvidence(ev.AppendTo(nil), nil)
		}
	}
}
