package hkp_test

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// A caller is one keep-alive connection of the load generator, which does as
// little as it can: server and generator share the machine.
type caller struct {
	c net.Conn
	r *bufio.Reader
}

// ask sends a request and returns the status and the length of the body.
func (c *caller) ask(request []byte) (status, n int, err error) {
	if _, err := c.c.Write(request); err != nil {
		return 0, 0, err
	}
	n = -1
	for {
		line, err := c.r.ReadSlice('\n')
		if err != nil {
			return 0, 0, err
		}
		switch {
		case status == 0:
			status, err = strconv.Atoi(string(line[9:12]))
		case bytes.HasPrefix(line, []byte("Content-Length: ")):
			n, err = strconv.Atoi(string(bytes.TrimSpace(line[16:])))
		case len(line) == 2 && n >= 0:
			_, err = c.r.Discard(n)
			return status, n, err
		case len(line) == 2:
			err = fmt.Errorf("answer %d without a length", status)
		}
		if err != nil {
			return 0, 0, err
		}
	}
}

// load sends b.N requests over conns connections and reports those per second that
// were served, how many were refused because the disk stood still for seconds,
// the server's processor time, and the time within which 99 of 100 are answered.
func (p *population) load(b *testing.B, conns int, what string, request func(i int) []byte) {
	b.Helper()
	took := make([]time.Duration, b.N)
	callers := make([]*caller, conns)
	for i := range callers {
		c, err := net.Dial("tcp", p.host)
		if err != nil {
			b.Fatal(err)
		}
		defer c.Close()
		callers[i] = &caller{c, bufio.NewReaderSize(c, 16<<10)}
	}
	used := p.cpu(b)
	b.ResetTimer()
	var next, busy atomic.Int64
	var wg sync.WaitGroup
	for _, c := range callers {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < b.N; i = int(next.Add(1)) - 1 {
				start := time.Now()
				status, n, err := c.ask(request(i))
				switch {
				case err == nil && status == http.StatusTooManyRequests:
					busy.Add(1)
				case err != nil || status != http.StatusOK || n == 0:
					b.Errorf("answer %d of %d octets, %v", status, n, err)
					return
				}
				took[i] = time.Since(start)
			}
		})
	}
	wg.Wait()
	b.StopTimer()
	used = p.cpu(b) - used
	slices.Sort(took)
	if n := busy.Load(); n > 0 {
		b.ReportMetric(float64(n), "refused")
	}
	b.ReportMetric(float64(int64(b.N)-busy.Load())/b.Elapsed().Seconds(), what+"/s")
	b.ReportMetric(float64(used.Microseconds())/float64(b.N), "cpu-µs/"+what)
	b.ReportMetric(float64(took[b.N*99/100].Microseconds())/1000, "p99-ms")
	b.ReportMetric(0, "ns/op")
}
