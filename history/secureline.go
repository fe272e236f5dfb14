package history

import (
	"crypto/sha256"
	"fmt"
	"time"

	"github.com/omega-im/omega"
)

// LineSecureEnded is the kind of the line that says who ended a secure chat of two.
const LineSecureEnded = "secure-ended"

// A SecureLine is the end of a secure chat, as a line in it. (spec/secure.md, SEC-29)
type SecureLine struct {
	Chat    omega.ChatID
	Peer    omega.Fingerprint // of the chat
	Message omega.ID          // that said so
	Account omega.Fingerprint // who ended it
	Device  omega.Fingerprint
	Time    time.Time // by the author's clock
	Noted   time.Time // when this device learned of it
	Seen    bool      // a person knows of it
}

// PutSecureLine adds a line to a chat that is there. The same message again changes
// nothing.
func (tx *Tx) PutSecureLine(l *SecureLine) error {
	what := "note the end of " + l.Chat.String()
	number, err := tx.chatNumber(l.Chat, l.Peer)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "omega secure line\n%s\n%s\n", l.Message, l.Account))
	var position int64
	err = tx.row(what, `INSERT INTO message (chat, id, link, account, device, time, received, kind, text, shown, read, printed, service, place)
		VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, '', 1, 1, ?9, ?10, max(?7, (SELECT coalesce(max(place), 0) FROM message WHERE chat = ?1 AND shown = 1))) ON CONFLICT (chat, link) DO NOTHING RETURNING position`,
		[]any{number, sum[:16], sum[16:], address(l.Account), address(l.Device), millis(l.Time), millis(l.Noted), LineSecureEnded, l.Seen, serviceSecure}, &position)
	if notFound(err) {
		return nil
	}
	if err == nil {
		_, err = tx.exec(what, `UPDATE chat SET last = max(last, ?) WHERE number = ?`, position, number)
	}
	return err
}
