package client

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/history"
	"github.com/omega-im/omega/internal/i18n"
	"github.com/omega-im/omega/keyserver"
	"github.com/omega-im/omega/mesh"
	"github.com/omega-im/omega/pgp"
	"github.com/omega-im/omega/wire"
)

// Times of homes.
const (
	replaceAfter = 24 * time.Hour    // a home that nobody could reach for so long is replaced
	formerFor    = 24 * time.Hour    // a former home that answers is read for so long
	formerAtMost = omega.MaxLifetime // and one that does not for the life of mail
	homesTimeout = 5 * time.Second   // for the proxy's answer
	settingHomes = "homes"           // a homeBook
)

// A homeBook is what this device remembers about its homes.
type homeBook struct {
	Former map[omega.Fingerprint]time.Time `json:"former,omitempty"` // homes of earlier records, and when they were left
	Away   map[omega.Fingerprint]time.Time `json:"away,omitempty"`   // homes that no server can reach, and since when

	Deputies []omega.Fingerprint `json:"deputies,omitempty"` // that are read while a home is away
}

func readHomeBook(tx *history.Tx) (*homeBook, error) {
	book := &homeBook{}
	b, err := tx.Setting(settingHomes)
	if err == nil && b != nil {
		err = json.Unmarshal(b, book)
	}
	if book.Former == nil {
		book.Former = map[omega.Fingerprint]time.Time{}
	}
	if book.Away == nil {
		book.Away = map[omega.Fingerprint]time.Time{}
	}
	return book, err
}

func (b *homeBook) write(tx *history.Tx) error {
	text, err := json.Marshal(b)
	if err != nil {
		return err
	}
	return tx.SetSetting(settingHomes, text)
}

// moved notes that the account lives elsewhere now: what waits at homes that it
// left is still read. (spec/delivery.md, DELIV-17)
func (b *homeBook) moved(from, to []omega.Fingerprint, now time.Time) {
	for _, h := range from {
		if !slices.Contains(to, h) {
			b.Former[h] = now
		}
	}
	for _, h := range to {
		delete(b.Former, h)
	}
}

// improveHomes gives the account as many homes as it should have, unless its
// owner chose them. (spec/delivery.md, DELIV-12)
func (c *Client) improveHomes(ctx context.Context, s *session) error {
	c.mu.Lock()
	rec := c.record
	c.mu.Unlock()
	if rec == nil || rec.Flags&wire.RecordHomesChosen != 0 {
		return nil
	}
	offers, err := c.homeOffers(ctx, s)
	if err != nil {
		return err
	}
	have, err := c.standing(ctx, rec.Homes, offers)
	if err != nil {
		return err
	}
	candidates := c.candidateHomes(ctx, s, have, offers)
	homes := keyserver.ChooseHomes(c.acc.Fingerprint, have, candidates, keyserver.DefaultHomes)
	if len(homes) == 0 || slices.Equal(homes, rec.Homes) {
		return nil
	}
	err = c.publish(ctx, s, c.certificate(), func(next *wire.Record) {
		// Meanwhile its owner may have chosen, or another device been faster.
		if next.Flags&wire.RecordHomesChosen == 0 && slices.Equal(next.Homes, rec.Homes) {
			next.Homes = homes
		}
	})
	if err == nil {
		c.changed.notify()
	}
	return err
}

// homeOffers asks the proxy which servers could be homes.
func (c *Client) homeOffers(ctx context.Context, s *session) ([]wire.HomeOffer, error) {
	ctx, cancel := context.WithTimeout(ctx, homesTimeout)
	defer cancel()
	f, err := s.request(ctx, wire.TypeHomes, c.acc.Fingerprint.Wire())
	if err != nil {
		return nil, fmt.Errorf("ask for homes: %w", err)
	}
	if f.Type != wire.TypeHomeList {
		return nil, fmt.Errorf("%w answer of type %d to a question for homes", wire.ErrMalformed, f.Type)
	}
	return wire.DecodeHomeOffers(f.Body)
}

// standing returns the homes that stay: all but those that nobody could reach
// for a day.
func (c *Client) standing(ctx context.Context, homes []omega.Fingerprint, offers []wire.HomeOffer) (stay []omega.Fingerprint, err error) {
	reachable := map[omega.Fingerprint]bool{}
	for _, o := range offers {
		reachable[o.Server] = o.Flags&wire.HomeReachable != 0
	}
	now := c.cfg.now()
	err = c.db.Update(ctx, func(tx *history.Tx) error {
		book, err := readHomeBook(tx)
		if err != nil {
			return err
		}
		stay = nil
		for _, h := range homes {
			since, away := book.Away[h]
			switch {
			case reachable[h]:
				delete(book.Away, h)
			case !away:
				book.Away[h] = now
			case now.Sub(since) >= replaceAfter:
				continue
			}
			stay = append(stay, h)
		}
		return book.write(tx)
	})
	return stay, err
}

// candidateHomes are the eligible servers among offers, with their operators as
// their own signed announcements say. Only as many are looked at as are needed,
// best first: each costs a look-up.
func (c *Client) candidateHomes(ctx context.Context, s *session, have []omega.Fingerprint, offers []wire.HomeOffer) []keyserver.Candidate {
	named := make([]omega.Fingerprint, 0, len(offers))
	for _, o := range offers {
		named = append(named, o.Server)
	}
	c.seekServers(ctx, s, named)
	announced := c.announcements()
	var out []keyserver.Candidate
	var eligible []omega.Fingerprint
	for _, o := range offers {
		switch {
		case slices.Contains(have, o.Server):
			out = append(out, keyserver.Candidate{Server: o.Server, Operator: operatorOf(announced[o.Server])})
		case o.Flags&wire.HomeEligible != 0:
			eligible = append(eligible, o.Server)
		}
	}
	for _, fp := range keyserver.Rank(c.acc.Fingerprint, eligible) {
		if len(keyserver.ChooseHomes(c.acc.Fingerprint, have, out, keyserver.DefaultHomes)) >= keyserver.DefaultHomes && distinct(out) >= keyserver.DefaultHomes {
			break
		}
		b := announced[fp]
		if b == nil || !c.proves(ctx, s, b) {
			continue
		}
		out = append(out, keyserver.Candidate{Server: fp, Operator: operatorOf(b)})
	}
	return out
}

// distinct counts the operators of candidates.
func distinct(list []keyserver.Candidate) int {
	seen := map[string]bool{}
	for _, c := range list {
		name := c.Operator
		if name == "" {
			name = c.Server.String()
		}
		seen[name] = true
	}
	return len(seen)
}

func operatorOf(b []byte) string {
	if a, err := mesh.Decode(b); err == nil {
		return a.Operator
	}
	return ""
}

// proves reports whether an announcement is by the server that it names: the
// proxy may have made it up.
func (c *Client) proves(ctx context.Context, s *session, b []byte) bool {
	entry, err := s.lookup(ctx, mesh.Origin(b))
	if err != nil {
		return false
	}
	now := c.cfg.now()
	cert, err := pgp.ParseCertificate(entry.Certificate, now)
	return err == nil && provenBy(cert, b, now) == nil
}

// moveTo publishes a record with these homes; maintain attaches to them.
func (c *Client) moveTo(ctx context.Context, s *session, homes []omega.Fingerprint, chosen bool) error {
	err := c.publish(ctx, s, c.certificate(), func(rec *wire.Record) {
		rec.Homes = homes
		rec.Flags &^= wire.RecordHomesChosen
		if chosen {
			rec.Flags |= wire.RecordHomesChosen
		}
	})
	if err == nil {
		c.changed.notify()
	}
	return err
}

// readFrom are the servers that this device attaches to: the homes, former ones
// while they may hold something, and deputies while a home is away. A lease has
// room for five: of what is left beside the homes the latest former one comes
// first, because nobody else may have what waits there. (spec/delivery.md,
// DELIV-17)
func (c *Client) readFrom(tx *history.Tx) ([]omega.Fingerprint, error) {
	book, err := readHomeBook(tx)
	if err != nil {
		return nil, err
	}
	former := book.former()
	latest := min(1, len(former))
	c.mu.Lock()
	defer c.mu.Unlock()
	out := slices.Clone(c.record.Homes)
	for _, h := range slices.Concat(former[:latest], book.Deputies, former[latest:]) {
		if !slices.Contains(out, h) && len(out) < omega.MaxHomes {
			out = append(out, h)
		}
	}
	return out, nil
}

// former lists the former homes, the latest first.
func (b *homeBook) former() []omega.Fingerprint {
	former := slices.Collect(maps.Keys(b.Former))
	slices.SortFunc(former, func(x, y omega.Fingerprint) int { return b.Former[y].Compare(b.Former[x]) })
	return former
}

// forgetFormer lets go of former homes that have had time to hand over what
// they held.
func (c *Client) forgetFormer(ctx context.Context) error {
	now := c.cfg.now()
	return c.db.Update(ctx, func(tx *history.Tx) error {
		book, err := readHomeBook(tx)
		if err != nil || len(book.Former) == 0 {
			return err
		}
		c.mu.Lock()
		for h, since := range book.Former {
			st := c.homes[h]
			answers := st != nil && st.attached
			if age := now.Sub(since); age >= formerAtMost || answers && age >= formerFor {
				delete(book.Former, h)
			}
		}
		c.mu.Unlock()
		return book.write(tx)
	})
}

// everHomes are the servers that keep mail of this account now or did lately:
// they have taken it, whoever else they take.
func (c *Client) everHomes(ctx context.Context) (homes []omega.Fingerprint, err error) {
	err = c.db.View(ctx, func(tx *history.Tx) error {
		book, err := readHomeBook(tx)
		if err != nil {
			return err
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		homes = append(book.former(), c.record.Homes...)
		return nil
	})
	return homes, err
}

// showHomes answers clientrpc.Homes.
func (c *Client) showHomes(ctx context.Context, _ clientrpc.None) (*clientrpc.HomesResult, error) {
	out := &clientrpc.HomesResult{Homes: []clientrpc.Home{}}
	announced := c.announcements()
	var from []omega.Fingerprint
	err := c.db.View(ctx, func(tx *history.Tx) error {
		if !c.hasRecord() {
			return nil
		}
		book, err := readHomeBook(tx)
		if err == nil {
			from, err = c.readFrom(tx)
		}
		from = slices.DeleteFunc(from, func(h omega.Fingerprint) bool {
			_, former := book.Former[h]
			return !former && !c.livesAt(h)
		})
		return err
	})
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.record != nil {
		out.Chosen = c.record.Flags&wire.RecordHomesChosen != 0
	}
	for _, fp := range from {
		h := clientrpc.Home{Server: fp, Former: !slices.Contains(c.record.Homes, fp)}
		if a, err := mesh.Decode(announced[fp]); err == nil {
			h.Name, h.Operator, h.Site = a.Name, a.Operator, a.Site
		}
		if st := c.homes[fp]; st != nil {
			h.Attached = st.attached
			if st.code != omega.CodeOK {
				h.Code = st.code.String()
			}
		}
		out.Homes = append(out.Homes, h)
	}
	return out, nil
}

// explainedHomes is showHomes with why there are fewer than there should be.
func (c *Client) explainedHomes(ctx context.Context, _ clientrpc.None) (*clientrpc.HomesResult, error) {
	out, err := c.showHomes(ctx, clientrpc.None{})
	if err != nil || c.settledHomes() {
		return out, err
	}
	s, err := c.online()
	if err != nil {
		return out, nil // doctor says that
	}
	out.Want = keyserver.DefaultHomes
	reasons, err := c.homeReasons(ctx, s)
	if err != nil {
		c.cfg.log().Warn("why there are too few homes is not known", "err", err)
		return out, nil
	}
	out.Passed = c.passed(ctx, s, reasons)
	return out, nil
}

// homeReasons asks the proxy which servers could be homes, and why others could
// not. (spec/delivery.md, DELIV-19)
func (c *Client) homeReasons(ctx context.Context, s *session) ([]wire.HomeReason, error) {
	ctx, cancel := context.WithTimeout(ctx, homesTimeout)
	defer cancel()
	f, err := s.request(ctx, wire.TypeHomes, append(c.acc.Fingerprint.Wire(), wire.HomesWithReasons))
	if err != nil {
		return nil, fmt.Errorf("ask why servers are no homes: %w", err)
	}
	if f.Type != wire.TypeHomeList {
		return nil, fmt.Errorf("%w answer of type %d to a question for homes", wire.ErrMalformed, f.Type)
	}
	return wire.DecodeHomeReasons(f.Body)
}

// passedWhy are the proxy's reasons in the words of clientrpc.
var passedWhy = map[wire.HomeWhy]string{
	wire.HomeYoung: clientrpc.PassedYoung, wire.HomeInvites: clientrpc.PassedInvites, wire.HomeClosed: clientrpc.PassedClosed,
	wire.HomeLeaving: clientrpc.PassedLeaving, wire.HomeNoLinks: clientrpc.PassedNoLinks, wire.HomeAway: clientrpc.PassedAway,
	wire.HomeMay: clientrpc.PassedPending,
}

// passed lists the servers that are no homes, with names as far as they are known.
func (c *Client) passed(ctx context.Context, s *session, reasons []wire.HomeReason) (out []clientrpc.PassedHome) {
	reasons = slices.DeleteFunc(reasons, func(r wire.HomeReason) bool { return c.livesAt(r.Server) })
	var named []omega.Fingerprint
	for _, r := range reasons {
		named = append(named, r.Server)
	}
	c.seekServers(ctx, s, named)
	announced := c.announcements()
	for _, r := range reasons {
		p := clientrpc.PassedHome{Server: r.Server, Why: passedWhy[r.Why], Until: r.Until}
		if a, err := mesh.Decode(announced[r.Server]); err == nil {
			p.Name, p.Operator = a.Name, a.Operator
		}
		out = append(out, p)
	}
	return out
}

func (c *Client) hasRecord() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.record != nil
}

// setHomes answers clientrpc.SetHomes: it moves the account.
func (c *Client) setHomes(ctx context.Context, p clientrpc.SetHomesParams) (*clientrpc.HomesResult, error) {
	err := c.persist(ctx, func(s *session) error { return c.setHomesBy(ctx, s, p) })
	if err != nil {
		return nil, err
	}
	return c.explainedHomes(ctx, clientrpc.None{})
}

// setHomesBy moves the account through one session.
func (c *Client) setHomesBy(ctx context.Context, s *session, p clientrpc.SetHomesParams) error {
	doing := i18n.T("doing.homes")
	homes := []omega.Fingerprint{}
	for _, h := range p.Homes {
		if !slices.Contains(homes, h) {
			homes = append(homes, h)
		}
	}
	if len(homes) > omega.MaxHomes {
		return fail(clientrpc.CodeUsage, doing, i18n.T("why.homes", len(homes), omega.MaxHomes), i18n.T("next.homes"), nil)
	}
	if len(homes) == 0 { // the cloud's choice again
		c.mu.Lock()
		homes = slices.Clone(c.record.Homes)
		c.mu.Unlock()
		if err := c.moveTo(ctx, s, homes, false); err != nil {
			return err
		}
		return c.improveHomes(ctx, s)
	}
	offers, err := c.homeOffers(ctx, s)
	if err != nil {
		return err
	}
	c.seekServers(ctx, s, homes)
	before, err := c.everHomes(ctx)
	if err != nil {
		return err
	}
	for _, h := range homes {
		b := c.announcements()[h]
		full := slices.ContainsFunc(offers, func(o wire.HomeOffer) bool { return o.Server == h && o.Flags&wire.HomeFull != 0 })
		if !full && (b == nil || !c.proves(ctx, s, b)) {
			return fail(clientrpc.CodeNotFound, doing, i18n.T("why.noserver", h), i18n.T("next.homes"), nil)
		}
		if a, err := mesh.Decode(b); err == nil && a.Registration != mesh.RegistrationOpen && !slices.Contains(before, h) {
			return fail(clientrpc.CodeRefused, doing, i18n.T("why.homeclosed", h), i18n.T("next.homes"), nil)
		}
	}
	return c.moveTo(ctx, s, homes, true)
}
