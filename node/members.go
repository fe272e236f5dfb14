package node

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/cloud"
	"github.com/omega-im/omega/mesh"
	"github.com/omega-im/omega/proxy"
	"github.com/omega-im/omega/wire"
)

// Bounds of what is remembered of other servers.
const (
	forgetMember = 30 * 24 * time.Hour // not seen for so long
	saveMembers  = time.Hour           // between savings of nothing but "seen again"
)

// members is what this server remembers of the others: since when each has been a
// full member. A server that claims to be old is not believed; every server keeps
// its own book, which mail and links go by. (spec/delivery.md, DELIV-11;
// spec/cloud.md, CLOUD-14 and CLOUD-15)
//
// On disk it is a line per server: fingerprint, first and last time as Unix
// seconds.
type members struct {
	path   string
	self   omega.Fingerprint
	minAge time.Duration

	mu    sync.Mutex
	book  map[omega.Fingerprint]acquaintance // guarded by mu
	saved time.Time                          // guarded by mu

	now atomic.Pointer[roster]
}

type acquaintance struct{ first, last time.Time }

// A roster is the servers at one moment. Immutable.
type roster struct {
	list      []proxy.Member
	operators map[omega.Fingerprint]string // empty where all have the same
}

// loadMembers reads the book. One that is damaged is begun again from the
// damage on: all it costs is that servers count as young.
func loadMembers(path string, self omega.Fingerprint, minAge time.Duration, now time.Time) (*members, error) {
	m := &members{path: path, self: self, minAge: minAge, book: map[omega.Fingerprint]acquaintance{}, saved: now}
	m.now.Store(&roster{})
	b, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("book of servers: %w", err)
	}
	lines := bufio.NewScanner(bytes.NewReader(b))
	for lines.Scan() {
		var name string
		var first, last int64
		if _, err := fmt.Sscan(lines.Text(), &name, &first, &last); err != nil {
			break
		}
		fp, err := omega.ParseFingerprint(name)
		if err != nil {
			break
		}
		m.book[fp] = acquaintance{time.Unix(first, 0), time.Unix(last, 0)}
	}
	m.resume(now)
	return m, nil
}

// resume takes those that were there when the book was saved last for seen now: it
// is this server that was away. Who does not come back is missed an hour from now.
func (m *members) resume(now time.Time) {
	var saved time.Time
	for _, a := range m.book {
		if a.last.After(saved) {
			saved = a.last
		}
	}
	for fp, a := range m.book {
		if saved.Sub(a.last) < awayOwner && a.last.Before(now) {
			a.last = now
			m.book[fp] = a
		}
	}
}

// update takes down who is a full member now, and saves it when that is due. One
// goroutine calls it.
func (m *members) update(servers []cloud.Server, now time.Time) {
	if b := m.note(servers, now); b != nil {
		_ = writeFile(m.path, b) // the next time writes all of it again
	}
}

// note returns what the disk is to have now, nil if it has it.
func (m *members) note(servers []cloud.Server, now time.Time) []byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	next := &roster{operators: map[omega.Fingerprint]string{}}
	news := false
	var operator string
	several := false
	for _, s := range servers {
		full := s.State == mesh.Full
		a, known := m.book[s.Server]
		if full {
			if !known {
				a.first, news = now, true
			}
			a.last = now
			m.book[s.Server] = a
		}
		why, until := m.notHome(&s, now)
		next.list = append(next.list, proxy.Member{
			// One that lost links for a time stays a place for mail: deputies
			// must be the same for who writes and who reads a minute later.
			Server: s.Server, Full: full || s.State == mesh.Degraded, Reachable: s.State != mesh.Unreachable || s.Server == m.self,
			Eligible: why == wire.HomeMay, Why: why, Until: until,
			// Who has the links of a member may be one of a part out of sight.
			Stranger: !full && !known && len(s.Links) < mesh.RequiredLinks,
		})
		next.operators[s.Server] = s.Operator
		several = several || operator != "" && s.Operator != operator
		operator = s.Operator
	}
	if !several {
		next.operators = nil // in a cloud of one operator each server stands for itself
	}
	m.now.Store(next)
	if news || now.Sub(m.saved) >= saveMembers {
		return m.encode(now)
	}
	return nil
}

// since returns since when a server has been a full member, if it ever was one
// as far as the book goes.
func (m *members) since(server omega.Fingerprint) (time.Time, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	a, ok := m.book[server]
	return a.first, ok
}

// notHome says why a server may not be a home that nobody asked for, and until
// when, where that is known. mu is held.
func (m *members) notHome(s *cloud.Server, now time.Time) (why wire.HomeWhy, until time.Time) {
	a := m.book[s.Server]
	switch {
	case s.State == mesh.Unreachable && s.Server != m.self:
		return wire.HomeAway, until
	case s.State != mesh.Full:
		return wire.HomeNoLinks, until
	case s.Flags&mesh.FlagDraining != 0:
		return wire.HomeLeaving, until
	case s.Registration == mesh.RegistrationInvite:
		return wire.HomeInvites, until
	case s.Registration != mesh.RegistrationOpen:
		return wire.HomeClosed, until
	case now.Sub(a.first) < m.minAge:
		return wire.HomeYoung, a.first.Add(m.minAge)
	}
	return wire.HomeMay, until
}

// encode forgets who was not seen for long, and returns the book in octets. What
// is lost with a crash is an hour of "seen again". mu is held.
func (m *members) encode(now time.Time) []byte {
	var b bytes.Buffer
	for fp, a := range m.book {
		if now.Sub(a.last) > forgetMember {
			delete(m.book, fp)
			continue
		}
		fmt.Fprintln(&b, fp, a.first.Unix(), a.last.Unix())
	}
	m.saved = now
	return b.Bytes()
}

func (m *members) list() []proxy.Member { return m.now.Load().list }

func (m *members) operator(server omega.Fingerprint) string { return m.now.Load().operators[server] }
