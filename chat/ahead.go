package chat

import (
	"bytes"
	"context"

	"github.com/omega-im/omega/pgp"
)

// Checked remembers that one signature is good: the answer of pgp.VerifyCompact,
// which depends on nothing else. Its zero value and nil remember nothing. It says
// nothing of devices, places and readers: Open judges those in their turn.
type Checked struct {
	key        *pgp.PublicKey
	transcript []byte
	signature  pgp.Compact
}

// holds reports whether the signature of m by k is the one that was good.
func (c *Checked) holds(k *pgp.PublicKey, m *Message) bool {
	return c != nil && c.key != nil && c.signature == m.Signature && c.key.Equal(k) && bytes.Equal(c.transcript, m.Transcript)
}

// CheckAhead does for one arrival what takes most of the time of Open, before it
// is its turn and beside other arrivals: it opens a message under the keys that
// keys returns and checks its signature. It is safe for concurrent use with Open if
// keys are those of the caller's own. Nil means that there is nothing to remember,
// for whatever reason; Open finds that out again.
func (r *Receiver) CheckAhead(ctx context.Context, keys func(Locator) []*Key, a *Arrival) *Checked {
	p, err := ParsePayload(a.Payload)
	if err != nil || p.Kind != PayloadMessage {
		return nil
	}
	for _, k := range keys(p.Locator) {
		d, err := k.derive()
		if err != nil {
			return nil
		}
		plaintext, err := unseal(d, k.seat(p.Sequence), a.ID, p.Body)
		if err != nil {
			continue
		}
		c, err := readMessage(k, a, p.Sequence, plaintext)
		if err != nil {
			return nil
		}
		m := c.message
		s, err := r.signer(ctx, m.From, m.Device, a)
		if err != nil || s.key == nil || pgp.VerifyCompact(s.key, m.Transcript, m.SignatureTime(), m.Signature) != nil {
			return nil
		}
		return &Checked{s.key, m.Transcript, m.Signature}
	}
	return nil
}
