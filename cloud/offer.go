package cloud

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/mesh"
	"github.com/omega-im/omega/pgp"
	"github.com/omega-im/omega/wire"
)

// The candidate's side of a link: it judges a request and answers with a signed
// offer or a reason. Who has an offer makes the link by counting the connection
// as one in its hellos. (spec/cloud.md, CLOUD-12 to CLOUD-14)

const (
	// offerLife is how long an offer stands. A newcomer collects several before
	// it uses any, and some of its dials time out.
	offerLife = 30 * time.Second

	// maxAccepts offers are made within acceptWindow: whoever comes more
	// quickly finds other servers, and no server is run over when very many
	// look for links at once.
	maxAccepts   = 5
	acceptWindow = 10 * time.Second

	// leafReserve is how many links are kept for servers that forward: leaves
	// must not fill the cloud so that nobody can join who would make room.
	leafReserve = 2
)

// A Deny list names whom this server refuses links. It is published
// (spec/cloud.md, CLOUD-14).
type Deny struct {
	Servers   []omega.Fingerprint
	Operators []string // as they call themselves in their announcements
}

func (d *Deny) names(server omega.Fingerprint, operator string) bool {
	return slices.Contains(d.Servers, server) || operator != "" && slices.Contains(d.Operators, operator)
}

// A verdict is what a candidate says to a request.
type verdict struct {
	why   mesh.Refusal // RefusalNone: an offer
	retry time.Duration
	text  string
}

// retryAfter is how long who was refused had better wait. What depends on the
// view is soon another; what depends on configuration is not.
func retryAfter(why mesh.Refusal) time.Duration {
	switch why {
	case mesh.RefusalLinks, mesh.RefusalOperator, mesh.RefusalBridge:
		return time.Second
	case mesh.RefusalDenied, mesh.RefusalMistake:
		return time.Hour
	case mesh.RefusalVouch, mesh.RefusalDraining, mesh.RefusalVersion:
		return 10 * time.Minute
	}
	return refusedFor
}

func refuse(why mesh.Refusal, format string, args ...any) verdict {
	return verdict{why, retryAfter(why), fmt.Sprintf(format, args...)}
}

// heardLinkRequest judges and answers a request.
func (o *owner) heardLinkRequest(l *link, body []byte) {
	q, err := wire.DecodeLinkRequest(body)
	newer := errors.Is(err, wire.ErrVersion) // than this server: nothing to hold against it
	if err != nil && !newer {
		l.bad++
		return
	}
	explain := q.Flags&wire.RequestExplain != 0
	v := refuse(mesh.RefusalBusy, "more than %d requests in %v", requestsBurst, requestsBurst*requestsPace)
	v.retry = time.Second
	switch {
	case !o.neighbour(l.peer).rations.requests.take(o.now, 1, requestsPace, requestsBurst):
		o.stats.rationed.Add(1)
	case newer:
		v = refuse(mesh.RefusalVersion, "%v", err)
	default:
		v = o.judge(l, q)
	}
	o.log.Debug("link asked for", "peer", l.peer, "for", mesh.Reason(q.Purpose), "answer", v.why, "text", v.text, "explain", explain)
	if v.why != mesh.RefusalNone {
		o.stats.linksRefused.Add(1)
		f := wire.LinkRefusal{Nonce: q.Nonce, Reason: uint8(v.why), Retry: v.retry, Text: v.text}
		l.conn.SendFrame(wire.TypeLinkRefusal, 0, f.AppendTo(nil)) // who hears nothing gives up by itself
		return
	}
	offer, err := o.offer(q)
	if err != nil {
		o.log.Error("link offer not signed", "peer", l.peer, "err", err)
		return
	}
	if !explain && !l.mine {
		o.accepts = append(o.accepts, o.now)
		o.neighbour(l.peer).given = o.now.Add(offerLife)
	}
	l.conn.SendFrame(wire.TypeLinkOffer, 0, offer.Bytes())
}

func (o *owner) offer(q *wire.LinkRequest) (*wire.LinkOffer, error) {
	offer := &wire.LinkOffer{
		Flags: q.Flags, Nonce: q.Nonce, Issued: o.now, Expires: o.now.Add(offerLife), Database: o.databaseHash(),
		Asker: q.Asker, Candidate: o.self,
	}
	at := time.Unix(o.now.Unix(), 0)
	sig, err := o.sign(offer.Signed(), at)
	offer.Sig = wire.Signature{Time: at.Unix(), Bytes: sig}
	return offer, err
}

// databaseHash stands for the link-state database in requests and offers.
func (o *owner) databaseHash() [32]byte {
	d := o.db.Digest()
	return sha256.Sum256(d.AppendTo(nil))
}

// judge decides about a request: what costs nothing first.
func (o *owner) judge(l *link, q *wire.LinkRequest) verdict {
	skew := q.Issued.Sub(o.now)
	switch {
	case q.Candidate != o.self || q.Asker != l.peer:
		return refuse(mesh.RefusalMistake, "the request is from %v to %v", q.Asker, q.Candidate)
	case skew > omega.ClockTolerance || -skew > omega.ClockTolerance:
		return refuse(mesh.RefusalClock, "the clocks differ by %v, at most %v", skew.Abs().Round(time.Second), omega.ClockTolerance)
	case o.cfg.Deny.names(q.Asker, q.Operator):
		return refuse(mesh.RefusalDenied, "the server or its operator is on the published deny list")
	case l.mine:
		return verdict{} // there is a link already
	case o.facts.Flags&mesh.FlagDraining != 0:
		return refuse(mesh.RefusalDraining, "this server goes away")
	}
	limit := mesh.LinkCap
	switch {
	case q.Flags&wire.RequestLeaf != 0:
		limit -= leafReserve
	case !o.elder(q.Asker):
		limit -= elderReserve
	}
	if n := len(o.linked()) + o.promised(); n >= limit {
		return refuse(mesh.RefusalFull, "%d links, at most %d", n, limit)
	}
	if v := o.judgeRoom(l, q.Operator); v.why != mesh.RefusalNone {
		return v
	}
	if wait := o.acceptsAgain(); wait > 0 {
		v := refuse(mesh.RefusalBusy, "%d links were offered within %v", maxAccepts, acceptWindow)
		v.retry = wait
		return v
	}
	if v := o.judgeVouches(l, q); v.why != mesh.RefusalNone {
		return v
	}
	return o.judgePlan(q)
}

// promised counts the offers that stand and were not taken yet.
func (o *owner) promised() int {
	count := 0
	for _, n := range o.neighbours {
		if o.now.Before(n.given) && n.link != nil && !n.link.mine {
			count++
		}
	}
	return count
}

// acceptsAgain returns how long no further offer is made.
func (o *owner) acceptsAgain() time.Duration {
	o.accepts = slices.DeleteFunc(o.accepts, func(t time.Time) bool { return o.now.Sub(t) >= acceptWindow })
	if len(o.accepts) < maxAccepts {
		return 0
	}
	return o.accepts[0].Add(acceptWindow).Sub(o.now)
}

// judgePlan looks at the links that a newcomer plans. A part of the cloud that
// was lost from sight comes back by one link, which is mended at once.
func (o *owner) judgePlan(q *wire.LinkRequest) verdict {
	if o.view == nil || mesh.Reason(q.Purpose) == mesh.ReasonReunion && len(q.Plan) > 1 {
		return verdict{}
	}
	why, text := o.view.JudgeJoin(mesh.Applicant{Server: q.Asker, Operator: q.Operator, Site: q.Site}, q.Plan)
	return verdict{why, retryAfter(why), text}
}

// judgeVouches wants members of as many operators as the policy says to have
// certified the asker's key, or all other operators if there are fewer. Who was
// a member before, as this server remembers, needs nobody.
func (o *owner) judgeVouches(l *link, q *wire.LinkRequest) verdict {
	if _, before := o.cfg.MemberSince(q.Asker); o.cfg.Vouch == 0 || o.view == nil || before {
		return verdict{}
	}
	members := map[string]bool{}
	for i, r := range o.view.Records {
		if o.view.States[i] == mesh.Full && r.Server != q.Asker {
			members[operatorOf(r)] = true
		}
	}
	delete(members, q.Operator)
	need, have := min(o.cfg.Vouch, len(members)), o.vouchers(l.conn.Peer().Certificate, q)
	if len(have) < need {
		return refuse(mesh.RefusalVouch, "members of %d operators certified the key, %d are required", len(have), need)
	}
	return verdict{}
}

// operatorOf names who runs a server; who does not say is its own operator.
func operatorOf(r *mesh.Record) string {
	if r.Operator == "" {
		return r.Server.String()
	}
	return r.Operator
}

// vouchers are the operators other than the asker's whose full members made
// one of the certifications.
func (o *owner) vouchers(asker *pgp.Certificate, q *wire.LinkRequest) map[string]bool {
	have := map[string]bool{}
	for _, b := range q.Vouches { // at most 16: wire.LinkRequest
		issuer, err := pgp.CertificationIssuer(b)
		if err != nil || asker == nil || o.view.State(issuer) != mesh.Full {
			continue
		}
		by := o.certs.get(issuer)
		if by == nil || pgp.VerifyCertification(b, by, asker, o.now) != nil {
			continue
		}
		if operator := operatorOf(o.view.Record(issuer)); operator != q.Operator {
			have[operator] = true
		}
	}
	return have
}
