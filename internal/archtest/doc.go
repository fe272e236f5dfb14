// Package archtest keeps the house rules: which package may import which, what
// the pure packages must not touch, how large files and functions grow, and
// that citations of the specification lead somewhere. It holds tests only.
//
// The tests parse the source themselves. A test that asked the go tool would
// pass from the test cache after an import was added.
package archtest
