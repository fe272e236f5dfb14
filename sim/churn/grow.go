package churn

import (
	"runtime"
	"sync"
	"time"

	"github.com/omega-im/omega/mesh"
)

// grow makes the cloud by joins alone. Newcomers come in waves of a quarter of
// what is there: all of one wave see the cloud as it was before the wave, as
// people do who read one list on one day. Each has met one server, which it
// drew from that list.
func (w *world) grow(n int) {
	for len(w.servers) < n && !w.stop() {
		m := len(w.servers)
		for range min(max(m/4, 1), n-m) {
			w.meet()
		}
		w.settleWave()
	}
	for i := range w.servers {
		w.servers[i].full = w.transit(int32(i)) && w.memberLinks(int32(i), false) >= w.required()
	}
}

// required is how many links a full member must have.
func (w *world) required() int {
	members := 0
	for i := range w.servers {
		if w.servers[i].alive && w.transit(int32(i)) {
			if members++; members > mesh.RequiredLinks {
				break
			}
		}
	}
	return mesh.Required(members)
}

// meet adds a server and its first link.
func (w *world) meet() {
	known := len(w.servers)
	i := w.addServer()
	w.setAlive(i, true)
	for known > 0 {
		b := int32(w.rng.IntN(known))
		if w.transit(b) && len(w.servers[b].links) < mesh.LinkCap {
			w.servers[i].bootstrap = b
			w.tie(i, b)
			return
		}
	}
}

// tie makes a link that stands and is announced.
func (w *world) tie(a, b int32) {
	w.linkID++
	delay := ticks(w.pop.roundTrip(a, b)/2 + handling)
	w.raise(a, b, w.linkID, delay)
	w.raise(b, a, w.linkID, delay)
	w.servers[a].linkTo(b).announced = true
	w.servers[b].linkTo(a).announced = true
}

// waveRounds is how often the servers of one wave look at most.
const waveRounds = 12

// settleWave lets everybody who lacks links plan and dial, round after round.
// Within a round nobody sees what the others of it do.
func (w *world) settleWave() {
	for range waveRounds {
		w.now += 3 * time.Second
		w.record()
		var need []int32
		for i := range w.servers {
			if w.needs(int32(i)) {
				need = append(need, int32(i))
			}
		}
		if len(need) == 0 || w.tieAll(need, w.planAll(need)) == 0 {
			return
		}
	}
	w.record()
}

// record announces every change of the round, to everybody at once.
func (w *world) record() {
	e := &entry{issued: w.now}
	for i := range w.servers {
		s := &w.servers[i]
		if s.own == nil || announcedLinks(s.own) != len(s.links) {
			e.records = append(e.records, w.sign(int32(i)))
		}
	}
	if len(e.records) > 0 {
		w.streams[0].log = append(w.streams[0].log, e)
	}
}

func announcedLinks(r *record) int {
	a, err := mesh.Decode(r.octets)
	if err != nil {
		panic(err) // it was made by sign
	}
	return len(a.Links)
}

// planAll plans for many servers with one database, on all cores. What each
// wants depends on its view and its own random numbers, so the order of the
// work does not show.
func (w *world) planAll(need []int32) [][]int32 {
	wants := make([][]int32, len(need))
	d := w.streams[0].library().at(w.position(need[0]), w)
	states := d.standing.Update(w.clock(), d.graph, w.pop.all[0].fp)
	w.tally.views += len(need)
	w.tally.plans += len(need)
	w.tally.spfs += len(need)
	first := mesh.View{
		Self: w.pop.all[0].fp, Time: w.clock(), Version: uint64(d.pos),
		Records: d.records, Graph: d.graph, States: states,
	}
	// One search for weak places serves all: copies keep what it found.
	if i := w.searcher(states); i >= 0 {
		first.Self = w.pop.all[i].fp
		first.Plan(w.planInput(i, 0), w.rng)
	}
	parallel(len(need), func(k int) {
		i := need[k]
		v := first
		v.Self = w.pop.all[i].fp
		if w.memberLinks(i, true) < nearLinks {
			v.Tree = d.graph.SPF(v.Self)
		}
		for _, want := range v.Plan(w.planInput(i, 0), w.servers[i].rng) {
			wants[k] = append(wants[k], w.pop.index[want.Peer])
		}
	})
	return wants
}

// searcher is a server that looks for weak places: a full member with room for
// another link. It returns -1 if there is none.
func (w *world) searcher(states []mesh.ServerState) int32 {
	full := 0
	for _, s := range states {
		if s == mesh.Full {
			full++
		}
	}
	for i := range w.servers {
		i := int32(i)
		if n := len(w.servers[i].links); full > 0 && w.transit(i) && n >= mesh.TargetLinks && n < mesh.LinkCap {
			return i
		}
	}
	return -1
}

// tieAll makes the links that are wanted, in random order, as long as the far
// end takes one.
func (w *world) tieAll(need []int32, wants [][]int32) (made int) {
	for _, k := range w.rng.Perm(len(need)) {
		for _, to := range wants[k] {
			i := need[k]
			switch {
			case w.servers[i].linkTo(to) != nil:
			case len(w.servers[to].links) >= mesh.LinkCap:
				w.servers[i].pastOf(to).until = w.now + refusedFor
			default:
				w.tie(i, to)
				made++
			}
		}
	}
	return made
}

// parallel calls f for 0 to n-1 on all cores.
func parallel(n int, f func(k int)) {
	var wg sync.WaitGroup
	cores := runtime.GOMAXPROCS(0)
	for c := range cores {
		wg.Go(func() {
			for k := c; k < n; k += cores {
				f(k)
			}
		})
	}
	wg.Wait()
}
