package client

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/history"
	"github.com/omega-im/omega/internal/i18n"
	"github.com/omega-im/omega/pgp"
)

// export writes a chat as files that plain gpg verifies: per message ID.txt,
// the transcript that was signed, and ID.txt.sig, and per sender FPR.asc.
// Messages that are not verified are counted and left out.
func (c *Client) export(ctx context.Context, p clientrpc.ExportParams) (clientrpc.ExportResult, error) {
	out := clientrpc.ExportResult{Dir: p.Dir}
	id, err := c.chatID(p.Chat)
	if err != nil {
		return out, err
	}
	if err := os.MkdirAll(p.Dir, 0o700); err != nil {
		return out, ioError(p, err)
	}
	var rows []history.Row
	err = c.db.View(ctx, func(tx *history.Tx) error {
		if _, err := tx.Chat(id); err != nil {
			return err
		}
		return tx.All(id, func(r *history.Row) error {
			rows = append(rows, *r)
			return nil
		})
	})
	if err != nil {
		return out, noChat(p.Chat, err)
	}
	keys := map[omega.Fingerprint]*pgp.Certificate{}
	for i := range rows {
		ok, err := c.exportMessage(ctx, p.Dir, &rows[i], keys)
		switch {
		case err != nil:
			return out, ioError(p, err)
		case ok:
			out.Messages++
		default:
			out.Skipped++
		}
	}
	for fp, cert := range keys {
		if err := os.WriteFile(filepath.Join(p.Dir, fp.String()+".asc"), []byte(cert.Armor()), 0o600); err != nil {
			return out, ioError(p, err)
		}
		out.Keys++
	}
	return out, nil
}

func ioError(p clientrpc.ExportParams, err error) error {
	return fail(clientrpc.CodeInternal, i18n.T("doing.export", p.Chat), i18n.T("why.io", p.Dir), i18n.T("next.retry"), err)
}

// exportMessage writes one message, if it is verified and its device's key is
// at hand.
func (c *Client) exportMessage(ctx context.Context, dir string, r *history.Row, keys map[omega.Fingerprint]*pgp.Certificate) (bool, error) {
	if !r.Verified || len(r.Transcript) == 0 {
		return false, nil
	}
	cert := keys[r.From]
	if cert == nil {
		var err error
		if cert, err = c.knownPeer(ctx, r.From); err != nil {
			return false, err
		}
		keys[r.From] = cert
	}
	device, ok := cert.Device(r.Device)
	if !ok {
		return false, nil
	}
	sig := pgp.DetachedSignature(device.Signing, r.Transcript, r.SignatureTime(), r.Signature)
	if sig == nil {
		return false, fmt.Errorf("signature of %s", r.ID)
	}
	name := filepath.Join(dir, r.ID.String()+".txt")
	if err := os.WriteFile(name, r.Transcript, 0o600); err != nil {
		return false, err
	}
	return true, os.WriteFile(name+".sig", sig, 0o600)
}
