package whole

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/client"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/mailbox"
	"github.com/omega-im/omega/mailbox/pebble"
	"github.com/omega-im/omega/pgp"
	"github.com/omega-im/omega/transport"
)

// waiting counts the mail of an account at a server that is stopped.
func (s *server) waiting(t *testing.T, account omega.Fingerprint) int {
	t.Helper()
	driver, err := pebble.Open(pebble.Config{Dir: filepath.Join(s.cfg.Dir, "mail")})
	must(t, err)
	store, err := mailbox.Open(mailbox.Config{Driver: driver})
	must(t, err)
	defer func() { must(t, store.Close()) }()
	keys, err := store.Keys(t.Context(), account)
	must(t, err)
	return len(keys)
}

// deleted reports whether a server shows the tombstone of an account.
func (s *server) deleted(t *testing.T, d *device) bool {
	t.Helper()
	return s.certificate(t, d.account).Deleted()
}

// certificate is what a server answers a guest about an account.
func (s *server) certificate(t *testing.T, account omega.Fingerprint) *pgp.Certificate {
	t.Helper()
	addr, err := transport.ParseAddress(s.address())
	must(t, err)
	guest, err := transport.DialGuest(t.Context(), transport.DialConfig{Address: addr})
	must(t, err)
	defer guest.Close()
	e, err := guest.Lookup(t.Context(), account)
	must(t, err)
	cert, err := pgp.ParseCertificate(e.Certificate, time.Now())
	must(t, err)
	return cert
}

// awaitNotice waits until a device knows of something about an account.
func (d *device) awaitNotice(t *testing.T, about *device, kind string) (out clientrpc.Notice) {
	t.Helper()
	until(t, kind+" of "+about.cfg.Name, func() bool {
		r, err := clientrpc.Notices.Call(t.Context(), d.conn, clientrpc.NoticesParams{})
		must(t, err)
		i := slices.IndexFunc(r.Notices, func(n clientrpc.Notice) bool { return n.Account == about.account && n.Kind == kind })
		if i >= 0 {
			out = r.Notices[i]
		}
		return i >= 0
	})
	return out
}

func (d *device) notices(t *testing.T) []clientrpc.Notice {
	t.Helper()
	r, err := clientrpc.Notices.Call(t.Context(), d.conn, clientrpc.NoticesParams{Standing: true})
	must(t, err)
	return r.Notices
}

// TestDeletedAccount deletes an account with two devices and three homes, of
// which one is down and another is where a device is connected. Everything of
// it goes, at the home that was down too once it is back; every device is told;
// who writes to it is told, and told why; the key cannot come back.
func TestDeletedAccount(t *testing.T) {
	t.Parallel()
	servers := ownCloud(t, 4, "open", young)
	a, b := newPerson(t, "a", servers[0].address()), newPerson(t, "b", servers[1].address())
	homes := b.awaitHomes(t, 3)
	b2 := b.link(t, servers[2].address())
	b2.awaitHomes(t, 3)
	a.know(t, b)
	a.send(t, b, "before", "delivered")
	wantVerified(t, b2.receive(t, 1), "before")
	b2.close(t)
	a.send(t, b, "waits for the second device", "delivered")
	copied := *b // a copy of the home, as an attacker or a backup may have it
	copied.cfg.Home = filepath.Join(t.TempDir(), "copy")
	must(t, os.Mkdir(copied.cfg.Home, 0o700))
	for _, name := range []string{"account.json", "secrets.pgp", "certificate.pgp"} {
		file, err := os.ReadFile(filepath.Join(b.cfg.Home, name))
		must(t, err)
		must(t, os.WriteFile(filepath.Join(copied.cfg.Home, name), file, 0o600))
	}

	i := slices.IndexFunc(homes, func(h omega.Fingerprint) bool { return h != servers[1].fpr() && h != servers[0].fpr() })
	down := find(t, servers, homes[i])
	must(t, down.end())
	if n := down.waiting(t, b.account); n == 0 {
		t.Fatal("no mail waits at the home that is down")
	}
	r, err := clientrpc.Delete.Call(t.Context(), b.conn, clientrpc.DeleteParams{Fingerprint: b.account})
	if err != nil || r.Deleted.IsZero() || r.Servers < 2 {
		t.Fatalf("delete: %+v, %v", r, err)
	}
	if again, err := clientrpc.Delete.Call(t.Context(), b.conn, clientrpc.DeleteParams{Fingerprint: b.account}); err != nil || !again.Deleted.Equal(r.Deleted) {
		t.Errorf("again: %+v, %v", again, err)
	}
	if st := b.status(t); st.Online || st.Deleted.IsZero() || st.Problem == nil || st.Problem.Code != clientrpc.CodeDeleted {
		t.Errorf("status of the device that deleted it: %+v", st)
	}
	_, err = clientrpc.Send.Call(t.Context(), b.conn, clientrpc.SendParams{ID: newID(), To: a.account.String(), Text: "no more", Wait: "none"})
	wantCode(t, err, clientrpc.CodeDeleted)
	wantVerified(t, b.history(t, a), "before", "waits for the second device") // what is here can be read

	// The other device, and a copy of the keys, are told by whomever they ask.
	b2.open(t)
	copied.open(t)
	for _, d := range []*device{b2, &copied} {
		until(t, "a device hears of the end", func() bool { return !d.status(t).Deleted.IsZero() })
		d.close(t)
		d.open(t)
		if st := d.status(t); st.Deleted.IsZero() || st.Online {
			t.Errorf("after a start: %+v", st)
		}
	}

	// Who writes to it hears that it is gone, and has proof.
	id := newID()
	if sent, err := clientrpc.Send.Call(t.Context(), a.conn, clientrpc.SendParams{ID: id, To: b.account.String(), Text: "hello?", Wait: "stored", Timeout: patience}); err == nil {
		if sent.State != clientrpc.StateFailed || sent.Why == nil || sent.Why.Code != clientrpc.CodeDeleted {
			t.Errorf("sent to a deleted account: %+v", sent)
		}
	} else {
		wantCode(t, err, clientrpc.CodeDeleted)
	}
	if n := a.awaitNotice(t, b, clientrpc.NoticeDeleted); len(n.Other) == 0 {
		t.Error("no tombstone beside the notice")
	}
	_, err = clientrpc.Send.Call(t.Context(), a.conn, clientrpc.SendParams{ID: newID(), To: b.account.String(), Text: "hello?", Wait: "none"})
	wantCode(t, err, clientrpc.CodeDeleted)
	chats, err := clientrpc.Chats.Call(t.Context(), a.conn, clientrpc.Page{})
	if err != nil || len(chats.Chats) != 1 || chats.Chats[0].Notice != clientrpc.NoticeDeleted {
		t.Errorf("chats %+v, %v", chats, err)
	}
	if l, err := clientrpc.Lookup.Call(t.Context(), a.conn, clientrpc.LookupParams{Fingerprint: b.account}); err != nil || l.Deleted.IsZero() || len(l.Devices) != 0 {
		t.Errorf("look-up %+v, %v", l, err)
	}
	dir := t.TempDir()
	if e, err := clientrpc.Export.Call(t.Context(), a.conn, clientrpc.ExportParams{Chat: b.account.String(), Dir: dir}); err != nil || e.Skipped != 0 {
		t.Errorf("export of what was said before: %+v, %v", e, err)
	}

	// The home that was down hears of it when it is back. A receipt may have come
	// to a's mailbox meanwhile, so it is stopped to look.
	must(t, down.start())
	until(t, "the home that was down knows of the end", func() bool {
		return down.deleted(t, b)
	})
	for _, s := range servers {
		until(t, "every server knows of the end", func() bool { return s.deleted(t, b) })
	}
	a.online(t)
	for _, s := range servers {
		must(t, s.end())
	}
	for _, s := range servers {
		if n := s.waiting(t, b.account); n != 0 {
			t.Errorf("%d mails wait at %s", n, s.cfg.Name)
		}
	}

	if err := client.Erase(a.cfg.Home); err == nil {
		t.Error("a living account was erased")
	}
	b.close(t)
	must(t, client.Erase(b.cfg.Home))
	left, err := os.ReadDir(b.cfg.Home)
	must(t, err)
	for _, f := range left {
		if f.Name() != "lock" {
			t.Errorf("%s is left", f.Name())
		}
	}
}
