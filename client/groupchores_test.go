package client

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
	"github.com/omega-im/omega/chat/group"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/history"
)

// linked makes a group with a link that asks.
func linked(t *testing.T, c *Client) (g clientrpc.Group, l *groupLink) {
	t.Helper()
	g, err := clientrpc.CreateGroup.Call(t.Context(), c, clientrpc.CreateGroupParams{ID: omega.ID{1}, Name: "讀書會"})
	must(t, err)
	link, err := clientrpc.LinkGroup.Call(t.Context(), c, clientrpc.LinkGroupParams{GroupRef: clientrpc.GroupRef{Group: g.ID}})
	must(t, err)
	l, err = parseGroupLink(link.Link)
	must(t, err)
	return g, l
}

// inviteThere makes this account invite somebody of whom nothing is known here.
func inviteThere(t *testing.T, c *Client, id chat.Hash, who omega.Fingerprint) {
	t.Helper()
	must(t, c.db.Update(t.Context(), func(tx *history.Tx) error {
		l, err := c.groupIn(tx, id)
		must(t, err)
		o, err := l.Next(c.party(), c.signingTime(), group.Op{Type: group.TypeInvite, Accounts: []omega.Fingerprint{who}})
		must(t, err)
		must(t, o.Sign(t.Context(), c.identity().Signer))
		_, err = l.add(tx, o, c.cfg.now())
		c.showGroup(l)
		return err
	}))
}

// choreCount is how many chores are kept.
func (c *Client) choreCount(t *testing.T) (n int) {
	t.Helper()
	must(t, c.db.View(t.Context(), func(tx *history.Tx) error {
		list, err := tx.Chores(0, 1000)
		n = len(list)
		return err
	}))
	return n
}

// TestRequestsAreKept: a request to join that came in the last moment of a program is
// taken by the next one; what rests on operations that are not here waits for them,
// and who passes it on is asked, if the group knows it. (spec/group.md, GROUP-27, GROUP-30)
func TestRequestsAreKept(t *testing.T) {
	c, clock := newStillCore(t)
	g, l := linked(t, c)
	inviteThere(t, c, l.Group, signer(t, 9))
	note := func(from *chat.Message) {
		t.Helper()
		must(t, c.db.Update(t.Context(), func(tx *history.Tx) error {
			tk := &taken{c: c}
			return errors.Join(tk.takeGroupNews(t.Context(), tx, &chat.Result{Message: from}), tk.noteChore(tx, from))
		}))
	}
	ask := func(n byte, news chat.GroupNews) *chat.Message {
		news.ID, news.Ticket = l.Group, l.Ticket
		return &chat.Message{
			From: signer(t, n), Device: signer(t, n+100), Peer: signer(t, n), Time: clock.time(), Verified: true,
			Content: &chat.Content{Kind: chat.KindGroupJoin, Text: "我想讀", Group: &news},
		}
	}
	for n := range byte(4) {
		note(ask(n+1, chat.GroupNews{}))
	}
	note(ask(9, chat.GroupNews{Asker: signer(t, 8), Heads: []chat.Hash{{5}}}))  // this device lacks what it knows
	note(ask(12, chat.GroupNews{Asker: signer(t, 8), Heads: []chat.Hash{{6}}})) // made up by a stranger
	note(ask(13, chat.GroupNews{Heads: []chat.Hash{{7}}}))                      // of no use
	inChat := ask(10, chat.GroupNews{})
	inChat.Peer = omega.Fingerprint{}
	note(inChat) // in no direct chat
	if n := c.choreCount(t); n != 7 {
		t.Fatalf("%d chores", n)
	}
	next := &groupTender{c: c, given: answers{}, told: map[int64]map[omega.Fingerprint]bool{}} // of the next run
	must(t, next.doChores(t.Context()))
	requests, err := clientrpc.GroupRequests.Call(t.Context(), c, clientrpc.GroupListParams{GroupRef: clientrpc.GroupRef{Group: g.ID}})
	if err != nil || len(requests.Requests) != 5 || requests.Requests[0].Text != "我想讀" {
		t.Errorf("%+v, %v", requests, err)
	}
	if n := c.choreCount(t); n != 2 || next.again.IsZero() {
		t.Errorf("%d chores are left, again at %v", n, next.again)
	}
	must(t, c.db.View(t.Context(), func(tx *history.Tx) error {
		want, err := tx.WantedOperations(9)
		if err == nil && (len(want) != 1 || want[0].Account != signer(t, 9)) {
			t.Errorf("wanted: %+v", want)
		}
		return err
	}))
	for range 2 * choreTries { // much comes at once
		must(t, next.doChores(t.Context()))
	}
	if n := c.choreCount(t); n != 2 {
		t.Errorf("given up within a moment")
	}
	for range 2 * choreTries { // nobody hears
		clock.move(choresApart)
		must(t, next.doChores(t.Context()))
	}
	if n := c.choreCount(t); n != 2 {
		t.Errorf("%d chores after a time without a session", n)
	}
	c.session = &session{}
	for range choreTries { // nobody has it
		clock.move(choresApart)
		must(t, next.doChores(t.Context()))
	}
	if n := c.choreCount(t); n != 0 || !next.again.IsZero() {
		t.Errorf("%d chores are never given up", n)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	note(ask(11, chat.GroupNews{}))
	next.doChores(ended)
	if n := c.choreCount(t); n != 1 {
		t.Errorf("%d chores after a run that ended", n)
	}
}

// TestRefusal: who asked by a link is told no by whoever knows its ticket, and waits no
// more; nobody else can say it. (spec/group.md, GROUP-31)
func TestRefusal(t *testing.T) {
	c, clock := newStillCore(t)
	id, ticket, maker := chat.Hash{1, 2}, chat.Ticket{3}, signer(t, 1)
	must(t, c.db.Update(t.Context(), func(tx *history.Tx) error {
		return tx.PutGroup(&history.Group{ID: id, Ticket: ticket, Maker: maker})
	}))
	no := func(group chat.Hash, ticket chat.Ticket, from omega.Fingerprint) (meant bool) {
		t.Helper()
		m := &chat.Message{
			From: from, Peer: from, Time: clock.time(), Verified: true,
			Content: &chat.Content{Kind: chat.KindGroupRefused, Group: &chat.GroupNews{ID: group, Ticket: ticket}},
		}
		must(t, c.db.Update(t.Context(), func(tx *history.Tx) (err error) {
			meant, err = c.refused(tx, m)
			return err
		}))
		return meant
	}
	role := func() string {
		t.Helper()
		got, err := clientrpc.ShowGroup.Call(t.Context(), c, clientrpc.GroupRef{Group: id.String()})
		must(t, err)
		return got.Role
	}
	if no(id, chat.Ticket{4}, maker) || no(chat.Hash{9}, ticket, maker) || no(id, ticket, c.acc.Fingerprint) || role() != clientrpc.RoleAsking {
		t.Errorf("refused by who may not, now %s", role())
	}
	if !no(id, ticket, signer(t, 2)) || role() != clientrpc.RoleRefused || no(id, ticket, maker) {
		t.Errorf("not refused, but %s", role())
	}
	got, err := clientrpc.ShowGroup.Call(t.Context(), c, clientrpc.GroupRef{Group: id.String()})
	if err != nil || got.Refuser != signer(t, 2).String() {
		t.Errorf("by %s, %v", got.Refuser, err)
	}
	must(t, c.db.Update(t.Context(), func(tx *history.Tx) error { // an invitation ends it
		return tx.PutGroup(&history.Group{ID: id, Accepted: time.Now()})
	}))
	if role() != "" {
		t.Errorf("still %s", role())
	}
}

// TestOperationsAreTriedAgain: who could not be given operations is not taken for one who
// was. (spec/group.md, GROUP-30)
func TestOperationsAreTriedAgain(t *testing.T) {
	c, clock := newStillCore(t)
	_, l := linked(t, c)
	inviteThere(t, c, l.Group, signer(t, 1))
	m := &chat.Message{
		From: signer(t, 1), Device: signer(t, 101), Peer: signer(t, 1), Time: clock.time(), Verified: true,
		Content: &chat.Content{Kind: chat.KindGroup, Group: &chat.GroupNews{ID: l.Group, Ask: true}},
	}
	given := answers{}
	for try := range 4 {
		if err := c.answerGroup(t.Context(), m, given); err == nil {
			t.Errorf("try %d is taken for done, and nobody can be looked up", try)
		}
		clock.move(choresApart)
	}
}

// TestDecidersAreToldOnce: who decides is told of a request once, also while another one
// cannot be looked up; who cannot be written to holds up nothing. (spec/group.md, GROUP-27)
func TestDecidersAreToldOnce(t *testing.T) {
	c, clock := newStillCore(t)
	hears, gone, behind := newIdentity(t, "hears"), newIdentity(t, "gone"), newIdentity(t, "behind")
	must(t, c.db.Update(t.Context(), func(tx *history.Tx) error {
		return errors.Join(
			tx.PutPeer(&history.Peer{Fingerprint: hears.Account(), Certificate: hears.Certificate.Bytes(), Checked: clock.time()}),
			tx.PutPeer(&history.Peer{Fingerprint: gone.Account(), Certificate: gone.Certificate.Bytes(), Checked: clock.time(), Deleted: clock.time()}),
			tx.PutPeer(&history.Peer{Fingerprint: behind.Account(), Certificate: behind.Certificate.Bytes(), Checked: clock.time()}),
			tx.SetStated(behind.Account(), &history.Statement{Sequence: 5, Device: behind.Device()})) // and servers show less
	}))
	content := &chat.Content{Kind: chat.KindGroupJoin, Group: &chat.GroupNews{ID: chat.Hash{1}, Ticket: chat.Ticket{2}, Asker: signer(t, 1)}}
	told := map[omega.Fingerprint]bool{}
	must(t, c.tellDeciders(t.Context(), []omega.Fingerprint{behind.Account(), gone.Account(), hears.Account()}, content, told))
	if len(told) != 3 {
		t.Errorf("told: %v", told)
	}
	if err := c.tellDeciders(t.Context(), []omega.Fingerprint{signer(t, 9)}, content, told); err == nil || len(told) != 3 {
		t.Errorf("one of whom nothing is known: %v, %v", err, told)
	}

	g := &groupTender{c: c, told: map[int64]map[omega.Fingerprint]bool{}}
	e := &errand{Chore: history.Chore{Number: 7}}
	g.recall([]*errand{e})
	e.told[signer(t, 1)] = true
	g.remember([]*errand{e})
	again := &errand{Chore: history.Chore{Number: 7}}
	if g.recall([]*errand{again}); !again.told[signer(t, 1)] {
		t.Error("who was told is forgotten")
	}
	again.over = true
	if g.remember([]*errand{again}); len(g.told) != 0 {
		t.Error("who was told of what is over is remembered")
	}
}
