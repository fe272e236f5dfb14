package node

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/keyserver"
	"github.com/omega-im/omega/pgp"
	"github.com/omega-im/omega/wire"
)

// Bounds of the proofs against devices of accounts that are kept for people.
const (
	maxDisputes  = 256
	saveDisputes = time.Minute // between two savings
)

// disputes are proofs that devices signed two location records under one
// sequence. The key server has them beside the entries; here they are for
// whoever looks: `omegad evidence`. On disk they stand as blobs, three for each:
// certificate and two records.
type disputes struct {
	path    string
	writing sync.Mutex // one flush at a time

	mu    sync.Mutex
	list  []keyserver.Equivocation // the newest last; guarded by mu
	dirty bool                     // guarded by mu
	saved time.Time                // guarded by mu
}

// disputesHeader is how the file begins.
const disputesHeader = "omega-im/disputes/v1\n"

// loadDisputes reads what was kept. Files that are damaged are begun anew: the
// key server tells again when the account changes.
func loadDisputes(path string) (*disputes, error) {
	d := &disputes{path: path}
	list, err := readDisputes(path)
	if err != nil && !errors.Is(err, wire.ErrMalformed) {
		return nil, err
	}
	d.list = list
	return d, nil
}

func readDisputes(path string) ([]keyserver.Equivocation, error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	b, ok := bytes.CutPrefix(b, []byte(disputesHeader))
	if !ok {
		return nil, fmt.Errorf("%s: %w", path, wire.ErrMalformed)
	}
	blobs, err := wire.DecodeBlobs(b, 3*maxDisputes)
	if err != nil || len(blobs)%3 != 0 {
		return nil, fmt.Errorf("%s: %w", path, wire.ErrMalformed)
	}
	var out []keyserver.Equivocation
	for ; len(blobs) > 0; blobs = blobs[3:] {
		cert, err := pgp.ParseCertificate(blobs[0], time.Now())
		if err != nil {
			return out, fmt.Errorf("%s: %w: %w", path, wire.ErrMalformed, err)
		}
		first, err1 := wire.DecodeRecord(blobs[1])
		second, err2 := wire.DecodeRecord(blobs[2])
		if err := errors.Join(err1, err2); err != nil {
			return out, fmt.Errorf("%s: %w", path, err)
		}
		out = append(out, keyserver.Equivocation{Certificate: cert, First: first, Second: second})
	}
	return out, nil
}

// add keeps a proof, in place of the oldest when there are too many.
func (d *disputes) add(e keyserver.Equivocation) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, o := range d.list {
		if o.First.Hash() == e.First.Hash() && o.Second.Hash() == e.Second.Hash() {
			return
		}
	}
	if len(d.list) == maxDisputes {
		d.list = append(d.list[:0:0], d.list[1:]...)
	}
	d.list, d.dirty = append(d.list, e), true
}

// save writes what is new, once in a while.
func (d *disputes) save(now time.Time) error {
	d.mu.Lock()
	early := now.Sub(d.saved) < saveDisputes && now.After(d.saved)
	d.mu.Unlock()
	if early {
		return nil
	}
	return d.flush(now)
}

// flush writes what is new, now. What could not be written stays new.
func (d *disputes) flush(now time.Time) error {
	d.writing.Lock()
	defer d.writing.Unlock()
	d.mu.Lock()
	if !d.dirty {
		d.mu.Unlock()
		return nil
	}
	b := []byte(disputesHeader)
	for _, e := range d.list {
		b = wire.AppendBlobs(b, [][]byte{e.Certificate.Bytes(), e.First.Bytes(), e.Second.Bytes()})
	}
	d.dirty, d.saved = false, now
	d.mu.Unlock()
	err := writeFile(d.path, b)
	if err != nil {
		d.mu.Lock()
		d.dirty = true
		d.mu.Unlock()
	}
	return err
}

// A Dispute is a proof against a device of an account, and whether it holds.
type Dispute struct {
	keyserver.Equivocation
	Account omega.Fingerprint
	Err     error // nil: it holds
}

// ReadDisputes returns the proofs against devices that a server's directory
// holds, verified.
func ReadDisputes(dir string) (out []Dispute, err error) {
	list, err := readDisputes(filepath.Join(dir, fileDisputes))
	for _, e := range list {
		out = append(out, Dispute{e, e.Certificate.Fingerprint(), e.Verify()})
	}
	return out, err
}
