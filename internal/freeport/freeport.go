// Package freeport finds ports on loopback that are free, and still are when who listens
// there comes back: below those that systems give to outgoing connections, which are
// from 32768 on with Linux.
package freeport

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
)

// A Range is of ports: From is the first one, and To is behind the last.
type Range struct{ From, To int }

var (
	Clouds = Range{20_000, 32_000} // of omegad dev
	Tests  = Range{10_000, 20_000} // of servers that tests start themselves
)

const tries = 64

// Listen listens on 127.0.0.1, on the port that is wanted if it is free, else, or if that
// is 0, on any of r. Who needs several closes them after the last one, so that none is
// given twice.
func (r Range) Listen(wanted int) (net.Listener, error) {
	for range tries {
		if wanted == 0 {
			wanted = r.From + rand.IntN(r.To-r.From)
		}
		if ln, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", wanted)); err == nil {
			return ln, nil
		}
		wanted = 0
	}
	return nil, errors.New("no free port on 127.0.0.1")
}
