package main

import (
	"context"
	"fmt"
)

// idle logs n users in, does nothing, and tells what each costs: memory of the
// server process, its CPU for the login, and CPU while nothing happens.
func idle(ctx context.Context, r *run, n int) (result, error) {
	// A fresh process: making the users has left its traces in the first one.
	r.server.stop()
	var err error
	if r.server, err = r.driver.Start(ctx, r.site, r.users); err != nil {
		return result{}, fmt.Errorf("restart: %w", err)
	}
	if err := pause(ctx, r.cfg.settle); err != nil {
		return result{}, err
	}
	empty, err := treeRSS(r.server.pid())
	if err != nil {
		return result{}, err
	}
	start, err := measure(r.server.pid())
	if err != nil {
		return result{}, err
	}
	sessions, err := dialUsers(ctx, r.driver, n, func(i int) int { return i })
	if err != nil {
		return result{}, err
	}
	defer closeAll(sessions)
	connected, err := measure(r.server.pid())
	if err != nil {
		return result{}, err
	}
	if err := pause(ctx, r.cfg.settle); err != nil {
		return result{}, err
	}
	full, err := treeRSS(r.server.pid())
	if err != nil {
		return result{}, err
	}
	resting, err := measure(r.server.pid())
	if err != nil {
		return result{}, err
	}
	if err := pause(ctx, r.cfg.settle); err != nil {
		return result{}, err
	}
	end, err := measure(r.server.pid())
	if err != nil {
		return result{}, err
	}
	logins := connected.since(start)
	out := r.result("idle", logins, 0)
	out.Connections = n
	out.EmptyMB = float64(empty) / 1e6
	out.KBPerConnection = float64(full-empty) / 1e3 / float64(n)
	out.LoginCPU = logins.server.Seconds() * 1e3 / float64(n)
	out.LoginsPerSecond = perSecond(n, logins.wall)
	out.IdleCPU = end.since(resting).server.Seconds() / end.since(resting).wall.Seconds()
	return out, nil
}
