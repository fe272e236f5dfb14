package cloud

import (
	"context"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"hash"
	"slices"
	"sync"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/pgp"
	"github.com/omega-im/omega/wire"
)

// Labels of what a packet's MAC covers and of its key. (spec/cloud.md, CLOUD-25)
const (
	packetLabel    = "omega-im/packet/v1\n"
	packetKeyLabel = "omega-im/packet-key/v1\n"
)

// seals are the keys that this server shares with each other one.
type seals struct {
	self  *pgp.Identity
	certs *certs

	mu sync.RWMutex
	m  map[omega.Fingerprint]*seal // guarded by mu
}

// A seal is the keys shared with one server, as its certificate stands.
type seal struct {
	cert [32]byte     // its hash
	out  *packetKey   // for packets to it; nil: it has no key
	in   []*packetKey // for packets from it, one per active device
}

// A packetKey makes MACs of packets from one server to another.
type packetKey struct {
	macs sync.Pool // of *mac
}

// A mac is a keyed hash with room for what goes into it, pooled since neither
// fits on the stack.
type mac struct {
	h   hash.Hash
	buf []byte
	sum [sha256.Size]byte
}

func newSeals(self *pgp.Identity, certs *certs) *seals {
	return &seals{self: self, certs: certs, m: map[omega.Fingerprint]*seal{}}
}

// with returns the keys shared with a server, nil when it is not known. They
// are derived again when its certificate changed.
func (s *seals) with(peer omega.Fingerprint) *seal {
	cert := s.certs.get(peer)
	if cert == nil {
		return nil
	}
	s.mu.RLock()
	k := s.m[peer]
	s.mu.RUnlock()
	if k != nil && k.cert == cert.Hash() {
		return k
	}
	k = s.derive(cert)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.m[peer] = k
	return k
}

// keep forgets the keys shared with servers for which wanted is false.
func (s *seals) keep(wanted func(omega.Fingerprint) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for fp := range s.m {
		if !wanted(fp) {
			delete(s.m, fp)
		}
	}
}

func (s *seals) derive(cert *pgp.Certificate) *seal {
	k := &seal{cert: cert.Hash()}
	now := s.certs.clock()
	if cert.Check(now) != nil {
		return k
	}
	self, peer := s.self.Account(), cert.Fingerprint()
	devices := cert.Active(now)
	slices.SortStableFunc(devices, func(a, b pgp.Device) int { return b.Added.Compare(a.Added) })
	for i := range devices {
		secret, err := s.self.Decrypter.SharedSecret(context.Background(), devices[i].Encryption)
		if err != nil {
			continue // not a key that can be agreed with
		}
		if k.out == nil {
			k.out, err = newPacketKey(secret, self, peer)
		}
		if in, inErr := newPacketKey(secret, peer, self); err == nil && inErr == nil {
			k.in = append(k.in, in)
		}
	}
	return k
}

func newPacketKey(secret []byte, source, to omega.Fingerprint) (*packetKey, error) {
	info := to.AppendTo(source.AppendTo([]byte(packetKeyLabel)))
	key, err := hkdf.Key(sha256.New, secret, nil, string(info), sha256.Size)
	if err != nil {
		return nil, fmt.Errorf("derive packet key of %v and %v: %w", source, to, err)
	}
	k := &packetKey{}
	k.macs.New = func() any { return &mac{h: hmac.New(sha256.New, key)} }
	return k, nil
}

// sum returns the MAC of a packet.
func (k *packetKey) sum(source, to omega.Fingerprint, id omega.ID, class wire.Class, payload []byte) (out [wire.PacketMACSize]byte) {
	m := k.macs.Get().(*mac)
	defer k.macs.Put(m)
	b := append(m.buf[:0], packetLabel...)
	b = to.AppendTo(source.AppendTo(b))
	b = append(b, id[:]...)
	m.buf = append(b, byte(class))
	m.h.Reset()
	m.h.Write(m.buf)
	m.h.Write(payload)
	return [wire.PacketMACSize]byte(m.h.Sum(m.sum[:0]))
}

// seal returns the MAC of a packet of this server, false when there is no key.
func (s *seals) seal(to omega.Fingerprint, id omega.ID, class wire.Class, payload []byte) (out [wire.PacketMACSize]byte, ok bool) {
	k := s.with(to)
	if k == nil || k.out == nil {
		return out, false
	}
	return k.out.sum(s.self.Account(), to, id, class, payload), true
}

// proves reports whether a packet proves to this server that its source made
// it so.
func (s *seals) proves(p wire.PacketView) bool {
	self, source := s.self.Account(), p.Source()
	var given []byte
	for to, mac := range p.Destinations {
		if to == self {
			given = mac
		}
	}
	k := s.with(source)
	if k == nil || given == nil {
		return false
	}
	for _, in := range k.in {
		if sum := in.sum(source, self, p.ID(), p.Class(), p.Payload()); hmac.Equal(sum[:], given) {
			return true
		}
	}
	return false
}
