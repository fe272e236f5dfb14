package disk

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"

	db "github.com/cockroachdb/pebble/v2"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/media"
)

func isNotExist(err error) bool { return errors.Is(err, fs.ErrNotExist) }

// Claim implements media.Store.
func (s *Store) Claim(_ context.Context, c media.Claim) (media.State, error) {
	if c.Size <= 0 || c.Size > media.MaxSize {
		return media.State{}, fmt.Errorf("%w: a blob of %d octets", media.ErrBad, c.Size)
	}
	state, u, err := s.note(c)
	if err != nil {
		return state, fmt.Errorf("claim %s: %w", c.Name, err)
	}
	if u == nil {
		return state, nil
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if err := u.resume(s); err != nil {
		return media.State{}, err
	}
	return u.state(s)
}

// note notes a claim. The upload is that of a blob which is not there yet.
func (s *Store) note(c media.Claim) (media.State, *upload, error) {
	var ended []*upload
	defer func() { s.shutAll(ended) }() // once mu is free
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return media.State{}, nil, media.ErrFailed
	}
	k, h := uploadKey{c.Account, c.Name}, held{c.Until, c.Issued, c.Size}
	size, _, err := s.blob(c.Name)
	if err != nil {
		return media.State{}, nil, err
	}
	before, err := s.claim(c.Name, c.Account)
	if err != nil {
		return media.State{}, nil, err
	}
	switch {
	case !c.Until.After(c.Issued):
		ended, err = s.takeBack(k, before, h)
		return media.State{}, nil, err
	case size == 0:
		u, err := s.noteUpload(k, h)
		return media.State{}, u, err
	case size != c.Size:
		return media.State{}, nil, fmt.Errorf("%w: it has %d octets, not %d", media.ErrBad, size, c.Size)
	}
	return media.State{Offset: size, Stored: true}, nil, s.noteClaim(k, before, h)
}

// noteClaim notes a claim of a blob that is there. mu is held.
func (s *Store) noteClaim(k uploadKey, before, h held) error {
	if before.size > 0 && !h.issued.After(before.issued) {
		return nil // said before
	}
	if before.size == 0 {
		if err := s.mayHave(k.account, h.size, 0); err != nil {
			return err
		}
	}
	if err := s.write(db.Sync, func(b *db.Batch) { setClaim(b, k, h) }); err != nil {
		return err
	}
	s.stats.Deduplicated++
	if before.size == 0 {
		s.stats.Claims++
		s.use(k.account, h.size)
	}
	return nil
}

// noteUpload opens an upload or finds it. mu is held.
func (s *Store) noteUpload(k uploadKey, h held) (*upload, error) {
	u := s.uploads[k]
	if u != nil && u.size != h.size {
		return nil, fmt.Errorf("%w: its upload has %d octets, not %d", media.ErrBad, u.size, h.size)
	}
	if u == nil {
		open := 0
		for other := range s.uploads {
			if other.account == k.account {
				open++
			}
		}
		if open >= maxUploads {
			s.stats.Refused++
			return nil, fmt.Errorf("%w: %d uploads are under way", media.ErrFull, open)
		}
		if err := errors.Join(s.mayHave(k.account, h.size, h.size), s.room()); err != nil {
			return nil, err
		}
		u = s.addUpload(k, h)
	}
	u.touched = s.cfg.Now()
	if h.issued.Before(u.issued) {
		h.until, h.issued = u.until, u.issued
	}
	u.until, u.issued = h.until, h.issued
	// Not on stable storage: who claimed it claims it again.
	return u, s.write(db.NoSync, func(b *db.Batch) { b.Set(accountKey(spaceUpload, k.account, k.name), h.value(), nil) })
}

// takeBack ends a claim, the blob with the last one, and the upload if there is
// one, which the caller shuts. mu is held.
func (s *Store) takeBack(k uploadKey, before, h held) (ended []*upload, err error) {
	u := s.uploads[k]
	if before.issued.After(h.issued) || u != nil && u.issued.After(h.issued) {
		return nil, nil // claimed again since
	}
	if u != nil {
		ended = append(ended, u)
		s.removeUpload(u)
		err = s.discard(k, true)
	}
	if before.size == 0 || err != nil {
		return ended, err
	}
	if err := s.write(db.Sync, func(b *db.Batch) { dropClaim(b, k) }); err != nil {
		return ended, err
	}
	s.stats.Claims--
	s.use(k.account, -before.size)
	_, err = s.dropIfOver(k.name)
	return ended, err
}

// shutAll ends uploads that are known no more. mu is not held: whoever goes on
// with one holds that first.
func (s *Store) shutAll(ended []*upload) {
	for _, u := range ended {
		u.mu.Lock()
		u.over = true
		u.shut(s)
		u.mu.Unlock()
	}
}

// Forget implements media.Store.
func (s *Store) Forget(_ context.Context, account omega.Fingerprint) error {
	var ended []*upload
	defer func() { s.shutAll(ended) }() // once mu is free
	s.mu.Lock()
	defer s.mu.Unlock()
	var names []media.Hash
	prefix := account.AppendTo([]byte{spaceByAccount})
	err := s.each(prefix, func(k, _ []byte) error {
		_, name, err := splitAccountKey(k)
		names = append(names, name)
		return err
	})
	for k := range s.uploads {
		if k.account == account {
			names = append(names, k.name)
		}
	}
	for _, name := range names {
		if err != nil {
			break
		}
		var before held
		if before, err = s.claim(name, account); err == nil {
			k, last := uploadKey{account, name}, held{issued: before.issued}
			if u := s.uploads[k]; u != nil && u.issued.After(last.issued) {
				last.issued = u.issued
			}
			var u []*upload
			u, err = s.takeBack(k, before, last)
			ended = append(ended, u...)
		}
	}
	if err != nil {
		return fmt.Errorf("forget blobs of %s: %w", account, err)
	}
	return nil
}

// Read implements media.Store.
func (s *Store) Read(_ context.Context, name media.Hash, offset int64, b []byte) (n int, size int64, err error) {
	size, _, err = s.blob(name)
	if err = within(name, size, offset, err); err != nil {
		return 0, size, err
	}
	f, err := s.fs.Open(s.path(name))
	if err != nil {
		return 0, size, fmt.Errorf("read blob %s: %w", name, err)
	}
	b = b[:min(int64(len(b)), size-offset)]
	n, err = f.ReadAt(b, offset)
	f.Close()
	s.read.Add(int64(n))
	if n == len(b) || errors.Is(err, io.EOF) && n > 0 {
		return n, size, nil // what is cut short does not pass its reader's check
	}
	return n, size, fmt.Errorf("read blob %s at %d: %w", name, offset, err)
}

// within says what is wrong with a question for a blob.
func within(name media.Hash, size, offset int64, err error) error {
	switch {
	case err != nil:
		return err
	case size == 0:
		return fmt.Errorf("%w: %s", media.ErrNotFound, name)
	case offset < 0 || offset >= size:
		return fmt.Errorf("%w: octet %d of %d", media.ErrBad, offset, size)
	}
	return nil
}

// Leaves implements media.Store.
func (s *Store) Leaves(_ context.Context, name media.Hash, offset int64, b []byte) (n int, size int64, err error) {
	size, leaves, err := s.blob(name)
	if err == nil && size > 0 && (offset < 0 || offset >= int64(len(leaves))) {
		err = fmt.Errorf("%w: octet %d of %d of leaves", media.ErrBad, offset, len(leaves))
	}
	if err = within(name, size, 0, err); err != nil {
		return 0, size, err
	}
	return copy(b, leaves[offset:]), size, nil
}

// Expire implements media.Store.
func (s *Store) Expire(ctx context.Context) (dropped int, err error) {
	if err := s.expireUploads(); err != nil {
		return 0, err
	}
	var names []media.Hash
	err = s.each([]byte{spaceBlob}, func(k, _ []byte) error {
		names = append(names, media.Hash(k[1:]))
		return ctx.Err()
	})
	for _, name := range names {
		if err != nil || ctx.Err() != nil {
			break
		}
		var gone bool
		if gone, err = s.expireBlob(name); gone {
			dropped++
		}
	}
	if err != nil {
		return dropped, fmt.Errorf("drop old blobs: %w", err)
	}
	return dropped, ctx.Err()
}

func (s *Store) expireBlob(name media.Hash) (gone bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.dropIfOver(name)
}

// dropIfOver drops what is over of one blob, and the blob if nobody claims it. mu
// is held.
func (s *Store) dropIfOver(name media.Hash) (gone bool, err error) {
	now, live := s.cfg.Now(), 0
	over := map[uploadKey]held{}
	prefix := append([]byte{spaceClaim}, name[:]...)
	err = s.each(prefix, func(k, v []byte) error {
		account, _, err := omega.DecodeFingerprint(k[len(prefix):])
		if err != nil {
			return err
		}
		h, err := readHeld(v)
		if now.Before(h.until) {
			live++
		} else {
			over[uploadKey{account, name}] = h
		}
		return err
	})
	if err != nil || live > 0 && len(over) == 0 {
		return false, err
	}
	size, _, err := s.blob(name)
	if err != nil || size == 0 {
		return false, err
	}
	err = s.write(db.Sync, func(b *db.Batch) {
		for k := range over {
			dropClaim(b, k)
		}
		if live == 0 {
			b.Delete(blobKey(name), nil)
		}
	})
	if err != nil {
		return false, err
	}
	for k, h := range over {
		s.stats.Claims--
		s.use(k.account, -h.size)
	}
	if live > 0 {
		return false, nil
	}
	s.stats.Blobs--
	s.stats.Bytes -= size
	s.stats.Dropped++
	return true, s.fs.Remove(s.path(name)) // left by a crash, the next start removes it
}

// expireUploads gives up those that nobody goes on with.
func (s *Store) expireUploads() error {
	var ended []*upload
	defer func() { s.shutAll(ended) }() // once mu is free
	s.mu.Lock()
	defer s.mu.Unlock()
	limit := s.cfg.Now().Add(-uploadPatience)
	for k, u := range s.uploads {
		if u.touched.Before(limit) {
			ended = append(ended, u)
			s.removeUpload(u)
			if err := s.discard(k, true); err != nil {
				return err
			}
		}
	}
	return nil
}
