package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/term"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/internal/names"
)

func itoa(n int) string { return strconv.Itoa(n) }

// patience is how long the prompt stays away to let ticks come in behind a
// message; later ones get a line of their own.
const patience = 2 * time.Second

// A tick is how far a message of the person's got.
type tick struct {
	id    omega.ID
	text  string
	state string
	after time.Duration
	err   error
}

// A conversation is the terminal while the person writes. One goroutine, run,
// owns everything here but the channels.
type conversation struct {
	t      *trial
	editor editor
	ticks  chan tick
	mail   chan clientrpc.Message
	shown  chan omega.ID  // read by read: what was shown with its words
	passed []omega.ID     // owned by receive: what was handed on last
	wg     sync.WaitGroup // receive, read, and one sender per message

	open   omega.ID         // message whose ticks are being shown behind it; zero: none
	ticked bool             // one of them has come
	until  <-chan time.Time // when that ends at the latest
	held   []func()         // shows what came meanwhile
}

// talk lets the person write to the echo until they have enough.
func (t *trial) talk(ctx context.Context) error {
	t.out.println("")
	t.out.println(t.text("try.yourturn"))
	t.openWeb(ctx)
	t.out.println(t.out.dim(t.text("try.also", filepath.Join(t.bin, "omega"), t.me.home)))
	if r, err := clientrpc.SetName.Call(ctx, t.me.conn, clientrpc.SetNameParams{}); err == nil {
		t.out.println(t.out.dim(t.text("try.name", clean(r.Name), filepath.Join(t.bin, "omega"), t.me.home)))
	}
	t.out.println("")
	old, err := term.MakeRaw(int(os.Stdin.Fd()))
	if err != nil {
		return err
	}
	defer term.Restore(int(os.Stdin.Fd()), old)

	c := &conversation{t: t, ticks: make(chan tick), mail: make(chan clientrpc.Message), shown: make(chan omega.ID, 64)}
	c.editor.prompt = t.out.bold(t.text("try.prompt"))
	ctx, cancel := context.WithCancel(ctx)
	defer c.wg.Wait()
	defer cancel()
	c.wg.Go(func() { c.receive(ctx, t.me.conn) })
	c.wg.Go(func() { c.read(ctx, t.me.conn, c.shown) })
	return c.run(ctx, readKeys(ctx))
}

// webTimeout is how long the web face may take to say where it is.
const webTimeout = 10 * time.Second

// openWeb starts the web face of the person's account, which opens a browser where
// there is a screen, and tells the address. Without it the person writes here.
func (t *trial) openWeb(ctx context.Context) {
	face, err := t.start(t.me.home+"-web.log", "omega", "--home", t.me.home, "--json")
	if err != nil {
		return
	}
	t.me.web = face
	said := make(chan string, 1)
	go func() {
		defer close(said)
		var line struct {
			URL string `json:"url"`
		}
		if json.NewDecoder(face.stdout).Decode(&line) == nil {
			said <- line.URL
		}
	}()
	select {
	case url := <-said:
		if url != "" {
			t.out.println(t.text("try.web", t.out.bold(url)))
			t.out.println(t.out.dim(t.text("try.webagain", filepath.Join(t.bin, "omega"), t.me.home)))
		}
	case <-time.After(webTimeout):
	case <-ctx.Done():
	}
}

// readKeys reads the keyboard: all keys of one read at once, which are many when
// a text is pasted. Its goroutine ends at the first key after ctx has ended, or
// with the process: reading a terminal cannot be interrupted.
func readKeys(ctx context.Context) <-chan []key {
	batches := make(chan []key)
	go func() {
		defer close(batches)
		r := bufio.NewReader(os.Stdin)
		for {
			batch, err := readBatch(r)
			if err != nil {
				return
			}
			select {
			case batches <- batch:
			case <-ctx.Done():
				return
			}
		}
	}()
	return batches
}

// readBatch reads a key and those that came with it.
func readBatch(r *bufio.Reader) (batch []key, err error) {
	for {
		k, err := readKey(r)
		if err != nil {
			return nil, err
		}
		if batch = append(batch, k); r.Buffered() == 0 {
			return batch, nil
		}
	}
}

func (c *conversation) run(ctx context.Context, keys <-chan []key) error {
	resized := make(chan os.Signal, 1)
	signal.Notify(resized, syscall.SIGWINCH)
	defer signal.Stop(resized)
	c.draw()
	for {
		select {
		case batch, ok := <-keys:
			if !ok {
				c.t.out.println("")
				return nil
			}
			if c.typed(ctx, batch) {
				return nil
			}
		case <-resized:
			c.draw()
		case m := <-c.mail:
			c.later(func() { c.show(m) })
		case k := <-c.ticks:
			c.tick(k)
		case <-c.until:
			c.closeTicks()
		case <-ctx.Done():
			c.t.out.println("")
			return nil
		}
	}
}

// typed takes keys, shows what became of the line, and reports whether the
// person wants to go.
func (c *conversation) typed(ctx context.Context, batch []key) (leave bool) {
	for _, k := range batch {
		if k == keyInterrupt || k == keyEOF && len(c.editor.line) == 0 {
			c.t.out.println("")
			return true
		}
		if c.press(ctx, k) {
			return true
		}
	}
	c.draw()
	return false
}

// press takes a key and reports whether the person wants to go.
func (c *conversation) press(ctx context.Context, k key) (leave bool) {
	if k == keyEnter && !c.open.IsZero() {
		c.closeTicks() // a quick typist; the late ticks get lines of their own
	}
	done := c.editor.press(k)
	if !done {
		return false
	}
	c.t.out.print(c.editor.above(c.t.out.width()))
	c.t.out.clearLine()
	c.t.out.println(c.editor.prompt + string(c.editor.line)) // all of it
	text := strings.TrimSpace(c.editor.take())
	switch {
	case text == "":
	case text == "/quit" || text == "／quit":
		return true
	case strings.HasPrefix(text, "/") || strings.HasPrefix(text, "／"):
		c.t.out.println(c.t.out.dim(c.t.text("try.commands")))
	default:
		c.say(ctx, text)
	}
	return false
}

// draw shows the line that is being written, unless ticks stand there.
func (c *conversation) draw() {
	if c.open.IsZero() {
		c.editor.draw(c.t.out.w, c.t.out.width())
	}
}

// later shows something now, or when the line of ticks has ended.
func (c *conversation) later(show func()) {
	if !c.open.IsZero() {
		c.held = append(c.held, show)
		return
	}
	show()
}

// say sends a text; its ticks appear in the line below it. The text is in the
// outbox when say returns, so that texts leave in the order of writing.
func (c *conversation) say(ctx context.Context, text string) {
	id, start := newID(), time.Now()
	c.open, c.ticked, c.until = id, false, time.After(patience)
	if _, err := send(ctx, c.t.me.conn, id, c.t.echo.fp, text, "none", patience); err != nil {
		c.tick(tick{id: id, text: text, err: err})
		return
	}
	c.wg.Go(func() {
		for _, want := range []string{clientrpc.StateStored, clientrpc.StateDelivered, clientrpc.StateRead} {
			k := c.follow(ctx, id, text, want)
			k.after = time.Since(start)
			select {
			case c.ticks <- k:
			case <-ctx.Done():
				return
			}
			if k.err != nil {
				return
			}
		}
	})
}

// follow waits until a message has got as far as wanted. Where that takes
// long it goes on asking, for as long as the conversation lasts.
func (c *conversation) follow(ctx context.Context, id omega.ID, text, want string) tick {
	for {
		r, err := send(ctx, c.t.me.conn, id, c.t.echo.fp, text, want, time.Minute)
		switch {
		case err == nil && r.State == clientrpc.StateFailed:
			err = errors.New(r.State)
			if r.Why != nil {
				err = r.Why
			}
		case err == nil && rank(r.State) < rank(want):
			continue
		}
		return tick{id: id, text: text, state: want, err: err}
	}
}

// tick shows how far a message got.
func (c *conversation) tick(k tick) {
	o := c.t.out
	mark := map[string]string{clientrpc.StateStored: "✓", clientrpc.StateDelivered: "✓✓", clientrpc.StateRead: c.t.text("state.read")}[k.state]
	line := " " + o.good(mark) + " " + o.dim(millis(k.after))
	if k.err != nil {
		line = " " + o.bad("✗ ") + c.why(k.err)
	}
	last := k.err != nil || k.state == clientrpc.StateRead
	if k.id != c.open {
		c.later(func() { c.lateTick(k, line) })
		return
	}
	if !c.ticked {
		o.print("   ")
	}
	c.ticked = true
	o.print(" " + line)
	if last {
		c.closeTicks()
	}
}

// lateTick shows a tick of a message whose line is history.
func (c *conversation) lateTick(k tick, line string) {
	o := c.t.out
	o.clearLine()
	o.println("   " + line + "  " + o.dim(c.t.text("try.late", cut(clean(k.text), 20))))
	c.draw()
}

// why says in one line what became of a message.
func (c *conversation) why(err error) string {
	var e *clientrpc.Error
	switch {
	case !errors.As(err, &e):
		return err.Error()
	case e.Next.Key == "next.contest": // for some days only
		return e.Why.In(c.t.lang) + " → " + c.t.text("try.contest", filepath.Join(c.t.bin, "omega"), c.t.me.home)
	}
	return e.Why.In(c.t.lang)
}

// closeTicks ends the line of ticks and goes on with what waited for it.
func (c *conversation) closeTicks() {
	c.open, c.until = omega.ID{}, nil
	if c.ticked {
		c.t.out.println("")
	}
	held := c.held
	c.held = nil
	for _, show := range held {
		show()
	}
	c.draw()
}

// show prints a message above the line that is being written.
func (c *conversation) show(m clientrpc.Message) {
	c.t.out.clearLine()
	c.t.out.println(c.said(&m))
	c.draw()
	if !isShown(&m) || !c.isHere(&m) {
		return
	}
	select {
	case c.shown <- m.ID:
	default: // the core does not answer: it stays unread
	}
}

// isHere reports whether a message is of the chat that the prompt is in. What is said
// elsewhere is shown, and read where it can be answered.
func (c *conversation) isHere(m *clientrpc.Message) bool {
	return m.Chat == omega.DirectChat(c.t.me.fp, c.t.echo.fp)
}

// said is a message as the prompt shows it. What it does not show whole (a vote, a poll, a
// picture) it says to be in the other faces.
func (c *conversation) said(m *clientrpc.Message) string {
	o := c.t.out
	if m.Service {
		return o.dim(m.Line(c.t.text, clean))
	}
	name := clean(m.Name)
	switch {
	case m.From == c.t.echo.fp:
		name = c.t.text("try.echo")
	case name == "":
		name = short(m.From)
	}
	if !m.Secure && !m.From.IsZero() && m.Chat != omega.DirectChat(c.t.me.fp, m.From) {
		name = c.t.text("try.ingroup", name)
	}
	if m.Secure {
		name = c.t.text("group.secure") + " " + name
	}
	var text string
	if !names.Blank(m.Text) {
		text = clean(m.Text)
	}
	if m.Kind == "group-invite" { // its text is the name of the group
		text = c.t.text("preview.groupinvite", text, c.t.text(m.Thing()))
	}
	if !isShown(m) {
		text = strings.TrimSpace(text + " " + o.dim(c.t.text("try.elsewhere")))
	}
	return o.tint(name+"> ") + text + "  " + c.t.judgement(*m)
}

// cut shortens text to n columns.
func cut(text string, n int) string {
	if width(text) <= n {
		return text
	}
	room := n - 1
	for i, r := range text {
		if room -= runeWidth(r); room < 0 {
			return text[:i] + "…"
		}
	}
	return text
}
