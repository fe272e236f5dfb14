package client

import (
	"errors"
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/history"
	"github.com/omega-im/omega/wire"
)

// leapt reports whether this device has leapt.
func (c *Client) leapt(t *testing.T) (yes bool) {
	t.Helper()
	must(t, c.db.View(t.Context(), func(tx *history.Tx) error {
		at, err := settingUint(tx, settingLeapt)
		yes = at != 0
		return err
	}))
	return yes
}

// A home that remembers more of this device than it does makes it leap; a new
// device, a new store and mail in the usual course do not.
func TestHomeRemembersMore(t *testing.T) {
	t.Parallel()
	p := newFakeProxy(t)
	c := p.newCore(t)
	c.at(t, p)
	home := p.id.Account()
	for _, step := range []struct {
		name   string
		a      wire.Attached
		stored uint64 // cursor that the device stores meanwhile
		want   bool
	}{
		{"new device", wire.Attached{Home: home, Incarnation: [8]byte{7}, Cursor: 40}, 0, false},
		{"the same again", wire.Attached{Home: home, Incarnation: [8]byte{7}, Cursor: 40}, 50, false},
		{"behind", wire.Attached{Home: home, Incarnation: [8]byte{7}, Cursor: 45}, 0, false},
		{"new store", wire.Attached{Home: home, Incarnation: [8]byte{8}, Cursor: 90}, 0, false},
		{"ahead", wire.Attached{Home: home, Incarnation: [8]byte{8}, Cursor: 91}, 0, true},
	} {
		must(t, c.alignCursor(t.Context(), step.a))
		if got := c.leapt(t); got != step.want {
			t.Fatalf("%s: leapt %v, want %v", step.name, got, step.want)
		}
		if step.stored > 0 {
			must(t, c.db.Update(t.Context(), func(tx *history.Tx) error {
				return tx.PutCursor(history.Cursor{Home: home, Incarnation: step.a.Incarnation, Seq: step.stored})
			}))
		}
	}
}

// Whoever says so again soon is not heard: sequences have an end. And a chat
// that is not known yet begins far off.
func TestLeapsAreRare(t *testing.T) {
	t.Parallel()
	c := newFakeProxy(t).newCore(t)
	known := chat.SenderState{Chat: omega.ChatID{1}, Sequence: 5, Previous: chat.Link{1}}
	must(t, c.db.Update(t.Context(), func(tx *history.Tx) error { return tx.PutSender(known) }))
	at := func(id omega.ChatID) (s chat.SenderState) {
		t.Helper()
		must(t, c.db.View(t.Context(), func(tx *history.Tx) (err error) {
			s, err = c.sender(tx, id)
			return err
		}))
		return s
	}
	if s := at(omega.ChatID{2}); s.Sequence != 0 {
		t.Errorf("before any leap a chat begins after %d", s.Sequence)
	}
	copied := func(what string, want int) {
		t.Helper()
		r, err := clientrpc.Notices.Call(t.Context(), c, clientrpc.NoticesParams{Standing: true})
		must(t, err)
		if len(r.Notices) != want || want > 0 && (r.Notices[0].Kind != clientrpc.NoticeCopied || r.Notices[0].Account != c.acc.Fingerprint) {
			t.Errorf("%s: %+v", what, r.Notices)
		}
	}
	copied("before", 0)
	c.notAlone(t.Context())
	copied("told", 1)
	must(t, c.db.Update(t.Context(), c.alone))
	copied("soon after", 1)
	once := at(known.Chat)
	c.notAlone(t.Context())
	if again := at(known.Chat); once.Sequence < chat.LeapRun || again.Sequence != once.Sequence {
		t.Errorf("leapt to %d, then to %d", once.Sequence, again.Sequence)
	}
	must(t, c.db.Update(t.Context(), func(tx *history.Tx) error {
		return errors.Join(setSettingUint(tx, settingLeapt, uint64(time.Now().Add(-copiedFor).UnixMilli())), c.alone(tx))
	}))
	copied("a day later", 0)
	c.notAlone(t.Context())
	copied("and again", 1)
	if s := at(omega.ChatID{2}); s.Sequence < chat.LeapRun || s.Previous == (chat.Link{}) {
		t.Errorf("a new chat begins after %d, link %v", s.Sequence, s.Previous)
	}
}
