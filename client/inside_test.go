package client

import (
	"errors"
	"fmt"
	"net"
	"testing"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/mesh"
	"github.com/omega-im/omega/transport"
)

// TestAnnouncedInside: servers that announce an address of a private network, or of
// this device, are dialled by those only whose own server is on one. (spec/delivery.md,
// DELIV-32)
func TestAnnouncedInside(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	at := ln.Addr().String()
	fp, err := omega.ParseFingerprint(fmt.Sprintf("%040x", 7))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		own    string
		listed bool // the announced address is a candidate
		dialed bool
	}{
		{"9.9.9.9:7000", false, false},
		{"[2620:fe::fe]:7000", false, false},
		{"127.0.0.1:7000", true, true},
		{"192.168.1.5:7000", true, true},
		{"localhost:7000", true, true},
		{"ws://omega.lan/ws", true, true},
		{"im.invalid:7000", true, false}, // a name: it shows when it is dialled
	} {
		c := &Client{acc: &account{Server: tt.own}, servers: map[omega.Fingerprint]*knownServer{
			fp: {announced: &mesh.Announcement{Server: fp, Client: at}},
		}}
		if _, ok := c.proxy(fp); ok != tt.listed {
			t.Errorf("own server %s: a candidate: %v", tt.own, ok)
		}
		if got := len(c.proxies(omega.Fingerprint{}, nil)) == 1; got != tt.listed {
			t.Errorf("own server %s: in the list: %v", tt.own, got)
		}
		nc, err := c.dialAnnounced(t.Context(), "tcp", at)
		if (err == nil) != tt.dialed || err != nil && !errors.Is(err, transport.ErrNotPublic) {
			t.Errorf("own server %s: dialled: %v", tt.own, err)
		}
		if err == nil {
			nc.Close()
		}
	}
}
