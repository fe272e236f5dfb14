//go:build !fault

package main

import (
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// testFS is the file system of the stores: the machine's. Builds with the tag
// fault may have one on which kill -9 is a power cut.
func testFS() vfs.FS { return nil }

// testClock is the server's clock: the machine's. In builds with the tag fault
// it can be set.
func testClock() func() time.Time { return nil }
