package pgp

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"math"
	"slices"
	"time"

	"github.com/omega-im/omega"
)

// ContestTime is for how long what a device said of another one can be contested by a
// device that was linked earlier. The primary key needs no such time.
// (spec/keys.md, KEYS-37)
const ContestTime = 72 * time.Hour

// A WordKind says what a device says of another one.
type WordKind uint8

const (
	WordRemoval WordKind = 1 // it is no device of the account any more
	WordContest WordKind = 2 // what it removed is not removed
)

// Labels of what is signed.
const (
	labelRemoval = "omega-im/device-removal/v1\n"
	labelContest = "omega-im/device-contest/v1\n"
)

// A Word is what one device of an account says about another one, in its own name: its
// certificate carries it. (spec/keys.md, KEYS-35)
type Word struct {
	Kind      WordKind
	By, About omega.Fingerprint // signing subkeys
	Since, At time.Time         // whole seconds; a contest is of removals from Since to At, a removal has no Since
	Sig       Compact
	State     WordState // what became of it, in the certificate that it was read from
}

// Octets of a word in a certificate: kind, by, since, at, signature.
const wordSize = 1 + omega.FingerprintSizeV4 + 8 + 8 + CompactSize

// Limits of words.
const (
	// maxWords is how many are judged of one certificate as it comes: each costs a
	// verification.
	maxWords = 512

	// wordRoom is how much of a certificate is left for words and for the revocations
	// that they use, in octets, by who adds a device.
	wordRoom = 6 << 10

	// wordBudget is what the words that stand before the last one that is kept may
	// cost, in octets: with that one, under a key of RSA 4096 too, all fit into
	// wordRoom. An account of 32 devices has room for it, and some to spare.
	wordBudget = 4608
)

// signed is what the signature covers.
func (w *Word) signed(account omega.Fingerprint) []byte {
	label := labelRemoval
	if w.Kind == WordContest {
		label = labelContest
	}
	b := account.AppendTo([]byte(label))
	b = w.By.AppendTo(b)
	b = w.About.AppendTo(b)
	b = binary.BigEndian.AppendUint64(b, uint64(w.Since.Unix()))
	return binary.BigEndian.AppendUint64(b, uint64(w.At.Unix()))
}

// append appends the word as it stands with the device that it is about.
func (w *Word) append(b []byte) []byte {
	b = append(b, byte(w.Kind))
	b = w.By.AppendTo(b)
	b = binary.BigEndian.AppendUint64(b, uint64(w.Since.Unix()))
	b = binary.BigEndian.AppendUint64(b, uint64(w.At.Unix()))
	return append(b, w.Sig[:]...)
}

// readWords reads what append wrote about one device. What is no word is dropped, as
// signatures are that do not hold.
func readWords(b []byte, about omega.Fingerprint) (list []Word) {
	for ; len(b) >= wordSize; b = b[wordSize:] {
		by, n, err := omega.DecodeFingerprint(b[1:])
		since, at := binary.BigEndian.Uint64(b[22:]), binary.BigEndian.Uint64(b[30:])
		w := Word{Kind: WordKind(b[0]), By: by, About: about, Since: unix(since), At: unix(at), Sig: Compact(b[38:wordSize])}
		switch {
		case err != nil || n != omega.FingerprintSizeV4 || since > at || at > math.MaxUint32:
		case w.Kind == WordRemoval && since == 0, w.Kind == WordContest:
			list = append(list, w)
		}
	}
	return list
}

func unix(n uint64) time.Time { return time.Unix(int64(n&math.MaxInt64), 0).UTC() }

// laterWord orders words of one kind by one device about another: the last stands.
func laterWord(a, b *Word) int {
	return cmp.Or(a.At.Compare(b.At), b.Since.Compare(a.Since), bytes.Compare(b.Sig[:], a.Sig[:]))
}

// joinWords is the union of words about one device: of each kind and signer the last.
func joinWords(a, b []Word) []Word {
	if len(b) == 0 {
		return a
	}
	out := slices.Clone(a)
	for _, w := range b {
		i := slices.IndexFunc(out, func(o Word) bool { return o.Kind == w.Kind && o.By == w.By })
		switch {
		case i < 0:
			out = append(out, w)
		case laterWord(&out[i], &w) < 0:
			out[i] = w
		}
	}
	return out
}

func isRemoval(w Word) bool { return w.Kind == WordRemoval }

// Words returns what the devices say of each other, in order of the devices that it is
// about.
func (c *Certificate) Words() (out []Word) {
	for i := range c.subkeys {
		out = append(out, c.subkeys[i].words...)
	}
	return out
}

// Removals returns the removals of devices by devices, contested ones too.
func (c *Certificate) Removals() []Word {
	return slices.DeleteFunc(c.Words(), func(w Word) bool { return !isRemoval(w) })
}

// Earlier reports whether device a was linked before device b: by the creation time of
// the signing subkey, then by fingerprint. Both are devices of the certificate.
// (spec/keys.md, KEYS-36)
func (c *Certificate) Earlier(a, b omega.Fingerprint) bool {
	for i := range c.subkeys {
		if fp := c.subkeys[i].key.fp; fp == a || fp == b {
			return fp == a && a != b
		}
	}
	return false
}

// stands returns the word of a kind by one device about another, if there is one that
// counts.
func (c *Certificate) stands(kind WordKind, by, about omega.Fingerprint) (Word, bool) {
	for _, w := range c.Words() {
		if w.Kind == kind && w.By == by && w.About == about && w.State == WordStands {
			return w, true
		}
	}
	return Word{}, false
}
