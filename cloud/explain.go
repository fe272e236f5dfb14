package cloud

import (
	"bytes"
	"cmp"
	"context"
	crand "crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/mesh"
	"github.com/omega-im/omega/transport"
	"github.com/omega-im/omega/wire"
)

// An Explanation is how a server would join, and what it would be told.
type Explanation struct {
	Server  omega.Fingerprint
	Entry   omega.Fingerprint // member that the link-state came from
	Address string            // its address
	RTT     time.Duration     // round trip to it
	Known   int               // servers whose announcements verified
	Refused int               // announcements that did not
	Plan    *mesh.JoinPlan
	Answers map[omega.Fingerprint]Answer // of the chosen candidates
}

// An Answer is what one candidate said.
type Answer struct {
	Refusal mesh.Refusal  // RefusalNone with Err nil: it offered a link
	Text    string        // of the refusal, for people
	Retry   time.Duration // how long not to ask it again
	RTT     time.Duration // round trip to it
	Err     error         // it did not answer
}

// Joins reports whether the server would become a member now: nothing is wrong
// with the plan, and as many candidates as needed offered a link.
func (e *Explanation) Joins() bool {
	offers := 0
	for _, a := range e.Answers {
		if a.Err == nil && a.Refusal == mesh.RefusalNone {
			offers++
		}
	}
	return e.Plan.Problem == mesh.RefusalNone && offers >= e.Plan.Required
}

// Explain does what a newcomer does, up to the point where it would change
// something: it connects to a bootstrap server, fetches the link-state, verifies
// it, plans, and asks the chosen candidates what they would say. Of cfg it uses
// Identity, Announcement, Bootstrap, Dial, DialTimeout, Deny, Vouches, Clock and
// Rand. (spec/cloud.md, CLOUD-16)
func Explain(ctx context.Context, cfg Config) (*Explanation, error) {
	if cfg.Deliverer == nil {
		cfg.Deliverer = nobody{}
	}
	if err := cfg.check(); err != nil {
		return nil, err
	}
	x, err := newExplainer(cfg)
	if err != nil {
		return nil, err
	}
	entry, err := x.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer entry.conn.Close()
	if err := x.fetch(ctx, entry); err != nil {
		return nil, fmt.Errorf("fetch the link-state from %v: %w", entry.peer(), err)
	}
	return x.explain(ctx, entry), nil
}

// nobody takes no packets: an explainer has none.
type nobody struct{}

func (nobody) Deliver(context.Context, omega.Fingerprint, wire.Class, []byte) {}

// An explainer is one call of Explain.
type explainer struct {
	cfg   Config
	self  omega.Fingerprint
	certs *certs
	db    *mesh.DB
	rng   *rand.Rand
	out   Explanation
}

func newExplainer(cfg Config) (*explainer, error) {
	random := cfg.Rand
	if random == nil {
		random = crand.Reader
	}
	var seed [32]byte
	if _, err := io.ReadFull(random, seed[:]); err != nil {
		return nil, fmt.Errorf("cloud: seed random numbers: %w", err)
	}
	x := &explainer{
		cfg: cfg, self: cfg.Identity.Account(), rng: rand.New(rand.NewChaCha8(seed)),
		certs: newCerts(cfg.Identity.Certificate, cfg.Clock),
	}
	x.db = mesh.NewDB(mesh.Config{Self: x.self, Verify: x.certs.verify, MaxServers: cfg.MaxServers})
	x.out = Explanation{Server: x.self, Answers: map[omega.Fingerprint]Answer{}}
	return x, nil
}

// A visit is a connection that asks and does not serve.
type visit struct {
	conn Conn
	rtt  time.Duration // of a hello; 0: not measured
}

func (v *visit) peer() omega.Fingerprint { return v.conn.Peer().Account }

// visit connects and measures the round trip.
func (x *explainer) visit(ctx context.Context, to transport.Address) (*visit, error) {
	ctx, cancel := context.WithTimeout(ctx, x.cfg.DialTimeout)
	defer cancel()
	conn, err := x.cfg.Dial(ctx, to)
	if err != nil {
		return nil, err
	}
	v := &visit{conn: conn}
	if cert := conn.Peer().Certificate; cert != nil {
		if _, err := x.certs.learn(cert); err != nil {
			conn.Close()
			return nil, err
		}
	}
	begin := x.cfg.Clock()
	if err = conn.SendFrame(wire.TypeHello, 0, appendHello(nil, 0, false)); err == nil {
		err = v.until(ctx, func(f wire.Frame) bool { return f.Type == wire.TypeHelloAck })
	}
	if err != nil {
		conn.Close()
		return nil, err
	}
	v.rtt = x.cfg.Clock().Sub(begin)
	return v, nil
}

// until reads frames until done says so, and answers hellos meanwhile.
func (v *visit) until(ctx context.Context, done func(wire.Frame) bool) error {
	defer context.AfterFunc(ctx, func() { v.conn.Close() })()
	for {
		f, err := v.conn.ReadFrame()
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err != nil {
			return err
		}
		if f.Type == wire.TypeHello && len(f.Body) == helloSize {
			v.conn.SendFrame(wire.TypeHelloAck, 0, f.Body) // one that is lost is repeated
		}
		if done(f) {
			return nil
		}
	}
}

// enter connects to the first bootstrap server that answers, or returns NoEntry.
func (x *explainer) enter(ctx context.Context) (*visit, error) {
	var unmet NoEntry
	for _, addr := range x.cfg.Bootstrap {
		v, err := x.visit(ctx, addr)
		if err == nil {
			x.out.Entry, x.out.Address, x.out.RTT = v.peer(), addr.HostPort, v.rtt
			return v, nil
		}
		unmet = append(unmet, Unmet{Address: addr.HostPort, Err: err})
	}
	return nil, unmet
}

// fetch asks for all parts of the database, some at a time: each answer ends
// with a digest.
func (x *explainer) fetch(ctx context.Context, v *visit) error {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	var cert []byte
	for first := 0; first < mesh.Buckets; first += bucketsPerRequest {
		var ask [bucketsPerRequest]byte
		for i := range ask {
			ask[i] = byte(first + i)
		}
		if err := v.conn.SendFrame(wire.TypeLSRequest, 0, ask[:]); err != nil {
			return err
		}
		record := func(f wire.Frame) {
			switch f.Type {
			case wire.TypeServerCert:
				cert = bytes.Clone(f.Body)
			case wire.TypeLSA:
				x.take(bytes.Clone(f.Body), cert)
				cert = nil
			}
		}
		var damaged error // what a batch is
		err := v.until(ctx, func(f wire.Frame) bool {
			switch f.Type {
			case wire.TypeServerCert, wire.TypeLSA:
				record(f)
			case wire.TypeLSBatch:
				var frames []wire.Frame
				if frames, damaged = wire.DecodeBatch(f.Body); damaged != nil {
					return true
				}
				for _, f := range frames {
					record(f)
				}
			case wire.TypeEvidence:
				x.db.ApplyEvidence(x.cfg.Clock(), f.Body) // what does not verify is left out
			}
			return f.Type == wire.TypeLSDigest
		})
		if err = cmp.Or(err, damaged); err != nil {
			return err
		}
	}
	x.out.Known = x.db.Len()
	return nil
}

// fetchTimeout bounds the fetching of the link-state: 10,000 servers are about
// 10 MB with their certificates.
const fetchTimeout = 30 * time.Second

// take verifies and keeps one announcement.
func (x *explainer) take(b, cert []byte) {
	if cert != nil {
		if _, _, err := x.certs.parse(cert); err != nil {
			x.out.Refused++
			return
		}
	}
	// Each is fetched once: the rate limit cannot strike.
	if _, err := x.db.Apply(x.cfg.Clock(), b); err != nil && !errors.Is(err, mesh.ErrOwn) && !errors.Is(err, mesh.ErrEquivocation) {
		x.out.Refused++
	}
}

// explain plans and asks.
func (x *explainer) explain(ctx context.Context, entry *visit) *Explanation {
	a := &x.cfg.Announcement
	view := x.db.View(x.cfg.Clock(), new(mesh.Standing))
	in := mesh.JoinInput{
		Applicant: mesh.Applicant{Server: x.self, Operator: a.Operator, Site: a.Site}, Entry: entry.peer(),
		Skip: func(fp omega.Fingerprint) bool {
			r, ok := x.db.Get(fp)
			return ok && x.cfg.Deny.names(fp, r.Operator)
		},
		Block: func(fp omega.Fingerprint) uint64 {
			if r, ok := x.db.Get(fp); ok {
				return announcedBlock(r)
			}
			return 0
		},
	}
	rtts := map[omega.Fingerprint]time.Duration{entry.peer(): entry.rtt}
	in.RTT = func(fp omega.Fingerprint) (time.Duration, bool) { rtt, ok := rtts[fp]; return rtt, ok }
	if x.cfg.Probe != nil {
		sample := view.ProbeSample(in, x.rng)
		maps.Copy(rtts, probeAll(ctx, x.cfg.Probe, peerAddresses(x.db, sample)))
		maps.Copy(rtts, probeAll(ctx, x.cfg.Probe, peerAddresses(x.db, view.ProbeNear(in, sample))))
	}
	x.out.Plan = view.PlanJoin(in, x.rng)
	plan := x.out.Plan.Chosen()
	slices.SortFunc(plan, omega.Fingerprint.Compare)
	for _, fp := range x.out.Plan.Chosen() {
		x.out.Answers[fp] = x.question(ctx, entry, fp, plan)
	}
	return &x.out
}

// question asks one candidate, over the connection to the entry if it is that.
func (x *explainer) question(ctx context.Context, entry *visit, fp omega.Fingerprint, plan []omega.Fingerprint) Answer {
	v := entry
	if fp != entry.peer() {
		rec, ok := x.db.Get(fp)
		if !ok {
			return Answer{Err: fmt.Errorf("server %v has no address", fp)}
		}
		var err error
		if v, err = x.visit(ctx, transport.Address{Network: transport.NetworkTLS, HostPort: rec.Peer, Fingerprint: fp}); err != nil {
			return Answer{Err: err}
		}
		defer v.conn.Close()
	}
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	answer, err := x.request(ctx, v, plan)
	answer.RTT, answer.Err = v.rtt, err
	return answer
}

func (x *explainer) request(ctx context.Context, v *visit, plan []omega.Fingerprint) (answer Answer, err error) {
	a := &x.cfg.Announcement
	q := wire.LinkRequest{
		Purpose: uint8(mesh.ReasonJoin), Flags: wire.RequestExplain, Issued: x.cfg.Clock(), Asker: x.self, Candidate: v.peer(),
		Operator: a.Operator, Site: a.Site, Plan: plan, Vouches: x.cfg.Vouches,
	}
	if !a.Transit() {
		q.Flags |= wire.RequestLeaf
	}
	binary.BigEndian.PutUint64(q.Nonce[:], x.rng.Uint64())
	binary.BigEndian.PutUint64(q.Nonce[8:], x.rng.Uint64())
	b, err := q.AppendTo(nil)
	if err != nil {
		return Answer{}, err
	}
	if err := v.conn.SendFrame(wire.TypeLinkRequest, 0, b); err != nil {
		return Answer{}, err
	}
	var bad error
	err = v.until(ctx, func(f wire.Frame) bool {
		switch f.Type {
		case wire.TypeLinkOffer:
			bad = x.checkOffer(v, q.Nonce, f.Body)
			return true
		case wire.TypeLinkRefusal:
			r, err := wire.DecodeLinkRefusal(f.Body)
			if err != nil || r.Nonce != q.Nonce {
				bad = errors.Join(err, errors.New("the refusal is not for this request"))
				return true
			}
			answer.Refusal, answer.Retry, answer.Text = mesh.Refusal(r.Reason), r.Retry, r.Text
			return true
		}
		return false
	})
	return answer, errors.Join(err, bad)
}

func (x *explainer) checkOffer(v *visit, nonce [16]byte, body []byte) error {
	o, err := wire.DecodeLinkOffer(body)
	if err != nil {
		return err
	}
	if o.Nonce != nonce || o.Asker != x.self || o.Candidate != v.peer() {
		return errors.New("the offer is not for this request")
	}
	return x.certs.verify(v.peer(), o.Signed(), time.Unix(o.Sig.Time, 0), o.Sig.Bytes)
}
