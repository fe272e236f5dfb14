package hkp_test

import (
	"bytes"
	"crypto/rand"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/keyserver"
	"github.com/omega-im/omega/keyserver/pebble"
	"github.com/omega-im/omega/pgp"
)

// BenchmarkDisk fills a store with items of the sizes that real accounts have,
// and says how many fit into a gigabyte.
func BenchmarkDisk(b *testing.B) {
	const items = 50_000
	sizes := map[string]func(i int) *keyserver.Item{}
	s := &service{server: &server{}, clock: time.Now}
	ed, big := itemOf(benchAccount(b, s, 1).cert), itemOf(benchAccount(b, s, 3).cert)
	rsa := itemOf(rsaCertificate(b))
	sizes["ed25519"] = func(int) *keyserver.Item { return ed }
	sizes["mix"] = func(i int) *keyserver.Item { // 80 % one device, 15 % three, 5 % under an RSA key of gpg
		switch {
		case i%20 == 0:
			return rsa
		case i%20 < 4:
			return big
		}
		return ed
	}
	for name, like := range sizes {
		b.Run(name, func(b *testing.B) {
			for range b.N {
				dir := filepath.Join(b.TempDir(), "keys")
				octets := fill(b, dir, items, like)
				b.ReportMetric(float64(octets)/items, "octets/cert")
				b.ReportMetric(items/float64(octets)*1e9, "certs/GB")
				b.ReportMetric(0, "ns/op")
			}
		})
	}
}

// fill stores items whose octets are random, as keys and signatures are, and
// returns what the folder takes when everything is written out of memory.
func fill(b *testing.B, dir string, n int, like func(int) *keyserver.Item) (octets int64) {
	b.Helper()
	store, err := pebble.Open(pebble.Config{Dir: dir, Reserve: -1})
	if err != nil {
		b.Fatal(err)
	}
	each(256, n, func(i int) {
		item := *like(i)
		item.Entry = bytes.Clone(item.Entry)
		rand.Read(item.Entry)
		item.Fingerprint, item.Subkeys, item.Changed = anybody(), slices.Clone(item.Subkeys), time.Now()
		for j := range item.Subkeys {
			item.Subkeys[j] = anybody()
		}
		rand.Read(item.Hash[:])
		if err := store.Put(b.Context(), &item); err != nil {
			b.Error(err)
		}
	})
	if err := store.Close(); err != nil {
		b.Fatal(err)
	}
	if store, err = pebble.Open(pebble.Config{Dir: dir, Reserve: -1}); err != nil { // replays the log into tables
		b.Fatal(err)
	}
	if err := store.Close(); err != nil {
		b.Fatal(err)
	}
	err = filepath.Walk(dir, func(_ string, info os.FileInfo, err error) error {
		if err == nil && !info.IsDir() {
			octets += info.Size()
		}
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	return octets
}

func anybody() omega.Fingerprint {
	var digest [20]byte
	rand.Read(digest[:])
	fp, _ := omega.FingerprintV4(digest[:]) // 20 octets always fit
	return fp
}

// recordSize is the length of a location record with three homes, in octets.
const recordSize = 322

// itemOf is what a store keeps of an account with a certificate and a record.
func itemOf(cert *pgp.Certificate) *keyserver.Item {
	e := keyserver.Entry{Certificate: cert}
	return &keyserver.Item{Summary: e.Summary(), Subkeys: e.Subkeys(), Entry: append(cert.Bytes(), make([]byte, recordSize)...)}
}

// rsaCertificate is one under an RSA key of 2048 bits.
func rsaCertificate(b *testing.B) *pgp.Certificate {
	b.Helper()
	raw, err := os.ReadFile("../../pgp/testdata/rsa2048.pgp")
	if err != nil {
		b.Fatal(err)
	}
	cert, err := pgp.ParseCertificate(raw, time.Now())
	if err != nil {
		b.Fatal(err)
	}
	return cert
}
