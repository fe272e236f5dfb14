package cloud

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/mesh"
	"github.com/omega-im/omega/pgp"
)

// stateLabel starts what the disk keeps. After it follow, each with its length
// in 4 octets before it: a snapshot of the link-state database (see
// mesh.DB.Snapshot); with a label of their own, proofs of equivocation (see
// mesh.Evidence); and the certificates of servers. Parts with other labels are
// of other versions.
const (
	stateLabel    = "omega-im/cloud/v1\n"
	evidenceLabel = "omega-im/evidence/v1\n"
	anyLabel      = "omega-im/" // starts no certificate
)

var errState = errors.New("damaged state of the cloud")

// load takes what the disk kept. All of it is verified again; what cannot be
// used is left out, since the other servers have it too.
func (o *owner) load() {
	if o.cfg.Load == nil {
		return
	}
	b, err := o.cfg.Load()
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	if err == nil {
		err = o.restore(b)
	}
	if err != nil {
		o.log.Warn("state not fully read; going on with the rest", "err", err)
	}
	o.savedVersion = o.db.Version()
}

func (o *owner) restore(b []byte) error {
	parts, err := decodeState(b)
	if len(parts) == 0 {
		return err
	}
	var proofs [][]byte
	for _, raw := range parts[1:] {
		if proof, ok := bytes.CutPrefix(raw, []byte(evidenceLabel)); ok {
			proofs = append(proofs, proof) // certificates may come after it
		} else if bytes.HasPrefix(raw, []byte(anyLabel)) {
			continue // another version's
		} else if _, _, err := o.certs.parse(raw); err != nil {
			o.log.Debug("certificate on disk refused", "err", err)
		}
	}
	skipped, lerr := o.db.Load(o.now, parts[0])
	o.former = mesh.FormerLinks(parts[0], o.self)
	for _, proof := range proofs {
		if _, err := o.db.ApplyEvidence(o.now, proof); err != nil {
			o.log.Debug("evidence on disk refused", "err", err)
		}
	}
	o.log.Info("state read", "servers", o.db.Len(), "skipped", skipped, "proofs", len(o.db.Evidence()))
	return errors.Join(err, lerr)
}

// decodeState splits the state into its parts. Those before damage are
// returned with the error.
func decodeState(b []byte) (parts [][]byte, err error) {
	if len(b) < len(stateLabel) || string(b[:len(stateLabel)]) != stateLabel {
		return nil, fmt.Errorf("%w: no label", errState)
	}
	for b = b[len(stateLabel):]; len(b) > 0; {
		if len(b) < 4 || uint64(binary.BigEndian.Uint32(b)) > uint64(len(b)-4) {
			return parts, fmt.Errorf("%w: cut short", errState)
		}
		n := 4 + int(binary.BigEndian.Uint32(b))
		parts = append(parts, b[4:n])
		b = b[n:]
	}
	return parts, nil
}

func (o *owner) encodeState() []byte {
	part := func(b, p []byte) []byte {
		b = binary.BigEndian.AppendUint32(b, uint32(len(p)))
		return append(b, p...)
	}
	b := part([]byte(stateLabel), o.db.Snapshot())
	for _, ev := range o.db.Evidence() {
		b = part(b, ev.AppendTo([]byte(evidenceLabel)))
	}
	for _, cert := range o.certs.all() {
		if cert.Fingerprint() != o.self {
			b = part(b, cert.Bytes())
		}
	}
	return b
}

// A Proof is evidence from disk, judged.
type Proof struct {
	mesh.Evidence
	Issued time.Time
	Err    error // why it proves nothing; nil: it does
}

// ReadEvidence returns the proofs of equivocation in a saved state, each
// verified with the certificates beside it. What can be read of a damaged
// state is returned with the error.
func ReadEvidence(state []byte, now time.Time) ([]Proof, error) {
	parts, err := decodeState(state)
	s := &certs{clock: func() time.Time { return now }, m: map[omega.Fingerprint]*pgp.Certificate{}}
	var proofs []Proof
	for _, raw := range parts[min(1, len(parts)):] {
		if b, ok := bytes.CutPrefix(raw, []byte(evidenceLabel)); ok {
			if ev, derr := mesh.DecodeEvidence(b); derr != nil {
				err = errors.Join(err, derr)
			} else {
				proofs = append(proofs, Proof{Evidence: *ev, Issued: ev.Issued()})
			}
		} else if !bytes.HasPrefix(raw, []byte(anyLabel)) {
			if _, _, cerr := s.parse(raw); cerr != nil {
				err = errors.Join(err, cerr)
			}
		}
	}
	for i := range proofs {
		proofs[i].Err = proofs[i].Verify(s.verify)
	}
	return proofs, err
}

// saveSoon saves on a goroutine of its own if anything changed.
func (o *owner) saveSoon() {
	if o.cfg.Save == nil || o.saving || o.savedVersion == o.db.Version() {
		return
	}
	o.saving, o.saved = true, o.now
	version, b := o.db.Version(), o.encodeState()
	o.wg.Go(func() {
		err := o.cfg.Save(b)
		o.do(func(o *owner) {
			o.saving = false
			if err != nil {
				o.log.Error("state not saved", "err", err)
				return
			}
			o.savedVersion = version
		})
	})
}

// save saves when everything else has ended.
func (o *owner) save() {
	if o.cfg.Save == nil || o.savedVersion == o.db.Version() {
		return
	}
	if err := o.cfg.Save(o.encodeState()); err != nil {
		o.log.Error("state not saved", "err", err)
	}
}
