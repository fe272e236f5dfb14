package proxy

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/keyserver"
	"github.com/omega-im/omega/wire"
)

// holdNonce is the length of what makes every TypeHold new, in octets: an
// answer of long ago is none.
const holdNonce = 16

// HandOff hands what others own of one leaf of the key server to them, and returns how
// many entries were forgotten here. (keyserver.Server.HandOff)
func (p *Proxy) HandOff(ctx context.Context, l keyserver.Leaf) (dropped int, err error) {
	return p.cfg.Keys.HandOff(ctx, l, owners{p})
}

// owners are keyserver.Owners at other servers.
type owners struct{ p *Proxy }

func (o owners) Hold(ctx context.Context, owner omega.Fingerprint, list []keyserver.Summary) ([]keyserver.Holding, error) {
	if !o.p.places(owner) {
		return nil, nil
	}
	var nonce [holdNonce]byte
	_, _ = rand.Read(nonce[:]) // never fails
	body := keyserver.AppendHold(nonce[:], list)
	f, err := o.p.callFor(ctx, owner, wire.TypeHold, body, wire.TypeHeld)
	if err != nil {
		return nil, err
	}
	held, ok := bytes.CutSuffix(f.Body, wire.AppendRequestHash(nil, wire.TypeHold, body))
	if !ok {
		return nil, errUnexpected
	}
	return keyserver.DecodeHeld(held, len(list))
}

func (o owners) Give(ctx context.Context, owner omega.Fingerprint, placed []byte) error {
	_, err := o.p.callFor(ctx, owner, wire.TypePlace, placed, wire.TypeDone)
	return err
}

func (o owners) Fetch(ctx context.Context, owner, fp omega.Fingerprint) { o.p.fetch(ctx, owner, fp) }

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
