package proxy

import (
	"sync"

	"github.com/omega-im/omega/wire"
)

// partBuffer is how much memory a frame with a part of a blob needs: the head of an
// upload's is the longest, and 128 octets are more than that.
const partBuffer = wire.HeaderSize + 128 + wire.MaxBlobPart

// partBuffers is memory of such frames. Without it every part is garbage three times.
var partBuffers = sync.Pool{New: func() any { return new([partBuffer]byte) }}

// takePart returns memory for n octets, which givePart takes back; what is not given back
// is garbage.
func takePart(n int) []byte {
	if n <= wire.MaxBlobPart/2 || n > partBuffer {
		return make([]byte, n)
	}
	return partBuffers.Get().(*[partBuffer]byte)[:n]
}

// givePart gives memory of takePart back. Nobody may refer to it any more.
func givePart(b []byte) {
	if cap(b) == partBuffer {
		partBuffers.Put((*[partBuffer]byte)(b[:partBuffer]))
	}
}
