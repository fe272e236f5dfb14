// Package mailboxtest states, as tests, what package mailbox promises over a
// driver. Each driver runs it.
package mailboxtest

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/mailbox"
)

// A Machine is where a driver keeps its mail: it outlives the driver, and can
// lose power. One driver is open at a time.
type Machine interface {
	// Open opens the driver.
	Open() (mailbox.Driver, error)

	// Crash cuts the power: the next Open finds what was synced before the call
	// and any part of what was not. The driver that is open may go on or fail;
	// nothing it does counts, and the caller closes it.
	Crash()

	// SetFull says whether writes find no space.
	SetFull(full bool)
}

// Run runs the whole suite. Each test gets a machine of its own.
func Run(t *testing.T, newMachine func(t testing.TB) Machine) {
	tests := []struct {
		name string
		run  func(*testing.T, Machine)
	}{
		{"AppendAndRead", testAppendAndRead},
		{"ReadLimits", testReadLimits},
		{"StagedInOrder", testStagedInOrder},
		{"SharedStoredOnce", testSharedStoredOnce},
		{"SharedAfterReopen", testSharedAfterReopen},
		{"Duplicates", testDuplicates},
		{"DuplicatesAfterReopen", testDuplicatesAfterReopen},
		{"Quota", testQuota},
		{"Limits", testLimits},
		{"Devices", testDevices},
		{"DevicesAfterReopen", testDevicesAfterReopen},
		{"AckRefused", testAckRefused},
		{"Expire", testExpire},
		{"ExpireShared", testExpireShared},
		{"ExpireCold", testExpireCold},
		{"ExpireAfterLook", testExpireAfterLook},
		{"ExpireThenLoad", testExpireThenLoad},
		{"ExpireCrash", testExpireCrash},
		{"ExpireBesideAcks", testExpireBesideAcks},
		{"Eviction", testEviction},
		{"Waiting", testWaiting},
		{"Keys", testKeys},
		{"Remove", testRemove},
		{"Clear", testClear},
		{"Totals", testTotals},
		{"Tokens", testTokens},
		{"Requests", testRequests},
		{"RequestBytes", testRequestBytes},
		{"RequestWindow", testRequestWindow},
		{"RequestsMixed", testMixed},
		{"RequestLifetime", testRequestLifetime},
		{"Tombstones", testTombstones},
		{"TombstonesOfManySegments", testTombstonesOfManySegments},
		{"TombstonesExpire", testTombstonesExpire},
		{"TombstonesOfExpiredMail", testTombstonesOfExpiredMail},
		{"TombstonesAreBounded", testTombstonesAreBounded},
		{"Close", testClose},
		{"SequencesNeverReused", testSequencesNeverReused},
		{"CrashLosesNothing", testCrashLosesNothing},
		{"DiskFull", testDiskFull},
		{"DiskFullClose", testDiskFullClose},
		{"Concurrency", testConcurrency},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { tt.run(t, newMachine(t)) })
	}
	t.Run("Model", func(t *testing.T) {
		rapid.Check(t, func(r *rapid.T) { testModel(r, newMachine(t)) })
	})
}

// Account returns the n-th account or device of the tests: version 6 for every
// third.
func Account(n int) omega.Fingerprint {
	sum := sha256.Sum256(fmt.Append(nil, "account ", n))
	size := 40
	if n%3 == 2 {
		size = 64
	}
	f, err := omega.ParseFingerprint(fmt.Sprintf("%x", sum)[:size])
	if err != nil {
		panic(err)
	}
	return f
}

// key returns the n-th envelope key.
func key(n int) mailbox.Key {
	return mailbox.KeyOf(Account(0), omega.ID{}, binary.BigEndian.AppendUint64(nil, uint64(n)))
}

// envelope returns octets that tell n.
func envelope(n int) []byte {
	return []byte(fmt.Sprintf("envelope %d %s", n, strings.Repeat("x", n%97)))
}

// a bench is a store under test.
type bench struct {
	tb
	machine Machine
	config  mailbox.Config
	*mailbox.Store
	ctx context.Context

	mu  sync.Mutex // guards now
	now time.Time
}

// tb is what testing.T and rapid.T have in common and the suite needs.
type tb interface {
	rapid.TB
	Cleanup(func())
	Context() context.Context
}

// open opens a store on m with the clock under the test's control, and closes
// it at the end.
func open(t tb, m Machine, cfg mailbox.Config) *bench {
	t.Helper()
	b := &bench{tb: t, machine: m, config: cfg, ctx: t.Context(), now: time.Unix(1_800_000_000, 0)}
	b.config.Now = b.clock
	if b.config.FlushInterval == 0 {
		b.config.FlushInterval = 10 * time.Millisecond
	}
	b.openStore()
	t.Cleanup(func() { b.Store.Close() })
	return b
}

func (b *bench) clock() time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.now
}

func (b *bench) advance(d time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.now = b.now.Add(d)
}

func (b *bench) openStore() {
	b.Helper()
	d, err := b.machine.Open()
	if err != nil {
		b.Fatalf("open the driver: %v", err)
	}
	b.config.Driver = d
	b.Store, err = mailbox.Open(b.config)
	if err != nil {
		b.Fatalf("open the store: %v", err)
	}
}

// reopen closes the store and opens it again.
func (b *bench) reopen() {
	b.Helper()
	if err := b.Store.Close(); err != nil {
		b.Fatalf("close: %v", err)
	}
	b.openStore()
}

// crash cuts the power and opens the store again.
func (b *bench) crash() {
	b.Helper()
	b.machine.Crash()
	b.Store.Close() // whatever it says
	b.openStore()
}

// append stores envelope n with key n for the accounts, waits until it is
// durable and returns the results.
func (b *bench) append(n int, to ...int) []mailbox.Result {
	b.Helper()
	results, err := b.try(b.item(n, to...))
	if err != nil {
		b.Fatalf("append %d: %v", n, err)
	}
	return results
}

func (b *bench) item(n int, to ...int) *mailbox.Item {
	it := &mailbox.Item{Envelope: envelope(n), Key: key(n)}
	for _, a := range to {
		it.Recipients = append(it.Recipients, Account(a))
	}
	return it
}

// try appends it and waits for its answer.
func (b *bench) try(it *mailbox.Item) ([]mailbox.Result, error) {
	done := make(chan error, 1)
	it.Done = func(_ *mailbox.Item, err error) { done <- err }
	if err := b.Append(b.ctx, it); err != nil {
		return nil, err
	}
	return it.Results, <-done
}

// read returns all mail of an account above after.
func (b *bench) read(account int, after uint64) []mailbox.Mail {
	b.Helper()
	mail, err := b.Read(b.ctx, Account(account), after, mailbox.Limit{Messages: 1 << 20, Bytes: 1 << 40})
	if err != nil {
		b.Fatalf("read: %v", err)
	}
	last := after
	for _, m := range mail {
		if m.Prev != last || m.Seq <= last {
			b.Fatalf("read after %d: mail %d with prev %d follows %d", after, m.Seq, m.Prev, last)
		}
		last = m.Seq
	}
	return mail
}

// wantMail fails unless an account's mail after a sequence is the envelopes
// named.
func (b *bench) wantMail(account int, after uint64, want ...int) {
	b.Helper()
	var got, wanted []string
	for _, m := range b.read(account, after) {
		got = append(got, string(m.Envelope))
	}
	for _, n := range want {
		wanted = append(wanted, string(envelope(n)))
	}
	if fmt.Sprint(got) != fmt.Sprint(wanted) {
		b.Fatalf("mail of account %d after %d = %q, want %q", account, after, got, wanted)
	}
}

func (b *bench) setDevices(account int, devices ...int) {
	b.Helper()
	var set []omega.Fingerprint
	for _, d := range devices {
		set = append(set, Account(d))
	}
	if err := b.SetDevices(b.ctx, Account(account), set); err != nil {
		b.Fatalf("set devices: %v", err)
	}
}

func (b *bench) ack(account, device int, seq uint64) {
	b.Helper()
	if err := b.Ack(b.ctx, Account(account), Account(device), seq); err != nil {
		b.Fatalf("ack: %v", err)
	}
}

func (b *bench) cursor(account, device int) uint64 {
	b.Helper()
	seq, err := b.Cursor(b.ctx, Account(account), Account(device))
	if err != nil {
		b.Fatalf("cursor: %v", err)
	}
	return seq
}

// stored counts the mail that the driver holds.
func (b *bench) stored() int {
	b.Helper()
	found, next, err := b.config.Driver.Expired(b.ctx, nil, 1<<32-1, 1<<30)
	if err != nil || next != nil {
		b.Fatalf("list everything = %x, %v", next, err)
	}
	return len(found)
}

// waitStored waits until the driver holds this much.
func (b *bench) waitStored(mail int) {
	b.Helper()
	b.waitFor(fmt.Sprintf("%d mails on disk", mail), func() bool { return b.stored() == mail })
}

// waitFor polls a condition that the store's own timer brings about.
func (b *bench) waitFor(what string, ok func() bool) {
	b.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for !ok() {
		if time.Now().After(deadline) {
			b.Fatalf("no %s", what)
		}
		time.Sleep(time.Millisecond)
	}
}
