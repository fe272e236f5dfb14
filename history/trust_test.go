package history

import (
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
)

func TestCertifications(t *testing.T) {
	db := openTest(t)
	at := time.UnixMilli(1_700_000_000_000).UTC()
	db.update(t, func(tx *Tx) error {
		for i := byte(1); i <= 4; i++ {
			kept, err := tx.PutCertification(&Certification{fp(9), fp(i), []byte{i}, at.Add(time.Duration(i))}, 3)
			if err != nil || kept != (i <= 3) {
				t.Errorf("%d: kept %v, %v", i, kept, err)
			}
		}
		if kept, err := tx.PutCertification(&Certification{fp(9), fp(2), []byte("again"), at.Add(time.Hour)}, 3); err != nil || !kept {
			t.Errorf("again: %v, %v", kept, err)
		}
		list, err := tx.Certifications(fp(9))
		if err != nil || len(list) != 3 || list[0].Issuer != fp(2) || string(list[0].Packet) != "again" || !list[0].Time.Equal(at.Add(time.Hour)) {
			t.Errorf("%+v, %v", list, err)
		}
		must(t, tx.think(chat.SettingContact, fp(5), chat.Contact))
		must(t, tx.think(chat.SettingContact, fp(1), chat.Contact))
		if kept, err := tx.PutCertification(&Certification{fp(9), fp(5), []byte{5}, at.Add(2 * time.Hour)}, 3); err != nil || !kept {
			t.Errorf("of a contact: %v, %v", kept, err)
		}
		for issuer, want := range map[byte]bool{1: true, 2: true, 3: false, 5: true} {
			if packet, err := tx.CertificationBy(fp(9), fp(issuer)); err != nil || (packet != nil) != want {
				t.Errorf("by %d: %v, %v", issuer, packet, err)
			}
		}
		if list, err := tx.Certifications(fp(8)); err != nil || len(list) != 0 {
			t.Errorf("%+v, %v", list, err)
		}
		return nil
	})
}

// think has this account think something of another.
func (tx *Tx) think(name string, of omega.Fingerprint, value byte) error {
	_, err := tx.PutSetting(&chat.Setting{Name: name, Subject: of.Wire(), Value: []byte{value}, Stamp: chat.Stamp{Version: 1, Time: time.UnixMilli(1), Device: of}})
	return err
}

// TestSuccessionsTo: of accounts that go on as one the first are told, however many they are.
func TestSuccessionsTo(t *testing.T) {
	openTest(t).update(t, func(tx *Tx) error {
		for n := range maxSuccessionsTo + 5 {
			_, err := tx.PutSuccession(&Succession{Old: fp(byte(100 + n)), New: fp(2), Time: testTime, Proven: testTime.Add(-time.Duration(n) * time.Second)})
			must(t, err)
		}
		_, err := tx.PutSuccession(&Succession{Old: fp(99), New: fp(2), Time: testTime})
		must(t, err)
		list, err := tx.SuccessionsTo(fp(2))
		if err != nil || len(list) != maxSuccessionsTo || list[0].Old != fp(100+maxSuccessionsTo+4) {
			t.Errorf("%d, the first %v: %v", len(list), list[0].Old, err)
		}
		return nil
	})
}

func TestSuccessions(t *testing.T) {
	db := openTest(t)
	at := time.UnixMilli(1_700_000_000_000).UTC()
	db.update(t, func(tx *Tx) error {
		put := func(s Succession) {
			t.Helper()
			if kept, err := tx.PutSuccession(&s); err != nil || !kept {
				t.Errorf("%+v: %v, %v", s, kept, err)
			}
		}
		put(Succession{Old: fp(1), New: fp(2), Answer: []byte("yes"), Time: at})
		if list, err := tx.UnprovenSuccessions(9); err != nil || len(list) != 0 {
			t.Errorf("half of one: %+v, %v", list, err)
		}
		put(Succession{Old: fp(1), New: fp(2), Statement: []byte("goes"), Time: at.Add(time.Hour)})
		list, err := tx.UnprovenSuccessions(9)
		if err != nil || len(list) != 1 || string(list[0].Statement) != "goes" || string(list[0].Answer) != "yes" || !list[0].Time.Equal(at) {
			t.Fatalf("%+v, %v", list, err)
		}
		put(Succession{Old: fp(1), New: fp(2), Proven: at})
		put(Succession{Old: fp(1), New: fp(2), Statement: []byte("other"), Answer: []byte("no")})
		must(t, tx.DropSuccession(fp(1), fp(2)))
		if list, err = tx.Successions(fp(1)); err != nil || len(list) != 1 || string(list[0].Statement) != "goes" || !list[0].Proven.Equal(at) {
			t.Errorf("proven: %+v, %v", list, err)
		}
		for i := range byte(MaxSuccessions - 1) {
			put(Succession{Old: fp(1), New: fp(10 + i), Statement: []byte("x"), Answer: []byte("x")})
		}
		if kept, err := tx.PutSuccession(&Succession{Old: fp(1), New: fp(99), Statement: []byte("x")}); err != nil || kept {
			t.Errorf("one too many: %v, %v", kept, err)
		}
		must(t, tx.DropSuccession(fp(1), fp(10)))
		put(Succession{Old: fp(1), New: fp(99), Statement: []byte("x")})
		return nil
	})
}
