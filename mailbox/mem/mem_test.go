package mem

import (
	"testing"

	"github.com/omega-im/omega/mailbox"
	"github.com/omega-im/omega/mailbox/mailboxtest"
)

type machine struct{ *Disk }

func (m machine) Open() (mailbox.Driver, error) { return m.Disk.Open(), nil }

func TestDriver(t *testing.T) {
	mailboxtest.Run(t, func(testing.TB) mailboxtest.Machine { return machine{NewCrashableDisk()} })
}
