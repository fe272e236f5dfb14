package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// clockTick is the unit of CPU times in /proc (USER_HZ, the same on all Linux
// architectures that Go runs on).
const clockTick = 10 * time.Millisecond

// A usage is what everybody has used of the CPUs up to a moment.
type usage struct {
	at        time.Time
	server    time.Duration // the server and its children
	generator time.Duration // this process
	machine   time.Duration // everybody, time stolen by the host included
}

// A span is the difference of two usages.
type span struct {
	wall, server, generator time.Duration
	foreign                 float64 // share of all CPU time that neither server nor generator used
}

// measure reads the counters; pid is the server's.
func measure(pid int) (usage, error) {
	u := usage{at: time.Now()}
	var err error
	if u.server, err = treeCPU(pid); err != nil {
		return u, err
	}
	var self syscall.Rusage
	if err = syscall.Getrusage(syscall.RUSAGE_SELF, &self); err != nil {
		return u, err
	}
	u.generator = time.Duration(self.Utime.Nano() + self.Stime.Nano())
	u.machine, err = machineCPU()
	return u, err
}

func (u usage) since(start usage) span {
	s := span{wall: u.at.Sub(start.at), server: u.server - start.server, generator: u.generator - start.generator}
	foreign := u.machine - start.machine - s.server - s.generator
	s.foreign = max(0, foreign.Seconds()/(s.wall.Seconds()*float64(runtime.NumCPU())))
	return s
}

// machineCPU adds up the busy columns of /proc/stat: all but idle and iowait.
func machineCPU() (time.Duration, error) {
	stat, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, err
	}
	line, _, _ := strings.Cut(string(stat), "\n")
	fields := strings.Fields(line)
	if len(fields) < 9 || fields[0] != "cpu" {
		return 0, fmt.Errorf("/proc/stat begins with %q", line)
	}
	var ticks int64
	for i, field := range fields[1:9] {
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return 0, err
		}
		if i != 3 && i != 4 {
			ticks += n
		}
	}
	return time.Duration(ticks) * clockTick, nil
}

// A procStat is what we need of /proc/PID/stat.
type procStat struct {
	pid, parent int
	cpu         time.Duration // with children that ended
	rss         int64         // octets
}

func readStat(pid string) (procStat, error) {
	raw, err := os.ReadFile(filepath.Join("/proc", pid, "stat"))
	if err != nil {
		return procStat{}, err
	}
	// The command's name stands in brackets and may hold anything.
	end := bytes.LastIndexByte(raw, ')')
	fields := strings.Fields(string(raw[end+1:]))
	if end < 0 || len(fields) < 22 {
		return procStat{}, fmt.Errorf("/proc/%s/stat is short", pid)
	}
	number := func(i int) int64 {
		n, _ := strconv.ParseInt(fields[i], 10, 64) // proc(5) has numbers only
		return n
	}
	id, err := strconv.Atoi(pid)
	return procStat{
		pid: id, parent: int(number(1)),
		cpu: time.Duration(number(11)+number(12)+number(13)+number(14)) * clockTick,
		rss: number(21) * int64(os.Getpagesize()),
	}, err
}

// tree lists a process and everything below it.
func tree(root int) ([]procStat, error) {
	first, err := readStat(strconv.Itoa(root))
	if err != nil {
		return nil, fmt.Errorf("the server is gone: %w", err)
	}
	entries, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return nil, err
	}
	children := make(map[int][]procStat)
	for _, entry := range entries {
		if p, err := readStat(filepath.Base(entry)); err == nil { // else it ended meanwhile
			children[p.parent] = append(children[p.parent], p)
		}
	}
	out := []procStat{first}
	for i := 0; i < len(out); i++ {
		out = append(out, children[out[i].pid]...)
	}
	return out, nil
}

func treeCPU(root int) (cpu time.Duration, err error) {
	processes, err := tree(root)
	for _, p := range processes {
		cpu += p.cpu
	}
	return cpu, err
}

// treeRSS is the resident memory of a process and its children in octets.
func treeRSS(root int) (rss int64, err error) {
	processes, err := tree(root)
	for _, p := range processes {
		rss += p.rss
	}
	return rss, err
}

// A processIO is what a process has written, in octets.
type processIO struct {
	written int64 // by system calls, to connections too
	disk    int64 // to the disk
}

// readIO reads the counters of a process, not of its children.
func readIO(pid int) (out processIO, err error) {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/io", pid))
	if err != nil {
		return out, err
	}
	for line := range strings.Lines(string(raw)) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		n, _ := strconv.ParseInt(value, 10, 64) // proc(5) has numbers only
		switch key {
		case "wchar":
			out.written = n
		case "write_bytes":
			out.disk = n
		}
	}
	return out, nil
}
