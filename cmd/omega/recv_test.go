package main

import (
	"testing"
	"time"

	"github.com/omega-im/omega/clientrpc"
)

// TestLate: a home that is away is no failure where the deputies have delivered
// and no number was asked for; it is one where something is missing.
func TestLate(t *testing.T) {
	away, forged := &clientrpc.Error{Code: clientrpc.CodeOffline}, &clientrpc.Error{Code: clientrpc.CodeVerify}
	for _, tt := range []struct {
		name       string
		count, got int
		problem    *clientrpc.Error
		want       string // code; "": none
	}{
		{"something came", 0, 2, away, ""},
		{"nothing came", 0, 0, away, clientrpc.CodeOffline},
		{"fewer than asked", 3, 2, away, clientrpc.CodeOffline},
		{"a server lies", 0, 2, forged, clientrpc.CodeVerify},
		{"all is well, and late", 3, 2, nil, clientrpc.CodeTimeout},
	} {
		err := (&recvCmd{Count: tt.count, Timeout: time.Second}).late(tt.got, tt.problem, false)
		code := ""
		if e, ok := err.(*clientrpc.Error); ok {
			code = e.Code
		}
		if code != tt.want || (err == nil) != (tt.want == "") {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
	}
}

// TestLateElsewhere: where another program has the home, what came may have been shown there.
func TestLateElsewhere(t *testing.T) {
	for elsewhere, want := range map[bool]string{false: "next.longer", true: "next.elsewhere"} {
		e, ok := (&recvCmd{Timeout: time.Second}).late(0, nil, elsewhere).(*clientrpc.Error)
		if !ok || e.Next.Key != want {
			t.Errorf("elsewhere %v: %+v, want %s", elsewhere, e, want)
		}
	}
}
