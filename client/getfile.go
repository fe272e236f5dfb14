package client

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/history"
	"github.com/omega-im/omega/internal/i18n"
	"github.com/omega-im/omega/media"
)

// A wanted is a blob of a message that somebody wants to have.
type wanted struct {
	content  *chat.Content
	row      *history.Row // nil while the message waits for its blobs
	item     *chat.MediaItem
	ref      media.Ref
	seal     *media.Seal // nil: it is not sealed
	from     omega.Fingerprint
	stranger bool // its sender is no contact
}

// size is how many octets there are for the reader.
func (w *wanted) size() int64 {
	if w.seal != nil {
		return w.seal.Size
	}
	return w.ref.Size
}

// wantBlob finds an item of a message, or the picture that stands for it.
func (c *Client) wantBlob(ctx context.Context, doing i18n.Text, r clientrpc.FileRef) (*wanted, error) {
	content, row, err := c.mediaOf(ctx, doing, r.ID)
	if err != nil {
		return nil, err
	}
	if r.Item < 0 || r.Item >= len(content.Media) || r.Thumb && content.Media[r.Item].Thumb.Size == 0 {
		return nil, fail(clientrpc.CodeNotFound, doing, i18n.T("why.noitem", r.ID, len(content.Media)), i18n.T("next.nofile"), nil)
	}
	w := &wanted{content: content, row: row, item: &content.Media[r.Item], from: c.acc.Fingerprint}
	w.ref, w.seal = w.item.Ref, w.item.Seal
	if r.Thumb {
		w.ref, w.seal = w.item.Thumb, w.item.ThumbSeal
	}
	if row == nil {
		return w, nil
	}
	w.from = row.From
	err = c.db.View(ctx, func(tx *history.Tx) error {
		sender, err := tx.Relation(row.From)
		w.stranger = err == nil && c.inert(row, sender)
		return err
	})
	return w, err
}

// harmful is why a stranger's file is not given out. (spec/chat.md, CHAT-47)
func harmful(doing i18n.Text, w *wanted) error {
	return fail(clientrpc.CodeRefused, doing, i18n.T("why.program", w.item.FileName), i18n.T("next.program"), nil)
}

// getFile brings a file of a message here, checked.
func (c *Client) getFile(ctx context.Context, p clientrpc.GetFileParams) (*clientrpc.GetFileResult, error) {
	doing := i18n.T("doing.getfile", p.ID)
	w, err := c.wantBlob(ctx, doing, p.FileRef)
	if err != nil {
		return nil, err
	}
	if err := checkPlace(doing, p.Path); err != nil {
		return nil, err
	}
	careful := w.stranger && !p.Anyway && !p.Thumb
	if careful && w.item.Program() {
		return nil, harmful(doing, w)
	}
	if p.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, p.Timeout)
		defer cancel()
	}
	path, err := c.fetchBlob(ctx, w.ref, c.whoHas(ctx, w.item, w.from))
	if err != nil {
		return nil, getFileError(doing, err)
	}
	if careful {
		begin, err := w.begin(path)
		if err != nil {
			return nil, getFileError(doing, err)
		}
		if chat.BeginsLikeProgram(begin) {
			return nil, harmful(doing, w)
		}
	}
	out := &clientrpc.GetFileResult{Medium: mediaInfo(w.content)[p.Item], Path: path}
	out.Verified = !w.content.Unsigned && w.row != nil && w.row.Verified
	if w.seal != nil || p.Path != "" {
		out.Path = p.Path // what is sealed stays so in the cache
	}
	if p.Path == "" {
		return out, nil
	}
	if err = w.putAt(p.Path, path); errors.Is(err, media.ErrWrong) || errors.Is(err, media.ErrBad) {
		return nil, getFileError(doing, err)
	}
	if err != nil {
		return nil, fileError(doing, p.Path, err)
	}
	return out, nil
}

// checkPlace says before anything is fetched that a file cannot be put at path, because
// its directory is missing. An empty path is the cache.
func checkPlace(doing i18n.Text, path string) error {
	if path == "" {
		return nil
	}
	dir := filepath.Dir(path)
	_, err := os.Stat(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return fail(clientrpc.CodeNotFound, doing, i18n.T("why.nodir", dir), i18n.T("next.nodir", dir), nil)
	}
	return nil // whatever else is wrong with it, writing says
}

// begin are the first octets of what the blob at path holds.
func (w *wanted) begin(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b := make([]byte, min(512, w.size()))
	if w.seal == nil {
		_, err := io.ReadFull(f, b)
		return b, err
	}
	o, err := media.NewOpener(w.ref, *w.seal)
	if err != nil {
		return nil, err
	}
	n, err := o.ReadAt(f, b, 0)
	return b[:n], err
}

// putAt makes a file at path of what the blob in another file holds, whole and
// checked or not at all.
func (w *wanted) putAt(path, from string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	if w.seal == nil {
		return writeWhole(path, func(out io.Writer) error {
			_, err := io.Copy(out, in)
			return err
		})
	}
	o, err := media.NewOpener(w.ref, *w.seal)
	if err != nil {
		return err
	}
	return writeWhole(path, func(out io.Writer) error { return o.Copy(out, in) })
}
