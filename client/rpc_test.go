package client

import (
	"slices"
	"testing"

	"github.com/omega-im/omega/clientrpc"
)

// TestEveryMethodIsServed: the registry of clientrpc and what the core serves are
// the same.
func TestEveryMethodIsServed(t *testing.T) {
	var known []string
	for _, s := range clientrpc.Methods() {
		known = append(known, s.Name)
		_, served := calls[s.Name]
		if s.Before {
			_, served = entryCalls[s.Name]
		}
		if !served {
			t.Errorf("%s is in the registry and nobody serves it", s.Name)
		}
	}
	for name := range calls {
		if !slices.Contains(known, name) {
			t.Errorf("%s is served and not in the registry of clientrpc", name)
		}
	}
}
