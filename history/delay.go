package history

import (
	"time"

	"github.com/omega-im/omega"
)

// A Delay is how long those who print messages wait for what is missing of one
// device in one chat. It outlives the process that began to wait.
type Delay struct {
	Until   time.Time // when the gap is given up; zero: nobody waits for it
	Skipped uint32    // nothing up to this sequence is waited for any more
}

// Delay returns the delay of a device in a chat; zero if there is none.
func (tx *Tx) Delay(c omega.ChatID, device omega.Fingerprint) (d Delay, err error) {
	var until, skipped int64
	err = tx.row("read delay of device "+device.String(), `SELECT until, skipped FROM lane WHERE chat = ? AND device = ?`,
		[]any{c[:], address(device)}, &until, &skipped)
	if notFound(err) {
		return Delay{}, nil
	}
	return Delay{readTime(until), uint32(skipped)}, err
}

// PutDelay sets the delay of a device whose track is stored.
func (tx *Tx) PutDelay(c omega.ChatID, device omega.Fingerprint, d Delay) error {
	_, err := tx.exec("store delay of device "+device.String(), `UPDATE lane SET until = ?, skipped = ? WHERE chat = ? AND device = ?`,
		millis(d.Until), int64(d.Skipped), c[:], address(device))
	return err
}
