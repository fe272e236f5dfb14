//go:build unix

package transport

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/omega-im/omega/wire"
)

// The benchmarks measure the server's side alone: the client is another
// process (this test binary, started again), and what is reported is the CPU
// time or memory of this one.

const (
	loadMode    = "OMEGA_LOAD_MODE"
	loadAddress = "OMEGA_LOAD_ADDRESS"
	loadPlain   = "OMEGA_LOAD_PLAIN" // address of plainEcho
	loadCount   = "OMEGA_LOAD_COUNT"
)

func TestMain(m *testing.M) {
	if mode := os.Getenv(loadMode); mode != "" {
		if err := load(mode); err != nil {
			fmt.Fprintln(os.Stderr, "load:", err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// load is the client's process. It warms up, says so, waits for a line, does
// its work, says so again, and waits for the end of its input.
func load(mode string) error {
	n, err := strconv.Atoi(os.Getenv(loadCount))
	if err != nil {
		return err
	}
	address, err := ParseAddress(os.Getenv(loadAddress))
	if err != nil {
		return err
	}
	t := &loadT{}
	p := newPerson(t)
	cfg := DialConfig{Address: address, Identity: p.Identity, MaxQueue: 1 << 20,
		Register: func(context.Context) (wire.Entry, error) {
			return wire.Entry{Certificate: p.Certificate.Bytes()}, nil
		}}
	c, err := Dial(context.Background(), cfg)
	if err != nil {
		return err
	}
	defer c.Close()
	in := bufio.NewReader(os.Stdin)
	fmt.Println("warm")
	if _, err := in.ReadString('\n'); err != nil {
		return err
	}
	if err := loads[mode](c, cfg, n); err != nil {
		return err
	}
	fmt.Println("done")
	_, _ = io.Copy(io.Discard, in)
	return nil
}

// loadT lets newPerson run outside of a test.
type loadT struct{ testing.TB }

func (*loadT) Helper()                  {}
func (*loadT) Context() context.Context { return context.Background() }
func (*loadT) Fatal(args ...any)        { panic(fmt.Sprint(args...)) }

var idle []*Conn // keeps them open

var loads = map[string]func(c *Conn, cfg DialConfig, n int) error{
	"login": func(_ *Conn, cfg DialConfig, n int) error { return logins(cfg, n) },
	"resume": func(c *Conn, cfg DialConfig, n int) error {
		cfg.Ticket = c.Ticket()
		return logins(cfg, n)
	},
	"tls": func(_ *Conn, cfg DialConfig, n int) error {
		for range n {
			nc, err := net.Dial("tcp", cfg.Address.HostPort)
			if err != nil {
				return err
			}
			tc := tls.Client(nc, clientTLS(ALPNClient, ""))
			if _, err := tc.Read(make([]byte, 1)); err != nil {
				return err
			}
			_ = tc.Close()
		}
		return nil
	},
	"idle": func(c *Conn, cfg DialConfig, n int) error {
		cfg.Ticket = c.Ticket()
		for range n {
			c, err := Dial(context.Background(), cfg)
			if err != nil {
				return err
			}
			idle = append(idle, c)
			if err := echo(c, make([]byte, 400)); err != nil {
				return err
			}
		}
		return nil
	},
	"echo": func(c *Conn, _ DialConfig, n int) error {
		b := make([]byte, 400)
		return many(1, n, func() (func() error, error) { return func() error { return echo(c, b) }, nil })
	},
	"echo-200": func(c *Conn, cfg DialConfig, n int) error {
		cfg.Ticket = c.Ticket()
		return many(200, n, func() (func() error, error) {
			c, err := Dial(context.Background(), cfg)
			if err != nil {
				return nil, err
			}
			b := make([]byte, 400)
			return func() error { return echo(c, b) }, nil
		})
	},
	"tls-echo":     func(_ *Conn, _ DialConfig, n int) error { return many(1, n, plainClient) },
	"tls-echo-200": func(_ *Conn, _ DialConfig, n int) error { return many(200, n, plainClient) },
	"flood": func(c *Conn, _ DialConfig, n int) error {
		frame := wire.AppendFrame(nil, wire.TypeSend, 0, make([]byte, 400))
		for range n {
			for {
				err := c.Send(frame)
				if err == nil {
					break
				}
				if !errors.Is(err, ErrSlow) {
					return err
				}
				time.Sleep(100 * time.Microsecond)
			}
		}
		return echo(c, nil)
	},
}

// many makes conns clients, says so, and has them do n things together.
func many(conns, n int, client func() (func() error, error)) error {
	do := make([]func() error, conns)
	for i := range do {
		var err error
		if do[i], err = client(); err != nil {
			return err
		}
	}
	fmt.Println("connected")
	var left atomic.Int64
	left.Store(int64(n))
	errs := make(chan error, conns)
	for _, f := range do {
		go func() {
			for left.Add(-1) >= 0 {
				if err := f(); err != nil {
					errs <- err
					return
				}
			}
			errs <- nil
		}()
	}
	var err error
	for range do {
		err = errors.Join(err, <-errs)
	}
	return err
}

// plainClient talks to plainEcho.
func plainClient() (func() error, error) {
	c, err := tls.Dial("tcp", os.Getenv(loadPlain), clientTLS(ALPNClient, ""))
	if err != nil {
		return nil, err
	}
	b := make([]byte, 408)
	return func() error {
		if _, err := c.Write(b); err != nil {
			return err
		}
		_, err := io.ReadFull(c, b)
		return err
	}, nil
}

func logins(cfg DialConfig, n int) error {
	for range n {
		c, err := Dial(context.Background(), cfg)
		if err != nil {
			return err
		}
		if c.Peer().Resumed != (cfg.Ticket != nil) {
			return errors.New("resumed when it should not be, or the other way round")
		}
		_ = c.Close()
	}
	return nil
}

func echo(c *Conn, body []byte) error {
	if err := c.SendFrame(wire.TypePing, 1, body); err != nil {
		return err
	}
	_, err := c.ReadFrame()
	return err
}

// A generator is the load process.
type generator struct {
	b    *testing.B
	cmd  *exec.Cmd
	in   io.WriteCloser
	out  *bufio.Reader
	stop func()
}

// startLoad starts a server on loopback and a client process against it.
func startLoad(b *testing.B, mode string, n int) *generator {
	b.Helper()
	w := newWorld(b, func(c *Config) { c.Logger = nil })
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- w.server.Serve(ctx, ln, serveLoad) }()

	g := &generator{b: b, cmd: exec.Command(os.Args[0])}
	address := Address{Network: NetworkTLS, HostPort: ln.Addr().String(), Fingerprint: w.id.Account()}
	plain := w.plainEcho(b)
	g.cmd.Env = append(os.Environ(), loadMode+"="+mode, loadPlain+"="+plain, loadAddress+"="+address.String(), loadCount+"="+strconv.Itoa(n))
	g.cmd.Stderr = os.Stderr
	if g.in, err = g.cmd.StdinPipe(); err != nil {
		b.Fatal(err)
	}
	out, err := g.cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	g.out = bufio.NewReader(out)
	if err := g.cmd.Start(); err != nil {
		b.Fatal(err)
	}
	g.stop = sync.OnceFunc(func() {
		_ = g.in.Close()
		_ = g.cmd.Wait()
		cancel()
		<-served
	})
	b.Cleanup(g.stop)
	g.wait("warm\n")
	return g
}

// plainEcho is what the echo is compared with: TLS, one goroutine per
// connection, and nothing else.
func (w *world) plainEcho(b *testing.B) (address string) {
	ln, err := tls.Listen("tcp", "127.0.0.1:0", w.server.tls)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { ln.Close() })
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				buf := make([]byte, 4096)
				for {
					n, err := c.Read(buf)
					if err != nil {
						return
					}
					if _, err := c.Write(buf[:n]); err != nil {
						return
					}
				}
			}()
		}
	}()
	return ln.Addr().String()
}

func serveLoad(ctx context.Context, c *Conn) {
	defer context.AfterFunc(ctx, func() { _ = c.Close() })()
	c.ReleaseCertificate()
	for {
		f, err := c.ReadFrame()
		if err != nil {
			return
		}
		if f.Type == wire.TypePing {
			_ = c.SendFrame(wire.TypePong, f.Tag, f.Body)
		}
	}
}

func (g *generator) wait(want string) {
	g.b.Helper()
	if got, err := g.out.ReadString('\n'); got != want {
		g.b.Fatalf("load process said %q, %v", got, err)
	}
}

// run has the client do its work, and returns the CPU time that it cost here.
func (g *generator) run(mode string) time.Duration {
	g.b.Helper()
	before := cpu(g.b)
	_, _ = io.WriteString(g.in, "go\n")
	if strings.Contains(mode, "echo") {
		g.wait("connected\n")
		before = cpu(g.b)
	}
	g.wait("done\n")
	return cpu(g.b) - before
}

func cpu(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func benchmarkCPU(b *testing.B, mode string) {
	g := startLoad(b, mode, b.N)
	b.ResetTimer()
	spent := g.run(mode)
	b.ReportMetric(float64(spent.Microseconds())/float64(b.N), "server-µs/op")
}

// BenchmarkTLS is a TLS handshake alone, to compare with: it ends when the
// client has read the first octet of the hello.
func BenchmarkTLS(b *testing.B)    { benchmarkCPU(b, "tls") }
func BenchmarkLogin(b *testing.B)  { benchmarkCPU(b, "login") }
func BenchmarkResume(b *testing.B) { benchmarkCPU(b, "resume") }
func BenchmarkEcho(b *testing.B)   { benchmarkCPU(b, "echo") }

// BenchmarkTLSEcho is the same echo by plain TLS, to compare with.
func BenchmarkTLSEcho(b *testing.B) { benchmarkCPU(b, "tls-echo") }

func BenchmarkEcho200(b *testing.B)    { benchmarkCPU(b, "echo-200") }
func BenchmarkTLSEcho200(b *testing.B) { benchmarkCPU(b, "tls-echo-200") }
func BenchmarkFlood(b *testing.B)      { benchmarkCPU(b, "flood") }

// BenchmarkIdle reports what one idle TLS connection takes of this process.
func BenchmarkIdle(b *testing.B) {
	const n = 2000
	for b.Loop() {
		g := startLoad(b, "idle", n)
		heap, stack := memory()
		g.run("idle")
		asIs := resident(b)
		heap2, stack2 := memory()
		b.ReportMetric(float64(heap2-heap)/n, "heap-B/conn")
		b.ReportMetric(float64(stack2-stack)/n, "stack-B/conn")
		b.ReportMetric(float64(asIs)/(1<<20), "rss-MiB")
		g.stop()
	}
}

func memory() (heap, stack uint64) {
	runtime.GC()
	debug.FreeOSMemory()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc, m.StackInuse
}

// resident is the resident set of this process in octets.
func resident(b *testing.B) int {
	b.Helper()
	s, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	var total, pages int
	_, _ = fmt.Sscan(string(s), &total, &pages)
	return pages * os.Getpagesize()
}

func BenchmarkSend(b *testing.B) {
	c, _ := pipe(b, RoleClient, DefaultClientQueue)
	c.link = sink{c.link.(plainLink)}
	body := make([]byte, 400)
	b.ReportAllocs()
	for b.Loop() {
		for c.SendFrame(1, 0, body) != nil {
			runtime.Gosched()
		}
	}
}

func BenchmarkReadFrame(b *testing.B) {
	c, _ := pipe(b, RoleClient, 1<<20)
	var batch []byte
	for range 10 {
		batch = wire.AppendFrame(batch, 1, 0, make([]byte, 400))
	}
	c.link = &source{plainLink: c.link.(plainLink), batch: batch}
	b.ReportAllocs()
	b.SetBytes(int64(len(batch) / 10))
	for b.Loop() {
		if _, err := c.ReadFrame(); err != nil {
			b.Fatal(err)
		}
	}
}
