package directory

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/mesh"
	"github.com/omega-im/omega/pgp"
)

// serverNumber returns the made-up fingerprint number i.
func serverNumber(i int) omega.Fingerprint {
	fp, err := omega.ParseFingerprint(fmt.Sprintf("%08X%032X", i*2654435761%(1<<32), i))
	if err != nil {
		panic(err) // 40 digits are one
	}
	return fp
}

// cloudOf is a cloud of n full members, each linked with the four after it.
func cloudOf(n int) *mesh.Topology {
	t := &mesh.Topology{State: mesh.StateStrict, States: map[omega.Fingerprint]mesh.ServerState{}, Connectivity: 3}
	var list []omega.Fingerprint
	for i := range n {
		list = append(list, serverNumber(i))
	}
	for i := range n {
		for k := 1; k <= min(4, n-1); k++ {
			t.Links = append(t.Links, mesh.Edge{A: list[i], B: list[(i+k)%n], RTT: time.Duration(k) * time.Millisecond})
		}
	}
	g := mesh.NewGraph(list, t.Links, nil)
	t.Links = g.Edges()
	for i, fp := range g.Servers() {
		t.Servers = append(t.Servers, &mesh.Record{Announcement: &mesh.Announcement{
			Server: fp, Name: fmt.Sprint("server ", i), Operator: fmt.Sprint("operator ", i/2), Client: fmt.Sprintf("s%d.example:7000", i), Flags: mesh.FlagTransit,
			HTTP: fmt.Sprintf("https://s%d.example", i), Version: "v1.2.3", Users: 10, Issued: noon,
		}})
		t.States[fp] = mesh.Full
	}
	return t
}

var noon = time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)

func testIdentity(t testing.TB) *pgp.Identity {
	t.Helper()
	ctx, now, random := context.Background(), noon.Add(-time.Hour), rand.NewChaCha8([32]byte{1})
	primary, err := pgp.GenerateSigning(random, now)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := pgp.NewCertificate(ctx, primary, time.Time{}, now)
	if err != nil {
		t.Fatal(err)
	}
	dev, err := pgp.GenerateDevice(random, "server", now)
	if err != nil {
		t.Fatal(err)
	}
	req, err := dev.Request(ctx, primary.Public(), now)
	if err != nil {
		t.Fatal(err)
	}
	if cert, err = pgp.AddDevice(ctx, primary, cert, req, now); err != nil {
		t.Fatal(err)
	}
	id, err := pgp.NewIdentity(cert, dev)
	if err != nil {
		t.Fatal(err)
	}
	return id
}
