package mesh

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/omega-im/omega"
)

// Reasons why DB.Apply does not take an announcement. What a caller does about
// each stands beside it. ErrMalformed is the remaining one.
var (
	ErrStale         = errors.New("older than what is known")             // send the sender the newer one
	ErrReplayed      = errors.New("was withdrawn before")                 // ignore
	ErrFuture        = errors.New("issued in the future")                 // ignore; somebody's clock is wrong
	ErrExpired       = errors.New("expired")                              // ignore
	ErrSignature     = errors.New("signature does not verify")            // blame the sender, who had to check
	ErrUnknownServer = errors.New("certificate of the server is unknown") // ask the sender for it, then apply again
	ErrEquivocation  = errors.New("one sequence, two announcements")      // evidence is kept
	ErrOwn           = errors.New("this server's own, not its last")      // originate again: the next sequence is above
	ErrRateLimited   = errors.New("announces itself too often")           // ignore; anti-entropy brings the last one
	ErrFull          = errors.New("the database is full")                 // ignore
)

// Limits of a database.
const (
	// MaxServers is how many servers a database holds unless Config says
	// otherwise. SPF over 50,000 takes 11 ms; beyond, areas are needed.
	MaxServers = 50_000

	// maxEvidence is of how many servers proofs of equivocation are kept. Those
	// of servers that are gone make room.
	maxEvidence = 1024

	// OriginBurst and OriginInterval bound how often one origin's news is
	// taken: a burst, then one per interval. Origins pace themselves at half
	// of that (MinAnnounceInterval), so jitter on the way never costs an
	// honest one.
	OriginBurst    = 20
	OriginInterval = time.Second

	// MinAnnounceInterval is how long a server waits between two of its own
	// announcements (MinLSInterval of RFC 2328 is 5 s). AnnounceBurst of
	// them may go without waiting: bad news must travel at once.
	MinAnnounceInterval = 2 * OriginInterval
	AnnounceBurst       = OriginBurst / 2
)

// A Record is one announcement in the database. Immutable.
type Record struct {
	*Announcement
	Bytes []byte   // as they travel
	Hash  [32]byte // SHA-256 of the signed part
}

// Config of a DB.
type Config struct {
	Self       omega.Fingerprint // whose database this is; required
	Verify     VerifyFunc        // required
	MaxServers int               // zero means MaxServers
}

// A DB holds the newest announcement of every server. Not for concurrent use.
type DB struct {
	cfg      Config
	records  map[omega.Fingerprint]*Record
	floors   map[omega.Fingerprint]floor
	rates    map[omega.Fingerprint]rate
	evidence map[omega.Fingerprint]Evidence
	shunned  map[omega.Fingerprint]bool // whose links do not count now, because of evidence
	digest   Digest
	version  uint64
	census   *census // nil: to be taken again
}

// A floor remembers the sequence of an announcement that left the database for
// as long as an older one could still be valid.
type floor struct {
	sequence uint64
	until    time.Time
}

// NewDB returns an empty database.
func NewDB(cfg Config) *DB {
	if cfg.MaxServers == 0 {
		cfg.MaxServers = MaxServers
	}
	return &DB{
		cfg:      cfg,
		records:  map[omega.Fingerprint]*Record{},
		floors:   map[omega.Fingerprint]floor{},
		rates:    map[omega.Fingerprint]rate{},
		evidence: map[omega.Fingerprint]Evidence{},
		shunned:  map[omega.Fingerprint]bool{},
	}
}

// Apply takes one encoded announcement, from a neighbour or from disk. It
// reports whether b is news that must be flooded to the other neighbours, and
// why b was not stored. Both can hold: a second announcement of one sequence
// is ErrEquivocation and is flooded once, as evidence.
//
// What is known already costs no verification and is neither news nor an
// error. Apply keeps no reference to b.
func (db *DB) Apply(now time.Time, b []byte) (news bool, err error) {
	return db.apply(now, b, true)
}

func (db *DB) apply(now time.Time, b []byte, limit bool) (news bool, err error) {
	if db.known(b) {
		return false, nil
	}
	a, err := Decode(b)
	if err != nil {
		return false, err
	}
	if err := db.admit(now, a); err != nil {
		return false, fmt.Errorf("announcement %d of %v: %w", a.Sequence, a.Server, err)
	}
	rec := newRecord(a, b)
	cur := db.records[a.Server]
	twice := cur != nil && cur.Sequence == a.Sequence
	if twice && a.Server != db.cfg.Self && !db.worthKeeping(cur, rec) {
		return false, fmt.Errorf("announcement %d of %v: %w", a.Sequence, a.Server, ErrEquivocation)
	}
	if limit && !db.mayAnnounce(now, a.Server) {
		return false, fmt.Errorf("announcement %d of %v: %w", a.Sequence, a.Server, ErrRateLimited)
	}
	if err := check(a, b, db.cfg.Verify); err != nil {
		if !errors.Is(err, ErrUnknownServer) {
			err = fmt.Errorf("%w: %w", ErrSignature, err)
		}
		return false, err
	}
	if limit {
		db.charge(now, a.Server)
	}
	switch {
	case a.Server == db.cfg.Self:
		db.raise(a.Server, a.Sequence, a.Expires)
		return false, fmt.Errorf("announcement %d of %v: %w", a.Sequence, a.Server, ErrOwn)
	case twice:
		db.keepEvidence(now, cur, rec)
		return true, fmt.Errorf("announcement %d of %v: %w", a.Sequence, a.Server, ErrEquivocation)
	}
	db.put(rec)
	return true, nil
}

// known reports whether b says what the database has. It compares the signed
// part, so that two signatures over one announcement are one announcement.
func (db *DB) known(b []byte) bool {
	rec := db.records[Origin(b)]
	signed, _, _, err := Split(b)
	return rec != nil && err == nil && bytes.Equal(signed, rec.signed())
}

// admit judges everything about a that costs no cryptography.
func (db *DB) admit(now time.Time, a *Announcement) error {
	cur, own := db.records[a.Server], a.Server == db.cfg.Self
	switch {
	case cur != nil && a.Sequence < cur.Sequence:
		return ErrStale
	case a.Issued.After(now.Add(omega.ClockTolerance)) && !own:
		return ErrFuture
	case !now.Before(a.Expires) && !own:
		return ErrExpired
	case cur == nil && a.Sequence <= db.floors[a.Server].sequence:
		return ErrReplayed
	case cur == nil && !own && db.full(a.Server):
		return ErrFull
	}
	return nil
}

// full reports whether there is no room for a server that is not there: among
// those that are, or among those that it will be with when it has gone.
func (db *DB) full(fp omega.Fingerprint) bool {
	_, gone := db.floors[fp]
	return len(db.records) >= db.cfg.MaxServers || !gone && len(db.records)+len(db.floors) >= 2*db.cfg.MaxServers
}

// worthKeeping reports whether rec, of the same sequence as cur, tells anything
// new: a first proof of equivocation, or the one that everybody settles on.
func (db *DB) worthKeeping(cur, rec *Record) bool {
	ev, ok := db.evidence[cur.Server]
	_, room := db.evidenceRoom(cur.Server)
	return room && (!ok || ev.Sequence != cur.Sequence) || bytes.Compare(rec.Hash[:], cur.Hash[:]) > 0
}

// keepEvidence keeps both records. The one with the higher hash stands, so
// that all servers agree in the end whichever they saw first.
func (db *DB) keepEvidence(now time.Time, cur, rec *Record) {
	db.keepProof(now, newEvidence(cur, rec))
	if bytes.Compare(rec.Hash[:], cur.Hash[:]) > 0 {
		db.put(rec)
	}
}

// evidenceRoom reports whether there is room for proof against a server, and
// whose proof has to go for it: zero for nobody's.
func (db *DB) evidenceRoom(server omega.Fingerprint) (victim omega.Fingerprint, ok bool) {
	if _, ok := db.evidence[server]; ok || len(db.evidence) < min(maxEvidence, db.cfg.MaxServers) {
		return victim, true
	}
	for fp := range db.evidence {
		if db.records[fp] == nil {
			return fp, true
		}
	}
	return victim, false
}

func newRecord(a *Announcement, b []byte) *Record {
	rec := &Record{Announcement: a, Bytes: bytes.Clone(b)}
	rec.Hash = sha256.Sum256(rec.signed())
	return rec
}

func (r *Record) signed() []byte { return r.Bytes[:len(r.Bytes)-trailer] }

// put makes rec the record of its server.
func (db *DB) put(rec *Record) {
	if old := db.records[rec.Server]; old != nil {
		db.digest.toggle(old)
		db.census.replace(rec)
	} else {
		db.census = nil
	}
	db.digest.toggle(rec)
	db.records[rec.Server] = rec
	delete(db.floors, rec.Server)
	db.version++
}

// remove forgets the record of a server, but not its sequence.
func (db *DB) remove(rec *Record, until time.Time) {
	db.digest.toggle(rec)
	db.census = nil
	delete(db.records, rec.Server)
	db.raise(rec.Server, rec.Sequence, until)
	db.version++
}

func (db *DB) raise(fp omega.Fingerprint, sequence uint64, until time.Time) {
	f := db.floors[fp]
	db.floors[fp] = floor{max(f.sequence, sequence), maxTime(f.until, until)}
}

func maxTime(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// Expire removes what has run out and returns whose records went.
func (db *DB) Expire(now time.Time) []omega.Fingerprint {
	var gone []omega.Fingerprint
	for fp, rec := range db.records {
		if !now.Before(rec.Expires) && fp != db.cfg.Self {
			db.remove(rec, now.Add(MaxAge+omega.ClockTolerance))
			gone = append(gone, fp)
		}
	}
	for fp, f := range db.floors {
		if now.After(f.until) && fp != db.cfg.Self {
			delete(db.floors, fp)
		}
	}
	db.forgetRates(now)
	db.forgetEvidence(now)
	slices.SortFunc(gone, omega.Fingerprint.Compare)
	return gone
}

// Originate makes a this server's next announcement: it sets Server, Sequence,
// Issued and Expires, signs, stores and returns it for flooding. The sequence
// is above every one that this server is known to have used; it starts at the
// clock's milliseconds, so that a server that lost its disk rarely meets
// its past.
func (db *DB) Originate(now time.Time, a Announcement, sign SignFunc) (*Record, error) {
	a.Server = db.cfg.Self
	a.Sequence = db.nextSequence(now)
	a.Issued = time.UnixMilli(now.UnixMilli())
	a.Expires = a.Issued.Add(MaxAge)
	a.Links = slices.Clone(a.Links)
	slices.SortFunc(a.Links, func(x, y Link) int { return x.Peer.Compare(y.Peer) })
	b, err := a.Sign(sign)
	if err != nil {
		return nil, err
	}
	rec := newRecord(&a, b)
	db.put(rec)
	return rec, nil
}

func (db *DB) nextSequence(now time.Time) uint64 {
	last := db.floors[db.cfg.Self].sequence
	if rec := db.records[db.cfg.Self]; rec != nil {
		last = max(last, rec.Sequence)
	}
	return max(last+1, uint64(max(now.UnixMilli(), 0)))
}

// Get returns the record of one server.
func (db *DB) Get(fp omega.Fingerprint) (*Record, bool) {
	rec, ok := db.records[fp]
	return rec, ok
}

// Len is the number of servers in the database.
func (db *DB) Len() int { return len(db.records) }

// Version changes with every change of the database.
func (db *DB) Version() uint64 { return db.version }

// Records returns every record, ascending by fingerprint. The slice is the
// caller's.
func (db *DB) Records() []*Record { return slices.Clone(db.count().records) }
