package canary

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"testing"

	"golang.org/x/sys/unix"
)

// beyond keeps, of what is sent on this machine, what does not go to 127.0.0.0/8.
var beyond = []unix.SockFilter{
	{Code: unix.BPF_LD | unix.BPF_B | unix.BPF_ABS, K: 0},
	{Code: unix.BPF_ALU | unix.BPF_AND | unix.BPF_K, K: 0xF0},
	{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: 0x40, Jf: 3}, // not IPv4: keep
	{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: 16},           // destination
	{Code: unix.BPF_ALU | unix.BPF_AND | unix.BPF_K, K: 0xFF000000},
	{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: 0x7F000000, Jt: 1},
	{Code: unix.BPF_RET | unix.BPF_K, K: 256},
	{Code: unix.BPF_RET | unix.BPF_K, K: 0},
}

// watch notes all packets that begin something with an address beyond loopback,
// whether somebody listens there or not.
func (c *canary) watch(t *testing.T) {
	t.Helper()
	all := int(binary.NativeEndian.Uint16([]byte{0, unix.ETH_P_ALL}))
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, all)
	if err != nil {
		t.Fatalf("watch packets: %v", err)
	}
	prog := unix.SockFprog{Len: uint16(len(beyond)), Filter: &beyond[0]}
	if err := unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &prog); err != nil {
		t.Fatalf("watch packets: %v", err)
	}
	timeout := unix.NsecToTimeval(100e6)
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &timeout); err != nil {
		t.Fatal(err)
	}
	stop, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		buf := make([]byte, 256)
		for {
			n, _, err := unix.Recvfrom(fd, buf, 0)
			select {
			case <-stop:
				return
			default:
			}
			if err == nil {
				c.packet(buf[:n])
			}
		}
	}()
	t.Cleanup(func() {
		close(stop)
		<-ended
		if st, err := unix.GetsockoptTpacketStats(fd, unix.SOL_PACKET, unix.PACKET_STATISTICS); err != nil || st.Drops != 0 {
			t.Errorf("packets were not seen: %+v, %v", st, err)
		}
		unix.Close(fd)
	})
}

// packet notes the beginning of something. Answers of the canary itself are none:
// their connections have begun, they come from port 53, or say that a port is
// closed.
func (c *canary) packet(b []byte) {
	what := begins(b)
	if what == "" {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.attempts[what]++
}

func begins(b []byte) string {
	var to netip.Addr
	var proto byte
	switch {
	case len(b) >= 20 && b[0]>>4 == 4:
		to, proto = netip.AddrFrom4([4]byte(b[16:20])), b[9]
		b = b[min(int(b[0]&15)*4, len(b)):]
	case len(b) >= 40 && b[0]>>4 == 6:
		to, proto = netip.AddrFrom16([16]byte(b[24:40])), b[6]
		b = b[40:]
	default:
		return ""
	}
	switch {
	case to.IsLoopback():
		return ""
	case proto == unix.IPPROTO_TCP && len(b) >= 14:
		if b[13]&0x12 != 0x02 { // SYN without ACK
			return ""
		}
		return fmt.Sprintf("tcp %s:%d", to, binary.BigEndian.Uint16(b[2:]))
	case proto == unix.IPPROTO_UDP && len(b) >= 8:
		if binary.BigEndian.Uint16(b) == 53 {
			return ""
		}
		return fmt.Sprintf("udp %s:%d", to, binary.BigEndian.Uint16(b[2:]))
	case proto == unix.IPPROTO_ICMP && len(b) > 0 && b[0] == 3:
		return ""
	}
	return fmt.Sprintf("protocol %d %s", proto, to)
}
