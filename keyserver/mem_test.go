package keyserver_test

import (
	"testing"

	"github.com/omega-im/omega/keyserver"
	"github.com/omega-im/omega/keyserver/keyservertest"
)

type memDisk struct{}

func (memDisk) Open(*testing.T) keyserver.Store { return keyserver.NewMem() }
func (memDisk) Crash(*testing.T) bool           { return false }

func TestMem(t *testing.T) {
	keyservertest.Run(t, func(*testing.T) keyservertest.Disk { return memDisk{} })
}
