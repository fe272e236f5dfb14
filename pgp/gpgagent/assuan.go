package gpgagent

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

const (
	// maxLine is the longest line in octets without its end (libassuan manual,
	// "Client requests": lines are limited to 1000 octets).
	maxLine = 1000

	// maxReply limits all that the agent sends in answer to one command. A
	// signature by RSA-16384 takes 6 kB when every octet is escaped.
	maxReply = 64 << 10
)

// errProtocol is returned when the agent breaks the Assuan protocol.
var errProtocol = errors.New("gpg-agent broke the Assuan protocol")

// errCancelInquiry is returned by an inquirer that has no answer.
var errCancelInquiry = errors.New("inquiry not answered")

// An inquirer answers what the agent asks for in the middle of a command. The
// answer is overwritten with zeros after it was sent.
type inquirer func(keyword, args string) ([]byte, error)

// A conn speaks Assuan as the client. It is used by one goroutine.
type conn struct {
	rw      net.Conn
	r       *bufio.Reader
	timeout time.Duration // for answers that need no person

	launched func(flavour string) // called when a pinentry has started; nil: by nobody
	pinentry atomic.Int64         // process that asks the person; 0: none
}

// A reply is what came before the OK of one command.
type reply struct {
	data   []byte              // of all D lines, unescaped
	status map[string][]string // rest of the S lines by keyword, unescaped
}

// newConn reads the agent's greeting. It closes rw when it fails.
func newConn(rw net.Conn, timeout time.Duration) (*conn, error) {
	// One octet more than a line and CR LF, so that a longer line is noticed.
	c := &conn{rw: rw, r: bufio.NewReaderSize(rw, maxLine+2), timeout: timeout}
	if err := c.rw.SetDeadline(time.Now().Add(timeout)); err != nil {
		return nil, errors.Join(err, rw.Close())
	}
	if _, err := c.answer("greeting", nil); err != nil {
		return nil, errors.Join(err, rw.Close())
	}
	return c, nil
}

// close says goodbye without waiting for the answer.
func (c *conn) close() error {
	c.rw.SetDeadline(time.Now().Add(time.Second))
	io.WriteString(c.rw, "BYE\n")
	return c.rw.Close()
}

// ask sends one command and waits for its answer for the conn's timeout.
func (c *conn) ask(ctx context.Context, line string) (*reply, error) {
	return c.transact(ctx, line, time.Now().Add(c.timeout), nil)
}

// askPerson sends one command that may wait for a person: only the end of ctx
// ends it.
func (c *conn) askPerson(ctx context.Context, line string, inq inquirer) (*reply, error) {
	return c.transact(ctx, line, time.Time{}, inq)
}

// transact sends a command and reads its answer. When ctx ends, the connection
// is closed, which is how Assuan cancels: the conn is of no use after that.
func (c *conn) transact(ctx context.Context, line string, deadline time.Time, inq inquirer) (*reply, error) {
	command, _, _ := strings.Cut(line, " ")
	defer context.AfterFunc(ctx, func() {
		c.endPinentry()
		c.rw.Close()
	})()
	defer c.pinentry.Store(0) // it has ended with the answer
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("gpg-agent %s: %w", command, context.Cause(ctx))
	}
	if err := c.rw.SetDeadline(deadline); err != nil {
		return nil, fmt.Errorf("gpg-agent %s: %w", command, err)
	}
	if err := c.writeLine(line); err != nil {
		return nil, c.failed(ctx, command, err)
	}
	rep, err := c.answer(command, inq)
	if err != nil {
		return nil, c.failed(ctx, command, err)
	}
	return rep, nil
}

// failed prefers the reason why ctx ended to the error of the closed socket.
func (c *conn) failed(ctx context.Context, command string, err error) error {
	var answer *AgentError
	if errors.As(err, &answer) {
		return err
	}
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return fmt.Errorf("gpg-agent %s: %w", command, err)
}

// writeLine sends one line. The caller escaped its arguments.
func (c *conn) writeLine(line string) error {
	if len(line) > maxLine {
		return fmt.Errorf("line of %d octets, at most %d are allowed", len(line), maxLine)
	}
	if strings.ContainsAny(line, "\r\n\x00") {
		return errors.New("line with a line end inside")
	}
	_, err := io.WriteString(c.rw, line+"\n")
	return err
}

// answer reads lines up to OK or ERR.
func (c *conn) answer(command string, inq inquirer) (*reply, error) {
	rep := &reply{status: make(map[string][]string)}
	for total := 0; ; {
		line, err := c.readLine()
		if err != nil {
			return nil, err
		}
		if total += len(line) + 1; total > maxReply {
			return nil, fmt.Errorf("%w: an answer of more than %d octets", errProtocol, maxReply)
		}
		done, err := c.take(line, command, rep, inq)
		if err != nil {
			return nil, err
		}
		if done {
			return rep, nil
		}
	}
}

// take works on one line of the agent and reports whether it was the last.
func (c *conn) take(line []byte, command string, rep *reply, inq inquirer) (bool, error) {
	word, args, _ := bytes.Cut(line, []byte(" "))
	switch string(word) {
	case "OK":
		return true, nil
	case "ERR":
		return true, parseERR(command, string(args))
	case "D":
		data, err := unescape(args)
		rep.data = append(rep.data, data...)
		return false, err
	case "S":
		text, err := unescape(args)
		keyword, rest, _ := strings.Cut(string(text), " ")
		rep.status[keyword] = append(rep.status[keyword], rest)
		return false, err
	case "INQUIRE":
		keyword, rest, _ := strings.Cut(string(args), " ")
		return false, c.answerInquiry(inq, keyword, rest)
	}
	if len(line) == 0 || line[0] == '#' {
		return false, nil
	}
	return false, fmt.Errorf("%w: unknown answer %q", errProtocol, clip(string(word), 40))
}

// answerInquiry sends what inq has to say, or CAN.
func (c *conn) answerInquiry(inq inquirer, keyword, args string) error {
	if keyword == "PINENTRY_LAUNCHED" {
		c.notePinentry(args)
		return c.writeLine("END")
	}
	if inq == nil {
		return c.writeLine("CAN")
	}
	data, err := inq(keyword, args)
	defer clear(data)
	switch {
	case errors.Is(err, errCancelInquiry):
		return c.writeLine("CAN")
	case err != nil:
		return errors.Join(err, c.writeLine("CAN"))
	}
	if err := c.writeData(data); err != nil {
		return err
	}
	return c.writeLine("END")
}

// writeData sends data as D lines.
func (c *conn) writeData(data []byte) error {
	line := make([]byte, 0, maxLine+1)
	defer func() { clear(line[:cap(line)]) }()
	for len(data) > 0 {
		line = append(line[:0], "D "...)
		for len(data) > 0 && len(line) <= maxLine-3 {
			line = appendEscaped(line, data[0])
			data = data[1:]
		}
		line = append(line, '\n')
		if _, err := c.rw.Write(line); err != nil {
			return err
		}
	}
	return nil
}

// readLine returns the next line without its end. It is valid until the next
// call.
func (c *conn) readLine() ([]byte, error) {
	line, err := c.r.ReadSlice('\n')
	switch {
	case errors.Is(err, bufio.ErrBufferFull):
		return nil, fmt.Errorf("%w: a line of more than %d octets", errProtocol, maxLine)
	case errors.Is(err, io.EOF):
		return nil, io.ErrUnexpectedEOF
	case err != nil:
		return nil, err
	}
	line = bytes.TrimSuffix(line[:len(line)-1], []byte("\r"))
	if len(line) > maxLine {
		return nil, fmt.Errorf("%w: a line of more than %d octets", errProtocol, maxLine)
	}
	return line, nil
}

// appendEscaped appends one octet as D lines carry it.
func appendEscaped(line []byte, b byte) []byte {
	switch b {
	case '%', '\r', '\n':
		return fmt.Appendf(line, "%%%02X", b)
	}
	return append(line, b)
}

// unescape decodes %XX. It returns a new slice.
func unescape(b []byte) ([]byte, error) {
	out := make([]byte, 0, len(b))
	for i := 0; i < len(b); i++ {
		if b[i] != '%' {
			out = append(out, b[i])
			continue
		}
		if i+2 >= len(b) {
			return nil, fmt.Errorf("%w: escape cut off at the end of a line", errProtocol)
		}
		v, err := strconv.ParseUint(string(b[i+1:i+3]), 16, 8)
		if err != nil {
			return nil, fmt.Errorf("%w: escape %q", errProtocol, b[i:i+3])
		}
		out = append(out, byte(v))
		i += 2
	}
	return out, nil
}

// parseERR reads "<decimal code> <text>".
func parseERR(command, args string) error {
	number, text, _ := strings.Cut(args, " ")
	code, err := strconv.ParseUint(number, 10, 32)
	if err != nil {
		return fmt.Errorf("%w: error code %q", errProtocol, clip(number, 40))
	}
	return &AgentError{Command: command, Code: uint32(code), Text: clip(text, 200)}
}

// clip shortens text that came from outside and replaces what is not printable.
func clip(s string, n int) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, s[:min(len(s), n)])
}
