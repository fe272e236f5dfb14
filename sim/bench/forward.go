package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// A forwarder is a driver whose server carries messages between two neighbours.
type forwarder interface {
	// Between connects two neighbours to the server and returns the stream from
	// one to the other.
	Between(ctx context.Context) (stream, error)
}

// A stream is what one neighbour sends the other through the server.
type stream interface {
	// Flood sends messages as fast as the server takes them until ctx ends, and
	// returns how many. One more goes for each that was refused meanwhile.
	Flood(ctx context.Context) (int, error)

	// Arrived is how many have come out at the other end. It may be called while
	// Flood runs.
	Arrived() int

	// Refused is how many of those sent the server was too busy for, and said so.
	Refused() int

	Close() error
}

// forwardFrame is the length of a message between servers on the connection, in
// octets: one of 300 in a packet for one server, with a code that proves it to
// that server. The floor's are as long.
const forwardFrame = 300 + forwardHead

// forwardHead is frame and packet header: 8 + 24 + 2 fingerprints of 21 + 16.
const forwardHead = 8 + 24 + 2*21 + 16

// flooded is how many messages may be between two neighbours of ω IM: half of
// what a server keeps for one origin. It keeps them until it has read that they
// arrived, and refuses what is more by then.
const flooded = 4096

// forward has a server carry messages of 300 octets from one neighbour to
// another as fast as it can.
func forward(ctx context.Context, r *run) (result, error) {
	f, ok := r.driver.(forwarder)
	if !ok {
		return result{}, errors.New("it has no neighbours")
	}
	s, err := f.Between(ctx)
	if err != nil {
		return result{}, err
	}
	defer s.Close()
	flood, stop := context.WithCancel(ctx)
	defer stop()
	type outcome struct {
		sent int
		err  error
	}
	done := make(chan outcome, 1)
	go func() {
		sent, err := s.Flood(flood)
		done <- outcome{sent, err}
	}()
	if err := pause(ctx, r.cfg.warmup); err != nil {
		return result{}, err
	}
	start, err := measure(r.server.pid())
	if err != nil {
		return result{}, err
	}
	before := s.Arrived()
	if err := pause(ctx, r.cfg.duration); err != nil {
		return result{}, err
	}
	after := s.Arrived()
	end, err := measure(r.server.pid())
	if err != nil {
		return result{}, err
	}
	stop()
	o := <-done
	missing := func() int { return o.sent - s.Refused() - s.Arrived() }
	for deadline := time.Now().Add(5 * time.Second); missing() > 0 && time.Now().Before(deadline); {
		time.Sleep(10 * time.Millisecond)
	}
	out := r.result("forward", end.since(start), after-before)
	out.Missing, out.Refused = missing(), s.Refused()
	if o.err == nil && after == before {
		o.err = fmt.Errorf("nothing arrived, %d were sent", o.sent)
	}
	return out, o.err
}
