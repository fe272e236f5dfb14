package client

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/archive"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/history"
	"github.com/omega-im/omega/internal/i18n"
	"github.com/omega-im/omega/pgp"
)

// export writes a chat, or all, in one of the forms. (spec/archive.md, ARCH-7)
func (c *Client) export(ctx context.Context, p clientrpc.ExportParams) (clientrpc.ExportResult, error) {
	out := clientrpc.ExportResult{Dir: p.Dir}
	doing := i18n.T("doing.export", p.Chat)
	if p.Chat == "" {
		doing = i18n.T("doing.exporting")
	}
	chats, err := c.exportedChats(ctx, doing, p.Chat)
	if err != nil {
		return out, err
	}
	work, end := c.works.begin(clientrpc.WorkExport, p.Dir)
	defer end()
	if err := c.countExport(ctx, chats, work); err != nil {
		return out, err
	}
	for i := range chats {
		switch p.Format {
		case "", clientrpc.ExportSigned:
			dir := p.Dir
			if p.Chat == "" {
				dir = filepath.Join(dir, chats[i].ID.String())
			}
			err = c.exportSigned(ctx, p, chats[i].ID, dir, &out, work)
		case clientrpc.ExportHTML, clientrpc.ExportJSON:
			err = c.exportPage(ctx, p, &chats[i], &out, work)
		default:
			return out, fail(clientrpc.CodeUsage, doing, i18n.T("why.format", p.Format), i18n.T("next.help"), nil)
		}
		if err != nil {
			return out, fileError(doing, p.Dir, err)
		}
	}
	return out, nil
}

// countExport says how many messages there are to be exported.
func (c *Client) countExport(ctx context.Context, chats []clientrpc.Chat, work *work) error {
	return c.db.View(ctx, func(tx *history.Tx) error {
		for i := range chats {
			n, err := tx.CountShown(chats[i].ID)
			if err != nil {
				return err
			}
			work.total.Add(n)
		}
		return nil
	})
}

// exportedChats are the one that text means, or all.
func (c *Client) exportedChats(ctx context.Context, doing i18n.Text, text string) ([]clientrpc.Chat, error) {
	var all []clientrpc.Chat
	err := c.db.View(ctx, func(tx *history.Tx) error {
		list, err := tx.Chats()
		if err == nil {
			all, err = c.showChats(tx, list)
		}
		return err
	})
	if err != nil || text == "" {
		return all, err
	}
	id, err := c.chatID(doing, text)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(all, func(ch clientrpc.Chat) bool { return ch.ID == id })
	if i < 0 {
		return nil, noChat(doing, text, history.ErrNotFound)
	}
	return all[i : i+1], nil
}

// exportPage writes one chat as one file, which is there as a whole or not at all.
func (c *Client) exportPage(ctx context.Context, p clientrpc.ExportParams, ch *clientrpc.Chat, out *clientrpc.ExportResult, work *work) error {
	if err := os.MkdirAll(p.Dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(p.Dir, ".new-*") // 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // fails once it was renamed
	defer f.Close()
	page := &archive.Page{Chat: *ch, Exported: c.cfg.now().UTC(), Since: p.Since, Until: p.Until, Zone: time.Local, Lang: i18n.English}
	if p.Chinese {
		page.Lang = i18n.Chinese
	}
	w, err := archive.NewChatWriter(f, p.Format, page)
	if err != nil {
		return err
	}
	err = c.db.View(ctx, func(tx *history.Tx) error {
		return tx.All(ch.ID, func(r *history.Row) error {
			work.done.Add(1)
			if !within(r.Time, p) {
				return nil
			}
			m, err := c.show(tx, r)
			if err != nil {
				return err
			}
			out.Messages++
			return w.Message(&m)
		})
	})
	if err = errors.Join(err, w.Close(), f.Sync(), f.Close()); err != nil {
		return err
	}
	out.Files++
	return os.Rename(f.Name(), filepath.Join(p.Dir, ch.ID.String()+"."+p.Format))
}

// within reports whether a time is in the range of an export.
func within(t time.Time, p clientrpc.ExportParams) bool {
	return !t.Before(p.Since) && (p.Until.IsZero() || t.Before(p.Until))
}

// exportSigned writes a chat as files that plain gpg verifies: per message
// ID.txt, the transcript that was signed, and ID.txt.sig, of a secure chat also
// ID.content, whose hash stands in the transcript, and per sender FPR.asc.
// Others, and what is not verified, are counted and left out.
func (c *Client) exportSigned(ctx context.Context, p clientrpc.ExportParams, id omega.ChatID, dir string, out *clientrpc.ExportResult, work *work) error {
	var rows []history.Row
	err := c.db.View(ctx, func(tx *history.Tx) error {
		return tx.All(id, func(r *history.Row) error {
			if within(r.Time, p) {
				rows = append(rows, *r)
			} else {
				work.done.Add(1)
			}
			return nil
		})
	})
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	keys := map[omega.Fingerprint]*pgp.Certificate{}
	for i := range rows {
		work.done.Add(1)
		if n := unsigned(&rows[i], out); n != nil {
			*n++
			continue
		}
		ok, err := c.exportMessage(ctx, dir, &rows[i], keys)
		switch {
		case err != nil:
			return err
		case ok:
			out.Messages++
		default:
			out.Skipped++
		}
	}
	for fp, cert := range keys {
		if err := os.WriteFile(filepath.Join(dir, fp.String()+".asc"), []byte(cert.Armor()), 0o600); err != nil {
			return err
		}
		out.Keys++
	}
	return nil
}

// unsigned is where a message is counted that nobody signed as it stands; nil of others.
func unsigned(r *history.Row, out *clientrpc.ExportResult) *int {
	switch {
	case r.Service:
		return &out.Service
	case r.Deleted:
		return &out.TakenBack
	case r.Import != 0:
		return &out.Imported
	case r.Own && len(r.Transcript) == 0:
		return &out.Unsent
	}
	return nil
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
	if r.Secure { // its transcript has only the hash of what it says
		raw, err := r.Content.Raw()
		if err != nil {
			return false, err
		}
		if err := os.WriteFile(filepath.Join(dir, r.ID.String()+".content"), raw, 0o600); err != nil {
			return false, err
		}
	}
	if err := os.WriteFile(name, r.Transcript, 0o600); err != nil {
		return false, err
	}
	return true, os.WriteFile(name+".sig", sig, 0o600)
}
