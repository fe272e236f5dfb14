package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// offline stores messages for users who are away and lets them fetch; then it
// stores again, kills the server when the last message is accepted, starts it
// anew and counts what is left.
func offline(ctx context.Context, r *run) (result, error) {
	if err := introduce(ctx, r); err != nil {
		return result{}, fmt.Errorf("introduce receivers: %w", err)
	}
	total := r.cfg.offlineUsers * r.cfg.offlineEach
	stored, err := storeAll(ctx, r)
	if err != nil {
		return result{}, fmt.Errorf("store: %w", err)
	}
	fetched, got, err := fetchAll(ctx, r)
	if err != nil {
		return result{}, fmt.Errorf("fetch: %w", err)
	}
	out := r.result("offline", stored, total)
	out.Users, out.Missing = r.cfg.offlineUsers, total-got
	out.FetchPerSecond = perSecond(got, fetched.wall)
	out.FetchPerCPUSecond = perSecond(got, fetched.server)

	if _, err := storeAll(ctx, r); err != nil {
		return out, fmt.Errorf("store again: %w", err)
	}
	r.server.kill()
	if r.server, err = r.driver.Start(ctx, r.site, r.users); err != nil {
		return out, fmt.Errorf("restart after kill -9: %w", err)
	}
	_, got, err = fetchAll(ctx, r)
	if err != nil {
		return out, fmt.Errorf("fetch after kill -9: %w", err)
	}
	lost := total - got
	out.LostByKill = &lost
	return out, nil
}

// goneAfter is how long a server may take to see that a user has left.
const goneAfter = 500 * time.Millisecond

// introduce lets every receiver log in once, as MQTT's subscriptions need.
func introduce(ctx context.Context, r *run) error {
	sessions, err := dialUsers(ctx, r.driver, r.cfg.offlineUsers, receiverOf)
	if err != nil {
		return err
	}
	closeAll(sessions)
	return pause(ctx, goneAfter)
}

func senderOf(i int) int   { return 2 * i }
func receiverOf(i int) int { return 2*i + 1 }

// storeAll sends from every sender to its receiver, who is away, and returns
// when the server has accepted everything.
func storeAll(ctx context.Context, r *run) (span, error) {
	sessions, err := dialUsers(ctx, r.driver, r.cfg.offlineUsers, senderOf)
	if err != nil {
		return span{}, err
	}
	defer closeAll(sessions)
	start, err := measure(r.server.pid())
	if err != nil {
		return span{}, err
	}
	errs := make([]error, len(sessions))
	var wg sync.WaitGroup
	for i, s := range sessions {
		stop := context.AfterFunc(ctx, func() { s.Close() })
		defer stop()
		wg.Go(func() { errs[i] = awaitAccepted(s, r.cfg.offlineEach) })
		wg.Go(func() {
			if err := sendMany(s, receiverOf(i), r.cfg.offlineEach); err != nil {
				s.Close() // ends the other one
			}
		})
	}
	wg.Wait()
	end, err := measure(r.server.pid())
	return end.since(start), errors.Join(append(errs, err)...)
}

func sendMany(s session, to, n int) error {
	body := newBody()
	for i := range n {
		fillBody(body, i, 0)
		if err := s.Send(to, body); err != nil {
			return err
		}
	}
	return s.Mark()
}

func awaitAccepted(s session, n int) error {
	for accepted := 0; accepted < n; {
		e, err := s.Recv()
		if err != nil {
			return fmt.Errorf("after %d of %d acceptances: %w", accepted, n, err)
		}
		accepted += e.accepted
	}
	return nil
}

// quietAfter is how long a server that has lost messages is waited for.
const quietAfter = 3 * time.Second

// fetchAll logs the receivers in, logins counted, and reads until everything is
// there or nothing has come for a while. The span ends with the last message.
func fetchAll(ctx context.Context, r *run) (span, int, error) {
	start, err := measure(r.server.pid())
	if err != nil {
		return span{}, 0, err
	}
	sessions, err := dialUsers(ctx, r.driver, r.cfg.offlineUsers, receiverOf)
	if err != nil {
		return span{}, 0, err
	}
	arrivals := make(chan struct{}, 1024)
	var readers sync.WaitGroup
	defer readers.Wait()
	defer closeAll(sessions)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for _, s := range sessions {
		readers.Go(func() { report(ctx, s, arrivals) })
	}
	total, got := r.cfg.offlineUsers*r.cfg.offlineEach, 0
	end, err := measure(r.server.pid())
	for got < total && err == nil {
		select {
		case <-arrivals:
			if got++; got%500 == 0 || got == total {
				end, err = measure(r.server.pid())
			}
		case <-time.After(quietAfter):
			return end.since(start), got, nil
		case <-ctx.Done():
			return span{}, got, ctx.Err()
		}
	}
	return end.since(start), got, err
}

// report tells of every message that s gets until it is closed.
func report(ctx context.Context, s session, arrivals chan<- struct{}) {
	for {
		e, err := s.Recv()
		if err != nil {
			return
		}
		if e.body == nil {
			continue
		}
		select {
		case arrivals <- struct{}{}:
		case <-ctx.Done():
			return
		}
	}
}
