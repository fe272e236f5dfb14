package proxy

import (
	"bytes"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/wire"
)

// A packet proves who made it, not when: who carries packets can keep an answer
// and give it out later, under a tag that has come again. So the word that mail
// is stored names the mail. Whether a server does so is said by its announcement,
// which it signed, and never by what came. (spec/delivery.md, DELIV-25)

// namesRequests reports whether a server's answers say what they answer.
func (p *Proxy) namesRequests(server omega.Fingerprint) bool {
	return p.cfg.Answers == nil || p.cfg.Answers(server)
}

// fits reports whether f, which came from the server that r asked, can be the
// answer to r, and cuts off of it what says so.
func (p *Proxy) fits(r *request, f *wire.Frame) bool {
	t, body := wire.Type(r.frame[3]), r.frame[wire.HeaderSize:]
	if t != wire.TypeSend && t != wire.TypeHint {
		return true // nobody is promised anything by what answers those
	}
	older := !p.namesRequests(r.to)
	if f.Type != wire.TypeSent {
		return older
	}
	results, hash := wire.CutRequestHash(f.Body)
	if hash == nil {
		return older
	}
	f.Body = results
	return bytes.Equal(hash, wire.AppendRequestHash(nil, t, body))
}

// postSent answers a Send or Hint of another server with one code for all
// recipients but those that are listed.
func (p *Proxy) postSent(to omega.Fingerprint, request wire.Frame, code omega.Code, but ...wire.Result) {
	body := wire.AppendResults(nil, code, but)
	if p.namesRequests(to) {
		body = wire.AppendRequestHash(body, request.Type, request.Body)
	}
	p.postFrame(to, wire.TypeSent, request.Tag, body)
}
