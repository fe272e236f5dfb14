package cloud

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/mesh"
	"github.com/omega-im/omega/transport"
	"github.com/omega-im/omega/wire"
)

// Quotas of circuits. (spec/cloud.md, CLOUD-33)
const (
	maxCircuits         = 64               // at this relay
	maxCircuitsPerAsker = 4                // of one server
	circuitRate         = 4 << 20          // octets per second and direction
	circuitIdle         = 2 * time.Minute  // without an octet
	circuitJoin         = 10 * time.Second // for both ends to come
	circuitBuffer       = 16 << 10         // octets per direction, and all that a circuit holds
	askAgain            = time.Second      // between requests to a relay that does not answer
	maxOffers           = 8                // that this server follows at once
)

// Errors of circuits, for logs.
var (
	errNoRelay  = errors.New("no neighbour of the server can be dialled")
	errHandle   = errors.New("no such circuit")
	errIdleLong = errors.New("the circuit was idle")
	errStranger = errors.New("somebody else came by the circuit")
)

// circuits are what this server knows of circuits in its three parts: as the one
// that asks, as the relay, and as the one behind NAT.
type circuits struct {
	mu     sync.Mutex
	asked  map[uint64]chan circuitAnswer // by nonce; guarded by mu
	relays map[wire.Handle]*circuit      // guarded by mu
	offers int                           // being followed; guarded by mu
}

type circuitAnswer struct {
	code   omega.Code
	handle wire.Handle
}

// A circuit is one at its relay.
type circuit struct {
	nonce    uint64
	from, to omega.Fingerprint
	until    int64         // when it ends if nobody came
	first    bool          // an end has come
	second   chan net.Conn // the other one
	done     chan struct{} // closed when both are done with
}

// mayCircuit reports whether a server can be reached by a circuit only.
func (c *Cloud) mayCircuit(t *table, to omega.Fingerprint) bool {
	if c.cfg.DialCircuit == nil || t.resting[to] {
		return false
	}
	r := t.view.Record(to)
	return r != nil && r.Flags&mesh.FlagNAT != 0 && t.view.State(to) != mesh.Unreachable
}

// dialByCircuit makes a direct connection to a server behind NAT.
func (o *owner) dialByCircuit(n *neighbour) {
	t := o.table.Load()
	if n.dialling || n.backoff.rests(o.now) || o.dialling >= maxDials || !o.mayCircuit(t, n.fp) {
		return
	}
	relay := o.chooseRelay(t, n)
	if relay == nil {
		o.failed(&n.backoff)
		o.linksChanged = true
		o.log.Debug("no circuit", "peer", n.fp, "err", errNoRelay)
		return
	}
	addr := transport.Address{Network: transport.NetworkTLS, HostPort: relay.Peer, Fingerprint: n.fp}
	o.dialNeighbourBy(n, addr, func(ctx context.Context, addr transport.Address) (Conn, error) {
		h, err := o.askCircuit(ctx, relay.Server, n.fp)
		if err != nil {
			return nil, err
		}
		return o.cfg.DialCircuit(ctx, addr, h)
	}, false, func(error) {})
}

// chooseRelay returns a neighbour of a server that both can dial: those that
// this server is connected to first, then the nearest; after a failure the next.
func (o *owner) chooseRelay(t *table, n *neighbour) *mesh.Record {
	rec := t.view.Record(n.fp)
	if rec == nil {
		return nil
	}
	var relays []*mesh.Record
	for _, l := range rec.Links {
		r := t.view.Record(l.Peer)
		if r != nil && l.Peer != o.self && r.Dialable() && r.Transit() && t.view.State(l.Peer) != mesh.Unreachable {
			relays = append(relays, r)
		}
	}
	if len(relays) == 0 {
		return nil
	}
	distance := func(r *mesh.Record) time.Duration {
		if t.links[r.Server] != nil {
			return 0
		}
		d, _ := t.view.Tree.Distance(r.Server)
		return d
	}
	slices.SortStableFunc(relays, func(a, b *mesh.Record) int { return cmp.Compare(distance(a), distance(b)) })
	return relays[n.backoff.failures%len(relays)]
}

// askCircuit asks a relay for a circuit until it answers or ctx ends.
func (c *Cloud) askCircuit(ctx context.Context, relay, to omega.Fingerprint) (wire.Handle, error) {
	nonce := binary.BigEndian.Uint64(c.nextSecret())
	answer := make(chan circuitAnswer, 1)
	k := &c.circuits
	k.mu.Lock()
	if k.asked == nil {
		k.asked = map[uint64]chan circuitAnswer{}
	}
	k.asked[nonce] = answer // as many as dials
	k.mu.Unlock()
	defer func() {
		k.mu.Lock()
		defer k.mu.Unlock()
		delete(k.asked, nonce)
	}()
	again := time.NewTicker(askAgain)
	defer again.Stop()
	for {
		if err := c.say(relay, wire.TypeCircuitAsk, wire.AppendCircuitAsk(nil, nonce, to)); err != nil {
			return wire.Handle{}, fmt.Errorf("ask %v for a circuit: %w", relay, err)
		}
		select {
		case a := <-answer:
			if a.code != omega.CodeOK {
				return wire.Handle{}, fmt.Errorf("ask %v for a circuit: %w", relay, omega.Errorf(a.code, "the relay refuses"))
			}
			return a.handle, nil
		case <-again.C:
		case <-ctx.Done():
			return wire.Handle{}, fmt.Errorf("ask %v for a circuit: %w", relay, context.Cause(ctx))
		}
	}
}

// heardCircuit deals with what others say of circuits.
func (c *Cloud) heardCircuit(from omega.Fingerprint, f wire.Frame) {
	switch f.Type {
	case wire.TypeCircuitAsk:
		if nonce, to, err := wire.DecodeCircuitAsk(f.Body); err == nil {
			c.offerCircuit(from, nonce, to)
		}
	case wire.TypeCircuitOffer:
		if h, asker, err := wire.DecodeCircuitOffer(f.Body); err == nil {
			c.followOffer(from, h, asker)
		}
	case wire.TypeCircuitAnswer:
		nonce, code, h, err := wire.DecodeCircuitAnswer(f.Body)
		if err != nil {
			return
		}
		c.circuits.mu.Lock()
		defer c.circuits.mu.Unlock()
		if answer := c.circuits.asked[nonce]; answer != nil {
			select {
			case answer <- circuitAnswer{code, h}:
			default:
			}
		}
	}
}

// offerCircuit is the relay's part: it makes a circuit and tells both ends.
func (c *Cloud) offerCircuit(from omega.Fingerprint, nonce uint64, to omega.Fingerprint) {
	t := c.table.Load()
	code, h := omega.CodeOK, wire.Handle{}
	switch {
	case !c.transits(t):
		code = omega.CodeRefused
	case t.links[to] == nil || from == to:
		code = omega.CodeNotFound
	default:
		h, code = c.circuits.add(from, nonce, to, wire.Handle(c.nextSecret()), c.now())
	}
	if code == omega.CodeOK {
		_ = c.say(to, wire.TypeCircuitOffer, wire.AppendCircuitOffer(nil, h, from))
	} else {
		c.stats.circuitsRefused.Add(1)
	}
	// What is lost is asked for again.
	_ = c.say(from, wire.TypeCircuitAnswer, wire.AppendCircuitAnswer(nil, nonce, code, h))
}

// add makes a circuit with a handle, if the quotas allow. The same request
// again gets the same circuit.
func (k *circuits) add(from omega.Fingerprint, nonce uint64, to omega.Fingerprint, h wire.Handle, now int64) (wire.Handle, omega.Code) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.relays == nil {
		k.relays = map[wire.Handle]*circuit{}
	}
	of := 0
	for old, x := range k.relays {
		switch {
		case !x.first && now >= x.until:
			delete(k.relays, old)
		case x.from == from && x.nonce == nonce && x.to == to:
			return old, omega.CodeOK
		case x.from == from:
			of++
		}
	}
	if len(k.relays) >= maxCircuits || of >= maxCircuitsPerAsker {
		return wire.Handle{}, omega.CodeRateLimited
	}
	k.relays[h] = &circuit{
		nonce: nonce, from: from, to: to, until: now + int64(circuitJoin),
		second: make(chan net.Conn, 1), done: make(chan struct{}),
	}
	return h, omega.CodeOK
}

// join brings an end to its circuit. first: it has to wait for the other one.
func (k *circuits) join(h wire.Handle, nc net.Conn, now int64) (x *circuit, first bool, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	x = k.relays[h]
	if x == nil || !x.first && now >= x.until {
		return nil, false, errHandle
	}
	if !x.first {
		x.first = true
		return x, true, nil
	}
	select {
	case x.second <- nc:
		return x, false, nil
	default:
		return nil, false, errHandle // both are here
	}
}

func (k *circuits) remove(h wire.Handle) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if x := k.relays[h]; x != nil {
		close(x.done)
		delete(k.relays, h)
	}
}

func (k *circuits) len() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return len(k.relays)
}

// Splice is for a connection that presented the handle of a circuit here. It
// waits for the other end, copies between the two until they are done, ctx ends
// or a quota says so, and returns why it ended. The caller closes nc then, and
// not before. (spec/cloud.md, CLOUD-32)
func (c *Cloud) Splice(ctx context.Context, h wire.Handle, nc net.Conn) error {
	x, first, err := c.circuits.join(h, nc, c.now())
	if err != nil {
		return err
	}
	if !first {
		<-x.done // by the other one, which holds both
		return nil
	}
	defer c.circuits.remove(h)
	wait := time.NewTimer(circuitJoin)
	defer wait.Stop()
	select {
	case other := <-x.second:
		return splice(ctx, nc, other)
	case <-wait.C:
		return fmt.Errorf("circuit from %v to %v: the other end did not come", x.from, x.to)
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// splice copies between two connections until both directions have ended.
func splice(ctx context.Context, a, b net.Conn) error {
	closeBoth := func() { a.Close(); b.Close() }
	defer context.AfterFunc(ctx, closeBoth)()
	defer closeBoth()
	var last atomic.Int64 // when an octet went either way, Unix nanoseconds
	last.Store(time.Now().UnixNano())
	back := make(chan error, 1)
	go func() {
		err := copyPaced(a, b, &last)
		if err != nil {
			closeBoth()
		}
		back <- err
	}()
	err := copyPaced(b, a, &last)
	if err != nil {
		closeBoth()
	}
	return errors.Join(err, <-back)
}

// copyPaced copies until src ends, at most circuitRate octets a second, and
// passes the end on. It holds one buffer and reads no more than it wrote.
func copyPaced(dst, src net.Conn, last *atomic.Int64) error {
	buf := make([]byte, circuitBuffer)
	var due time.Time // when what was copied so far is paid for
	for {
		if err := src.SetReadDeadline(time.Now().Add(circuitIdle)); err != nil {
			return err
		}
		n, err := src.Read(buf)
		if n > 0 {
			now := time.Now()
			last.Store(now.UnixNano())
			if due.Before(now) {
				due = now
			}
			due = due.Add(time.Duration(n) * time.Second / circuitRate)
			if err := dst.SetWriteDeadline(now.Add(circuitIdle)); err != nil {
				return err
			}
			if _, err := dst.Write(buf[:n]); err != nil {
				return err
			}
			time.Sleep(time.Until(due))
		}
		switch {
		case err == nil:
		case errors.Is(err, os.ErrDeadlineExceeded):
			if time.Since(time.Unix(0, last.Load())) >= circuitIdle {
				return errIdleLong
			}
		default:
			return endOf(dst, err)
		}
	}
}

// endOf tells dst that nothing more comes. An end that was no error is none.
func endOf(dst net.Conn, err error) error {
	half, ok := dst.(interface{ CloseWrite() error })
	if !ok || !errors.Is(err, io.EOF) {
		return err
	}
	return half.CloseWrite()
}

// followOffer is the part of the server behind NAT: it dials the relay and
// takes who comes by the circuit for a server that dialled.
func (c *Cloud) followOffer(relay omega.Fingerprint, h wire.Handle, asker omega.Fingerprint) {
	t := c.table.Load()
	rec := t.view.Record(relay)
	if c.cfg.AnswerCircuit == nil || rec == nil || !rec.Dialable() || t.links[relay] == nil {
		return
	}
	k := &c.circuits
	k.mu.Lock()
	full := k.offers >= maxOffers
	if !full {
		k.offers++
	}
	k.mu.Unlock()
	if full {
		c.stats.circuitsRefused.Add(1)
		return
	}
	if !c.do(func(o *owner) { o.wg.Go(func() { c.answerCircuit(o.ctx, rec.Peer, h, asker) }) }) {
		c.offerDone()
	}
}

func (c *Cloud) offerDone() {
	c.circuits.mu.Lock()
	defer c.circuits.mu.Unlock()
	c.circuits.offers--
}

func (c *Cloud) answerCircuit(ctx context.Context, relay string, h wire.Handle, asker omega.Fingerprint) {
	dialCtx, cancel := context.WithTimeout(ctx, c.cfg.DialTimeout)
	conn, err := c.cfg.AnswerCircuit(dialCtx, relay, h)
	cancel()
	c.offerDone()
	if err == nil && conn.Peer().Account != asker {
		conn.Close()
		err = errStranger
	}
	if err == nil {
		err = c.Accept(ctx, conn)
	}
	c.cfg.Logger.Debug("circuit ended", "peer", asker, "relay", relay, "err", err)
}
