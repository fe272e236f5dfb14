package history

import (
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
)

// Lines of one kind that nobody has seen are one, which names the first and counts
// all; what was seen, what somebody else did, and what came after a message is
// another one.
func TestGroupLines(t *testing.T) {
	db := openTest(t)
	c := omega.ChatID{7}
	n := byte(0)
	put := func(kind string, by byte, seen bool, after time.Duration, about ...byte) {
		t.Helper()
		n++
		l := GroupLine{Chat: c, Operation: chat.Hash{n}, Account: fp(by), Device: fp(90), Kind: kind, Time: testTime.Add(after), Noted: testTime.Add(after), Seen: seen}
		for _, a := range about {
			l.About = append(l.About, fp(a))
		}
		db.update(t, func(tx *Tx) error {
			must(t, tx.PutGroupLine(&l))
			if kind == LineRenamed {
				return tx.PutGroupLine(&l) // again
			}
			return nil
		})
	}
	db.update(t, func(tx *Tx) error { return tx.PutGroupChat(c, "g") })
	put(LineCreated, 1, true, 0)
	for i := range byte(12) {
		put(LineJoined, 20+i, false, 0, 20+i)
	}
	put(LineJoined, 20, false, 0, 20) // is one of them already
	put(LineRemoved, 1, false, 0, 20)
	put(LineRemoved, 2, false, 0, 21) // somebody else did it
	put(LineRemoved, 2, false, 0, 22, 23)
	put(LineRemoved, 2, false, 2*time.Hour, 24) // much later
	put(LineRenamed, 1, false, 2*time.Hour)
	want := []struct {
		kind  string
		named int
		count int
	}{{LineCreated, 0, 0}, {LineJoined, MaxNamed, 12}, {LineRemoved, 1, 1}, {LineRemoved, 3, 3}, {LineRemoved, 1, 1}, {LineRenamed, 0, 0}}
	db.update(t, func(tx *Tx) error {
		rows, err := tx.Page(c, omega.ID{}, 100)
		must(t, err)
		if len(rows) != len(want) {
			t.Fatalf("%d lines", len(rows))
		}
		for i, w := range want {
			if r := rows[i]; string(r.Content.Kind) != w.kind || len(r.About) != w.named || r.AboutCount != w.count || !r.Service {
				t.Errorf("line %d: %s about %d of %d", i, r.Content.Kind, len(r.About), r.AboutCount)
			}
		}
		unseen, err := tx.Unprinted(100)
		must(t, err)
		if len(unseen) != 5 {
			t.Errorf("%d lines to show", len(unseen))
		}
		must(t, tx.SetPrinted([]int64{rows[5].Position}))
		news, err := tx.Services(0, 10)
		if len(news) != 0 {
			t.Errorf("as news of devices: %+v", news)
		}
		return err
	})
}

// What is read of many peers at once is what each of them says.
func TestManyPeers(t *testing.T) {
	db := openTest(t)
	db.update(t, func(tx *Tx) error {
		for i := range byte(3) {
			p := &Peer{Fingerprint: fp(i + 1), Name: string(rune('a' + i)), Certificate: []byte{1}, Checked: testTime}
			if i == 1 {
				p.Lost = testTime.Add(time.Hour)
			}
			must(t, tx.PutPeer(p))
		}
		must(t, tx.called(fp(9), "only a name"))
		must(t, tx.SetDeleted(fp(3), []byte{2}, testTime))
		_, err := tx.exec("as it was before", `UPDATE peer SET lost = -1 WHERE fingerprint = ?`, fp(3).Wire())
		return err
	})
	db.view(t, func(tx *Tx) error {
		ages, err := tx.PeerAges()
		must(t, err)
		if len(ages) != 3 || !ages[fp(1)].Checked.Equal(testTime) || ages[fp(1)].Deleted || !ages[fp(3)].Deleted {
			t.Errorf("%+v", ages)
		}
		for _, w := range []struct {
			after time.Duration
			n     int
		}{{0, 2}, {2 * time.Hour, 1}} {
			if lost, err := tx.PeersLost(testTime.Add(w.after)); err != nil || len(lost) != w.n {
				t.Errorf("lost a device after %s: %v, %v", w.after, lost, err)
			}
		}
		names, err := tx.PeerNames([]omega.Fingerprint{fp(1), fp(9), fp(8)})
		if len(names) != 2 || names[fp(1)] != "a" || names[fp(9)] != "only a name" {
			t.Errorf("%v", names)
		}
		return err
	})
}

// TestJoinedStandsBehind: that somebody joined stands behind messages of before which come
// right after it, before those of after, and is in the list of chats what was last.
func TestJoinedStandsBehind(t *testing.T) {
	db := openTest(t)
	c := omega.ChatID{7}
	came := testTime.Add(time.Hour)
	arrives := func() time.Time { came = came.Add(time.Second); return came }
	line := func(tx *Tx, n byte, kind string, minute int, seen bool) {
		l := GroupLine{
			Chat: c, Operation: chat.Hash{n}, Account: fp(1), Device: fp(90), Kind: kind, About: []omega.Fingerprint{fp(1)}, Seen: seen,
			Time: testTime.Add(time.Duration(minute) * time.Minute), Noted: arrives(),
		}
		must(t, tx.PutGroupLine(&l))
	}
	say := func(tx *Tx, n byte, minute int) {
		r := &Row{Message: chat.Message{
			ID: omega.ID{n}, Chat: c, From: fp(2), Device: fp(91), Sequence: uint32(n), Time: testTime.Add(time.Duration(minute) * time.Minute),
			Content: chat.NewText("x"), Verified: true, Transcript: []byte{n}, Received: arrives(),
		}}
		_, err := tx.PutMessage(r)
		must(t, err)
	}
	db.update(t, func(tx *Tx) error {
		must(t, tx.PutGroupChat(c, "g"))
		line(tx, 1, LineJoined, 10, true)
		say(tx, 1, 0)
		say(tx, 2, 1)
		ch, err := tx.Chat(c)
		if err != nil || ch.Last == nil || string(ch.Last.Content.Kind) != LineJoined {
			t.Errorf("last: %+v, %v", ch, err)
		}
		say(tx, 3, 11)
		line(tx, 2, LineRenamed, 20, true)
		say(tx, 4, 12) // late, and not right after it
		line(tx, 3, LineSubscribed, 30, false)
		say(tx, 5, 29)
		return nil
	})
	db.update(t, func(tx *Tx) error {
		rows, err := tx.Page(c, omega.ID{}, 100)
		must(t, err)
		var got string
		for _, r := range rows {
			if r.Service {
				got += string(r.Content.Kind) + " "
				continue
			}
			got += string('0'+r.ID[0]) + " "
		}
		if want := "1 2 group-joined 3 group-renamed 4 5 group-subscribed "; got != want {
			t.Errorf("%s, want %s", got, want)
		}
		return nil
	})
}
