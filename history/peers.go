package history

import (
	"slices"
	"strings"
	"time"

	"github.com/omega-im/omega"
)

// A Peer is an account whose certificate or name is known here.
type Peer struct {
	Fingerprint omega.Fingerprint
	Name        string    // profile name, from key records
	Certificate []byte    // canonical; empty if only the name is known; of a deleted account what it was before
	Record      []byte    // newest location record, may be empty
	Sequence    uint64    // of the record; never goes down
	Chained     uint64    // from this sequence on each record named the one before; 0 unknown
	Checked     time.Time // when the cloud was last asked
	Stated      Statement
	Lost        time.Time // when a device of it was revoked last; zero: none was. Only PutPeer looks at it
	Deleted     time.Time // when its tombstone was seen; zero: never
	Tombstone   []byte    // certificate of the deleted account
}

// A Statement is what a device said in a signed message about the record of its
// own account. (spec/chat.md, CHAT-19)
type Statement struct {
	Sequence uint64 // 0: there is none
	Hash     [16]byte
	Device   omega.Fingerprint
	Proof    []byte // 64 signature, transcript
}

// Behind reports whether a device spoke of a later record than this one has.
func (p *Peer) Behind() bool { return p.Stated.Sequence > p.Sequence }

const selectPeer = `SELECT fingerprint, name, certificate, record, sequence, chained, checked, stated, stated_hash, stated_device, stated_proof,
	deleted, tombstone FROM peer WHERE length(certificate) > 0 `

func scanPeer(scan func(...any) error) (*Peer, error) {
	p := &Peer{}
	var fp, hash, device []byte
	var seq, chained, checked, stated, deleted int64
	err := scan(&fp, &p.Name, &p.Certificate, &p.Record, &seq, &chained, &checked, &stated, &hash, &device, &p.Stated.Proof, &deleted, &p.Tombstone)
	if err != nil {
		return nil, err
	}
	if p.Fingerprint, err = readAddress(fp); err != nil {
		return nil, err
	}
	p.Sequence, p.Chained, p.Checked, p.Deleted = uint64(seq), uint64(chained), readTime(checked), readTime(deleted)
	if p.Stated.Sequence = uint64(stated); stated == 0 {
		return p, nil
	}
	if err := fill(p.Stated.Hash[:], hash); err != nil {
		return nil, err
	}
	p.Stated.Device, err = readAddress(device)
	return p, err
}

// Peer returns a peer or ErrNotFound.
func (tx *Tx) Peer(fp omega.Fingerprint) (p *Peer, err error) {
	what := "read peer " + fp.String()
	err = tx.rows(what, selectPeer+`AND fingerprint = ?`, []any{address(fp)}, func(scan func(...any) error) error {
		p, err = scanPeer(scan)
		return err
	})
	if err == nil && p == nil {
		err = ErrNotFound
	}
	return p, err
}

// StalePeers returns at most n peers with whom there is a chat, that are not
// deleted and that were asked about before a time, longest ago first.
func (tx *Tx) StalePeers(before time.Time, n int) (out []Peer, err error) {
	err = tx.rows("read peers", selectPeer+`AND deleted = 0 AND checked < ? AND fingerprint IN (SELECT peer FROM chat)
		ORDER BY checked LIMIT ?`, []any{millis(before), n}, func(scan func(...any) error) error {
		p, err := scanPeer(scan)
		if err == nil {
			out = append(out, *p)
		}
		return err
	})
	return out, err
}

// PutPeer adds or replaces a peer. A location record that is older than the
// stored one changes nothing, nor does a name where there is one (HearName); what was
// stated, and a tombstone, stay as they are (SetStated, SetDeleted).
func (tx *Tx) PutPeer(p *Peer) error {
	record, seq, chained := p.Record, p.Sequence, p.Chained
	switch old, err := tx.Peer(p.Fingerprint); {
	case err == nil && old.Sequence > seq:
		record, seq, chained = old.Record, old.Sequence, old.Chained
	case err != nil && !notFound(err):
		return err
	}
	_, err := tx.exec("store peer "+p.Fingerprint.String(), `INSERT INTO peer (fingerprint, name, certificate, record, sequence, chained, checked, lost)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (fingerprint) DO UPDATE SET
		name = iif(name = '', excluded.name, name), certificate = excluded.certificate,
		record = excluded.record, sequence = excluded.sequence, chained = excluded.chained, checked = excluded.checked, lost = excluded.lost`,
		address(p.Fingerprint), p.Name, blob(p.Certificate), blob(record), int64(seq), int64(chained), millis(p.Checked), millis(p.Lost))
	return err
}

// PeersLost returns the peers of whom a device was revoked after a time, or may
// have been.
func (tx *Tx) PeersLost(after time.Time) ([]omega.Fingerprint, error) {
	return tx.accounts("read peers with revoked devices", `SELECT fingerprint FROM peer WHERE lost <> 0 AND (lost < 0 OR lost > ?) AND length(certificate) > 0`, millis(after))
}

// A PeerAge says how old is what is known of a peer.
type PeerAge struct {
	Checked time.Time
	Deleted bool
}

// PeerAges returns those of all peers whose certificates are here.
func (tx *Tx) PeerAges() (map[omega.Fingerprint]PeerAge, error) {
	out := map[omega.Fingerprint]PeerAge{}
	err := tx.rows("read peers", `SELECT fingerprint, checked, deleted FROM peer WHERE length(certificate) > 0`, nil, func(scan func(...any) error) error {
		var b []byte
		var checked, deleted int64
		if err := scan(&b, &checked, &deleted); err != nil {
			return err
		}
		fp, err := readAddress(b)
		out[fp] = PeerAge{readTime(checked), deleted != 0}
		return err
	})
	return out, err
}

// namesOnce is how many names are asked for at once.
const namesOnce = 200

// PeerNames returns how accounts call themselves, as far as that is known.
func (tx *Tx) PeerNames(list []omega.Fingerprint) (map[omega.Fingerprint]string, error) {
	out := map[omega.Fingerprint]string{}
	for part := range slices.Chunk(list, namesOnce) {
		args := make([]any, len(part))
		for i, fp := range part {
			args[i] = address(fp)
		}
		marks := strings.Repeat(", ?", len(part))[2:]
		err := tx.rows("read names", `SELECT fingerprint, name FROM peer WHERE fingerprint IN (`+marks+`)`, args, func(scan func(...any) error) error {
			var b []byte
			var name string
			if err := scan(&b, &name); err != nil {
				return err
			}
			fp, err := readAddress(b)
			out[fp] = name
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// SetStated keeps what a device of a known peer said of its record.
func (tx *Tx) SetStated(fp omega.Fingerprint, s *Statement) error {
	_, err := tx.exec("note the record of "+fp.String(), `UPDATE peer SET stated = ?, stated_hash = ?, stated_device = ?, stated_proof = ?
		WHERE fingerprint = ?`, int64(s.Sequence), s.Hash[:], address(s.Device), blob(s.Proof), address(fp))
	return err
}

// SetDeleted keeps the tombstone of a peer beside what was known of it, which
// proves its old messages.
func (tx *Tx) SetDeleted(fp omega.Fingerprint, tombstone []byte, at time.Time) error {
	_, err := tx.exec("note the end of "+fp.String(), `UPDATE peer SET deleted = ?, tombstone = ?, checked = ? WHERE fingerprint = ? AND deleted = 0`,
		millis(at), blob(tombstone), millis(at), address(fp))
	return err
}

// ForgetChecked makes a peer one that was never asked about, so that StalePeers
// names it first.
func (tx *Tx) ForgetChecked(fp omega.Fingerprint) error {
	_, err := tx.exec("forget when "+fp.String()+" was asked about", `UPDATE peer SET checked = 0 WHERE fingerprint = ?`, address(fp))
	return err
}

// BehindPeers returns at most n peers whose devices spoke of a later record than
// the one at hand.
func (tx *Tx) BehindPeers(n int) (out []Peer, err error) {
	err = tx.rows("read peers", selectPeer+`AND deleted = 0 AND stated > sequence ORDER BY number LIMIT ?`, []any{n}, func(scan func(...any) error) error {
		p, err := scanPeer(scan)
		if err == nil {
			out = append(out, *p)
		}
		return err
	})
	return out, err
}
