package client

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/internal/i18n"
	"github.com/omega-im/omega/internal/names"
	"github.com/omega-im/omega/pgp"
	"github.com/omega-im/omega/transport"
	"github.com/omega-im/omega/wire"
)

// recordLifetime is how long a location record counts as fresh (cloud.md's
// freshness head); clients renew theirs when half of it is over.
const recordLifetime = 7 * 24 * time.Hour

// An InitConfig says what account to make.
type InitConfig struct {
	Config
	Server     string // address of the first proxy, which becomes the home; may be "" with an invite link
	Invite     string // invite code or link, for a server that takes new accounts by invitation; "" for none
	DeviceName string

	// Primary adopts a primary key that lives elsewhere; nil makes one.
	// Expires is that key's expiration time, and GnuPGHome where its agent is.
	Primary   pgp.Signer
	Expires   time.Time
	GnuPGHome string
}

// Init makes an account in an empty home and registers it. Nothing is left
// behind when it fails; an account that was registered but could not be
// written to disk is nobody's and is forgotten by the cloud in time.
func Init(ctx context.Context, cfg InitConfig) (info *clientrpc.AccountInfo, err error) {
	doing := i18n.T("doing.init")
	defer func() { err = explain(doing, err) }()
	if err := checkNames(doing, cfg.Name, cfg.DeviceName); err != nil {
		return nil, err
	}
	invite, err := cfg.readInvite(doing)
	if err != nil {
		return nil, err
	}
	home, err := claimHome(doing, cfg.Home)
	if err != nil {
		return nil, fileError(doing, cfg.Home, err)
	}
	defer home.release()
	// Whom we meet is known before anything is made: a wrong address leaves
	// nothing behind.
	m, err := dialMeeting(ctx, cfg.Config, cfg.Server)
	if err != nil {
		return nil, err
	}
	defer m.close()
	if cfg.Primary != nil {
		if err := m.checkUnused(ctx, doing, cfg.Primary.Public().Fingerprint()); err != nil {
			return nil, err
		}
	}
	server, addr := m.guest.Server().Account, m.address
	m.close()

	now := cfg.now()
	var secret *pgp.SecretKey
	where, primary := PrimaryAgent, cfg.Primary
	if primary == nil {
		if secret, err = pgp.GenerateSigning(cfg.rand(), now); err != nil {
			return nil, err
		}
		where, primary = PrimaryHere, secret
	}
	dev, err := pgp.GenerateDevice(cfg.rand(), cfg.DeviceName, now)
	if err != nil {
		return nil, err
	}
	cert, err := bind(ctx, primary, cfg.Expires, dev, now)
	if err != nil {
		return nil, err
	}
	acc := &account{
		Version: 1, Fingerprint: cert.Fingerprint(), Device: dev.Signing.Public().Fingerprint(),
		Name: cfg.Name, DeviceName: cfg.DeviceName, Server: addr.String(), Primary: where, GnuPGHome: cfg.GnuPGHome,
		Protected: len(cfg.Passphrase) > 0, Created: now,
	}
	// A disk that takes no files is noticed before anybody hears of the account.
	if err := writeKeys(cfg.Config, secret, dev, cert); err != nil {
		return nil, fileError(doing, cfg.Home, err)
	}
	if secret != nil {
		if err := writeRevocation(ctx, cfg.Config, secret, cert, now); err != nil {
			return nil, fileError(doing, cfg.Home, err)
		}
	}
	err = register(ctx, cfg.Config, addr, server, cert, dev, invite)
	for start := time.Now(); (isJoining(err) || isUncertain(err)) && time.Since(start) < joiningPatience && sleep(ctx, joiningAgain); {
		err = register(ctx, cfg.Config, addr, server, cert, dev, invite)
	}
	if err != nil {
		return nil, registrationError(doing, addr, err)
	}
	if err := acc.save(cfg.Home); err != nil {
		return nil, fileError(doing, cfg.Home, err)
	}
	home.kept = true
	return accountInfo(acc, cert, now), nil
}

// readInvite reads the invite, and takes the server from it if none was named.
func (cfg *InitConfig) readInvite(doing i18n.Text) (*omega.Invite, error) {
	var invite *omega.Invite
	if cfg.Invite != "" {
		code, address, err := transport.ParseInvite(cfg.Invite)
		if err != nil {
			return nil, fail(clientrpc.CodeUsage, doing, i18n.T("why.invite", cfg.Invite), i18n.T("next.invite"), nil)
		}
		invite, cfg.Server = &code, cmp.Or(cfg.Server, address)
	}
	if cfg.Server == "" {
		return nil, fail(clientrpc.CodeUsage, doing, i18n.T("why.whichserver"), i18n.T("next.whichserver"), nil)
	}
	return invite, nil
}

// checkNames refuses names that nobody could read.
func checkNames(doing i18n.Text, name, device string) error {
	if err := checkName(doing, name); err != nil {
		return err
	}
	return checkDevice(doing, device)
}

func checkDevice(doing i18n.Text, name string) error {
	if names.Blank(name) || pgp.CheckDeviceName(name) != nil {
		return fail(clientrpc.CodeUsage, doing, i18n.T("why.devicename"), i18n.T("next.devicename"), nil)
	}
	return nil
}

// checkUnused refuses a key that is an account already: making another one of
// it would only add a device that nobody approved.
func (m *meeting) checkUnused(ctx context.Context, doing i18n.Text, key omega.Fingerprint) error {
	e, err := m.guest.Lookup(ctx, key)
	switch {
	case isCode(err, omega.CodeNotFound):
		return nil
	case err == nil && isTombstone(e.Certificate, key, m.cfg.now()):
		return fail(clientrpc.CodeDeleted, doing, i18n.T("why.keyofdeleted", key), i18n.T("next.key"), nil)
	case err == nil:
		return fail(clientrpc.CodeExists, doing, i18n.T("why.hasaccount", key), i18n.T("next.hasaccount"), nil)
	}
	return &dialError{m.address, err}
}

// registrationError says why a server did not take a new account.
func registrationError(doing i18n.Text, addr transport.Address, err error) error {
	var refused *omega.Error
	if errors.As(err, &refused) && refused.Code == omega.CodeRefused && strings.Contains(refused.Text, "by invitation") {
		return fail(clientrpc.CodeRefused, doing, inviteProblem(refused.Text, addr), i18n.T("next.askinvite"), nil)
	}
	if errors.As(err, &refused) && refused.Code == omega.CodeRefused && strings.Contains(refused.Text, "registration") {
		return fail(clientrpc.CodeRefused, doing, i18n.T("why.closed", addr.URL()), i18n.T("next.otherserver"), err)
	}
	if isUncertain(err) {
		return fail(clientrpc.CodeOffline, doing, i18n.T("why.uncertain", addr.URL()), i18n.T("next.retry"), err)
	}
	if isJoining(err) {
		return fail(clientrpc.CodeRefused, doing, i18n.T("why.joining", addr.URL()), i18n.T("next.otherserver"), err)
	}
	return &dialError{addr, err}
}

// A server that was just started takes registrations once it knows its cloud, which
// takes a second or two; owners of the account's entry that are slow answer later.
const (
	joiningPatience = 10 * time.Second
	joiningAgain    = 200 * time.Millisecond
)

// isJoining reports whether a server refused a new account because it is joining its
// cloud.
func isJoining(err error) bool {
	var refused *omega.Error
	return errors.As(err, &refused) && refused.Code == omega.CodeUnavailable && strings.Contains(refused.Text, "no registration yet")
}

// isUncertain reports whether a server refused a new account because it could not
// ask others in time whether it is new. (spec/keys.md, KEYS-19)
func isUncertain(err error) bool {
	var refused *omega.Error
	return errors.As(err, &refused) && refused.Code == omega.CodeUnavailable && strings.Contains(refused.Text, "is new")
}

// inviteProblem is what a server that takes new accounts by invitation says of an
// invite, or of none.
func inviteProblem(text string, addr transport.Address) i18n.Text {
	for part, key := range map[string]string{
		"unknown": "why.inviteunknown", "expired": "why.inviteexpired", "used up": "why.inviteused",
	} {
		if strings.Contains(text, part) {
			return i18n.T(key, addr.URL())
		}
	}
	return i18n.T("why.inviteneeded", addr.URL())
}

// bind makes the account's certificate with its first device: at most three
// signatures by the primary key.
func bind(ctx context.Context, primary pgp.Signer, expires time.Time, dev *pgp.DeviceSecrets, now time.Time) (*pgp.Certificate, error) {
	cert, err := pgp.NewCertificate(ctx, primary, expires, now)
	if err != nil {
		return nil, err
	}
	req, err := dev.Request(ctx, primary.Public(), now)
	if err != nil {
		return nil, err
	}
	return pgp.AddDevice(ctx, primary, cert, req, now)
}

// register connects as the new account, which makes the server take it, and
// makes that server its home.
func register(ctx context.Context, cfg Config, addr transport.Address, home omega.Fingerprint, cert *pgp.Certificate, dev *pgp.DeviceSecrets, invite *omega.Invite) error {
	id, err := pgp.NewIdentity(cert, dev)
	if err != nil {
		return err
	}
	entry, err := firstEntry(ctx, id, home, cfg.now())
	if err != nil {
		return err
	}
	d := cfg.dial(addr)
	d.Identity, d.Invite = id, invite
	d.Register = func(context.Context) (wire.Entry, error) { return entry, nil }
	conn, err := transport.Dial(ctx, d)
	if err != nil {
		return err
	}
	return conn.Close()
}

// firstEntry makes the entry of a new account that lives at home.
func firstEntry(ctx context.Context, id *pgp.Identity, home omega.Fingerprint, now time.Time) (wire.Entry, error) {
	rec := &wire.Record{Sequence: 1, Homes: []omega.Fingerprint{home}}
	if err := signRecord(ctx, id, rec, now); err != nil {
		return wire.Entry{}, err
	}
	return wire.Entry{Certificate: id.Certificate.Bytes(), Record: rec.Bytes()}, nil
}

// signRecord fills in everything but sequence, previous hash, homes and flags.
func signRecord(ctx context.Context, id *pgp.Identity, rec *wire.Record, now time.Time) error {
	rec.Issued, rec.Expires = now.Truncate(time.Millisecond), now.Add(recordLifetime).Truncate(time.Millisecond)
	rec.User, rec.Device = id.Account(), id.Device()
	rec.Certificate = id.Certificate.Hash()
	rec.DeviceList = id.Certificate.DeviceListHash(now)
	sig, err := pgp.SignCompact(ctx, id.Signer, rec.Signed(), now)
	if err != nil {
		return fmt.Errorf("sign the location record: %w", err)
	}
	rec.Sig = wire.Signature{Time: now.Unix(), Bytes: sig}
	return nil
}

// writeKeys puts the keys of a new account on disk. It is one only once there
// is account.json.
func writeKeys(cfg Config, primary *pgp.SecretKey, dev *pgp.DeviceSecrets, cert *pgp.Certificate) error {
	secrets, err := pgp.MarshalSecrets(primary, dev, cfg.Passphrase)
	if err != nil {
		return err
	}
	if err := writeFile(filepath.Join(cfg.Home, fileSecrets), secrets); err != nil {
		return err
	}
	return saveCertificate(cfg.Home, cert)
}

// writeRevocation puts what ends the account beside its keys. (spec/keys.md, KEYS-32)
func writeRevocation(ctx context.Context, cfg Config, primary pgp.Signer, cert *pgp.Certificate, now time.Time) error {
	text, err := pgp.Revocation(ctx, primary, cert, now)
	if err != nil {
		return err
	}
	return writeFile(RevocationPath(cfg.Home), []byte(text))
}

// RevocationPath is where a home has the revocation of its primary key, if that was
// made there.
func RevocationPath(home string) string { return filepath.Join(home, fileRevoked) }

// accountInfo is what faces show of an account.
func accountInfo(acc *account, cert *pgp.Certificate, now time.Time) *clientrpc.AccountInfo {
	info := &clientrpc.AccountInfo{
		Fingerprint: acc.Fingerprint, Device: acc.Device, Name: acc.Name, Certificate: cert.Armor(),
	}
	for _, d := range cert.Devices() {
		shown := deviceInfo(d, acc.Device, now)
		shown.Removed = removedBy(cert, d, acc.Device)
		info.Devices = append(info.Devices, shown)
	}
	return info
}

func deviceInfo(d pgp.Device, this omega.Fingerprint, now time.Time) clientrpc.Device {
	status := "active"
	switch {
	case d.Revoked:
		status = "revoked"
	case !d.Active(now):
		status = "expired"
	}
	fp := d.Signing.Fingerprint()
	return clientrpc.Device{Fingerprint: fp, Name: names.Shown(d.Name), Added: d.Added.UTC(), Status: status, This: fp == this, Undated: d.Revoked && d.RevokedAt.IsZero()}
}
