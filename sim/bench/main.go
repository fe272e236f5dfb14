package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
	"time"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == floorCommand {
		fmt.Fprintln(os.Stderr, "bench:", serveFloor(os.Args[2:]))
		os.Exit(1)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := bench(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// bench parses the command line, measures and reports.
func bench(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(stderr)
	var (
		systems = flags.String("systems", "omega,floor,floor-sync,mosquitto,prosody,ejabberd", "servers to measure, by `name,…`")
		modes   = flags.String("modes", "thr,rate,offline,idle", "what to measure, by `mode,…`")
		windows = flags.String("windows", "1,16", "messages in flight per pair, for thr")
		rates   = flags.String("rates", "1000,10000", "messages per second, for rate")
		idles   = flags.String("idle", "4000,15000", "connections, for idle; open files are the limit")
		groups  = flags.String("members", "200,5000", "members of a group who are all connected, for group")
		out     = flags.String("json", "", "also write one JSON line per row to this `file`")
		cfg     config
	)
	flags.IntVar(&cfg.pairs, "pairs", 200, "senders with a receiver each")
	flags.DurationVar(&cfg.warmup, "warmup", 2*time.Second, "time before counting, for thr and rate")
	flags.DurationVar(&cfg.duration, "duration", 6*time.Second, "time of counting, for thr and rate")
	flags.IntVar(&cfg.offlineUsers, "away", 50, "users who are away, for offline")
	flags.IntVar(&cfg.offlineEach, "waiting", 100, "messages for each of them")
	flags.DurationVar(&cfg.settle, "settle", 5*time.Second, "time before memory is read, for idle")
	flags.StringVar(&cfg.dir, "dir", "", "`directory` for the servers' data (default: a temporary one)")
	flags.Float64Var(&cfg.quiet, "quiet", 0.1, "take a row again while others use more than this `share` of the CPUs")
	flags.IntVar(&cfg.tries, "tries", 1, "how often to take a row at most; the quietest counts")
	if err := flags.Parse(args); err != nil {
		return err
	}
	cfg.systems, cfg.modes = strings.Split(*systems, ","), strings.Split(*modes, ",")
	var err error
	if cfg.windows, err = numbers(*windows); err != nil {
		return err
	}
	if cfg.rates, err = numbers(*rates); err != nil {
		return err
	}
	if cfg.connections, err = numbers(*idles); err != nil {
		return err
	}
	if cfg.members, err = numbers(*groups); err != nil {
		return err
	}
	// The generator's own collector must not disturb the server beside it.
	defer debug.SetGCPercent(debug.SetGCPercent(400))
	rows, failed := measureAll(ctx, cfg, stderr)
	if err := writeTables(stdout, rows); err != nil {
		return err
	}
	if *out != "" {
		if err := writeFile(*out, rows); err != nil {
			return err
		}
	}
	return failed
}

func numbers(list string) ([]int, error) {
	var out []int
	for _, field := range strings.Split(list, ",") {
		n, err := strconv.Atoi(field)
		if err != nil || n < 1 {
			return nil, fmt.Errorf("%q is no list of positive numbers", list)
		}
		out = append(out, n)
	}
	return out, nil
}

func writeFile(name string, rows []result) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	if err := writeJSON(f, rows); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}
