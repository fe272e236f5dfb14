package disk

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"time"

	db "github.com/cockroachdb/pebble/v2"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/media"
)

// Key spaces.
const (
	spaceBlob      = 0x01
	spaceClaim     = 0x02
	spaceByAccount = 0x03
	spaceUpload    = 0x04
	spaceLeaf      = 0x05
)

// errIndex says that the index holds what it never wrote.
var errIndex = errors.New("damaged index")

func blobKey(name media.Hash) []byte { return append([]byte{spaceBlob}, name[:]...) }

func claimKey(name media.Hash, account omega.Fingerprint) []byte {
	return account.AppendTo(append([]byte{spaceClaim}, name[:]...))
}

// accountKey is a key of an account and a blob, in the spaces from spaceByAccount
// on.
func accountKey(space byte, account omega.Fingerprint, name media.Hash) []byte {
	return append(account.AppendTo([]byte{space}), name[:]...)
}

func leafKey(account omega.Fingerprint, name media.Hash, chunk int) []byte {
	return binary.BigEndian.AppendUint32(accountKey(spaceLeaf, account, name), uint32(chunk))
}

// after is the first key behind all that begin with prefix.
func after(prefix []byte) []byte {
	end := bytes.Clone(prefix)
	for i := len(end) - 1; i >= 0; i-- {
		if end[i]++; end[i] != 0 {
			return end[:i+1]
		}
	}
	return nil
}

// splitAccountKey reads what accountKey wrote.
func splitAccountKey(k []byte) (account omega.Fingerprint, name media.Hash, err error) {
	account, n, err := omega.DecodeFingerprint(k[1:])
	if err != nil || len(k) != 1+n+len(name) {
		return account, name, fmt.Errorf("%w: key %x", errIndex, k)
	}
	return account, media.Hash(k[1+n:]), nil
}

// A held is the value of a claim or an upload.
type held struct {
	until, issued time.Time
	size          int64
}

func (h held) value() []byte {
	b := binary.BigEndian.AppendUint64(nil, uint64(h.until.UnixMilli()))
	b = binary.BigEndian.AppendUint64(b, uint64(h.issued.UnixMilli()))
	return binary.BigEndian.AppendUint64(b, uint64(h.size))
}

func readHeld(v []byte) (held, error) {
	if len(v) != 24 {
		return held{}, fmt.Errorf("%w: a claim of %d octets", errIndex, len(v))
	}
	ms := func(i int) time.Time { return time.UnixMilli(int64(binary.BigEndian.Uint64(v[i:]))) }
	return held{ms(0), ms(8), int64(binary.BigEndian.Uint64(v[16:]))}, nil
}

// get reads one value; nil if there is none.
func (s *Store) get(key []byte) (value []byte, err error) {
	err = s.do(func() error {
		v, c, err := s.db.Get(key)
		if errors.Is(err, db.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		value = bytes.Clone(v)
		return c.Close()
	})
	return value, err
}

// blob reads the size of a blob and its leaves; 0 if it is not there.
func (s *Store) blob(name media.Hash) (size int64, leaves []byte, err error) {
	v, err := s.get(blobKey(name))
	if err != nil || v == nil {
		return 0, nil, err
	}
	if len(v) < 8 || (len(v)-8)%sha256.Size != 0 {
		return 0, nil, fmt.Errorf("%w: a blob of %d octets", errIndex, len(v))
	}
	return int64(binary.BigEndian.Uint64(v)), v[8:], nil
}

// claim reads an account's claim; the zero value if there is none.
func (s *Store) claim(name media.Hash, account omega.Fingerprint) (held, error) {
	v, err := s.get(claimKey(name, account))
	if err != nil || v == nil {
		return held{}, err
	}
	return readHeld(v)
}

// each calls fn for all entries whose keys begin with prefix. fn keeps nothing.
func (s *Store) each(prefix []byte, fn func(k, v []byte) error) error {
	return s.do(func() (err error) {
		it, err := s.db.NewIter(&db.IterOptions{LowerBound: prefix, UpperBound: after(prefix)})
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, it.Close()) }()
		for ok := it.First(); ok; ok = it.Next() {
			if err := fn(it.Key(), it.Value()); err != nil {
				return err
			}
		}
		return nil
	})
}

// write commits what fill puts into a batch.
func (s *Store) write(o *db.WriteOptions, fill func(b *db.Batch)) error {
	return s.do(func() error {
		b := s.db.NewBatch()
		defer b.Close()
		fill(b)
		return b.Commit(o)
	})
}

// load reads what memory has of the index.
func (s *Store) load() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	err := s.each([]byte{spaceBlob}, func(_, v []byte) error {
		if len(v) < 8 {
			return errIndex
		}
		s.stats.Blobs++
		s.stats.Bytes += int64(binary.BigEndian.Uint64(v))
		return nil
	})
	if err != nil {
		return err
	}
	err = s.each([]byte{spaceClaim}, func(k, v []byte) error {
		h, err := readHeld(v)
		if err != nil || len(k) < 1+sha256.Size {
			return errIndex
		}
		account, _, err := omega.DecodeFingerprint(k[1+sha256.Size:])
		if err != nil {
			return err
		}
		s.stats.Claims++
		s.use(account, h.size)
		return nil
	})
	if err != nil {
		return err
	}
	return s.each([]byte{spaceUpload}, func(k, v []byte) error {
		account, name, err := splitAccountKey(k)
		if err != nil {
			return err
		}
		h, err := readHeld(v)
		if err != nil {
			return err
		}
		s.addUpload(uploadKey{account, name}, h)
		return nil
	})
}

func (s *Store) folder(name media.Hash) string {
	return s.fs.PathJoin(s.cfg.Dir, "blobs", name.String()[:2])
}

func (s *Store) path(name media.Hash) string { return s.fs.PathJoin(s.folder(name), name.String()) }

// sweep removes files that a crash left without an entry.
func (s *Store) sweep() error {
	root := s.fs.PathJoin(s.cfg.Dir, "blobs")
	folders, err := s.fs.List(root)
	if err != nil {
		return err
	}
	for _, folder := range folders {
		names, err := s.fs.List(s.fs.PathJoin(root, folder))
		if err != nil {
			return err
		}
		for _, file := range names {
			wanted, err := s.wanted(file)
			if err == nil && !wanted {
				err = s.fs.Remove(s.fs.PathJoin(root, folder, file))
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// wanted reports whether the index knows a file.
func (s *Store) wanted(file string) (bool, error) {
	digits, account, part := strings.Cut(file, ".")
	name, err := media.ParseHash(digits)
	if err != nil {
		return true, nil // not ours
	}
	if part {
		fp, err := omega.ParseFingerprint(account)
		s.mu.Lock()
		defer s.mu.Unlock()
		return err == nil && s.uploads[uploadKey{fp, name}] != nil, nil
	}
	size, _, err := s.blob(name)
	return size > 0, err
}
