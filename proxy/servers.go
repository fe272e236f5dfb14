package proxy

import (
	"math/rand/v2"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/mesh"
	"github.com/omega-im/omega/wire"
)

// servers tells which servers there are: those that the client names first, then
// others that chance chooses, as many as are wanted and fit. (spec/delivery.md,
// DELIV-20)
func (s *session) servers(f wire.Frame) error {
	list, err := s.p.ServerList(f.Body)
	if err != nil {
		return s.refuse(f.Tag, omega.CodeBadRequest, "question for servers")
	}
	_ = s.c.SendFrame(wire.TypeServerList, f.Tag, list)
	return nil
}

// ServerList answers a body of wire.TypeServers with one of wire.TypeServerList.
func (p *Proxy) ServerList(query []byte) ([]byte, error) {
	q, err := wire.DecodeServersQuery(query)
	if err != nil {
		return nil, omega.Errorf(omega.CodeBadRequest, "question for servers")
	}
	var list [][]byte
	if p.cfg.Announcements != nil {
		list = chooseServers(p.cfg.Announcements(), q)
	}
	return wire.AppendBlobs(nil, list), nil
}

// chooseServers chooses announcements for an answer. all is in the order of
// fingerprints, which are random, so that a run of it is a random choice.
func chooseServers(all [][]byte, q *wire.ServersQuery) (out [][]byte) {
	most := int(q.Most)
	if most == 0 || most > len(all) {
		most = len(all)
	}
	named := make(map[omega.Fingerprint]bool, len(q.Named))
	for _, fp := range q.Named {
		named[fp] = true
	}
	size := wire.HeaderSize
	take := func(b []byte) bool {
		if size += 2 + len(b); size > omega.MaxFrame || len(out) == most {
			return false
		}
		out = append(out, b)
		return true
	}
	for _, b := range all {
		if named[mesh.Origin(b)] && !take(b) {
			return out
		}
	}
	for i, from := 0, rand.N(max(len(all), 1)); i < len(all); i++ {
		if b := all[(from+i)%len(all)]; !named[mesh.Origin(b)] && !take(b) {
			break
		}
	}
	return out
}
