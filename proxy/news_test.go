package proxy

import (
	"testing"
	"testing/synctest"

	"github.com/omega-im/omega/wire"
)

// TestNewsOfOneself: what one device publishes the others of its account are told
// at once, wherever they are connected; the one that published it is not, and
// neither is anybody else. (spec/delivery.md, DELIV-29)
func TestNewsOfOneself(t *testing.T) {
	inCloud(t, 3, func(t *testing.T, c *testCloud) {
		here, there := c.servers[0], c.servers[1]
		alice, bob := c.register(2, here), c.register(1, here)
		first := newClient(alice, 0).attach(here, here)
		near, far, other := newClient(alice, 1).attach(here, here), newClient(alice, 1), newClient(bob, 0).attach(here, here)
		synctest.Wait()
		for i, client := range []*testClient{first, near, other} {
			if got := client.entries(); len(got) != 0 {
				t.Fatalf("client %d was told %d entries before there were any", i, len(got))
			}
		}
		publish := func(homes ...*testServer) {
			t.Helper()
			e := alice.entry(homes...)
			if f := first.request(wire.TypePublish, wire.AppendEntry(nil, &e)); f.Type != wire.TypeDone || wire.DecodeStatus(f.Body) != nil {
				t.Fatalf("publish = %d %q", f.Type, f.Body)
			}
			synctest.Wait()
		}
		publish(there)
		if got := near.entries(); len(got) != 1 || got[0].Homes[0] != there.fp() {
			t.Errorf("the device beside was told %v", got)
		}
		far.connect(there) // the device is at another server now
		publish(there, here)
		if got := far.entries(); len(got) != 1 || len(got[0].Homes) != 2 {
			t.Errorf("the device elsewhere was told %v", got)
		}
		for i, client := range []*testClient{first, other} {
			if got := client.entries(); len(got) != 0 {
				t.Errorf("client %d was told %v", i, got)
			}
		}
	})
}

// entries are the records of what the server pushed of the account.
func (c *testClient) entries() (out []*wire.Record) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, f := range c.frames {
		if f.Type != wire.TypeEntry {
			continue
		}
		e, err := wire.DecodeEntry(f.Body)
		if err != nil {
			c.t.Fatal(err)
		}
		rec, err := wire.DecodeRecord(e.Record)
		if err != nil {
			c.t.Fatal(err)
		}
		out = append(out, rec)
	}
	return out
}
