package whole

import (
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
	"github.com/omega-im/omega/chat/group"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/mailbox"
	mailpebble "github.com/omega-im/omega/mailbox/pebble"
	"github.com/omega-im/omega/pgp"
	"github.com/omega-im/omega/transport"
	"github.com/omega-im/omega/wire"
)

var lightFlag = flag.Int("light", 40, "accounts that only receive in the group of TestGroupOfThousands")

// TestGroupOfThousands: a group of many accounts with keys, certificates and mail
// of their own, but no client, and of three whole clients: one takes all that
// happened and writes, one is invited, one comes by a link. What the servers keep
// for each of the many is opened, verified and read with its own keys. With -v it
// says what each step cost: time, processor time of this process, in which all of
// them are, and octets.
func TestGroupOfThousands(t *testing.T) {
	if testing.Short() && *lightFlag > 40 {
		t.Skip("small ones only")
	}
	own, err := startCloud(t.TempDir(), 2+*lightFlag/2501, "open", "pebble") // a server takes only so many accounts in a day
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, s := range own {
			s.end()
		}
	})
	cost := costs(t)
	ann, bob, cat := newPerson(t, "ann", own[0].address()), newPerson(t, "bob", own[1].address()), newPerson(t, "cat", own[0].address())
	m := newMany(t, own, *lightFlag)
	cost("%d accounts made and registered", m.len())
	m.found(t, ann.account)
	cost("%d operations signed", m.log.Len())
	texts := 0
	for _, o := range m.log.Ops() {
		texts += len(o.Marshal())
	}
	t.Logf("operations: %d octets", texts)

	before := heap()
	m.tell(t, ann, own[0])
	g := clientrpc.Group{ID: m.log.ID().String(), Chat: m.log.ID().Chat()}
	m.await(t, ann, g, "has all operations", func(got clientrpc.Group) bool { return got.Operations == m.log.Len() })
	cost("ann looked up, verified and took all")
	t.Logf("memory of this process: %d MB more", (heap()-before)>>20)
	do(t, ann, clientrpc.AcceptGroup, clientrpc.GroupRef{Group: g.ID})
	cost("ann is owner")

	m.say(t, ann, g, "停水通知", cost)
	m.say(t, ann, g, "來水了", cost)

	bob.send(t, ann, "我也住這裡", "delivered") // they know each other; cat, who comes by a link, knows nobody
	do(t, ann, clientrpc.InviteGroup, inGroup(g, bob))
	m.await(t, bob, g, "invited", func(got clientrpc.Group) bool { return got.Role == clientrpc.RoleInvited })
	do(t, bob, clientrpc.AcceptGroup, clientrpc.GroupRef{Group: g.ID})
	m.await(t, bob, g, "in it", func(got clientrpc.Group) bool { return got.Role == "member" && !got.Waiting })
	cost("bob was invited and is in")
	bob.hears(t, g, "停水通知", "來水了")
	cost("bob has what was said before")
	link := do(t, ann, clientrpc.LinkGroup, clientrpc.LinkGroupParams{GroupRef: clientrpc.GroupRef{Group: g.ID}, Open: true})
	do(t, cat, clientrpc.JoinGroup, clientrpc.JoinGroupParams{Link: link.Link})
	m.await(t, cat, g, "in it", func(got clientrpc.Group) bool { return got.Role == "member" && !got.Waiting })
	cost("cat came by a link and is in")
	for _, d := range []*device{ann, bob} {
		m.await(t, d, g, "knows all", func(got clientrpc.Group) bool { return got.Size == m.len()+3 })
	}
	cost("all know of it")
	m.say(t, bob, g, "我是新來的", cost)
	for _, d := range []*device{ann, cat} {
		d.hears(t, g, "我是新來的")
	}
	cost("ann and cat have it")
	m.look(t, ann, g, cost)
	for _, d := range []*device{ann, bob, cat} {
		d.close(t)
		t.Logf("%s keeps %d octets", d.cfg.Name, sizeOf(t, d.cfg.Home))
	}
	for _, s := range own {
		if err := s.end(); err != nil {
			t.Fatal(err)
		}
	}
	cost("all ended")
	m.read(t, own, []*pgp.Certificate{certificateOf(t, ann), certificateOf(t, bob), certificateOf(t, cat)}, "停水通知", "來水了", "我是新來的")
	cost("all have read")
}

// costs says what was spent since it was called last.
func costs(t *testing.T) func(format string, args ...any) {
	start, used := time.Now(), processorTime()
	return func(format string, args ...any) {
		t.Helper()
		t.Logf("%-40s %8.2f s, %8.2f s of processors", fmt.Sprintf(format, args...), time.Since(start).Seconds(), (processorTime() - used).Seconds())
		start, used = time.Now(), processorTime()
	}
}

// processorTime is what this process has used.
func processorTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func sizeOf(t *testing.T, dir string) (n int64) {
	t.Helper()
	err := filepath.WalkDir(dir, func(_ string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		info, err := e.Info()
		if err == nil {
			n += info.Size()
		}
		return err
	})
	must(t, err)
	return n
}

func certificateOf(t *testing.T, d *device) *pgp.Certificate {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(d.cfg.Home, "certificate.pgp"))
	must(t, err)
	cert, err := pgp.ParseCertificate(b, time.Now())
	must(t, err)
	return cert
}

// The many are accounts without a client, in a group that the first of them made.
type many struct {
	ids []*pgp.Identity
	log *group.Log
}

func (m *many) len() int { return len(m.ids) }

// newMany makes accounts and registers each at one of the servers, its home.
func newMany(t *testing.T, at []*server, n int) *many {
	t.Helper()
	m := &many{ids: make([]*pgp.Identity, n)}
	errs := make([]error, n)
	each(n, func(i int) {
		if m.ids[i], errs[i] = lightAccount(t.Context()); errs[i] != nil {
			return
		}
		for end := time.Now().Add(patience); ; {
			conn, err := m.connect(t.Context(), i, at[i%len(at)])
			if errs[i] = err; err == nil {
				conn.Close()
				return
			}
			var said *omega.Error // on a busy machine owners answer late (spec/keys.md, KEYS-19)
			if !errors.As(err, &said) || !said.Code.Retry() || time.Now().After(end) {
				return
			}
		}
	})
	for i, err := range errs {
		if err != nil {
			t.Fatalf("account %d: %v", i, err)
		}
	}
	return m
}

// each calls do for 0 to n-1, some at once.
func each(n int, do func(int)) {
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for i := w; i < n; i += 4 {
				do(i)
			}
		})
	}
	wg.Wait()
}

func lightAccount(ctx context.Context) (*pgp.Identity, error) {
	now := time.Now()
	primary, err := pgp.GenerateSigning(rand.Reader, now)
	if err != nil {
		return nil, err
	}
	dev, err := pgp.GenerateDevice(rand.Reader, "light", now)
	if err != nil {
		return nil, err
	}
	cert, err := pgp.NewCertificate(ctx, primary, time.Time{}, now)
	if err != nil {
		return nil, err
	}
	req, err := dev.Request(ctx, primary.Public(), now)
	if err == nil {
		cert, err = pgp.AddDevice(ctx, primary, cert, req, now)
	}
	if err != nil {
		return nil, err
	}
	return pgp.NewIdentity(cert, dev)
}

// connect dials a server, where the account is registered if it is not known.
func (m *many) connect(ctx context.Context, i int, home *server) (*transport.Conn, error) {
	id := m.ids[i]
	return transport.Dial(ctx, transport.DialConfig{
		Address:  transport.Address{Network: transport.NetworkTLS, HostPort: home.cfg.Listen.Client, Fingerprint: home.fpr()},
		Identity: id, Timeout: patience,
		Register: func(ctx context.Context) (wire.Entry, error) {
			now := time.Now().Truncate(time.Millisecond)
			rec := &wire.Record{
				Sequence: 1, Issued: now, Expires: now.Add(24 * time.Hour), Certificate: id.Certificate.Hash(), DeviceList: id.Certificate.DeviceListHash(now),
				User: id.Account(), Device: id.Device(), Homes: []omega.Fingerprint{home.fpr()},
			}
			sig, err := pgp.SignCompact(ctx, id.Signer, rec.Signed(), now)
			rec.Sig = wire.Signature{Time: now.Unix(), Bytes: sig}
			return wire.Entry{Certificate: id.Certificate.Bytes(), Record: rec.Bytes()}, err
		},
	})
}

// await waits until a group looks so to a whole client: longer, the more there are.
func (m *many) await(t *testing.T, d *device, g clientrpc.Group, what string, ok func(clientrpc.Group) bool) {
	t.Helper()
	var got clientrpc.Group
	for end := time.Now().Add(patience * time.Duration(1+m.len()/500)); time.Now().Before(end); {
		var err error
		if got, err = d.group(t, g); err == nil && ok(got) {
			return
		}
		select {
		case <-t.Context().Done():
			t.Fatal(t.Context().Err())
		case <-time.After(time.Duration(20+m.len()/10) * time.Millisecond):
		}
	}
	t.Fatalf("%s: not %s in time: %d operations, %d members", d.cfg.Name, what, got.Operations, got.Size)
}

// found makes the group: its first account and owner are its owners, and all of the
// many have accepted.
func (m *many) found(t *testing.T, owner omega.Fingerprint) {
	t.Helper()
	party := func(id *pgp.Identity) group.Party { return group.Party{Account: id.Account(), Device: id.Device()} }
	owners := []omega.Fingerprint{m.ids[0].Account(), owner}
	slices.SortFunc(owners, omega.Fingerprint.Compare)
	genesis, err := group.Genesis(rand.Reader, group.Op{Author: party(m.ids[0]), Time: time.Now(), Profile: group.Profile{Name: "五千人"}, Accounts: owners})
	must(t, err)
	must(t, genesis.Sign(t.Context(), m.ids[0].Signer))
	m.log, err = group.NewLog(genesis)
	must(t, err)
	add := func(by *pgp.Identity, o group.Op) {
		next, err := m.log.Next(party(by), time.Now(), o)
		must(t, err)
		must(t, next.Sign(t.Context(), by.Signer))
		_, err = m.log.Add(next)
		must(t, err)
	}
	for part := range slices.Chunk(m.ids[1:], group.MaxItems) {
		var list []omega.Fingerprint
		for _, id := range part {
			list = append(list, id.Account())
		}
		slices.SortFunc(list, omega.Fingerprint.Compare)
		add(m.ids[0], group.Op{Type: group.TypeInvite, Accounts: list})
	}
	for _, id := range m.ids[1:] {
		add(id, group.Op{Type: group.TypeAccept})
	}
	if got := m.log.State(); len(got.Members) != m.len() || len(got.Invited) != 1 {
		t.Fatalf("%d members, %d invited", len(got.Members), len(got.Invited))
	}
}

// tell gives a whole client all operations, in messages of the first of the many.
func (m *many) tell(t *testing.T, to *device, home *server) {
	t.Helper()
	me := m.ids[0]
	roster, err := chat.NewRoster(me.Certificate, me.Device(), certificateOf(t, to), time.Now())
	must(t, err)
	sender, err := chat.NewSender(me, rand.Reader, "founder", chat.SenderState{Chat: roster.Chat})
	must(t, err)
	conn, err := m.connect(t.Context(), 0, home)
	must(t, err)
	defer conn.Close()
	try := func(id omega.ID, payload []byte) omega.Code {
		e := wire.Envelope{ID: id, Class: wire.ClassText, Lifetime: time.Hour, Sender: me.Account(), Recipients: []omega.Fingerprint{to.account}, Payload: payload}
		b, err := e.AppendTo(nil)
		must(t, err)
		must(t, conn.SendFrame(wire.TypeSend, 1, b))
		for {
			f, err := conn.ReadFrame()
			must(t, err)
			if f.Type != wire.TypeSent {
				continue
			}
			code, _, err := wire.DecodeResults(f.Body)
			must(t, err)
			return code
		}
	}
	// The founder is a stranger, of whom a home has little at once: it sends again
	// what there was no room for. (spec/delivery.md, DELIV-46)
	send := func(id omega.ID, payload []byte) {
		until(t, "operations are sent", func() bool {
			code := try(id, payload)
			if code != omega.CodeOK && code != omega.CodeMailboxFull {
				t.Fatalf("operations not sent: %v", code)
			}
			return code == omega.CodeOK
		})
	}
	news := &chat.GroupNews{ID: chat.Hash(m.log.ID())}
	size := 0
	flush := func(kind chat.Kind) {
		sealed, err := sender.Seal(t.Context(), time.Now(), roster, &chat.Content{Kind: kind, Text: "五千人", Group: news})
		must(t, err)
		if sealed.KeyRecord != nil {
			send(sealed.KeyID, sealed.KeyRecord)
		}
		send(sealed.Message.ID, sealed.Payload)
		news, size = &chat.GroupNews{ID: news.ID}, 0
	}
	for _, o := range m.log.Ops() {
		b := o.Marshal()
		if size+len(b) > 60<<10 || len(news.Operations) == chat.MaxOperations {
			flush(chat.KindGroup)
		}
		news.Operations, size = append(news.Operations, b), size+len(b)+8
	}
	for _, h := range m.log.Heads() {
		news.Heads = append(news.Heads, chat.Hash(h))
	}
	flush(chat.KindGroupInvite)
}

// say has a whole client write to all, until servers have it for all of them.
func (m *many) say(t *testing.T, d *device, g clientrpc.Group, text string, cost func(string, ...any)) {
	t.Helper()
	id := newID()
	r, err := clientrpc.Send.Call(t.Context(), d.conn, clientrpc.SendParams{ID: id, To: g.Chat.String(), Text: text, Wait: "none", Timeout: patience})
	if err != nil {
		t.Fatalf("%s says %q: %v", d.cfg.Name, text, err)
	}
	cost("%s sealed %q", d.cfg.Name, text)
	until(t, "it is stored for all", func() bool {
		list := d.groupHistory(t, g)
		i := slices.IndexFunc(list, func(m clientrpc.Message) bool { return m.ID == r.ID })
		return i >= 0 && list[i].State != "queued"
	})
	cost("it is stored for all")
}

// look asks a client about the group.
func (m *many) look(t *testing.T, d *device, g clientrpc.Group, cost func(string, ...any)) {
	t.Helper()
	cost("")
	got, err := d.group(t, g)
	if err != nil || got.Size != m.len()+3 {
		t.Errorf("%d members, %v", got.Size, err)
	}
	cost("group info")
	n, pages := 0, 0
	err = clientrpc.Each[clientrpc.GroupListParams, clientrpc.GroupMembersResult](t.Context(), d.conn, clientrpc.GroupMembers, clientrpc.GroupListParams{GroupRef: clientrpc.GroupRef{Group: g.ID}},
		func(r clientrpc.GroupMembersResult) error {
			n, pages = n+len(r.Members), pages+1
			return nil
		})
	if err != nil || n != m.len()+3 {
		t.Errorf("%d members in %d parts, %v", n, pages, err)
	}
	cost("group members, %d parts", pages)
}

// read opens what servers keep for the many, with their own keys.
func (m *many) read(t *testing.T, at []*server, authors []*pgp.Certificate, texts ...string) {
	t.Helper()
	var stores []*mailbox.Store
	for _, s := range at {
		driver, err := mailpebble.Open(mailpebble.Config{Dir: filepath.Join(s.cfg.Dir, "mail"), Reserve: -1})
		must(t, err)
		store, err := mailbox.Open(mailbox.Config{Driver: driver})
		must(t, err)
		defer store.Close()
		stores = append(stores, store)
	}
	members := map[omega.Fingerprint]bool{}
	finder := certificates{}
	for _, id := range m.ids {
		members[id.Account()] = true
	}
	for _, c := range authors {
		members[c.Fingerprint()], finder[c.Fingerprint()] = true, c
	}
	var mu sync.Mutex // guards octets and wrong
	octets, envelopes, wrong := 0, 0, []string{}
	kinds := map[chat.PayloadKind]int{}
	each(m.len(), func(i int) {
		mail, err := stores[i%len(stores)].Read(t.Context(), m.ids[i].Account(), 0, mailbox.Limit{Messages: 10_000, Bytes: 1 << 30})
		got, n := m.open(t.Context(), i, mail, members, finder)
		mu.Lock()
		defer mu.Unlock()
		octets, envelopes = octets+n, envelopes+len(mail)
		for _, one := range mail {
			kinds[payloadKind(one.Envelope)]++
		}
		for _, text := range texts {
			if err != nil || !slices.Contains(got, text) {
				wrong = append(wrong, fmt.Sprintf("account %d reads %q of %d envelopes, %v", i, got, len(mail), err))
				break
			}
		}
	})
	if len(wrong) > 0 {
		t.Errorf("%d of %d do not read all: %s", len(wrong), m.len(), wrong[0])
	}
	t.Logf("%d octets in %d envelopes for each", octets/m.len(), envelopes/m.len())
	// Newcomers write under the group key that is there (spec/group.md, GROUP-14): what
	// is sent when somebody joined are records and messages, and no other key.
	keys, records := kinds[chat.PayloadGroupKey], kinds[chat.PayloadGroupRecord]
	t.Logf("%d group keys, %d records, %d messages for each", keys/m.len(), records/m.len(), kinds[chat.PayloadMessage]/m.len())
	if keys != m.len() {
		t.Errorf("%d group keys for %d accounts", keys, m.len())
	}
}

func payloadKind(envelope []byte) chat.PayloadKind {
	env, err := wire.ParseEnvelope(envelope)
	if err != nil {
		return 0
	}
	p, err := chat.ParsePayload(env.Payload())
	if err != nil {
		return 0
	}
	return p.Kind
}

// open returns the verified texts of some mail, and its octets.
func (m *many) open(ctx context.Context, i int, mail []mailbox.Mail, members map[omega.Fingerprint]bool, finder certificates) (texts []string, octets int) {
	r, err := chat.NewReceiver(m.ids[i], finder)
	if err != nil {
		return nil, 0
	}
	h := &lightGroup{id: chat.Hash(m.log.ID()), keys: map[chat.Locator][]*chat.GroupKey{}, members: members}
	var store chat.MemoryStore
	for try, left := 0, len(mail); try < 3 && left > 0; try++ { // what needs a key that comes behind it is opened again
		left = 0
		for _, one := range mail {
			env, err := wire.ParseEnvelope(one.Envelope)
			if err != nil {
				return nil, 0
			}
			if try == 0 {
				octets += len(one.Envelope)
			}
			got, err := r.Open(ctx, &store, &chat.Arrival{ID: env.ID(), Payload: env.Payload(), Now: time.Now(), Groups: h})
			switch {
			case err != nil || got.Verdict == chat.VerdictRefused:
				return nil, 0
			case got.Verdict == chat.VerdictNeedKey:
				left++
			case got.Verdict == chat.VerdictMessage && got.Message.Verified:
				texts = append(texts, got.Message.Content.Text)
			}
		}
	}
	return texts, octets
}

// certificates are those that the many know.
type certificates map[omega.Fingerprint]*pgp.Certificate

func (c certificates) FindCertificate(_ context.Context, fp omega.Fingerprint) (*pgp.Certificate, error) {
	if cert := c[fp]; cert != nil {
		return cert, nil
	}
	return nil, omega.Errorf(omega.CodeNotFound, "no certificate of %s", fp)
}

// A lightGroup is what one of the many knows of the group.
type lightGroup struct {
	id      chat.Hash
	keys    map[chat.Locator][]*chat.GroupKey
	members map[omega.Fingerprint]bool
}

func (g *lightGroup) GroupKeys(_ context.Context, l chat.Locator) ([]*chat.GroupKey, error) {
	return g.keys[l], nil
}

func (g *lightGroup) PutGroupKey(_ context.Context, k *chat.GroupKey) error {
	g.keys[k.Locator] = append(g.keys[k.Locator], k)
	return nil
}

func (g *lightGroup) Group(_ context.Context, c omega.ChatID) (id chat.Hash, err error) {
	if c == omega.ChatID(g.id[:16]) {
		id = g.id
	}
	return id, nil
}

func (g *lightGroup) ReadsSince(context.Context, chat.Hash) (time.Time, error) {
	return time.Time{}, nil
}

func (g *lightGroup) Standing(_ context.Context, w chat.Writing) (chat.Standing, error) {
	if g.members[w.Author] {
		return chat.StandingGood, nil
	}
	return chat.StandingNone, nil
}
