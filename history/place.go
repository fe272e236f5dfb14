package history

import (
	"bytes"
	"cmp"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
)

// Bounds of looking for what a message follows, or what follows it.
const (
	laneReach = 64  // sequences of its device on each side
	maxPushed = 512 // messages that one that comes late moves
)

// A standing is where a message stands in its chat, and what it stands behind.
type standing struct {
	chat    int64 // number
	link    chat.Link
	follows []byte // link of what it answers; empty: nothing
	device  []byte
	seq     int64
	place   int64 // ms
	last    bool  // this device writes it now: it stands behind all that is there

	from    int  // of one that is pushed: which of those before it moved it
	answers bool // and whether it answers that one
}

// maxAhead is how far a home's clock may be ahead of this device's, as the proxy corrected it.
const maxAhead = 2 * time.Minute

// standingOf is where a message stands that follows nothing. (spec/chat.md, CHAT-96)
func standingOf(number int64, link chat.Link, r *Row) *standing {
	s := &standing{chat: number, link: link, follows: []byte{}, device: address(r.Device)}
	s.place = cmp.Or(millis(stamp(r)), millis(r.Heard), millis(r.Time))
	s.last = r.Own && r.Received.IsZero() && !r.Heard.IsZero()
	if r.Verified {
		s.seq = int64(r.Sequence)
	}
	if r.Verified && r.Content.Reply != nil {
		s.follows = blob(r.Content.Reply.Target[:])
	}
	return s
}

// stamp is when a home had a message, as far as that can be: no mail waits for longer than
// omega.MaxLifetime, and none comes before it was sent.
func stamp(r *Row) time.Time {
	switch at := r.Received; {
	case at.IsZero() || r.Heard.IsZero():
		return at
	case at.After(r.Heard.Add(maxAhead)):
		return r.Heard
	case at.Before(r.Heard.Add(-omega.MaxLifetime)):
		return r.Heard
	default:
		return at
	}
}

// behind puts a message that is not here yet behind what it follows.
func (tx *Tx) behind(what string, s *standing) error {
	var at int64
	err := tx.row(what, `SELECT coalesce(max(place), 0) FROM (
		SELECT place FROM message WHERE chat = ?1 AND link = ?2 AND shown = 1 AND ?2 <> x'' UNION ALL
		SELECT max(place) FROM message WHERE chat = ?1 AND sequence BETWEEN ?3 AND ?4 AND device = ?5 AND shown = 1 AND verified = 1 UNION ALL
		SELECT max(place) FROM message WHERE ?6 AND chat = ?1 AND shown = 1)`,
		[]any{s.chat, s.follows, max(1, s.seq-laneReach), s.seq - 1, s.device, s.last}, &at)
	if err == nil && at > 0 {
		s.place = max(s.place, at+1)
	}
	return err
}

// push moves what follows a message behind it, and what follows that. Where that leads back
// to the message, somebody lies about the order in which they wrote: the answer that closes
// the circle counts for nothing then, so there never is one.
func (tx *Tx) push(what string, s *standing) error {
	moved := []standing{*s}
	for n := 0; n < len(moved) && n < maxPushed; n++ {
		at := moved[n]
		if n > 0 {
			if err := tx.breakCircle(what, moved, n); err != nil {
				return err
			}
		}
		err := tx.rows(what, `UPDATE message SET place = ?2 + 1 WHERE +place <= ?2 AND +chat = ?1 AND +shown = 1 AND link <> ?7 AND position IN (
			SELECT position FROM message WHERE chat = ?1 AND follows = ?3 AND follows <> x'' UNION ALL
			SELECT position FROM (SELECT position FROM message WHERE ?4 > 0 AND chat = ?1 AND sequence BETWEEN ?4 + 1 AND ?4 + ?6 AND device = ?5
				AND shown = 1 AND verified = 1 ORDER BY sequence LIMIT 1))
			RETURNING link, sequence * verified, device, follows = ?3`, []any{at.chat, at.place, at.link[:], at.seq, at.device, laneReach, s.link[:]}, func(scan func(...any) error) error {
			var link []byte
			next := standing{chat: at.chat, place: at.place + 1, from: n}
			err := scan(&link, &next.seq, &next.device, &next.answers)
			if err == nil {
				err = fill(next.link[:], link)
			}
			moved = append(moved, next)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// breakCircle forgets an answer on the way from the first of those that were moved to the
// one with number n, if the first one stands behind that.
func (tx *Tx) breakCircle(what string, moved []standing, n int) error {
	first, at := &moved[0], &moved[n]
	link := first.link
	switch {
	case len(first.follows) > 0 && bytes.Equal(first.follows, at.link[:]):
	case at.seq > 0 && at.seq < first.seq && bytes.Equal(at.device, first.device):
		for n > 0 && !moved[n].answers {
			n = moved[n].from
		}
		link = moved[n].link
	default:
		return nil
	}
	_, err := tx.exec(what, `UPDATE message SET follows = x'' WHERE chat = ? AND link = ?`, first.chat, link[:])
	return err
}

// A spot is where a message stands in its chat.
type spot struct{ place, position int64 }

// spotOf reads where a message of a chat stands; ErrNotFound if it is not there.
func (tx *Tx) spotOf(what string, chat int64, id omega.ID) (s spot, err error) {
	err = tx.row(what+id.String(), `SELECT place, position FROM message WHERE +chat = ? AND id = ? ORDER BY position DESC LIMIT 1`, []any{chat, id[:]}, &s.place, &s.position)
	return s, err
}
