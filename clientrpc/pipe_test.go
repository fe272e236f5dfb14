package clientrpc

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// pair returns both ends of a unix socket.
func pair(t *testing.T) (client, server net.Conn) {
	t.Helper()
	ln, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	if client, err = net.Dial("unix", ln.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if server, err = ln.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close(); server.Close() })
	return client, server
}

// serve runs ServePipe; done is closed when it returns.
func serve(ctx context.Context, c net.Conn, h Handler) (done chan struct{}) {
	done = make(chan struct{})
	go func() { defer close(done); ServePipe(ctx, c, h) }()
	return done
}

func await(t *testing.T, what string, done <-chan struct{}) {
	t.Helper()
	select {
	case <-done:
	case <-time.After(time.Minute):
		buf := make([]byte, 1<<16)
		t.Fatalf("%s does not end\n%s", what, buf[:runtime.Stack(buf, true)])
	}
}

// echo answers with its parameters; "fail" and "plain" fail, "wait" waits.
func echo(ctx context.Context, method string, params []byte) (any, error) {
	switch method {
	case "fail":
		return nil, &Error{Code: CodeNotFound, Cause: "x"}
	case "plain":
		return nil, errors.New("plain")
	case "wait":
		<-ctx.Done()
		return nil, ctx.Err()
	case "unmarshalable":
		return func() {}, nil
	}
	return json.RawMessage(params), nil
}

func TestPipe(t *testing.T) {
	c, s := pair(t)
	ctx, cancel := context.WithCancel(t.Context())
	done := serve(ctx, s, echo)
	p := NewPipe(c)
	var wg sync.WaitGroup
	for i := range 200 {
		wg.Go(func() {
			var got string
			want := fmt.Sprint(i, strings.Repeat("語", 1000))
			if err := p.Call(t.Context(), "echo", want, &got); err != nil || got != want {
				t.Errorf("call %d: %d octets, %v", i, len(got), err)
			}
		})
	}
	wg.Wait()
	for _, tt := range []struct{ method, code string }{
		{"fail", CodeNotFound}, {"plain", CodeInternal}, {"unmarshalable", CodeInternal},
	} {
		var e *Error
		if err := p.Call(t.Context(), tt.method, nil, nil); !errors.As(err, &e) || e.Code != tt.code {
			t.Errorf("%s: %v, want code %s", tt.method, err, tt.code)
		}
	}

	// A call whose caller gives up does not disturb the others.
	short, stop := context.WithTimeoutCause(t.Context(), time.Millisecond, io.ErrNoProgress)
	defer stop()
	if err := p.Call(short, "wait", nil, nil); !errors.Is(err, io.ErrNoProgress) {
		t.Errorf("cancelled call: %v", err)
	}
	var e *Error
	if err := p.Call(t.Context(), "echo", strings.Repeat("x", MaxRequest), nil); !errors.As(err, &e) || e.Code != CodeUsage {
		t.Errorf("too long: %v", err)
	}
	if err := p.Call(t.Context(), "echo", make(chan int), nil); err == nil {
		t.Error("a channel was sent")
	}
	if err := p.Call(t.Context(), "echo", 1, nil); err != nil {
		t.Errorf("after all that: %v", err)
	}

	// The core ends: calls under way and later ones are to be repeated.
	waiting := make(chan error, 1)
	go func() { waiting <- p.Call(t.Context(), "wait", nil, nil) }()
	for p.calls() < 1 {
		runtime.Gosched()
	}
	cancel()
	if err := <-waiting; !errors.Is(err, ErrHandover) {
		t.Errorf("call under way: %v", err)
	}
	await(t, "ServePipe", done)
	if err := p.Call(t.Context(), "echo", 1, nil); !errors.Is(err, ErrHandover) {
		t.Errorf("call after the end: %v", err)
	}
	if err := p.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
}

func (p *Pipe) calls() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.pending)
}

// TestBadLines: what is no request ends the pipe, and ServePipe with it.
func TestBadLines(t *testing.T) {
	for name, line := range map[string]string{
		"no JSON": "hello\n", "array": "[]\n", "id": `{"id":"x"}` + "\n", "too long": strings.Repeat(" ", MaxRequest+1) + "\n",
		"end within": `{"id":1,`, "nothing": "",
	} {
		t.Run(name, func(t *testing.T) {
			c, s := pair(t)
			done := serve(t.Context(), s, echo)
			go func() {
				io.WriteString(c, line)
				c.(*net.UnixConn).CloseWrite()
			}()
			await(t, "ServePipe", done)
		})
	}
}

// TestCoreThatTalksNonsense: the caller is told to look for another core.
func TestCoreThatTalksNonsense(t *testing.T) {
	for _, line := range []string{"hello\n", "[]\n", `{"id":1,"result":`} {
		c, s := pair(t)
		go func() {
			bufio.NewReader(s).ReadString('\n')
			io.WriteString(s, line)
			s.(*net.UnixConn).CloseWrite()
		}()
		p := NewPipe(c)
		if err := p.Call(t.Context(), "echo", 1, nil); !errors.Is(err, ErrHandover) {
			t.Errorf("%q: %v", line, err)
		}
		p.Close()
	}
}

// TestCallerThatDoesNotRead keeps no core from ending.
func TestCallerThatDoesNotRead(t *testing.T) {
	c, s := pair(t)
	ctx, cancel := context.WithCancel(t.Context())
	big := strings.Repeat("x", 256<<10)
	var started sync.WaitGroup
	started.Add(16)
	done := serve(ctx, s, func(context.Context, string, []byte) (any, error) {
		started.Done()
		return big, nil
	})
	for i := range 16 {
		fmt.Fprintf(c, `{"id":%d,"method":"x"}`+"\n", i+1)
	}
	started.Wait()
	cancel()
	await(t, "ServePipe", done)
}

// TestBusyCore: a core that takes no requests keeps nobody from giving up, nor
// from reading answers.
func TestBusyCore(t *testing.T) {
	c, s := pair(t)
	p := NewPipe(c)
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if err := p.Call(ctx, "echo", strings.Repeat("x", MaxRequest/2), nil); err == nil {
				t.Error("answered by nobody")
			}
		})
	}
	for p.calls() < 20 {
		runtime.Gosched()
	}
	fmt.Fprintf(s, `{"id":12345}`+"\n") // to nobody
	cancel()
	ended := make(chan struct{})
	go func() { wg.Wait(); p.Close(); close(ended) }()
	await(t, "calls", ended)
}

func TestErrorText(t *testing.T) {
	e := &Error{Code: CodeInternal, Cause: "deep reason"}
	if !strings.Contains(e.Error(), "(deep reason)") {
		t.Errorf("%q", e.Error())
	}
	b, err := json.Marshal(e)
	var back Error
	if err != nil || json.Unmarshal(b, &back) != nil || back.Code != e.Code || back.Cause != e.Cause {
		t.Errorf("%s, %v", b, err)
	}
}
