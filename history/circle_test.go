package history

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
)

// shownOf are the texts of the direct chat of the tests, or the kinds of lines, as they
// stand, and the place of the last one.
func shownOf(t *testing.T, tx *Tx) (texts []string, last time.Time) {
	t.Helper()
	rows, err := tx.Page(omega.DirectChat(fp(1), fp(2)), omega.ID{}, 1000)
	must(t, err)
	for _, r := range rows {
		if r.Service {
			texts = append(texts, string(r.Content.Kind))
		} else {
			texts = append(texts, r.Content.Text)
		}
		last = readTime(r.Place)
	}
	return texts, last
}

// TestNoCircle: answers to what the same device, or one that is with it, writes only later
// move nobody's messages out of their time. (spec/chat.md, CHAT-96)
func TestNoCircle(t *testing.T) {
	for name, devices := range map[string]byte{"one device": 1, "two devices": 2} {
		t.Run(name, func(t *testing.T) {
			db := openTest(t)
			const rounds = 10
			for k := range rounds {
				var list []*Row
				for d := range devices {
					a, b := message(4*k+1+2*int(d), fmt.Sprint("a", k)), message(4*k+2+2*int(d), fmt.Sprint("b", k))
					a.Device, b.Device = fp(50+d), fp(50+d)
					a.Sequence, b.Sequence = uint32(3*k+2), uint32(3*k+4)
					list = append(list, a, b)
				}
				for i := 0; i < len(list); i += 2 { // each answers the later one of the other device
					list[i].Content = chat.NewText(list[i].Content.Text)
					list[i].Content.Reply = &chat.Reply{Target: list[(i+3)%len(list)].Link()}
				}
				for _, r := range list {
					r.Received = testTime.Add(time.Duration(k) * time.Second)
					db.update(t, func(tx *Tx) error { return tx.put(r) })
				}
			}
			late := message(1, "late") // all others of its device stand behind it then
			late.Device, late.Received = fp(50), testTime.Add(time.Minute)
			db.update(t, func(tx *Tx) error { return tx.put(late) })
			db.view(t, func(tx *Tx) error {
				n := 2 * rounds * int(devices)
				if texts, last := shownOf(t, tx); len(texts) != n+1 || last.After(late.Received.Add(time.Duration(n+1)*time.Millisecond)) {
					t.Errorf("%d messages, the last stands %v behind the one that came late", len(texts), last.Sub(late.Received))
				}
				return nil
			})
		})
	}
}

// TestClockOfAHome: what a home says of its time is believed as far as it can be so.
func TestClockOfAHome(t *testing.T) {
	for name, wrong := range map[string]time.Duration{"ahead": 10 * 365 * 24 * time.Hour, "behind": -20 * 365 * 24 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			db := openTest(t)
			for i, text := range []string{"one", "two", "three"} {
				r := message(i+1, text)
				r.Device = fp(byte(60 + i))
				r.Heard = testTime.Add(time.Duration(i) * time.Minute)
				r.Received = r.Heard.Add(-time.Second)
				if text == "two" {
					r.Received = r.Heard.Add(wrong)
				}
				db.update(t, func(tx *Tx) error { return tx.put(r) })
			}
			db.view(t, func(tx *Tx) error {
				if texts, _ := shownOf(t, tx); !slices.Equal(texts, []string{"one", "two", "three"}) {
					t.Errorf("they stand as %q", texts)
				}
				return nil
			})
		})
	}
}

// TestEndStandsLast: that a secure chat ended stands below what was said in it, whatever
// the clocks say.
func TestEndStandsLast(t *testing.T) {
	db := openTest(t)
	end := &SecureLine{Chat: omega.DirectChat(fp(1), fp(2)), Peer: fp(2), Message: omega.ID{9}, Account: fp(2), Device: fp(3), Time: testTime, Noted: testTime.Add(-time.Hour)}
	db.update(t, func(tx *Tx) error {
		must(t, tx.put(message(1, "one"), message(2, "two")))
		must(t, tx.PutSecureLine(end))
		if texts, _ := shownOf(t, tx); !slices.Equal(texts, []string{"one", "two", LineSecureEnded}) {
			t.Errorf("they stand as %q", texts)
		}
		return nil
	})
}
