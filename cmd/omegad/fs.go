//go:build !powercut

package main

import "github.com/cockroachdb/pebble/v2/vfs"

// testFS is the file system of the stores: the machine's. Builds with the tag
// powercut have one on which kill -9 is a power cut.
func testFS() vfs.FS { return nil }
