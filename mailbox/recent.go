package mailbox

// recent remembers the keys of trimmed mail in two generations: when the young
// one is full it becomes the old one, and the old one is forgotten. Both maps
// are free of pointers.
type recent struct {
	max        int // entries in one generation
	young, old map[Key]uint64
}

func (r *recent) find(k Key) (uint64, bool) {
	seq, ok := r.young[k]
	if !ok {
		seq, ok = r.old[k]
	}
	return seq, ok
}

func (r *recent) add(k Key, seq uint64) {
	if r.young == nil {
		r.young, r.old = make(map[Key]uint64), make(map[Key]uint64)
	}
	if len(r.young) >= r.max {
		r.young, r.old = r.old, r.young
		clear(r.young)
	}
	r.young[k] = seq
}

// with mixes a mailbox's salt into k. Salts are parts of fingerprints and keys
// are hashes, so that nobody can aim one pair at another.
func (k Key) with(salt Key) Key {
	for i := range k {
		k[i] ^= salt[i]
	}
	return k
}
