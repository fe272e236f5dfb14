package history

import (
	"time"

	"github.com/omega-im/omega"
)

// A Server is one that this device may attach to. (spec/delivery.md, DELIV-20)
type Server struct {
	Fingerprint  omega.Fingerprint
	Announcement []byte        // in octets; verified with Certificate
	Certificate  []byte        // canonical
	Took         time.Duration // that the last connection took to make, whole ms; 0: there was none
	Failed       time.Time     // when it was dialled in vain; zero: not since the last connection
}

// Servers returns all of them, ascending by fingerprint.
func (tx *Tx) Servers() (out []Server, err error) {
	err = tx.rows("read servers", `SELECT fingerprint, announcement, certificate, took, failed FROM server ORDER BY fingerprint`, nil,
		func(scan func(...any) error) error {
			var s Server
			var fp []byte
			var took, failed int64
			err := scan(&fp, &s.Announcement, &s.Certificate, &took, &failed)
			if err == nil {
				s.Fingerprint, err = readAddress(fp)
			}
			s.Took, s.Failed = time.Duration(took)*time.Millisecond, readTime(failed)
			out = append(out, s)
			return err
		})
	return out, err
}

// PutServer adds or replaces one.
func (tx *Tx) PutServer(s *Server) error {
	_, err := tx.exec("store server "+s.Fingerprint.String(), `INSERT INTO server (fingerprint, announcement, certificate, took, failed)
		VALUES (?, ?, ?, ?, ?) ON CONFLICT (fingerprint) DO UPDATE SET announcement = excluded.announcement,
		certificate = excluded.certificate, took = excluded.took, failed = excluded.failed`,
		address(s.Fingerprint), blob(s.Announcement), blob(s.Certificate), s.Took.Milliseconds(), millis(s.Failed))
	return err
}

// RemoveServer forgets one.
func (tx *Tx) RemoveServer(fp omega.Fingerprint) error {
	_, err := tx.exec("forget server "+fp.String(), `DELETE FROM server WHERE fingerprint = ?`, address(fp))
	return err
}
