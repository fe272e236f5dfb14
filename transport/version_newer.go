//go:build newer

package transport

// MaxVersion in builds with the tag newer is one above that of the others,
// which are one version older in their eyes: so tests can have both in one
// cloud. (sim/fault)
const MaxVersion = 2
