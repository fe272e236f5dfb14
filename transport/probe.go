package transport

import (
	"context"
	"net"
	"time"
)

// Probe measures the round trip to a server: how long a TCP connection to it
// takes, which is closed at once. Nobody is authenticated, and nothing is sent.
func Probe(ctx context.Context, to Address) (time.Duration, error) {
	begin := time.Now()
	c, err := new(net.Dialer).DialContext(ctx, "tcp", to.HostPort)
	if err != nil {
		return 0, err
	}
	rtt := time.Since(begin)
	return rtt, c.Close()
}
