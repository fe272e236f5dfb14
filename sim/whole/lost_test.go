package whole

import (
	"context"
	"crypto/rand"
	"path/filepath"
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/history"
)

// answerLost makes the answer to a request for a message, as the core does,
// and loses its envelope. The device is closed.
func (d *device) answerLost(t *testing.T, to *device, message omega.ID) {
	t.Helper()
	_, _, me := d.secretsOf(t)
	_, _, peer := to.secretsOf(t)
	roster, err := chat.NewRoster(me.Certificate, me.Device(), peer.Certificate, time.Now())
	must(t, err)
	d.database(t, func(tx *history.Tx) error {
		row, err := tx.Message(message)
		must(t, err)
		content, err := row.Message.Again(roster.Chat)
		must(t, err)
		state, err := tx.Sender(roster.Chat)
		must(t, err)
		s, err := chat.NewSender(me, rand.Reader, d.cfg.Name, state)
		must(t, err)
		sealed, err := s.Seal(t.Context(), time.Now(), roster, content)
		must(t, err)
		must(t, sealed.Remember(t.Context(), tx))
		must(t, tx.PutSender(s.State()))
		_, err = tx.PutMessage(&history.Row{Message: *sealed.Message, Own: true, State: clientrpc.StateQueued})
		return err
	})
}

// gaps returns how many lanes of a device miss something.
func (d *device) gaps(t *testing.T) (n int) {
	t.Helper()
	db, err := history.Open(t.Context(), filepath.Join(d.cfg.Home, "history.db"))
	must(t, err)
	defer db.Close()
	must(t, db.View(context.Background(), func(tx *history.Tx) error {
		tracks, err := tx.Gaps(100)
		n = len(tracks)
		return err
	}))
	return n
}

// TestAnswerLost loses a message, and what its author sent for it when it was
// asked for: nothing is missing in the end.
func TestAnswerLost(t *testing.T) {
	t.Parallel()
	a, d := newPerson(t, "a", cloud[0].address()), newPerson(t, "d", cloud[3].address())
	a.send(t, d, "one", "delivered")
	ids := a.lose(t, d, func(o *history.Outgoing, ids []omega.ID) bool { return o.Message == ids[0] }, "two", "three")
	a.close(t)
	a.answerLost(t, d, ids[0])
	a.open(t)
	a.send(t, d, "four", "delivered")
	wantVerified(t, d.receive(t, 4), "one", "two", "three", "four")
	until(t, "nothing is missing", func() bool { return d.gaps(t) == 0 })
	a.awaitState(t, d, ids[0], "read")
}
