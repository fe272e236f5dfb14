package transport

import (
	"net"
	"syscall"
	"testing"
)

func TestPeersQueueLittleInTheKernel(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	nc, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	keepAlive(&peekConn{Conn: nc}, RoleServer)
	raw, err := nc.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	raw.Control(func(fd uintptr) {
		if got, err := syscall.GetsockoptInt(int(fd), syscall.IPPROTO_TCP, tcpNotsentLowat); err != nil || got != peerUnsent {
			t.Errorf("the kernel takes %d octets, %v; want %d", got, err, peerUnsent)
		}
	})
}
