package canary

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat/secure"
	"github.com/omega-im/omega/mailbox"
	mailpebble "github.com/omega-im/omega/mailbox/pebble"
	"github.com/omega-im/omega/wire"
)

// What is looked for: a text of a secure chat, and a control that is to be found.
const (
	secretCanary = "黃山雀-secure-canary-4d81c0"
	clearCanary  = "control-canary-77e2a9"
)

// TestSecureCanary has two people write to each other in a secure chat. The text, the
// chat's id, and the devices are nowhere on the servers' disks, nor in their logs, nor in
// the envelopes as servers read them, which is all that a proxy has of a client's
// traffic. Controls that lie in a folder, in a log and in an envelope are found by the
// same search, and the readers have the text.
func TestSecureCanary(t *testing.T) {
	dir, here := inNamespace(t)
	if !here {
		return
	}
	c := newCanary(t)
	setUp(t, dir, c.authority)
	s := newSystem(t, dir)
	ann, bob := s.account("ann", 0), s.account("bob", 1)
	s.omega("bob", "doctor")
	s.omega("ann", "doctor") // both have prekeys at their homes
	s.omega("ann", "send", "--secure", "--to", bob, secretCanary+" first")
	if out := s.omega("bob", "recv", "-n", "1", "--timeout", "30s"); !strings.Contains(out, secretCanary) || !strings.Contains(out, `"secure":true,"verified":true`) {
		t.Fatalf("bob got %s", out)
	}
	s.omega("bob", "send", "--secure", "--to", ann, secretCanary+" second")
	out := s.omega("ann", "recv", "-n", "1", "--timeout", "30s")
	if !strings.Contains(out, secretCanary) {
		t.Fatalf("ann got %s", out)
	}
	for i := range 3 { // these wait for bob
		s.omega("ann", "send", "--secure", "--to", bob, fmt.Sprint(secretCanary, i))
	}
	var inside [][]byte // an envelope's payload
	for _, digits := range []string{field(out, "chat"), field(out, "device"), field(s.omega("ann", "id"), "device")} {
		octets, err := hex.DecodeString(digits)
		if err != nil || len(octets) < 16 {
			t.Fatalf("%q: %v", digits, err)
		}
		inside = append(inside, octets)
	}
	everywhere := [][]byte{[]byte(secretCanary), []byte("Omega-Secure-Message"), []byte("Omega-Epoch"), inside[0], []byte(field(out, "chat"))}
	inside = append(inside, everywhere...)
	for _, cmd := range s.servers {
		cmd.Process.Kill()
		cmd.Wait()
	}
	for i := range servers {
		for _, needle := range everywhere {
			if found := grep(t, dir, fmt.Sprintf("s%d", i), needle); len(found) > 0 {
				t.Errorf("%q is in %v", needle, found)
			}
		}
	}
	s.checkEnvelopes(bob, inside)

	// The controls.
	for _, path := range []string{"s2/omegad-data/control", "s2.log"} {
		f, err := os.OpenFile(filepath.Join(dir, path), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprint(f, clearCanary)
		f.Close()
	}
	if found := grep(t, dir, "s2", []byte(clearCanary)); len(found) < 2 {
		t.Errorf("the controls are in %v", found)
	}
	if found := grep(t, dir, "ann", []byte(secretCanary)); len(found) == 0 {
		t.Error("the text is not where it was written")
	}
}

// checkEnvelopes reads what waits for an account at every server, as the servers do.
func (s *system) checkEnvelopes(account string, needles [][]byte) {
	s.t.Helper()
	fp, err := omega.ParseFingerprint(account)
	if err != nil {
		s.t.Fatal(err)
	}
	messages, control := 0, 0
	for i := range servers {
		driver, err := mailpebble.Open(mailpebble.Config{Dir: filepath.Join(s.server(i), "omegad-data", "mail"), Reserve: -1})
		if err != nil {
			s.t.Fatal(err)
		}
		store, err := mailbox.Open(mailbox.Config{Driver: driver})
		if err != nil {
			s.t.Fatal(err)
		}
		plant(s.t, store, fp)
		mail, err := store.Read(s.t.Context(), fp, 0, mailbox.Limit{Messages: 1000, Bytes: 1 << 30})
		if err != nil {
			s.t.Fatal(err)
		}
		for _, e := range mail {
			env, err := wire.ParseEnvelope(e.Envelope)
			if err != nil {
				s.t.Fatal(err)
			}
			payload := env.Payload()
			if bytes.Contains(payload, []byte(clearCanary)) {
				control++
				continue
			}
			if payload[0] < secure.PayloadWrap || payload[0] > secure.PayloadMessage {
				s.t.Errorf("a payload of kind %d waits", payload[0])
			}
			if payload[0] == secure.PayloadMessage {
				messages++
			}
			for _, needle := range needles {
				if bytes.Contains(payload, needle) {
					s.t.Errorf("%q is in an envelope at server %d", needle, i)
				}
			}
		}
		if err := store.Close(); err != nil {
			s.t.Fatal(err)
		}
	}
	if control != servers {
		s.t.Errorf("%d controls are found in %d servers' envelopes", control, servers)
	}
	if messages < 3*2 { // at two homes at least
		s.t.Errorf("%d messages wait", messages)
	}
	s.t.Logf("%d envelopes with messages of the secure chat waited", messages)
}

// plant stores an envelope whose payload is readable.
func plant(t *testing.T, store *mailbox.Store, account omega.Fingerprint) {
	t.Helper()
	env := wire.Envelope{
		Class: wire.ClassText, ID: omega.ID{1, 2, 3}, Lifetime: omega.DefaultLifetime, Sender: account,
		Recipients: []omega.Fingerprint{account}, Payload: []byte("readable: " + clearCanary),
	}
	b, err := env.AppendTo(nil)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	err = store.Append(t.Context(), &mailbox.Item{
		Recipients: env.Recipients, Envelope: b, Key: mailbox.KeyOf(env.Sender, env.ID, env.Payload),
		Done: func(_ *mailbox.Item, err error) { done <- err },
	})
	if err == nil {
		err = <-done
	}
	if err != nil {
		t.Fatal(err)
	}
}

// grep lists the files below a folder that hold octets, and its log if that does.
func grep(t *testing.T, dir, name string, needle []byte) (out []string) {
	t.Helper()
	look := func(path string) error {
		b, err := os.ReadFile(path)
		if err == nil && bytes.Contains(b, needle) {
			out = append(out, path)
		}
		return err
	}
	err := filepath.WalkDir(filepath.Join(dir, name), func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		return look(path)
	})
	if err == nil && name[0] == 's' {
		err = look(filepath.Join(dir, name+".log"))
	}
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// field is the first field of a name in JSON.
func field(s, name string) string {
	_, rest, _ := strings.Cut(s, `"`+name+`":"`)
	out, _, _ := strings.Cut(rest, `"`)
	return out
}
