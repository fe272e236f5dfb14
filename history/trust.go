package history

import (
	"time"

	"github.com/omega-im/omega"
)

// A Certification is what somebody said of a key.
type Certification struct {
	Subject omega.Fingerprint // whose key it is
	Issuer  omega.Fingerprint // who claims to have said it
	Packet  []byte
	Time    time.Time // when it came
}

// PutCertification keeps a certification; of one issuer the last one that came. It
// reports whether there was room: at most max are kept about one account. For that of a
// contact there is: another one goes, the oldest of those that no contact made.
func (tx *Tx) PutCertification(c *Certification, max int) (bool, error) {
	what := "store a certification of " + c.Subject.String()
	const known = `EXISTS (SELECT 1 FROM register r WHERE r.name = 'contact' AND r.value = x'01' AND r.subject = `
	_, err := tx.exec(what, `DELETE FROM certification WHERE subject = ?1 AND (SELECT count(*) FROM certification WHERE subject = ?1 AND issuer <> ?2) >= ?3
		AND `+known+`?2) AND issuer = (SELECT c.issuer FROM certification c WHERE c.subject = ?1 AND c.issuer <> ?2 AND NOT `+known+`c.issuer) ORDER BY c.time LIMIT 1)`,
		address(c.Subject), address(c.Issuer), max)
	if err != nil {
		return false, err
	}
	n, err := tx.exec(what, `INSERT INTO certification (subject, issuer, packet, time) SELECT ?1, ?2, ?3, ?4
		WHERE (SELECT count(*) FROM certification WHERE subject = ?1 AND issuer <> ?2) < ?5
		ON CONFLICT (subject, issuer) DO UPDATE SET packet = excluded.packet, time = excluded.time`,
		address(c.Subject), address(c.Issuer), blob(c.Packet), millis(c.Time), max)
	return n > 0, err
}

// CertificationBy returns what somebody said of an account's key; nil if nothing.
func (tx *Tx) CertificationBy(subject, issuer omega.Fingerprint) (packet []byte, err error) {
	err = tx.row("read a certification of "+subject.String(), `SELECT packet FROM certification WHERE subject = ? AND issuer = ?`,
		[]any{address(subject), address(issuer)}, &packet)
	if notFound(err) {
		return nil, nil
	}
	return packet, err
}

// Certifications returns those of an account's key, the newest first.
func (tx *Tx) Certifications(subject omega.Fingerprint) (out []Certification, err error) {
	err = tx.rows("read certifications of "+subject.String(), `SELECT issuer, packet, time FROM certification WHERE subject = ? ORDER BY time DESC, issuer`,
		[]any{address(subject)}, func(scan func(...any) error) error {
			c := Certification{Subject: subject}
			var issuer []byte
			var at int64
			if err := scan(&issuer, &c.Packet, &at); err != nil {
				return err
			}
			c.Time = readTime(at)
			c.Issuer, err = readAddress(issuer)
			out = append(out, c)
			return err
		})
	return out, err
}

// A Succession says that an account goes on as another one.
type Succession struct {
	Old, New  omega.Fingerprint
	Statement []byte    // of the old key; empty: not made yet
	Answer    []byte    // of the new key; empty: not made yet
	Time      time.Time // when it came
	Proven    time.Time // when both were verified; zero: they were not
}

// MaxSuccessions bounds those of one old account.
const MaxSuccessions = 8

// PutSuccession keeps a succession; what is empty changes nothing, and one that is
// proven stays so. It reports whether there was room.
func (tx *Tx) PutSuccession(s *Succession) (bool, error) {
	what := "store the succession of " + s.Old.String()
	n, err := tx.exec(what, `INSERT INTO succession (old, successor, statement, answer, time, proven) SELECT ?1, ?2, ?3, ?4, ?5, ?6
		WHERE (SELECT count(*) FROM succession WHERE old = ?1 AND successor <> ?2) < ?7
		ON CONFLICT (old, successor) DO UPDATE SET
		statement = iif(excluded.statement = x'' OR proven <> 0, statement, excluded.statement),
		answer = iif(excluded.answer = x'' OR proven <> 0, answer, excluded.answer), proven = iif(proven = 0, excluded.proven, proven)`,
		address(s.Old), address(s.New), blob(s.Statement), blob(s.Answer), millis(s.Time), millis(s.Proven), MaxSuccessions)
	return n > 0, err
}

// Successions returns what is known of an account that goes on as another.
func (tx *Tx) Successions(old omega.Fingerprint) ([]Succession, error) {
	return tx.successions(`WHERE old = ? ORDER BY proven DESC, time`, address(old))
}

// maxSuccessionsTo is of how many accounts a chat with one tells that they go on as it.
const maxSuccessionsTo = 64

// SuccessionsTo returns those that were proven of accounts that go on as one, the first ones.
func (tx *Tx) SuccessionsTo(successor omega.Fingerprint) ([]Succession, error) {
	return tx.successions(`WHERE successor = ? AND proven <> 0 ORDER BY proven, old LIMIT ?`, address(successor), maxSuccessionsTo)
}

// UnprovenSuccessions returns at most n that have both words and were not verified.
func (tx *Tx) UnprovenSuccessions(n int) ([]Succession, error) {
	return tx.successions(`WHERE proven = 0 AND statement <> x'' AND answer <> x'' ORDER BY time, old LIMIT ?`, n)
}

// DropSuccession forgets one that does not verify.
func (tx *Tx) DropSuccession(old, successor omega.Fingerprint) error {
	_, err := tx.exec("forget the succession of "+old.String(), `DELETE FROM succession WHERE old = ? AND successor = ? AND proven = 0`, address(old), address(successor))
	return err
}

func (tx *Tx) successions(where string, args ...any) (out []Succession, err error) {
	err = tx.rows("read successions", `SELECT old, successor, statement, answer, time, proven FROM succession `+where, args, func(scan func(...any) error) error {
		var s Succession
		var from, to []byte
		var at, proven int64
		if err := scan(&from, &to, &s.Statement, &s.Answer, &at, &proven); err != nil {
			return err
		}
		s.Time, s.Proven = readTime(at), readTime(proven)
		if s.Old, err = readAddress(from); err == nil {
			s.New, err = readAddress(to)
		}
		out = append(out, s)
		return err
	})
	return out, err
}
