package archive

import (
	"archive/tar"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/omega-im/omega"
)

// backupFiles are what is in a backup, in this order, and how large each may be.
// (spec/archive.md, ARCH-5)
var backupFiles = []struct {
	name string
	size int64
	some bool // only some accounts have it
}{
	{"account.json", 1 << 20, false}, {"secrets.pgp", 1 << 20, false}, {"certificate.pgp", 1 << 20, false},
	{"revocation.asc", 1 << 20, true}, {"history.db", 1 << 40, false},
}

const (
	manifestName    = "backup.json"
	manifestSize    = 1 << 16
	manifestVersion = 1
)

// ErrBackup says that something is no backup, or not a whole one.
var ErrBackup = errors.New("not a whole backup")

// A Manifest is backup.json: what a backup is of.
type Manifest struct {
	Version     int               `json:"version"`
	Created     time.Time         `json:"created"`
	Fingerprint omega.Fingerprint `json:"fingerprint"`
	Device      omega.Fingerprint `json:"device"`
	Name        string            `json:"name"`
	Messages    int               `json:"messages"`
	Files       map[string]Sum    `json:"files"`
}

// A Sum is what a file must be.
type Sum struct {
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

// WriteBackup writes the inside of a backup: m, whose Version and Files it fills
// in, and the files, of which path tells the places.
func WriteBackup(w io.Writer, m *Manifest, path func(name string) string) error {
	m.Version, m.Files = manifestVersion, map[string]Sum{}
	for _, f := range backupFiles {
		sum, err := sumOf(path(f.name))
		if f.some && errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		m.Files[f.name] = sum
	}
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	out := tar.NewWriter(w)
	if err := header(out, manifestName, int64(len(text)), m.Created); err != nil {
		return err
	}
	if _, err := out.Write(text); err != nil {
		return err
	}
	for _, f := range backupFiles {
		if _, ok := m.Files[f.name]; !ok {
			continue
		}
		if err := header(out, f.name, m.Files[f.name].Size, m.Created); err != nil {
			return err
		}
		if err := copyFile(out, path(f.name)); err != nil {
			return err
		}
	}
	return out.Close()
}

func header(out *tar.Writer, name string, size int64, at time.Time) error {
	return out.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Size: size, Mode: 0o600, ModTime: at.Truncate(time.Second)})
}

func sumOf(path string) (Sum, error) {
	f, err := os.Open(path)
	if err != nil {
		return Sum{}, err
	}
	defer f.Close()
	h := sha256.New()
	n, err := io.Copy(h, f)
	return Sum{n, hex.EncodeToString(h.Sum(nil))}, err
}

func copyFile(w io.Writer, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.Copy(w, f)
	return err
}

// ReadBackup reads what WriteBackup wrote, and has put take each file. It checks
// everything; what put took counts only when it returns nil.
func ReadBackup(r io.Reader, put func(name string, r io.Reader) error) (*Manifest, error) {
	in := tar.NewReader(r)
	m, err := readManifest(in)
	if err != nil {
		return nil, err
	}
	for _, f := range backupFiles {
		sum, ok := m.Files[f.name]
		if f.some && !ok {
			continue
		}
		size, err := next(in, f.name, f.size)
		if err != nil {
			return nil, err
		}
		h := sha256.New()
		if err := put(f.name, io.TeeReader(in, h)); err != nil {
			return nil, err
		}
		if _, err := io.Copy(h, in); err != nil {
			return nil, fmt.Errorf("%w: %s: %w", ErrBackup, f.name, err)
		}
		if !ok || sum.Size != size || sum.SHA256 != hex.EncodeToString(h.Sum(nil)) {
			return nil, fmt.Errorf("%w: %s is not what it was", ErrBackup, f.name)
		}
	}
	if _, err := in.Next(); err != io.EOF {
		return nil, fmt.Errorf("%w: something is behind it", ErrBackup)
	}
	return m, nil
}

func readManifest(in *tar.Reader) (*Manifest, error) {
	if _, err := next(in, manifestName, manifestSize); err != nil {
		return nil, err
	}
	text, err := io.ReadAll(in)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBackup, err)
	}
	m := &Manifest{}
	if err := json.Unmarshal(text, m); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBackup, err)
	}
	known := 0
	for _, f := range backupFiles {
		if _, ok := m.Files[f.name]; ok || !f.some {
			known++
		}
	}
	if m.Version != manifestVersion || len(m.Files) != known {
		return nil, fmt.Errorf("%w: version %d with %d files", ErrBackup, m.Version, len(m.Files))
	}
	return m, nil
}

// next goes to the next file, which must be this one.
func next(in *tar.Reader, name string, most int64) (int64, error) {
	h, err := in.Next()
	if err != nil {
		return 0, fmt.Errorf("%w: %s: %w", ErrBackup, name, err)
	}
	if h.Name != name || h.Typeflag != tar.TypeReg || h.Size > most {
		return 0, fmt.Errorf("%w: %.40q stands where %s should", ErrBackup, h.Name, name)
	}
	return h.Size, nil
}
