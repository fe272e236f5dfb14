package mesh

import (
	"crypto/sha512"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/omega-im/omega"
)

// t0 is when tests begin.
var t0 = time.Date(2026, 1, 2, 3, 4, 5, 678_000_000, time.UTC)

// fp is a fingerprint that starts with name, so that servers sort by name.
func fp(name string) omega.Fingerprint {
	var digest [20]byte
	copy(digest[:], name)
	f, err := omega.FingerprintV4(digest[:])
	if err != nil {
		panic(err)
	}
	return f
}

// nameOf undoes fp.
func nameOf(f omega.Fingerprint) string {
	d := f.Digest()
	for i, c := range d {
		if c == 0 {
			return string(d[:i])
		}
	}
	return string(d)
}

var errForged = errors.New("forged")

// fakeSignature stands in for OpenPGP: anyone could make it, but it depends on
// the server, the data and the time as a real one does.
func fakeSignature(server omega.Fingerprint, data []byte, at time.Time) Signature {
	b := append(server.Wire(), data...)
	return sha512.Sum512(binary.BigEndian.AppendUint64(b, uint64(at.Unix())))
}

func signAs(server omega.Fingerprint) SignFunc {
	return func(data []byte, at time.Time) (Signature, error) {
		return fakeSignature(server, data, at), nil
	}
}

func fakeVerify(server omega.Fingerprint, data []byte, at time.Time, sig Signature) error {
	if sig != fakeSignature(server, data, at) {
		return errForged
	}
	return nil
}

// announce returns a signed announcement of a transit server.
func announce(t testing.TB, name string, sequence uint64, at time.Time, edit func(*Announcement)) []byte {
	t.Helper()
	a := &Announcement{
		Server: fp(name), Sequence: sequence,
		Issued: at.Truncate(time.Millisecond), Expires: at.Truncate(time.Millisecond).Add(MaxAge),
		Flags: FlagTransit, Peer: "192.0.2.1:4433", Name: name,
	}
	if edit != nil {
		edit(a)
	}
	b, err := a.Sign(signAs(a.Server))
	if err != nil {
		t.Fatalf("sign announcement of %s: %v", name, err)
	}
	return b
}

func newTestDB(self string) *DB {
	return NewDB(Config{Self: fp(self), Verify: fakeVerify})
}

func seeded(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 1)) }

// randomGraph makes a graph of n servers in which each pair is linked with
// probability p. Round trips are 1 to 20 ms.
func randomGraph(rng *rand.Rand, n int, p float64) *Graph {
	var servers []omega.Fingerprint
	for i := range n {
		servers = append(servers, fp(fmt.Sprintf("s%05d", i)))
	}
	var links []Edge
	for i := range n {
		for j := range i {
			if rng.Float64() < p {
				links = append(links, Edge{servers[i], servers[j], time.Duration(1+rng.IntN(20)) * time.Millisecond})
			}
		}
	}
	return NewGraph(servers, links, nil)
}

// meshGraph makes a large graph with about degree links per server.
func meshGraph(rng *rand.Rand, n, degree int) *Graph {
	var servers []omega.Fingerprint
	for i := range n {
		servers = append(servers, fp(fmt.Sprintf("s%05d", i)))
	}
	var links []Edge
	for i := range n {
		for range degree / 2 {
			links = append(links, Edge{servers[i], servers[rng.IntN(n)], time.Duration(1+rng.IntN(200)) * time.Millisecond})
		}
	}
	return NewGraph(servers, links, nil)
}
