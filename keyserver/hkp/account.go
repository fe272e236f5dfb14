package hkp

import (
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"mime"
	"net/http"
	"strings"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/keyserver"
)

// The full view as octets (KEYS-6).
const (
	accountType    = "application/vnd.omega-im.account"
	accountVersion = 1
	kindCert       = 1
	kindRecord     = 2
)

// serveAccount is GET /api/v1/accounts/{fp} (KEYS-6).
func (h *Handler) serveAccount(w http.ResponseWriter, r *http.Request) {
	e, ok := h.find(w, r, r.PathValue("fp"))
	if !ok {
		return
	}
	w.Header().Set("Vary", "Accept")
	hash := e.Hash()
	tag := hex.EncodeToString(hash[:16])
	if wantsOctets(r) {
		if !fresh(w, r, accountType, tag+"-octets") {
			w.Write(accountOctets(e))
		}
		return
	}
	if !fresh(w, r, "application/json", tag) {
		enc := json.NewEncoder(w)
		enc.SetIndent("", "  ")
		_ = enc.Encode(accountWords(e, h.cfg.Clock())) // the visitor has gone
	}
}

func wantsOctets(r *http.Request) bool {
	for _, list := range r.Header["Accept"] {
		for _, part := range strings.Split(list, ",") {
			if kind, _, err := mime.ParseMediaType(part); err == nil && kind == accountType {
				return true
			}
		}
	}
	return false
}

func accountOctets(e *keyserver.Entry) []byte {
	w := e.Wire()
	b := []byte{accountVersion}
	b = appendPart(b, kindCert, w.Certificate)
	if len(w.Record) > 0 {
		b = appendPart(b, kindRecord, w.Record)
	}
	return b
}

func appendPart(b []byte, kind byte, octets []byte) []byte {
	b = binary.BigEndian.AppendUint32(append(b, kind), uint32(len(octets)))
	return append(b, octets...)
}

// The full view in words.
type (
	account struct {
		Fingerprint omega.Fingerprint `json:"fingerprint"`
		State       string            `json:"state"` // valid, expired, revoked, deleted
		Created     time.Time         `json:"created"`
		Expires     *time.Time        `json:"expires,omitempty"`
		Hash        string            `json:"certificate_sha256"`
		Devices     []device          `json:"devices"`
		Record      *record           `json:"record,omitempty"`
		Certificate string            `json:"certificate"` // armored
	}
	device struct {
		Fingerprint omega.Fingerprint `json:"fingerprint"` // of the signing subkey
		Encryption  omega.Fingerprint `json:"encryption"`
		Name        string            `json:"name"`
		Added       time.Time         `json:"added"`
		Expires     *time.Time        `json:"expires,omitempty"`
		Status      string            `json:"status"` // active, expired, revoked
	}
	record struct {
		Sequence uint64              `json:"sequence"`
		Issued   time.Time           `json:"issued"`
		Expires  time.Time           `json:"expires"`
		Device   omega.Fingerprint   `json:"device"` // that signed it
		Homes    []omega.Fingerprint `json:"homes"`
		Hash     string              `json:"sha256"`
	}
)

func accountWords(e *keyserver.Entry, now time.Time) account {
	c := e.Certificate
	hash := c.Hash()
	out := account{
		Fingerprint: c.Fingerprint(), State: state(c, now), Created: c.Primary().Created(), Expires: unlessZero(c.Expires()),
		Hash: hex.EncodeToString(hash[:]), Devices: []device{}, Certificate: c.Armor(),
	}
	for _, d := range c.Devices() {
		out.Devices = append(out.Devices, device{
			d.Signing.Fingerprint(), d.Encryption.Fingerprint(), d.Name, d.Added, unlessZero(d.Expires), deviceState(&d, now),
		})
	}
	if r := e.Record; r != nil {
		hash := r.Hash()
		out.Record = &record{r.Sequence, r.Issued.UTC(), r.Expires.UTC(), r.Device, r.Homes, hex.EncodeToString(hash[:])}
	}
	return out
}

func unlessZero(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
