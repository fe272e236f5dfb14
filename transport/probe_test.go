package transport

import (
	"net"
	"testing"
	"time"
)

func TestProbe(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	to := Address{Network: NetworkTLS, HostPort: ln.Addr().String()}
	if rtt, err := Probe(t.Context(), nil, to); err != nil || rtt <= 0 || rtt > time.Minute {
		t.Errorf("%v, %v", rtt, err)
	}
	ln.Close()
	if rtt, err := Probe(t.Context(), nil, to); err == nil {
		t.Errorf("%v to a server that is not there", rtt)
	}
}
