package main

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"sync"
	"time"
)

// bodySize is the length of a message in octets: about a short text sealed
// with OpenPGP.
const bodySize = 512

// bodyHeader is the part of a body that the harness reads: sequence and
// scheduled time, in hexadecimal digits.
const bodyHeader = 2 * (8 + 8)

// fillBody writes the header; the rest of the body stays as it is.
func fillBody(body []byte, sequence int, scheduled time.Duration) {
	var raw [16]byte
	binary.BigEndian.PutUint64(raw[:8], uint64(sequence))
	binary.BigEndian.PutUint64(raw[8:], uint64(scheduled))
	hex.Encode(body, raw[:])
}

func readBody(body []byte) (sequence int, scheduled time.Duration, err error) {
	var raw [16]byte
	if len(body) != bodySize {
		return 0, 0, fmt.Errorf("a message of %d octets arrived, %d were sent", len(body), bodySize)
	}
	if _, err := hex.Decode(raw[:], body[:bodyHeader]); err != nil {
		return 0, 0, fmt.Errorf("a message arrived damaged: %w", err)
	}
	return int(binary.BigEndian.Uint64(raw[:8])), time.Duration(binary.BigEndian.Uint64(raw[8:])), nil
}

// newBody returns a body whose rest is printable and not all the same.
func newBody() []byte {
	body := make([]byte, bodySize)
	const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	for i := range body {
		body[i] = digits[(i*i+7*i)%len(digits)]
	}
	return body
}

// A pair is a sender and a receiver. Its methods are called by the pair's two
// readers and by the pacer.
type pair struct {
	from, to session
	receiver int  // the user behind to
	accepts  bool // the server accepts every message by itself
	clock    func() time.Duration

	mu        sync.Mutex
	body      []byte          // guarded by mu, as everything below
	window    int             // messages in flight; 0 leaves sending to the pacer
	sent      int             // messages
	delivered int             // messages
	accepted  int             // messages
	scheduled []time.Duration // of sent messages that are not accepted yet, oldest first
	deliver   latencies
	accept    latencies
}

// done counts the messages that are through: delivered and, where the server
// tells, accepted.
func (p *pair) done() int {
	if p.accepts {
		return min(p.delivered, p.accepted)
	}
	return p.delivered
}

// pump fills the window. The caller holds mu.
func (p *pair) pump() error {
	for p.sent-p.done() < p.window {
		if err := p.send(p.clock()); err != nil {
			return err
		}
	}
	return nil
}

// send sends the next message. The caller holds mu.
func (p *pair) send(scheduled time.Duration) error {
	fillBody(p.body, p.sent, scheduled)
	p.sent++
	if p.accepts {
		p.scheduled = append(p.scheduled, scheduled)
	}
	return p.from.Send(p.receiver, p.body)
}

// onMessage takes a delivered message; they arrive in order and once.
func (p *pair) onMessage(body []byte) error {
	now := p.clock()
	sequence, scheduled, err := readBody(body)
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if sequence != p.delivered {
		return fmt.Errorf("message %d arrived where %d was due", sequence, p.delivered)
	}
	p.delivered++
	p.deliver.add(scheduled, now-scheduled)
	return p.pump()
}

func (p *pair) onAccepted(n int) error {
	now := p.clock()
	p.mu.Lock()
	defer p.mu.Unlock()
	if n > len(p.scheduled) {
		return fmt.Errorf("%d messages were accepted, %d were sent", n, len(p.scheduled))
	}
	for _, scheduled := range p.scheduled[:n] {
		p.accept.add(scheduled, now-scheduled)
	}
	p.scheduled = p.scheduled[:copy(p.scheduled, p.scheduled[n:])]
	p.accepted += n
	return p.pump()
}

// counts returns how far the pair is.
func (p *pair) counts() (sent, done int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.sent, p.done()
}
