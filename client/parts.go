package client

import (
	"sync"

	"github.com/omega-im/omega/wire"
)

// bodies is memory for answers that carry a part of a blob, each of its largest size.
// Without it transfers are a third garbage collection.
var bodies = sync.Pool{New: func() any { return new([wire.BlobPartHead + wire.MaxBlobPart]byte) }}

// keepBody returns a copy of the body of an answer about blobs. A large one is in memory
// of bodies, until blobAnswer.release.
func keepBody(body []byte) []byte {
	if len(body) <= wire.MaxBlobPart/2 || len(body) > wire.BlobPartHead+wire.MaxBlobPart {
		return append([]byte(nil), body...)
	}
	b := bodies.Get().(*[wire.BlobPartHead + wire.MaxBlobPart]byte)
	return b[:copy(b[:], body)]
}

// release gives the memory of an answer back: nobody may refer to it any more. Those
// that are not released are garbage.
func (a *blobAnswer) release() {
	if b := a.f.Body; cap(b) == wire.BlobPartHead+wire.MaxBlobPart {
		bodies.Put((*[wire.BlobPartHead + wire.MaxBlobPart]byte)(b[:cap(b)]))
	}
	a.f.Body = nil
}
