package node

import (
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/cloud"
)

// How long a certificate that could not be kept is left alone: at first this
// long, then twice as long each time.
const (
	firstKnow = 2 * time.Second
	lastKnow  = time.Hour
)

// introductions are which servers' certificates the key server was given. They
// belong to the goroutine of compare.
type introductions map[omega.Fingerprint]introduction

type introduction struct {
	hash     [32]byte  // of the certificate
	done     bool      // the key server has it
	failures int       // in a row
	again    time.Time // not before
}

// due reports whether the certificate with this hash is to be given to the key
// server now.
func (i introductions) due(fp omega.Fingerprint, hash [32]byte, now time.Time) bool {
	in, ok := i[fp]
	return !ok || in.hash != hash || !in.done && !now.Before(in.again)
}

// tried notes what came of it.
func (i introductions) tried(fp omega.Fingerprint, hash [32]byte, done bool, now time.Time) {
	in := i[fp]
	if in.hash != hash {
		in = introduction{hash: hash}
	}
	if in.done = done; !done {
		in.again = now.Add(min(firstKnow<<min(in.failures, 20), lastKnow))
		in.failures++
	}
	i[fp] = in
}

// forget forgets servers that are not listed any more.
func (i introductions) forget(servers []cloud.Server) {
	if len(i) <= len(servers) {
		return
	}
	listed := make(map[omega.Fingerprint]bool, len(servers))
	for _, s := range servers {
		listed[s.Server] = true
	}
	for fp := range i {
		if !listed[fp] {
			delete(i, fp)
		}
	}
}
