package secure

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/pgp"
)

// A Reader is a device that an epoch is opened for.
type Reader struct {
	Account omega.Fingerprint
	Signing omega.Fingerprint
	Prekey  *Prekey        // verified; nil if the device has none
	Classic *pgp.PublicKey // encryption subkey, for a device without Prekey
}

// Device is how a record names the reader: Prekey if it has one, else Classic.
func (r *Reader) Device() (Device, error) {
	switch {
	case r.Prekey != nil:
		return Device{r.Signing, r.Prekey.Hash(), r.Prekey.Use}, nil
	case r.Classic != nil:
		return Device{r.Signing, sha256.Sum256(r.Classic.Packet(true)), UseClassic}, nil
	}
	return Device{}, fmt.Errorf("device %s has no key to wrap for", r.Signing)
}

// A Plan is what the opener of an epoch decides.
type Plan struct {
	Chat    omega.ChatID
	Epoch   uint32
	Parents []Hash
	Heads   []Hash
	Opener  omega.Fingerprint
	Time    time.Time
	Age     time.Duration // 0 is MaxAge
	Limit   uint32        // 0 is MaxLimit
	Readers []Reader      // every device of every member, the opener's own included
}

// An Opened epoch is what its opener sends: Record to all members, and to each
// account its wraps.
type Opened struct {
	Epoch  *Epoch
	Record []byte                       // payload
	Wraps  map[omega.Fingerprint][]byte // payload for each account
}

// Open makes a new epoch, signed by s, which is one of the readers.
func Open(ctx context.Context, rand io.Reader, s pgp.Signer, p *Plan) (*Opened, error) {
	var secret Secret
	if _, err := io.ReadFull(rand, secret[:]); err != nil {
		return nil, fmt.Errorf("open epoch: read randomness: %w", err)
	}
	defer clear(secret[:])
	ks, err := secret.keys()
	if err != nil {
		return nil, fmt.Errorf("open epoch: %w", err)
	}
	rec := &Record{
		Chat: p.Chat, Epoch: p.Epoch, Parents: slices.Clone(p.Parents), Heads: slices.Clone(p.Heads), Opener: p.Opener,
		Device: s.Public().Fingerprint(), Time: p.Time, Expires: p.Time.Add(MaxAge), Limit: MaxLimit, Commitment: ks.commitment,
	}
	if p.Age > 0 {
		rec.Expires = p.Time.Add(p.Age)
	}
	if p.Limit > 0 {
		rec.Limit = p.Limit
	}
	slices.SortFunc(rec.Parents, compareHash)
	slices.SortFunc(rec.Heads, compareHash)
	wraps, paths, err := rec.wrap(rand, secret, p.Readers)
	if err != nil {
		return nil, fmt.Errorf("open epoch: %w", err)
	}
	if err := rec.sign(ctx, s); err != nil {
		return nil, fmt.Errorf("open epoch: %w", err)
	}
	e, err := newEpoch(rec, secret)
	if err != nil {
		return nil, fmt.Errorf("open epoch: %w", err)
	}
	out := &Opened{Epoch: e, Wraps: rec.wrapPayloads(ks.locator, wraps, paths)}
	out.Record, err = rec.payload(&ks)
	return out, err
}

// wrap wraps the secret for every reader, in the record's order, and fills in
// members and root. It returns the packets, and the path of each.
func (r *Record) wrap(rand io.Reader, secret Secret, readers []Reader) (wraps [][]byte, paths [][]Hash, err error) {
	readers = slices.Clone(readers)
	slices.SortFunc(readers, func(a, b Reader) int {
		if c := a.Account.Compare(b.Account); c != 0 {
			return c
		}
		return a.Signing.Compare(b.Signing)
	})
	if len(readers) == 0 || len(readers) > MaxDevices {
		return nil, nil, malformed("epoch for %d devices", len(readers))
	}
	if wraps, err = wrapEach(rand, secret[:], readers); err != nil {
		return nil, nil, err
	}
	leaves := make([]Hash, 0, len(readers))
	for i := range readers {
		d, err := readers[i].Device()
		if err != nil {
			return nil, nil, err
		}
		if n := len(r.Members); n == 0 || r.Members[n-1].Account != readers[i].Account {
			r.Members = append(r.Members, Member{Account: readers[i].Account})
		}
		last := &r.Members[len(r.Members)-1]
		last.Devices = append(last.Devices, d)
		leaves = append(leaves, leaf(i, wraps[i]))
	}
	r.Wraps, paths = tree(leaves)
	return wraps, paths, nil
}

// wrapsInTurn is how many wraps, of a tenth of a millisecond, one goroutine makes.
const wrapsInTurn = 16

// wrapEach wraps the secret for each reader. What reads rand comes first and in order; the
// hybrid wraps, which are nine tenths of what an epoch costs, are shared out.
func wrapEach(rand io.Reader, secret []byte, readers []Reader) ([][]byte, error) {
	hybrid, err := pgp.NewWrapper(rand, secret)
	if err != nil {
		return nil, err
	}
	wraps, errs := make([][]byte, len(readers)), make([]error, len(readers))
	for i := range readers {
		switch r := &readers[i]; {
		case r.Prekey != nil:
		case r.Classic == nil:
			_, errs[i] = r.Device()
		default:
			wraps[i], errs[i] = pgp.SealSessionKey(rand, r.Classic, secret)
		}
	}
	var g sync.WaitGroup
	for first := 0; first < len(readers); first += wrapsInTurn {
		g.Go(func() {
			for i := first; i < min(first+wrapsInTurn, len(readers)); i++ {
				if p := readers[i].Prekey; p != nil {
					wraps[i], errs[i] = hybrid.Wrap(p.Key)
				}
			}
		})
	}
	g.Wait()
	return wraps, errors.Join(errs...)
}

func (r *Record) sign(ctx context.Context, s pgp.Signer) error {
	if err := r.seal(); err != nil {
		return err
	}
	var err error
	r.Signature, err = pgp.SignCompact(ctx, s, r.text, r.SignatureTime())
	return err
}

// wrapPayloads puts the wraps of each account into one payload.
func (r *Record) wrapPayloads(l Locator, wraps [][]byte, paths [][]Hash) map[omega.Fingerprint][]byte {
	out := make(map[omega.Fingerprint][]byte, len(r.Members))
	i := 0
	for _, m := range r.Members {
		b := append(append([]byte{PayloadWrap}, l[:]...), byte(len(m.Devices)))
		for range m.Devices {
			b = binary.BigEndian.AppendUint16(b, uint16(i))
			b = binary.BigEndian.AppendUint16(b, uint16(len(wraps[i])))
			b = append(append(b, wraps[i]...), byte(len(paths[i])))
			for _, h := range paths[i] {
				b = append(b, h[:]...)
			}
			i++
		}
		out[m.Account] = b
	}
	return out
}

func recordData(l Locator) []byte { return append([]byte{PayloadRecord}, l[:]...) }

// payload seals signature and text under the record key.
func (r *Record) payload(k *keys) ([]byte, error) {
	head := recordData(k.locator)
	return sealGCM(head, k.record, make([]byte, nonceSize), append(r.Signature[:], r.text...), head)
}

// A Wrap is one wrapped secret as it came.
type Wrap struct {
	Locator Locator
	Index   int
	Packet  []byte // PKESK
	path    []Hash
}

// ParseWraps reads the payload that carries the wraps of an account.
func ParseWraps(b []byte) ([]Wrap, error) {
	if len(b) < 10 || b[0] != PayloadWrap || len(b) > omega.MaxEnvelope {
		return nil, malformed("wraps of %d octets", len(b))
	}
	l, n := Locator(b[1:9]), int(b[9])
	if n == 0 || n > omega.MaxDevices {
		return nil, malformed("%d wraps", n)
	}
	b = b[10:]
	out := make([]Wrap, 0, n)
	for range n {
		if len(b) < 4 {
			return nil, malformed("wraps cut short")
		}
		w := Wrap{Locator: l, Index: int(binary.BigEndian.Uint16(b))}
		size := int(binary.BigEndian.Uint16(b[2:]))
		if b = b[4:]; len(b) < size+1 || size > pgp.HybridWrapSize {
			return nil, malformed("wrap of %d octets in %d", size, len(b))
		}
		w.Packet = b[:size:size]
		hashes := int(b[size])
		if b = b[size+1:]; hashes > maxPath || len(b) < 32*hashes {
			return nil, malformed("path of %d hashes in %d octets", hashes, len(b))
		}
		for ; hashes > 0; hashes, b = hashes-1, b[32:] {
			w.path = append(w.path, Hash(b))
		}
		out = append(out, w)
	}
	if len(b) > 0 {
		return nil, malformed("%d octets behind wraps", len(b))
	}
	return out, nil
}

// RecordLocator returns the locator of a record's payload.
func RecordLocator(payload []byte) (Locator, bool) {
	if len(payload) < 9+gcmTag+pgp.CompactSize || payload[0] != PayloadRecord {
		return Locator{}, false
	}
	return Locator(payload[1:9]), true
}

// Accept reads an epoch: the record's payload, this device's wrap, and the
// secret that was in it, which Accept does not keep; own is this device with
// the key that opened the wrap. It checks everything but
// the record's signature, which is VerifyRecord's, and whether chat, parents
// and members are what they should be, which the caller knows. Failures are
// ErrMalformed and ErrUnsealed.
func Accept(payload []byte, w *Wrap, secret []byte, own Device) (*Epoch, error) {
	l, ok := RecordLocator(payload)
	if !ok || len(payload) > omega.MaxEnvelope || len(secret) != len(Secret{}) {
		return nil, malformed("epoch record payload of %d octets", len(payload))
	}
	ks, err := Secret(secret).keys()
	if err != nil {
		return nil, err
	}
	if l != ks.locator || w.Locator != l {
		return nil, fmt.Errorf("epoch record %s: %w: the secret is another epoch's", l, ErrUnsealed)
	}
	plain, err := openGCM(ks.record, make([]byte, nonceSize), payload[9:], recordData(l))
	if err != nil {
		return nil, fmt.Errorf("epoch record %s: %w", l, err)
	}
	rec, err := parseRecord(plain[pgp.CompactSize:])
	if err != nil {
		return nil, err
	}
	rec.Signature = pgp.Compact(plain)
	if err := rec.admits(w, ks.commitment, own); err != nil {
		return nil, err
	}
	return newEpoch(rec, Secret(secret))
}

// admits checks what ties a record to one device's wrap. (spec/secure.md, SEC-4
// and SEC-15)
func (r *Record) admits(w *Wrap, commitment Hash, own Device) error {
	devices := r.Devices()
	index := r.Index(own.Signing)
	switch {
	case r.Commitment != commitment:
		return malformed("epoch %s commits to another secret", r.hash)
	case index < 0 || index != w.Index:
		return malformed("epoch %s does not list device %s at %d", r.hash, own.Signing, w.Index)
	case devices[index] != own:
		return malformed("epoch %s names another key or use of device %s", r.hash, own.Signing)
	}
	if root, ok := climb(leaf(w.Index, w.Packet), w.Index, len(devices), w.path); !ok || root != r.Wraps {
		return malformed("epoch %s: the wrap is not the one that all were told of", r.hash)
	}
	return nil
}

// VerifyRecord checks the record's signature with the key of its Device:
// nil or pgp.ErrSignature.
func (r *Record) VerifyRecord(k *pgp.PublicKey) error {
	if k.Fingerprint() != r.Device {
		return fmt.Errorf("epoch %s by %s, checked with %s: %w", r.hash, r.Device, k.Fingerprint(), pgp.ErrSignature)
	}
	return pgp.VerifyCompact(k, r.text, r.SignatureTime(), r.Signature)
}
