package client

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/media"
)

// TestFetchGoesOn: who waits for what somebody else fetches does it itself when that one
// has left, and has no part in how that one ended.
func TestFetchGoesOn(t *testing.T) {
	c := newPost(t).newSomebody(t, "ann").Client
	ref := media.Ref{Name: media.Hash{1}, Size: 5}
	away := errors.New("the page was closed")
	first, leave := context.WithCancelCause(t.Context())
	held := make(chan struct{})
	c.mu.Lock() // until it is let go both are before the list of what is fetched
	go func() { <-held; leave(away) }()
	firstErr, secondErr := make(chan error, 1), make(chan error, 1)
	f := &fetch{done: make(chan struct{})}
	c.fetches[ref.Name] = f
	go func() {
		_, err := c.fetchBlob(t.Context(), ref, nil)
		secondErr <- err
	}()
	go func() {
		_, err := c.fetchBlob(first, ref, nil)
		firstErr <- err
	}()
	c.mu.Unlock()
	close(held)
	if err := <-firstErr; !errors.Is(err, away) { // it waited for the first one, as the second does
		t.Errorf("who left: %v", err)
	}
	f.err, f.left = context.DeadlineExceeded, true
	until(t, "the second one has it tried again", func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		select {
		case <-f.done:
			delete(c.fetches, ref.Name)
			return true
		default:
			close(f.done)
			return false
		}
	})
	select {
	case err := <-secondErr:
		if !isCode(err, omega.CodeNotFound) { // of its own: no server is named
			t.Errorf("who goes on: %v", err)
		}
	case <-time.After(time.Minute):
		t.Error("who goes on does not end")
	}
}

// TestTellsMore: people hear that no server has a file only if all said so.
func TestTellsMore(t *testing.T) {
	absent, busy := omega.Errorf(omega.CodeNotFound, "nothing here"), omega.Errorf(omega.CodeUnavailable, "no answer")
	for name, x := range map[string]struct {
		err, before error
		want        bool
	}{
		"busy after absent": {busy, absent, true}, "absent after busy": {absent, busy, false}, "absent after absent": {absent, absent, true},
		"the first": {absent, nil, true}, "busy after wrong": {busy, media.ErrWrong, false}, "wrong after absent": {media.ErrWrong, absent, true},
	} {
		if got := tellsMore(x.err, x.before); got != x.want {
			t.Errorf("%s: %t, want %t", name, got, x.want)
		}
	}
}
