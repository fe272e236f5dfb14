package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

// maxStanza bounds what a peer can make the generator hold, in octets.
const maxStanza = 1 << 20

var errStreamEnd = errors.New("the server ended the stream")

// A stanzaReader cuts an XMPP stream (RFC 6120) into its top-level elements
// without parsing them: a full XML parser would cost more than the server.
type stanzaReader struct {
	src        io.Reader
	buf        []byte
	start, end int // what is read and not yet returned
}

// next returns the next element, valid until the following call. The stream's
// own opening tag and XML declarations are skipped.
func (r *stanzaReader) next() ([]byte, error) {
	for {
		skip, n, err := cut(r.buf[r.start:r.end])
		if err != nil {
			return nil, err
		}
		r.start += skip
		if n > 0 {
			stanza := r.buf[r.start : r.start+n]
			r.start += n
			return stanza, nil
		}
		if err := r.fill(); err != nil {
			return nil, err
		}
	}
}

// fill reads more, growing the buffer up to maxStanza.
func (r *stanzaReader) fill() error {
	if r.start > 0 {
		r.end = copy(r.buf, r.buf[r.start:r.end])
		r.start = 0
	}
	if r.end == len(r.buf) {
		if len(r.buf) >= maxStanza {
			return fmt.Errorf("a stanza is longer than %d octets", maxStanza)
		}
		r.buf = append(r.buf, make([]byte, max(4096, len(r.buf)))...)
	}
	n, err := r.src.Read(r.buf[r.end:])
	r.end += n
	if n > 0 {
		return nil
	}
	if err == nil {
		err = io.ErrNoProgress
	}
	return err
}

// cut finds the first whole element of b: it begins after skip octets and has
// n, or 0 when more must be read.
func cut(b []byte) (skip, n int, err error) {
	depth := 0
	for i := 0; ; {
		open := bytes.IndexByte(b[i:], '<')
		if open < 0 {
			if depth == 0 {
				skip = len(b) // white space between stanzas
			}
			return skip, 0, nil
		}
		if depth == 0 {
			skip = i + open
		}
		i += open
		closing := bytes.IndexByte(b[i:], '>')
		if closing < 0 {
			return skip, 0, nil
		}
		tag := b[i : i+closing+1]
		i += closing + 1
		switch {
		case depth == 0 && (tag[1] == '?' || bytes.HasPrefix(tag, []byte("<stream:stream"))):
			skip = i
			continue
		case depth == 0 && tag[1] == '/':
			return skip, 0, errStreamEnd
		case tag[1] == '/':
			depth--
		case tag[len(tag)-2] != '/':
			depth++
		}
		if depth == 0 {
			return skip, i - skip, nil
		}
	}
}

// between returns what stands between two marks, or nil.
func between(b []byte, before, after string) []byte {
	start := bytes.Index(b, []byte(before))
	if start < 0 {
		return nil
	}
	b = b[start+len(before):]
	end := bytes.Index(b, []byte(after))
	if end < 0 {
		return nil
	}
	return b[:end]
}
