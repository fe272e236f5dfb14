package client

import (
	"context"
	"net"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/history"
	"github.com/omega-im/omega/media"
	"github.com/omega-im/omega/mesh"
	"github.com/omega-im/omega/wire"
)

// A reader follows the events of a core, as a face does.
type reader struct {
	conn   clientrpc.Conn
	run    string
	last   uint64
	events []clientrpc.Event
	resets []string
}

func follow(t *testing.T, conn clientrpc.Conn) *reader {
	t.Helper()
	r := &reader{conn: conn}
	r.read(t, 0)
	if !slices.Equal(r.resets, []string{clientrpc.ResetStart}) {
		t.Fatalf("begins with %v", r.resets)
	}
	return r
}

// from has r begin where another reader is, which keeps its events.
func (r *reader) from(o *reader) *reader {
	r.run, r.last = o.run, o.last
	return r
}

// read takes one part of the events.
func (r *reader) read(t *testing.T, wait time.Duration) {
	t.Helper()
	out, err := clientrpc.Follow.Call(t.Context(), r.conn, clientrpc.FollowParams{Run: r.run, After: r.last, Timeout: wait})
	must(t, err)
	for i, e := range out.Events {
		if e.Number != r.last+uint64(i)+1 {
			t.Fatalf("event %d behind %d", e.Number, r.last)
		}
	}
	if out.Last != r.last+uint64(len(out.Events)) && out.Reset == "" {
		t.Fatalf("last is %d behind %d and %d events", out.Last, r.last, len(out.Events))
	}
	if out.Reset != "" {
		r.resets = append(r.resets, out.Reset)
	}
	r.run, r.last, r.events = out.Run, out.Last, append(r.events, out.Events...)
}

// await reads until an event of a kind is there for which ok is true.
func await[T any](t *testing.T, r *reader, kind clientrpc.EventOf[T], ok func(T) bool) T {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; r.read(t, time.Second) {
		for i, e := range r.events {
			if data, is := kind.In(e); is && ok(data) {
				r.events = r.events[i+1:]
				return data
			}
		}
		if time.Now().After(deadline) {
			t.Fatalf("no %s among %d events: %v", kind.Name, len(r.events), r.events)
		}
	}
}

// TestEvents: what happens to messages is told, over a pipe as in process, with
// what a face needs to know of whether the person is told.
func TestEvents(t *testing.T) {
	p := newFakeProxy(t)
	c := p.newCore(t)
	s := p.newStranger(t, c, "peer")
	near, far := follow(t, c), follow(t, pipeTo(t, c))
	m, mails := s.say(t, c, &chat.Content{Kind: chat.KindText, Text: "第一版"})
	p.push(t, mails...)
	for _, r := range []*reader{near, far} {
		asked := await(t, r, clientrpc.Requested, func(e clientrpc.RequestEvent) bool { return true })
		if asked.Kind != clientrpc.RequestStranger || asked.Account != s.id || asked.Chat != m.Chat {
			t.Errorf("request: %+v", asked)
		}
		e := await(t, r, clientrpc.MessageNew, func(e clientrpc.NewMessageEvent) bool { return e.Message == m.ID })
		if e.From != s.id || e.Own || !e.Notify || e.Silent || e.Mentioned || e.Chat != m.Chat {
			t.Errorf("new message: %+v", e)
		}
		await(t, r, clientrpc.ChatChanged, func(e clientrpc.ChatEvent) bool { return e.Chat == m.Chat })
	}
	// A muted chat says nothing, unless the message calls this account.
	_, err := clientrpc.SetChat.Call(t.Context(), c, clientrpc.SetChatParams{Chat: m.Chat.String(), Muted: &clientrpc.MutedForGood})
	must(t, err)
	await(t, near, clientrpc.ChatChanged, func(e clientrpc.ChatEvent) bool { return e.Chat == m.Chat })
	quiet, mails := s.say(t, c, &chat.Content{Kind: chat.KindText, Text: "quiet"})
	call, more := s.say(t, c, &chat.Content{Kind: chat.KindText, Text: "@you", Entities: []chat.Entity{{Type: chat.EntityMention, Length: 4, Account: c.acc.Fingerprint}}})
	p.push(t, append(mails, more...)...)
	if e := await(t, near, clientrpc.MessageNew, func(e clientrpc.NewMessageEvent) bool { return e.Message == quiet.ID }); e.Notify || e.Mentioned {
		t.Errorf("in a muted chat: %+v", e)
	}
	if e := await(t, near, clientrpc.MessageNew, func(e clientrpc.NewMessageEvent) bool { return e.Message == call.ID }); !e.Notify || !e.Mentioned {
		t.Errorf("called in a muted chat: %+v", e)
	}
	item := chat.MediaItem{What: chat.File, FileName: "x.txt", Type: "text/plain", Ref: media.Ref{Name: media.Hash{1}, Size: 9}}
	caption := chat.NewMedia("@you", []chat.MediaItem{item}, false)
	caption.Entities = []chat.Entity{{Type: chat.EntityMention, Length: 4, Account: c.acc.Fingerprint}}
	file, mails := s.say(t, c, caption)
	p.push(t, mails...)
	if e := await(t, near, clientrpc.MessageNew, func(e clientrpc.NewMessageEvent) bool { return e.Message == file.ID }); !e.Notify || !e.Mentioned {
		t.Errorf("called by a caption in a muted chat: %+v", e)
	}
	// Edited and taken back by the other side.
	_, edit := s.say(t, c, &chat.Content{Kind: chat.KindEdit, Text: "第二版", Edit: &chat.Edit{Target: m.Link(), Version: 1}})
	p.push(t, edit...)
	await(t, near, clientrpc.MessageChanged, func(e clientrpc.MessageEvent) bool { return e.Message == m.ID })
	_, gone := s.say(t, c, &chat.Content{Kind: chat.KindDelete, Delete: &chat.Delete{Targets: []chat.Link{m.Link()}}})
	p.push(t, gone...)
	await(t, near, clientrpc.MessageDeleted, func(e clientrpc.MessageEvent) bool { return e.Message == m.ID })
	// One's own goes out.
	_, err = clientrpc.Send.Call(t.Context(), c, clientrpc.SendParams{ID: omega.ID{7}, To: s.id.String(), Text: "hi", Wait: "none"})
	must(t, err)
	if e := await(t, near, clientrpc.MessageNew, func(e clientrpc.NewMessageEvent) bool { return e.Message == omega.ID{7} }); !e.Own || e.Notify || e.From != c.acc.Fingerprint {
		t.Errorf("own: %+v", e)
	}
	await(t, near, clientrpc.MessageState, func(e clientrpc.StateEvent) bool {
		return e.Message == omega.ID{7} && e.State == clientrpc.StateStored
	})
	// A text waits, and does not any more; somebody becomes a contact.
	at := time.Now().Add(time.Hour)
	_, err = clientrpc.Send.Call(t.Context(), c, clientrpc.SendParams{ID: omega.ID{8}, To: s.id.String(), Text: "later", At: at, Wait: "none"})
	must(t, err)
	await(t, near, clientrpc.ScheduledChanged, func(clientrpc.None) bool { return true })
	_, err = clientrpc.Cancel.Call(t.Context(), c, clientrpc.CancelParams{ID: omega.ID{8}})
	must(t, err)
	await(t, near, clientrpc.ScheduledChanged, func(clientrpc.None) bool { return true })
	// Another device of the account asks for the history.
	must(t, c.db.Update(t.Context(), func(tx *history.Tx) error {
		return (&taken{c: c}).heardWanted(tx, s.id, &chat.Handover{To: s.id, From: c.acc.Device})
	}))
	await(t, near, clientrpc.HandoverChanged, func(e clientrpc.DeviceEvent) bool { return e.Device == s.id })
	_, err = clientrpc.BlockContact.Call(t.Context(), c, clientrpc.BlockContactParams{ContactRef: clientrpc.ContactRef{Account: s.id.String()}})
	must(t, err)
	await(t, near, clientrpc.ContactChanged, func(e clientrpc.AccountEvent) bool { return e.Account == s.id })
	// The other reader has all of it as well, in order.
	await(t, far, clientrpc.MessageDeleted, func(e clientrpc.MessageEvent) bool { return e.Message == m.ID })
}

// pipeTo serves c as the holder of a home does.
func pipeTo(t *testing.T, c *Client) *clientrpc.Pipe {
	t.Helper()
	client, server := socketPair(t)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); clientrpc.ServePipe(ctx, server, c.Handle) }()
	pipe := clientrpc.NewPipe(client)
	t.Cleanup(func() { cancel(); pipe.Close(); <-done })
	return pipe
}

// TestEventsAreKeptForAWhile: a face that is away for a moment misses nothing; one
// that is away for long, or was with another core, is told so, and nobody waits for
// either.
func TestEventsAreKeptForAWhile(t *testing.T) {
	c := newFakeProxy(t).newCore(t)
	until(t, "online", func() bool { _, err := c.online(); return err == nil })
	r := follow(t, c)
	step := func(n int) {
		for i := range n {
			c.events.add(happening{clientrpc.Transferred.Name, clientrpc.TransferEvent{Done: int64(i)}})
		}
	}
	step(clientrpc.MaxEvents)
	for n := r.last + clientrpc.MaxEvents; r.last < n; {
		r.read(t, 0)
	}
	if len(r.resets) != 1 || len(r.events) < clientrpc.MaxEvents {
		t.Fatalf("%d events, resets %v", len(r.events), r.resets)
	}
	step(2*clientrpc.MaxEvents + 1)
	r.read(t, 0)
	if !slices.Equal(r.resets[1:], []string{clientrpc.ResetLate}) {
		t.Fatalf("too late: %v", r.resets)
	}
	at := r.last
	step(1)
	if r.read(t, 0); r.last != at+1 {
		t.Fatalf("goes on with %d behind %d", r.last, at)
	}
	c.happened(nil) // a transaction with too much
	r.read(t, 0)
	r.run = "another"
	r.read(t, 0)
	if !slices.Equal(r.resets[2:], []string{clientrpc.ResetLate, clientrpc.ResetRun}) {
		t.Errorf("resets: %v", r.resets)
	}
	r.last += 99 // never given
	r.read(t, 0)
	if r.resets[len(r.resets)-1] != clientrpc.ResetRun || len(r.resets) != 5 {
		t.Errorf("resets: %v", r.resets)
	}
	c.events.mu.Lock()
	defer c.events.mu.Unlock()
	if n := len(c.events.kept); n >= 2*clientrpc.MaxEvents {
		t.Errorf("%d events are kept", n)
	}
}

// TestConnectionTellsTheName: what the server calls itself comes with an event, and with the
// next one when it is renamed; what others say that it is called does not count.
func TestConnectionTellsTheName(t *testing.T) {
	t.Parallel()
	p := newFakeProxy(t)
	tell := func(blob []byte) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.answer = func(f wire.Frame) (wire.Type, []byte) {
			if f.Type == wire.TypeServers {
				return wire.TypeServerList, wire.AppendBlobs(nil, [][]byte{blob})
			}
			return 0, nil
		}
	}
	named := func(name string, sequence uint64) []byte {
		return p.announcement(t, func(a *mesh.Announcement) { a.Name, a.Sequence = name, sequence })
	}
	tell(nil)
	c := p.newCore(t)
	s := c.at(t, p)
	r := follow(t, c)
	called := func(want string) {
		t.Helper()
		e := await(t, r, clientrpc.Connected, func(e clientrpc.ConnectionEvent) bool { return e.ServerName == want })
		if st, err := clientrpc.Status.Call(t.Context(), c, clientrpc.None{}); err != nil || !e.Online || e.Server != st.Server || st.ServerName != want {
			t.Errorf("event %+v, status %+v, %v", e, st, err)
		}
	}
	tell(named("玉山", 2))
	c.learnServers(t.Context(), s)
	called("玉山")
	forged := named("騙子", 3)
	forged[len(forged)-1] ^= 1
	tell(forged)
	c.learnServers(t.Context(), s)
	tell(named("雪山", 4))
	c.learnServers(t.Context(), s)
	called("雪山")
	for _, e := range r.events {
		if d, ok := clientrpc.Connected.In(e); ok && d.ServerName == "騙子" {
			t.Errorf("called by what it did not sign: %+v", d)
		}
	}
}

// TestConnectionAndTransferEvents: a lost connection is told once, and progress not
// more often than faces can paint.
func TestConnectionAndTransferEvents(t *testing.T) {
	c := newFakeProxy(t).newCore(t)
	until(t, "online", func() bool { _, err := c.online(); return err == nil })
	r := follow(t, c)
	c.tellConnection() // as it was told already
	c.offline(errSilent)
	c.tellConnection()
	if e := await(t, r, clientrpc.Connected, func(clientrpc.ConnectionEvent) bool { return true }); e.Online || e.Problem == nil {
		t.Errorf("%+v", e)
	}
	name := media.Hash{1}
	for i := range int64(1000) {
		c.progress(name, i+1, 1000)
	}
	r.read(t, 0)
	n := 0
	for _, e := range r.events {
		if d, ok := clientrpc.Transferred.In(e); ok {
			if n++; n > 100 || d.Blob != name.String() || d.Total != 1000 {
				t.Fatalf("event %d: %+v", n, d)
			}
		}
	}
	if last, ok := clientrpc.Transferred.In(r.events[len(r.events)-1]); n < 2 || !ok || last.Done != 1000 {
		t.Errorf("%d events, the last one %+v", n, last)
	}
}

// socketPair returns both ends of a connection as processes have it.
func socketPair(t *testing.T) (client, server net.Conn) {
	t.Helper()
	ln, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
	must(t, err)
	defer ln.Close()
	client, err = net.Dial("unix", ln.Addr().String())
	must(t, err)
	server, err = ln.Accept()
	must(t, err)
	return client, server
}
