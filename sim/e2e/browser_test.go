package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/omega-im/omega/clientrpc"
)

// TestCoreInNode builds the core as browsers run it, and has it open a home and
// answer calls under Node: what cannot be built there, or panics at its first
// transaction, is found before there is a web client.
func TestCoreInNode(t *testing.T) {
	t.Parallel()
	node, err := exec.LookPath("node")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("node is not there; nothing is skipped in CI")
		}
		t.Skip("node is not there")
	}
	dir := t.TempDir()
	wasm, home := filepath.Join(dir, "core.wasm"), filepath.Join(dir, "home")
	command := func(env []string, name string, args ...string) []byte {
		t.Helper()
		cmd := exec.Command(name, args...)
		cmd.Env = append(os.Environ(), env...)
		var out, problems bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &problems
		if err := cmd.Run(); err != nil {
			t.Fatalf("%s %s: %v\n%s%s", name, strings.Join(args, " "), err, out.Bytes(), problems.Bytes())
		}
		return out.Bytes()
	}
	command([]string{"GOOS=js", "GOARCH=wasm"}, "go", "build", "-trimpath", "-o", wasm, "../browser") // sim/site builds it so as well
	root := strings.TrimSpace(string(command(nil, "go", "env", "GOROOT")))

	omega := func(args ...string) []byte {
		t.Helper()
		return command([]string{"LANG=C"}, filepath.Join(bin, "omega"), append([]string{"--home", home, "--json"}, args...)...)
	}
	var account clientrpc.AccountInfo
	omega("init", "--name", "小明", "--no-passphrase", "--server", shared.servers[0].Client)
	if err := json.Unmarshal(omega("id"), &account); err != nil {
		t.Fatal(err)
	}
	omega("send", "--to", account.Fingerprint.String(), "--wait", "none", "在終端機寫的")
	self := func(id, text string) string {
		return fmt.Sprintf(`{"id":"%s","chat":"%s","text":"%s","wait":"none"}`, id, account.Fingerprint, text)
	}
	out := command(nil, node, filepath.Join(root, "lib/wasm/wasm_exec_node.js"), wasm, home,
		"account", "{}", "events", "{}", "command.run", self("00112233445566778899aabbccddee01", "在台北車站見面"), "chats", "{}", "search", `{"text":"台"}`,
		"commands", `{"typed":"／靜"}`, "command.run", self("00112233445566778899aabbccddee02", "/mute 8h"))
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	for i, want := range []string{`"name":"小明"`, `"reset":"start"`, `"sent":`, `"kind":"saved"`, "在台北車站見面", `"name":"mute"`, `"command":"mute"`} {
		if i >= len(lines) || !strings.Contains(lines[i], want) {
			t.Errorf("call %d does not answer %s:\n%s", i, want, out)
		}
	}
	if chats := omega("chats"); !bytes.Contains(chats, []byte(`"muted":"20`)) {
		t.Errorf("what was set under Node is not so: %s", chats)
	}
	// The database goes back and forth, with the same log: what either wrote is there.
	again := command(nil, node, filepath.Join(root, "lib/wasm/wasm_exec_node.js"), wasm, home, "search", `{"text":"在"}`)
	if !bytes.Contains(again, []byte("在台北車站見面")) || !bytes.Contains(again, []byte("在終端機寫的")) {
		t.Errorf("back under Node: %s", again)
	}
	if _, err := os.Stat(filepath.Join(home, "history.db-wal")); err == nil {
		t.Error("a log is left when the database was closed")
	}
}
