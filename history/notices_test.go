package history

import (
	"errors"
	"testing"
	"time"
)

func TestNotices(t *testing.T) {
	db := openTest(t)
	at := time.UnixMilli(1_700_000_000_000).UTC()
	a, b := fp(1), fp(2)
	db.update(t, func(tx *Tx) error {
		for _, tt := range []struct {
			n    Notice
			want bool
		}{
			{Notice{Account: a, Kind: NoticeWithheld, Sequence: 7, Time: at, Served: []byte("old"), Other: []byte("said")}, true},
			{Notice{Account: a, Kind: NoticeWithheld, Sequence: 7, Time: at.Add(time.Hour)}, false},
			{Notice{Account: b, Kind: NoticeConflict, Sequence: 1 << 63, Time: at}, true},
		} {
			fresh, err := tx.AddNotice(&tt.n)
			if err != nil || fresh != tt.want {
				t.Errorf("%+v: new %v, %v", tt.n, fresh, err)
			}
		}
		return nil
	})
	list := func(after int64, standing bool) (out []Notice) {
		db.view(t, func(tx *Tx) (err error) {
			out, err = tx.Notices(after, standing, 10)
			return err
		})
		return out
	}
	all := list(0, false)
	if len(all) != 2 || all[0].Sequence != 7 || !all[0].Time.Equal(at) || string(all[0].Served) != "old" || string(all[0].Other) != "said" || all[1].Sequence != 1<<63 {
		t.Fatalf("notices %+v", all)
	}
	if got := list(all[0].Number, false); len(got) != 1 || got[0].Account != b {
		t.Errorf("after the first: %+v", got)
	}
	settle := func(upTo uint64) {
		db.update(t, func(tx *Tx) error { return tx.SettleNotices(a, NoticeWithheld, upTo, at.Add(time.Minute)) })
	}
	settle(6)
	if got := list(0, true); len(got) != 2 {
		t.Errorf("a lower record settled it: %+v", got)
	}
	settle(7)
	if got := list(0, true); len(got) != 1 || got[0].Account != b {
		t.Errorf("standing: %+v", got)
	}
	db.update(t, func(tx *Tx) error {
		fresh, err := tx.AddNotice(&Notice{Account: a, Kind: NoticeWithheld, Sequence: 7, Time: at.Add(2 * time.Hour)})
		if !fresh {
			t.Error("one that was over does not stand again")
		}
		return err
	})
	if got := list(0, true); len(got) != 2 || string(got[0].Served) != "old" {
		t.Errorf("standing again: %+v", got)
	}
}

// What a device said of its record, and a tombstone, outlive what is fetched
// later.
func TestPeerStatements(t *testing.T) {
	db := openTest(t)
	at := time.UnixMilli(1_700_000_000_000).UTC()
	who := fp(3)
	said := Statement{Sequence: 9, Hash: [16]byte{1}, Device: fp(4), Proof: []byte("proof")}
	db.update(t, func(tx *Tx) error {
		return errors.Join(tx.PutPeer(&Peer{Fingerprint: who, Certificate: []byte("c"), Record: []byte("r"), Sequence: 8, Chained: 5}),
			tx.SetStated(who, &said),
			tx.PutPeer(&Peer{Fingerprint: who, Certificate: []byte("c2"), Record: []byte("old"), Sequence: 3, Chained: 3}))
	})
	peer := func() (p *Peer) {
		db.view(t, func(tx *Tx) (err error) {
			p, err = tx.Peer(who)
			return err
		})
		return p
	}
	p := peer()
	if !p.Behind() || p.Stated.Sequence != 9 || p.Stated.Hash != said.Hash || p.Stated.Device != said.Device || string(p.Stated.Proof) != "proof" {
		t.Errorf("stated %+v", p.Stated)
	}
	if p.Sequence != 8 || p.Chained != 5 || string(p.Certificate) != "c2" {
		t.Errorf("peer %+v", p)
	}
	db.update(t, func(tx *Tx) error {
		return errors.Join(tx.SetDeleted(who, []byte("tomb"), at), tx.SetDeleted(who, []byte("again"), at.Add(time.Hour)),
			tx.PutPeer(&Peer{Fingerprint: who, Certificate: []byte("c2"), Sequence: 8}))
	})
	if p = peer(); !p.Deleted.Equal(at) || string(p.Tombstone) != "tomb" || string(p.Certificate) != "c2" {
		t.Errorf("deleted peer %+v", p)
	}
}
