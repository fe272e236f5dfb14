package keyserver

import (
	"crypto/sha256"
	"fmt"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/pgp"
	"github.com/omega-im/omega/wire"
)

// An Entry is what a key server holds of one account or server, parsed and
// verified. It is immutable and may be shared.
type Entry struct {
	Certificate *pgp.Certificate
	Record      *wire.Record // nil for servers, and for accounts that have none that holds
}

// ParseEntry reads an entry and verifies the certificate. The record is
// decoded and not judged: see VerifyRecord.
func ParseEntry(e wire.Entry, now time.Time) (*Entry, error) {
	return readEntry(e, now, pgp.ParseCertificate)
}

// readOwn reads an item out of our own store. What is in it was verified
// before it was put there, so that only decay has to be found: its hash tells.
func readOwn(item *Item, now time.Time) (*Entry, error) {
	w, err := wire.DecodeEntry(item.Entry)
	if err != nil {
		return nil, fmt.Errorf("read stored entry of %s: %w", item.Fingerprint, err)
	}
	if e, err := readEntry(w, now, pgp.ReadOwn); err == nil && e.Hash() == item.Hash {
		return e, nil
	}
	return ParseEntry(w, now)
}

func readEntry(e wire.Entry, now time.Time, read func([]byte, time.Time) (*pgp.Certificate, error)) (*Entry, error) {
	cert, err := read(e.Certificate, now)
	if err != nil {
		return nil, fmt.Errorf("read entry: %w", err)
	}
	out := &Entry{Certificate: cert}
	if len(e.Record) > 0 {
		if out.Record, err = wire.DecodeRecord(e.Record); err != nil {
			return nil, fmt.Errorf("read entry of %s: %w", cert.Fingerprint(), err)
		}
	}
	return out, nil
}

// Fingerprint names the account or server.
func (e *Entry) Fingerprint() omega.Fingerprint { return e.Certificate.Fingerprint() }

// Sequence is the location record's, or 0 without one.
func (e *Entry) Sequence() uint64 {
	if e.Record == nil {
		return 0
	}
	return e.Record.Sequence
}

// Homes are the servers that keep the account's mail. The caller does not
// change them.
func (e *Entry) Homes() []omega.Fingerprint {
	if e.Record == nil {
		return nil
	}
	return e.Record.Homes
}

// Wire returns the entry as it travels.
func (e *Entry) Wire() wire.Entry {
	w := wire.Entry{Certificate: e.Certificate.Bytes()}
	if e.Record != nil {
		w.Record = e.Record.Bytes()
	}
	return w
}

// Hash is SHA-256 over the certificate's hash and the record's, 32 zero octets
// standing for no record. Servers whose hashes are equal hold the same.
func (e *Entry) Hash() [32]byte {
	var record [32]byte
	if e.Record != nil {
		record = e.Record.Hash()
	}
	return entryHash(e.Certificate.Hash(), record)
}

func entryHash(cert, record [32]byte) [32]byte {
	var b [64]byte
	copy(b[:], cert[:])
	copy(b[32:], record[:])
	return sha256.Sum256(b[:])
}

// Summary says what is held without holding it.
func (e *Entry) Summary() Summary {
	return Summary{Fingerprint: e.Fingerprint(), Sequence: e.Sequence(), Hash: e.Hash()}
}

// Subkeys are the signing and encryption subkeys of all devices.
func (e *Entry) Subkeys() []omega.Fingerprint {
	var out []omega.Fingerprint
	for _, d := range e.Certificate.Devices() {
		out = append(out, d.Signing.Fingerprint(), d.Encryption.Fingerprint())
	}
	return out
}

// A holding is an entry with what is kept beside it.
type holding struct {
	*Entry
	others  []*wire.Record // that do not stand
	receipt []byte         // of the sponsor; nil: none
	narrow  bool           // it is for owners and homes only
}

// summary is what the digests have of it.
func (h *holding) summary() Summary {
	s := h.Summary()
	s.Narrow = h.narrow
	return s
}

// item is what the store keeps.
func (h *holding) item() *Item {
	w := h.Wire()
	it := &Item{Summary: h.summary(), Entry: wire.AppendEntry(nil, &w), Receipt: h.receipt}
	for _, o := range h.others {
		it.Others = append(it.Others, o.Bytes())
	}
	it.Subkeys = h.Subkeys()
	it.Subkeys = it.Subkeys[:min(len(it.Subkeys), MaxSubkeys)]
	return it
}

// others reads the records beside the one that stands.
func (it *Item) others() ([]*wire.Record, error) {
	var out []*wire.Record
	for _, b := range it.Others {
		rec, err := wire.DecodeRecord(b)
		if err != nil {
			return nil, fmt.Errorf("read other records of %s: %w", it.Fingerprint, err)
		}
		out = append(out, rec)
	}
	return out, nil
}
