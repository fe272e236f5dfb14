//go:build race

package chat

// slow: the race detector looks at every memory access of the cryptography.
const slow = true
