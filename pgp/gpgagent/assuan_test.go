package gpgagent

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/omega-im/omega/pgp"
)

// serve answers each line a client sends with the next answer, greeting first.
// It returns the client's end and, when that is closed, what the client sent.
func serve(t *testing.T, answers ...string) (net.Conn, <-chan []string) {
	t.Helper()
	client, server := net.Pipe()
	sent := make(chan []string, 1)
	go func() {
		defer server.Close()
		var lines []string
		r := bufio.NewScanner(server)
		for _, a := range answers {
			if _, err := server.Write([]byte(a)); err != nil {
				break
			}
			if !r.Scan() {
				break
			}
			lines = append(lines, r.Text())
		}
		for r.Scan() {
			lines = append(lines, r.Text())
		}
		sent <- lines
	}()
	t.Cleanup(func() { client.Close() })
	return client, sent
}

func TestTransact(t *testing.T) {
	for _, row := range []struct {
		name   string
		answer string
		data   string
		status string
		err    error
	}{
		{"ok", "OK\n", "", "", nil},
		{"ok with text", "OK closing connection\n", "", "", nil},
		{"carriage return", "D a\r\nOK\r\n", "a", "", nil},
		{"data", "D ab%25%0A%0Dc\nD  d\nOK\n", "ab%\n\rc d", "", nil},
		{"octets", "D \x00\xff\nOK\n", "\x00\xff", "", nil},
		{"empty data", "D\nOK\n", "", "", nil},
		{"status", "S T a%20b\n# comment\n\nS OTHER\nOK\n", "", "a b", nil},
		{"longest line", "D " + strings.Repeat("x", maxLine-2) + "\nOK\n", strings.Repeat("x", maxLine-2), "", nil},
		{"line too long", "D " + strings.Repeat("x", maxLine-1) + "\nOK\n", "", "", errProtocol},
		{"endless line", strings.Repeat("x", 5000), "", "", errProtocol},
		{"too much", strings.Repeat("D "+strings.Repeat("x", 900)+"\n", 100), "", "", errProtocol},
		{"cut escape", "D a%2\nOK\n", "", "", errProtocol},
		{"bad escape", "D a%zz\nOK\n", "", "", errProtocol},
		{"unknown word", "HELLO\n", "", "", errProtocol},
		{"end", "END\n", "", "", errProtocol},
		{"bad code", "ERR x y\n", "", "", errProtocol},
		{"cancelled", "ERR 83886179 Operation cancelled <Pinentry>\n", "", "", ErrCanceled},
		{"bad passphrase", "ERR 67108875 Bad passphrase <GPG Agent>\n", "", "", pgp.ErrLocked},
		{"no secret key", "ERR 67108881 No secret key <GPG Agent>\n", "", "", pgp.ErrOffline},
		{"no pinentry", "ERR 67108949 No pinentry <GPG Agent>\n", "", "", ErrNoPinentry},
		{"no terminal", "ERR 83918950 Inappropriate ioctl for device <Pinentry>\n", "", "", ErrNoPinentry},
		{"locale", "ERR 83886246 A locale function failed <Pinentry>\n", "", "", ErrLocale},
		{"pinentry timeout", "ERR 83886142 Timeout <Pinentry>\n", "", "", context.DeadlineExceeded},
	} {
		t.Run(row.name, func(t *testing.T) {
			rw, _ := serve(t, "OK hello\n", row.answer)
			c, err := newConn(rw, time.Minute)
			if err != nil {
				t.Fatal(err)
			}
			rep, err := c.ask(t.Context(), "NOP")
			if !errors.Is(err, row.err) || err == nil && row.err != nil {
				t.Fatalf("ask = %v, want %v", err, row.err)
			}
			if err != nil {
				return
			}
			if got := string(rep.data); got != row.data {
				t.Errorf("data %q, want %q", got, row.data)
			}
			if got := strings.Join(rep.status["T"], "|"); got != row.status {
				t.Errorf("status %q, want %q", got, row.status)
			}
		})
	}
}

func TestGreeting(t *testing.T) {
	for _, greeting := range []string{"ERR 67109139 Unknown IPC command\n", "220 mail.example.org ESMTP\n", strings.Repeat("\x00", 4000)} {
		rw, _ := serve(t, greeting)
		if _, err := newConn(rw, time.Minute); err == nil {
			t.Errorf("greeting %.20q was taken", greeting)
		}
	}
}

func TestInquire(t *testing.T) {
	long := bytes.Repeat([]byte("a%\n"), 500)
	for _, row := range []struct {
		name    string
		inquire string
		inq     inquirer
		want    string
	}{
		{"pinentry launched", "INQUIRE PINENTRY_LAUNCHED 123 gtk\n", nil, "END"},
		{"nobody there", "INQUIRE PASSPHRASE\n", nil, "CAN"},
		{"no answer", "INQUIRE X\n", func(string, string) ([]byte, error) { return nil, errCancelInquiry }, "CAN"},
		{"answer", "INQUIRE X y z\n", func(k, a string) ([]byte, error) { return []byte(k + "+" + a + "%"), nil }, "D X+y z%25|END"},
		{"long answer", "INQUIRE X\n", func(string, string) ([]byte, error) { return bytes.Clone(long), nil }, "END"},
	} {
		t.Run(row.name, func(t *testing.T) {
			client, server := net.Pipe()
			defer client.Close()
			var lines []string
			var data []byte
			done := make(chan struct{})
			go func() {
				defer close(done)
				defer server.Close()
				r := bufio.NewScanner(server)
				server.Write([]byte("OK\n"))
				r.Scan()
				server.Write([]byte(row.inquire))
				for r.Scan() {
					if len(r.Text()) > maxLine {
						t.Errorf("client sent a line of %d octets", len(r.Text()))
					}
					lines = append(lines, r.Text())
					if d, ok := strings.CutPrefix(r.Text(), "D "); ok {
						raw, err := unescape([]byte(d))
						if err != nil {
							t.Error(err)
						}
						data = append(data, raw...)
						continue
					}
					break
				}
				server.Write([]byte("OK\n"))
			}()
			c, err := newConn(client, time.Minute)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := c.askPerson(t.Context(), "PKSIGN", row.inq); err != nil {
				t.Fatal(err)
			}
			<-done
			if row.name == "long answer" {
				if !bytes.Equal(data, long) {
					t.Errorf("agent got %d octets, want %d", len(data), len(long))
				}
				return
			}
			if got := strings.Join(lines, "|"); got != row.want {
				t.Errorf("client sent %q, want %q", got, row.want)
			}
		})
	}
}

func TestLinesThatAreNotSent(t *testing.T) {
	for _, line := range []string{"A " + strings.Repeat("x", maxLine), "A\nB", "A\rB", "A\x00"} {
		rw, sent := serve(t, "OK\n")
		c, err := newConn(rw, time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.ask(t.Context(), line); err == nil {
			t.Errorf("line %.10q was sent", line)
		}
		rw.Close()
		if got := <-sent; len(got) != 0 {
			t.Errorf("line %.10q: agent got %q", line, got)
		}
	}
}

func TestSilentAgent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := net.Pipe()
		defer client.Close()
		go func() {
			server.Write([]byte("OK\n"))
			bufio.NewReader(server).ReadString(0) // takes all and answers nothing
		}()
		c, err := newConn(client, 7*time.Second)
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		if _, err := c.ask(t.Context(), "NOP"); err == nil {
			t.Error("a silent agent answered")
		}
		if got := time.Since(start); got != 7*time.Second {
			t.Errorf("gave up after %v, want 7s", got)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		start = time.Now()
		if _, err := c.askPerson(ctx, "PKSIGN", nil); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("askPerson = %v, want %v", err, context.DeadlineExceeded)
		}
		if got := time.Since(start); got != time.Hour {
			t.Errorf("a person had %v, want 1h", got)
		}
	})
}

// FuzzAssuan feeds a client what an agent might send.
func FuzzAssuan(f *testing.F) {
	for _, s := range []string{"OK\nD a%25\nS X y\nINQUIRE A b\n# c\n\nOK\n", "OK\nERR 1 x\n", "OK\nD %\n", "OK\r\n\x00"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		client, server := net.Pipe()
		done := make(chan struct{})
		go func() {
			defer close(done)
			server.Write(b)
			server.Close()
		}()
		defer func() { client.Close(); <-done }()
		c, err := newConn(drain{client}, time.Minute)
		if err != nil {
			return
		}
		rep, err := c.askPerson(context.Background(), "X", func(_, args string) ([]byte, error) { return []byte(args), nil })
		if err == nil && len(rep.data) > maxReply {
			t.Errorf("reply of %d octets", len(rep.data))
		}
	})
}

// drain is a connection whose writes go nowhere.
type drain struct{ net.Conn }

func (drain) Write(b []byte) (int, error) { return len(b), nil }
