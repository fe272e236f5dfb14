package mailboxtest

import (
	"errors"
	"time"

	"pgregory.net/rapid"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/mailbox"
)

// The model: a store in plain words, a few accounts and envelopes wide, so
// that everything meets everything.
const (
	modelAccounts  = 4
	modelEnvelopes = 24
	modelQuota     = 8
)

type model struct {
	*bench
	boxes   [modelAccounts]modelBox
	highest uint64 // the highest sequence ever given
}

type modelBox struct {
	mail    []modelMail
	devices []int // active
	cursors map[int]uint64
	acked   map[int]uint64 // the highest acknowledgement ever, by device
	sent    map[int]bool   // envelopes ever appended

	// buried are trimmed envelopes that must count as duplicates, maybe those
	// that may: after a crash trims may be undone and done again, and tombstones
	// stay for the rest of the day.
	buried map[int]burial
	maybe  map[int]bool
}

type burial struct {
	until   time.Time
	durable bool
}

type modelMail struct {
	n       int
	seq     uint64
	expires time.Time
	durable bool
}

// testModel runs a random history against a store and the model.
func testModel(t *rapid.T, m Machine) {
	w := &model{bench: open(t, m, mailbox.Config{MaxMessages: modelQuota, MaxCached: 3})}
	for i := range w.boxes {
		w.boxes[i] = modelBox{
			cursors: make(map[int]uint64), acked: make(map[int]uint64), sent: make(map[int]bool),
			buried: make(map[int]burial), maybe: make(map[int]bool),
		}
	}
	t.Repeat(map[string]func(*rapid.T){
		"append":  func(t *rapid.T) { w.appendSome(t, true) },
		"append2": func(t *rapid.T) { w.appendSome(t, true) },
		"push":    func(t *rapid.T) { w.appendSome(t, false) },
		"ack":     w.ackSome,
		"devices": w.setSome,
		"advance": func(t *rapid.T) { w.advance(time.Duration(rapid.IntRange(1, 3600).Draw(t, "seconds")) * time.Second) },
		"expire":  func(*rapid.T) { w.expireAll() },
		"reopen":  func(*rapid.T) { w.reopenAll() },
		"crash":   func(*rapid.T) { w.crashAll() },
		"":        func(*rapid.T) { w.check() },
	})
}

func (w *model) appendSome(t *rapid.T, wait bool) {
	n := rapid.IntRange(0, modelEnvelopes-1).Draw(t, "envelope")
	to := rapid.SliceOfN(rapid.IntRange(0, modelAccounts-1), 1, 4).Draw(t, "to")
	it := w.item(n, to...)
	it.Expires = w.clock().Add(time.Duration(rapid.IntRange(1, 7200).Draw(t, "lifetime")) * time.Second)
	if wait {
		if _, err := w.try(it); err != nil {
			t.Fatalf("append: %v", err)
		}
		w.settled()
	} else if err := w.Append(w.ctx, it); err != nil {
		t.Fatalf("append: %v", err)
	}
	// A group is durable with all before it.
	highest := w.highest
	for i, r := range it.Results {
		w.appended(t, to[i], n, r, it.Expires, wait, highest)
	}
}

// settled notes that everything appended so far is durable.
func (w *model) settled() {
	for i := range w.boxes {
		for j := range w.boxes[i].mail {
			w.boxes[i].mail[j].durable = true
		}
		for n, b := range w.boxes[i].buried {
			b.durable = true
			w.boxes[i].buried[n] = b
		}
	}
}

// appended checks one result and follows it.
func (w *model) appended(t *rapid.T, account, n int, r mailbox.Result, expires time.Time, durable bool, highest uint64) {
	box := &w.boxes[account]
	waiting, waits := box.find(n)
	switch {
	case waits:
		if !r.Duplicate || r.Seq != waiting.seq {
			t.Fatalf("envelope %d again in mailbox %d = %+v, want a duplicate of %d", n, account, r, waiting.seq)
		}
		return
	case r.Duplicate && box.maybe[n]:
		return
	case box.buried[n].until.After(w.clock()):
		if !r.Duplicate || r.Seq != 0 {
			t.Fatalf("trimmed envelope %d again in mailbox %d = %+v, want a duplicate", n, account, r)
		}
		return
	case len(box.mail) >= modelQuota:
		if !errors.Is(r.Err, mailbox.ErrFull) {
			t.Fatalf("envelope %d in full mailbox %d = %+v", n, account, r)
		}
		return
	}
	last := uint64(0)
	if len(box.mail) > 0 {
		last = box.mail[len(box.mail)-1].seq
	}
	if r.Duplicate || r.Err != nil || r.Seq <= highest || r.Prev < last || r.Prev >= r.Seq {
		t.Fatalf("envelope %d in mailbox %d = %+v after %d; highest was %d", n, account, r, last, highest)
	}
	w.highest = max(w.highest, r.Seq)
	box.mail = append(box.mail, modelMail{n, r.Seq, expires, durable})
	box.sent[n] = true
	delete(box.maybe, n)
	delete(box.buried, n)
}

func (b *modelBox) find(n int) (modelMail, bool) {
	for _, m := range b.mail {
		if m.n == n {
			return m, true
		}
	}
	return modelMail{}, false
}

func (w *model) ackSome(t *rapid.T) {
	account := rapid.IntRange(0, modelAccounts-1).Draw(t, "account")
	box := &w.boxes[account]
	if len(box.devices) == 0 || w.highest == 0 {
		t.Skip("no devices")
	}
	device := rapid.SampledFrom(box.devices).Draw(t, "device")
	seq := w.highest
	if len(box.mail) > 0 {
		seq = rapid.SampledFrom(box.mail).Draw(t, "mail").seq
	}
	w.ack(account, device, seq)
	box.cursors[device] = max(box.cursors[device], seq)
	box.acked[device] = max(box.acked[device], seq)
	box.trim()
}

func (w *model) setSome(t *rapid.T) {
	account := rapid.IntRange(0, modelAccounts-1).Draw(t, "account")
	devices := rapid.SliceOfNDistinct(rapid.IntRange(10, 12), 0, 3, rapid.ID).Draw(t, "devices")
	w.setDevices(account, devices...)
	box := &w.boxes[account]
	cursors := make(map[int]uint64)
	for _, d := range devices {
		cursors[d] = box.cursors[d]
	}
	box.devices, box.cursors = devices, cursors
	box.trim()
}

// trim removes what all devices have.
func (b *modelBox) trim() {
	if len(b.devices) == 0 {
		return
	}
	floor := ^uint64(0)
	for _, d := range b.devices {
		floor = min(floor, b.cursors[d])
	}
	b.remove(func(m modelMail) bool { return m.seq <= floor }, 0)
}

// remove buries mail until some time after it expires.
func (b *modelBox) remove(gone func(modelMail) bool, later time.Duration) {
	kept := b.mail[:0]
	for _, m := range b.mail {
		if gone(m) {
			b.buried[m.n] = burial{until: m.expires.Add(later)}
			b.maybe[m.n] = true // once that is over
		} else {
			kept = append(kept, m)
		}
	}
	b.mail = kept
}

// sync makes everything appended so far durable: groups land in order.
func (w *model) sync() {
	if _, err := w.try(w.item(modelEnvelopes, modelAccounts)); err != nil {
		w.Fatalf("append: %v", err)
	}
	w.settled()
}

func (w *model) expireAll() {
	w.sync()
	for done := false; !done; {
		_, d, err := w.Expire(w.ctx, 5)
		if err != nil {
			w.Fatalf("expire: %v", err)
		}
		done = d
	}
	for i := range w.boxes {
		w.boxes[i].remove(func(m modelMail) bool { return !m.expires.After(w.clock()) }, omega.MaxLifetime)
	}
}

func (w *model) reopenAll() {
	w.reopen()
	w.settled()
}

// crashAll cuts the power, checks that what is left is possible, and goes on
// from there.
func (w *model) crashAll() {
	w.crash()
	for account := range w.boxes {
		box := &w.boxes[account]
		for n := range box.sent {
			if _, waits := box.find(n); !waits {
				box.maybe[n] = true
			}
		}
		for n, b := range box.buried {
			if !b.durable {
				delete(box.buried, n)
			}
		}
		w.survived(account)
	}
	w.expireAll()
	for account := range w.boxes {
		box := &w.boxes[account]
		w.setDevices(account, box.devices...)
		for _, d := range box.devices {
			seq := w.cursor(account, d)
			if seq > box.acked[d] {
				w.Fatalf("device %d of %d has acknowledged %d after the crash, at most %d before", d, account, seq, box.acked[d])
			}
			box.cursors[d] = seq
		}
		box.trim()
	}
}

// survived takes over what a mailbox holds after a crash.
func (w *model) survived(account int) {
	box := &w.boxes[account]
	now := w.clock()
	left := make(map[int]bool)
	var mail []modelMail
	for _, m := range w.read(account, 0) {
		n := w.identify(m)
		if !box.sent[n] || left[n] {
			w.Fatalf("mailbox %d holds %d (envelope %d), which it never got, or twice", account, m.Seq, n)
		}
		if _, buried := box.buried[n]; buried {
			w.Fatalf("mailbox %d holds %d (envelope %d), which was trimmed durably", account, m.Seq, n)
		}
		left[n] = true
		mail = append(mail, modelMail{n, m.Seq, m.Expires, true})
	}
	for _, m := range box.mail {
		if m.durable && m.expires.After(now) && !left[m.n] {
			w.Fatalf("mailbox %d lost %d (envelope %d)", account, m.seq, m.n)
		}
		if !left[m.n] {
			box.maybe[m.n] = true
		}
	}
	box.mail = mail
}

func (w *model) identify(m mailbox.Mail) int {
	for n := range modelEnvelopes {
		if string(envelope(n)) == string(m.Envelope) {
			return n
		}
	}
	w.Fatalf("mail %d is %q, which nobody sent", m.Seq, m.Envelope)
	return 0
}

// check compares every mailbox with the model.
func (w *model) check() {
	now := w.clock()
	for account := range w.boxes {
		box := &w.boxes[account]
		var want []modelMail
		for _, m := range box.mail {
			if m.expires.After(now) {
				want = append(want, m)
			}
		}
		got := w.read(account, 0)
		if len(got) != len(want) {
			w.Fatalf("mailbox %d holds %d mails, want %d: %+v", account, len(got), len(want), want)
		}
		for i, m := range got {
			if m.Seq != want[i].seq || w.identify(m) != want[i].n {
				w.Fatalf("mailbox %d mail %d = %d, want %+v", account, i, m.Seq, want[i])
			}
		}
		for _, d := range box.devices {
			if got := w.cursor(account, d); got != box.cursors[d] {
				w.Fatalf("cursor of device %d in mailbox %d = %d, want %d", d, account, got, box.cursors[d])
			}
		}
	}
}
