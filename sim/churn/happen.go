package churn

import "time"

// happen lets one thing befall the cloud, and returns what and whom.
func (t *turns) happen(w *world) (kind string, who []int32) {
	x := w.rng.Float64()
	target := max(awayShare*float64(w.cfg.Servers), 1)
	switch {
	case x < linkShare:
		if n := len(t.severed.all); n > 0 && (n >= mostSevere || w.rng.IntN(2) == 0) {
			return t.heal(w)
		}
		return t.sever(w)
	case x < linkShare+(1-linkShare)*float64(len(t.away))/(2*target):
		return t.arrive(w)
	}
	return t.depart(w)
}

// depart ends a server.
func (t *turns) depart(w *world) (string, []int32) {
	i := w.someone()
	silent := w.rng.Float64() < w.cfg.Silent
	t.away = append(t.away, i)
	w.end(i, silent)
	if silent {
		t.result.Kinds.Silent++
		return "silent death", []int32{i}
	}
	t.result.Kinds.Left++
	return "left or crashed", []int32{i}
}

func (w *world) someone() int32 {
	for {
		if i := int32(w.rng.IntN(len(w.servers))); w.servers[i].alive {
			return i
		}
	}
}

// arrive lets a server come: one that went, with its disk or without, or one
// that nobody knows in the place of one that never returns.
func (t *turns) arrive(w *world) (string, []int32) {
	k, last := w.rng.IntN(len(t.away)), len(t.away)-1
	i := t.away[k]
	t.away[k] = t.away[last]
	t.away = t.away[:last]
	switch x := w.rng.Float64(); {
	case x < newShare:
		t.result.Kinds.Newcomers++
		w.newcomer()
		return "newcomer", []int32{int32(len(w.servers) - 1)}
	case x < 0.5:
		t.result.Kinds.Cold++
		w.servers[i].joined = w.now
		w.comeBack(i)
		return "joined without disk", []int32{i}
	}
	t.result.Kinds.Returned++
	w.servers[i].joined = 0
	w.comeBack(i)
	return "returned", []int32{i}
}

// sever lets nothing through between two servers with a link.
func (t *turns) sever(w *world) (string, []int32) {
	i := w.someone()
	s := &w.servers[i]
	if len(s.links) == 0 {
		return "nothing", nil
	}
	l := s.links[w.rng.IntN(len(s.links))]
	t.result.Kinds.LinksLost++
	t.severed.add(i, l.peer)
	delay := func() time.Duration { return time.Duration(l.delay) * tick }
	if w.rng.Float64() < w.cfg.Silent {
		delay = func() time.Duration { return silentAfter + time.Duration(w.rng.Int64N(int64(silentSlack))) }
	}
	w.notice(i, l.peer, l.id, delay())
	w.notice(l.peer, i, l.id, delay())
	t.ledger.untie(w, i, l.peer)
	return "link lost", []int32{i, l.peer}
}

// heal lets two servers reach each other again.
func (t *turns) heal(w *world) (string, []int32) {
	t.result.Kinds.LinksBack++
	pair := t.severed.remove(w.rng.IntN(len(t.severed.all)))
	return "link possible again", pair[:]
}
