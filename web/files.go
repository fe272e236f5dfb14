package web

import (
	"archive/zip"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// Bounds of what waits in the directory.
const (
	maxUploads = 256
	maxUpload  = 4 << 30          // octets of one file, which is the most that media may have
	keepFile   = 15 * time.Minute // from its end on, or from when the core made it
	expireTick = time.Minute
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

// place makes a directory for one file.
func (f *files) place() (name string, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.all) >= maxUploads {
		return "", errors.New("too many files wait to be sent")
	}
	name = hex.EncodeToString(random(16))
	f.all[name] = f.now()
	return name, os.MkdirAll(filepath.Join(f.dir, name), 0o700)
}

// touch says that a file is used now.
func (f *files) touch(name string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, ok := f.all[name]; ok {
		f.all[name] = f.now()
	}
}

// expire takes away what nobody came for, until ctx ends.
func (f *files) expire(ctx context.Context) {
	tick := time.NewTicker(expireTick)
	defer tick.Stop()
	for {
		f.dropOld()
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

func (f *files) dropOld() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for name, since := range f.all {
		if f.now().Sub(since) > keepFile {
			delete(f.all, name)
			os.RemoveAll(filepath.Join(f.dir, name))
		}
	}
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
	if err := write(path, &alive{http.MaxBytesReader(w, r.Body, maxUpload), s.files, name}); err != nil {
		s.files.drop(name)
		http.Error(w, "the file did not arrive: "+err.Error(), http.StatusBadRequest)
		return
	}
	json.NewEncoder(w).Encode(map[string]string{"upload": name})
}

// alive keeps a file for as long as it is coming.
type alive struct {
	io.Reader
	files *files
	name  string
}

func (a *alive) Read(b []byte) (int, error) {
	a.files.touch(a.name)
	return a.Reader.Read(b)
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

// download gives what the core made: a file, or a directory as a zip archive. It may be
// asked for again for as long as it is kept.
func (s *Server) download(w http.ResponseWriter, r *http.Request) {
	path, ok := s.files.path(r.PathValue("id"))
	info, err := os.Stat(path)
	if !ok || err != nil {
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
