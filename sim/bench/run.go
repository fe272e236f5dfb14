package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// drivers lists the servers that can take part, by the name in -systems.
func drivers() map[string]driver {
	return map[string]driver{
		"omega":      new(omegaServer),
		"omega-hop":  new(omegaHop),
		"omega-1of3": &omegaHomes{n: 1},
		"omega-3of3": &omegaHomes{n: 3},
		"ejabberd":   new(ejabberd),
		"prosody":    new(prosody),
		"mosquitto":  new(mosquitto),
		"floor":      new(floor),
		"floor-sync": &floor{sync: true},
	}
}

// A config says what to measure.
type config struct {
	systems, modes   []string
	pairs            int
	windows, rates   []int
	warmup, duration time.Duration
	offlineUsers     int // receivers
	offlineEach      int // messages for each
	connections      []int
	members          []int         // of groups
	settle           time.Duration // before memory is read
	dir              string        // for the servers' data; empty is a temporary one
	quiet            float64       // take a row again while foreign CPU is above this share
	tries            int           // at most so often; the quietest row counts
}

// A run is one row being measured: a server of its own with data of its own.
type run struct {
	cfg    config
	driver driver
	about  description
	site   *site
	users  int
	server *process
}

// A measurement is one row to be.
type measurement struct {
	mode  string
	users int // that must be able to log in
	take  func(context.Context, *run) (result, error)
}

// plan lists the rows of one server.
func plan(cfg config, about description) ([]measurement, error) {
	var out []measurement
	for _, mode := range cfg.modes {
		switch mode {
		case "thr":
			for _, window := range cfg.windows {
				out = append(out, measurement{mode, 2 * cfg.pairs, func(ctx context.Context, r *run) (result, error) {
					return throughput(ctx, r, window)
				}})
			}
		case "rate":
			for _, rate := range cfg.rates {
				out = append(out, measurement{mode, 2 * cfg.pairs, func(ctx context.Context, r *run) (result, error) {
					return openLoop(ctx, r, rate)
				}})
			}
		case "offline":
			if about.offline {
				out = append(out, measurement{mode, 2 * cfg.offlineUsers, offline})
			}
		case "forward":
			if about.forwards {
				out = append(out, measurement{mode, 0, forward})
			}
		case "group":
			for _, n := range cfg.members {
				for _, each := range about.groups {
					out = append(out, measurement{mode, n + 1, func(ctx context.Context, r *run) (result, error) {
						return groupMessage(ctx, r, n, each)
					}})
				}
			}
		case "idle":
			for _, n := range cfg.connections {
				out = append(out, measurement{mode, n, func(ctx context.Context, r *run) (result, error) {
					return idle(ctx, r, n)
				}})
			}
		default:
			return nil, fmt.Errorf("there is no mode %q", mode)
		}
	}
	return out, nil
}

// measureAll takes every row. One that fails is reported and does not stop the
// others.
func measureAll(ctx context.Context, cfg config, progress io.Writer) (rows []result, failed error) {
	first, err := measureMachine(cfg)
	if err != nil {
		return nil, err
	}
	rows = append(rows, first)
	known := drivers()
	for _, name := range cfg.systems {
		d, ok := known[name]
		if !ok {
			failed = errors.Join(failed, fmt.Errorf("there is no server %q", name))
			continue
		}
		about, err := d.Describe(ctx)
		if err != nil {
			failed = errors.Join(failed, err)
			continue
		}
		todo, err := plan(cfg, about)
		if err != nil {
			return rows, err
		}
		for _, m := range todo {
			if ctx.Err() != nil {
				return rows, errors.Join(failed, ctx.Err())
			}
			row, err := measureQuietly(ctx, cfg, d, about, m)
			if err != nil {
				failed = errors.Join(failed, fmt.Errorf("%s, %s: %w", name, m.mode, err))
				row = result{System: name, Version: about.version, Durability: about.durability, Mode: m.mode, Error: err.Error()}
			}
			rows = append(rows, row)
			writeJSON(progress, rows[len(rows)-1:])
		}
	}
	return rows, failed
}

// measureMachine makes the row that tells what the others ran on.
func measureMachine(cfg config) (result, error) {
	dir, err := os.MkdirTemp(cfg.dir, "omega-bench-")
	if err != nil {
		return result{}, err
	}
	defer os.RemoveAll(dir)
	m, err := calibrate(dir)
	return result{Mode: "machine", Machine: m}, err
}

// measureQuietly takes a row up to cfg.tries times, until nobody else disturbs
// it. Which one counts is decided by the foreign CPU alone.
func measureQuietly(ctx context.Context, cfg config, d driver, about description, m measurement) (best result, err error) {
	for i := range max(1, cfg.tries) {
		row, err := measureOne(ctx, cfg, d, about, m)
		if err != nil {
			return row, err
		}
		if i == 0 || row.Foreign < best.Foreign {
			best = row
		}
		if best.Foreign <= cfg.quiet {
			break
		}
	}
	return best, nil
}

// measureOne starts a server for one row, measures and ends it.
func measureOne(ctx context.Context, cfg config, d driver, about description, m measurement) (result, error) {
	dir, err := os.MkdirTemp(cfg.dir, "omega-bench-")
	if err != nil {
		return result{}, err
	}
	defer os.RemoveAll(dir)
	s, err := newSite(dir)
	if err != nil {
		return result{}, err
	}
	r := &run{cfg: cfg, driver: d, about: about, site: s, users: m.users}
	if r.server, err = d.Start(ctx, s, m.users); err != nil {
		return result{}, err
	}
	defer func() {
		if r.server != nil {
			r.server.stop()
		}
	}()
	return m.take(ctx, r)
}
