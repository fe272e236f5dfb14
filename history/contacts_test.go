package history

import (
	"testing"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
)

func TestRelations(t *testing.T) {
	db := openTest(t)
	put := func(tx *Tx, version uint32, name string, of omega.Fingerprint, value []byte) {
		t.Helper()
		_, err := tx.PutSetting(&chat.Setting{Name: name, Subject: of.Wire(), Value: value, Stamp: chat.Stamp{Version: version, Device: fp(9)}})
		must(t, err)
	}
	db.update(t, func(tx *Tx) error {
		put(tx, 1, chat.SettingContact, fp(1), []byte{chat.Contact})
		put(tx, 1, chat.SettingPetname, fp(1), []byte("小明"))
		put(tx, 1, chat.SettingVerified, fp(1), append(fp(3).Wire(), fp(4).Wire()...))
		put(tx, 1, chat.SettingBlocked, fp(2), []byte{1})
		put(tx, 1, chat.SettingContact, fp(5), []byte{chat.Contact})
		put(tx, 2, chat.SettingContact, fp(5), nil)
		put(tx, 1, chat.SettingContact, fp(6), []byte{chat.Declined})
		return nil
	})
	db.view(t, func(tx *Tx) error {
		r, err := tx.Relation(fp(1))
		if err != nil || r.Contact != chat.Contact || r.Petname != "小明" || len(r.Verified) != 2 || r.Verified[1] != fp(4) || r.Blocked {
			t.Errorf("%+v, %v", r, err)
		}
		if r, err := tx.Relation(fp(7)); err != nil || r.Contact != 0 || r.Blocked {
			t.Errorf("%+v, %v", r, err)
		}
		all, err := tx.Relations()
		if err != nil || len(all) != 3 || all[0].Account != fp(1) || !all[1].Blocked || all[2].Contact != chat.Declined {
			t.Errorf("%+v, %v", all, err)
		}
		return nil
	})
}

// TestOldContacts: whom the account wrote to before there were contacts is one; who
// only wrote to it is not.
func TestOldContacts(t *testing.T) {
	db := openTest(t)
	db.update(t, func(tx *Tx) error {
		out, in := message(1, "out"), message(2, "in")
		out.Peer, out.From, out.Own, out.Chat = fp(2), fp(8), true, omega.ChatID{1}
		in.Peer, in.From, in.Chat = fp(3), fp(3), omega.ChatID{2}
		self := message(3, "note")
		self.Peer, self.From, self.Own, self.Chat = fp(8), fp(8), true, omega.ChatID{3}
		must(t, tx.put(out, in, self))
		files, err := schemaFiles()
		must(t, err)
		for _, f := range files {
			if f.version != 20 {
				continue
			}
			text, err := schemas.ReadFile(f.path)
			must(t, err)
			_, err = tx.exec("migrate", string(text))
			must(t, err)
		}
		all, err := tx.Relations()
		if err != nil || len(all) != 1 || all[0].Account != fp(2) || all[0].Contact != chat.Contact {
			t.Errorf("%+v, %v", all, err)
		}
		return nil
	})
}
