package proxy

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/keyserver"
	"github.com/omega-im/omega/wire"
)

// holdNonce is the length of what makes every TypeHold new, in octets: an
// answer of long ago is none.
const holdNonce = 16

// HandOff looks through one leaf of the key server for what others own, sends it
// to those owners that lack it, takes over what they know more of, and forgets
// what all owners have said to hold and is of no use here. Nothing is forgotten on the word of fewer,
// or of a server that does not own it as far as it knows itself: so two whose
// views differ never leave it to each other. It returns how many entries were
// forgotten. (spec/keys.md, KEYS-8)
func (p *Proxy) HandOff(ctx context.Context, l keyserver.Leaf) (dropped int, err error) {
	surplus, err := p.cfg.Keys.Review(ctx, l)
	if err != nil || len(surplus.Entries) == 0 || len(surplus.Owners) == 0 {
		return 0, err
	}
	list := surplus.Entries[:min(len(surplus.Entries), keyserver.MaxSummaries)]
	held := make([]int, len(list))
	for _, owner := range surplus.Owners {
		if !p.places(owner) {
			return 0, nil // it cannot say
		}
		holds, err := p.handTo(ctx, owner, list)
		if err != nil {
			return 0, fmt.Errorf("hand leaf %d to %s: %w", l, owner, err)
		}
		for i, h := range holds {
			if h == keyserver.Holds {
				held[i]++
			}
		}
	}
	for i, sum := range list {
		if held[i] < len(surplus.Owners) {
			continue
		}
		ok, err := p.cfg.Keys.Drop(ctx, surplus, sum)
		if err != nil {
			return dropped, err
		}
		if ok {
			dropped++
		}
	}
	return dropped, nil
}

// handTo sends an owner what it lacks of the list and returns what it then says
// to hold.
func (p *Proxy) handTo(ctx context.Context, owner omega.Fingerprint, list []keyserver.Summary) ([]keyserver.Holding, error) {
	holds, err := p.askHolding(ctx, owner, list)
	if err != nil {
		return nil, err
	}
	sent := false
	for i, h := range holds {
		if h != keyserver.Lacks {
			continue
		}
		body, err := p.cfg.Keys.Placed(ctx, list[i].Fingerprint)
		if err != nil {
			continue // it went meanwhile
		}
		if _, err := p.callFor(ctx, owner, wire.TypePlace, body, wire.TypeDone); err != nil {
			return nil, err
		}
		sent = true
	}
	if !sent {
		return holds, nil
	}
	if holds, err = p.askHolding(ctx, owner, list); err != nil {
		return nil, err
	}
	for i, h := range holds {
		if h == keyserver.Lacks {
			p.fetch(ctx, owner, list[i].Fingerprint) // it knows more; next time both hold the same
		}
	}
	return holds, nil
}

// askHolding asks an owner what it holds of the list.
func (p *Proxy) askHolding(ctx context.Context, owner omega.Fingerprint, list []keyserver.Summary) ([]keyserver.Holding, error) {
	var nonce [holdNonce]byte
	_, _ = rand.Read(nonce[:]) // never fails
	body := keyserver.AppendHold(nonce[:], list)
	f, err := p.callFor(ctx, owner, wire.TypeHold, body, wire.TypeHeld)
	if err != nil {
		return nil, err
	}
	held, ok := bytes.CutSuffix(f.Body, wire.AppendRequestHash(nil, wire.TypeHold, body))
	if !ok {
		return nil, errUnexpected
	}
	return keyserver.DecodeHeld(held, len(list))
}

// receiveHold says what this server holds as an owner.
func (p *Proxy) receiveHold(ctx context.Context, from omega.Fingerprint, f wire.Frame) {
	if len(f.Body) < holdNonce {
		p.stats.peerBad.Add(1)
		return
	}
	held, err := p.cfg.Keys.Holding(ctx, f.Body[holdNonce:])
	switch {
	case errors.Is(err, wire.ErrMalformed):
		p.stats.peerBad.Add(1)
	case err != nil:
		p.log.ErrorContext(ctx, "entries not found for their owners", "err", err)
	default:
		p.postFrame(from, wire.TypeHeld, f.Tag, wire.AppendRequestHash(held, wire.TypeHold, f.Body))
	}
}

// InUse reports that a device of an account has a session here, or mail under
// way to it, or that mail waits here: its entry is wanted, whoever owns it. Without
// it the devices could not read the mail, and the news that the account was deleted
// would be nothing that this server takes. (keyserver.Config.InUse)
func (p *Proxy) InUse(e *keyserver.Entry) bool {
	if waits, err := p.cfg.Mail.Last(context.Background(), e.Fingerprint()); err != nil || waits > 0 {
		return true
	}
	for _, d := range e.Certificate.Devices() {
		if fp := d.Signing.Fingerprint(); p.sessions.get(fp) != nil || p.home.leases.get(fp) != nil {
			return true
		}
	}
	return false
}
