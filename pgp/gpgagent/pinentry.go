package gpgagent

import (
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// notePinentry reads what the agent tells of the pinentry that it started:
//
//	<process id> <flavour> <version> <tty> <ttytype> <display> …
func (c *conn) notePinentry(args string) {
	f := strings.Fields(args)
	if len(f) == 0 {
		return
	}
	if pid, err := strconv.ParseInt(f[0], 10, 32); err == nil && pid > 1 {
		c.pinentry.Store(pid)
	}
	if len(f) > 1 && c.launched != nil {
		c.launched(clip(f[1], 40))
	}
}

// pinentryGrace is how long a pinentry may take to leave the screen.
const pinentryGrace = 500 * time.Millisecond

// endPinentry ends a prompt whose answer nobody waits for. GnuPG 2.2 would leave
// it there, reading what the person types next.
func (c *conn) endPinentry() {
	p, err := os.FindProcess(int(c.pinentry.Swap(0)))
	if err != nil || p.Pid <= 1 {
		return
	}
	defer p.Release()
	for end := time.Now().Add(pinentryGrace); p.Signal(syscall.SIGTERM) == nil && time.Now().Before(end); {
		time.Sleep(10 * time.Millisecond)
	}
}
