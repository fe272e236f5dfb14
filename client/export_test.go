package client

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/wire"
)

// TestExportWithoutAnswers: a cloud that does not know an account any more, or
// says so, is no reason not to export what was verified.
func TestExportWithoutAnswers(t *testing.T) {
	p := newFakeProxy(t)
	clock := &hand{now: time.Now()}
	c := p.newCore(t, func(cfg *Config) { cfg.Clock = clock.time })
	s := p.newStranger(t, c, "peer")
	p.push(t, s.seal(t, c, "x")...)
	r, err := clientrpc.Receive.Call(t.Context(), c, clientrpc.ReceiveParams{Count: 1, Timeout: time.Minute})
	if err != nil || len(r.Messages) != 1 || !r.Messages[0].Verified {
		t.Fatalf("%+v, %v", r, err)
	}
	p.mu.Lock()
	p.answer = func(f wire.Frame) (wire.Type, []byte) {
		if f.Type == wire.TypeLookup {
			return wire.TypeError, wire.AppendStatus(nil, omega.CodeNotFound, "")
		}
		return 0, nil
	}
	p.mu.Unlock()
	clock.move(time.Hour) // what is stored is old
	out, err := clientrpc.Export.Call(t.Context(), c, clientrpc.ExportParams{Chat: s.id.String(), Dir: filepath.Join(t.TempDir(), "out")})
	if err != nil || out.Messages != 1 || out.Keys != 1 {
		t.Fatalf("%+v, %v", out, err)
	}
}

// TestClockSetBack: a clock that was a year ahead, and is right now, does not
// keep a client for a year from asking for newer certificates. Mail from a new
// device of somebody known waits for that, and all other mail behind it.
func TestClockSetBack(t *testing.T) {
	p := newFakeProxy(t)
	clock := &hand{now: time.Now()}
	c := p.newCore(t, func(cfg *Config) { cfg.Clock = clock.time })
	s := p.newStranger(t, c, "peer")
	const year = 365 * 24 * time.Hour
	clock.move(year)
	if _, err := clientrpc.Lookup.Call(t.Context(), c, clientrpc.LookupParams{Fingerprint: s.id}); err != nil {
		t.Fatal(err)
	}
	clock.move(-year)
	in := &taken{c: c, impatient: new(time.Time)}
	fresh, err := in.lookUp(t.Context(), c.at(t, p), s.id)
	if err != nil || !fresh {
		t.Errorf("the cloud was asked: %v, %v", fresh, err)
	}
}
