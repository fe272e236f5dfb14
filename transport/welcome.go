package transport

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"time"
)

// welcomeLabel starts what the proof in a Welcome covers.
const welcomeLabel = "omega-im/welcome/v1\n"

// A welcome ends the handshake, server to client:
//
//	u8 version | 16 session id | u64 ticket's end, ms | u16 n | n sealed ticket | 32 proof
//
// proof is HMAC-SHA256 over the label and everything before it, under the
// welcome key (keys.go): only who could open the client's nonce has that key,
// and it is another one for every transcript. After a Resume there is no new
// ticket (n is 0): the old one stays good until its end.
// (spec/handshake.md, SHAKE-8)
type welcome struct {
	version   uint8
	sessionID [16]byte
	expires   time.Time // of the ticket; milliseconds
	ticket    []byte
	proof     [32]byte
}

func (w *welcome) appendFields(b []byte) []byte {
	b = append(b, w.version)
	b = append(b, w.sessionID[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(w.expires.UnixMilli()))
	b = binary.BigEndian.AppendUint16(b, uint16(len(w.ticket)))
	return append(b, w.ticket...)
}

func (w *welcome) bytes() []byte { return append(w.appendFields(nil), w.proof[:]...) }

func (w *welcome) sum(key [32]byte) (out [32]byte) {
	h := hmac.New(sha256.New, key[:])
	h.Write(w.appendFields([]byte(welcomeLabel)))
	h.Sum(out[:0])
	return out
}

// decodeWelcome reads a Welcome body. The ticket is a copy.
func decodeWelcome(b []byte) (*welcome, error) {
	c := cursor{b: b}
	w := &welcome{version: c.u8()}
	copy(w.sessionID[:], c.take(16))
	var ok bool
	if w.expires, ok = fromMilli(c.u64()); !ok {
		return nil, malformed("welcome: time")
	}
	n := int(c.u16())
	if n > maxSealedTicket {
		return nil, malformed("welcome: ticket")
	}
	w.ticket = append([]byte(nil), c.take(n)...)
	w.proof = c.b32()
	return w, c.end("welcome")
}

// fromMilli reads milliseconds since 1970, up to the end of the year 9999.
func fromMilli(ms uint64) (time.Time, bool) {
	if ms > 253402300799999 {
		return time.Time{}, false
	}
	return time.UnixMilli(int64(ms)).UTC(), true
}
