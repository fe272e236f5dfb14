package transport

import (
	"context"
	"crypto/cipher"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/coder/websocket"
	"github.com/omega-im/omega"
	"github.com/omega-im/omega/wire"
)

// A wsLink carries frames in binary WebSocket messages. A message of the
// handshake is one frame. After it, every message is a record:
//
//	AES-256-GCM of { one or more whole frames, at most omega.MaxFrame octets } | 16 tag
//
// without further data, under the key of its direction; its nonce is the
// direction's first nonce with the number of the record (from 0, 64 bits) xored
// into its last 8 octets. So a record that is lost, repeated, changed or out of
// order does not open, and the connection ends. (spec/handshake.md, SHAKE-11)
type wsLink struct {
	ws   *websocket.Conn
	raw  net.Conn // below it, for deadlines; nil in a browser
	addr net.Addr

	recv *record // nil during the handshake; the reader's
	in   *buffer // what is left of the message being read, nil: nothing; the reader's
	send *record // nil during the handshake; the writer's

	mu    sync.Mutex
	until time.Time // read deadline that was asked for
}

// maxRecord is the longest WebSocket message in octets.
const maxRecord = omega.MaxFrame + 16

func newWSLink(ws *websocket.Conn, raw net.Conn, addr net.Addr) *wsLink {
	ws.SetReadLimit(wire.HeaderSize + maxHello) // of the handshake, either way
	return &wsLink{ws: ws, raw: raw, addr: addr}
}

// secure ends the handshake: everything after it is sealed.
func (l *wsLink) secure(send, recv *[44]byte) error {
	if l.in != nil {
		return errors.New("more than one frame in a message of the handshake")
	}
	var err error
	if l.send, err = newRecord(send); err != nil {
		return err
	}
	l.ws.SetReadLimit(maxRecord)
	l.recv, err = newRecord(recv)
	return err
}

// Read waits for a message without holding a buffer of its own.
func (l *wsLink) Read(p []byte) (int, error) {
	if l.in == nil {
		if err := l.next(); err != nil {
			return 0, err
		}
	}
	n := copy(p, l.in.b[l.in.r:])
	if l.in.r += n; l.in.r == len(l.in.b) {
		putBuffer(l.in)
		l.in = nil
	}
	return n, nil
}

// next reads and opens one message.
func (l *wsLink) next() error {
	typ, r, err := l.ws.Reader(context.Background())
	if err != nil {
		return wsError(err)
	}
	if typ != websocket.MessageBinary {
		return errors.New("a WebSocket message of text")
	}
	if l.recv != nil {
		l.hurry(true)
		defer l.hurry(false)
	}
	b, err := readMessage(r)
	if err != nil {
		return wsError(err)
	}
	if l.recv != nil {
		if b.b, err = l.recv.open(b.b); err != nil {
			putBuffer(b)
			return err
		}
	}
	if len(b.b) == 0 {
		putBuffer(b)
		return errors.New("an empty WebSocket message")
	}
	l.in = b
	return nil
}

// hurry gives a message that has begun bodyTimeout to end, and takes that back,
// unless somebody else has set a deadline.
func (l *wsLink) hurry(on bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.raw == nil || !l.until.IsZero():
	case on:
		_ = l.raw.SetReadDeadline(time.Now().Add(bodyTimeout))
	default:
		_ = l.raw.SetReadDeadline(time.Time{})
	}
}

// readMessage reads to the end of r into a buffer that grows through the
// classes. The WebSocket ends the message at maxRecord.
func readMessage(r io.Reader) (*buffer, error) {
	b := getBuffer(1)
	for {
		if len(b.b) == cap(b.b) {
			b = growBuffer(b, 1)
		}
		n, err := r.Read(b.b[len(b.b):cap(b.b)])
		b.b = b.b[:len(b.b)+n]
		if err == io.EOF {
			return b, nil
		}
		if err != nil {
			putBuffer(b)
			return nil, err
		}
	}
}

// wsError makes the end of a WebSocket look like the end of any connection.
func wsError(err error) error {
	if s := websocket.CloseStatus(err); s == websocket.StatusNormalClosure || s == websocket.StatusGoingAway || errors.Is(err, io.EOF) {
		return io.EOF
	}
	return err
}

// Write sends frames in as few messages as their size allows.
func (l *wsLink) Write(frames []byte) (int, error) {
	written := 0
	for written < len(frames) {
		batch, err := wholeFrames(frames[written:])
		if err != nil {
			return written, err
		}
		if err := l.writeMessage(batch); err != nil {
			return written, wsError(err)
		}
		written += len(batch)
	}
	return written, nil
}

func (l *wsLink) writeMessage(batch []byte) error {
	if l.send == nil {
		return l.ws.Write(context.Background(), websocket.MessageBinary, batch)
	}
	b := getBuffer(len(batch) + 16)
	defer putBuffer(b)
	sealed, err := l.send.seal(b.b, batch)
	if err != nil {
		return err
	}
	return l.ws.Write(context.Background(), websocket.MessageBinary, sealed)
}

// wholeFrames returns as many of the frames as go into one record.
func wholeFrames(frames []byte) ([]byte, error) {
	if len(frames) <= omega.MaxFrame {
		return frames, nil
	}
	n := 0
	for {
		_, _, body, err := wire.DecodeHeader(frames[n:], omega.MaxFrame)
		if err != nil {
			return nil, err
		}
		next := n + wire.HeaderSize + body
		if next > omega.MaxFrame || next > len(frames) {
			return frames[:n], nil
		}
		n = next
	}
}

// Close ends the connection without the WebSocket's own goodbye.
func (l *wsLink) Close() error { return l.ws.CloseNow() }

// CloseWrite says goodbye, which ends reading as well when it is answered.
func (l *wsLink) CloseWrite() error { return l.ws.Close(websocket.StatusNormalClosure, "") }

// SetReadDeadline does nothing in a browser, which has no such thing.
func (l *wsLink) SetReadDeadline(t time.Time) error {
	if l.raw == nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.until = t
	return l.raw.SetReadDeadline(t)
}

// SetWriteDeadline does nothing in a browser, where writing never blocks.
func (l *wsLink) SetWriteDeadline(t time.Time) error {
	if l.raw == nil {
		return nil
	}
	return l.raw.SetWriteDeadline(t)
}

func (l *wsLink) RemoteAddr() net.Addr { return l.addr }

// A record seals or opens the messages of one direction.
type record struct {
	aead  cipher.AEAD
	first [12]byte
	count uint64
}

// maxRecords is how many records one key seals: far below what AES-GCM bears,
// and far above what a connection lives for.
const maxRecords = 1 << 40

func newRecord(key *[44]byte) (*record, error) {
	aead, err := newGCM(key[:32])
	if err != nil {
		return nil, err
	}
	return &record{aead: aead, first: [12]byte(key[32:])}, nil
}

func (r *record) nonce() ([12]byte, error) {
	if r.count >= maxRecords {
		return [12]byte{}, errors.New("too many records under one key")
	}
	n := r.first
	binary.BigEndian.PutUint64(n[4:], binary.BigEndian.Uint64(n[4:])^r.count)
	r.count++
	return n, nil
}

// seal appends the sealed form of plain to dst.
func (r *record) seal(dst, plain []byte) ([]byte, error) {
	n, err := r.nonce()
	if err != nil {
		return nil, err
	}
	return r.aead.Seal(dst, n[:], plain, nil), nil
}

// open opens a record in place.
func (r *record) open(sealed []byte) ([]byte, error) {
	n, err := r.nonce()
	if err != nil {
		return nil, err
	}
	plain, err := r.aead.Open(sealed[:0], n[:], sealed, nil)
	if err != nil {
		return nil, fmt.Errorf("record %d does not open", r.count-1)
	}
	return plain, nil
}
