package client

import (
	"errors"
	"strconv"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/transport"
)

// Times between attempts to connect: the first retry is soon, because a server
// that restarts is back soon.
const (
	minRetry = 200 * time.Millisecond
	maxRetry = 30 * time.Second
	maxBye   = 5 * time.Second // that a server may ask for which drains
)

// Sessions that servers ended cost no pause, so many at once and one more after
// each time: servers that are restarted one after the other drive a device from
// one to the next, soon after it came.
const (
	freeMoves = 16
	moveEvery = 15 * time.Second
)

// An ending is how a session ended.
type ending struct {
	settled bool     // it was of use
	prompt  bool     // its server answered promptly, so its silence was no slow network
	why     error    // never nil
	next    *dialled // that takes its place; nil: none
}

// A backoff is how patient this device is with servers and the network. It
// belongs to stayOnline. Its zero value is ready.
type backoff struct {
	pause time.Duration // before the next dial, about; 0: at once
	slow  int           // how often patience with silence is doubled
	moves time.Time     // when the moves that cost nothing are all there again
}

// failed notes that no server took this device.
func (b *backoff) failed() { b.pause = min(max(2*b.pause, minRetry), maxRetry) }

// ended notes how a session ended. A server that took this device and is gone is
// worth no pause. One that this side ended, because of a full disk perhaps, is
// unless it lasted longer than the pause before it. Two homes with one device
// drive each other out: they must slow down. A server that drains says how long
// to wait, so that not all its clients are everywhere at once.
func (b *backoff) ended(end ending, lasted time.Duration, now time.Time) {
	switch {
	case !errors.Is(end.why, errSilent), end.prompt:
		b.slow = 0
	case lasted > time.Minute:
		b.slow = 1
	default:
		b.slow = min(b.slow+1, maxSlow)
	}
	var bye *omega.Error
	var own *endedError
	switch {
	case errors.As(end.why, &bye) && bye.Code == omega.CodeShutdown:
		b.pause = byeTime(bye.Text)
	case isCode(end.why, omega.CodeSuperseded):
		b.failed()
	case lasted > maxRetry, end.settled && lasted > max(b.pause, minRetry):
		b.pause = 0
	case end.settled && !errors.As(end.why, &own) && !errors.Is(end.why, transport.ErrClosed) && b.move(now):
		b.pause = 0
	default:
		b.failed()
	}
}

// move takes one of the moves that cost nothing, if there is one.
func (b *backoff) move(now time.Time) bool {
	if b.moves.Before(now) || b.moves.After(now.Add(freeMoves*moveEvery)) { // or the clock was set back
		b.moves = now
	}
	if b.moves.Add(moveEvery).After(now.Add(freeMoves * moveEvery)) {
		return false
	}
	b.moves = b.moves.Add(moveEvery)
	return true
}

// byeTime is how long a server that drains wants its client to wait.
func byeTime(text string) time.Duration {
	ms, err := strconv.ParseUint(text, 10, 32)
	if err != nil {
		return minRetry
	}
	return min(time.Duration(ms)*time.Millisecond, maxBye)
}
