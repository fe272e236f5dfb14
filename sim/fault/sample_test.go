package fault

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// A view is what one server says about the cloud.
type view struct {
	State   string
	Servers []struct{ Fingerprint, Name, State string }
	Links   []struct{ A, B string }
	Bridges []struct{ A, B string }
	Cuts    []string `json:"cut_vertices"`
}

func fetchView(get func(string) ([]byte, error), host string) (v view, err error) {
	b, err := get("http://" + host + "/api/v1/topology")
	if err == nil {
		err = json.Unmarshal(b, &v)
	}
	return v, err
}

// names is server number n, from 0, to its name and back.
func serverName(i int) string { return fmt.Sprintf("s%d", i+1) }

// graph is the full members of a view and the links between them, without what
// is known to have failed.
func (v view) graph(s strain) graph {
	g, names := graph{}, map[string]string{}
	for _, srv := range v.Servers {
		names[srv.Fingerprint] = srv.Name
		var i int
		fmt.Sscanf(srv.Name, "s%d", &i)
		if srv.State == "full" && !s.out[i-1] {
			g.add(srv.Name)
		}
	}
	for _, l := range v.Links {
		var a, b int
		fmt.Sscanf(names[l.A], "s%d", &a)
		fmt.Sscanf(names[l.B], "s%d", &b)
		if g[names[l.A]] != nil && g[names[l.B]] != nil && !s.cut[[2]int{min(a, b) - 1, max(a, b) - 1}] {
			g.link(names[l.A], names[l.B])
		}
	}
	return g
}

func (v view) String() string {
	names := map[string]string{}
	var out []string
	for _, srv := range v.Servers {
		names[srv.Fingerprint] = srv.Name
		out = append(out, srv.Name+" "+srv.State)
	}
	for _, l := range v.Links {
		out = append(out, names[l.A]+"-"+names[l.B])
	}
	return v.State + ": " + strings.Join(out, ", ")
}

// sampleInterval is the time between two samples of the cloud.
const sampleInterval = 250 * time.Millisecond

// A sampler looks again and again at what every server says about the cloud.
// While one server or one link fails at a time, there is no bridge and no cut
// vertex among the full members that work, ever.
type sampler struct {
	arena *arena
	file  *os.File // of all samples
	stop  context.CancelFunc
	wg    sync.WaitGroup

	// Owned by the sampling goroutine until stop.
	taken, judged int
	least         map[int]int // judged views by their smallest number of links
	broken        []string
}

func (a *arena) sample(t *testing.T) *sampler {
	t.Helper()
	f, err := os.Create(filepath.Join(a.dir, "samples"))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	s := &sampler{arena: a, file: f, stop: stop, least: map[int]int{}}
	s.wg.Go(func() { s.run(ctx) })
	t.Cleanup(func() { stop(); s.wg.Wait(); f.Close() })
	return s
}

func (s *sampler) run(ctx context.Context) {
	tick := time.NewTicker(sampleInterval)
	defer tick.Stop()
	for {
		before := s.arena.strained()
		views := s.arena.views(before)
		after := s.arena.strained()
		armed := before.armed && after.armed
		maps.Copy(after.out, before.out)
		maps.Copy(after.cut, before.cut)
		for _, i := range slices.Sorted(maps.Keys(views)) {
			fmt.Fprintf(s.file, "%s s%d without %v and %v, armed %v: %v\n", time.Now().Format("15:04:05.000"), i+1, after.out, after.cut, armed, views[i])
			s.taken++
			if armed && !after.out[i] {
				s.judge(i, views[i], after)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// judge looks for weak places in what server i sees.
func (s *sampler) judge(i int, v view, now strain) {
	g := v.graph(now)
	s.judged++
	s.least[g.least()]++
	bridges, cuts := g.bridges(), g.cuts()
	if len(bridges)+len(cuts) > 0 {
		s.broken = append(s.broken, fmt.Sprintf("%s s%d sees bridges %v and cut vertices %v, without %v and %v: %v",
			time.Now().Format("15:04:05.000"), i+1, bridges, cuts, now.out, now.cut, v))
	}
}

// report ends sampling and fails the test for every weak place.
func (s *sampler) report(t *testing.T) {
	t.Helper()
	s.stop()
	s.wg.Wait()
	t.Logf("%d views sampled, %d of them while one thing failed at a time: %d with a bridge or a cut vertex; views by smallest number of links: %v",
		s.taken, s.judged, len(s.broken), s.least)
	for _, b := range s.broken[:min(len(s.broken), maxReported)] {
		t.Error(b)
	}
}
