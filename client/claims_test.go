package client

import (
	"bytes"
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/history"
	"github.com/omega-im/omega/media"
	"github.com/omega-im/omega/wire"
)

// name makes a message of the account name a blob, claimed until a time.
func (c *Client) name(t *testing.T, ref media.Ref, server omega.Fingerprint, until time.Time, named bool) {
	t.Helper()
	r := &history.Row{Own: true, State: clientrpc.StateStored, Message: chat.Message{
		ID: omega.ID(ref.Name[:16]), Chat: omega.DirectChat(c.acc.Fingerprint, fp(2)), Peer: fp(2), From: c.acc.Fingerprint, Device: c.acc.Device, Time: time.Now(),
		Content: chat.NewMedia("", []chat.MediaItem{{What: chat.File, Type: "text/plain", Ref: ref, Servers: []omega.Fingerprint{server}}}, false),
	}}
	must(t, c.db.Update(t.Context(), func(tx *history.Tx) error {
		must(t, tx.PutUploaded(ref, server, until))
		if named {
			_, err := tx.PutMessage(r)
			must(t, err)
		}
		return nil
	}))
}

// TestClaimsUnsealed: what a message names that was uploaded and waits to be sealed is not
// taken back.
func TestClaimsUnsealed(t *testing.T) {
	p := newFakeProxy(t)
	c := p.newCore(t)
	ref := media.Ref{Name: media.Hash{1}, Size: 100}
	content := chat.NewMedia("", []chat.MediaItem{{What: chat.File, Type: "text/plain", Ref: ref, Servers: []omega.Fingerprint{p.id.Account()}}}, false)
	raw, err := content.Raw()
	must(t, err)
	for _, row := range []struct {
		do   func(tx *history.Tx) error
		idle int
	}{
		{func(tx *history.Tx) error {
			must(t, tx.PutUploaded(ref, p.id.Account(), time.Now().Add(100*24*time.Hour)))
			return tx.AddUnsealed(&history.Unsealed{ID: omega.ID{1}, Chat: omega.ChatID{1}, Content: raw, Time: time.Now(), Due: time.Now().Add(time.Hour)})
		}, 0},
		{func(tx *history.Tx) error { return tx.RemoveUnsealed(omega.ID{1}) }, 1},
	} {
		var idle []history.Claim
		must(t, c.db.Update(t.Context(), row.do))
		idle, _, err = c.dueClaims(t.Context())
		must(t, err)
		if len(idle) != row.idle {
			t.Errorf("%d claims would be taken back, want %d", len(idle), row.idle)
		}
	}
}

// TestClaimsTended: what messages name is claimed again before it ends, brought
// again where it is gone, and taken back once no message names it.
func TestClaimsTended(t *testing.T) {
	p := newFakeProxy(t)
	c := p.newCore(t)
	soon := time.Now().Add(10 * 24 * time.Hour)
	late := time.Now().Add(100 * 24 * time.Hour)
	octets := []byte("gone from the server, not from here")
	brought, err := c.keepBlob(t.Context(), bytes.NewReader(octets), 1000)
	must(t, err)
	ref := func(n byte) media.Ref { return media.Ref{Name: media.Hash{n, 15: n}, Size: 100} }
	kept, lost, refused, away, idle, early := ref(1), ref(2), ref(3), ref(4), ref(5), ref(6)
	p.mu.Lock()
	p.answer = func(f wire.Frame) (wire.Type, []byte) {
		st := wire.BlobState{}
		switch f.Type {
		case wire.TypeBlobAppend:
			st = wire.BlobState{Flags: wire.BlobStored, Offset: uint64(len(octets))}
		case wire.TypeBlobClaim:
			claim, err := wire.DecodeBlobClaim(f.Body)
			switch {
			case err != nil:
				return 0, nil
			case claim.Name == kept.Name:
				st = wire.BlobState{Flags: wire.BlobStored, Offset: 100}
			case claim.Name == refused.Name:
				st.Code = omega.CodeNotFound
			case claim.Name == away.Name:
				st.Code = omega.CodeUnavailable
			}
		default:
			return 0, nil
		}
		return wire.TypeBlobState, wire.AppendBlobState(nil, st)
	}
	p.mu.Unlock()
	home := p.id.Account()
	for _, r := range []media.Ref{kept, lost, refused, brought} {
		c.name(t, r, home, soon, true)
	}
	c.name(t, early, home, late, true)
	c.name(t, idle, home, late, false)
	c.name(t, away, home, soon.Add(time.Hour), true) // the last one: the others do not wait for its server
	c.changed.notify()
	longer := time.Now().Add(media.DefaultClaim - time.Hour)
	want := map[media.Hash]func(time.Time) bool{
		kept.Name:    longer.Before,
		brought.Name: longer.Before,
		away.Name:    func(u time.Time) bool { return u.Before(longer) },
		early.Name:   func(u time.Time) bool { return u.Before(longer) },
	}
	until(t, "all claims tended", func() bool {
		var have []history.Claim
		must(t, c.db.View(t.Context(), func(tx *history.Tx) error {
			have, err = tx.EndingClaims(longer.Add(time.Hour*24*365), longer, 99)
			return err
		}))
		left := 0
		for _, h := range have {
			if ok := want[h.Ref.Name]; ok != nil && ok(h.Until) {
				left++
			}
		}
		return left == len(want) && len(have) == len(want)
	})
	back := map[media.Hash]bool{}
	for _, body := range p.frames(wire.TypeBlobClaim) {
		claim, err := wire.DecodeBlobClaim(body)
		must(t, err)
		back[claim.Name] = !claim.Until.After(claim.Issued)
	}
	for _, tt := range []struct {
		what string
		name media.Hash
		want bool
	}{{"idle", idle.Name, true}, {"lost", lost.Name, true}, {"kept", kept.Name, false}, {"brought", brought.Name, false}} {
		if got, asked := back[tt.name]; got != tt.want || !asked {
			t.Errorf("%s: taken back %v, asked %v", tt.what, got, asked)
		}
	}
	if _, asked := back[early.Name]; asked {
		t.Error("a claim that has time was made again")
	}
	if len(p.frames(wire.TypeBlobAppend)) != 1 {
		t.Errorf("%d parts brought", len(p.frames(wire.TypeBlobAppend)))
	}
}
