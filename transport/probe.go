package transport

import (
	"context"
	"net"
	"time"
)

// Probe measures the round trip to a server: how long a TCP connection to it
// takes, which is closed at once. Nobody is authenticated, and nothing is sent.
// dial is as DialConfig.Dialer has it; nil is the machine's.
func Probe(ctx context.Context, dial func(ctx context.Context, network, address string) (net.Conn, error), to Address) (time.Duration, error) {
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	begin := time.Now()
	c, err := dial(ctx, "tcp", to.HostPort)
	if err != nil {
		return 0, err
	}
	rtt := time.Since(begin)
	return rtt, c.Close()
}
