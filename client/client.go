// Package client is the core of the messenger: the account and its devices,
// conversations, the durable outbox and sync. Faces (commands, terminal,
// browser, bots) reach it through package clientrpc only.
//
// One process holds a home directory at a time (Holder, in local.go); others
// reach it through a socket. Inside, these goroutines run while the core does:
//
//	Run        connect.go   keeps one session to one proxy up, dials again
//	session    session.go   reads frames; answers requests; mail goes to inbox
//	watch      watch.go     asks for signs of life; finds another proxy when there are none
//	goBack     watch.go     goes back to the server of choice in calm times
//	inbox      inbox.go     opens, judges and stores mail; acknowledges it
//	outbox     outbox.go    sends what waits, in order
//	uploads    upload.go    sends messages with media once their blobs are at the servers
//	handovers  handover.go  gives other devices of the account a history, and takes one
//	chase      chase.go     asks again for what is missing (inbox answers: resend.go)
//	tendGroups groupwork.go does what mail about groups asks for, from the database
//	secrets    securetend.go seals what waits for secure chats; destroys their old keys
//	renew      connect.go   renews lease and location record
//
// Every one of them ends when Run's context does, and Run waits for them. The
// database (package history) is the only state that outlives a session: a
// mail is acknowledged only after its transaction, and a message is shown as
// sent only after it is in the outbox.
package client

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/history"
	"github.com/omega-im/omega/keyserver"
	"github.com/omega-im/omega/media"
	"github.com/omega-im/omega/pgp"
	"github.com/omega-im/omega/wire"
)

// errOffline says that there is no session.
var errOffline = errors.New("not connected to any server")

// A Client is the core of one account on one device. Its methods may be called
// concurrently.
type Client struct {
	cfg   Config
	acc   *account
	db    *history.DB
	works works

	secrets *pgp.DeviceSecrets
	soft    *pgp.SecretKey // the primary key, if it is here

	holding sync.Mutex
	held    map[int64]loan      // received messages that a caller has, by position; guarded by holding
	unready map[int64]time.Time // until when invitations that cannot be accepted yet are not shown, by position; guarded by holding

	mu         sync.Mutex
	id         *pgp.Identity                           // newest certificate of the own account; guarded by mu
	record     *wire.Record                            // newest location record; guarded by mu
	receiver   *chat.Receiver                          // for id; guarded by mu
	session    *session                                // nil: offline; guarded by mu
	problem    error                                   // why offline; guarded by mu
	homes      map[omega.Fingerprint]*homeState        // of the session; guarded by mu
	certs      map[omega.Fingerprint]*pgp.Certificate  // parsed ones of peers and homes; guarded by mu
	unsure     map[omega.Fingerprint]*pgp.Certificate  // accounts that mail was put aside for, with the certificates that were at hand then or nil; only the inbox changes it; guarded by mu
	acks       map[omega.Fingerprint]*keyserver.AckKey // by home; guarded by mu
	announced  map[omega.Fingerprint][]byte            // announcements of servers, not verified; guarded by mu
	servers    map[omega.Fingerprint]*knownServer      // their elements are immutable; guarded by mu
	tries      uint64                                  // to connect in vain; guarded by mu
	reading    []omega.Fingerprint                     // servers that the last lease names; guarded by mu
	news       *wire.Entry                             // the account's, as the proxy pushed it last; nil: taken; guarded by mu
	looking    bool                                    // a home went away and its deputies have not been asked yet; guarded by mu
	skew       time.Duration                           // this clock minus the proxy's; guarded by mu
	ownStated  *history.Notice                         // a later record of this account that somebody spoke of; guarded by mu
	ownTrusted bool                                    // who did is another device of the account; guarded by mu
	deleted    time.Time                               // when it was learned that the account is deleted; guarded by mu

	tokens    toldTokens                           // by which this account writes to others; guarded by mu
	fellows   map[omega.Fingerprint]*chat.GroupKey // members of its groups, with keys that make tokens; guarded by mu
	fellowsAt time.Time                            // when these were found; guarded by mu

	groupBook  map[chat.Hash]*groupLog // groups; belongs to whoever has the database's writer
	groupViews map[chat.Hash]groupView // what readers are shown of them; guarded by mu
	groupSeen  map[chat.Hash]groupView // what they saw before what is being written; guarded by mu
	chores     chores                  // of groups
	nearer     moves                   // of what is missing
	saying     rations                 // of words of this account (spec/group.md, GROUP-53)
	passing    rations                 // of them, as they are sent
	heeding    rations                 // of subscribers' words
	awaited    awaitedWords
	backward   earlierAsks // for what was in groups before this account came

	transfers map[media.Hash]transfer       // blobs under way; guarded by mu
	fetches   map[media.Hash]*fetch         // those on their way in; guarded by mu
	verifiers map[media.Ref]*media.Verifier // of blobs that are being read in parts; guarded by mu
	ranging   chan struct{}                 // capacity 1: full while somebody reads a part of a blob that is not here
	liars     map[lie]bool                  // which servers are not asked for which blobs; at most maxLiars; guarded by mu
	partTold  time.Time                     // when faces were told last of a part that is read; guarded by mu

	outward notice // there is a message with media to be sent
	moved   notice // blobs went on
	handing notice // a history is to be handed over, or was offered

	changed   notice      // something in the database or the session changed
	queued    notice      // something is in the outbox
	again     notice      // servers may take this device again
	chosenNow notice      // another server is the one of choice
	missing   notice      // something has to be asked for again
	sealing   notice      // something waits to be sealed in a secure chat, or an epoch came
	spent     notice      // keys of secure chats were destroyed
	doubt     notice      // somebody spoke of a later record than the one at hand
	looks     together    // what servers said of accounts
	letting   notice      // whom this account lets in has changed
	moving    notice      // a home went away or came back, or there are news of the account
	mail      chan mailIn // from the session's reader to checkAhead
	checked   chan mailIn // from there to the inbox

	strangers notice                 // a sender has to be looked for
	resolved  chan omega.Fingerprint // accounts that mail was put aside for and that the cloud answered about; of Run

	events   *happenings
	present  presence // who types, and who is there
	arrivals arrivals // of mail
	inside   inside   // where the server of choice is

	apart sync.Map // homes, by fingerprint, that know since this run began whom this account lets in

	listless  atomic.Bool  // homes may not know whom this account lets in
	unheard   atomic.Int64 // changes of that which they were not told in this run
	stockless atomic.Bool  // this device has no prekeys, and has not tried to put any at a home

	records recordCache
	tried   triedSecure
	sealers sealers
	trouble map[omega.ChatID]error // why nothing is sealed in a secure chat; guarded by mu

	approving map[omega.Fingerprint]bool // devices that the person at this one is letting in; guarded by mu

	publishing chan struct{} // capacity 1: full while an own record is made and published

	renamed     atomic.Bool            // contacts may have to be told of the own name
	server      atomic.Pointer[string] // of choice, if another one than acc.Server is
	serverNamed atomic.Pointer[string] // given by the owner last, if another one than acc.Server was
	returnAfter time.Duration          // before the server of choice is tried again; later and later
}

// A homeState is how this device stands with one home in one session.
type homeState struct {
	attached    bool
	code        omega.Code
	incarnation [8]byte
}

// maxMail is how many mails wait between the session's reader and the inbox, twice.
// Homes have at most 256 under way each (spec/delivery.md, DELIV-8), so the
// reader never blocks on it and can hand out the answers that the inbox waits
// for.
const maxMail = 300 * omega.MaxHomes

// Open opens the account of a home. It makes no connection; Run does.
func Open(ctx context.Context, cfg Config) (_ *Client, err error) {
	acc, err := loadAccount(cfg.Home)
	if err != nil {
		return nil, accountError(cfg.Home, err)
	}
	defer func() {
		if err != nil {
			err = accountError(cfg.Home, err)
		}
	}()
	c := &Client{
		cfg: cfg, acc: acc, deleted: acc.Deleted,
		homes: map[omega.Fingerprint]*homeState{},
		certs: map[omega.Fingerprint]*pgp.Certificate{}, unsure: map[omega.Fingerprint]*pgp.Certificate{},
		acks: map[omega.Fingerprint]*keyserver.AckKey{},
		held: map[int64]loan{}, events: newHappenings(),

		saying: rations{most: wordsAtOnce, apart: wordsApart}, passing: rations{most: wordsAtOnce, apart: wordsApart}, heeding: rations{most: 2 * wordsAtOnce, apart: wordsApart / 2},
		groupBook: map[chat.Hash]*groupLog{}, groupViews: map[chat.Hash]groupView{}, groupSeen: map[chat.Hash]groupView{},
		publishing: make(chan struct{}, 1), trouble: map[omega.ChatID]error{}, approving: map[omega.Fingerprint]bool{},

		announced: map[omega.Fingerprint][]byte{}, servers: map[omega.Fingerprint]*knownServer{}, returnAfter: returnAfter,
		mail: make(chan mailIn, maxMail), checked: make(chan mailIn, maxMail), resolved: make(chan omega.Fingerprint), transfers: map[media.Hash]transfer{}, fetches: map[media.Hash]*fetch{},
		verifiers: map[media.Ref]*media.Verifier{}, ranging: make(chan struct{}, 1), liars: map[lie]bool{},
	}
	if err := c.loadSecrets(); err != nil {
		return nil, err
	}
	if c.db, err = history.Open(ctx, filepath.Join(cfg.Home, fileHistory)); err != nil {
		return nil, fmt.Errorf("open %s: %w", fileHistory, err)
	}
	c.db.OnChange(c.happened)
	if err := errors.Join(c.checkMark(ctx), c.loadRecord(ctx), c.loadServers(ctx), c.loadChoice(ctx), c.noteStockless(ctx), c.noteListless(ctx)); err != nil {
		c.db.Close()
		return nil, err
	}
	return c, nil
}

func (c *Client) loadSecrets() error {
	b, err := os.ReadFile(filepath.Join(c.cfg.Home, fileSecrets))
	if err != nil {
		return err
	}
	if c.soft, c.secrets, err = pgp.UnmarshalSecrets(b, c.cfg.Passphrase); err != nil {
		if errors.Is(err, pgp.ErrLocked) {
			return err
		}
		return &damagedError{fileSecrets, err}
	}
	if b, err = os.ReadFile(filepath.Join(c.cfg.Home, fileCert)); err != nil {
		return err
	}
	cert, err := pgp.ParseCertificate(b, c.cfg.now())
	if err == nil {
		err = c.useCertificate(cert)
	}
	if err != nil {
		return &damagedError{fileCert, err}
	}
	return nil
}

// useCertificate makes cert the account's own from now on.
func (c *Client) useCertificate(cert *pgp.Certificate) error {
	id, err := pgp.NewIdentity(cert, c.secrets)
	if err != nil {
		return err
	}
	receiver, err := chat.NewReceiver(id, finder{c})
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.id != nil && !slices.EqualFunc(c.id.Certificate.Devices(), cert.Devices(), func(a, b pgp.Device) bool {
		return a.Signing.Fingerprint() == b.Signing.Fingerprint() && a.Revoked == b.Revoked
	}) {
		c.events.add(happening{clientrpc.DevicesChanged.Name, clientrpc.None{}})
	}
	c.id, c.receiver = id, receiver
	c.queued.notify() // the outbox greets devices that are new
	return nil
}

// settingRecord is where the account's own newest location record is kept.
const settingRecord = "own-record"

func (c *Client) loadRecord(ctx context.Context) error {
	return c.db.View(ctx, func(tx *history.Tx) error {
		b, err := tx.Setting(settingRecord)
		if err != nil || b == nil {
			return err
		}
		c.record, err = wire.DecodeRecord(b)
		return err
	})
}

// added is when this device joined the account. What was sent before was not
// for it: its keys never come.
func (c *Client) added() time.Time {
	if d, ok := c.certificate().Device(c.acc.Device); ok {
		return d.Added
	}
	return time.Time{}
}

// Close closes the database. Run must have ended.
func (c *Client) Close() error { return c.db.Close() }

// identity returns the device's identity with the newest own certificate.
func (c *Client) identity() *pgp.Identity {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.id
}

func (c *Client) certificate() *pgp.Certificate { return c.identity().Certificate }

// primary returns the account's primary key, or an error that says where it is.
func (c *Client) primary(ctx context.Context) (pgp.Signer, error) {
	switch {
	case c.soft != nil:
		return c.soft, nil
	case c.acc.Primary == PrimaryAgent && c.cfg.Primary != nil:
		return c.cfg.Primary(ctx, c.acc.GnuPGHome)
	}
	return nil, pgp.ErrOffline
}

// online returns the current session or errOffline.
func (c *Client) online() (*session, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.deleted.IsZero() {
		return nil, errDeleted
	}
	if c.session == nil {
		if c.problem != nil {
			return nil, fmt.Errorf("%w: %w", errOffline, c.problem)
		}
		return nil, errOffline
	}
	return c.session, nil
}

// waitOnline returns the current session, waiting for one until ctx ends.
func (c *Client) waitOnline(ctx context.Context) (*session, error) {
	for {
		changed := c.changed.wait()
		s, err := c.online()
		switch {
		case err == nil:
			return s, nil
		case errors.Is(err, errDeleted):
			return nil, err // for good
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, err
		}
	}
}

// problemError says why there is no session; nil: there is one, or nothing went
// wrong so far. c.mu is held.
func (c *Client) problemError() *clientrpc.Error {
	if !c.deleted.IsZero() {
		c.problem = errDeleted
	}
	if c.session != nil || c.problem == nil {
		return nil
	}
	var e *clientrpc.Error
	if !errors.As(explain(c.connecting(c.problem), c.problem), &e) {
		return nil // it was cancelled
	}
	return e
}

// status is what doctor shows.
func (c *Client) status(ctx context.Context, _ clientrpc.None) (*clientrpc.StatusResult, error) {
	out := &clientrpc.StatusResult{Expires: c.certificate().Expires()}
	err := c.db.View(ctx, func(tx *history.Tx) (err error) {
		if out.Outbox, err = tx.CountOutgoing(); err != nil {
			return err
		}
		waiting, err := tx.Unsealed(c.cfg.now(), 1000)
		out.Outbox += len(waiting)
		if err != nil {
			return err
		}
		secret, err := c.secureOutbox(tx)
		if out.Outbox += secret; err != nil {
			return err
		}
		if out.Parked, err = tx.CountParkedSince(c.added()); err != nil {
			return err
		}
		aside, err := tx.CountAside()
		if err != nil {
			return err
		}
		out.Parked += aside
		out.Untold = int(c.unheard.Load())
		if out.Notices, err = standing(tx, omega.Fingerprint{}); err != nil {
			return err
		}
		out.Backup, out.BackupTried, err = backups(tx)
		return err
	})
	if err != nil {
		return nil, err
	}
	if out.News, err = c.unseenNews(ctx, 0); err != nil {
		return nil, err
	}
	out.News = slices.DeleteFunc(out.News, func(n clientrpc.DeviceNews) bool { return !n.Own })
	if exposed(c.cfg.Home) {
		out.Exposed = c.cfg.Home
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.session != nil {
		peer := c.session.conn.Peer()
		out.Online, out.Proxy, out.Resumed, out.Server = true, peer.Account, peer.Resumed, c.session.server
		out.ServerName = c.serverCalled(peer.Account)
	} else {
		out.Problem = c.problemError()
	}
	if c.record != nil {
		for _, h := range c.record.Homes {
			_, apart := c.apart.Load(h)
			st := clientrpc.HomeStatus{Server: h, Apart: apart}
			if s := c.homes[h]; s != nil {
				st.Attached = s.attached
				if s.code != omega.CodeOK {
					st.Code = s.code.String()
				}
			}
			out.Homes = append(out.Homes, st)
		}
	}
	out.Skew, out.Deleted = c.skew, c.deleted
	return out, nil
}
