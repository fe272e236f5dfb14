package mailbox

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/omega-im/omega"
)

// fakeDriver holds nothing and does as it is told.
type fakeDriver struct {
	apply, sync, room, load atomic.Pointer[error]
	hold                    chan struct{} // Sync waits for it unless nil
	reserved                atomic.Uint64
}

func set(p *atomic.Pointer[error], err error) { p.Store(&err) }

func get(p *atomic.Pointer[error]) error {
	if err := p.Load(); err != nil {
		return *err
	}
	return nil
}

func (d *fakeDriver) State() State { return State{Next: 1} }

func (d *fakeDriver) Apply(b *Batch) error {
	if err := get(&d.apply); err != nil {
		return err
	}
	if b.Reserve != 0 {
		d.reserved.Store(b.Reserve)
	}
	return nil
}

func (d *fakeDriver) Sync(*Batch) error {
	if d.hold != nil {
		<-d.hold
	}
	return get(&d.sync)
}

func (d *fakeDriver) Load(context.Context, omega.Fingerprint) (Contents, error) {
	return Contents{}, get(&d.load)
}

func (d *fakeDriver) Read(context.Context, omega.Fingerprint, []uint64, func(Record)) error {
	return nil
}

func (d *fakeDriver) Mailboxes(context.Context, omega.Fingerprint, int) ([]omega.Fingerprint, error) {
	return nil, nil
}

func (d *fakeDriver) Expired(context.Context, []byte, uint32, int) ([]Ref, []byte, error) {
	return nil, nil, nil
}

func (d *fakeDriver) Filed(context.Context, []Ref, func(int, Entry)) error { return nil }

func (d *fakeDriver) Tombs(context.Context, TombID, TombID, func(TombRun) error) error { return nil }

func (d *fakeDriver) Room() error  { return get(&d.room) }
func (d *fakeDriver) Close() error { return nil }

func account(n byte) omega.Fingerprint {
	f, err := omega.FingerprintV4(append(make([]byte, 19), n))
	if err != nil {
		panic(err)
	}
	return f
}

func item(n byte) *Item {
	return &Item{Recipients: []omega.Fingerprint{account(1)}, Envelope: []byte{n}, Key: Key{n}}
}

// try appends and waits for the answer.
func try(ctx context.Context, s *Store, it *Item) error {
	done := make(chan error, 1)
	it.Done = func(_ *Item, err error) { done <- err }
	if err := s.Append(ctx, it); err != nil {
		return err
	}
	return <-done
}

var errBroken = errors.New("broken")

func TestDriverFails(t *testing.T) {
	tests := []struct {
		name string
		fail func(*fakeDriver)
	}{
		{"apply", func(d *fakeDriver) { set(&d.apply, errBroken) }},
		{"sync", func(d *fakeDriver) { set(&d.sync, errBroken) }},
		{"room", func(d *fakeDriver) { set(&d.room, errBroken) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := &fakeDriver{}
			s, err := Open(Config{Driver: d})
			if err != nil {
				t.Fatal(err)
			}
			if err := try(t.Context(), s, item(1)); err != nil {
				t.Fatal(err)
			}
			tt.fail(d)
			for n := range byte(2) {
				if err := try(t.Context(), s, item(2+n)); !errors.Is(err, ErrFailed) || !errors.Is(err, errBroken) {
					t.Errorf("append = %v, want %v and %v", err, ErrFailed, errBroken)
				}
			}
			<-s.Failed()
			if err := s.Err(); !errors.Is(err, ErrFailed) {
				t.Errorf("Err = %v, want %v", err, ErrFailed)
			}
			if _, err := s.Read(t.Context(), account(1), 0, Limit{}); !errors.Is(err, ErrFailed) {
				t.Errorf("read = %v, want %v", err, ErrFailed)
			}
			if err := s.Close(); !errors.Is(err, ErrFailed) {
				t.Errorf("close = %v, want %v", err, ErrFailed)
			}
		})
	}
}

func TestOpenFails(t *testing.T) {
	if _, err := Open(Config{}); err == nil {
		t.Error("opened without a driver")
	}
	d := &fakeDriver{}
	set(&d.sync, errBroken)
	if _, err := Open(Config{Driver: d}); !errors.Is(err, errBroken) {
		t.Errorf("open = %v, want %v", err, errBroken)
	}
}

// A mailbox that could not be loaded is loaded when it is asked for again.
func TestLoadFails(t *testing.T) {
	d := &fakeDriver{}
	s, err := Open(Config{Driver: d})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	set(&d.load, errBroken)
	if err := try(t.Context(), s, item(1)); !errors.Is(err, errBroken) {
		t.Errorf("append = %v, want %v", err, errBroken)
	}
	if _, err := s.Cursor(t.Context(), account(1), account(2)); !errors.Is(err, errBroken) {
		t.Errorf("cursor = %v, want %v", err, errBroken)
	}
	set(&d.load, nil)
	if err := try(t.Context(), s, item(1)); err != nil {
		t.Errorf("append = %v", err)
	}
}

func TestAppendWaitsForTheQueue(t *testing.T) {
	d := &fakeDriver{}
	s, err := Open(Config{Driver: d, MaxQueued: 3 * item(1).cost()})
	if err != nil {
		t.Fatal(err)
	}
	d.hold = make(chan struct{})
	for n := range byte(3) {
		if err := s.Append(t.Context(), item(n)); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errBroken)
	if err := s.Append(ctx, item(4)); !errors.Is(err, errBroken) {
		t.Errorf("append to a full queue = %v, want %v", err, errBroken)
	}
	appended := make(chan error)
	go func() { appended <- s.Append(t.Context(), item(5)) }()
	close(d.hold)
	if err := <-appended; err != nil {
		t.Errorf("append once there was room = %v", err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

func TestSequencesAreReservedAhead(t *testing.T) {
	d := &fakeDriver{}
	s, err := open(Config{Driver: d}, 8)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for n := range byte(100) {
		it := item(n)
		it.Staged = func(it *Item) {
			if seq := it.Results[0].Seq; seq >= d.reserved.Load() {
				t.Errorf("gave %d, reserved below %d", seq, d.reserved.Load())
			}
		}
		if n%10 == 9 {
			err = try(t.Context(), s, it)
		} else {
			err = s.Append(t.Context(), it)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// A duplicate is answered once the original is on stable storage.
func TestDuplicateWaitsForTheOriginal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &fakeDriver{}
		s, err := Open(Config{Driver: d})
		if err != nil {
			t.Fatal(err)
		}
		d.hold = make(chan struct{})
		var answers []string
		for _, name := range []string{"original", "duplicate"} {
			it := item(1)
			it.Done = func(it *Item, err error) { answers = append(answers, name) }
			if err := s.Append(t.Context(), it); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Minute) // of the bubble
			synctest.Wait()
			if len(answers) != 0 {
				t.Errorf("answered %v before the sync", answers)
			}
		}
		close(d.hold)
		synctest.Wait()
		if got := fmt.Sprint(answers); got != "[original duplicate]" {
			t.Errorf("answers = %v", got)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}

// An acknowledgement alone is committed after the flush interval, not before.
func TestAckRides(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var all []Commit // guarded by mu
		s, err := Open(Config{Driver: &fakeDriver{}, Committed: func(c Commit) {
			mu.Lock()
			defer mu.Unlock()
			all = append(all, c)
		}})
		if err != nil {
			t.Fatal(err)
		}
		it := item(1)
		if err := try(t.Context(), s, it); err != nil {
			t.Fatal(err)
		}
		if err := s.SetDevices(t.Context(), account(1), []omega.Fingerprint{account(2)}); err != nil {
			t.Fatal(err)
		}
		if err := s.Ack(t.Context(), account(1), account(2), it.Results[0].Seq); err != nil {
			t.Fatal(err)
		}
		told := func() []Commit {
			synctest.Wait()
			mu.Lock()
			defer mu.Unlock()
			return slices.Clone(all)
		}
		if commits := told(); len(commits) != 1 || commits[0].Items != 1 || commits[0].Bytes != 1 {
			t.Errorf("commits = %+v, want one with one item", commits)
		}
		time.Sleep(time.Second)
		if commits := told(); len(commits) != 2 || commits[1].Items != 0 {
			t.Errorf("commits after a second = %+v, want two", commits)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestKeyOf(t *testing.T) {
	base := KeyOf(account(1), omega.ID{1}, []byte("payload"))
	others := []Key{
		KeyOf(account(2), omega.ID{1}, []byte("payload")),
		KeyOf(account(1), omega.ID{2}, []byte("payload")),
		KeyOf(account(1), omega.ID{1}, []byte("other")),
	}
	for i, k := range others {
		if k == base {
			t.Errorf("key %d is the same", i)
		}
	}
	if got := KeyOf(account(1), omega.ID{1}, []byte("payload")); got != base {
		t.Errorf("key = %x, then %x", base, got)
	}
}
