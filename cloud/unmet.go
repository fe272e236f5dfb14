package cloud

import (
	"errors"
	"fmt"
	"sync"
	"time"
)

// An Unmet is a configured member of a cloud that could not be met.
type Unmet struct {
	Address string // host:port, as configured
	Err     error
	Again   time.Time // when it is tried again; zero: it is not
}

// ErrNoEntry is wrapped by a NoEntry.
var ErrNoEntry = errors.New("no configured member of a cloud could be reached")

// A NoEntry is an error: what became of every configured member.
type NoEntry []Unmet

// Error lists them.
func (n NoEntry) Error() string {
	text := ErrNoEntry.Error()
	for i, u := range n {
		text += fmt.Sprintf("%s%s: %v", map[bool]string{true: ": ", false: "; "}[i == 0], u.Address, u.Err)
	}
	return text
}

// Unwrap returns the reasons.
func (n NoEntry) Unwrap() []error {
	out := []error{ErrNoEntry}
	for _, u := range n {
		out = append(out, u.Err)
	}
	return out
}

// unmets are the configured members that could not be met when they were last
// tried, in the order of the configuration.
type unmets struct {
	mu   sync.Mutex
	list []Unmet // guarded by mu
}

// note replaces what is known of an address.
func (m *unmets) note(x Unmet) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range m.list {
		if m.list[i].Address == x.Address {
			m.list[i] = x
			return
		}
	}
	m.list = append(m.list, x)
}

// Unmet lists the configured members that could not be met when they were last
// tried. It says nothing about whether this server is in touch with its cloud.
func (c *Cloud) Unmet() (out []Unmet) {
	c.unmets.mu.Lock()
	defer c.unmets.mu.Unlock()
	for _, x := range c.unmets.list {
		if x.Err != nil {
			out = append(out, x)
		}
	}
	return out
}
