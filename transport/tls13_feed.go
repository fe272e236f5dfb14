package transport

import (
	"encoding/binary"
	"io"
	"net"
)

// A feed gives crypto/tls one record at a time, so that it has read nothing
// beyond the handshake when that is over. What was read from the network
// beyond it is in ahead then.
type feed struct {
	net.Conn
	ahead *buffer // read and not given; nil: nothing
	left  int     // octets of the present record that were not given
	over  bool    // crypto/tls keeps the connection: records do not matter any more
}

func (f *feed) Read(p []byte) (int, error) {
	if f.over && f.ahead == nil {
		return f.Conn.Read(p)
	}
	if err := f.need(); err != nil {
		return 0, err
	}
	b := f.ahead
	n := len(b.b) - b.r
	if !f.over {
		n = min(n, f.left)
	}
	n = copy(p, b.b[b.r:b.r+n])
	f.left -= n
	if b.r += n; b.r == len(b.b) {
		putBuffer(b)
		f.ahead = nil
	}
	return n, nil
}

// need reads until there is something to give.
func (f *feed) need() error {
	if f.over || f.left > 0 {
		return f.fill(1)
	}
	if err := f.fill(recordHead); err != nil {
		return err
	}
	f.left = recordHead + int(binary.BigEndian.Uint16(f.ahead.b[f.ahead.r+3:]))
	return nil
}

// fill reads until n octets are there.
func (f *feed) fill(n int) error {
	for f.ahead == nil || len(f.ahead.b)-f.ahead.r < n {
		b := f.ahead
		if b == nil {
			b = getBuffer(1)
			f.ahead = b
		}
		b.b, b.r = b.b[:copy(b.b, b.b[b.r:])], 0
		got, err := f.Conn.Read(b.b[len(b.b):cap(b.b)])
		b.b = b.b[:len(b.b)+got]
		if err == nil || len(b.b) >= n {
			continue
		}
		if err == io.EOF && len(b.b) > 0 {
			err = io.ErrUnexpectedEOF
		}
		return err
	}
	return nil
}

// CloseWrite ends one direction of the connection.
func (f *feed) CloseWrite() error { return closeWrite(f.Conn) }
