package client

import "sync"

// A notice wakes everybody who waits for something to change. Waiters take the
// channel before they look, so that no change is missed.
type notice struct {
	mu sync.Mutex
	ch chan struct{} // closed at the next change; guarded by mu
}

// wait returns a channel that is closed at the next change.
func (n *notice) wait() <-chan struct{} {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.ch == nil {
		n.ch = make(chan struct{})
	}
	return n.ch
}

// notify wakes everybody.
func (n *notice) notify() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.ch != nil {
		close(n.ch)
		n.ch = nil
	}
}
