package keyserver

import (
	"testing"

	"github.com/omega-im/omega"
)

// A write changes three numbers of the tree, however much is in it.
func BenchmarkDigestUpdate(b *testing.B) {
	fp, err := omega.FingerprintV4(make([]byte, 20))
	if err != nil {
		b.Fatal(err)
	}
	d := new(digest)
	before, after := Summary{Fingerprint: fp, Sequence: 1}, Summary{Fingerprint: fp, Sequence: 2}
	b.ReportAllocs()
	for b.Loop() {
		d.add(before)
		d.drop(before)
		d.add(after)
		d.drop(after)
	}
}
