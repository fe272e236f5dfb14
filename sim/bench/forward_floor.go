package main

import (
	"bufio"
	"context"
	"net"
	"sync/atomic"
	"time"
)

// Between makes two connections of which the relay copies all that comes over
// one to the other.
func (f *floor) Between(ctx context.Context) (stream, error) {
	s := &floorStream{}
	var err error
	if s.to, err = f.pipe(ctx, 1); err != nil {
		return nil, err
	}
	if s.from, err = f.pipe(ctx, 0); err != nil {
		s.to.Close()
		return nil, err
	}
	go s.read()
	return s, nil
}

// pipe is one end: 0 the sender's, 1 the receiver's.
func (f *floor) pipe(ctx context.Context, end int) (net.Conn, error) {
	conn, err := dialTLS(ctx, end, f.port)
	if err != nil {
		return nil, err
	}
	reader := floorReader{src: bufio.NewReaderSize(conn, floorHeader)}
	if _, err = conn.Write(appendFloorFrame(nil, floorPipe, uint32(end), nil)); err == nil {
		_, _, _, err = reader.next()
	}
	if err != nil {
		conn.Close()
		return nil, err
	}
	return conn, nil
}

// A floorStream is both ends of a pipe through the relay.
type floorStream struct {
	from, to net.Conn
	arrived  atomic.Int64
}

// Flood writes 64 KiB at a time.
func (s *floorStream) Flood(ctx context.Context) (sent int, err error) {
	var batch []byte
	n := 0
	for len(batch) < 64<<10 {
		batch = appendFloorFrame(batch, floorMessage, uint32(n), make([]byte, forwardFrame-floorHeader))
		n++
	}
	for ctx.Err() == nil {
		if _, err := s.from.Write(batch); err != nil {
			return sent, err
		}
		sent += n
	}
	return sent, nil
}

func (s *floorStream) read() {
	r := floorReader{src: bufio.NewReaderSize(s.to, 64<<10)}
	for {
		if _, _, _, err := r.next(); err != nil {
			return
		}
		s.arrived.Add(1)
	}
}

func (s *floorStream) Refused() int { return 0 } // it waits instead

func (s *floorStream) Arrived() int { return int(s.arrived.Load()) }

func (s *floorStream) Close() error {
	_ = s.to.SetDeadline(time.Now())
	s.to.Close()
	return s.from.Close()
}

// carry is the relay's side of a pipe: every frame is read, looked at and put
// into a batch, which is written when nothing more is there.
func (r *relay) carry(src *bufio.Reader) {
	const batch = 64 << 10
	reader := floorReader{src: bufio.NewReaderSize(src, batch)}
	to := r.find(pipeEnd)
	if to == nil {
		return
	}
	var out []byte
	for {
		kind, number, body, err := reader.next()
		if err != nil {
			return
		}
		out = appendFloorFrame(out, kind, number, body)
		if len(out) < batch && reader.src.Buffered() >= forwardFrame {
			continue
		}
		to.write(out)
		out = out[:0]
	}
}
