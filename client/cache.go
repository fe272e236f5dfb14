package client

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/omega-im/omega/chat"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/history"
	"github.com/omega-im/omega/media"
)

// dirMedia is where blobs are kept in the home directory: what is to be sent,
// and what was fetched. A file under a blob's name has passed the check of that name.
const dirMedia = "media"

// DefaultMediaCache is how many octets of blobs a home keeps beside those that
// have to be sent yet.
const DefaultMediaCache = 1 << 30

func (c *Client) blobPath(name media.Hash) string {
	return filepath.Join(c.cfg.Home, dirMedia, name.String())
}

// hasBlob reports whether a blob is in the cache.
func (c *Client) hasBlob(ref media.Ref) bool {
	info, err := os.Stat(c.blobPath(ref.Name))
	return err == nil && info.Size() == ref.Size
}

// keepBlob puts octets into the cache, on stable storage, and returns how a message
// names them. More than most octets, or none, are an error that wraps media.ErrBad.
func (c *Client) keepBlob(ctx context.Context, r io.Reader, most int64) (media.Ref, error) {
	dir := filepath.Join(c.cfg.Home, dirMedia)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return media.Ref{}, err
	}
	f, err := os.CreateTemp(dir, "new-*")
	if err != nil {
		return media.Ref{}, err
	}
	defer os.Remove(f.Name()) // gone once it has its name
	defer f.Close()
	h := media.NewHasher()
	w := bufio.NewWriterSize(io.MultiWriter(f, h), media.ChunkSize)
	n, err := io.Copy(w, io.LimitReader(contextReader{ctx, r}, most+1))
	if err == nil {
		err = w.Flush()
	}
	if err == nil && (n == 0 || n > most) {
		err = fmt.Errorf("%w: %d octets or more", media.ErrBad, n)
	}
	if err == nil {
		err = f.Sync()
	}
	if err != nil {
		return media.Ref{}, err
	}
	ref, _ := h.Sum()
	if err := os.Rename(f.Name(), c.blobPath(ref.Name)); err != nil {
		return ref, err
	}
	return ref, c.noteBlob(ctx, ref)
}

// A contextReader ends with its context.
type contextReader struct {
	ctx context.Context // of the call that reads
	r   io.Reader
}

func (r contextReader) Read(b []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.Read(b)
}

// noteBlob notes that a blob of the cache is wanted now, and drops others that
// nobody wanted for longest where they are too many.
func (c *Client) noteBlob(ctx context.Context, ref media.Ref) error {
	most := c.cfg.MediaCache
	if most == 0 {
		most = DefaultMediaCache
	}
	var drop []media.Hash
	err := c.db.Update(ctx, func(tx *history.Tx) error {
		drop = drop[:0]
		if err := tx.PutCached(ref.Name, ref.Size, c.cfg.now()); err != nil {
			return err
		}
		total, err := tx.CachedTotal()
		if err != nil || total <= most {
			return err
		}
		needed, err := neededBlobs(tx)
		if err != nil {
			return err
		}
		oldest, err := tx.OldestCached(1000)
		for _, o := range oldest {
			if err != nil || total <= most {
				return err
			}
			if needed[o.Name] || o.Name == ref.Name {
				continue
			}
			total -= o.Size
			drop = append(drop, o.Name)
			err = tx.RemoveCached(o.Name)
		}
		return err
	})
	for _, name := range drop {
		err = errors.Join(err, c.removeBlob(name))
	}
	return err
}

// removeBlob removes what there is of a blob.
func (c *Client) removeBlob(name media.Hash) (err error) {
	for _, path := range []string{c.blobPath(name), c.blobPath(name) + ".part"} {
		if removeErr := os.Remove(path); removeErr != nil && !errors.Is(removeErr, os.ErrNotExist) {
			err = errors.Join(err, removeErr)
		}
	}
	return err
}

// neededBlobs are those that have to be uploaded yet, or fetched by another device, and
// those of messages that are not sealed yet: no message names them.
func neededBlobs(tx *history.Tx) (map[media.Hash]bool, error) {
	list, err := tx.Pending()
	if err != nil {
		return nil, err
	}
	out := map[media.Hash]bool{}
	handed, err := tx.Handovers()
	if err != nil {
		return nil, err
	}
	for _, h := range handed {
		if h.Gives && h.Ref.Size > 0 && (h.State == history.HandoverAsked || h.State == history.HandoverOffered) {
			out[h.Ref.Name] = true
		}
	}
	contents, err := tx.UnsealedContents()
	if err != nil {
		return nil, err
	}
	for _, p := range list {
		contents = append(contents, p.Content)
	}
	for _, b := range contents {
		content, err := chat.DecodeContent(b)
		if err != nil {
			return nil, err
		}
		for _, ref := range blobsOf(content.Media) {
			out[ref.Name] = true
		}
	}
	return out, nil
}

// blobsOf are the blobs of items, those that stand for others first.
func blobsOf(items []chat.MediaItem) (out []media.Ref) {
	for i := range items {
		if items[i].Thumb.Size > 0 {
			out = append(out, items[i].Thumb)
		}
		out = append(out, items[i].Ref)
	}
	return out
}

// A transfer is how far a blob is.
type transfer struct {
	done, total int64
	at          time.Time // of the last step
	told        time.Time // when faces were told last
}

// tellEvery is how often faces are told how far a blob is. (clientrpc.TransferEvent)
const tellEvery = time.Second / 4

// progress is told how far a blob is.
func (c *Client) progress(name media.Hash, done, total int64) {
	now := c.cfg.now()
	c.mu.Lock()
	t := transfer{done, total, now, c.transfers[name].told}
	tell := done >= total || now.Sub(t.told) >= tellEvery
	if tell {
		t.told = now
	}
	if done >= total {
		delete(c.transfers, name)
	} else {
		c.transfers[name] = t
	}
	c.mu.Unlock()
	c.moved.notify()
	if tell {
		c.events.add(happening{clientrpc.Transferred.Name, clientrpc.TransferEvent{Blob: name.String(), Done: done, Total: total}})
	}
}

func (c *Client) transferOf(name media.Hash) (transfer, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	t, ok := c.transfers[name]
	return t, ok
}

// partProgress is told how far a part of a blob is that somebody reads.
func (c *Client) partProgress(name media.Hash, offset int64, done, total int) {
	now := c.cfg.now()
	c.mu.Lock()
	tell := now.Sub(c.partTold).Abs() >= tellEvery
	if tell {
		c.partTold = now
	}
	c.mu.Unlock()
	if tell {
		e := clientrpc.PartEvent{Blob: name.String(), Offset: offset, Done: int64(done), Total: int64(total)}
		c.events.add(happening{clientrpc.PartTransferred.Name, e})
	}
}
