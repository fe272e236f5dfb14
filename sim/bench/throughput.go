package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// throughput keeps window messages in flight between each of the pairs and
// counts what is through: delivered and, where the server says so, accepted.
func throughput(ctx context.Context, r *run, window int) (result, error) {
	c, err := gather(ctx, r.driver, r.cfg.pairs, r.about.accepts)
	if err != nil {
		return result{}, err
	}
	defer c.close()
	err = c.each(func(p *pair) error {
		p.window = window
		return p.pump()
	})
	if err != nil {
		return result{}, fmt.Errorf("first messages: %w", err)
	}
	if err := pause(ctx, r.cfg.warmup); err != nil {
		return result{}, err
	}
	start, err := measure(r.server.pid())
	if err != nil {
		return result{}, err
	}
	before := c.done()
	if err := pause(ctx, r.cfg.duration); err != nil {
		return result{}, err
	}
	after := c.done()
	end, err := measure(r.server.pid())
	if err != nil {
		return result{}, errors.Join(err, c.failure())
	}
	c.each(func(p *pair) error { p.window = 0; return nil })
	missing, err := c.drain(ctx)
	if err == nil {
		err = c.failure()
	}
	out := r.result("thr", end.since(start), after-before)
	out.Pairs, out.Window, out.Missing = r.cfg.pairs, window, missing
	return out, err
}

// openLoop sends at a fixed rate over all pairs in turn, whatever the server
// does, and counts latency from the moment at which a message was due.
func openLoop(ctx context.Context, r *run, rate int) (result, error) {
	c, err := gather(ctx, r.driver, r.cfg.pairs, r.about.accepts)
	if err != nil {
		return result{}, err
	}
	defer c.close()
	begin := c.pairs[0].clock()
	c.each(func(p *pair) error {
		p.deliver = latencies{on: true, from: begin + r.cfg.warmup}
		p.accept = p.deliver
		return nil
	})
	var start, end usage
	var failed error
	send := func(i int, due time.Duration) bool {
		p := c.pairs[i%len(c.pairs)]
		p.mu.Lock()
		defer p.mu.Unlock()
		failed = p.send(due)
		return failed == nil && c.failure() == nil && ctx.Err() == nil
	}
	warm := int(r.cfg.warmup.Seconds() * float64(rate))
	total := warm + int(r.cfg.duration.Seconds()*float64(rate))
	clock := c.pairs[0].clock
	pace(clock, begin, rate, 0, warm, send)
	if start, err = measure(r.server.pid()); err != nil {
		return result{}, errors.Join(err, c.failure())
	}
	sent := pace(clock, begin, rate, warm, total, send)
	if end, err = measure(r.server.pid()); err != nil {
		return result{}, errors.Join(err, c.failure())
	}
	missing, err := c.drain(ctx)
	if err = errors.Join(err, failed, c.failure()); err != nil {
		return result{}, err
	}
	out := r.result("rate", end.since(start), sent)
	out.Pairs, out.Rate, out.Missing = r.cfg.pairs, rate, missing
	var deliver, accept []time.Duration
	c.each(func(p *pair) error {
		deliver = append(deliver, p.deliver.values...)
		accept = append(accept, p.accept.values...)
		return nil
	})
	out.Delivered, out.Accepted = summarise(deliver), summarise(accept)
	return out, nil
}
