package freeport

import (
	"net"
	"testing"
)

func TestListen(t *testing.T) {
	r := Range{10_000, 10_002}
	var taken []net.Listener
	for range 3 {
		ln, err := r.Listen(0)
		if err != nil {
			break // others may have one of the two
		}
		defer ln.Close()
		if p := ln.Addr().(*net.TCPAddr).Port; p < r.From || p >= r.To {
			t.Errorf("port %d", p)
		}
		taken = append(taken, ln)
	}
	if len(taken) > 2 {
		t.Errorf("%d ports of two", len(taken))
	}
	ln, err := Tests.Listen(0)
	if err != nil {
		t.Fatal(err)
	}
	port := ln.Addr().(*net.TCPAddr).Port
	other, err := Tests.Listen(port)
	if err != nil || other.Addr().(*net.TCPAddr).Port == port {
		t.Errorf("a port that is taken: %v, %v", other, err)
	}
	other.Close()
	ln.Close()
	if ln, err = Clouds.Listen(port); err != nil || ln.Addr().(*net.TCPAddr).Port != port {
		t.Errorf("the port of before: %v, %v", ln, err)
	}
	ln.Close()
}
