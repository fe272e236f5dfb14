package transport

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/omega-im/omega"
)

// TestCheckPublic: only what is the internet's is dialled on a stranger's word, and
// only where no other service is. (spec/cloud.md, CLOUD-42)
func TestCheckPublic(t *testing.T) {
	for _, tt := range []struct {
		addr            string
		public, private bool // whether it passes, in a cloud of either kind
	}{
		{"1.1.1.1:7000", true, true},
		{"1.1.1.1:443", true, true},
		{"[2606:4700::1]:7001", true, true},
		{"[::ffff:1.1.1.1]:7000", true, true},
		{"[64:ff9b::101:101]:7000", true, true},
		{"example.tw:7001", true, true},
		{"sub.example.tw.:7001", true, true},

		{"127.0.0.1:7000", false, true},
		{"127.9.9.9:7000", false, true},
		{"[::1]:7000", false, true},
		{"[::ffff:127.0.0.1]:7000", false, true},
		{"10.0.0.1:7000", false, true},
		{"172.16.0.1:7000", false, true},
		{"192.168.1.1:7000", false, true},
		{"[fd00:ec2::254]:7000", false, true},
		{"[64:ff9b::a00:1]:7000", false, true},
		{"localhost:7000", false, true},
		{"router:7000", false, true},
		{"Printer.Local:7000", false, true},
		{"db.corp.internal:7000", false, true},

		{"169.254.169.254:8080", false, false},
		{"[::ffff:169.254.169.254]:8080", false, false},
		{"[fe80::1]:7000", false, false},
		{"[fe80::1%eth0]:7000", false, false},
		{"0.0.0.0:7000", false, false},
		{"[::]:7000", false, false},
		{"0.1.2.3:7000", false, false},
		{"100.100.100.200:7000", false, false},
		{"168.63.129.16:32526", false, false},
		{"192.0.2.1:7000", false, false},
		{"198.18.0.1:7000", false, false},
		{"224.0.0.1:7000", false, false},
		{"255.255.255.255:7000", false, false},
		{"240.0.0.1:7000", false, false},
		{"[ff02::1]:7000", false, false},
		{"[fec0::1]:7000", false, false},
		{"[2001:db8::1]:7000", false, false},
		{"[2001::1]:7000", false, false},
		{"[2002:7f00:1::1]:7000", false, false},
		{"[64:ff9b:1::1]:7000", false, false},
		{"[64:ff9b::a9fe:a9fe]:7000", false, false},

		{"1.1.1.1:25", false, false},
		{"1.1.1.1:22", false, false},
		{"1.1.1.1:80", false, false},
		{"1.1.1.1:1023", false, false},
		{"1.1.1.1:6667", false, false},
		{"1.1.1.1:0", false, false},
		{"127.0.0.1:22", false, false},
		{"example.tw:25", false, false},
		{"example.tw:70000", false, false},
		{"example.tw:smtp", false, false},
		{"example.tw", false, false},
		{"", false, false},
	} {
		for private, want := range map[bool]bool{false: tt.public, true: tt.private} {
			err := CheckAnnounced(tt.addr, private)
			if (err == nil) != want || err != nil && !errors.Is(err, ErrNotPublic) {
				t.Errorf("%q, private %v: %v", tt.addr, private, err)
			}
			if ap, parseErr := netip.ParseAddrPort(tt.addr); parseErr == nil {
				if err := CheckPublic(ap, private); (err == nil) != want {
					t.Errorf("%v at the dial, private %v: %v", ap, private, err)
				}
			}
		}
	}
}

// listenCounting counts who connects to an address of this machine.
func listenCounting(t *testing.T) (address string, came chan struct{}) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	came = make(chan struct{}, 100)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			came <- struct{}{}
			c.Close()
		}
	}()
	t.Cleanup(func() { ln.Close(); <-done })
	return ln.Addr().String(), came
}

// TestNamesAreCheckedWhereTheyLead: a name passes until it is known where it leads,
// and then not a single octet goes there; neither does a client's.
func TestNamesAreCheckedWhereTheyLead(t *testing.T) {
	address, came := listenCounting(t)
	ap := netip.MustParseAddrPort(address)
	a := NewGuard(GuardConfig{}).Attempt(omega.Fingerprint{})
	if err := a.control(t.Context(), "tcp4", address, nil); !errors.Is(err, ErrNotPublic) {
		t.Errorf("after a look-up: %v", err)
	}
	if _, err := a.Dial(t.Context(), "tcp", address); !errors.Is(err, ErrNotPublic) {
		t.Errorf("as announced: %v", err)
	}
	name := fmt.Sprintf("localhost:%d", ap.Port()) // the system's resolver knows one at least
	inside := func(ok bool) func(context.Context) bool { return func(context.Context) bool { return ok } }
	if _, err := DialPublic(t.Context(), "tcp", name, inside(false)); !errors.Is(err, ErrNotPublic) {
		t.Errorf("a client: %v", err)
	}
	if n := len(came); n != 0 {
		t.Errorf("%d connections to this machine", n)
	}
	for what, dial := range map[string]func() (net.Conn, error){
		"a client inside": func() (net.Conn, error) { return DialPublic(t.Context(), "tcp", name, inside(true)) },
		"a private cloud": func() (net.Conn, error) {
			return NewGuard(GuardConfig{Private: true}).Attempt(omega.Fingerprint{}).Dial(t.Context(), "tcp", address)
		},
		"the configuration": func() (net.Conn, error) {
			return NewGuard(GuardConfig{Trusted: []string{address}}).Attempt(omega.Fingerprint{}).Dial(t.Context(), "tcp", address)
		},
	} {
		c, err := dial()
		if err != nil {
			t.Errorf("%s: %v", what, err)
			continue
		}
		c.Close()
		<-came
	}
}

// nowhere is a network in which nobody proves anything, and it counts dials.
func nowhere(dials map[string]int) DialFunc {
	return func(_ context.Context, _, address string) (net.Conn, error) {
		dials[address]++
		return nil, errors.New("refused")
	}
}

func server(n int) omega.Fingerprint {
	fp, err := omega.ParseFingerprint(fmt.Sprintf("%040x", n+1))
	if err != nil {
		panic(err)
	}
	return fp
}

// TestLiarsCannotAim: however many servers are announced in one block of
// addresses, and whatever they are called, they are dialled a few times and then more
// and more rarely; other blocks go on. (spec/cloud.md, CLOUD-43)
func TestLiarsCannotAim(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dials := map[string]int{}
		g := NewGuard(GuardConfig{Dial: nowhere(dials)})
		try := func(n int, address string) error {
			a := g.Attempt(server(n))
			_, err := a.Dial(t.Context(), "tcp", address)
			a.Done(err == nil)
			return err
		}
		for minute := range 60 {
			for n := range 50 {
				_ = try(minute*50+n, fmt.Sprintf("9.9.9.%d:%d", n, 7000+minute))
			}
			time.Sleep(time.Minute)
		}
		total := 0
		for _, n := range dials {
			total += n
		}
		if total < 4 || total > 8 {
			t.Errorf("%d dials to one block within the hour", total)
		}
		if err := try(1, "9.9.8.1:7000"); errors.Is(err, ErrResting) {
			t.Error("the block beside it rests too")
		}
		time.Sleep(guardMaxRest + guardForget)
		if err := try(1, "9.9.9.1:7000"); errors.Is(err, ErrResting) {
			t.Error("it rests for ever")
		}
	})
}

// memory is a connection that ends at an address.
type memoryConn struct {
	net.Conn
	at net.Addr
}

func (c memoryConn) RemoteAddr() net.Addr { return c.at }

// TestHonestNeighbours: servers that prove themselves are all reached though they
// share a block, and go on being tried when they are away for a while, whatever
// liars announce beside them.
func TestHonestNeighbours(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		up := true
		g := NewGuard(GuardConfig{Dial: func(_ context.Context, _, address string) (net.Conn, error) {
			ap := netip.MustParseAddrPort(address)
			if !up || ap.Addr().As4()[3] >= 100 {
				return nil, errors.New("refused")
			}
			return memoryConn{at: net.TCPAddrFromAddrPort(ap)}, nil
		}})
		try := func(n int) error {
			a := g.Attempt(server(n))
			_, err := a.Dial(t.Context(), "tcp", fmt.Sprintf("9.9.9.%d:7000", n))
			a.Done(err == nil)
			return err
		}
		for n := range 30 {
			if err := try(n); err != nil {
				t.Fatalf("server %d: %v", n, err)
			}
		}
		for n := 100; n < 110; n++ {
			_ = try(n)
		}
		if err := try(110); !errors.Is(err, ErrResting) {
			t.Errorf("one more liar: %v", err)
		}
		up = false
		for range guardPatient - 1 {
			if err := try(7); errors.Is(err, ErrResting) {
				t.Fatal("a server that proved itself rests with liars")
			}
		}
		up = true
		if err := try(7); err != nil {
			t.Errorf("back again: %v", err)
		}
		up = false
		for range guardPatient + 1 {
			_ = try(7)
		}
		if err := try(7); !errors.Is(err, ErrResting) {
			t.Errorf("gone for long: %v", err)
		}
	})
}

// TestProbesTakeTurns: however many servers of one block are measured at a time,
// all are, four at once, and the wait is in no round trip. A block that rests is
// left alone. (spec/cloud.md, CLOUD-43)
func TestProbesTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var open, most atomic.Int32
		g := NewGuard(GuardConfig{Dial: func(_ context.Context, _, address string) (net.Conn, error) {
			defer open.Add(-1)
			if n := open.Add(1); n > most.Load() {
				most.Store(n)
			}
			time.Sleep(3 * time.Millisecond)
			near, far := net.Pipe()
			far.Close()
			return memoryConn{near, net.TCPAddrFromAddrPort(netip.MustParseAddrPort(address))}, nil
		}})
		probe := func(n int) (time.Duration, error) {
			ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
			defer cancel()
			return g.Probe(ctx, Address{Network: NetworkTLS, HostPort: fmt.Sprintf("9.9.9.%d:7000", n), Fingerprint: server(n)})
		}
		var wg sync.WaitGroup
		for n := range 64 {
			wg.Go(func() {
				if rtt, err := probe(n); err != nil || rtt != 3*time.Millisecond {
					t.Errorf("server %d: %v, %v", n, rtt, err)
				}
			})
		}
		wg.Wait()
		if most.Load() != guardAtOnce {
			t.Errorf("%d at once, want %d", most.Load(), guardAtOnce)
		}
		liar := g.Attempt(server(99))
		if err := liar.admit(netip.MustParseAddrPort("9.9.9.99:7000")); err != nil {
			t.Fatal(err)
		}
		liar.Done(false)
		if _, err := probe(1); !errors.Is(err, ErrResting) {
			t.Errorf("while the block rests: %v", err)
		}
	})
}

// TestGuardTakesBoundedMemory: neither blocks nor proofs are remembered without
// end, and what is over leaves nothing open.
func TestGuardTakesBoundedMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGuard(GuardConfig{})
		for n := range 2 * guardBlocks {
			at := netip.AddrPortFrom(netip.AddrFrom4([4]byte{9, byte(n >> 8), byte(n), 1}), uint16(7000+n>>16))
			a := g.Attempt(server(n))
			if err := a.admit(at); err == nil {
				a.Done(false)
			}
			g.leave(nil, proof{at, server(n)}, proved, time.Now())
		}
		if len(g.blocks) > guardBlocks || len(g.proved) > guardProved {
			t.Errorf("%d blocks, %d proofs", len(g.blocks), len(g.proved))
		}
		for block, b := range g.blocks {
			if b.open != 0 {
				t.Fatalf("%v: %d open", block, b.open)
			}
		}
		time.Sleep(guardMaxRest + guardForget + time.Minute)
		a := g.Attempt(server(1))
		if err := a.admit(netip.MustParseAddrPort("8.8.8.8:7000")); err != nil {
			t.Errorf("when all is old: %v", err)
		}
		a.Leave()
	})
}
