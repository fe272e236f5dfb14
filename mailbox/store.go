package mailbox

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/omega-im/omega"
)

// Config says how a Store keeps mail. Zero fields mean the defaults.
type Config struct {
	Driver Driver // stable storage; required; the store closes it

	// MaxMessages is how many mails one mailbox may hold. Zero means 20,000: 500
	// a day for the 40 days that mail may wait. It also bounds the memory of one
	// mailbox (32 octets a mail) and what one slow look-up can cost.
	MaxMessages int

	// MaxBytes is how many octets of envelopes one mailbox may hold. Zero means
	// 64 MiB: 20,000 mails of 3 KiB, four times the usual message. An account
	// costs an operator no more than that.
	MaxBytes int64

	// MaxQueued bounds the envelopes that wait for the disk, in octets with 512
	// added for each. Above it Append waits. Zero means 64 MiB, about a second
	// of the fastest disk's work.
	MaxQueued int64

	// MaxCached is how many mailboxes are kept in memory. Zero means 100,000,
	// about 50 MB when they are nearly empty; each mail in them adds 32 octets.
	MaxCached int

	// MaxTombstones is how many tombstones are kept, at 16 octets on disk and 5
	// to 10 in memory. Zero means 1<<24, 400,000 mails a day for 40 days. Above it those
	// that expire first go: a repetition then reaches the devices, which drop it.
	MaxTombstones int64

	// FlushInterval is how long a trim or a device's acknowledgement waits for a
	// commit to ride on before it gets its own. Zero means a second.
	FlushInterval time.Duration

	// Committed, when not nil, is told of each commit that was synced. It is
	// called from one goroutine and must not block.
	Committed func(Commit)

	Now func() time.Time // nil means time.Now
}

// A Commit is one synced group, for metrics.
type Commit struct {
	Items int           // Append calls it answered
	Bytes int           // octets of envelopes it stored
	Sync  time.Duration // from applied to stable
}

func (c *Config) setDefaults() error {
	if c.Driver == nil {
		return errors.New("mailbox: Config.Driver is required")
	}
	def(&c.MaxMessages, 20_000)
	def(&c.MaxBytes, 64<<20)
	def(&c.MaxQueued, 64<<20)
	def(&c.MaxCached, 100_000)
	def(&c.MaxTombstones, 1<<24)
	def(&c.FlushInterval, time.Second)
	if c.Now == nil {
		c.Now = time.Now
	}
	return nil
}

func def[T int | int64 | time.Duration](p *T, v T) {
	if *p <= 0 {
		*p = v
	}
}

// reserveBlock is how many sequences are reserved durably at a time: 26
// seconds at 40,000 mails a second, and 2^44 blocks before they run out.
const reserveBlock = 1 << 20

// closeGrace is how long Close waits for a disk without room.
const closeGrace = 2 * time.Second

// A Store keeps waiting mail. Its methods may be called concurrently.
type Store struct {
	cfg         Config
	driver      Driver
	incarnation Incarnation
	failedCh    chan struct{} // closed by fail
	stop        chan struct{} // closed by Close; ends the housekeeper
	wg          sync.WaitGroup
	window      int    // State.Window
	block       uint64 // reserveBlock, less in tests

	mu          sync.Mutex // guards everything below and every box
	work        sync.Cond  // the committer waits on it
	boxes       map[omega.Fingerprint]*box
	tombs       tombs
	unfiled     unfiled
	next        uint64        // the next sequence to give
	limit       uint64        // sequences from here on are not reserved yet
	reserved    uint64        // limit once the commit in flight is synced
	queue       []*Item       // staged, not yet taken by the committer
	trims       []Trim        // removed from boxes, not yet from the driver
	trimmedFrom []*box        // pinned, one per trim
	dirty       []*box        // pinned, their device sets are to be written
	retokened   []*box        // pinned, their lists of tokens are to be written
	flying      *group        // taken by the committer, not yet synced; or nil
	held        int64         // octets counted against MaxQueued
	room        chan struct{} // closed and replaced when held shrinks
	flush       bool          // commit what rides, with or without items
	expireFrom  []byte        // where the next Expire goes on; nil at the start
	closing     bool          // Close was called
	failed      error         // set once; wraps ErrFailed
	totals      Totals
	counters    Stats
}

// Open starts a store over cfg.Driver and reserves its first sequences, which
// takes one durable commit.
func Open(cfg Config) (*Store, error) { return open(cfg, reserveBlock) }

func open(cfg Config, block uint64) (*Store, error) {
	if err := cfg.setDefaults(); err != nil {
		return nil, err
	}
	state := cfg.Driver.State()
	s := &Store{
		cfg:         cfg,
		driver:      cfg.Driver,
		incarnation: state.Incarnation,
		failedCh:    make(chan struct{}),
		stop:        make(chan struct{}),
		boxes:       make(map[omega.Fingerprint]*box),
		next:        max(state.Next, 1),
		room:        make(chan struct{}),
		totals:      state.Totals,
		window:      state.Window,
		block:       block,
	}
	s.recover(state.Unfiled)
	s.tombs = newTombs(cfg.MaxTombstones, state.Totals.Tombstones)
	if err := s.driver.Tombs(context.Background(), TombID{}, TombID{Day: 1<<16 - 1}, s.tombs.load); err != nil {
		return nil, fmt.Errorf("read tombstones: %w", err)
	}
	s.work.L = &s.mu
	s.limit = s.next + block
	s.reserved = s.limit
	b := Batch{Reserve: s.limit, First: s.unfiled.first(s.next), Totals: s.sums()}
	err := s.driver.Apply(&b)
	if err == nil {
		err = s.driver.Sync(&b)
	}
	if err != nil {
		return nil, fmt.Errorf("reserve sequences from %d: %w", s.next, err)
	}
	s.wg.Go(s.commitLoop)
	s.wg.Go(s.keepHouse)
	return s, nil
}

// Incarnation names the life of this store.
func (s *Store) Incarnation() Incarnation { return s.incarnation }

// Quota is how many mails, and how many octets of them, a mailbox holds.
func (s *Store) Quota() (messages int, octets int64) { return s.cfg.MaxMessages, s.cfg.MaxBytes }

// Failed is closed when the store has failed; Err then says why. A server
// should stop taking work and exit, so that its supervisor starts it again.
func (s *Store) Failed() <-chan struct{} { return s.failedCh }

// Err is nil, or wraps ErrFailed or ErrClosed.
func (s *Store) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.usable()
}

// usable reports why the store takes no calls. s.mu is held.
func (s *Store) usable() error {
	if s.failed != nil {
		return s.failed
	}
	if s.closing {
		return ErrClosed
	}
	return nil
}

// fail stops the store for good.
func (s *Store) fail(cause error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failed != nil {
		return
	}
	s.failed = fmt.Errorf("%w: %w", ErrFailed, cause)
	close(s.failedCh)
	s.wakeAppenders()
	s.work.Signal()
}

// Close stores what was appended, answers it, and closes the driver. It
// returns the error that keeps it from doing so.
func (s *Store) Close() error {
	s.mu.Lock()
	if s.closing {
		s.mu.Unlock()
		return ErrClosed
	}
	s.closing = true
	close(s.stop)
	s.wakeAppenders()
	s.work.Signal()
	s.mu.Unlock()

	err := s.drain()
	if failed := s.failure(); failed != nil {
		return failed
	}
	if err != nil {
		return fmt.Errorf("close mailbox driver: %w", err)
	}
	return nil
}

// drain waits for the goroutines and closes the driver: early when they wait
// for a disk without room, which makes them end.
func (s *Store) drain() error {
	done := make(chan struct{})
	go func() {
		s.wg.Wait()
		close(done)
	}()
	t := time.NewTicker(closeGrace)
	defer t.Stop()
	for {
		select {
		case <-done:
			return s.driver.Close()
		case <-t.C:
			if s.driver.Room() != nil {
				err := s.driver.Close()
				<-done
				return err
			}
		}
	}
}

// keepHouse commits what has waited long enough for a commit to ride on, and
// answers for a disk that has no room.
func (s *Store) keepHouse() {
	t := time.NewTicker(s.cfg.FlushInterval)
	defer t.Stop()
	for {
		select {
		case <-s.stop:
			return
		case <-t.C:
		}
		if err := s.hasRoom(); errors.Is(err, ErrDiskFull) {
			s.answerEarly(err)
		}
		s.mu.Lock()
		s.tombs.expire(s.cfg.Now().Unix())
		if s.riding() {
			s.flush = true
			s.work.Signal()
		}
		s.shrink(1000)
		s.mu.Unlock()
		if err := s.renewFilter(context.Background()); err != nil && !errors.Is(err, ErrClosed) {
			s.fail(err)
		}
	}
}

// riding reports whether something waits for a commit to ride on. s.mu is held.
func (s *Store) riding() bool {
	return len(s.trims) > 0 || len(s.dirty) > 0 || len(s.retokened) > 0 || s.tombs.riding()
}
