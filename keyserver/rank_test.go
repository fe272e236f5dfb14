package keyserver_test

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/keyserver"
)

// numbered returns a made-up fingerprint.
func numbered(t *testing.T, n uint64) omega.Fingerprint {
	t.Helper()
	fp, err := omega.ParseFingerprint(fmt.Sprintf("%024X%016X", 0, n+1))
	if err != nil {
		t.Fatal(err)
	}
	return fp
}

// The order does not depend on the order of the servers, spreads accounts
// evenly, and a server that goes moves only those whose first it was.
func TestRank(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var servers []omega.Fingerprint
	for i := range uint64(50) {
		servers = append(servers, numbered(t, i))
	}
	gone, rest := servers[7], slices.Concat(servers[:7], servers[8:])
	first := map[omega.Fingerprint]int{}
	const accounts = 5000
	for i := range uint64(accounts) {
		account := numbered(t, 1000+i)
		order := keyserver.Rank(account, servers)
		rng.Shuffle(len(servers), func(i, j int) { servers[i], servers[j] = servers[j], servers[i] })
		if again := keyserver.Rank(account, servers); !slices.Equal(order, again) {
			t.Fatal("the order depends on the order of the servers")
		}
		without := slices.DeleteFunc(slices.Clone(order), func(fp omega.Fingerprint) bool { return fp == gone })
		if got := keyserver.Rank(account, rest); !slices.Equal(got, without) {
			t.Fatal("a server that went changed the order of others")
		}
		first[order[0]]++
		if got, want := keyserver.DeputiesOf(account, order[1:2], servers), []omega.Fingerprint{order[0], order[2]}; !slices.Equal(got, want) {
			t.Fatalf("deputies %v, want %v", got, want)
		}
	}
	for _, fp := range servers {
		// 100 each, give or take five standard deviations.
		if n := first[fp]; n < 50 || n > 150 {
			t.Errorf("%v comes first for %d of %d accounts", fp, n, accounts)
		}
	}
}

// The rank is what spec/delivery.md says, octet by octet: other
// implementations must find the same.
func TestRankVector(t *testing.T) {
	account := numbered(t, binary.BigEndian.Uint64([]byte("account!")))
	var servers []omega.Fingerprint
	for i := range uint64(8) {
		servers = append(servers, numbered(t, i))
	}
	var got []int
	for _, fp := range keyserver.Rank(account, servers) {
		got = append(got, slices.Index(servers, fp))
	}
	if want := []int{1, 2, 6, 5, 0, 7, 3, 4}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestChooseHomes(t *testing.T) {
	account := numbered(t, 99)
	s := func(n uint64) omega.Fingerprint { return numbered(t, n) }
	all := []keyserver.Candidate{{s(1), "a"}, {s(2), "a"}, {s(3), "b"}, {s(4), "b"}, {s(5), ""}, {s(6), ""}, {s(7), "c"}}
	tests := []struct {
		name       string
		have       []omega.Fingerprint
		candidates []keyserver.Candidate
		want       int
	}{
		{"a new account", nil, all, 3},
		{"one that registered somewhere", []omega.Fingerprint{s(1)}, all, 3},
		{"a home that left the cloud stays until it is replaced", []omega.Fingerprint{s(50)}, all, 3},
		{"enough already", []omega.Fingerprint{s(1), s(2), s(3), s(4)}, all, 4},
		{"one operator only", []omega.Fingerprint{s(1)}, []keyserver.Candidate{{s(1), "a"}, {s(2), "a"}, {s(20), "a"}}, 3},
		{"two servers", []omega.Fingerprint{s(1)}, []keyserver.Candidate{{s(1), ""}, {s(2), ""}}, 2},
		{"nobody", nil, nil, 0},
	}
	operator := map[omega.Fingerprint]string{}
	for _, c := range all {
		operator[c.Server] = c.Operator
	}
	for _, tt := range tests {
		got := keyserver.ChooseHomes(account, tt.have, tt.candidates, keyserver.DefaultHomes)
		if len(got) != tt.want || len(got) < len(tt.have) || !slices.Equal(got[:len(tt.have)], tt.have) {
			t.Errorf("%s: got %v", tt.name, got)
		}
		if tt.name != "one that registered somewhere" {
			continue
		}
		for i, x := range got {
			for _, y := range got[:i] {
				if operator[x] != "" && operator[x] == operator[y] {
					t.Errorf("%s: two homes of operator %s", tt.name, operator[x])
				}
			}
		}
	}
}
