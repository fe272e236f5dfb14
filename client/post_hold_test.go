package client

import (
	"testing"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/wire"
)

// hold keeps all envelopes that come from now on, until what it returns is called, which
// delivers them in their order.
func (p *post) hold(t *testing.T) (release func()) {
	t.Helper()
	var held [][]byte
	p.edit(func() {
		p.pass = func(_ omega.Fingerprint, env []byte) [][]byte {
			held = append(held, env)
			return nil
		}
	})
	return func() {
		p.edit(func() {
			p.pass = nil
			for _, env := range held {
				v, err := wire.ParseEnvelope(env)
				must(t, err)
				p.file(v, env)
			}
		})
		p.deliver(wire.Frame{}, nil)
	}
}
