package gpgagent

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// greet accepts one connection, takes prefix octets and sends a greeting.
func greet(t *testing.T, l net.Listener, prefix int) <-chan string {
	t.Cleanup(func() { l.Close() })
	got := make(chan string, 1)
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		b := make([]byte, prefix)
		c.Read(b)
		got <- string(b)
		c.Write([]byte("OK hello\n"))
	}()
	return got
}

func dialed(t *testing.T, path string, env ...string) error {
	t.Helper()
	a := &Agent{cfg: Config{Env: env}}
	c, err := dialSocket(t.Context(), path, a.getenv)
	if err != nil {
		return err
	}
	defer c.Close()
	line, err := bufio.NewReader(c).ReadString('\n')
	if err == nil && line != "OK hello\n" {
		err = fmt.Errorf("got %q", line)
	}
	return err
}

func TestDialSocket(t *testing.T) {
	dir, err := os.MkdirTemp("/tmp", "og")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	socket, file := filepath.Join(dir, "real"), filepath.Join(dir, "S.gpg-agent")

	listen := func(network, address string) net.Listener {
		l, err := net.Listen(network, address)
		if err != nil {
			t.Skipf("no %s sockets here: %v", network, err)
		}
		return l
	}
	unix := listen("unix", socket)
	greet(t, unix, 0)
	write := func(text string) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("%Assuan%\nsocket=${WHERE}/real\n")
	if err := dialed(t, file, "WHERE=/none", "WHERE="+dir); err != nil {
		t.Errorf("redirected socket: %v", err)
	}

	tcp := listen("tcp", "127.0.0.1:0")
	nonce := greet(t, tcp, nonceSize)
	write(fmt.Sprintf("%d\n0123456789abcdef", tcp.Addr().(*net.TCPAddr).Port))
	if err := dialed(t, file); err != nil {
		t.Errorf("emulated socket: %v", err)
	}
	if got := <-nonce; got != "0123456789abcdef" {
		t.Errorf("nonce %q", got)
	}

	for _, bad := range []string{"", "%Assuan%\n", "0\n0123456789abcdef", "70000\n0123456789abcdef", "22\nshort", "x\n0123456789abcdef"} {
		write(bad)
		if err := dialed(t, file); err == nil {
			t.Errorf("socket file %q was taken", bad)
		}
	}
	if err := dialed(t, filepath.Join(dir, "none")); err == nil {
		t.Error("a socket that is not there was taken")
	}
}

func TestOptions(t *testing.T) {
	a := &Agent{cfg: Config{Env: []string{
		"GPG_TTY=/dev/pts/7", "TERM=xterm", "DISPLAY=:0", "WAYLAND_DISPLAY=wayland-0", "LANG=zh_TW.UTF-8", "LC_CTYPE=C.UTF-8", "XAUTHORITY=a\nb",
	}}}
	want := []string{
		"ttyname=/dev/pts/7", "ttytype=xterm", "display=:0", "lc-ctype=C.UTF-8", "lc-messages=zh_TW.UTF-8", "putenv=WAYLAND_DISPLAY=wayland-0",
	}
	if got := a.options(); !slices.Equal(got, want) {
		t.Errorf("options %q, want %q", got, want)
	}
	if !a.chinese() || !a.utf8("linux") {
		t.Error("language or character set was not seen")
	}
	a.cfg.Env = []string{"LANG=zh_TW.Big5"}
	if a.utf8("linux") || !a.utf8("windows") {
		t.Error("character set was not seen")
	}
	if got := a.options(); !slices.Equal(got, []string{"lc-ctype=zh_TW.Big5", "lc-messages=zh_TW.Big5"}) {
		t.Errorf("options %q", got)
	}
}
