package main

import (
	"crypto/ed25519"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// A machine says what this computer can do by itself, because figures of two
// machines cannot be compared without it.
type machine struct {
	CPU       string  `json:"cpu"`
	Cores     int     `json:"cores"`
	Kernel    string  `json:"kernel"`
	RoundTrip float64 `json:"tcp_round_trip_us"` // 600 octets there and back over loopback, two writes and two reads
	Verify    float64 `json:"ed25519_verify_us"`
	Sync      float64 `json:"fdatasync_us"` // append 4 KiB to a file, then fdatasync
}

// calibrate takes about half a second. The file for fdatasync goes to dir.
func calibrate(dir string) (*machine, error) {
	m := &machine{Cores: runtime.NumCPU(), CPU: cpuModel()}
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		return nil, err
	}
	m.Kernel = unix.ByteSliceToString(name.Release[:])
	var err error
	if m.RoundTrip, err = roundTrip(); err != nil {
		return nil, fmt.Errorf("round trip over loopback: %w", err)
	}
	if m.Verify, err = verify(); err != nil {
		return nil, err
	}
	if m.Sync, err = syncFile(dir); err != nil {
		return nil, fmt.Errorf("append and sync: %w", err)
	}
	return m, nil
}

func cpuModel() string {
	info, _ := os.ReadFile("/proc/cpuinfo") // its absence leaves the model unknown
	for line := range strings.Lines(string(info)) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return "unknown"
}

// timed returns the microseconds that one call of f takes, from enough of them.
func timed(f func() error) (float64, error) {
	const total = 150 * time.Millisecond
	n, start := 0, time.Now()
	for time.Since(start) < total {
		if err := f(); err != nil {
			return 0, err
		}
		n++
	}
	return float64(time.Since(start).Nanoseconds()) / 1e3 / float64(n), nil
}

func roundTrip() (float64, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer listener.Close()
	near, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		return 0, err
	}
	defer near.Close()
	far, err := listener.Accept()
	if err != nil {
		return 0, err
	}
	defer far.Close()
	buf := make([]byte, 600)
	// Both ends on one goroutine: no wake-ups, only the system calls.
	return timed(func() error {
		for _, ends := range [][2]net.Conn{{near, far}, {far, near}} {
			if _, err := ends[0].Write(buf); err != nil {
				return err
			}
			if _, err := io.ReadFull(ends[1], buf); err != nil {
				return err
			}
		}
		return nil
	})
}

func verify() (float64, error) {
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		return 0, err
	}
	text := make([]byte, 64)
	signature := ed25519.Sign(private, text)
	return timed(func() error {
		if !ed25519.Verify(public, text, signature) {
			return fmt.Errorf("Ed25519 does not verify its own signature")
		}
		return nil
	})
}

func syncFile(dir string) (float64, error) {
	f, err := os.Create(filepath.Join(dir, "sync"))
	if err != nil {
		return 0, err
	}
	defer f.Close()
	block := make([]byte, 4096)
	return timed(func() error {
		if _, err := f.Write(block); err != nil {
			return err
		}
		return unix.Fdatasync(int(f.Fd()))
	})
}
