package node

import (
	"context"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/keyserver/fallback"
	"github.com/omega-im/omega/wire"
)

// newFallback returns how this server asks public key servers, nil if it asks
// none.
func (n *Node) newFallback() (func(ctx context.Context, account, fp omega.Fingerprint) (*wire.PublicKey, error), error) {
	servers := n.cfg.Fallback.Servers
	if len(servers) == 0 {
		return nil, nil
	}
	f, err := fallback.New(fallback.Config{Servers: servers, Now: n.opt.Clock, Logger: n.log})
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, account, fp omega.Fingerprint) (*wire.PublicKey, error) {
		host, key, err := f.Find(ctx, account, fp)
		if err != nil {
			return nil, err
		}
		return &wire.PublicKey{Host: host, Key: key.Bytes}, nil
	}, nil
}
