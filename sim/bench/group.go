package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// A grouper is a session that can send one message to many.
type grouper interface {
	// SendAll sends body to users 1 to n, in parts for at most each users, and
	// returns how many acceptances come.
	SendAll(n, each int, body []byte) (parts int, err error)
}

// Rounds of mode group: one message each, when the one before has come to all.
const (
	groupWarmup = 3
	groupRounds = 15
	groupPause  = 100 * time.Millisecond // for acknowledgements; counted as CPU
)

// A group is one sender and members who are all there.
type group struct {
	sender   session
	members  []session
	readers  sync.WaitGroup
	accepted chan int
	round    atomic.Int64 // the message that is on its way
	missing  atomic.Int64 // members who have not got it
	wrong    atomic.Int64 // messages that came twice, or late
	all      chan time.Time
	ended    chan error
}

// groupMessage measures a message to a group of n, sent in parts for each
// members at most: until it is stored, and until all have it.
func groupMessage(ctx context.Context, r *run, n, each int) (result, error) {
	g, err := gatherGroup(ctx, r.driver, n)
	if err != nil {
		return result{}, err
	}
	defer g.close()
	var stored, pushed []time.Duration
	var start usage
	var before processIO
	for i := range groupWarmup + groupRounds {
		if i == groupWarmup {
			if start, err = measure(r.server.pid()); err == nil {
				before, err = readIO(r.server.pid())
			}
			if err != nil {
				return result{}, err
			}
		}
		s, p, err := g.send(ctx, i, each)
		if err != nil {
			return result{}, fmt.Errorf("message %d: %w", i, err)
		}
		if i >= groupWarmup {
			stored, pushed = append(stored, s), append(pushed, p)
		}
		if err := pause(ctx, groupPause); err != nil {
			return result{}, err
		}
	}
	end, err := measure(r.server.pid())
	if err != nil {
		return result{}, err
	}
	after, err := readIO(r.server.pid())
	out := r.result("group", end.since(start), groupRounds)
	out.Members, out.Each = n, each
	out.Accepted, out.Delivered = summarise(stored), summarise(pushed)
	out.Missing = int(g.wrong.Load())
	out.WrittenKB = float64(after.written-before.written) / 1e3 / groupRounds
	out.DiskKB = float64(after.disk-before.disk) / 1e3 / groupRounds
	return out, err
}

// gatherGroup logs user 0 in, who sends, and users 1 to n.
func gatherGroup(ctx context.Context, d driver, n int) (*group, error) {
	sessions, err := dialUsers(ctx, d, n+1, func(i int) int { return i })
	if err != nil {
		return nil, err
	}
	g := &group{
		sender: sessions[0], members: sessions[1:],
		accepted: make(chan int, n), all: make(chan time.Time, 1), ended: make(chan error, n+1),
	}
	g.readers.Go(func() {
		g.read(g.sender, func(e event) {
			if e.accepted > 0 {
				g.accepted <- e.accepted
			}
		})
	})
	for _, s := range g.members {
		next := 0
		g.readers.Go(func() {
			g.read(s, func(e event) {
				if e.body != nil {
					g.arrived(e.body, next)
					next++
				}
			})
		})
	}
	return g, nil
}

func (g *group) read(s session, take func(event)) {
	for {
		e, err := s.Recv()
		if err != nil {
			g.ended <- err
			return
		}
		take(e)
	}
}

// arrived counts a message that one member has got, as its next one.
func (g *group) arrived(body []byte, next int) {
	sequence, _, err := readBody(body)
	if err != nil || sequence != next || int64(sequence) != g.round.Load() {
		g.wrong.Add(1)
		return
	}
	if g.missing.Add(-1) == 0 {
		g.all <- time.Now()
	}
}

// send sends message i and waits until it is stored, and until all have it.
func (g *group) send(ctx context.Context, i, each int) (stored, pushed time.Duration, err error) {
	g.round.Store(int64(i))
	g.missing.Store(int64(len(g.members)))
	body := newBody()
	fillBody(body, i, 0)
	start := time.Now()
	s, ok := g.sender.(grouper)
	if !ok {
		return 0, 0, errors.New("it cannot send to many")
	}
	parts, err := s.SendAll(len(g.members), each, body)
	if err != nil {
		return 0, 0, err
	}
	timeout := time.After(drainTimeout)
	for parts > 0 || pushed == 0 {
		select {
		case n := <-g.accepted:
			if parts -= n; parts == 0 {
				stored = time.Since(start)
			}
		case at := <-g.all:
			pushed = at.Sub(start)
		case err := <-g.ended:
			return 0, 0, err
		case <-ctx.Done():
			return 0, 0, ctx.Err()
		case <-timeout:
			return 0, 0, fmt.Errorf("%d members have not got it, %d parts are not stored", g.missing.Load(), parts)
		}
	}
	return stored, pushed, nil
}

func (g *group) close() {
	g.sender.Close()
	closeAll(g.members)
	g.readers.Wait()
}
