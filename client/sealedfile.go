package client

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
	"github.com/omega-im/omega/history"
	"github.com/omega-im/omega/media"
)

// keep puts octets into the cache, sealed if that is wanted: then nothing else of
// them is written there. (spec/media.md, MEDIA-14)
func (c *Client) keep(ctx context.Context, r io.Reader, most int64, sealed bool) (media.Ref, *media.Seal, error) {
	if !sealed {
		ref, err := c.keepBlob(ctx, r, most)
		return ref, nil, err
	}
	var key [32]byte
	if _, err := io.ReadFull(c.cfg.rand(), key[:]); err != nil {
		return media.Ref{}, nil, err
	}
	out, in := io.Pipe()
	result := make(chan media.Seal, 1)
	go func() { // ends with the reader, which keepBlob reads to its end or closes below
		s := media.NewSealer(in, key)
		_, err := io.Copy(s, io.LimitReader(r, most+1))
		seal := media.Seal{}
		if err == nil {
			seal, err = s.Finish()
		}
		if err == nil && seal.Size > most {
			err = media.ErrBad
		}
		result <- seal
		in.CloseWithError(err)
	}()
	ref, err := c.keepBlob(ctx, out, media.MaxSize)
	out.Close()
	seal := <-result
	return ref, &seal, err
}

// writeWhole makes a file at path with what fill writes, or none.
func writeWhole(path string, fill func(io.Writer) error) error {
	out, err := os.CreateTemp(filepath.Dir(path), ".omega-*")
	if err != nil {
		return err
	}
	defer os.Remove(out.Name()) // gone once it has its name
	err = fill(out)
	if err = errors.Join(err, out.Close()); err != nil {
		return err
	}
	return os.Rename(out.Name(), path)
}

// queueSealedMedia has a message of a secure chat sealed whose blobs are at the
// servers.
func (c *Client) queueSealedMedia(ctx context.Context, p *history.Pending, content *chat.Content) error {
	raw, err := content.Raw()
	if err != nil {
		return err
	}
	err = c.db.Update(ctx, func(tx *history.Tx) error {
		r, secret, err := c.roomAt(tx, p.Chat, p.To)
		switch {
		case err != nil:
			return err
		case !secret:
			return &omega.Error{Code: omega.CodeRefused, Text: "sealed media in a chat that is no secure one"}
		}
		if err := c.beginSecure(tx, r); err != nil {
			return err
		}
		u := &history.Unsealed{ID: p.ID, To: p.To, Chat: p.Chat, Text: content.Text, Content: raw, Time: p.Time}
		if err := tx.AddUnsealed(u); err != nil {
			return err
		}
		return tx.RemovePending(p.ID)
	})
	c.sealing.notify()
	c.changed.notify()
	return err
}

// tendFiles removes the files of blobs that no message names any more, until ctx ends.
func (c *Client) tendFiles(ctx context.Context) {
	for {
		changed := c.changed.wait()
		if err := c.dropFiles(ctx); err != nil && ctx.Err() == nil {
			c.cfg.log().Error("files of erased messages not removed", "err", err)
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return
		}
	}
}

// maxDropped is how many files one look removes at a time.
const maxDropped = 64

func (c *Client) dropFiles(ctx context.Context) error {
	for {
		var names []media.Hash
		err := c.db.View(ctx, func(tx *history.Tx) (err error) {
			names, err = tx.Dropped(maxDropped)
			return err
		})
		if err != nil || len(names) == 0 {
			return err
		}
		for _, name := range names {
			if err := c.dropFile(ctx, name); err != nil {
				return err
			}
		}
	}
}

// dropFile removes the file of a blob, unless somebody came to need it meanwhile.
func (c *Client) dropFile(ctx context.Context, name media.Hash) error {
	return c.db.Update(ctx, func(tx *history.Tx) error {
		is, err := tx.IsDropped(name)
		if err != nil || !is {
			return err
		}
		if err := tx.ForgetDropped(name); err != nil {
			return err
		}
		needed, err := neededBlobs(tx)
		if err != nil || needed[name] {
			return err
		}
		if err := c.removeBlob(name); err != nil {
			return err
		}
		return tx.RemoveCached(name)
	})
}
