package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// A turn of a scripted server: what it reads, then what it writes.
type turn struct{ want, answer string }

// scripted plays a server's part on one end of a pipe and gives the other.
func scripted(t *testing.T, turns []turn) net.Conn {
	t.Helper()
	client, server := net.Pipe()
	client.SetDeadline(time.Now().Add(time.Minute)) // a wrong script must not hang
	ended := make(chan error, 1)
	go func() {
		defer server.Close()
		for _, turn := range turns {
			got := make([]byte, len(turn.want))
			if _, err := io.ReadFull(server, got); err != nil || string(got) != turn.want {
				ended <- fmt.Errorf("the client wrote %q (%v), want %q", got, err, turn.want)
				return
			}
			if turn.answer == "" {
				continue // a pipe waits for a reader even of nothing
			}
			if _, err := io.WriteString(server, turn.answer); err != nil {
				ended <- err
				return
			}
		}
		ended <- nil
	}()
	t.Cleanup(func() {
		client.Close()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return client
}

const (
	testStream  = "<?xml version='1.0'?><stream:stream id='1'>"
	testAuth    = "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AHU3AGJlbmNo</auth>"
	testMessage = "<message from='u6@localhost/b'><body>hello</body></message>"
)

func xmppLogin(last string) []turn {
	return []turn{
		{streamOpen, testStream + "<stream:features><mechanisms><mechanism>PLAIN</mechanism></mechanisms></stream:features>"},
		{testAuth, "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>"},
		{streamOpen, testStream + "<stream:features/>"},
		{bindIQ, "<iq id='bind' type='result'><bind><jid>u7@localhost/b</jid></bind></iq>"},
		{"<presence/>" + pingIQ, last},
	}
}

func TestXMPPSession(t *testing.T) {
	const pong = `<iq type="result" id="mark"/>`
	conn := scripted(t, append(xmppLogin("<presence/>"+testMessage+pong),
		turn{"<message type='chat' to='u8@localhost'><body>abc</body></message>", ""},
		turn{"<message type='chat' to='u8@localhost'><body>def</body></message>", ""},
		turn{pingIQ, "<presence from='x'/> " + pong},
	))
	s := &xmppSession{conn: conn, reader: stanzaReader{src: conn}}
	if err := s.login(7); err != nil {
		t.Fatal(err)
	}
	if e, err := s.Recv(); err != nil || string(e.body) != "hello" {
		t.Errorf("Recv = %q, %v, want the message that waited", e.body, err)
	}
	for _, body := range []string{"abc", "def"} {
		if err := s.Send(8, []byte(body)); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Mark(); err != nil {
		t.Fatal(err)
	}
	if e, err := s.Recv(); err != nil || e.accepted != 2 || e.body != nil {
		t.Errorf("Recv = %+v, %v, want 2 accepted", e, err)
	}
	if _, err := s.Recv(); err == nil {
		t.Error("Recv after the end succeeded")
	}
}

func TestXMPPRefusals(t *testing.T) {
	for _, tt := range []struct {
		name  string
		turns []turn
	}{
		{"password", []turn{{streamOpen, testStream + "<stream:features/>"}, {testAuth, "<failure><not-authorized/></failure>"}}},
		{"stream error", []turn{{streamOpen, testStream + "<stream:error/></stream:stream>"}}},
		{"end", []turn{{streamOpen, testStream + "</stream:stream>"}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			conn := scripted(t, tt.turns)
			s := &xmppSession{conn: conn, reader: stanzaReader{src: conn}}
			if err := s.login(7); err == nil {
				t.Error("login succeeded")
			}
		})
	}
	bounce := "<message type='error'><body>abc</body><error/></message>"
	s := &xmppSession{reader: stanzaReader{src: strings.NewReader(bounce)}}
	if e, err := s.Recv(); err == nil {
		t.Errorf("a bounced message counted as delivered: %+v", e)
	}
}

func TestStanzas(t *testing.T) {
	const stream = "<?xml version='1.0'?><stream:stream a='b'> <a/>\n<b><c/><d>x</d></b><e></e></stream:stream>"
	want := []string{"<a/>", "<b><c/><d>x</d></b>", "<e></e>"}
	for _, src := range []io.Reader{strings.NewReader(stream), oneByOne{strings.NewReader(stream)}} {
		r := stanzaReader{src: src}
		for _, w := range want {
			if got, err := r.next(); err != nil || string(got) != w {
				t.Errorf("next = %q, %v, want %q", got, err, w)
			}
		}
		if _, err := r.next(); err != errStreamEnd {
			t.Errorf("next at the end = %v, want %v", err, errStreamEnd)
		}
	}
	endless := stanzaReader{src: io.MultiReader(strings.NewReader("<a>"), neverEnding{})}
	if _, err := endless.next(); err == nil {
		t.Error("a stanza without end was read")
	}
}

// oneByOne gives one octet a read.
type oneByOne struct{ io.Reader }

func (r oneByOne) Read(b []byte) (int, error) { return r.Reader.Read(b[:1]) }

type neverEnding struct{}

func (neverEnding) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = 'x'
	}
	return len(b), nil
}

func FuzzStanzas(f *testing.F) {
	f.Add([]byte("<?xml?><stream:stream><a/><b>x</b></stream:stream>"))
	f.Add([]byte("<>"))
	f.Add([]byte("</a><b"))
	f.Fuzz(func(t *testing.T, b []byte) {
		skip, n, err := cut(b)
		if err == nil && (skip < 0 || n < 0 || skip+n > len(b)) {
			t.Errorf("cut = %d, %d of %d octets", skip, n, len(b))
		}
		r := stanzaReader{src: bytes.NewReader(b)}
		for {
			if _, err := r.next(); err != nil {
				break
			}
		}
	})
}

func TestMQTTSession(t *testing.T) {
	conn := scripted(t, []turn{
		{"\x10\x0e\x00\x04MQTT\x04\x00\x00\x00\x00\x02u7", "\x20\x02\x00\x00"},
		{"\x82\x07\x00\x01\x00\x02u7\x01", "\x90\x03\x00\x01\x01"},
		{"\x32\x09\x00\x02u8\x00\x01abc", "\x40\x02\x00\x01\x32\x09\x00\x02u7\x00\x05xyz"},
		{"\x40\x02\x00\x05", "\x40\x02\x00\x02"},
	})
	s := &mqttSession{conn: conn, reader: bufio.NewReader(conn)}
	if err := s.login("u7"); err != nil {
		t.Fatal(err)
	}
	if err := s.Send(8, []byte("abc")); err != nil {
		t.Fatal(err)
	}
	if e, err := s.Recv(); err != nil || e.accepted != 1 {
		t.Errorf("Recv = %+v, %v, want an acceptance", e, err)
	}
	if e, err := s.Recv(); err != nil || string(e.body) != "xyz" {
		t.Errorf("Recv = %+v, %v, want xyz", e, err)
	}
	if e, err := s.Recv(); err != nil || e.accepted != 1 {
		t.Errorf("Recv = %+v, %v, want an acceptance after our own was written", e, err)
	}
}

func TestMQTTRefusals(t *testing.T) {
	for name, answer := range map[string]string{
		"not authorised":  "\x20\x02\x00\x05",
		"other packet":    "\x40\x02\x00\x01",
		"short":           "\x20\x01\x00",
		"endless length":  "\x20\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
		"huge":            "\x20\xff\xff\xff\x7f",
		"nothing follows": "\x20\x02",
	} {
		s := &mqttSession{conn: discard{}, reader: bufio.NewReader(strings.NewReader(answer))}
		if err := s.login("u7"); err == nil {
			t.Errorf("%s: login succeeded", name)
		}
	}
	for _, packet := range []string{"\x32\x01\x00", "\x32\x04\x00\x09u7", "\x30\x06\x00\x02u7ab"} {
		s := &mqttSession{conn: discard{}, reader: bufio.NewReader(strings.NewReader(packet))}
		if e, err := s.Recv(); err == nil {
			t.Errorf("PUBLISH %q was taken: %+v", packet, e)
		}
	}
}

// discard is a connection that takes everything.
type discard struct{ net.Conn }

func (discard) Write(b []byte) (int, error) { return len(b), nil }

func FuzzMQTT(f *testing.F) {
	f.Add([]byte("\x32\x09\x00\x02u7\x00\x05xyz\x40\x02\x00\x02"))
	f.Fuzz(func(t *testing.T, b []byte) {
		s := &mqttSession{conn: discard{}, reader: bufio.NewReader(bytes.NewReader(b))}
		for {
			if _, err := s.Recv(); err != nil {
				break
			}
		}
	})
}

func FuzzFloor(f *testing.F) {
	f.Add(appendFloorFrame(nil, floorMessage, 7, []byte("abc")))
	f.Fuzz(func(t *testing.T, b []byte) {
		r := floorReader{src: bufio.NewReader(bytes.NewReader(b))}
		for {
			if _, _, body, err := r.next(); err != nil || len(body) > maxFloorFrame {
				break
			}
		}
	})
}
