package main

import (
	"context"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// A crowd is all pairs of one run with their readers.
type crowd struct {
	pairs   []*pair
	readers sync.WaitGroup

	mu      sync.Mutex
	closing bool  // guarded by mu
	err     error // the first failure of a reader; guarded by mu
}

// dialLimit is how many logins run at once.
const dialLimit = 16

// dialUsers logs users first to first+n*step in, some at a time.
func dialUsers(ctx context.Context, d driver, n int, user func(i int) int) ([]session, error) {
	sessions := make([]session, n)
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(dialLimit)
	for i := range sessions {
		g.Go(func() (err error) {
			sessions[i], err = d.Dial(ctx, user(i))
			return err
		})
	}
	if err := g.Wait(); err != nil {
		closeAll(sessions)
		return nil, err
	}
	return sessions, nil
}

func closeAll(sessions []session) {
	for _, s := range sessions {
		if s != nil {
			s.Close()
		}
	}
}

// gather logs 2n users in as n pairs: user 2i sends to user 2i+1.
func gather(ctx context.Context, d driver, n int, accepts bool) (*crowd, error) {
	sessions, err := dialUsers(ctx, d, 2*n, func(i int) int { return i })
	if err != nil {
		return nil, err
	}
	start := time.Now()
	c := new(crowd)
	for i := range n {
		p := &pair{
			from: sessions[2*i], to: sessions[2*i+1], receiver: 2*i + 1, accepts: accepts,
			clock: func() time.Duration { return time.Since(start) }, body: newBody(),
		}
		c.pairs = append(c.pairs, p)
		c.readers.Go(func() { c.read(p, p.from) })
		c.readers.Go(func() { c.read(p, p.to) })
	}
	return c, nil
}

// read handles what one session gets until it is closed.
func (c *crowd) read(p *pair, s session) {
	for {
		e, err := s.Recv()
		switch {
		case err != nil:
		case e.body != nil:
			err = p.onMessage(e.body)
		case e.accepted > 0 && p.accepts:
			err = p.onAccepted(e.accepted)
		}
		if err != nil {
			c.fail(err)
			return
		}
	}
}

func (c *crowd) fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil && !c.closing {
		c.err = err
	}
}

// failure is the first error of any reader.
func (c *crowd) failure() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// each calls f with every pair locked.
func (c *crowd) each(f func(*pair) error) error {
	for _, p := range c.pairs {
		p.mu.Lock()
		err := f(p)
		p.mu.Unlock()
		if err != nil {
			return err
		}
	}
	return nil
}

// done adds the finished messages of all pairs up.
func (c *crowd) done() (n int) {
	for _, p := range c.pairs {
		_, done := p.counts()
		n += done
	}
	return n
}

// drainTimeout is how long a server may take for what is in flight at the end.
const drainTimeout = 20 * time.Second

// drain waits until everything sent is through, and counts what never came.
func (c *crowd) drain(ctx context.Context) (missing int, err error) {
	deadline := time.Now().Add(drainTimeout)
	for {
		missing = 0
		for _, p := range c.pairs {
			sent, done := p.counts()
			missing += sent - done
		}
		switch {
		case missing == 0 || time.Now().After(deadline):
			return missing, nil
		case c.failure() != nil:
			return missing, c.failure()
		}
		if err := pause(ctx, 5*time.Millisecond); err != nil {
			return missing, err
		}
	}
}

// close ends all sessions and waits for the readers.
func (c *crowd) close() {
	c.mu.Lock()
	c.closing = true
	c.mu.Unlock()
	for _, p := range c.pairs {
		p.from.Close()
		p.to.Close()
	}
	c.readers.Wait()
}

// pause waits for d or until ctx ends.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
