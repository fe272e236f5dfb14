package history

import (
	"time"

	"github.com/omega-im/omega"
)

// A Peer is an account whose certificate or name is known here.
type Peer struct {
	Fingerprint omega.Fingerprint
	Name        string    // profile name, from key records
	Certificate []byte    // canonical; empty if only the name is known
	Record      []byte    // newest location record, may be empty
	Sequence    uint64    // of the record; never goes down
	Checked     time.Time // when the cloud was last asked
}

// Peer returns a peer or ErrNotFound.
func (tx *Tx) Peer(fp omega.Fingerprint) (*Peer, error) {
	p := &Peer{Fingerprint: fp}
	var seq, checked int64
	err := tx.row("read peer "+fp.String(),
		`SELECT name, certificate, record, sequence, checked FROM peer WHERE fingerprint = ? AND length(certificate) > 0`,
		[]any{address(fp)}, &p.Name, &p.Certificate, &p.Record, &seq, &checked)
	if err != nil {
		return nil, err
	}
	p.Sequence, p.Checked = uint64(seq), readTime(checked)
	return p, nil
}

// PutPeer adds or replaces a peer. A location record that is older than the
// stored one, and an empty name, change nothing.
func (tx *Tx) PutPeer(p *Peer) error {
	record, seq := p.Record, p.Sequence
	name := p.Name
	switch old, err := tx.Peer(p.Fingerprint); {
	case err == nil && old.Sequence > seq:
		record, seq = old.Record, old.Sequence
	case err != nil && !notFound(err):
		return err
	}
	_, err := tx.exec("store peer "+p.Fingerprint.String(), `INSERT INTO peer (fingerprint, name, certificate, record, sequence, checked)
		VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (fingerprint) DO UPDATE SET
		name = iif(excluded.name = '', name, excluded.name), certificate = excluded.certificate,
		record = excluded.record, sequence = excluded.sequence, checked = excluded.checked`,
		address(p.Fingerprint), name, blob(p.Certificate), blob(record), int64(seq), millis(p.Checked))
	return err
}

// SetPeerName sets what an account calls itself, also before its certificate
// is known.
func (tx *Tx) SetPeerName(fp omega.Fingerprint, name string) error {
	_, err := tx.exec("name peer "+fp.String(), `INSERT INTO peer (fingerprint, name) VALUES (?, ?)
		ON CONFLICT (fingerprint) DO UPDATE SET name = excluded.name`, address(fp), name)
	return err
}
