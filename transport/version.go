//go:build !newer

package transport

// MaxVersion is the newest version of the protocol that this code speaks.
const MaxVersion = 1
