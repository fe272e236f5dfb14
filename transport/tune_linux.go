package transport

import (
	"net"
	"syscall"
)

// tcpNotsentLowat is TCP_NOTSENT_LOWAT of Linux, which package syscall lacks.
const tcpNotsentLowat = 25

// peerUnsent is how many octets that were not sent yet the kernel takes for
// another server. What waits beyond it waits here, where control overtakes it:
// measured at 100 Mbit/s and 40 ms, small messages beside bulk took 95 ms
// instead of 339. (spec/cloud.md, CLOUD-29)
const peerUnsent = 128 << 10

// tunePeer sets what links between servers gain from, where the kernel has it:
// little unsent data, and BBR, which at 1 % loss carries 40 times what CUBIC
// does. Neither is needed.
func tunePeer(tc *net.TCPConn) {
	raw, err := tc.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) {
		_ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, tcpNotsentLowat, peerUnsent)
		_ = syscall.SetsockoptString(int(fd), syscall.IPPROTO_TCP, syscall.TCP_CONGESTION, "bbr")
	})
}
