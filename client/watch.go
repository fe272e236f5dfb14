package client

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/omega-im/omega/wire"
)

// Times of a session that may have died in silence. (spec/delivery.md, DELIV-20)
const (
	// DefaultKeepAlive is how long a session is silent before the client asks for
	// a sign of life although it waits for nothing.
	DefaultKeepAlive = 15 * time.Second

	quiet    = 500 * time.Millisecond // the same, while something is awaited
	signWait = 500 * time.Millisecond // for the sign, at least
	slowest  = 32 << 10               // octets per second that a network carries; for what is longer on its way
	maxSlow  = 4                      // times that patience doubles
	prompt   = signWait / 2           // an answer within this is
	late     = 2 * signWait           // one that took longer says that network or server is slow

	provesPrompt = 20                    // prompt answers since the last late one
	searchGap    = time.Second           // between two searches for another proxy
	silence      = 15 * time.Second      // after which a session is over though no other proxy was found
	revival      = 50 * time.Millisecond // how often a search looks whether it is still wanted
)

// Ends of sessions that have a successor.
var (
	errSilent = errors.New("the server gave no sign of life; another one answers")
	errReturn = errors.New("the server of choice answers again")
)

// wake leaves a sign for whoever reads from ch, which has room for one.
func wake(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}

// wantSign asks for a sign of life if there was none just now: somebody is about
// to rely on the session.
func (s *session) wantSign() {
	s.wants.Store(true)
	wake(s.asked)
}

// watch looks after the session until ctx ends: it asks the proxy for a sign of
// life when it has been silent, and returns another proxy when there was none.
// A proxy that answers pings is alive, however slow its disk is.
func (c *Client) watch(ctx context.Context, s *session) *dialled {
	for ctx.Err() == nil {
		if wait := s.signDue(c.cfg.keepAlive()); wait > 0 {
			timer := time.NewTimer(wait)
			select {
			case <-timer.C:
			case <-s.asked:
			case <-ctx.Done():
			}
			timer.Stop()
		} else if next := c.sign(ctx, s); next != nil {
			return next
		}
	}
	return nil
}

// signDue is how long no sign of life is needed yet.
func (s *session) signDue(keep time.Duration) time.Duration {
	s.mu.Lock()
	awaited, since := len(s.pending) > 0, s.since
	s.mu.Unlock()
	heard, now := time.Duration(s.heard.Load()), s.age()
	switch {
	case s.busy.Load(): // what came is being taken in
		return quiet
	case awaited:
		return max(heard, since) + quiet - now
	case s.wants.Swap(false) && now-heard > quiet:
		return 0
	}
	return heard + keep - now
}

// sign asks for a sign of life, and returns another proxy if there was none in
// time. Others are dialled when a quarter of the time or more is over, so that one
// is there when all of it is.
func (c *Client) sign(ctx context.Context, s *session) *dialled {
	q := question{asked: s.age(), pieces: s.conn.Pieces(), patience: s.patience()}
	answered := make(chan struct{})
	tag := s.start(wire.TypePing, nil, func(_ wire.Frame, err error) {
		if err == nil {
			s.rtt.Store((3*s.rtt.Load() + int64(s.age()-q.asked)) / 4)
		}
		close(answered)
	})
	defer s.take(tag)
	timer := time.NewTimer(hedge(q.patience))
	defer timer.Stop()
	select {
	case <-answered:
		return nil
	case <-ctx.Done():
		return nil
	case <-timer.C:
	}
	return c.elsewhere(ctx, s, &q)
}

// hedge is how long to wait for a sign before others are dialled. A quarter of
// patience is at least a round trip, so a server that lives is not taken for dead;
// at half of it others are dialled, so that the handshake, four round trips, is
// through when patience is. In between it is by chance: the clients of a server that
// stalls and that wait for something dial within an eighth of a second or more, not
// in one moment, and each dials another server first (candidates).
func hedge(patience time.Duration) time.Duration { return patience/4 + rand.N(patience/4) }

// A question is one for a sign of life.
type question struct {
	asked    time.Duration // when, since the session started
	pieces   uint32        // had come then
	patience time.Duration // for any sign
}

// answered reports whether there was a sign of life since a question.
func (s *session) answered(q *question) bool { return s.alive(q.asked) || s.conn.Pieces() != q.pieces }

// alive reports whether something came since a time.
func (s *session) alive(since time.Duration) bool {
	return time.Duration(s.heard.Load()) > since || s.busy.Load()
}

// patience is how long a sign of life may take: longer over a network that was
// slow so far, or behind much that is under way.
func (s *session) patience() time.Duration {
	s.mu.Lock()
	octets := s.waiting
	s.mu.Unlock()
	octets = max(octets, s.conn.Queued())
	d := max(signWait, 4*time.Duration(s.rtt.Load())) + time.Duration(octets)*time.Second/slowest
	return min(d, silence) << s.slow
}

// elsewhere looks for another proxy until there is one, the session's gives a sign
// of life after all, or ctx ends. The session ends with ctx, or when it was
// silent for too long.
func (c *Client) elsewhere(ctx context.Context, s *session, q *question) *dialled {
	look, stop := context.WithCancel(ctx)
	defer stop()
	for vain := false; !s.answered(q); vain = true {
		next := make(chan *dialled, 1)
		go func() {
			d, err := c.race(look, c.candidates(s.conn.Peer().Account, true, vain))
			if err != nil && look.Err() == nil {
				c.cfg.log().Info("no other server answers", "err", err)
			}
			next <- d
		}()
		d := s.untilAnswered(ctx, q, next, stop)
		switch {
		case d != nil:
			return d
		case ctx.Err() != nil:
			return nil
		case s.age()-q.asked > silence<<s.slow:
			s.end(fmt.Errorf("%w: the server gave no sign of life for %v", errSessionEnded, silence<<s.slow))
			return nil
		}
		select {
		case <-time.After(jitter(searchGap)):
		case <-ctx.Done():
		}
	}
	return nil
}

// untilAnswered returns what comes from next, once patience is over or ctx has
// ended. If the session gives a sign of life before, it calls stop and closes
// what came.
func (s *session) untilAnswered(ctx context.Context, q *question, next <-chan *dialled, stop func()) (d *dialled) {
	t := time.NewTicker(revival)
	defer t.Stop()
	patience, ended := time.After(q.asked+q.patience-s.age()), ctx.Done()
	for {
		select {
		case d = <-next:
			if d == nil {
				return nil
			}
			next = nil
		case <-patience:
			patience = nil
		case <-ended:
			patience, ended = nil, nil
		case <-t.C:
			if !s.answered(q) {
				continue
			}
			if stop(); d == nil {
				d = <-next
			}
			if d != nil {
				d.conn.Close()
			}
			return nil
		}
		if d != nil && patience == nil {
			return d
		}
	}
}

// Times of going back to the server of choice.
const (
	returnAfter = 5 * time.Minute // on average, and later and later
	maxReturn   = 2 * time.Hour
	calm        = 30 * time.Second // without anything for or from a person
)

// goBack returns a connection to the server that the account's owner chose, if
// the session is with another, once there has been calm for a while, or at once where it
// was chosen now.
func (c *Client) goBack(ctx context.Context, s *session) *dialled {
	now := false
	for wait := c.returnAfter; ; {
		chosen := c.chosenNow.wait()
		own, err := c.ownServer()
		away := err == nil && own.addr.Fingerprint != s.conn.Peer().Account && own.text != s.server
		if !now || !away {
			var later <-chan time.Time
			if away {
				later = time.After(jitter(wait))
			}
			select {
			case <-later:
			case <-chosen:
				now, wait = true, c.returnAfter
				continue
			case <-ctx.Done():
				return nil
			}
			if !s.calm(min(calm, c.returnAfter)) {
				continue
			}
		}
		now = false
		if d, err := c.race(ctx, []candidate{own}); err == nil {
			return d
		}
		wait = min(2*wait, maxReturn)
	}
}

// calm reports whether nothing is under way and nothing was for a while.
func (s *session) calm(d time.Duration) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.pending) == 0 && s.age()-time.Duration(s.last.Load()) >= d
}
