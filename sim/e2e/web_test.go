package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"net/http/cookiejar"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/web"
)

// A page is what a browser would be to a web face.
type page struct {
	t    *testing.T
	conn *websocket.Conn
	last uint64
}

// openPage goes through the door that omega opened.
func openPage(t *testing.T, url string) *page {
	t.Helper()
	base, token, _ := strings.Cut(url, "/#")
	jar, _ := cookiejar.New(nil) // never fails
	browser := &http.Client{Jar: jar}
	r, err := browser.Post(base+"/session", "application/json", strings.NewReader(`{"token":"`+token+`"}`))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	var said struct{ Key string }
	if err := json.NewDecoder(r.Body).Decode(&said); err != nil || r.StatusCode != http.StatusOK {
		t.Fatalf("enter: %s, %v", r.Status, err)
	}
	conn, _, err := websocket.Dial(t.Context(), base+"/rpc", &websocket.DialOptions{Subprotocols: []string{web.Subprotocol, "key." + said.Key}, HTTPClient: browser})
	if err != nil {
		t.Fatal(err)
	}
	conn.SetReadLimit(1 << 22)
	t.Cleanup(func() { conn.CloseNow() })
	return &page{t: t, conn: conn}
}

// Call implements clientrpc.Conn, one call at a time.
func (p *page) Call(ctx context.Context, method string, req, resp any) error {
	p.last++
	b, err := json.Marshal(map[string]any{"id": p.last, "method": method, "params": req})
	if err != nil {
		return err
	}
	if err := p.conn.Write(ctx, websocket.MessageText, b); err != nil {
		return err
	}
	_, b, err = p.conn.Read(ctx)
	if err != nil {
		return err
	}
	var a struct {
		Result json.RawMessage
		Error  *clientrpc.Error
	}
	if err := json.Unmarshal(b, &a); err != nil {
		return err
	}
	if a.Error != nil {
		return a.Error
	}
	return json.Unmarshal(a.Result, resp)
}

func (p *page) Close() error { return p.conn.CloseNow() }

// TestWebFace: from an empty home to a text that somebody else reads, by what the
// pages call.
func TestWebFace(t *testing.T) {
	t.Parallel()
	home := filepath.Join(t.TempDir(), "home")
	omega := func(args ...string) *exec.Cmd {
		cmd := exec.Command(filepath.Join(bin, "omega"), append([]string{"--home", home, "--json"}, args...)...)
		cmd.Env = append(os.Environ(), "LANG=C", "OMEGA_SERVER="+shared.servers[1].Client, "GNUPGHOME="+t.TempDir())
		return cmd
	}
	face := omega("--no-open")
	out, err := face.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := face.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		face.Process.Signal(syscall.SIGTERM)
		if err := face.Wait(); err != nil {
			t.Errorf("omega ended with %v", err)
		}
	}()
	address := func(line []byte) string {
		var said struct{ URL string }
		if err := json.Unmarshal(line, &said); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		return said.URL
	}
	line, err := bufio.NewReader(out).ReadBytes('\n')
	if err != nil {
		t.Fatal(err)
	}
	p, ctx := openPage(t, address(line)), t.Context()

	state, err := clientrpc.Setup.Call(ctx, p, clientrpc.None{})
	if err != nil || state.State != clientrpc.SetupEmpty || len(state.Servers) != 1 {
		t.Fatalf("setup = %+v, %v", state, err)
	}
	found, err := clientrpc.SetupServers.Call(ctx, p, clientrpc.SetupServersParams{Server: state.Servers[0]})
	if err != nil || len(found.Servers) == 0 {
		t.Fatalf("servers = %+v, %v", found, err)
	}
	for _, s := range found.Servers {
		if s.Address == "" || s.Fingerprint.IsZero() || s.Took <= 0 {
			t.Errorf("server %+v", s)
		}
	}
	account, err := clientrpc.SetupCreate.Call(ctx, p, clientrpc.SetupCreateParams{Name: "阿明", Server: state.Servers[0], Passphrase: "secret"})
	if err != nil {
		t.Fatal(err)
	}
	if again, err := clientrpc.Account.Call(ctx, p, clientrpc.None{}); err != nil || again.Fingerprint != account.Fingerprint {
		t.Fatalf("account = %+v, %v", again, err)
	}
	sent, err := clientrpc.Send.Call(ctx, p, clientrpc.SendParams{ID: [16]byte{1}, To: account.Fingerprint.String(), Text: "記一下", Wait: clientrpc.StateStored, Timeout: time.Minute})
	if err != nil || sent.State != clientrpc.StateStored {
		t.Fatalf("send = %+v, %v", sent, err)
	}

	// Another omega of this home finds the one that serves, and commands use its core.
	second, err := omega("--no-open").Output()
	if err != nil {
		t.Fatal(err)
	}
	other := openPage(t, address(second))
	if chats, err := clientrpc.Chats.Call(ctx, other, clientrpc.Page{}); err != nil || len(chats.Chats) != 1 {
		t.Errorf("chats = %+v, %v", chats, err)
	}
	if b, err := omega("id").Output(); err != nil || !strings.Contains(string(b), account.Fingerprint.String()) {
		t.Errorf("omega id = %s, %v", b, err)
	}
}
