package churn

import (
	"runtime"
	"sync"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/mesh"
)

// grow makes the cloud by joins alone. Newcomers come in waves of a quarter of
// what is there: all of one wave see the cloud as it was before the wave, as
// people do who read one list on one day.
func (w *world) grow(n int) {
	for len(w.servers) < n && !w.stop() {
		m := len(w.servers)
		for range min(max(m/4, 1), n-m) {
			w.setAlive(w.addServer(), true)
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

// tie makes a link that stands and is announced.
func (w *world) tie(a, b int32) {
	w.linkID++
	delay := ticks(w.pop.roundTrip(a, b)/2 + handling)
	w.raise(a, b, w.linkID, delay)
	w.raise(b, a, w.linkID, delay)
	w.servers[a].linkTo(b).announced = true
	w.servers[b].linkTo(a).announced = true
}

// waveRounds is how often the servers of one wave look at most, waveRound the
// time between: by then mesh no longer takes the wave for an upheaval.
const (
	waveRounds = 12
	waveRound  = 12 * time.Second
)

// settleWave lets everybody who lacks links plan and dial, round after round.
// Within a round nobody sees what the others of it do.
func (w *world) settleWave() {
	for range waveRounds {
		w.now += waveRound
		w.record()
		var fresh, need []int32
		for i := range w.servers {
			switch {
			case len(w.servers[i].links) == 0 && len(w.servers) > 1:
				fresh = append(fresh, int32(i))
			case w.needs(int32(i)):
				need = append(need, int32(i))
			}
		}
		joins, wants := w.joinAll(fresh), w.planAll(need)
		if w.joinOffered(fresh, joins)+w.tieAll(need, wants) == 0 {
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

// seenByAll is the view of everybody in the cloud as it grows. What newcomers
// and plans have in common is found before many use it at the same time.
func (w *world) seenByAll() *mesh.View {
	at := int32(0)
	for i := range w.servers {
		if w.transit(int32(i)) && len(w.servers[i].links) > 0 {
			at = int32(i)
			break
		}
	}
	w.tally.views++
	v := w.streams[0].library().at(len(w.streams[0].log), w).seen(w.pop.all[at].fp, w)
	v.Search(w.rng.Uint64)
	v.ChooseJoin(mesh.JoinInput{Entry: w.pop.all[at].fp}, w.rng)
	return v
}

// joinAll lets newcomers measure and choose, on all cores. What each chooses
// depends on the view and its own random numbers, so the order of the work does
// not show.
func (w *world) joinAll(fresh []int32) [][]int32 {
	wants := make([][]int32, len(fresh))
	if len(fresh) == 0 {
		return wants
	}
	v := w.seenByAll()
	var entries []int32
	for i := range w.servers {
		if st := v.State(w.pop.all[i].fp); st > mesh.Leaf && w.transit(int32(i)) {
			entries = append(entries, int32(i))
		}
	}
	parallel(len(fresh), func(k int) {
		i := fresh[k]
		s := &w.servers[i]
		entry := entries[s.rng.IntN(len(entries))]
		if entry == i {
			return // the very first one
		}
		s.join = &joining{entry: entry, rtt: map[omega.Fingerprint]time.Duration{}}
		in := w.joinInput(i)
		sample := append(v.ProbeSample(in, s.rng), w.pop.all[entry].fp)
		w.measure(i, sample, s.join.rtt)
		w.measure(i, v.ProbeNear(in, sample), s.join.rtt)
		chosen, required := v.ChooseJoin(in, s.rng)
		s.join.required = required
		for _, fp := range chosen {
			wants[k] = append(wants[k], w.pop.index[fp])
		}
	})
	w.tally.plans += len(fresh)
	return wants
}

// joinOffered makes the links of those newcomers who are offered as many as
// they need, in random order.
func (w *world) joinOffered(fresh []int32, wants [][]int32) (made int) {
	for _, k := range w.rng.Perm(len(fresh)) {
		i := fresh[k]
		var offers []int32
		for _, to := range wants[k] {
			limit := mesh.LinkCap
			if !w.transit(i) {
				limit -= leafReserve
			}
			if len(w.servers[to].links) < limit {
				offers = append(offers, to)
			} else {
				w.servers[i].pastOf(to).until = w.now + refusedFor
			}
		}
		if s := &w.servers[i]; s.join != nil && len(offers) >= max(s.join.required, 1) {
			for _, to := range offers {
				w.tie(i, to)
				made++
			}
		}
		w.servers[i].join = nil
	}
	return made
}

// planAll plans for many servers with one database, on all cores.
func (w *world) planAll(need []int32) [][]int32 {
	wants := make([][]int32, len(need))
	if len(need) == 0 {
		return wants
	}
	base := w.seenByAll()
	w.tally.plans += len(need)
	parallel(len(need), func(k int) {
		i := need[k]
		v := base.As(w.pop.all[i].fp, w.clock(), w.memberLinks(i, true) < mesh.TargetLinks)
		for _, want := range v.Plan(w.planInput(i, 0), w.servers[i].rng) {
			wants[k] = append(wants[k], w.pop.index[want.Peer])
		}
	})
	return wants
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
