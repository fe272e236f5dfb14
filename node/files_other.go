//go:build !unix

package node

// maxFiles is how many files and connections this process may have open: there is
// no such limit here.
func maxFiles() int { return 1 << 30 }
