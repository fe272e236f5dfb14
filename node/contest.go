package node

import (
	"context"
	"fmt"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/pgp"
)

// contest takes what a guest brings that devices of an account say of each other, or its
// owner of them.
func (n *Node) contest(ctx context.Context, account omega.Fingerprint, block []byte) error {
	own, fp, err := pgp.Own(block)
	if err == nil && fp != account {
		err = fmt.Errorf("it is of %s", fp)
	}
	if err != nil {
		return omega.Errorf(omega.CodeBadRequest, "contest: %v", err)
	}
	_, err = n.proxy.Update(ctx, account, own)
	return err
}
