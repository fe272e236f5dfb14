package client

import (
	"context"

	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/wire"
)

// listed answers clientrpc.Listed: whether anyone may know which proxy the
// account is on is a flag of its location record, which its owner signs.
// (spec/directory.md, DIR-8)
func (c *Client) listed(ctx context.Context, p clientrpc.ListedParams) (*clientrpc.ListedResult, error) {
	err := c.persist(ctx, func(s *session) error {
		if p.Listed == nil {
			return nil
		}
		return c.publish(ctx, s, c.certificate(), func(rec *wire.Record) {
			rec.Flags &^= wire.RecordShowProxy
			if *p.Listed {
				rec.Flags |= wire.RecordShowProxy
			}
		})
	})
	if err != nil {
		return nil, err
	}
	return &clientrpc.ListedResult{Listed: c.isListed()}, nil
}

func (c *Client) isListed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.record != nil && c.record.Flags&wire.RecordShowProxy != 0
}
