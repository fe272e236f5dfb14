package churn

import (
	"math/rand/v2"
	"slices"
	"time"
)

// What is assumed of mailboxes. A home that is away for long is replaced: at
// once by the next server of the user's order, so that there are copies again,
// which the user's devices confirm later.
const (
	homesPerUser  = 3
	storedAtLeast = 2                // homes, before the sender is told "stored"
	replaceAfter  = 10 * time.Minute // a home that is away
	compareWithin = 10 * time.Minute // homes compare what they have
	mailDays      = 30
	mailPerDay    = 8 // messages per mailbox
)

// Mail is what became of mailboxes with three homes over a month of churn.
type Mail struct {
	Days      int     `json:"days"`
	Mailboxes int     `json:"mailboxes"`
	Stored    int     `json:"messages_stored"`
	Lost      int     `json:"messages_lost"`
	BelowMean float64 `json:"mailboxes_below_three_copies_mean"` // share
	BelowMax  float64 `json:"mailboxes_below_three_copies_max"`
	OneMean   float64 `json:"mailboxes_with_one_copy_mean"`
	NoneMean  float64 `json:"mailboxes_out_of_reach_mean"`
	BelowP50  float64 `json:"below_three_copies_p50_s"` // how long at a time
	BelowP99  float64 `json:"below_three_copies_p99_s"`
	BelowMost float64 `json:"below_three_copies_max_s"`
	Moved     int     `json:"homes_replaced"`
}

// A mailbox is a set of messages at up to three homes.
type mailbox struct {
	homes []home
	total int           // messages stored, ever: nothing is read and trimmed here
	below time.Duration // since when fewer than three have all of it; -1: they do
	good  int           // homes that are there and have everything
}

// A home of a mailbox, and what it lacks.
type home struct {
	server int32
	behind int // messages that it does not have
}

// A mailroom is mailboxes under churn. It has no mesh: placing and copying
// depend on who is alive alone.
type mailroom struct {
	w      *world
	rng    *rand.Rand
	queue  queue
	now    time.Duration
	up     []bool
	boxes  []mailbox
	at     [][]int32 // by server: mailboxes that have a home there
	counts [homesPerUser + 1]int
	area   [homesPerUser + 1]float64 // seconds times mailboxes, by copies
	last   time.Duration
	spells series
	mail   Mail
	most   int
}

// mailboxes places mailboxes on the servers of w and lets a month pass.
func (w *world) mailboxes() Mail {
	m := newMailroom(w)
	end := mailDays * 24 * time.Hour
	m.departure(end)
	m.arrival(end)
	for m.queue.due(end) {
		e, _ := m.queue.next()
		m.now = e.at
		e.do()
	}
	m.now = end
	m.pass()
	return m.sum(end)
}

func newMailroom(w *world) *mailroom {
	n := len(w.servers)
	m := &mailroom{
		w: w, rng: rand.New(rand.NewPCG(w.cfg.Seed, 0x6d)),
		up: make([]bool, n), boxes: make([]mailbox, n), at: make([][]int32, n),
	}
	for i := range m.up {
		m.up[i] = w.servers[i].alive
	}
	for b := range m.boxes {
		box := &m.boxes[b]
		for len(box.homes) < homesPerUser && m.add(int32(b)) {
		}
		box.below, box.good = -1, len(box.homes)
		m.counts[box.good]++
	}
	return m
}

// add gives a mailbox the next home of its order (rendezvous hashing): the
// highest of all hashes of mailbox and server, of an operator and a site
// without a home yet.
func (m *mailroom) add(b int32) bool {
	best, score := int32(-1), uint64(0)
	for i := range m.up {
		if h := mix(uint64(b)<<32 | uint64(i)); h > score && m.up[i] && m.w.transit(int32(i)) && m.apart(b, int32(i)) {
			best, score = int32(i), h
		}
	}
	if best < 0 {
		return false
	}
	m.boxes[b].homes = append(m.boxes[b].homes, home{server: best})
	m.at[best] = append(m.at[best], b)
	return true
}

func (m *mailroom) apart(b, i int32) bool {
	f := &m.w.pop.all[i]
	for _, h := range m.boxes[b].homes {
		if o := &m.w.pop.all[h.server]; o.operator == f.operator || o.site == f.site {
			return false
		}
	}
	return true
}

// mix is the finalizer of SplitMix64.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

func (m *mailroom) exp(perDay float64) time.Duration {
	return time.Duration(m.rng.ExpFloat64() / perDay * float64(24*time.Hour))
}

// departure ends a server every now and then. A dead one is followed by a
// newcomer that has nothing: it takes its place in the list.
func (m *mailroom) departure(end time.Duration) {
	cfg := m.w.cfg
	m.queue.put(m.now+m.exp((cfg.Restarts+cfg.Deaths)*float64(len(m.up))), func() {
		i := int32(m.rng.IntN(len(m.up)))
		if m.up[i] {
			m.up[i] = false
			dead := m.rng.Float64()*(cfg.Restarts+cfg.Deaths) >= cfg.Restarts
			m.gone(i, dead)
		}
		if m.now < end {
			m.departure(end)
		}
	})
}

// gone lets the mailboxes of a server that ended find another home, unless it
// is back soon.
func (m *mailroom) gone(i int32, dead bool) {
	for _, b := range m.at[i] {
		if dead {
			m.forget(b, i)
		}
		m.count(b)
	}
	if dead {
		boxes := m.at[i]
		m.at[i] = nil
		m.queue.put(m.now+replaceAfter, func() {
			for _, b := range boxes {
				m.replace(b)
			}
		})
		m.queue.put(m.now+newcomerAfter, func() { m.up[i] = true })
		return
	}
	m.queue.put(m.now+m.w.cfg.Downtime, func() {
		m.up[i] = true
		for _, b := range m.at[i] {
			m.count(b)
			m.copySoon(b, i)
		}
	})
}

// forget takes a home that is dead away. What nobody else has is lost.
func (m *mailroom) forget(b, i int32) {
	box := &m.boxes[b]
	box.homes = slices.DeleteFunc(box.homes, func(h home) bool { return h.server == i })
	least := -1
	for _, h := range box.homes {
		if least < 0 || h.behind < least {
			least = h.behind
		}
	}
	if least <= 0 {
		return
	}
	m.mail.Lost += least
	box.total -= least
	for k := range box.homes {
		box.homes[k].behind -= least
	}
}

func (m *mailroom) replace(b int32) {
	box := &m.boxes[b]
	if len(box.homes) >= homesPerUser || !m.add(b) {
		return
	}
	m.mail.Moved++
	h := &box.homes[len(box.homes)-1]
	h.behind = box.total
	m.count(b)
	m.copySoon(b, h.server)
}

// copySoon lets a home compare with the others of the mailbox.
func (m *mailroom) copySoon(b, i int32) {
	m.queue.put(m.now+time.Duration(m.rng.Int64N(int64(compareWithin))), func() {
		box := &m.boxes[b]
		k := slices.IndexFunc(box.homes, func(h home) bool { return h.server == i })
		if k < 0 || !m.up[i] || box.homes[k].behind == 0 {
			return
		}
		if !slices.ContainsFunc(box.homes, func(h home) bool { return h.behind == 0 && m.up[h.server] }) {
			m.copySoon(b, i)
			return
		}
		box.homes[k].behind = 0
		m.count(b)
	})
}

// arrival stores a message in a mailbox, at the homes that are there.
func (m *mailroom) arrival(end time.Duration) {
	m.queue.put(m.now+m.exp(mailPerDay*float64(len(m.boxes))), func() {
		b := int32(m.rng.IntN(len(m.boxes)))
		if box := &m.boxes[b]; m.upHomes(box) >= storedAtLeast { // else it waits with the sender
			m.mail.Stored++
			box.total++
			for k := range box.homes {
				if h := &box.homes[k]; !m.up[h.server] {
					h.behind++
				}
			}
		}
		if m.now < end {
			m.arrival(end)
		}
	})
}

func (m *mailroom) upHomes(box *mailbox) (n int) {
	for _, h := range box.homes {
		if m.up[h.server] {
			n++
		}
	}
	return n
}

// count notes how many copies of a mailbox are there now.
func (m *mailroom) count(b int32) {
	box := &m.boxes[b]
	good := 0
	for _, h := range box.homes {
		if m.up[h.server] && h.behind == 0 {
			good++
		}
	}
	if good == box.good {
		return
	}
	m.pass()
	m.counts[box.good]--
	m.counts[good]++
	switch {
	case good < homesPerUser && box.below < 0:
		box.below = m.now
	case good == homesPerUser && box.below >= 0:
		m.spells.add(m.now - box.below)
		box.below = -1
	}
	box.good = good
	m.most = max(m.most, len(m.boxes)-m.counts[homesPerUser])
}

// pass adds the time since the last change to what there was.
func (m *mailroom) pass() {
	for k, n := range m.counts {
		m.area[k] += float64(n) * (m.now - m.last).Seconds()
	}
	m.last = m.now
}

func (m *mailroom) sum(end time.Duration) Mail {
	all := float64(len(m.boxes)) * end.Seconds()
	r := m.mail
	r.Days, r.Mailboxes = mailDays, len(m.boxes)
	r.BelowMean = round((m.area[0]+m.area[1]+m.area[2])/all, 6)
	r.OneMean, r.NoneMean = round(m.area[1]/all, 9), round(m.area[0]/all, 9)
	r.BelowMax = round(float64(m.most)/float64(len(m.boxes)), 6)
	q := m.spells.quantiles()
	r.BelowP50, r.BelowP99, r.BelowMost = round(q.P50/1000, 1), round(q.P99/1000, 1), round(q.Max/1000, 1)
	return r
}
