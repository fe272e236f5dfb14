package transport

import "sync"

// A buffer is pooled memory. r is where its unread part starts.
type buffer struct {
	b []byte
	r int
}

// Classes of pooled buffers in octets: most frames fit the first, most batches
// the second, and every frame the last.
var bufferClasses = [...]int{4 << 10, 32 << 10, 192 << 10}

var bufferPools [len(bufferClasses)]sync.Pool

// getBuffer returns an empty buffer with room for n octets.
func getBuffer(n int) *buffer {
	for i, size := range bufferClasses {
		if n > size {
			continue
		}
		if b, ok := bufferPools[i].Get().(*buffer); ok {
			return b
		}
		return &buffer{b: make([]byte, 0, size)}
	}
	return &buffer{b: make([]byte, 0, n)}
}

// growBuffer returns a buffer with what is in b and room for n octets more, and
// gives b back.
func growBuffer(b *buffer, n int) *buffer {
	larger := getBuffer(max(len(b.b)+n, 2*cap(b.b)))
	larger.b, larger.r = append(larger.b, b.b...), b.r
	putBuffer(b)
	return larger
}

// putBuffer gives b back. Nobody may refer to it any more. Buffers that grew
// to odd sizes go to the class that they can stand for.
func putBuffer(b *buffer) {
	if b == nil || cap(b.b) > 2*bufferClasses[len(bufferClasses)-1] {
		return
	}
	b.b, b.r = b.b[:0], 0
	for i := len(bufferClasses) - 1; i >= 0; i-- {
		if cap(b.b) >= bufferClasses[i] {
			bufferPools[i].Put(b)
			return
		}
	}
}
