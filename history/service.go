package history

import (
	"crypto/sha256"
	"fmt"
	"time"

	"github.com/omega-im/omega"
)

// Kinds of service lines.
const (
	ServiceDeviceAdded   = "device-added"   // an account has one more device
	ServiceDeviceRevoked = "device-revoked" // and one less
	ServiceDeviceBack    = "device-back"    // one that another device removed is in the list again
)

// Values of the column service: who says a line.
const (
	serviceDevice = 1 // a certificate
	serviceGroup  = 2 // the operations of a group
	serviceSecure = 3 // who ended a secure chat
	serviceName   = 4 // what somebody calls themselves now
)

// A Service is a line that this program puts into a chat by itself. (spec/chat.md,
// CHAT-42)
type Service struct {
	Position int64 // its number among all; rises
	Chat     omega.ChatID
	Peer     omega.Fingerprint // of the chat
	Account  omega.Fingerprint // that it is about
	Device   omega.Fingerprint
	Kind     string
	Text     string    // name of the device
	Time     time.Time // when it happened, by the account's word
	Noted    time.Time // when this device learned of it
	Seen     bool      // a person has seen it
}

// PutService adds a line to a chat. The same again (kind, account and device)
// changes nothing.
func (tx *Tx) PutService(s *Service) error {
	what := "note " + s.Kind + " of " + s.Account.String()
	number, err := tx.chatNumber(s.Chat, s.Peer)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "omega service line\n%s\n%s\n%s\n", s.Kind, s.Account, s.Device))
	var position int64
	err = tx.row(what, `INSERT INTO message (chat, id, link, account, device, time, received, place, kind, text, shown, read, printed, service)
		VALUES (?, ?, ?, ?, ?, ?, ?7, ?7, ?, ?, 1, 1, ?, ?) ON CONFLICT (chat, link) DO NOTHING RETURNING position`,
		[]any{number, sum[:16], sum[16:], address(s.Account), address(s.Device), millis(s.Time), millis(s.Noted), s.Kind, s.Text, s.Seen, serviceDevice}, &position)
	if notFound(err) {
		return nil
	}
	if err != nil {
		return err
	}
	tx.index(position, s.Text)
	_, err = tx.exec(what, `UPDATE chat SET last = max(last, ?) WHERE number = ?`, position, number)
	return err
}

// Services returns at most n lines that no person has seen, with positions above
// after, in order.
func (tx *Tx) Services(after int64, n int) (out []Service, err error) {
	err = tx.rows("read service lines", `SELECT m.position, c.id, c.peer, m.account, m.device, m.kind, m.text, m.time, m.received
		FROM message m JOIN chat c ON c.number = m.chat WHERE m.service = 1 AND m.printed = 0 AND m.position > ? ORDER BY m.position LIMIT ?`,
		[]any{after, n}, func(scan func(...any) error) error {
			var s Service
			var id, peer, account, device []byte
			var at, noted int64
			if err := scan(&s.Position, &id, &peer, &account, &device, &s.Kind, &s.Text, &at, &noted); err != nil {
				return err
			}
			s.Time, s.Noted = readTime(at), readTime(noted)
			err := fill(s.Chat[:], id)
			for _, a := range []struct {
				dst *omega.Fingerprint
				src []byte
			}{{&s.Peer, peer}, {&s.Account, account}, {&s.Device, device}} {
				if err == nil {
					*a.dst, err = readAddress(a.src)
				}
			}
			out = append(out, s)
			return err
		})
	return out, err
}

// SeeServices notes that a person has seen lines, by their positions.
func (tx *Tx) SeeServices(positions []int64) error {
	for _, p := range positions {
		if _, err := tx.exec("note that a line was seen", `UPDATE message SET printed = 1 WHERE position = ? AND service = 1`, p); err != nil {
			return err
		}
	}
	return nil
}

// SeeServicesOf does so for all lines about a device of an account.
func (tx *Tx) SeeServicesOf(account, device omega.Fingerprint) error {
	_, err := tx.exec("note that lines were seen", `UPDATE message SET printed = 1 WHERE service = 1 AND printed = 0 AND account = ? AND device = ?`,
		address(account), address(device))
	return err
}
