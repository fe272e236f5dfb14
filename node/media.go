package node

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/omega-im/omega/media"
	"github.com/omega-im/omega/media/disk"
)

// openMedia opens the store of blobs.
func (n *Node) openMedia() error {
	cfg := disk.Config{
		Dir: filepath.Join(n.cfg.Dir, "media"), FS: n.opt.FS, Quota: int64(n.cfg.Media.Quota), Room: int64(n.cfg.Media.Room),
		Reserve: int64(n.cfg.Media.Reserve), Now: n.opt.Clock, Logger: n.log,
	}
	if n.cfg.Store.Kind == "memory" {
		cfg.FS = vfs.NewMem()
	}
	s, err := disk.Open(cfg)
	if err != nil {
		return err
	}
	n.media = s // a nil *Store is not a nil Store
	return nil
}

// blobsInterval is how often blobs that nobody claims any more are looked for.
const blobsInterval = time.Hour

// expireBlobs drops blobs whose time is over.
func (n *Node) expireBlobs(ctx context.Context) error {
	tick := time.NewTicker(blobsInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if _, err := n.media.Expire(ctx); err != nil && ctx.Err() == nil {
			n.log.Warn("old blobs not dropped", "err", err)
		}
	}
}

// blobWindow is how many octets of a blob are read at once for a visitor, who has
// httpPatience to take them.
const blobWindow = 256 << 10

// serveBlob serves a blob to browsers. (spec/media.md, MEDIA-9)
func (n *Node) serveBlob(w http.ResponseWriter, r *http.Request) {
	name, err := media.ParseHash(r.PathValue("name"))
	if err != nil {
		http.Error(w, "a blob is named by 64 lower-case hexadecimal digits", http.StatusBadRequest)
		return
	}
	b := &blobReader{ctx: r.Context(), store: n.media, name: name, moved: func() {
		// The whole may take longer than httpPatience; each part may not.
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(httpPatience))
	}}
	err = b.fill()
	switch {
	case errors.Is(err, media.ErrNotFound):
		http.Error(w, "this server does not have that blob", http.StatusNotFound)
		return
	case err != nil:
		n.log.ErrorContext(r.Context(), "blob not served", "err", err)
		http.Error(w, "the blob cannot be read now", http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("ETag", `"`+name.String()+`"`)
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "default-src 'none'; sandbox")
	h.Set("Cross-Origin-Resource-Policy", "cross-origin")
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Referrer-Policy", "no-referrer")
	kind := playable(b.part)
	if kind == "" {
		kind = "application/octet-stream"
		h.Set("Content-Disposition", "attachment")
	}
	h.Set("Content-Type", kind)
	http.ServeContent(w, r, "", time.Time{}, b)
}

// playable is the media type of a raster picture, sound or film that begins like
// this, "" for everything else.
func playable(begin []byte) string {
	kind, _, _ := strings.Cut(http.DetectContentType(begin[:min(len(begin), 512)]), ";")
	switch kind {
	case "image/jpeg", "image/png", "image/gif", "image/webp":
		return kind
	case "application/ogg":
		return "audio/ogg"
	}
	if strings.HasPrefix(kind, "audio/") || strings.HasPrefix(kind, "video/") {
		return kind
	}
	return ""
}

// A blobReader reads a blob from a store, window by window.
type blobReader struct {
	ctx   context.Context // of the request
	store media.Store
	name  media.Hash
	moved func() // is called before each window

	size int64
	at   int64  // where the next Read begins
	from int64  // where part begins
	part []byte // of the blob
	buf  []byte
}

// fill reads the window at b.at.
func (b *blobReader) fill() error {
	b.moved()
	if b.buf == nil {
		b.buf = make([]byte, blobWindow)
	}
	got, size, err := b.store.Read(b.ctx, b.name, b.at, b.buf)
	if err != nil {
		return err
	}
	b.size, b.from, b.part = size, b.at, b.buf[:got]
	return nil
}

func (b *blobReader) Read(p []byte) (int, error) {
	if b.at >= b.size {
		return 0, io.EOF
	}
	if b.at < b.from || b.at >= b.from+int64(len(b.part)) {
		if err := b.fill(); err != nil {
			return 0, err
		}
	}
	got := copy(p, b.part[b.at-b.from:])
	b.at += int64(got)
	return got, nil
}

func (b *blobReader) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += b.at
	case io.SeekEnd:
		offset += b.size
	}
	if offset < 0 {
		return 0, fmt.Errorf("seek to %d in blob %s", offset, b.name)
	}
	b.at = offset
	return offset, nil
}
