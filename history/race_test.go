//go:build race

package history

// slow: the race detector looks at every memory access of the database engine.
const slow = true
