package keyserver

import (
	"context"

	"github.com/omega-im/omega"
)

// Residents counts the accounts that have server as their first home: so that of all
// servers together each account is counted once (spec/directory.md, DIR-7). It reads every entry
// of the store, past what is kept in memory for others: seconds for a million.
func (s *Server) Residents(ctx context.Context, server omega.Fingerprint) (n int, err error) {
	for bucket := range Buckets {
		var accounts []omega.Fingerprint
		err := s.cfg.Store.Range(ctx, uint8(bucket), func(sum Summary) error {
			if sum.Sequence > 0 { // it has a location record
				accounts = append(accounts, sum.Fingerprint)
			}
			return ctx.Err()
		})
		if err != nil {
			return n, err
		}
		for _, fp := range accounts {
			item, err := s.cfg.Store.Get(ctx, fp)
			if err != nil {
				continue // it went meanwhile
			}
			if homes, err := homesOf(item); err == nil && len(homes) > 0 && homes[0] == server {
				n++
			}
		}
	}
	return n, ctx.Err()
}
