//go:build fault

package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/omega-im/omega/internal/crashfs"
)

// What tests set in the environment of builds with the tag fault.
const (
	// envPowercut has kill -9 be a power cut. It is the seed of what reaches the
	// disk without being synced; with 0 nothing does.
	envPowercut = "OMEGA_POWERCUT"
	// envClock names a file that holds by how much this server's clock is wrong,
	// a duration in whole seconds. Tests change it while the server runs.
	envClock = "OMEGA_CLOCK"
)

// clockInterval is how often the file of envClock is read.
const clockInterval = 50 * time.Millisecond

// testFS is the file system of the stores: one on which kill -9 is a power
// cut, if the environment says so. A sync takes as long as on a disk, so that
// the cut falls into it.
func testFS() vfs.FS {
	seed, err := strconv.ParseUint(os.Getenv(envPowercut), 10, 64)
	if err != nil {
		return nil
	}
	cfg := crashfs.Config{SyncTime: 3 * time.Millisecond}
	if seed != 0 {
		cfg.Rand = rand.New(rand.NewPCG(seed, seed))
	}
	return crashfs.New(cfg)
}

// testClock is a clock that is wrong by what the file of envClock says.
func testClock() func() time.Time {
	path := os.Getenv(envClock)
	if path == "" {
		return nil
	}
	var seconds atomic.Int64
	look := func() {
		b, err := os.ReadFile(path)
		if err != nil {
			return // not written yet
		}
		if d, err := time.ParseDuration(strings.TrimSpace(string(b))); err == nil {
			if s := int64(d / time.Second); seconds.Swap(s) != s {
				fmt.Fprintln(os.Stderr, "the clock of this server is set:", d)
			}
		}
	}
	look()
	go func() {
		for range time.Tick(clockInterval) {
			look()
		}
	}()
	return func() time.Time { return setWall(time.Now(), seconds.Load()) }
}

// setWall returns t as the machine would tell it if somebody had set its clock:
// the wall clock has moved, the monotonic one, by which intervals are measured,
// has not. Package time has no way to say so. The first word of a Time is a
// bit, 33 bits of seconds and 30 of nanoseconds.
func setWall(t time.Time, seconds int64) time.Time {
	*(*uint64)(unsafe.Pointer(&t)) += uint64(seconds) << 30
	return t
}
