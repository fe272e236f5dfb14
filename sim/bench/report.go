package main

import (
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"
	"time"
)

// A result is one row: what was measured, under which conditions.
type result struct {
	System     string `json:"system,omitempty"`
	Version    string `json:"version,omitempty"`
	Durability string `json:"durability,omitempty"`
	Mode       string `json:"mode"`

	Pairs       int `json:"pairs,omitempty"`
	Window      int `json:"window,omitempty"`      // messages in flight per pair
	Rate        int `json:"rate,omitempty"`        // messages per second asked for
	Users       int `json:"users,omitempty"`       // receivers of mode offline
	Connections int `json:"connections,omitempty"` // of mode idle

	Seconds      float64 `json:"seconds,omitempty"`
	Messages     int     `json:"messages,omitempty"`
	PerSecond    float64 `json:"per_second,omitempty"`
	PerCPUSecond float64 `json:"per_server_cpu_second,omitempty"`
	ServerCPU    float64 `json:"server_cpu_seconds,omitempty"`
	GeneratorCPU float64 `json:"generator_cpu_seconds,omitempty"`
	Foreign      float64 `json:"foreign_cpu_share"` // of all cores
	Missing      int     `json:"missing,omitempty"` // sent and never through
	Refused      int     `json:"refused,omitempty"` // sent, and refused because the server was busy

	Delivered *quantiles `json:"delivered,omitempty"`
	Accepted  *quantiles `json:"accepted,omitempty"`

	FetchPerSecond    float64 `json:"fetch_per_second,omitempty"`
	FetchPerCPUSecond float64 `json:"fetch_per_server_cpu_second,omitempty"`
	LostByKill        *int    `json:"lost_by_kill,omitempty"` // messages, of those accepted

	Members   int     `json:"members,omitempty"`    // of mode group
	Each      int     `json:"each,omitempty"`       // members per part of a message
	WrittenKB float64 `json:"written_kb,omitempty"` // by the server in all, connections included, per message
	DiskKB    float64 `json:"disk_kb,omitempty"`    // of it to the disk

	EmptyMB         float64 `json:"empty_mb,omitempty"` // resident before the first login
	KBPerConnection float64 `json:"kb_per_connection,omitempty"`
	LoginCPU        float64 `json:"login_cpu_ms,omitempty"`
	LoginsPerSecond float64 `json:"logins_per_second,omitempty"`
	IdleCPU         float64 `json:"idle_cpu_share,omitempty"` // of one core

	Machine *machine `json:"machine,omitempty"` // of mode machine, which has nothing else

	Error string `json:"error,omitempty"` // why there are no figures
}

// result starts a row with what every mode tells.
func (r *run) result(mode string, s span, messages int) result {
	return result{
		System: r.about.name, Version: r.about.version, Durability: r.about.durability, Mode: mode,
		Seconds: s.wall.Seconds(), Messages: messages,
		PerSecond: perSecond(messages, s.wall), PerCPUSecond: perSecond(messages, s.server),
		ServerCPU: s.server.Seconds(), GeneratorCPU: s.generator.Seconds(), Foreign: s.foreign,
	}
}

func perSecond(n int, d time.Duration) float64 {
	if d <= 0 {
		return 0
	}
	return float64(n) / d.Seconds()
}

// writeJSON writes one row to a line.
func writeJSON(w io.Writer, rows []result) error {
	encoder := json.NewEncoder(w)
	for _, row := range rows {
		if err := encoder.Encode(row); err != nil {
			return err
		}
	}
	return nil
}

// A table is one mode's part of the report.
type table struct {
	mode, title, header string
	line                func(result) string
}

var tables = []table{
	{"thr", "Throughput, closed loop, TLS", "server\tdurable\twindow\tmsg/s\tmsg/CPU-s\tmissing\tforeign",
		func(r result) string {
			return fmt.Sprintf("%d\t%.0f\t%.0f\t%d", r.Window, r.PerSecond, r.PerCPUSecond, r.Missing)
		}},
	{"rate", "Latency, open loop, TLS, ms", "server\tdurable\tmsg/s\theld\tdelivered p50\tp99\tp99.9\taccepted p50\tp99\tCPU us/msg\tmissing\tforeign",
		func(r result) string {
			return fmt.Sprintf("%d\t%.0f\t%s\t%s\t%.0f\t%d", r.Rate, r.PerSecond, r.Delivered.cells(true), r.Accepted.cells(false),
				r.ServerCPU*1e6/float64(max(1, r.Messages)), r.Missing)
		}},
	{"offline", "Users away, TLS", "server\tdurable\tusers\tstore/s\tstore/CPU-s\tfetch/s\tfetch/CPU-s\tlost by kill -9\tforeign",
		func(r result) string {
			lost := "-"
			if r.LostByKill != nil {
				lost = fmt.Sprintf("%d of %d", *r.LostByKill, r.Messages)
			}
			return fmt.Sprintf("%d\t%.0f\t%.0f\t%.0f\t%.0f\t%s", r.Users, r.PerSecond, r.PerCPUSecond, r.FetchPerSecond, r.FetchPerCPUSecond, lost)
		}},
	{"forward", "Messages of 300 octets between two neighbours, batched, TLS", "server\tdurable\tmsg/s\tmsg/CPU-s\tus/msg\tmissing\tforeign",
		func(r result) string {
			return fmt.Sprintf("%.0f\t%.0f\t%.2f\t%d", r.PerSecond, r.PerCPUSecond, 1e6/max(1, r.PerCPUSecond), r.Missing)
		}},
	{"group", "A message to a group of members who are all connected, TLS, ms", "server\tdurable\tmembers\tper part\tstored p50\tp99\tall have it p50\tp99\tCPU ms/msg\tus/member\tKB written\tKB to disk\twrong\tforeign",
		func(r result) string {
			cpu := r.ServerCPU * 1e3 / float64(max(1, r.Messages))
			return fmt.Sprintf("%d\t%d\t%s\t%s\t%.1f\t%.1f\t%.0f\t%.0f\t%d", r.Members, r.Each, r.Accepted.cells(false), r.Delivered.cells(false),
				cpu, cpu*1e3/float64(max(1, r.Members)), r.WrittenKB, r.DiskKB, r.Missing)
		}},
	{"idle", "Idle connections, TLS", "server\tdurable\tconnections\tMB empty\tKB/connection\tlogin CPU ms\tlogins/s\tidle CPU\tforeign",
		func(r result) string {
			return fmt.Sprintf("%d\t%.0f\t%.1f\t%.2f\t%.0f\t%.1f%%", r.Connections, r.EmptyMB, r.KBPerConnection, r.LoginCPU, r.LoginsPerSecond, 100*r.IdleCPU)
		}},
}

// cells prints the quantiles of a row, or dashes.
func (q *quantiles) cells(all bool) string {
	switch {
	case q == nil && all:
		return "-\t-\t-"
	case q == nil:
		return "-\t-"
	case all:
		return fmt.Sprintf("%.3f\t%.3f\t%.3f", q.P50, q.P99, q.P999)
	}
	return fmt.Sprintf("%.3f\t%.3f", q.P50, q.P99)
}

// writeTables prints the report for people.
func writeTables(w io.Writer, rows []result) error {
	for _, row := range rows {
		if m := row.Machine; m != nil {
			fmt.Fprintf(w, "%d x %s, Linux %s: TCP round trip %.1f us, Ed25519 verify %.1f us, append and fdatasync %.0f us\n",
				m.Cores, m.CPU, m.Kernel, m.RoundTrip, m.Verify, m.Sync)
		}
	}
	for _, t := range tables {
		out := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		n := 0
		for _, row := range rows {
			if row.Mode != t.mode {
				continue
			}
			if n++; n == 1 {
				fmt.Fprintf(out, "\n%s\n%s\n", t.title, t.header)
			}
			if row.Error != "" {
				fmt.Fprintf(out, "%s\tfailed: %s\n", row.System, row.Error)
				continue
			}
			fmt.Fprintf(out, "%s %s\t%s\t%s\t%.0f%%\n", row.System, row.Version, row.Durability, t.line(row), 100*row.Foreign)
		}
		if err := out.Flush(); err != nil {
			return err
		}
	}
	return nil
}
