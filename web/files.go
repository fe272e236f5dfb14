package web

import (
	"archive/zip"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"mime"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/internal/i18n"
)

// Bounds of what waits in the directory.
const (
	maxUploads = 256
	maxUpload  = 4 << 30       // octets of one file, which is the most that media may have
	keepUpload = 6 * time.Hour // a page that was left sends nothing
)

// files are on their way between pages and the core, each under a name by chance.
// Pages know these names and never a path.
type files struct {
	dir string
	now func() time.Time

	mu  sync.Mutex
	all map[string]time.Time // by name, since when; guarded by mu
}

func newFiles(dir string, now func() time.Time) (*files, error) {
	f := &files{dir: dir, now: now, all: map[string]time.Time{}}
	if err := f.clear(); err != nil {
		return nil, err
	}
	return f, os.MkdirAll(dir, 0o700)
}

// clear takes everything away.
func (f *files) clear() error { return os.RemoveAll(f.dir) }

// place makes a directory for one file, and forgets those that were left.
func (f *files) place() (name string, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for n, since := range f.all {
		if f.now().Sub(since) > keepUpload {
			delete(f.all, n)
			os.RemoveAll(filepath.Join(f.dir, n))
		}
	}
	if len(f.all) >= maxUploads {
		return "", errors.New("too many files wait to be sent")
	}
	name = hex.EncodeToString(random(16))
	f.all[name] = f.now()
	return name, os.MkdirAll(filepath.Join(f.dir, name), 0o700)
}

// drop forgets one.
func (f *files) drop(name string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, ok := f.all[name]; ok {
		delete(f.all, name)
		os.RemoveAll(filepath.Join(f.dir, name))
	}
}

// path is where the one file or directory of a name is.
func (f *files) path(name string) (string, bool) {
	f.mu.Lock()
	_, ok := f.all[name]
	f.mu.Unlock()
	if !ok {
		return "", false
	}
	dir := filepath.Join(f.dir, name)
	inside, err := os.ReadDir(dir)
	if err != nil || len(inside) != 1 {
		return "", false
	}
	return filepath.Join(dir, inside[0].Name()), true
}

// upload takes a file of a page: the body is the file, the query has its name.
func (s *Server) upload(w http.ResponseWriter, r *http.Request) {
	name, err := s.files.place()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInsufficientStorage)
		return
	}
	path := filepath.Join(s.files.dir, name, fileName(r.URL.Query().Get("name")))
	if err := write(path, http.MaxBytesReader(w, r.Body, maxUpload)); err != nil {
		s.files.drop(name)
		http.Error(w, "the file did not arrive: "+err.Error(), http.StatusBadRequest)
		return
	}
	json.NewEncoder(w).Encode(map[string]string{"upload": name})
}

func write(path string, r io.Reader) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, r)
	return errors.Join(err, f.Close())
}

// fileName is what of a name may be one here.
func fileName(name string) string {
	name = filepath.Base(strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || strings.ContainsRune(`/\`, r) {
			return '_'
		}
		return r
	}, name))
	for len(name) > 200 {
		name = name[len(name)-200:]
		name = strings.ToValidUTF8(name, "")
	}
	if name == "" || name == "." || name == ".." {
		return "file"
	}
	return name
}

// Which parameters of which methods are files: ins come from uploads, outs are made
// here and downloaded.
var (
	ins  = map[string]string{"file.send": "paths", "import": "path", "stickers.import": "paths", "setup.restore": "path", "backup.verify": "path"}
	outs = map[string]struct{ param, name string }{"backup": {"path", "omega-backup.pgp"}, "export": {"dir", "omega-export"}}
)

// translate puts paths of this machine in the place of names of files. done, if there
// is one, puts names in the place of paths that the core answers with.
func (f *files) translate(q *request) (done func(json.RawMessage) (json.RawMessage, error), err error) {
	in, isIn := ins[q.Method]
	out, isOut := outs[q.Method]
	isGet := q.Method == clientrpc.GetFile.Name
	if !isIn && !isOut && !isGet {
		return nil, nil
	}
	params := map[string]json.RawMessage{}
	if err := json.Unmarshal(q.Params, &params); err != nil {
		return nil, badFile(q.Method, err)
	}
	switch {
	case isGet: // pages read media by HTTP
		delete(params, "path")
		done = hidePath
	case isIn:
		params[in], err = f.uploaded(params[in])
	case isOut:
		var name string
		if name, err = f.place(); err == nil {
			params[out.param], err = json.Marshal(filepath.Join(f.dir, name, out.name))
			done = func(json.RawMessage) (json.RawMessage, error) {
				return json.Marshal(map[string]string{"download": name})
			}
		}
	}
	if err != nil {
		return nil, badFile(q.Method, err)
	}
	q.Params, err = json.Marshal(params)
	return done, err
}

func badFile(method string, err error) error {
	return &clientrpc.Error{
		Code: clientrpc.CodeUsage, Doing: i18n.T("doing.call", method), Why: i18n.T("why.upload"), Next: i18n.T("next.upload"), Cause: err.Error(),
	}
}

// uploaded turns a name, or a list of names, into paths.
func (f *files) uploaded(names json.RawMessage) (json.RawMessage, error) {
	var one string
	if json.Unmarshal(names, &one) == nil {
		path, ok := f.path(one)
		if !ok {
			return nil, fs.ErrNotExist
		}
		return json.Marshal(path)
	}
	var many []string
	if err := json.Unmarshal(names, &many); err != nil {
		return nil, err
	}
	for i, name := range many {
		path, ok := f.path(name)
		if !ok {
			return nil, fs.ErrNotExist
		}
		many[i] = path
	}
	return json.Marshal(many)
}

// hidePath takes the path out of an answer.
func hidePath(b json.RawMessage) (json.RawMessage, error) {
	fields := map[string]json.RawMessage{}
	if err := json.Unmarshal(b, &fields); err != nil {
		return nil, err
	}
	delete(fields, "path")
	return json.Marshal(fields)
}

// download gives what the core made: a file, or a directory as a zip archive. It is
// gone afterwards.
func (s *Server) download(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	path, ok := s.files.path(id)
	if !ok {
		http.NotFound(w, r)
		return
	}
	defer s.files.drop(id)
	info, err := os.Stat(path)
	if err != nil {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	if !info.IsDir() {
		attach(w.Header(), filepath.Base(path))
		http.ServeFile(w, r, path)
		return
	}
	attach(w.Header(), filepath.Base(path)+".zip")
	z := zip.NewWriter(w)
	if err := errors.Join(z.AddFS(os.DirFS(path)), z.Close()); err != nil {
		panic(http.ErrAbortHandler) // half an archive must not look whole
	}
}

func attach(h http.Header, name string) {
	h.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": name}))
}

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
