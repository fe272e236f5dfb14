package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/internal/i18n"
	"github.com/omega-im/omega/pgp"
	"github.com/omega-im/omega/transport"
)

// linkLifetime is how long a link text can be used (spec/identity.md,
// IDENT-10), and approveTimeout how long the approving device waits for the
// new one, which stands beside it.
const (
	linkLifetime   = 5 * time.Minute
	approveTimeout = linkLifetime    // somebody may compare fingerprints there, for as long as the new one waits
	publishTimeout = 2 * time.Minute // for who approves, once the new one has answered
	pollInterval   = 500 * time.Millisecond

	// maxKeyAge is how old the keys of a new device may be: they are made with the link
	// text. Clocks may differ.
	maxKeyAge = time.Hour
)

// Steps of linking: the old device leaves the account, the new one the
// cross-signature.
const (
	stepAccount byte = 1
	stepCross   byte = 2
)

// A LinkConfig says where a new device of an existing account is made.
type LinkConfig struct {
	Config
	Server     string // address of the server where the two devices meet
	DeviceName string // shown to the person who approves
	// Show is called with the text to carry to the other device, and Confirm
	// with the account that answered, before the device joins it. A nil Confirm
	// accepts.
	Show    func(text string)
	Confirm func(account omega.Fingerprint) error
}

// Link makes this home a further device of the account whose owner approves
// the link text on a device that can use the primary key.
func Link(ctx context.Context, cfg LinkConfig) (info *clientrpc.AccountInfo, err error) {
	doing := i18n.T("doing.link")
	defer func() { err = explain(doing, err) }()
	if err := checkDevice(doing, cfg.DeviceName); err != nil {
		return nil, err
	}
	home, err := claimHome(doing, cfg.Home)
	if err != nil {
		return nil, fileError(doing, cfg.Home, err)
	}
	defer home.release()
	ctx, cancel := context.WithTimeout(ctx, linkLifetime)
	defer cancel()
	m, err := dialMeeting(ctx, cfg.Config, cfg.Server)
	if err != nil {
		return nil, err
	}
	defer m.close()

	now := cfg.now()
	dev, err := pgp.GenerateDevice(cfg.rand(), cfg.DeviceName, now)
	if err != nil {
		return nil, err
	}
	link := &linkText{
		Signing:    dev.Signing.Public().Packet(true),
		Encryption: dev.Encryption.Public().Packet(true),
		Name:       cfg.DeviceName,
		Server:     m.address.String(),
	}
	if _, err := io.ReadFull(cfg.rand(), link.Secret[:]); err != nil {
		return nil, err
	}
	cfg.Show(link.String())

	cert, err := joinAccount(ctx, cfg, m, link, dev)
	if err != nil {
		return nil, err
	}
	acc := &account{
		Version: 1, Fingerprint: cert.Fingerprint(), Device: dev.Signing.Public().Fingerprint(),
		Name: cfg.Name, DeviceName: cfg.DeviceName, Server: m.address.String(), Primary: PrimaryOther,
		Protected: len(cfg.Passphrase) > 0, Created: now,
	}
	err = writeKeys(cfg.Config, nil, dev, cert)
	if err == nil {
		err = acc.save(cfg.Home)
	}
	if err != nil {
		return nil, fileError(doing, cfg.Home, err)
	}
	home.kept = true
	return accountInfo(acc, cert, cfg.now()), nil
}

// joinAccount is the new device's side of the exchange.
func joinAccount(ctx context.Context, cfg LinkConfig, m *meeting, link *linkText, dev *pgp.DeviceSecrets) (*pgp.Certificate, error) {
	blob, err := m.pick(ctx, link.handle(stepAccount))
	if err != nil {
		return nil, err
	}
	content, err := link.open(stepAccount, blob)
	if err != nil {
		return nil, err
	}
	primary, err := pgp.ParsePublicKey(content)
	if err != nil {
		return nil, fmt.Errorf("%w: account key: %w", errLinkText, err)
	}
	if cfg.Confirm != nil {
		if err := cfg.Confirm(primary.Fingerprint()); err != nil {
			return nil, err
		}
	}
	req, err := dev.Request(ctx, primary, cfg.now())
	if err != nil {
		return nil, err
	}
	if err := m.drop(ctx, link.handle(stepCross), link.seal(stepCross, req.CrossSignature)); err != nil {
		return nil, err
	}
	return m.awaitBinding(ctx, primary.Fingerprint(), dev.Signing.Public().Fingerprint(), cfg.now)
}

// approve is the old device's side: it binds the device of a link text.
func (c *Client) approve(ctx context.Context, p clientrpc.ApproveParams) (clientrpc.Device, error) {
	link, err := parseLinkText(p.Text)
	if err != nil {
		return clientrpc.Device{}, err
	}
	signing, encryption, err := link.keys()
	if err != nil {
		return clientrpc.Device{}, err
	}
	if d, ok := c.certificate().Device(signing.Fingerprint()); ok {
		return deviceInfo(d, c.acc.Device, c.cfg.now()), c.alsoHistory(ctx, p, signing.Fingerprint()) // the same call again
	}
	if age := c.cfg.now().Sub(signing.Created()); age > maxKeyAge { // the order of devices goes by it (spec/keys.md, KEYS-36)
		return clientrpc.Device{}, fail(clientrpc.CodeRefused, i18n.T("doing.approve"), i18n.T("why.oldkeys", age.Round(time.Minute)), i18n.T("next.oldkeys"), nil)
	}
	primary, err := c.primary(ctx)
	if err != nil {
		return clientrpc.Device{}, err
	}
	cross, err := c.meet(ctx, link)
	if err != nil {
		return clientrpc.Device{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, publishTimeout)
	defer cancel()
	req := &pgp.DeviceRequest{Signing: signing, Encryption: encryption, Name: link.Name, CrossSignature: cross}
	cert, err := pgp.AddDevice(ctx, primary, c.certificate(), req, c.cfg.now())
	if err != nil {
		return clientrpc.Device{}, err
	}
	defer c.beginApproving(signing.Fingerprint())()
	if err := c.publishCertificate(ctx, cert); err != nil {
		return clientrpc.Device{}, err
	}
	if err := c.prepareRevocations(ctx, primary); err != nil { // the device is in all the same
		c.cfg.log().Warn("revocations for an emergency not made", "err", err)
	}
	if err := c.knowDevice(ctx, signing.Fingerprint()); err != nil {
		return clientrpc.Device{}, err
	}
	d, _ := cert.Device(signing.Fingerprint())
	return deviceInfo(d, c.acc.Device, c.cfg.now()), c.alsoHistory(ctx, p, signing.Fingerprint())
}

// alsoHistory gives a device that was approved the history, if it was so said.
func (c *Client) alsoHistory(ctx context.Context, p clientrpc.ApproveParams, device omega.Fingerprint) error {
	if !p.History || device == c.acc.Device {
		return nil
	}
	_, err := c.giveHistory(ctx, clientrpc.GiveHistoryParams{Device: device})
	return err
}

// meet hands the account to the new device and returns what that answers, its
// cross-signature.
func (c *Client) meet(ctx context.Context, link *linkText) (cross []byte, err error) {
	ctx, cancel := context.WithTimeout(ctx, approveTimeout)
	defer cancel()
	m, err := dialMeeting(ctx, c.cfg, link.Server)
	if err != nil {
		return nil, err
	}
	defer m.close()
	key := c.certificate().Primary().Packet(false)
	if err := m.drop(ctx, link.handle(stepAccount), link.seal(stepAccount, key)); err != nil {
		return nil, err
	}
	blob, err := m.pick(ctx, link.handle(stepCross))
	if errors.Is(err, context.DeadlineExceeded) {
		return nil, fail(clientrpc.CodeTimeout, i18n.T("doing.approve"), i18n.T("why.linkgone"), i18n.T("next.relink"), nil)
	}
	if err != nil {
		return nil, err
	}
	return link.open(stepCross, blob)
}

// A meeting is a guest connection that is dialled again when its allowance is
// used up.
type meeting struct {
	cfg     Config
	address transport.Address
	guest   *transport.Guest // nil: dial first
}

// dialMeeting connects to a server as a guest and pins whom it meets.
func dialMeeting(ctx context.Context, cfg Config, server string) (*meeting, error) {
	addr, err := transport.ParseAddress(server)
	if err != nil {
		return nil, &addressError{server, err}
	}
	m := &meeting{cfg: cfg, address: addr}
	if err := m.dial(ctx); err != nil {
		return nil, err
	}
	m.address.Fingerprint = m.guest.Server().Account
	return m, nil
}

// meetTries is how often a server is dialled that ends the connection before it has
// said who it is: it gives a handshake few seconds, which a busy machine or a slow
// line may miss.
const meetTries = 3

func (m *meeting) dial(ctx context.Context) (err error) {
	for tries := 0; m.guest == nil; {
		if m.guest, err = transport.DialGuest(ctx, m.cfg.dial(m.address)); err == nil {
			break
		}
		m.guest = nil
		if tries++; tries == meetTries || !errors.Is(err, io.EOF) || !sleep(ctx, joiningAgain) {
			return &dialError{m.address, err}
		}
	}
	return nil
}

func (m *meeting) close() {
	if m.guest != nil {
		m.guest.Close()
		m.guest = nil
	}
}

func (m *meeting) drop(ctx context.Context, handle [16]byte, blob []byte) error {
	return m.again(ctx, func() error { return m.guest.Drop(ctx, handle, blob) })
}

// pick waits until there is a blob under handle.
func (m *meeting) pick(ctx context.Context, handle [16]byte) (blob []byte, err error) {
	err = m.poll(ctx, func() error {
		blob, err = m.guest.Pick(ctx, handle)
		return err
	})
	return blob, err
}

// awaitBinding waits until the cloud's certificate of account holds device.
func (m *meeting) awaitBinding(ctx context.Context, account, device omega.Fingerprint, now func() time.Time) (cert *pgp.Certificate, err error) {
	err = m.poll(ctx, func() error {
		entry, err := m.guest.Lookup(ctx, account)
		if err != nil {
			return err
		}
		if cert, err = pgp.ParseCertificate(entry.Certificate, now()); err != nil {
			return err
		}
		if cert.Fingerprint() != account {
			return fmt.Errorf("the server answered with the certificate of %s", cert.Fingerprint())
		}
		if _, ok := cert.Device(device); !ok {
			return omega.Errorf(omega.CodeNotFound, "not bound yet")
		}
		return nil
	})
	return cert, err
}

// poll repeats ask while the answer is CodeNotFound, until ctx ends.
func (m *meeting) poll(ctx context.Context, ask func() error) error {
	for {
		err := m.again(ctx, ask)
		if !isCode(err, omega.CodeNotFound) {
			return err
		}
		select {
		case <-time.After(pollInterval):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// again runs ask, on a new connection if the old one's allowance is used up, or it has
// ended: a few times, for a busy machine may miss more than one.
func (m *meeting) again(ctx context.Context, ask func() error) error {
	for tries := 0; ; {
		if err := m.dial(ctx); err != nil {
			return err
		}
		err := ask()
		var server *omega.Error
		if err == nil || errors.As(err, &server) && server.Code != omega.CodeRateLimited {
			return err
		}
		m.close()
		if tries++; tries == meetTries || !sleep(ctx, joiningAgain) {
			return err
		}
	}
}

func isCode(err error, code omega.Code) bool {
	var e *omega.Error
	return errors.As(err, &e) && e.Code == code
}
