//go:build powercut

package main

import (
	"math/rand/v2"
	"os"
	"strconv"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/omega-im/omega/internal/crashfs"
)

// envPowercutSeed chooses what reaches the disk without being synced. Without
// it nothing does.
const envPowercutSeed = "OMEGA_POWERCUT_SEED"

// testFS is the file system of the stores: one on which kill -9 is a power
// cut. A sync takes as long as on a disk, so that the cut falls into it.
func testFS() vfs.FS {
	cfg := crashfs.Config{SyncTime: 3 * time.Millisecond}
	if seed, err := strconv.ParseUint(os.Getenv(envPowercutSeed), 10, 64); err == nil {
		cfg.Rand = rand.New(rand.NewPCG(seed, seed))
	}
	return crashfs.New(cfg)
}
