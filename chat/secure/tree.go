package secure

import (
	"crypto/sha256"
	"encoding/binary"
)

// maxPath is the depth of the tree over MaxDevices wraps.
const maxPath = 9

func leaf(index int, packet []byte) Hash {
	h := sha256.New()
	h.Write(binary.BigEndian.AppendUint16([]byte{0}, uint16(index)))
	h.Write(packet)
	return Hash(h.Sum(nil))
}

func join(left, right Hash) Hash {
	b := append([]byte{1}, left[:]...)
	return sha256.Sum256(append(b, right[:]...))
}

// tree returns the root over leaves and the path of each: the neighbours on
// its way up. (spec/secure.md, SEC-4)
func tree(leaves []Hash) (root Hash, paths [][]Hash) {
	paths = make([][]Hash, len(leaves))
	for level, width := leaves, 1; ; width *= 2 {
		if len(level) == 1 {
			return level[0], paths
		}
		for i := range leaves {
			if at := i / width; at^1 < len(level) {
				paths[i] = append(paths[i], level[at^1])
			}
		}
		next := make([]Hash, 0, (len(level)+1)/2)
		for i := 0; i+1 < len(level); i += 2 {
			next = append(next, join(level[i], level[i+1]))
		}
		if len(level)%2 == 1 {
			next = append(next, level[len(level)-1])
		}
		level = next
	}
}

// climb returns the root that a leaf and its path lead to in a tree of n
// leaves; false if the path has not the length of that place.
func climb(h Hash, index, n int, path []Hash) (Hash, bool) {
	for ; n > 1; index, n = index/2, (n+1)/2 {
		if index^1 >= n {
			continue // it goes up as it is
		}
		if len(path) == 0 {
			return Hash{}, false
		}
		if index%2 == 0 {
			h = join(h, path[0])
		} else {
			h = join(path[0], h)
		}
		path = path[1:]
	}
	return h, len(path) == 0
}
