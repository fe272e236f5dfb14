package keyserver

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"slices"

	"github.com/omega-im/omega"
)

// Numbers of homes and deputies. (spec/delivery.md, DELIV-12, DELIV-14)
const (
	DefaultHomes = 3 // of an account that nobody decided for
	Deputies     = 2 // that keep hints for an account
)

// rankLabel starts what is hashed for a rank. (spec/delivery.md, DELIV-11)
const rankLabel = "omega-im/home/v1\n"

// weight is how high a server stands for an account.
func weight(account, server omega.Fingerprint) uint64 {
	b := append(make([]byte, 0, len(rankLabel)+2*omega.MaxFingerprintSize), rankLabel...)
	b = server.AppendTo(account.AppendTo(b))
	sum := sha256.Sum256(b)
	return binary.BigEndian.Uint64(sum[:])
}

// Rank orders servers by how high they stand for an account: rendezvous
// hashing, so that everyone who sees the same servers finds the same order,
// and a server that comes or goes moves nobody else. The result is a new
// slice. (spec/delivery.md, DELIV-11)
func Rank(account omega.Fingerprint, servers []omega.Fingerprint) []omega.Fingerprint {
	type ranked struct {
		fp     omega.Fingerprint
		weight uint64
	}
	list := make([]ranked, len(servers))
	for i, fp := range servers {
		list[i] = ranked{fp, weight(account, fp)}
	}
	slices.SortFunc(list, func(x, y ranked) int {
		return cmp.Or(cmp.Compare(y.weight, x.weight), x.fp.Compare(y.fp))
	})
	out := make([]omega.Fingerprint, len(list))
	for i, r := range list {
		out[i] = r.fp
	}
	return out
}

// A Candidate is a server that may become a home without having been asked
// for.
type Candidate struct {
	Server   omega.Fingerprint
	Operator string // "": its own
}

// domain is what fails together with a server. (DELIV-13)
func (c Candidate) domain() string {
	if c.Operator == "" {
		return string(c.Server.Wire())
	}
	return c.Operator
}

// ChooseHomes adds the highest ranked candidates to the homes that an account
// has until there are n: first of operators that it has none of, then any. The
// ones it has stay, in their order. (spec/delivery.md, DELIV-12)
func ChooseHomes(account omega.Fingerprint, have []omega.Fingerprint, candidates []Candidate, n int) []omega.Fingerprint {
	homes := slices.Clone(have)
	byServer := make(map[omega.Fingerprint]Candidate, len(candidates))
	servers := make([]omega.Fingerprint, 0, len(candidates))
	for _, c := range candidates {
		if _, twice := byServer[c.Server]; !twice {
			byServer[c.Server] = c
			servers = append(servers, c.Server)
		}
	}
	taken := map[string]bool{}
	for _, h := range homes {
		if c, ok := byServer[h]; ok {
			taken[c.domain()] = true
		}
	}
	ranked := Rank(account, servers)
	for _, sameOperator := range []bool{false, true} {
		for _, fp := range ranked {
			d := byServer[fp].domain()
			if len(homes) < n && !slices.Contains(homes, fp) && (sameOperator || !taken[d]) {
				homes = append(homes, fp)
				taken[d] = true
			}
		}
	}
	return homes
}

// StandsAmong reports whether a server is one of the first n that stand for an
// account among servers.
func StandsAmong(n int, account, server omega.Fingerprint, servers []omega.Fingerprint) bool {
	own := weight(account, server)
	for _, fp := range servers {
		if w := weight(account, fp); fp != server && (w > own || w == own && bytes.Compare(fp.Wire(), server.Wire()) < 0) {
			if n--; n == 0 {
				return false
			}
		}
	}
	return n > 0
}

// DeputiesOf returns the servers that keep hints for an account, best first:
// the highest ranked members that are not its homes. (spec/delivery.md,
// DELIV-14)
func DeputiesOf(account omega.Fingerprint, homes, members []omega.Fingerprint) []omega.Fingerprint {
	var best []omega.Fingerprint
	var weights []uint64
	for _, fp := range members {
		if slices.Contains(homes, fp) || slices.Contains(best, fp) {
			continue
		}
		w := weight(account, fp)
		i := len(best)
		for i > 0 && (weights[i-1] < w || weights[i-1] == w && bytes.Compare(best[i-1].Wire(), fp.Wire()) > 0) {
			i--
		}
		if i < Deputies {
			best, weights = slices.Insert(best, i, fp), slices.Insert(weights, i, w)
			best, weights = best[:min(len(best), Deputies)], weights[:min(len(weights), Deputies)]
		}
	}
	return best
}
