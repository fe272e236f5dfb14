package main

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// A relay is the floor's server. It runs until it is killed.
type relay struct {
	log    *os.File        // nil when nothing is stored
	commit chan relayed    // to the committer; used with log only
	mu     sync.RWMutex    //
	conns  map[uint32]*end // by user; guarded by mu
}

// An end is one connection of the relay.
type end struct {
	conn net.Conn
	mu   sync.Mutex
	out  []byte // guarded by mu
}

// A relayed message waits for the disk.
type relayed struct {
	from  *end
	to    uint32
	frame []byte
}

// pipeEnd stands in the place of a user for the end of a pipe.
const pipeEnd = 1<<32 - 1

// maxRelayBatch bounds one commit, in messages.
const maxRelayBatch = 1024

// serveFloor is the program behind floorCommand: port, certificate, key and,
// with fdatasync, the log's file.
func serveFloor(args []string) error {
	if len(args) < 3 {
		return errors.New("want a port, a certificate, a key and at most a log")
	}
	cert, err := tls.LoadX509KeyPair(args[1], args[2])
	if err != nil {
		return err
	}
	r := &relay{conns: make(map[uint32]*end)}
	if len(args) > 3 {
		if r.log, err = os.OpenFile(args[3], os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600); err != nil {
			return err
		}
		r.commit = make(chan relayed, maxRelayBatch)
		go r.runCommits()
	}
	listener, err := net.Listen("tcp", "127.0.0.1:"+args[0])
	if err != nil {
		return err
	}
	config := &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS13}
	for {
		conn, err := listener.Accept()
		if err != nil {
			return err
		}
		go r.serve(tls.Server(conn, config))
	}
}

func (r *relay) serve(conn net.Conn) {
	defer conn.Close()
	e := &end{conn: conn}
	reader := floorReader{src: bufio.NewReader(conn)}
	for {
		kind, number, body, err := reader.next()
		if err != nil {
			return
		}
		switch {
		case kind == floorLogin:
			r.mu.Lock()
			r.conns[number] = e
			r.mu.Unlock()
			e.write(appendFloorFrame(nil, floorLogin, number, nil))
		case kind == floorPipe:
			e.write(appendFloorFrame(nil, floorPipe, number, nil))
			if number == 0 {
				r.carry(reader.src)
				return
			}
			r.mu.Lock()
			r.conns[pipeEnd] = e
			r.mu.Unlock()
		case kind == floorGroup && number <= maxFloorGroup:
			r.passToAll(e, number, body)
		case kind == floorMessage && r.log != nil:
			r.commit <- relayed{from: e, to: number, frame: appendFloorFrame(nil, floorMessage, number, body)}
		case kind == floorMessage:
			r.pass(e, number, body)
		}
	}
}

// pass hands a message on without storing it.
func (r *relay) pass(from *end, to uint32, body []byte) {
	if e := r.find(to); e != nil {
		e.mu.Lock()
		e.out = appendFloorFrame(e.out[:0], floorMessage, to, body)
		e.conn.Write(e.out) // a broken connection ends in its own reader
		e.mu.Unlock()
	}
	from.write(appendFloorFrame(nil, floorAccepted, 1, nil))
}

// passToAll stores a message once, tells the sender, and writes it to everybody.
func (r *relay) passToAll(from *end, n uint32, body []byte) {
	if r.log != nil {
		if err := r.store([]relayed{{frame: appendFloorFrame(nil, floorMessage, 0, body)}}); err != nil {
			fmt.Fprintln(os.Stderr, "floor: store:", err)
			os.Exit(1)
		}
	}
	from.write(appendFloorFrame(nil, floorAccepted, 1, nil))
	for to := uint32(1); to <= n; to++ {
		if e := r.find(to); e != nil {
			e.write(appendFloorFrame(nil, floorMessage, to, body))
		}
	}
}

func (r *relay) find(user uint32) *end {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.conns[user]
}

func (e *end) write(b []byte) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.conn.Write(b)
}

// runCommits stores what has gathered while the last commit ran, then passes it
// on: one fdatasync for all, no timer.
func (r *relay) runCommits() {
	var batch []relayed
	for first := range r.commit {
		batch = append(batch[:0], first)
		for more := true; more && len(batch) < maxRelayBatch; {
			select {
			case m := <-r.commit:
				batch = append(batch, m)
			default:
				more = false
			}
		}
		if err := r.store(batch); err != nil {
			fmt.Fprintln(os.Stderr, "floor: store:", err)
			os.Exit(1)
		}
		r.passAll(batch)
	}
}

func (r *relay) store(batch []relayed) error {
	var all []byte
	for _, m := range batch {
		all = append(all, m.frame...)
	}
	if _, err := r.log.Write(all); err != nil {
		return err
	}
	return unix.Fdatasync(int(r.log.Fd()))
}

// passAll writes once to every connection that has something in the batch.
func (r *relay) passAll(batch []relayed) {
	out := make(map[*end][]byte)
	for _, m := range batch {
		if e := r.find(m.to); e != nil {
			out[e] = append(out[e], m.frame...)
		}
		out[m.from] = appendFloorFrame(out[m.from], floorAccepted, 1, nil)
	}
	for e, b := range out {
		e.write(b)
	}
}
