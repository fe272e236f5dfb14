package web

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/clientrpc"
)

// shown are the types that a page may show itself; of anything else a browser would
// make more than a picture, a film or a sound.
var shown = map[string]bool{
	"image/jpeg": true, "image/png": true, "image/gif": true, "image/webp": true, "image/avif": true, "image/apng": true,
	"video/mp4": true, "video/webm": true, "video/quicktime": true,
	"audio/ogg": true, "audio/mpeg": true, "audio/mp4": true, "audio/webm": true, "audio/wav": true, "audio/aac": true, "audio/flac": true,
}

// mediaTimeout is how long a page waits for a part of a file of others.
const mediaTimeout = 2 * time.Minute

// media gives a file of a message by ranges. Each part is fetched when it is asked
// for and checked by the core, so that a film plays before it is whole.
func (s *Server) media(w http.ResponseWriter, r *http.Request) {
	var id omega.ID
	item, err := strconv.Atoi(r.PathValue("item"))
	if err != nil || json.Unmarshal([]byte(`"`+r.PathValue("message")+`"`), &id) != nil {
		http.NotFound(w, r)
		return
	}
	m, err := clientrpc.Show.Call(r.Context(), s.cfg.Core, clientrpc.MessageRef{Message: id})
	if err != nil || item < 0 || item >= len(m.Media) {
		http.NotFound(w, r)
		return
	}
	q := r.URL.Query()
	ref := clientrpc.FileRef{ID: id, Item: item, Thumb: q.Has("thumb")}
	kind, name := m.Media[item].Type, m.Media[item].Name
	if ref.Thumb {
		kind, name = "image/jpeg", ""
	}
	if !m.Media[item].Sealed { // nothing else keeps what is in a sealed one
		w.Header().Set("Cache-Control", "private, max-age=31536000, immutable")
	}
	serveParts(w, r, kind, name, q.Has("save"), func(ctx context.Context, at int64) (clientrpc.ReadFileResult, error) {
		got, err := clientrpc.ReadFile.Call(ctx, s.cfg.Core, clientrpc.ReadFileParams{FileRef: ref, Offset: at, Length: clientrpc.MaxRead, Timeout: mediaTimeout})
		return valueOf(got), err
	})
}

// sticker gives a sticker of a pack of the person's own.
func (s *Server) sticker(w http.ResponseWriter, r *http.Request) {
	number, err := strconv.Atoi(r.PathValue("number"))
	if err != nil {
		http.NotFound(w, r)
		return
	}
	ref := clientrpc.PackRef{Pack: r.PathValue("pack")}
	pack, err := clientrpc.ShowStickers.Call(r.Context(), s.cfg.Core, ref)
	if err != nil || number < 1 || number > len(pack.Stickers) {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Cache-Control", "private, max-age=31536000, immutable")
	serveParts(w, r, pack.Stickers[number-1].Type, "", false, func(ctx context.Context, at int64) (clientrpc.ReadFileResult, error) {
		got, err := clientrpc.ReadSticker.Call(ctx, s.cfg.Core, clientrpc.ReadStickerParams{PackRef: ref, Number: number, Offset: at, Length: clientrpc.MaxRead, Timeout: mediaTimeout})
		return valueOf(got), err
	})
}

func valueOf(r *clientrpc.ReadFileResult) (out clientrpc.ReadFileResult) {
	if r != nil {
		out = *r
	}
	return out
}

// serveParts gives a file that is read part by part. Only what a page may show itself
// is given as what it is.
func serveParts(w http.ResponseWriter, r *http.Request, kind, name string, save bool, read readPart) {
	p := &parts{ctx: r.Context(), read: read}
	h := w.Header()
	if err := p.fetch(0); err != nil {
		h.Set("Cache-Control", "no-store")
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	h.Set("Content-Security-Policy", "default-src 'none'; sandbox")
	if !shown[kind] || save {
		attach(h, fileName(name))
		kind = "application/octet-stream"
	}
	h.Set("Content-Type", kind)
	http.ServeContent(w, r, "", time.Time{}, p)
}

// A readPart reads at most MaxRead octets of a file from one on.
type readPart func(ctx context.Context, at int64) (clientrpc.ReadFileResult, error)

// parts reads a file of a message part by part from the core.
type parts struct {
	ctx  context.Context // of the request
	read readPart
	at   int64

	part []byte // the last one that was read
	from int64  // where it begins
	size int64  // of the file, from the first part on
}

// fetch reads the part that begins at an octet.
func (p *parts) fetch(at int64) error {
	r, err := p.read(p.ctx, at)
	if err == nil {
		p.part, p.from, p.size = r.Data, at, r.Size
	}
	return err
}

// Read is io.Reader.
func (p *parts) Read(b []byte) (int, error) {
	if p.at >= p.size {
		return 0, io.EOF
	}
	if p.at < p.from || p.at >= p.from+int64(len(p.part)) {
		if err := p.fetch(p.at); err != nil {
			return 0, err
		}
		if len(p.part) == 0 {
			return 0, io.ErrUnexpectedEOF
		}
	}
	n := copy(b, p.part[p.at-p.from:])
	p.at += int64(n)
	return n, nil
}

// Seek is io.Seeker.
func (p *parts) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += p.at
	case io.SeekEnd:
		offset += p.size
	}
	if offset < 0 || offset > p.size {
		return 0, fmt.Errorf("octet %d of %d", offset, p.size)
	}
	p.at = offset
	return offset, nil
}
