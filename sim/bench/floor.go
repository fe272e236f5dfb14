package main

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"
)

// floor is a relay with nothing that a messenger needs: no accounts, no
// mailboxes, no history. It shows what Go, TLS and the disk cost on this
// machine; no server of the kind can be cheaper than floor by much.
type floor struct {
	sync bool // write every message to a log and fdatasync before passing it on
	port int
}

func (f *floor) Describe(context.Context) (description, error) {
	d := description{name: "floor", version: "-", durability: "none (relay only)", accepts: true, forwards: !f.sync, groups: []int{maxFloorGroup}}
	if f.sync {
		d.name, d.durability = "floor-sync", "fsync before delivery and answer"
	}
	return d, nil
}

// floorCommand is the argument that turns this program into the relay.
const floorCommand = "floor-server"

func (f *floor) Start(ctx context.Context, s *site, _ int) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	if f.port, err = freePort(); err != nil {
		return nil, err
	}
	args := []string{floorCommand, strconv.Itoa(f.port), s.certFile, s.keyFile}
	if f.sync {
		args = append(args, filepath.Join(s.dir, "log"))
	}
	return startProcess(ctx, s, command{path: self, args: args, port: f.port})
}

// Frames of the relay: length of what follows as u32, kind, a number as u32,
// and the body of a message. The number is a user, or a count in floorAccepted.
const (
	floorLogin    = 1 // both ways
	floorMessage  = 2 // both ways; the number is the recipient
	floorAccepted = 3 // from the server
	floorGroup    = 5 // to the server: a message for users 1 to the number, who get it as floorMessage
	floorPipe     = 4 // both ways; the number is the end, 0 or 1: what comes over 0 goes to 1

	floorHeader   = 4 + 1 + 4
	maxFloorFrame = 64 << 10
	maxFloorGroup = 1 << 20 // members
)

func appendFloorFrame(b []byte, kind byte, number uint32, body []byte) []byte {
	b = binary.BigEndian.AppendUint32(b, uint32(5+len(body)))
	b = binary.BigEndian.AppendUint32(append(b, kind), number)
	return append(b, body...)
}

// A floorReader reads frames into one buffer.
type floorReader struct {
	src *bufio.Reader
	buf []byte
}

// next returns the next frame; body is valid until the following call.
func (r *floorReader) next() (kind byte, number uint32, body []byte, err error) {
	var header [floorHeader]byte
	if _, err := io.ReadFull(r.src, header[:]); err != nil {
		return 0, 0, nil, err
	}
	length := int(binary.BigEndian.Uint32(header[:])) - 5
	if length < 0 || length > maxFloorFrame {
		return 0, 0, nil, fmt.Errorf("frame of %d octets", length)
	}
	if length > cap(r.buf) {
		r.buf = make([]byte, length)
	}
	r.buf = r.buf[:length]
	_, err = io.ReadFull(r.src, r.buf)
	return header[4], binary.BigEndian.Uint32(header[5:]), r.buf, err
}

// A floorSession is the relay's client.
type floorSession struct {
	conn   net.Conn
	reader floorReader

	mu  sync.Mutex
	out []byte // guarded by mu
}

func (f *floor) Dial(ctx context.Context, user int) (session, error) {
	conn, err := dialTLS(ctx, user, f.port)
	if err != nil {
		return nil, err
	}
	s := &floorSession{conn: conn, reader: floorReader{src: bufio.NewReader(conn)}}
	if _, err = conn.Write(appendFloorFrame(nil, floorLogin, uint32(user), nil)); err == nil {
		_, _, _, err = s.reader.next()
	}
	if err != nil {
		conn.Close()
		return nil, fmt.Errorf("log in %d: %w", user, err)
	}
	return s, nil
}

func (s *floorSession) Send(to int, body []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.out = appendFloorFrame(s.out[:0], floorMessage, uint32(to), body)
	_, err := s.conn.Write(s.out)
	return err
}

// SendAll has one message go to everybody.
func (s *floorSession) SendAll(n, _ int, body []byte) (parts int, err error) {
	_, err = s.conn.Write(appendFloorFrame(nil, floorGroup, uint32(n), body))
	return 1, err
}

func (s *floorSession) Mark() error { return nil }

func (s *floorSession) Recv() (event, error) {
	kind, number, body, err := s.reader.next()
	if kind == floorAccepted {
		return event{accepted: int(number)}, err
	}
	return event{body: body}, err
}

func (s *floorSession) Close() error { return s.conn.Close() }
