//go:build !js

package transport

import (
	"bytes"
	cryptorand "crypto/rand"
	"crypto/tls"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/omega-im/omega/wire"
)

// socketPair returns the ends of a TCP connection.
func socketPair(t testing.TB) (client, server net.Conn) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	if client, err = net.Dial("tcp", ln.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if server, err = ln.Accept(); err != nil {
		t.Fatal(err)
	}
	for _, c := range []net.Conn{client, server} {
		_ = c.SetDeadline(time.Now().Add(time.Minute))
		t.Cleanup(func() { c.Close() })
	}
	return client, server
}

// tlsPair returns crypto/tls as the client of a tls13Link, and the socket
// under it. The client has sent first, before the server's handshake was over.
func tlsPair(t *testing.T, first []byte) (client *tls.Conn, raw net.Conn, server *tls13Link) {
	t.Helper()
	raw, there := socketPair(t)
	leaf, err := newLeaf(cryptorand.Reader, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	client = tls.Client(raw, clientTLS(ALPNClient, "test"))
	sent := make(chan error, 1)
	go func() {
		_, err := client.Write(first)
		sent <- err
	}()
	f, secrets := &feed{Conn: there}, &trafficSecrets{}
	tc := tls.Server(f, secrets.config(serverTLS(leaf)))
	if err := tc.Handshake(); err != nil {
		t.Fatal(err)
	}
	if err := <-sent; err != nil {
		t.Fatal(err)
	}
	state := tc.ConnectionState()
	if server = newTLS13Link(f, &state, secrets, RoleClient); server == nil {
		t.Fatalf("%s stays with crypto/tls", tls.CipherSuiteName(state.CipherSuite))
	}
	return client, raw, server
}

// exchange writes random pieces of what there is to one end and compares what
// comes out of the other.
func exchange(t *testing.T, w io.Writer, r io.Reader, seed uint64) {
	t.Helper()
	rnd := rand.New(rand.NewPCG(seed, seed))
	want := make([]byte, 1<<20)
	_, _ = rand.NewChaCha8([32]byte{byte(seed)}).Read(want)
	var wg sync.WaitGroup
	wg.Go(func() {
		for rest := want; len(rest) > 0; {
			n := min(len(rest), 1+rnd.IntN([]int{10, 1000, 20_000, 100_000}[rnd.IntN(4)]))
			if _, err := w.Write(rest[:n]); err != nil {
				t.Errorf("write: %v", err)
				return
			}
			rest = rest[n:]
		}
	})
	got := make([]byte, len(want))
	if _, err := io.ReadFull(r, got); err != nil {
		t.Errorf("read: %v", err)
	} else if !bytes.Equal(got, want) {
		t.Error("other octets came out than went in")
	}
	wg.Wait()
}

func TestTLS13AgainstCryptoTLS(t *testing.T) {
	first := []byte("before the handshake is over")
	client, _, server := tlsPair(t, first)
	got := make([]byte, len(first))
	if _, err := io.ReadFull(server, got); err != nil || !bytes.Equal(got, first) {
		t.Fatalf("read %q, %v; want %q", got, err, first)
	}
	stop := make(chan struct{})
	var wg, resting sync.WaitGroup
	resting.Go(func() {
		for {
			select {
			case <-stop:
				return
			case <-time.After(100 * time.Microsecond):
				server.rest()
			}
		}
	})
	wg.Go(func() { exchange(t, client, server, 1) })
	wg.Go(func() { exchange(t, server, client, 2) })
	wg.Wait()
	close(stop)
	resting.Wait()
	if server.in != nil {
		t.Error("the server holds a buffer while nothing comes")
	}
	if err := client.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if _, err := server.Read(got); err != io.EOF {
		t.Errorf("read after the client's end = %v, want EOF", err)
	}
	if err := server.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if _, err := client.Read(got); err != io.EOF {
		t.Errorf("read after the server's end = %v, want EOF", err)
	}
}

func TestTLS13ChangedRecord(t *testing.T) {
	client, raw, server := tlsPair(t, []byte("x"))
	if _, err := server.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	if _, err := raw.Write(append([]byte{recordData, 3, 3, 0, 40}, make([]byte, 40)...)); err != nil {
		t.Fatal(err)
	}
	if _, err := server.Read(make([]byte, 1)); !errors.Is(err, errRecord) {
		t.Errorf("read = %v, want %v", err, errRecord)
	}
	if _, err := client.Read(make([]byte, 1)); err == nil || !strings.Contains(err.Error(), "bad record MAC") {
		t.Errorf("the client read %v, want the alert", err)
	}
}

// linkPair returns two links that talk to each other.
func linkPair(t testing.TB, suite *suite13) (client, server *tls13Link) {
	a, b := socketPair(t)
	up, down := bytes.Repeat([]byte{1}, suite.size), bytes.Repeat([]byte{2}, suite.size)
	client = &tls13Link{Conn: a, chunk: 4096, recv: suite.direction(down), send: suite.direction(up)}
	server = &tls13Link{Conn: b, chunk: 4096, recv: suite.direction(up), send: suite.direction(down)}
	return client, server
}

func TestTLS13KeyUpdates(t *testing.T) {
	for i := range suites13 {
		client, server := linkPair(t, &suites13[i])
		old := server.send.secret
		// A client that wants new keys both ways.
		ask := client.send.seal(nil, recordHandshake, []byte{messageKeyUpdate, 0, 0, 1, 1})
		client.send.update()
		if _, err := client.Conn.Write(ask); err != nil {
			t.Fatal(err)
		}
		exchange(t, client, server, 3)
		exchange(t, server, client, 4)
		if server.send.secret == old || server.send.secret != client.recv.secret || client.send.secret != server.recv.secret {
			t.Errorf("%s: the keys are not new ones, or not the same at both ends", tls.CipherSuiteName(suites13[i].id))
		}
		// A sender whose key is used up.
		old = server.send.secret
		server.send.seq, client.recv.seq = renewAfter-2, renewAfter-2
		exchange(t, server, client, 5)
		if server.send.secret == old || server.send.secret != client.recv.secret {
			t.Errorf("%s: a key was used for more than renewAfter records", tls.CipherSuiteName(suites13[i].id))
		}
	}
}

func TestTLS13Refuses(t *testing.T) {
	sealed := func(typ byte, data ...byte) func(d *direction) []byte {
		return func(d *direction) []byte { return d.seal(nil, typ, data) }
	}
	plain := func(b ...byte) func(*direction) []byte { return func(*direction) []byte { return b } }
	tests := []struct {
		name string
		send func(d *direction) []byte
		want error // nil: any
	}{
		{"the end", sealed(recordAlert, 1, alertCloseNotify), io.EOF},
		{"an alert", sealed(recordAlert, 2, 80), nil},
		{"half an alert", sealed(recordAlert, 2), nil},
		{"a message of the handshake", sealed(recordHandshake, 4, 0, 0, 0), nil},
		{"half a key update", sealed(recordHandshake, messageKeyUpdate, 0, 0), nil},
		{"a key update and more", sealed(recordHandshake, messageKeyUpdate, 0, 0, 1, 0, 0), nil},
		{"a key update of the third kind", sealed(recordHandshake, messageKeyUpdate, 0, 0, 1, 2), nil},
		{"an unknown type", sealed(99, 1), nil},
		{"nothing but padding", sealed(0), errRecord},
		{"no octet of text", plain(recordData, 3, 3, 0, 16, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16), errRecord},
		{"a type in the clear", plain(20, 3, 3, 0, 1, 1), nil},
		{"another version", plain(recordData, 3, 1, 0, 1, 1), nil},
		{"a long record", plain(recordData, 3, 3, 0x41, 1), nil},
		{"long text", func(d *direction) []byte { return d.seal(nil, recordData, make([]byte, maxPlain+1)) }, nil},
		{"a record that ends too soon", plain(recordData, 3, 3, 0, 40, 1, 2), io.ErrUnexpectedEOF},
		{"half a header", plain(recordData, 3), io.ErrUnexpectedEOF},
		{"many empty records", func(d *direction) (b []byte) {
			for range maxUseless + 1 {
				b = d.seal(b, recordData, nil)
			}
			return b
		}, nil},
	}
	for _, tt := range tests {
		client, server := linkPair(t, &suites13[0])
		if _, err := client.Conn.Write(tt.send(&client.send)); err != nil {
			t.Fatal(err)
		}
		if err := closeWrite(client.Conn); err != nil {
			t.Fatal(err)
		}
		n, err := server.Read(make([]byte, 10))
		if n != 0 || err == nil || tt.want != nil && !errors.Is(err, tt.want) {
			t.Errorf("%s: read %d octets, %v; want %v", tt.name, n, err, tt.want)
		}
	}
}

// A watched link looks at its Conn whenever that waits.
type watched struct {
	*tls13Link
	look func()
}

func (w watched) wait() error {
	w.look()
	return w.tls13Link.wait()
}

func TestWaitingConnHoldsNoBuffer(t *testing.T) {
	client, server := linkPair(t, &suites13[0])
	var c *Conn
	waits := 0
	c = newConn(watched{server, func() {
		waits++
		if c.in != nil || server.in != nil {
			t.Error("a buffer is held while nothing comes")
		}
	}}, time.Second)
	for range 3 {
		if _, err := client.Write(wire.AppendFrame(nil, wire.TypePing, 1, []byte("body"))); err != nil {
			t.Fatal(err)
		}
		if f, err := c.ReadFrame(); err != nil || string(f.Body) != "body" {
			t.Fatalf("frame = %v, %v", f, err)
		}
	}
	if waits != 3 {
		t.Errorf("waited %d times, want 3", waits)
	}
}

// A scripted connection gives what is in it and takes everything.
type scripted struct {
	net.Conn
	in *bytes.Reader
}

func (s scripted) Read(p []byte) (int, error)       { return s.in.Read(p) }
func (s scripted) Write(p []byte) (int, error)      { return len(p), nil }
func (s scripted) SetWriteDeadline(time.Time) error { return nil }

// FuzzTLS13Read reads what a client with the right keys may send: after each
// pair of octets (type, length) that many are sealed (0 would be padding), and
// tail comes as it is.
func FuzzTLS13Read(f *testing.F) {
	f.Add([]byte{recordData, 3, 1, 2, 3, recordAlert, 2, 1, 0}, []byte{})
	f.Add([]byte{recordHandshake, 5, messageKeyUpdate, 0, 0, 1, 1, recordData, 1, 7}, []byte{recordData, 3, 3, 0, 1})
	f.Fuzz(func(t *testing.T, script, tail []byte) {
		suite := &suites13[0]
		secret := make([]byte, suite.size)
		client := suite.direction(secret)
		var in, want []byte
		for len(script) >= 2 {
			typ, n := max(script[0], 1), min(int(script[1]), len(script)-2)
			data := script[2 : 2+n]
			in, script = client.seal(in, typ, data), script[2+n:]
			if typ == recordData {
				want = append(want, data...)
			}
			if typ == recordHandshake && len(data) == 5 {
				client.update()
			}
		}
		in = append(in, tail...)
		l := &tls13Link{Conn: scripted{in: bytes.NewReader(in)}, chunk: 4096, recv: suite.direction(secret), send: suite.direction(secret)}
		got, err := io.ReadAll(l)
		if len(got) > len(want) || !bytes.Equal(got, want[:len(got)]) {
			t.Errorf("read %x, of %x that was sent; %v", got, want, err)
		}
	})
}
