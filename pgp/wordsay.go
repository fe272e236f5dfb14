package pgp

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/omega-im/omega"
)

// Remove returns cert with a device removed in the name of the device that signs: block
// is what RevokeBefore made for it. The error is ErrPolicy if that does not revoke this
// device, or the word does not count. (spec/keys.md, KEYS-35)
func Remove(ctx context.Context, by Signer, cert *Certificate, device omega.Fingerprint, block []byte, now time.Time) (*Certificate, error) {
	said, err := cert.revokes(device, block, now)
	if err != nil {
		return nil, err
	}
	if _, ok := cert.stands(WordRemoval, by.Public().fp, device); ok {
		return cert, nil // a later word would let stand what it said in between
	}
	w, err := signWord(ctx, by, cert, Word{Kind: WordRemoval, About: device, Since: time.Unix(0, 0), At: now})
	if err != nil {
		return nil, err
	}
	for i := range said.subkeys {
		if s := &said.subkeys[i]; s.key.fp == device {
			s.words = []Word{w}
		}
	}
	out, err := cert.join(said, now)
	if err != nil {
		return nil, err
	}
	if d, _ := out.Device(device); !d.Revoked {
		return nil, fmt.Errorf("remove device %s: %w: a device that was linked earlier has removed or contested the one that says so", device, ErrPolicy)
	}
	return out, nil
}

// CheckRevocation returns nil if block, which RevokeBefore made, is of a device of the
// certificate.
func CheckRevocation(cert *Certificate, device omega.Fingerprint, block []byte, now time.Time) error {
	_, err := cert.revokes(device, block, now)
	return err
}

// revokes reads a block that revokes both subkeys of a device.
func (c *Certificate) revokes(device omega.Fingerprint, block []byte, now time.Time) (*core, error) {
	said, err := c.read(block, now)
	if err != nil {
		return nil, err
	}
	d, ok := c.Device(device)
	n := 0
	for i := range said.subkeys {
		if s := &said.subkeys[i]; ok && s.revocation != nil && (s.key.fp == device || s.key.fp == d.Encryption.fp) {
			n++
		}
	}
	if n != 2 {
		return nil, fmt.Errorf("revoke device %s: %w: the revocation is of another one", device, ErrPolicy)
	}
	return said, nil
}

// Contest returns cert with everything void by which a device removed others from since
// on, in the name of the device that signs, which was linked earlier. The device itself
// stays in the list. The error is ErrPolicy if the word does not count.
// (spec/keys.md, KEYS-37)
func Contest(ctx context.Context, by Signer, cert *Certificate, against omega.Fingerprint, since, now time.Time) (*Certificate, error) {
	at := now
	for _, w := range cert.Removals() { // a clock may be two minutes ahead
		if w.By == against {
			at = latest(at, w.At)
		}
	}
	if w, ok := cert.stands(WordContest, by.Public().fp, against); ok && w.Since.Before(since) {
		since = w.Since // what was contested before stays so
	}
	w, err := signWord(ctx, by, cert, Word{Kind: WordContest, About: against, Since: since, At: at})
	if err != nil {
		return nil, err
	}
	c := cert.copy()
	for i := range c.subkeys {
		if s := &c.subkeys[i]; s.key.fp == against {
			s.words = joinWords(s.words, []Word{w})
		}
	}
	out, err := c.checked(at)
	if err != nil {
		return nil, err
	}
	if _, ok := out.stands(WordContest, w.By, against); ok {
		return out, nil
	}
	return nil, fmt.Errorf("contest removals by device %s: %w: it was linked earlier, or the one that contests is out", against, ErrPolicy)
}

// signWord completes a word and signs it.
func signWord(ctx context.Context, by Signer, cert *Certificate, w Word) (Word, error) {
	w.By = by.Public().fp
	if _, ok := cert.Device(w.By); !ok || w.By == w.About {
		return w, fmt.Errorf("speak of device %s: %w: %s cannot", w.About, ErrPolicy, w.By)
	}
	if _, ok := cert.Device(w.About); !ok {
		return w, fmt.Errorf("speak of device %s: %w: certificate %s does not list it", w.About, ErrPolicy, cert.primary.fp)
	}
	w.Since, w.At = w.Since.Truncate(time.Second).UTC(), w.At.Truncate(time.Second).UTC()
	sig, err := SignCompact(ctx, by, w.signed(cert.primary.fp), w.At)
	if err != nil {
		return w, fmt.Errorf("speak of device %s: %w", w.About, err)
	}
	w.Sig = sig
	return w, nil
}

// Said returns, as a key block that Certificate.Update and gpg --import take, what the
// primary key and one device say of another one, with what that needs to be judged: about
// 3 KB. (spec/keys.md, KEYS-39)
func (c *Certificate) Said(by, about omega.Fingerprint) []byte {
	b := c.primary.Packet(false)
	for i := range c.subkeys {
		s := c.subkeys[i]
		if o := s.owner(); o != by && o != about {
			continue
		}
		s.words = slices.DeleteFunc(slices.Clone(s.words), func(w Word) bool { return w.By != by || w.About != about })
		b = append(b, s.key.Packet(true)...)
		if s.revoked() {
			b = appendSig(b, s.revocation, c.primary)
		}
		b = append(b, s.binding.packetWith(c.primary, s.loose(c.primary))...)
	}
	return b
}
