package sound

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
)

// maxParts is into how many parts a file may be cut: 23 hours of Ogg and 7 of WebM at 50
// packets a second. Who makes parts of one octet has nobody look at a hundred million.
const maxParts = 1 << 22

// A cursor reads a file from begin to end.
type cursor struct {
	in    *bufio.Reader
	parts int // that may be read still
}

// newCursor begins to read a file until ctx ends.
func newCursor(ctx context.Context, r io.ReaderAt, size int64) *cursor {
	return &cursor{bufio.NewReaderSize(until{ctx, io.NewSectionReader(r, 0, size)}, 64<<10), maxParts}
}

// until reads of in until ctx ends.
type until struct {
	ctx context.Context
	in  io.Reader
}

func (u until) Read(b []byte) (int, error) {
	if err := u.ctx.Err(); err != nil {
		return 0, err
	}
	return u.in.Read(b)
}

// part counts one part. ErrUnknown if there are too many.
func (c *cursor) part() error {
	if c.parts--; c.parts < 0 {
		return fmt.Errorf("%w: more than %d parts", ErrUnknown, maxParts)
	}
	return nil
}

// read fills b. io.EOF if there is nothing left, ErrDamaged if there is less.
func (c *cursor) read(b []byte) error {
	if err := c.part(); err != nil {
		return err
	}
	_, err := io.ReadFull(c.in, b)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return ErrDamaged
	}
	return err
}

// skip goes on behind n octets. ErrDamaged if there are fewer.
func (c *cursor) skip(n int64) error {
	if err := c.part(); err != nil {
		return err
	}
	for n > 0 {
		m, err := c.in.Discard(int(min(n, 1<<30)))
		if err != nil {
			return damaged(err)
		}
		n -= int64(m)
	}
	return nil
}
