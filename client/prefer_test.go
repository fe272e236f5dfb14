package client

import (
	"net"
	"testing"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/clientrpc"
)

// TestPreferInside: whose choice is a server outside goes back to the one inside that the
// account was made with, or that they give; one of a list is held to what is dialled on
// others' word, before it is the choice and while it is. (spec/delivery.md, DELIV-20,
// DELIV-32)
func TestPreferInside(t *testing.T) {
	p := newFakeProxy(t)
	c := p.newCore(t)
	until(t, "online", func() bool { _, err := c.online(); return err == nil })
	own, err := c.ownServer()
	must(t, err)
	_, port, _ := net.SplitHostPort(own.addr.HostPort)
	fp := "#" + own.addr.Fingerprint.String()
	outside, byName := "198.51.100.7:7000"+fp, "localhost:"+port+fp
	prefer := func(server string, listed bool) error {
		_, err := clientrpc.PreferServer.Call(t.Context(), c, clientrpc.PreferServerParams{Server: server, Listed: listed})
		return err
	}
	tried := func(text string) bool {
		for _, x := range c.candidates(omega.Fingerprint{}, false, false) {
			if x.text == text {
				return true
			}
		}
		return false
	}
	c.server.Store(&outside) // as if it had been preferred, and named
	c.serverNamed.Store(&outside)
	if !tried(p.address) {
		t.Error("the server that the account was made with is tried no more")
	}
	if prefer(byName, true) == nil {
		t.Error("one of a list leads inside")
	}
	must(t, prefer(p.address, true)) // it is the one that the account was made with
	c.server.Store(&outside)
	must(t, prefer(byName, false))
	if c.choice() != byName || !c.leadsInside(t.Context()) {
		t.Errorf("the choice is %q", c.choice())
	}
	must(t, c.loadChoice(t.Context()))
	if c.named() != byName || !tried(byName) {
		t.Errorf("after the next start %q is named", c.named())
	}

	// One that was picked, and leads inside only since then.
	c.serverNamed.Store(&outside)
	own, err = c.ownServer()
	if must(t, err); own.text != byName {
		t.Fatalf("the choice is %q", own.text)
	}
	if c.leadsInside(t.Context()) {
		t.Error("where one of a list leads says what may be dialled")
	}
	if d, err := c.dial(t.Context(), own); err == nil {
		d.conn.Close()
		t.Error("the choice of a list was dialled inside")
	}
}
