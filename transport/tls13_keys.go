package transport

import (
	"bytes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/tls"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"hash"
)

// A suite13 is a cipher suite of TLS 1.3 (RFC 8446, appendix B.4).
type suite13 struct {
	id      uint16
	keySize int // octets
	hash    func() hash.Hash
	size    int // of the hash and so of secrets, octets
}

var suites13 = [...]suite13{
	{tls.TLS_AES_128_GCM_SHA256, 16, sha256.New, sha256.Size},
	{tls.TLS_AES_256_GCM_SHA384, 32, sha512.New384, sha512.Size384},
}

func suiteByID(id uint16) *suite13 {
	for i := range suites13 {
		if suites13[i].id == id {
			return &suites13[i]
		}
	}
	return nil
}

// expand is HKDF-Expand-Label without a context (RFC 8446, section 7.1). It
// fails only for lengths that do not occur here.
func (s *suite13) expand(secret []byte, label string, n int) []byte {
	info := binary.BigEndian.AppendUint16(make([]byte, 0, 32), uint16(n))
	info = append(info, byte(len("tls13 ")+len(label)))
	info = append(info, "tls13 "+label...)
	info = append(info, 0)
	key, err := hkdf.Expand(s.hash, secret, string(info), n)
	if err != nil {
		panic("transport: expand TLS key: " + err.Error())
	}
	return key
}

// A direction is the keys of what one side sends.
type direction struct {
	suite  *suite13
	secret [sha512.Size384]byte // the first suite.size octets
	iv     [12]byte
	seq    uint64      // of the next record
	aead   cipher.AEAD // nil until it is needed
}

// renewAfter is the number of records under one key after which the sender
// takes the next one: half of what AES-GCM bears (RFC 8446, section 5.5).
const renewAfter = 1 << 23

// recordOverhead is what sealing adds to a record: header, type and tag.
const recordOverhead = recordHead + 1 + 16

func (s *suite13) direction(secret []byte) direction {
	d := direction{suite: s}
	d.set(secret)
	return d
}

// set begins with the keys of a traffic secret (RFC 8446, section 7.3).
func (d *direction) set(secret []byte) {
	copy(d.secret[:], secret)
	d.iv = [12]byte(d.suite.expand(secret, "iv", 12))
	d.seq, d.aead = 0, nil
}

// update goes on with the next traffic secret (RFC 8446, section 7.2).
func (d *direction) update() {
	d.set(d.suite.expand(d.secret[:d.suite.size], "traffic upd", d.suite.size))
}

// cipher makes the cipher if it is not there.
func (d *direction) cipher() cipher.AEAD {
	if d.aead == nil {
		key := d.suite.expand(d.secret[:d.suite.size], "key", d.suite.keySize)
		aead, err := newGCM(key)
		if err != nil {
			panic("transport: make TLS cipher: " + err.Error()) // the key has a size of AES
		}
		d.aead = aead
	}
	return d.aead
}

// nonce returns that of the next record (RFC 8446, section 5.3). 64 bits of
// records do not end.
func (d *direction) nonce() [12]byte {
	n := d.iv
	binary.BigEndian.PutUint64(n[4:], binary.BigEndian.Uint64(n[4:])^d.seq)
	d.seq++
	return n
}

// seal appends the record of data (RFC 8446, section 5.2).
func (d *direction) seal(b []byte, typ byte, data []byte) []byte {
	aead, nonce, at := d.cipher(), d.nonce(), len(b)
	b = append(b, recordData, 3, 3)
	b = binary.BigEndian.AppendUint16(b, uint16(len(data)+1+aead.Overhead()))
	b = append(b, data...)
	b = append(b, typ)
	text := at + recordHead
	return aead.Seal(b[:text], nonce[:], b[text:], b[at:text])
}

var errRecord = errors.New("TLS: record does not open")

// open opens a record in place and takes the padding off.
func (d *direction) open(record []byte) (typ byte, data []byte, err error) {
	aead, nonce := d.cipher(), d.nonce()
	sealed := record[recordHead:]
	plain, err := aead.Open(sealed[:0], nonce[:], sealed, record[:recordHead])
	if err != nil {
		return 0, nil, errRecord
	}
	end := len(plain)
	for end > 0 && plain[end-1] == 0 {
		end--
	}
	if end == 0 {
		return 0, nil, errRecord // nothing but padding
	}
	return plain[end-1], plain[:end-1], nil
}

// trafficSecrets takes the secrets of one connection out of the lines that
// crypto/tls writes to a KeyLogWriter, in the format of SSLKEYLOGFILE:
//
//	label | space | client random, hex | space | secret, hex | newline
//
// It is the public way to them. They stay in the connection that they are of.
type trafficSecrets struct{ client, server []byte }

// Labels of the lines that matter.
const (
	clientTraffic = "CLIENT_TRAFFIC_SECRET_0"
	serverTraffic = "SERVER_TRAFFIC_SECRET_0"
)

// config is cfg with t as its KeyLogWriter.
func (t *trafficSecrets) config(cfg *tls.Config) *tls.Config {
	cfg = cfg.Clone()
	cfg.KeyLogWriter = t
	return cfg
}

// Write takes one line.
func (t *trafficSecrets) Write(line []byte) (int, error) {
	label, rest, _ := bytes.Cut(line, []byte{' '})
	_, secret, _ := bytes.Cut(bytes.TrimSpace(rest), []byte{' '})
	var err error
	switch string(label) {
	case clientTraffic:
		t.client, err = hex.AppendDecode(nil, secret)
	case serverTraffic:
		t.server, err = hex.AppendDecode(nil, secret)
	}
	return len(line), err
}

// complete reports whether both secrets came and are those of the suite.
func (t *trafficSecrets) complete(s *suite13) bool {
	return len(t.client) == s.size && len(t.server) == s.size
}
