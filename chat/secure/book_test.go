package secure

import (
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/omega-im/omega"
)

// A member is a device with its book.
type member struct {
	*device
	book *Book
	read map[omega.ID]bool
}

func members(devices []*device) (out []*member) {
	for _, d := range devices {
		out = append(out, &member{d, &Book{Chat: omega.ChatID{1}, Device: d.id()}, map[omega.ID]bool{}})
	}
	return out
}

// view has the devices in the chat.
func view(list []*member) *View {
	v := &View{Devices: map[omega.Fingerprint]bool{}}
	for _, m := range list {
		v.Devices[m.id()] = true
	}
	return v
}

// opens has a member open the next epoch for all in the list.
func (m *member) opens(tb testing.TB, list []*member, at time.Time, seed byte) *Opened {
	tb.Helper()
	var devices []*device
	for _, x := range list {
		devices = append(devices, x.device)
	}
	p := plan(devices)
	p.Opener, p.Time = m.account, at
	p.Epoch, p.Parents, _ = m.book.Next(view(list), at)
	o, err := Open(tb.Context(), rand.NewChaCha8([32]byte{seed}), m.sign, p)
	must(tb, err)
	must(tb, m.book.Add(o.Epoch, at))
	return o
}

// joins has a member accept an epoch.
func (m *member) joins(o *Opened, at time.Time) error {
	e, err := m.accept(o)
	if err == nil {
		err = m.book.Add(e, at)
	}
	return err
}

func (m *member) sends(tb testing.TB, list []*member, id omega.ID, at time.Time) []byte {
	tb.Helper()
	e, err := m.book.Sending(view(list), at)
	must(tb, err)
	return m.sendsIn(tb, e, id, at)
}

func (m *member) sendsIn(tb testing.TB, e *Epoch, id omega.ID, at time.Time) []byte {
	tb.Helper()
	p, err := m.book.Seal(tb.Context(), m.sign, e, &Message{ID: id, Time: at, Content: []byte("x")})
	must(tb, err)
	return p
}

// A parent's keys are destroyed when all have said in the child what they sent there
// and all of it has been read, and not before; what comes of it again is refused.
func TestSweep(t *testing.T) {
	devices := people(t, 2, 1, false)
	all := members(devices)
	a, b := all[0], all[1]
	find := finder(devices...)
	first := a.opens(t, all, now, 1)
	must(t, b.joins(first, now))
	early, late := b.sends(t, all, omega.ID{1}, now), b.sends(t, all, omega.ID{2}, now)
	_, _, err := a.book.Read(omega.Fingerprint{}, early, omega.ID{1}, find)
	must(t, err)

	later := now.Add(OpenPause)
	second := a.opens(t, all, later, 2)
	must(t, b.joins(second, later))
	if gone := a.book.Sweep(later); len(gone) != 0 {
		t.Fatal("destroyed before its devices said what they sent")
	}
	stated := b.sends(t, all, omega.ID{3}, later)
	_, _, err = a.book.Read(omega.Fingerprint{}, stated, omega.ID{3}, find)
	must(t, err)
	if gone := a.book.Sweep(later); len(gone) != 0 {
		t.Fatal("destroyed with a message on its way")
	}
	// What was said survives a restart.
	for i, e := range a.book.Epochs {
		a.book.Epochs[i], err = Unmarshal(e.Marshal())
		must(t, err)
	}
	_, _, err = a.book.Read(omega.Fingerprint{}, late, omega.ID{2}, find)
	must(t, err)
	if gone := a.book.Sweep(later); len(gone) != 0 {
		t.Fatal("destroyed before this device said what it sent: it would never say it")
	}
	a.sends(t, all, omega.ID{4}, later)
	gone := a.book.Sweep(later)
	if len(gone) != 1 || gone[0] != first.Epoch.Record.Hash() || len(a.book.Epochs) != 1 {
		t.Fatalf("destroyed: %v", gone)
	}
	if _, _, err := a.book.Read(omega.Fingerprint{}, early, omega.ID{1}, find); !errors.Is(err, ErrUnsealed) {
		t.Errorf("a message of what is destroyed: %v, want ErrUnsealed", err)
	}
	// A replay of wrap and record, for whoever kept the secret, brings nothing back.
	if again, err := b.accept(first); err != nil {
		t.Fatal(err)
	} else if err := a.book.Add(again, later); !errors.Is(err, ErrKnown) {
		t.Errorf("the epoch once more: %v, want ErrKnown", err)
	}
	dead := now.Add(MaxAge + Grave + time.Second)
	a.book.Sweep(dead)
	again, err := b.accept(first)
	must(t, err)
	if err := a.book.Add(again, dead); len(a.book.Gone) > 1 || !errors.Is(err, ErrEnded) {
		t.Errorf("after its grave, %d names: %v, want ErrEnded", len(a.book.Gone), err)
	}
}

// A device that was off reads everything for as long as mail lives, and then keys go
// whatever is missing.
func TestMonthOffline(t *testing.T) {
	devices := people(t, 2, 2, false)
	all := members(devices)
	find := finder(devices...)
	var epochs []*Opened
	var mail [][]byte
	for day := range 30 {
		at := now.Add(time.Duration(day) * MaxAge)
		o := all[day%2].opens(t, all, at, byte(day))
		for _, m := range all[:3] {
			if m != all[day%2] {
				must(t, m.joins(o, at))
			}
		}
		id := omega.ID{byte(day), 1}
		p := all[day%3].sends(t, all, id, at)
		epochs, mail = append(epochs, o), append(mail, p)
		for _, m := range all[:3] {
			if m != all[day%3] {
				_, _, err := m.book.Read(omega.Fingerprint{}, p, id, find)
				must(t, err)
			}
			m.book.Sweep(at)
		}
	}
	off, at := all[3], now.Add(31*24*time.Hour)
	for day := range mail { // the newest first
		day = len(mail) - 1 - day
		must(t, off.joins(epochs[day], at))
		_, _, err := off.book.Read(omega.Fingerprint{}, mail[day], omega.ID{byte(day), 1}, find)
		must(t, err)
	}
	end := now.Add(31*MaxAge + Grave)
	for _, m := range all {
		if m.book.Sweep(end); len(m.book.Epochs) != 0 {
			t.Errorf("%d epochs are left for good", len(m.book.Epochs))
		}
	}
}

// Who has left is in no epoch that is sent in, and the next is opened at once; apart
// from that a device waits.
func TestLeaving(t *testing.T) {
	all := members(people(t, 3, 1, false))
	a := all[0]
	a.opens(t, all, now, 1)
	if _, err := a.book.Sending(view(all), now); err != nil {
		t.Fatal(err)
	}
	rest := all[:2]
	if _, err := a.book.Sending(view(rest), now); !errors.Is(err, ErrEnded) {
		t.Errorf("with one who left: %v, want ErrEnded", err)
	}
	if _, _, wait := a.book.Next(view(rest), now); !wait.IsZero() {
		t.Errorf("after somebody left one waits until %s", wait)
	}
	o := a.opens(t, rest, now, 2)
	if err := all[2].joins(o, now); err == nil {
		t.Error("who left joins")
	}
	if _, _, wait := a.book.Next(view(rest), now.Add(time.Minute)); !wait.Equal(now.Add(OpenPause)) {
		t.Errorf("a minute later one waits until %s", wait)
	}
	if _, err := a.book.Sending(view(rest), now.Add(MaxAge+time.Second)); !errors.Is(err, ErrEnded) {
		t.Errorf("a day later: %v, want ErrEnded", err)
	}
}

// Of another chat, of tomorrow, and with a number out of turn nothing is taken.
func TestAddRefuses(t *testing.T) {
	devices := people(t, 2, 1, false)
	all := members(devices)
	a, b := all[0], all[1]
	first := a.opens(t, all, now, 1)
	must(t, b.joins(first, now))
	for _, tt := range []struct {
		what string
		edit func(*Plan)
	}{
		{"another chat", func(p *Plan) { p.Chat = omega.ChatID{2} }},
		{"of tomorrow", func(p *Plan) { p.Time = now.Add(time.Hour) }},
		{"number too high", func(p *Plan) { p.Epoch, p.Parents = 2, []Hash{first.Epoch.Record.Hash()} }},
	} {
		p := plan(devices)
		tt.edit(p)
		o, err := Open(t.Context(), rand.NewChaCha8([32]byte{9}), a.sign, p)
		must(t, err)
		if err := b.joins(o, now); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v, want ErrMalformed", tt.what, err)
		}
	}
	if err := b.joins(first, now); !errors.Is(err, ErrKnown) {
		t.Errorf("twice: %v, want ErrKnown", err)
	}
}

// TestConcurrent has devices open epochs and send at once, and everything arrive in
// any order and twice: everybody reads everything once, all come to send in one epoch,
// and of the others nothing is left.
func TestConcurrent(t *testing.T) {
	devices := people(t, 2, 2, false)
	find := finder(devices...)
	for n := range uint64(8) {
		all := members(devices)
		rnd := rand.New(rand.NewPCG(n, 0))
		type item struct {
			epoch   *Opened
			payload []byte
			id      omega.ID
		}
		waiting := map[*member][]item{}
		sent := map[omega.ID]*member{}
		post := func(from *member, it item) {
			for _, m := range all {
				if m != from {
					waiting[m] = append(waiting[m], it, it)
				}
			}
		}
		take := func(m *member, it item, at time.Time) bool {
			if it.epoch != nil {
				if err := m.joins(it.epoch, at); err != nil && !errors.Is(err, ErrKnown) {
					t.Fatal(err)
				}
				return true
			}
			_, _, err := m.book.Read(omega.Fingerprint{}, it.payload, it.id, find)
			switch {
			case errors.Is(err, ErrUnsealed) && m.read[it.id], errors.Is(err, ErrUsed): // a repetition
			case errors.Is(err, ErrUnsealed):
				return false // its epoch comes
			case err != nil:
				t.Fatal(err)
			case m.read[it.id]:
				t.Fatal("read twice")
			default:
				m.read[it.id] = true
			}
			m.book.Sweep(at)
			return true
		}
		deliver := func(m *member, at time.Time, part int) {
			list := waiting[m]
			rnd.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
			var left []item
			for i, it := range list {
				if i%part != 0 || !take(m, it, at) {
					left = append(left, it)
				}
			}
			waiting[m] = left
		}
		say := func(m *member, at time.Time, seed byte) {
			e, err := m.book.Sending(view(all), at)
			if errors.Is(err, ErrEnded) {
				if _, _, wait := m.book.Next(view(all), at); !wait.IsZero() {
					return
				}
				post(m, item{epoch: m.opens(t, all, at, seed)})
				e, err = m.book.Sending(view(all), at)
			}
			must(t, err)
			id := omega.ID{seed, 1}
			sent[id] = m
			post(m, item{payload: m.sendsIn(t, e, id, at), id: id})
		}
		at, seed := now, byte(1)
		for range 12 {
			at = at.Add(time.Duration(rnd.IntN(20)) * time.Hour)
			say(all[rnd.IntN(len(all))], at, seed)
			seed++
			m := all[rnd.IntN(len(all))]
			deliver(m, at, 2)
		}
		settle := func() {
			for range 4 {
				for _, m := range all {
					deliver(m, at, 1)
				}
			}
		}
		settle()
		for range 2 { // in the last epochs everybody says what he sent before
			at = at.Add(MaxAge + time.Hour)
			for _, m := range all {
				say(m, at, seed)
				seed++
				settle()
			}
		}
		for _, m := range all {
			if len(waiting[m]) > 0 {
				t.Fatalf("%d things cannot be read", len(waiting[m]))
			}
			for id, from := range sent {
				if from != m && !m.read[id] {
					t.Fatalf("message %x was not read", id[:2])
				}
			}
			e, err := m.book.Sending(view(all), at)
			first, _ := all[0].book.Sending(view(all), at)
			if err != nil || e.Record.Hash() != first.Record.Hash() {
				t.Fatalf("not in one epoch: %v", err)
			}
			m.book.Sweep(at)
			if n := len(m.book.Epochs); n > 2 {
				t.Fatalf("%d epochs are left", n)
			}
		}
	}
}
