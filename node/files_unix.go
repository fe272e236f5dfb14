//go:build unix

package node

import "syscall"

// maxFiles is how many files and connections this process may have open. Package
// os has raised the limit as far as it goes.
func maxFiles() int {
	var l syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l) != nil {
		return 1 << 10 // what the least of systems give
	}
	return int(min(uint64(l.Cur), 1<<30))
}
