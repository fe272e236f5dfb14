package client

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/wire"
)

// All is here when each server's mail is, up to where it said that it waits; one
// that is away is not waited for, one that says nothing only for a moment.
func TestArrivals(t *testing.T) {
	x, y := testFingerprint(t, '1'), testFingerprint(t, '2')
	store := [8]byte{7}
	attached := func(home omega.Fingerprint, code omega.Code) func(*arrivals) {
		return func(a *arrivals) {
			a.answer(&wire.Attached{Home: home, Code: code, Incarnation: store, Cursor: 5})
		}
	}
	waits := func(home omega.Fingerprint, seq uint64, of [8]byte) func(*arrivals) {
		return func(a *arrivals) { a.wait(&wire.Waiting{Home: home, Seq: seq, Incarnation: of}) }
	}
	took := func(home omega.Fingerprint, seq uint64) func(*arrivals) {
		return func(a *arrivals) { a.take(home, seq) }
	}
	tests := []struct {
		name  string
		steps []func(*arrivals)
		want  time.Duration
	}{
		{"nobody answered", nil, longQuiet},
		{"one did not answer", []func(*arrivals){waits(x, 0, store), attached(x, omega.CodeOK)}, longQuiet},
		{"nothing waits", []func(*arrivals){waits(x, 0, store), attached(x, omega.CodeOK), waits(y, 0, store), attached(y, omega.CodeOK)}, 0},
		{"one is away", []func(*arrivals){waits(x, 0, store), attached(x, omega.CodeOK), attached(y, omega.CodeUnavailable)}, 0},
		{"mail waits", []func(*arrivals){waits(x, 9, store), attached(x, omega.CodeOK), attached(y, omega.CodeUnavailable), took(x, 8)}, longQuiet},
		{"mail is here", []func(*arrivals){waits(x, 9, store), attached(x, omega.CodeOK), attached(y, omega.CodeUnavailable), took(x, 9)}, 0},
		{"some expired", []func(*arrivals){waits(x, 9, store), attached(x, omega.CodeOK), attached(y, omega.CodeUnavailable), waits(x, 5, store)}, 0},
		{"had it before", []func(*arrivals){waits(x, 5, store), attached(x, omega.CodeOK), attached(y, omega.CodeUnavailable)}, 0},
		{"older server", []func(*arrivals){attached(x, omega.CodeOK), attached(y, omega.CodeUnavailable)}, minQuiet},
		{"said of another store", []func(*arrivals){waits(x, 0, [8]byte{1}), attached(x, omega.CodeOK), attached(y, omega.CodeUnavailable)}, minQuiet},
		{"not taken in", []func(*arrivals){waits(x, 5, store), attached(x, omega.CodeOK), attached(y, omega.CodeUnavailable), func(a *arrivals) { a.come(1) }}, minQuiet},
		{"asked again", []func(*arrivals){waits(x, 9, store), attached(x, omega.CodeOK), attached(y, omega.CodeUnavailable), took(x, 9), func(a *arrivals) { a.ask([]omega.Fingerprint{x}) }}, longQuiet},
		{"answered again", []func(*arrivals){waits(x, 9, store), attached(x, omega.CodeOK), took(x, 9), func(a *arrivals) { a.ask([]omega.Fingerprint{x}) }, waits(x, 9, store), attached(x, omega.CodeOK)}, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var a arrivals
				a.ask([]omega.Fingerprint{x, y})
				for _, step := range tt.steps {
					step(&a)
				}
				if got := a.left(); got != tt.want {
					t.Errorf("left %v, want %v", got, tt.want)
				}
				time.Sleep(longQuiet)
				if got := a.left(); got != 0 && a.mails == 0 {
					t.Errorf("left %v after a long quiet", got)
				}
			})
		})
	}
}

func testFingerprint(t *testing.T, digit rune) omega.Fingerprint {
	t.Helper()
	text := make([]rune, 40)
	for i := range text {
		text[i] = digit
	}
	fp, err := omega.ParseFingerprint(string(text))
	if err != nil {
		t.Fatal(err)
	}
	return fp
}

// TestCatchUpIsTold: who has much to take in tells how far it is, by the server of which
// most is missing, four times a second, and that it is over; little is not told.
func TestCatchUpIsTold(t *testing.T) {
	x, y := testFingerprint(t, '1'), testFingerprint(t, '2')
	store := [8]byte{7}
	var a arrivals
	now := time.Now()
	want := func(what string, done, total int, ok bool) {
		t.Helper()
		e, told := a.tell(now)
		if told != ok || ok && (e.Done != done || e.Total != total) {
			t.Errorf("%s: %+v, told %v; want %d of %d, %v", what, e, told, done, total, ok)
		}
	}
	a.ask([]omega.Fingerprint{x, y})
	want("nobody answered", 0, 0, false)
	for _, home := range []omega.Fingerprint{x, y} {
		a.wait(&wire.Waiting{Home: home, Seq: 1100, Incarnation: store})
		a.answer(&wire.Attached{Home: home, Code: omega.CodeOK, Incarnation: store, Cursor: 100})
	}
	want("begins", 0, 1000, true)
	a.take(x, 600)
	now = now.Add(tellEvery / 2)
	want("too soon", 0, 0, false)
	now = now.Add(tellEvery)
	a.take(y, 300)
	want("the slower one", 200, 1000, true)
	if n := a.waiting(); n != 800 {
		t.Errorf("%d wait, want 800", n)
	}
	a.take(x, 1200)
	a.take(y, 1100)
	want("the end, at once", 1000, 1000, true)
	want("and no more", 0, 0, false)
	a.ask([]omega.Fingerprint{x})
	a.wait(&wire.Waiting{Home: x, Seq: 1200 + manyWait - 1, Incarnation: store})
	a.answer(&wire.Attached{Home: x, Code: omega.CodeOK, Incarnation: store, Cursor: 1200})
	now = now.Add(time.Hour)
	a.take(x, 1250)
	want("little", 0, 0, false)
}
