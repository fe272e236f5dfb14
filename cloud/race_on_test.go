//go:build race

package cloud

// racing: the race detector makes sync.Pool forget at random, so allocations
// cannot be counted.
const racing = true
