package fault

import (
	"container/heap"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A netswitch joins the machines of a lab: it reads the frames of each and
// writes them to the one they are for, later, or never. Kernels with netem could
// do that too; not every one has it.
type netswitch struct {
	ports []*os.File // TAP devices, one per machine

	mu    sync.Mutex
	ways  [][]way    // by sender and receiver; guarded by mu
	queue frames     // guarded by mu
	count uint64     // frames queued so far; guarded by mu
	wake  *sync.Cond // of mu: the queue has a new first frame, or the end has come
	ended bool       // guarded by mu
	wg    sync.WaitGroup
}

// A way is one direction between two machines.
type way struct {
	delay time.Duration
	loss  float64 // share of frames that vanish
	cut   bool    // all vanish
}

// Frames the switch looks into.
const (
	etherHeader = 14
	etherIPv4   = 0x0800
	etherARP    = 0x0806 // passes whatever is cut: who lives where is not what is tested
	maxFrame    = 2048
)

// newSwitch joins TAP devices; frames from i to j take delay(i, j).
func newSwitch(t *testing.T, ports []*os.File, delay func(i, j int) time.Duration) *netswitch {
	s := &netswitch{ports: ports}
	s.wake = sync.NewCond(&s.mu)
	for i := range ports {
		s.ways = append(s.ways, make([]way, len(ports)))
		for j := range ports {
			s.ways[i][j].delay = delay(i, j)
		}
	}
	for i := range ports {
		s.wg.Go(func() { s.read(i) })
	}
	s.wg.Go(s.deliver)
	t.Cleanup(s.close)
	return s
}

func (s *netswitch) close() {
	for _, p := range s.ports {
		p.Close()
	}
	s.mu.Lock()
	s.ended = true
	s.wake.Signal()
	s.mu.Unlock()
	s.wg.Wait()
}

// set changes the way from one machine to another.
func (s *netswitch) set(from, to int, change func(*way)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.ways[from][to])
}

// read takes the frames of one machine until its device is closed.
func (s *netswitch) read(i int) {
	for {
		b := make([]byte, maxFrame)
		n, err := s.ports[i].Read(b)
		if err != nil {
			return
		}
		if n < etherHeader {
			continue
		}
		b = b[:n]
		switch to := port(b); {
		case b[0]&1 == 1: // to all
			for j := range s.ports {
				s.send(i, j, b)
			}
		case to < len(s.ports):
			s.send(i, to, b)
		}
	}
}

// mac is the hardware address of the machine at a port.
func mac(port int) string { return fmt.Sprintf("02:00:00:00:%02x:%02x", port>>8, port&255) }

// port is whom a frame is for.
func port(frame []byte) int { return int(binary.BigEndian.Uint16(frame[4:])) }

func (s *netswitch) send(from, to int, b []byte) {
	kind := binary.BigEndian.Uint16(b[12:])
	if from == to || kind != etherIPv4 && kind != etherARP {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	w := s.ways[from][to]
	if kind == etherIPv4 && (w.cut || w.loss > 0 && rand.Float64() < w.loss) {
		return
	}
	s.count++
	heap.Push(&s.queue, frame{time.Now().Add(w.delay), s.count, to, b})
	if s.queue[0].number == s.count {
		s.wake.Signal()
	}
}

// deliver writes frames when their time has come.
func (s *netswitch) deliver() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for !s.ended {
		if len(s.queue) == 0 {
			s.wake.Wait()
			continue
		}
		if wait := time.Until(s.queue[0].at); wait > 0 {
			timer := time.AfterFunc(wait, s.due)
			s.wake.Wait()
			timer.Stop()
			continue
		}
		f := heap.Pop(&s.queue).(frame)
		s.mu.Unlock()
		_, _ = s.ports[f.to].Write(f.b) // a machine that takes no frame has lost it
		s.mu.Lock()
	}
}

// due wakes deliver, which is waiting when s.mu can be had.
func (s *netswitch) due() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wake.Signal()
}

// A frame is on its way.
type frame struct {
	at     time.Time
	number uint64 // keeps the order of what is due at once
	to     int
	b      []byte
}

// frames is a heap, the next one due first.
type frames []frame

func (q frames) Len() int { return len(q) }
func (q frames) Less(i, j int) bool {
	if q[i].at.Equal(q[j].at) {
		return q[i].number < q[j].number
	}
	return q[i].at.Before(q[j].at)
}
func (q frames) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *frames) Push(x any)   { *q = append(*q, x.(frame)) }
func (q *frames) Pop() any {
	old := *q
	f := old[len(old)-1]
	old[len(old)-1] = frame{}
	*q = old[:len(old)-1]
	return f
}

// openTap makes the device eth0 of a machine, whose frames the returned file
// carries.
func openTap(m *machine) (tap *os.File, err error) {
	inside := m.inside(func() {
		var fd int
		if fd, err = unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC, 0); err != nil {
			return
		}
		var req *unix.Ifreq
		if req, err = unix.NewIfreq("eth0"); err == nil {
			req.SetUint16(unix.IFF_TAP | unix.IFF_NO_PI)
			err = unix.IoctlIfreq(fd, unix.TUNSETIFF, req)
		}
		if err != nil {
			unix.Close(fd)
			return
		}
		tap = os.NewFile(uintptr(fd), "tap of "+m.ns) // not earlier: the poller takes it only now
	})
	if inside != nil {
		return nil, inside
	}
	return tap, err
}
