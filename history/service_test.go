package history

import (
	"testing"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
)

// A service line stands in the chat and is found, but is no message of anybody: no
// reader is given it, nobody is told that it was read, and it counts as unread nowhere.
func TestServiceLines(t *testing.T) {
	db := openTest(t)
	c := omega.DirectChat(fp(1), fp(2))
	line := Service{Chat: c, Peer: fp(2), Account: fp(2), Device: fp(7), Kind: ServiceDeviceAdded, Text: "phone", Time: testTime, Noted: testTime}
	db.update(t, func(tx *Tx) error {
		must(t, tx.PutService(&line))
		must(t, tx.PutService(&line))
		other := line
		other.Kind = ServiceDeviceRevoked
		return tx.PutService(&other)
	})
	unseen := func(after int64) (out []Service) {
		db.view(t, func(tx *Tx) (err error) {
			out, err = tx.Services(after, 10)
			return err
		})
		return out
	}
	list := unseen(0)
	if len(list) != 2 || list[0].Kind != ServiceDeviceAdded || list[0].Device != fp(7) || list[0].Account != fp(2) || list[0].Text != "phone" || !list[0].Time.Equal(testTime) || list[0].Chat != c {
		t.Fatalf("lines %+v", list)
	}
	if got := unseen(list[0].Position); len(got) != 1 {
		t.Errorf("behind the first: %+v", got)
	}
	db.update(t, func(tx *Tx) error {
		rows, err := tx.Page(c, omega.ID{}, 10)
		if err != nil || len(rows) != 2 || !rows[0].Service || rows[0].Verified || rows[0].Content.Kind != chat.Kind(ServiceDeviceAdded) {
			t.Errorf("page %+v, %v", rows, err)
		}
		if rows, err := tx.Unprinted(10); err != nil || len(rows) != 0 {
			t.Errorf("readers are given %+v, %v", rows, err)
		}
		if rows, err := tx.WithID(rows[0].ID); err != nil || len(rows) != 0 {
			t.Errorf("by its id: %+v, %v", rows, err)
		}
		if unread, err := tx.Unread(c); err != nil || len(unread) != 0 {
			t.Errorf("unread %+v, %v", unread, err)
		}
		if found, err := tx.Find(&Query{Text: "phone"}, 10); err != nil || len(found.Rows) != 2 {
			t.Errorf("found %+v, %v", found, err)
		}
		chats, err := tx.Chats()
		if err != nil || len(chats) != 1 || chats[0].Unread != 0 || chats[0].Last == nil {
			t.Errorf("chats %+v, %v", chats, err)
		}
		return tx.SeeServices([]int64{list[1].Position})
	})
	if got := unseen(0); len(got) != 1 || got[0].Position != list[0].Position {
		t.Errorf("one was seen: %+v", got)
	}
	db.update(t, func(tx *Tx) error { return tx.SeeServicesOf(fp(2), fp(7)) })
	if got := unseen(0); len(got) != 0 {
		t.Errorf("all were seen: %+v", got)
	}
}
