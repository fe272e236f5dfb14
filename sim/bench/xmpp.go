package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"net"
	"strconv"
	"sync"
)

// xmppPassword is every user's.
const xmppPassword = "bench"

// xmppUser names a user at the server; its JID adds @localhost.
func xmppUser(user int) string { return "u" + strconv.Itoa(user) }

// An xmppSession speaks XMPP (RFC 6120, 6121) with direct TLS and SASL PLAIN.
// XMPP accepts nothing by itself: Mark sends a ping (XEP-0199), which the
// server answers after it has handled what came before.
type xmppSession struct {
	conn   net.Conn
	reader stanzaReader
	early  []event // arrived during the login; owned by Recv

	mu    sync.Mutex
	out   []byte // guarded by mu
	sent  int    // since the last mark; guarded by mu
	marks []int  // messages that each outstanding ping covers; guarded by mu
}

func dialXMPP(ctx context.Context, user, port int) (session, error) {
	conn, err := dialTLS(ctx, user, port)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	s := &xmppSession{conn: conn, reader: stanzaReader{src: conn}}
	if err := s.login(user); err != nil {
		conn.Close()
		return nil, fmt.Errorf("log in %s: %w", xmppUser(user), err)
	}
	return s, nil
}

const (
	streamOpen = "<?xml version='1.0'?><stream:stream to='localhost' version='1.0' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>"
	bindIQ     = "<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>b</resource></bind></iq>"
	pingIQ     = "<iq type='get' id='mark' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>"
)

func (s *xmppSession) login(user int) error {
	plain := base64.StdEncoding.EncodeToString([]byte("\x00" + xmppUser(user) + "\x00" + xmppPassword))
	auth := "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>" + plain + "</auth>"
	for _, step := range []struct{ send, want string }{
		{streamOpen, "<stream:features"},
		{auth, "<success"},
		{streamOpen, "<stream:features"},
		{bindIQ, "<iq"},
	} {
		if _, err := s.conn.Write([]byte(step.send)); err != nil {
			return err
		}
		got, err := s.reader.next()
		if err != nil {
			return err
		}
		if !bytes.HasPrefix(got, []byte(step.want)) || bytes.Contains(got, []byte("<error")) {
			return fmt.Errorf("%.40s was answered by %.200s", step.send, got)
		}
	}
	return s.becomeAvailable()
}

// becomeAvailable sends presence and waits until the server has handled it, so
// that messages sent from now on find this session.
func (s *xmppSession) becomeAvailable() error {
	if _, err := s.conn.Write([]byte("<presence/>" + pingIQ)); err != nil {
		return err
	}
	for {
		got, err := s.reader.next()
		if err != nil {
			return err
		}
		switch {
		case bytes.HasPrefix(got, []byte("<message")):
			s.early = append(s.early, event{body: bytes.Clone(messageBody(got))})
		case isPong(got):
			return nil
		}
	}
}

func isPong(stanza []byte) bool {
	return bytes.HasPrefix(stanza, []byte("<iq")) &&
		(bytes.Contains(stanza, []byte("id='mark'")) || bytes.Contains(stanza, []byte(`id="mark"`)))
}

func messageBody(stanza []byte) []byte { return between(stanza, "<body>", "</body>") }

func (s *xmppSession) Send(to int, body []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.out = append(s.out[:0], "<message type='chat' to='u"...)
	s.out = strconv.AppendInt(s.out, int64(to), 10)
	s.out = append(s.out, "@localhost'><body>"...)
	s.out = append(s.out, body...)
	s.out = append(s.out, "</body></message>"...)
	s.sent++
	_, err := s.conn.Write(s.out)
	return err
}

func (s *xmppSession) Mark() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.marks = append(s.marks, s.sent)
	s.sent = 0
	_, err := s.conn.Write([]byte(pingIQ))
	return err
}

func (s *xmppSession) Recv() (event, error) {
	if len(s.early) > 0 {
		e := s.early[0]
		s.early = s.early[1:]
		return e, nil
	}
	for {
		got, err := s.reader.next()
		if err != nil {
			return event{}, err
		}
		switch {
		case bytes.HasPrefix(got, []byte("<message")):
			body := messageBody(got)
			if body == nil || bytes.Contains(got, []byte("<error")) {
				return event{}, fmt.Errorf("the server answered a message with %.200s", got)
			}
			return event{body: body}, nil
		case isPong(got):
			if covered, asked := s.answered(); asked {
				return event{accepted: covered}, nil
			}
		}
	}
}

// answered takes the oldest mark off and returns how many messages it covered.
func (s *xmppSession) answered() (covered int, asked bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.marks) == 0 {
		return 0, false
	}
	covered = s.marks[0]
	s.marks = s.marks[1:]
	return covered, true
}

func (s *xmppSession) Close() error {
	s.conn.Write([]byte("</stream:stream>")) // the server may be dead already
	return s.conn.Close()
}
