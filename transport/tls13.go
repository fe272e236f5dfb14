package transport

import (
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"
)

// A tls13Link is what stays of a TLS 1.3 connection when its handshake is
// over: the protection of records (RFC 8446, section 5). Package crypto/tls
// does the handshake and would keep some 9 KB for the rest of the connection,
// most of it buffers that the handshake grew; this keeps 400 octets while
// nothing comes. The keys come from crypto/tls by its KeyLogWriter, see
// tls13_keys.go.
//
// There is no fragmentation of what follows a handshake: the only message of it
// that may come is KeyUpdate, alone in its record.
type tls13Link struct {
	net.Conn

	// The reader's.
	head    [recordHead]byte
	got     int     // octets of head, while in is nil
	chunk   int     // octets to read ahead at most: more after a long record
	least   int     // of chunk
	in      *buffer // what was read and not opened yet; nil: nothing
	plain   []byte  // opened and not read yet, in in.b before in.r
	useless int     // records in a row without data

	recvMu sync.Mutex // guards recv: the reader's, but for rest
	recv   direction

	sendMu sync.Mutex // guards send and writing: the writer's, but for key updates, alerts and rest
	send   direction
}

// Sizes of records in octets (RFC 8446, sections 5.1 and 5.2).
const (
	recordHead = 5
	maxPlain   = 1 << 14
	maxSealed  = maxPlain + 256
)

// Types of records (RFC 8446, section 5.1) and the one message after the
// handshake.
const (
	recordAlert     = 21
	recordHandshake = 22
	recordData      = 23

	messageKeyUpdate = 24
)

// Alerts (RFC 8446, section 6).
const (
	alertCloseNotify       = 0
	alertUnexpectedMessage = 10
	alertBadRecordMAC      = 20
	alertRecordOverflow    = 22
)

// maxUseless bounds records without data in a row, which cost the reader time
// and bring nothing.
const maxUseless = 16

// newTLS13Link takes a connection over whose handshake crypto/tls has finished
// at the server, and what was read of it beyond. It returns nil for a cipher
// suite that stays with crypto/tls: ChaCha20 is the choice of few.
func newTLS13Link(raw *feed, state *tls.ConnectionState, secrets *trafficSecrets, role Role) *tls13Link {
	suite := suiteByID(state.CipherSuite)
	if suite == nil || state.Version != tls.VersionTLS13 || !secrets.complete(suite) {
		return nil
	}
	least := bufferClasses[0]
	if role == RoleServer {
		least = bufferClasses[1]
	}
	return &tls13Link{
		Conn: raw.Conn, chunk: least, least: least, in: raw.ahead,
		recv: suite.direction(secrets.client), send: suite.direction(secrets.server),
	}
}

// Read waits without holding a buffer.
func (l *tls13Link) Read(p []byte) (int, error) {
	for len(l.plain) == 0 {
		if err := l.next(); err != nil {
			return 0, err
		}
	}
	n := copy(p, l.plain)
	if l.plain = l.plain[n:]; len(l.plain) == 0 && l.in.r == len(l.in.b) {
		putBuffer(l.in)
		l.in, l.plain = nil, nil
	}
	return n, nil
}

// next reads and opens one record, whose data may be empty.
func (l *tls13Link) next() error {
	record, err := l.record()
	if err != nil {
		return err
	}
	l.recvMu.Lock()
	typ, data, err := l.recv.open(record)
	l.recvMu.Unlock()
	switch {
	case err != nil:
		return l.reject(alertBadRecordMAC, err)
	case len(data) > maxPlain:
		return l.reject(alertRecordOverflow, errors.New("TLS: record is too long"))
	case typ == recordData && len(data) > 0:
		l.plain, l.useless = data, 0
		return nil
	}
	if l.useless++; l.useless > maxUseless {
		return l.reject(alertUnexpectedMessage, errors.New("TLS: too many records without data"))
	}
	switch typ {
	case recordData:
		return nil
	case recordAlert:
		return alertError(data)
	case recordHandshake:
		return l.keyUpdate(data)
	}
	return l.reject(alertUnexpectedMessage, fmt.Errorf("TLS: record of type %d", typ))
}

// record returns the next record as it came, in l.in.
func (l *tls13Link) record() ([]byte, error) {
	if err := l.readHead(); err != nil {
		return nil, err
	}
	head := l.in.b[l.in.r:]
	n := int(binary.BigEndian.Uint16(head[3:]))
	if head[0] != recordData || head[1] != 3 || head[2] != 3 {
		return nil, l.reject(alertUnexpectedMessage, fmt.Errorf("TLS: record of type %d in the clear", head[0]))
	}
	if n > maxSealed {
		return nil, l.reject(alertRecordOverflow, errors.New("TLS: record is too long"))
	}
	if err := l.fill(recordHead + n); err != nil {
		return nil, err
	}
	l.chunk = max(l.least, recordHead+n) // who sent much has more to send
	start := l.in.r
	l.in.r += recordHead + n
	return l.in.b[start:l.in.r], nil
}

// readHead sees to it that the header of the next record is in l.in.
func (l *tls13Link) readHead() error {
	if l.in != nil && l.in.r < len(l.in.b) {
		return l.fill(recordHead)
	}
	putBuffer(l.in)
	l.in = nil
	if err := l.wait(); err != nil {
		return err
	}
	l.in, l.got = getBuffer(l.chunk), 0
	l.in.b = append(l.in.b, l.head[:]...)
	return nil
}

// wait waits for the header of a record, with five octets of its own. Whoever
// calls it before Read waits with less on the stack, see waiter.
func (l *tls13Link) wait() error {
	for l.in == nil && l.got < recordHead {
		n, err := l.Conn.Read(l.head[l.got:])
		l.got += n
		switch {
		case err == nil || l.got == recordHead:
		case err == io.EOF && l.got > 0:
			return io.ErrUnexpectedEOF
		default:
			return err
		}
	}
	return nil
}

// fill reads until l.in holds n unread octets, and more where they are there.
// The buffer grows with what came, not with what the header promises.
func (l *tls13Link) fill(n int) error {
	for len(l.in.b)-l.in.r < n {
		if len(l.in.b) == cap(l.in.b) {
			l.moveOn(n)
		}
		b := l.in
		got, err := l.Conn.Read(b.b[len(b.b):cap(b.b)])
		b.b = b.b[:len(b.b)+got]
		if err != nil && len(b.b)-b.r < n {
			if err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return err
		}
	}
	return nil
}

// moveOn replaces a buffer that is full by one for n octets, or for twice what
// is unread.
func (l *tls13Link) moveOn(n int) {
	b := l.in
	unread := b.b[b.r:]
	l.in = getBuffer(max(l.chunk, min(n, 2*len(unread))))
	l.in.b = append(l.in.b, unread...)
	putBuffer(b)
}

// alertError is the end of a connection by the other side.
func alertError(data []byte) error {
	if len(data) == 2 && data[1] == alertCloseNotify {
		return io.EOF
	}
	if len(data) == 2 {
		return fmt.Errorf("TLS: the other side ended the connection with alert %d", data[1])
	}
	return errors.New("TLS: malformed alert")
}

// keyUpdate takes the only message that may follow a handshake (RFC 8446,
// section 4.6.3).
func (l *tls13Link) keyUpdate(data []byte) error {
	if len(data) != 5 || [4]byte(data) != [4]byte{messageKeyUpdate, 0, 0, 1} || data[4] > 1 {
		return l.reject(alertUnexpectedMessage, errors.New("TLS: message after the handshake"))
	}
	l.recvMu.Lock()
	l.recv.update()
	l.recvMu.Unlock()
	if data[4] == 0 {
		return nil
	}
	l.sendMu.Lock()
	defer l.sendMu.Unlock()
	// The writer sets its deadline only when it writes.
	if err := l.Conn.SetWriteDeadline(time.Now().Add(DefaultWriteTimeout)); err != nil {
		return err
	}
	_, err := l.Conn.Write(l.renew(nil))
	return err
}

// renew appends a KeyUpdate to b and goes on with the next key. sendMu is held.
func (l *tls13Link) renew(b []byte) []byte {
	b = l.send.seal(b, recordHandshake, []byte{messageKeyUpdate, 0, 0, 1, 0})
	l.send.update()
	return b
}

// reject tells the other side why this one ends the connection, if that can be
// done at once, and returns err.
func (l *tls13Link) reject(alert byte, err error) error {
	if !l.sendMu.TryLock() {
		return err // the writer may wait for long
	}
	defer l.sendMu.Unlock()
	_ = l.Conn.SetWriteDeadline(time.Now().Add(time.Second))
	_, _ = l.Conn.Write(l.send.seal(nil, recordAlert, []byte{2, alert}))
	return err
}

// Write seals p in as few records as it fits into, and writes them at once.
func (l *tls13Link) Write(p []byte) (int, error) {
	l.sendMu.Lock()
	defer l.sendMu.Unlock()
	b := getBuffer(len(p) + (len(p)/maxPlain+2)*recordOverhead)
	defer putBuffer(b)
	for rest := p; len(rest) > 0; {
		n := min(len(rest), maxPlain)
		if l.send.seq >= renewAfter {
			b.b = l.renew(b.b)
		}
		b.b = l.send.seal(b.b, recordData, rest[:n])
		rest = rest[n:]
	}
	if _, err := l.Conn.Write(b.b); err != nil {
		return 0, err
	}
	return len(p), nil
}

// CloseWrite says that nothing more comes, first in TLS and then in TCP.
func (l *tls13Link) CloseWrite() error {
	l.sendMu.Lock()
	defer l.sendMu.Unlock()
	_, err := l.Conn.Write(l.send.seal(nil, recordAlert, []byte{1, alertCloseNotify}))
	if err != nil {
		return err
	}
	return closeWrite(l.Conn)
}

// rest lets go of the ciphers until something comes or goes. They take 1.5 KB
// and are made again in microseconds. It does not wait for whoever uses them.
func (l *tls13Link) rest() {
	if l.recvMu.TryLock() {
		l.recv.aead = nil
		l.recvMu.Unlock()
	}
	if l.sendMu.TryLock() {
		l.send.aead = nil
		l.sendMu.Unlock()
	}
}
