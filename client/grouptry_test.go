package client

import (
	"slices"
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
)

func signer(t *testing.T, n byte) omega.Fingerprint {
	t.Helper()
	digest := make([]byte, 20)
	digest[0] = n
	fp, err := omega.FingerprintV4(digest)
	if err != nil {
		t.Fatal(err)
	}
	return fp
}

// Signers of a large group come as servers allow, those of the first operations
// first. The last message is not given up meanwhile, however often none of its own
// signers had their turn; when no one comes any more, it is. (spec/group.md, GROUP-29)
func TestSignersInTurn(t *testing.T) {
	var list []*opsIn
	for page := range byte(20) {
		in := &opsIn{group: chat.Hash{1}}
		for n := range byte(10) {
			in.need = append(in.need, signer(t, 200-page*10-n), signer(t, 200-page*10)) // against the order of fingerprints
		}
		list = append(list, in)
	}
	now, last := time.Now(), list[len(list)-1]
	for turn := 0; len(list) > 1; turn++ {
		order := signersOf(list)
		if order[0] != list[0].need[0] || len(order) != 10*len(list) {
			t.Fatalf("turn %d: %d signers, %v first", turn, len(order), order[0])
		}
		failed := map[omega.Fingerprint]bool{}
		for _, fp := range order[10:] { // a page's in a turn
			failed[fp] = true
		}
		for _, in := range list {
			in.try(failed, true, now)
			if gone := slices.ContainsFunc(in.need, func(fp omega.Fingerprint) bool { return in.tried[fp] }); gone != (in == list[0]) {
				t.Fatalf("turn %d: looked up or given up: %v", turn, gone)
			}
		}
		if !last.due.After(now) {
			t.Fatal("tried again at once")
		}
		list = list[1:]
	}
	failed := map[omega.Fingerprint]bool{}
	for _, fp := range last.need {
		failed[fp] = true
	}
	tries := 0
	for ; !last.tried[last.need[0]] && tries < 2*maxTries; tries++ {
		last.try(failed, false, now)
	}
	if tries == 0 || tries >= maxTries {
		t.Errorf("given up after %d more tries", tries)
	}
}
