package disk

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	db "github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/media"
)

// An uploadKey names an upload: two accounts that bring the same blob at once do
// not meet before one of them has brought it.
type uploadKey struct {
	account omega.Fingerprint
	name    media.Hash
}

// An upload is a blob on its way in.
type upload struct {
	key     uploadKey
	size    int64
	until   time.Time // guarded by Store.mu, as the next two
	issued  time.Time
	touched time.Time // when somebody went on with it

	mu     sync.Mutex
	over   bool          // it ended: stored or given up; guarded by mu
	file   vfs.File      // nil: not open; guarded by mu
	hasher *media.Hasher // of what the file holds; nil with file; guarded by mu
	synced int64         // octets that are on stable storage; guarded by mu
}

// addUpload makes an upload. Store.mu is held.
func (s *Store) addUpload(k uploadKey, h held) *upload {
	u := &upload{key: k, size: h.size, until: h.until, issued: h.issued, touched: s.cfg.Now()}
	s.uploads[k] = u
	s.stats.Reserved += h.size
	s.use(k.account, h.size)
	return u
}

// removeUpload undoes addUpload. Store.mu is held.
func (s *Store) removeUpload(u *upload) {
	if s.uploads[u.key] == u {
		delete(s.uploads, u.key)
		s.stats.Reserved -= u.size
		s.use(u.key.account, -u.size)
	}
}

func (s *Store) partPath(k uploadKey) string { return s.path(k.name) + "." + k.account.String() }

// find returns an open upload and notes that somebody goes on with it.
func (s *Store) find(k uploadKey) *upload {
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.uploads[k]
	if u != nil {
		u.touched = s.cfg.Now()
	}
	return u
}

// Append implements media.Store.
func (s *Store) Append(_ context.Context, account omega.Fingerprint, name media.Hash, offset int64, b []byte) (media.State, error) {
	u := s.find(uploadKey{account, name})
	if u == nil {
		if h, err := s.claim(name, account); err != nil || h.size > 0 {
			return media.State{Offset: h.size, Stored: err == nil}, err // the answer to the last octets was lost
		}
		return media.State{}, fmt.Errorf("%w: no upload of %s is open", media.ErrNotFound, name)
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if err := u.resume(s); err != nil {
		return media.State{}, err
	}
	at := u.hasher.Size()
	switch {
	case offset < 0 || len(b) == 0 || int64(len(b)) > u.size-offset:
		return media.State{Offset: at}, fmt.Errorf("%w: %d octets at %d of %d", media.ErrBad, len(b), offset, u.size)
	case offset != at:
		return media.State{Offset: at}, nil
	}
	if err := s.room(); err != nil {
		return media.State{Offset: at}, err
	}
	if err := u.write(s, b); err != nil {
		u.shut(s) // what the file holds is found out again
		return media.State{}, fmt.Errorf("upload %s: %w", name, full(err))
	}
	return u.state(s)
}

// state is how the upload stands, which ends it if all is there. u.mu is held.
func (u *upload) state(s *Store) (media.State, error) {
	if u.hasher.Size() < u.size {
		return media.State{Offset: u.hasher.Size()}, nil
	}
	return u.finish(s)
}

// write adds octets. u.mu is held.
func (u *upload) write(s *Store, b []byte) error {
	if _, err := u.file.WriteAt(b, u.hasher.Size()); err != nil {
		return err
	}
	before := len(u.hasher.Whole())
	u.hasher.Write(b)
	s.appended.Add(int64(len(b)))
	leaves := u.hasher.Whole()
	if before == len(leaves) {
		return nil
	}
	durable := db.NoSync
	if u.hasher.Size()-u.synced >= s.cfg.SyncEvery {
		if err := u.file.SyncData(); err != nil {
			return err
		}
		durable, u.synced = db.Sync, u.hasher.Size()
	}
	return s.write(durable, func(b *db.Batch) {
		for i := before; i < len(leaves); i++ {
			b.Set(leafKey(u.key.account, u.key.name, i), leaves[i][:], nil) // an error is Commit's as well
		}
	})
}

// resume opens the file, if it is not open, and finds how far it is right. u.mu
// is held.
func (u *upload) resume(s *Store) error {
	if u.over {
		return fmt.Errorf("%w: the upload of %s has ended", media.ErrNotFound, u.key.name)
	}
	if u.file != nil {
		return nil
	}
	if err := s.fs.MkdirAll(s.folder(u.key.name), 0o700); err != nil {
		return full(err)
	}
	file, err := s.fs.OpenReadWrite(s.partPath(u.key), vfs.WriteCategoryUnspecified)
	if err != nil {
		return full(err)
	}
	u.file, u.hasher, u.synced = file, media.NewHasher(), 0
	s.opened(u)
	if err := u.verify(s); err != nil {
		u.shut(s)
		return err
	}
	return nil
}

// verify reads the chunks that the file and the index have, up to the first one
// that is not what its leaf says: the rest is brought again. u.mu is held.
func (u *upload) verify(s *Store) error {
	chunk := make([]byte, media.ChunkSize)
	for i := range media.Chunks(u.size) {
		leaf, err := s.get(leafKey(u.key.account, u.key.name, i))
		if err != nil || leaf == nil {
			return err
		}
		n, err := u.file.ReadAt(chunk, int64(i)*media.ChunkSize)
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if n < media.ChunkSize || media.LeafOf(chunk) != media.Hash(leaf) {
			return nil
		}
		u.hasher.Write(chunk)
	}
	return nil
}

// opened counts an open file, and shuts others where they are too many.
func (s *Store) opened(u *upload) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.files++
	for _, other := range s.uploads {
		if s.files <= maxOpenFiles {
			return
		}
		if other != u && other.mu.TryLock() { // whoever holds it waits for Store.mu at most
			if other.file != nil {
				other.file.Close()
				other.file, other.hasher = nil, nil
				s.files--
			}
			other.mu.Unlock()
		}
	}
}

// shut closes the file. u.mu is held.
func (u *upload) shut(s *Store) {
	if u.file == nil {
		return
	}
	u.file.Close() // what was written and not synced is checked when it goes on
	u.file, u.hasher = nil, nil
	s.mu.Lock()
	s.files--
	s.mu.Unlock()
}

// finish checks and keeps a blob of which all is there. u.mu is held.
func (u *upload) finish(s *Store) (media.State, error) {
	ref, leaves := u.hasher.Sum()
	if ref.Name != u.key.name {
		u.shut(s)
		s.mu.Lock()
		s.stats.Wrong++
		s.mu.Unlock()
		err := s.discard(u.key, false)
		return media.State{}, errors.Join(fmt.Errorf("%w: %s", media.ErrWrong, u.key.name), err)
	}
	err := u.file.Sync()
	u.shut(s)
	if err == nil {
		err = s.keep(u, leaves)
	}
	if err != nil {
		return media.State{}, fmt.Errorf("keep blob %s: %w", u.key.name, full(err))
	}
	u.over = true
	return media.State{Offset: u.size, Stored: true}, nil
}

// keep gives the file of an upload its name, and notes blob and claim. u.mu is
// held.
func (s *Store) keep(u *upload, leaves []media.Hash) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.uploads[u.key] != u {
		return media.ErrNotFound // taken back meanwhile
	}
	there, _, err := s.blob(u.key.name)
	if err != nil {
		return err
	}
	if there > 0 { // somebody else was faster
		err = s.fs.Remove(s.partPath(u.key))
	} else if err = s.fs.Rename(s.partPath(u.key), s.path(u.key.name)); err == nil {
		err = s.syncFolder(u.key.name)
	}
	if err != nil {
		return err
	}
	before, err := s.claim(u.key.name, u.key.account)
	if err != nil {
		return err
	}
	err = s.write(db.Sync, func(b *db.Batch) {
		value := binary.BigEndian.AppendUint64(nil, uint64(u.size))
		for _, l := range leaves {
			value = append(value, l[:]...)
		}
		b.Set(blobKey(u.key.name), value, nil)
		setClaim(b, u.key, held{u.until, u.issued, u.size})
		dropUpload(b, u.key)
	})
	if err != nil {
		return err
	}
	s.removeUpload(u)
	if before.size == 0 {
		s.stats.Claims++
		s.use(u.key.account, u.size)
	}
	if there == 0 {
		s.stats.Blobs++
		s.stats.Bytes += u.size
	}
	s.stats.Stored++
	return nil
}

// syncFolder has a name in a folder on stable storage, and the folder itself.
func (s *Store) syncFolder(name media.Hash) error {
	for _, dir := range []string{s.folder(name), s.fs.PathJoin(s.cfg.Dir, "blobs")} {
		d, err := s.fs.OpenDir(dir)
		if err != nil {
			return err
		}
		if err := errors.Join(d.Sync(), d.Close()); err != nil {
			return err
		}
	}
	return nil
}

func setClaim(b *db.Batch, k uploadKey, h held) {
	b.Set(claimKey(k.name, k.account), h.value(), nil)
	b.Set(accountKey(spaceByAccount, k.account, k.name), nil, nil)
}

func dropClaim(b *db.Batch, k uploadKey) {
	b.Delete(claimKey(k.name, k.account), nil)
	b.Delete(accountKey(spaceByAccount, k.account, k.name), nil)
}

func dropUpload(b *db.Batch, k uploadKey) {
	b.Delete(accountKey(spaceUpload, k.account, k.name), nil)
	dropLeaves(b, k)
}

func dropLeaves(b *db.Batch, k uploadKey) {
	prefix := accountKey(spaceLeaf, k.account, k.name)
	b.DeleteRange(prefix, after(prefix), nil)
}

// discard throws away the octets of an upload, and with all the upload as well.
func (s *Store) discard(k uploadKey, all bool) error {
	err := s.write(db.NoSync, func(b *db.Batch) {
		if all {
			dropUpload(b, k)
		} else {
			dropLeaves(b, k)
		}
	})
	if removeErr := s.fs.Remove(s.partPath(k)); removeErr != nil && !isNotExist(removeErr) {
		err = errors.Join(err, removeErr)
	}
	return err
}
