package client

import (
	"crypto/rand"
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
	"github.com/omega-im/omega/chat/group"
	"github.com/omega-im/omega/chat/secure"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/pgp"
)

// newCrowded makes an account with n devices that the cloud knows; it signs with the last.
func (p *fakeProxy) newCrowded(t *testing.T, n int) *pgp.Identity {
	t.Helper()
	now := time.Now()
	primary, err := pgp.GenerateSigning(rand.Reader, now)
	must(t, err)
	cert, err := pgp.NewCertificate(t.Context(), primary, time.Time{}, now)
	must(t, err)
	var dev *pgp.DeviceSecrets
	for range n {
		dev, err = pgp.GenerateDevice(rand.Reader, "x", now)
		must(t, err)
		req, err := dev.Request(t.Context(), primary.Public(), now)
		must(t, err)
		cert, err = pgp.AddDevice(t.Context(), primary, cert, req, now)
		must(t, err)
	}
	id, err := pgp.NewIdentity(cert, dev)
	must(t, err)
	p.put(entryOf(t, id, p.id.Account(), 1), id.Account())
	return id
}

// TestSecureGroupRoom: a secure group with as many devices as an epoch can have lets nobody
// in any more, and says so to who invites and to who accepts.
func TestSecureGroupRoom(t *testing.T) {
	p := newFakeProxy(t)
	c := p.newCore(t)
	f := &founder{stranger: p.newStranger(t, c, "founder")}
	o, err := group.Genesis(rand.Reader, group.Op{Author: group.Party{Account: f.id, Device: f.me.Device()}, Time: time.Now(), Profile: group.Profile{Name: "擠"}, Secure: true})
	must(t, err)
	must(t, o.Sign(t.Context(), f.me.Signer))
	f.log, err = group.NewLog(o)
	must(t, err)
	var crowd []*pgp.Identity
	var accounts []omega.Fingerprint
	for left := secure.MaxDevices - 1; left > 0; left -= omega.MaxDevices { // the founder has one
		id := p.newCrowded(t, min(left, omega.MaxDevices))
		crowd, accounts = append(crowd, id), append(accounts, id.Account())
	}

	// Who invites: one more than there is room for.
	made, err := clientrpc.CreateGroup.Call(t.Context(), c, clientrpc.CreateGroupParams{ID: omega.ID{1}, Name: "大", Secure: true})
	must(t, err)
	ref := clientrpc.GroupRef{Group: made.Chat.String()}
	_, err = clientrpc.InviteGroup.Call(t.Context(), c, clientrpc.GroupAccounts{GroupRef: ref, Accounts: append([]omega.Fingerprint{f.id}, accounts...)})
	wantCode(t, "invite too many devices", err, clientrpc.CodeRefused)
	out, err := clientrpc.InviteGroup.Call(t.Context(), c, clientrpc.GroupAccounts{GroupRef: ref, Accounts: accounts})
	if err != nil || out.Operations != 2 {
		t.Errorf("%+v, %v", out, err)
	}

	// Who accepts: the last place was taken meanwhile.
	f.next(t, f.me.Signer, group.Op{Type: group.TypeInvite, Accounts: accountsOf(append(accounts, c.acc.Fingerprint))})
	for _, id := range crowd {
		a, err := f.log.Next(group.Party{Account: id.Account(), Device: id.Device()}, time.Now(), group.Op{Type: group.TypeAccept})
		must(t, err)
		must(t, a.Sign(t.Context(), id.Signer))
		_, err = f.log.Add(a)
		must(t, err)
	}
	p.push(t, f.tell(t, c, chat.KindGroupInvite, f.log.Ops()...)...)
	ref = clientrpc.GroupRef{Group: f.log.ID().String()}
	until(t, "invited by a full group", func() bool {
		g, err := clientrpc.ShowGroup.Call(t.Context(), c, ref)
		return err == nil && g.Role == clientrpc.RoleInvited && g.Size == len(crowd)+1
	})
	_, err = clientrpc.AcceptGroup.Call(t.Context(), c, ref)
	wantCode(t, "accept", err, clientrpc.CodeRefused)
	if g, err := clientrpc.ShowGroup.Call(t.Context(), c, ref); err != nil || g.Role != clientrpc.RoleInvited {
		t.Errorf("%+v, %v", g, err)
	}
	bye, err := f.log.Next(group.Party{Account: accounts[0], Device: crowd[0].Device()}, time.Now(), group.Op{Type: group.TypeLeave})
	must(t, err)
	must(t, bye.Sign(t.Context(), crowd[0].Signer))
	p.push(t, f.tell(t, c, chat.KindGroup, bye)...)
	until(t, "somebody left", func() bool {
		g, err := clientrpc.ShowGroup.Call(t.Context(), c, ref)
		return err == nil && g.Size == len(crowd)
	})
	g, err := clientrpc.AcceptGroup.Call(t.Context(), c, ref)
	if err != nil || g.Role != clientrpc.RoleMember {
		t.Errorf("%+v, %v", g, err)
	}
}
