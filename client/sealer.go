package client

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/omega-im/omega"
)

// sealers are the locks of secure chats: whoever has that of a chat is the one that
// opens epochs of it and seals in them. It is held over look-ups, so there is one for
// each.
type sealers struct {
	mu   sync.Mutex
	held map[omega.ChatID]*sealer // that somebody has or waits for; guarded by mu
}

// A sealer is the lock of one chat.
type sealer struct {
	free  chan struct{} // capacity 1: full while somebody has it
	users int           // who have it or wait; guarded by sealers.mu
}

// lock waits for the lock of a chat, or until ctx ends.
func (s *sealers) lock(ctx context.Context, id omega.ChatID) (unlock func(), err error) {
	l := s.join(id)
	select {
	case l.free <- struct{}{}:
		return func() { <-l.free; s.leave(id, l) }, nil
	case <-ctx.Done():
		s.leave(id, l)
		return nil, ctx.Err()
	}
}

func (s *sealers) join(id omega.ChatID) *sealer {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.held == nil {
		s.held = map[omega.ChatID]*sealer{}
	}
	l := s.held[id]
	if l == nil {
		l = &sealer{free: make(chan struct{}, 1)}
		s.held[id] = l
	}
	l.users++
	return l
}

func (s *sealers) leave(id omega.ChatID, l *sealer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if l.users--; l.users == 0 {
		delete(s.held, id)
	}
}

// maxSealing is in how many chats the worker seals at once: those whose servers do not
// answer hold up no others, unless they are so many.
const maxSealing = 8

// A sealed is what became of the attempt to seal what waits for a chat.
type sealed struct {
	room room
	err  error
}

// A sealingWorker is the state of the goroutine that seals what waits.
type sealingWorker struct {
	c     *Client
	again map[omega.ChatID]time.Time // when a chat is tried again
	todo  []room                     // something waits there
	busy  map[omega.ChatID]bool      // chats that are being tried
	done  chan sealed
}

// sealSecrets seals what waits for secure chats until ctx ends. What stops one chat
// does not stop the others.
func (c *Client) sealSecrets(ctx context.Context) {
	w := &sealingWorker{c: c, again: map[omega.ChatID]time.Time{}, busy: map[omega.ChatID]bool{}, done: make(chan sealed)}
	defer func() {
		for range len(w.busy) {
			<-w.done
		}
	}()
	var last *session
	for {
		sealing, queued := c.sealing.wait(), c.queued.wait()
		if s, err := c.online(); err == nil && s != last {
			clear(w.again)
			last = s
		}
		next := w.look(ctx)
		if !w.wait(ctx, next, sealing, queued) {
			return
		}
	}
}

// look notes in which chats something waits that is due, and returns when more is; zero:
// at no time that is known.
func (w *sealingWorker) look(ctx context.Context) time.Time {
	rooms, next := w.c.secureDue(ctx)
	w.todo = w.todo[:0]
	for _, r := range rooms {
		if at := w.again[r.chat]; w.c.cfg.now().Before(at) {
			next = sooner(next, at)
			continue
		}
		w.todo = append(w.todo, r)
	}
	return next
}

// wait tries chats until there is a reason to look again; false: ctx has ended.
func (w *sealingWorker) wait(ctx context.Context, next time.Time, sealing, queued <-chan struct{}) bool {
	pause := secureLook
	if !next.IsZero() {
		pause = max(next.Sub(w.c.cfg.now()), 100*time.Millisecond)
	}
	timer := time.NewTimer(pause)
	defer timer.Stop()
	for {
		w.begin(ctx)
		select {
		case <-sealing:
			return true
		case <-queued:
			return true
		case <-timer.C:
			return true
		case s := <-w.done:
			if w.note(ctx, s) {
				return true
			}
		case <-ctx.Done():
			return false
		}
	}
}

// begin tries as many chats as it may; those that are being tried come again after that,
// since more may wait there now.
func (w *sealingWorker) begin(ctx context.Context) {
	w.todo = slices.DeleteFunc(w.todo, func(r room) bool {
		if w.busy[r.chat] || len(w.busy) >= maxSealing {
			return false
		}
		w.busy[r.chat] = true
		go func() {
			try, cancel := context.WithTimeout(ctx, secureTry)
			defer cancel()
			w.done <- sealed{r, w.c.sealSecure(try, r)}
		}()
		return true
	})
}

// note sees to it that a chat is tried again when there is a point in that, and reports
// whether that is at a certain time.
func (w *sealingWorker) note(ctx context.Context, s sealed) bool {
	c, id := w.c, s.room.chat
	delete(w.busy, id)
	c.noteTrouble(s.room, s.err)
	if s.err == nil || ctx.Err() != nil {
		delete(w.again, id)
		return false
	}
	c.cfg.log().Info("secure message not sealed yet", "chat", id, "err", s.err)
	if code := c.secureCode(s.room, s.err); code != omega.CodeOK {
		c.failSecure(ctx, s.room, code.String(), c.cfg.now())
		return false
	}
	w.again[id] = c.cfg.now().Add(secureAgain)
	var pause *pauseError
	if errors.As(s.err, &pause) {
		w.again[id] = pause.until
	}
	return true
}
