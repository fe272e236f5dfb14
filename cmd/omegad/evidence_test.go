package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/internal/i18n"
	"github.com/omega-im/omega/mesh"
	"github.com/omega-im/omega/node"
	"github.com/omega-im/omega/pgp"
	"github.com/omega-im/omega/transport"
	"github.com/omega-im/omega/wire"
)

func newLiar(t *testing.T) *pgp.Identity {
	t.Helper()
	now := time.Now()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	primary, err := pgp.GenerateSigning(rand.Reader, now)
	must(err)
	cert, err := pgp.NewCertificate(t.Context(), primary, time.Time{}, now)
	must(err)
	dev, err := pgp.GenerateDevice(rand.Reader, "server", now)
	must(err)
	req, err := dev.Request(t.Context(), primary.Public(), now)
	must(err)
	cert, err = pgp.AddDevice(t.Context(), primary, cert, req, now)
	must(err)
	id, err := pgp.NewIdentity(cert, dev)
	must(err)
	return id
}

// tells announces something in the name of id to a server, over TLS.
func tells(t *testing.T, id *pgp.Identity, to *node.Node, name string) *transport.Conn {
	t.Helper()
	addr, err := transport.ParseAddress(to.ServerAddress())
	if err != nil {
		t.Fatal(err)
	}
	conn, err := transport.Dial(t.Context(), transport.DialConfig{
		Address: addr, Identity: id, Role: transport.RoleServer,
		Register: func(context.Context) (wire.Entry, error) { return wire.Entry{Certificate: id.Certificate.Bytes()}, nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now().Truncate(time.Millisecond)
	a := mesh.Announcement{
		Server: id.Account(), Sequence: 77, Issued: now, Expires: now.Add(time.Hour), Certificate: id.Certificate.Hash(), Name: name, Peer: "127.0.0.1:1",
	}
	b, err := a.Sign(func(data []byte, at time.Time) (mesh.Signature, error) {
		sig, err := pgp.SignCompact(t.Context(), id.Signer, data, at)
		return mesh.Signature(sig), err
	})
	if err != nil {
		t.Fatal(err)
	}
	for typ, body := range map[wire.Type][]byte{wire.TypeServerCert: id.Certificate.Bytes(), wire.TypeLSA: b} {
		if err := conn.SendFrame(typ, 0, body); err != nil {
			t.Fatal(err)
		}
	}
	return conn
}

// An alarm is a log in which operators look for liars.
type alarm struct {
	slog.Handler
	found chan bool
}

func (a *alarm) Enabled(context.Context, slog.Level) bool { return true }
func (a *alarm) WithAttrs([]slog.Attr) slog.Handler       { return a }
func (a *alarm) Handle(_ context.Context, r slog.Record) error {
	if strings.HasPrefix(r.Message, "a server told different things") {
		a.found <- true
	}
	return nil
}

// A server that tells two members two things under one sequence is found out, and
// what both keep on disk says so, in both languages and to programs.
func TestEvidenceOfRealServers(t *testing.T) {
	var dirs []string
	var nodes []*node.Node
	var stops []func()
	bootstrap, found := "", make(chan bool, 100)
	for range 2 {
		cfg, err := node.ParseConfig([]byte("[listen]\nclient = \"127.0.0.1:0\"\npeer = \"127.0.0.1:0\"\nhttp = \"\"\nadmin = \"\"\n" + bootstrap))
		if err != nil {
			t.Fatal(err)
		}
		cfg.Dir = t.TempDir()
		n, err := node.New(t.Context(), *cfg, node.Options{Logger: slog.New(&alarm{Handler: slog.DiscardHandler, found: found})})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan error, 1)
		go func() { ended <- n.Run(ctx) }()
		stop := func() {
			cancel()
			if err, ok := <-ended; ok && err != nil {
				t.Error(err)
			}
		}
		bootstrap = "[cloud]\nprivate = true\nbootstrap = [\"" + n.ServerAddress() + "\"]"
		dirs, nodes, stops = append(dirs, cfg.Dir), append(nodes, n), append(stops, stop)
	}
	liar := newLiar(t)
	a, b := tells(t, liar, nodes[0], "one thing"), tells(t, liar, nodes[1], "another thing")
	defer a.Close()
	defer b.Close()
	for range nodes {
		select {
		case <-found:
		case <-time.After(time.Minute):
			t.Fatal("not everybody finds the liar out")
		}
	}
	for _, stop := range stops {
		stop()
	}
	for _, dir := range dirs {
		for lang, want := range map[i18n.Lang]string{
			i18n.English: "sequence 77", i18n.Chinese: "成立：同一序號簽了兩份不同的公告",
		} {
			var out strings.Builder
			if err := new(evidenceCmd).print(&out, dir, lang); err != nil {
				t.Fatal(err)
			}
			if s := out.String(); strings.Count(s, "\n") != 1 || !strings.Contains(s, liar.Account().String()) || !strings.Contains(s, want) {
				t.Errorf("printed %q", s)
			}
		}
		var out strings.Builder
		if err := (&evidenceCmd{JSON: true}).print(&out, dir, i18n.English); err != nil {
			t.Fatal(err)
		}
		var proof proofJSON
		if err := json.Unmarshal([]byte(out.String()), &proof); err != nil || !proof.Valid || proof.Server != liar.Account() || proof.First == proof.Second {
			t.Errorf("printed %q, %v", out.String(), err)
		}
	}
	var out strings.Builder
	if err := new(evidenceCmd).print(&out, t.TempDir(), i18n.Chinese); err == nil || !strings.Contains(inWords(err, i18n.Chinese), "cloud.state") {
		t.Errorf("of no server: %v", err)
	}
}

// What devices of accounts signed twice is printed as well.
func TestEvidenceAgainstDevices(t *testing.T) {
	dir := t.TempDir()
	liar, now := newLiar(t), time.Now()
	b := []byte("omega-im/disputes/v1\n")
	var records [][]byte
	for n := range 2 {
		rec := &wire.Record{
			Sequence: 77, Issued: now, Expires: now.Add(time.Duration(n+1) * time.Hour), Certificate: liar.Certificate.Hash(),
			User: liar.Account(), Device: liar.Device(), Homes: []omega.Fingerprint{liar.Account()},
		}
		sig, err := pgp.SignCompact(t.Context(), liar.Signer, rec.Signed(), now)
		if err != nil {
			t.Fatal(err)
		}
		rec.Sig = wire.Signature{Time: now.Unix(), Bytes: sig}
		records = append(records, rec.Bytes())
	}
	b = wire.AppendBlobs(b, [][]byte{liar.Certificate.Bytes(), records[0], records[1]})
	for name, b := range map[string][]byte{"disputes": b, "cloud.state": nil} {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var text, lines strings.Builder
	_ = new(evidenceCmd).print(&text, dir, i18n.Chinese) // of an empty state of the cloud it says what is wrong
	_ = (&evidenceCmd{JSON: true}).print(&lines, dir, i18n.English)
	if s := text.String(); !strings.Contains(s, liar.Account().String()) || !strings.Contains(s, "成立：同一序號簽了兩份不同的所在紀錄") {
		t.Errorf("printed %q", s)
	}
	var proof disputeJSON
	if err := json.Unmarshal([]byte(lines.String()), &proof); err != nil || !proof.Valid || proof.Account != liar.Account() || proof.Sequence != 77 {
		t.Errorf("printed %q, %v", lines.String(), err)
	}
}
