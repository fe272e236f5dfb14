package client

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/history"
	"github.com/omega-im/omega/mesh"
	"github.com/omega-im/omega/transport"
)

// Whatever failed before, when, and however near it is: a server that is of use is
// reached in time. Servers refuse, or take the device and are of no use; the clock
// jumps; one of all is of use, and seldom the server of choice.
func TestServerOfUseIsFound(t *testing.T) {
	for seed := range uint64(300) {
		rng := rand.New(rand.NewPCG(seed, 0))
		clock := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		n := 1 + rng.IntN(60)
		if seed%50 == 0 {
			n = maxServers
		}
		c := &Client{
			cfg:     Config{Clock: func() time.Time { return clock }},
			acc:     &account{Server: "192.0.2.1:7000#" + fp(255).String()},
			servers: map[omega.Fingerprint]*knownServer{},
		}
		one := rng.IntN(n) // that is of use
		useless := rng.IntN(4)
		var good omega.Fingerprint
		takes := map[omega.Fingerprint]bool{fp(255): rng.IntN(2) == 0} // the device, to no use
		for i := range n {
			fp := manyFP(i)
			k := &knownServer{
				Server:    history.Server{Fingerprint: fp, Took: time.Duration(1+rng.IntN(300)) * time.Millisecond},
				announced: &mesh.Announcement{Server: fp, Client: fmt.Sprintf("198.51.%d.%d:7000", i/200, 1+i%200), Load: uint16(rng.IntN(1000))},
			}
			if rng.IntN(2) == 0 {
				k.Failed = clock.Add(time.Duration(rng.IntN(7200)-3600) * time.Second)
			}
			if i == one {
				good, k.Took = fp, 3*time.Second // far away
			} else {
				takes[fp] = rng.IntN(4) < useless
			}
			c.servers[fp] = k
		}
		var avoid omega.Fingerprint
		vain := rng.IntN(2) == 0
		rounds := 0
		// A server that takes the device costs a round; every other one may go to the
		// server of choice. Those that refuse go several at a time.
		for most := 2*n + 3; avoid != good; rounds++ {
			if rounds > most {
				t.Fatalf("seed %d: of %d servers the one of use was not tried in %d rounds", seed, n, most)
			}
			got := false
			for _, to := range c.candidates(avoid, false, vain) {
				to := to.addr.Fingerprint
				if to != good && !takes[to] {
					c.noteDial(to, 0, errors.New("refused"))
					continue
				}
				c.noteDial(to, c.servers[good].Took, nil)
				avoid, got = to, true
				break
			}
			if got && avoid != good {
				c.noteDial(avoid, 0, errUseless)
			}
			vain = true
			clock = clock.Add(time.Duration(rng.IntN(40)) * time.Second)
			if rng.IntN(20) == 0 {
				clock = clock.Add(time.Duration(rng.IntN(3600)-1800) * time.Second)
			}
		}
	}
}

// Servers that refuse are tried seven at a time beside the server of choice.
func TestChooseGoesRound(t *testing.T) {
	now := time.Unix(1e9, 0)
	var all []prospect
	for i := range 100 {
		all = append(all, prospect{candidate: candidate{addr: transport.Address{Fingerprint: manyFP(i)}}, cost: float64(i), failed: now.Add(-time.Hour)})
	}
	tried := map[omega.Fingerprint]bool{}
	tries := uint64(0)
	for round := 0; len(tried) < len(all); round++ {
		if round > 100/7 {
			t.Fatalf("%d of %d were tried in %d rounds", len(tried), len(all), round)
		}
		now = now.Add(time.Second)
		for _, to := range choose(all, now, true, 7) {
			tried[to.addr.Fingerprint] = true
			for i := range all {
				if all[i].addr == to.addr {
					tries++
					all[i].failed, all[i].tried = now, tries
				}
			}
		}
	}
	if best := choose(all, now.Add(failedFor), false, 7); best[0].addr.Fingerprint != manyFP(0) {
		t.Errorf("once one is of use, the nearest is not first: %s", best[0].addr.Fingerprint)
	}
}

// The clients of a server that stalls dial others at different moments, and not all
// the same one: of 1,000 clients with ten servers around them that they know from
// the mesh only, some nearer than others, none gets more than a fifth, and no tenth
// of the time more than a quarter of the dials.
func TestStallIsNoStampede(t *testing.T) {
	const clients, servers = 1000, 10
	byServer, byTime := map[omega.Fingerprint]int{}, map[time.Duration]int{}
	stalls := manyFP(servers)
	for range clients {
		c := &Client{acc: &account{Server: "198.51.2.1:7000#" + stalls.String()}, servers: map[omega.Fingerprint]*knownServer{}}
		own := &mesh.Announcement{Server: stalls, Client: "198.51.2.1:7000"}
		for i := range servers {
			f, rtt := manyFP(i), time.Duration(1+2*i)*time.Millisecond
			own.Links = append(own.Links, mesh.Link{Peer: f, RTT: rtt})
			a := &mesh.Announcement{Server: f, Client: fmt.Sprintf("198.51.1.%d:7000", i+1), Links: []mesh.Link{{Peer: stalls, RTT: rtt}}}
			c.servers[f] = &knownServer{Server: history.Server{Fingerprint: f}, announced: a}
		}
		c.servers[stalls] = &knownServer{Server: history.Server{Fingerprint: stalls, Took: 4 * time.Millisecond}, announced: own}
		byServer[c.candidates(stalls, true, false)[0].addr.Fingerprint]++
		at := hedge(signWait)
		if at < signWait/4 || at >= signWait/2 {
			t.Errorf("dials after %v", at)
		}
		byTime[(at-signWait/4)/(signWait/40)]++
	}
	for server, n := range byServer {
		if n > clients/5 {
			t.Errorf("%d of %d dial %s", n, clients, server)
		}
	}
	for moment, n := range byTime {
		if n > clients/4 {
			t.Errorf("%d of %d dial in tenth %d", n, clients, moment)
		}
	}
}

// manyFP is the fingerprint of a server with a number.
func manyFP(n int) omega.Fingerprint {
	b := make([]byte, 20)
	b[0] = 1
	binary.BigEndian.PutUint16(b[18:], uint16(n))
	f, err := omega.ParseFingerprint(fmt.Sprintf("%X", b))
	if err != nil {
		panic(err)
	}
	return f
}
