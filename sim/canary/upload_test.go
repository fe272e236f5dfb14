package canary

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// TestNoUpload lets people, one with a key in gpg, do what there is to do on a
// cloud whose servers may ask public key servers. The world sees the look-ups that
// somebody agreed to, to the octet, and nothing else. Then plain gpg sends the
// same person's key with its default configuration, and the world sees that: it
// would have seen ours.
func TestNoUpload(t *testing.T) {
	dir, inside := inNamespace(t)
	if !inside {
		return
	}
	c := newCanary(t)
	setUp(t, dir, c.authority)
	c.serve(t)
	s := newSystem(t, dir)

	// Bob's key is in a gpg with its default configuration.
	bobKey := s.gpgHome("gb", "Bob <bob@example.org>", "")
	t.Setenv("GNUPGHOME", dir+"/gb")
	ann, bob := s.account("ann", 0), s.account("bob", 1, "--gpg", bobKey)
	s.account("carol", 2)
	if bob != bobKey {
		t.Fatalf("bob is %s, his key %s", bob, bobKey)
	}
	s.talk(ann, bob)
	s.look(ann, bob)
	s.ours(bob)
	if got := c.seen(); len(got) != 0 {
		t.Errorf("nobody asked, and the world saw\n%s", strings.Join(got, "\n"))
	}

	s.public(c)
	s.restart(3)
	s.talk(ann, bob)
	attempts, names := c.reached()
	t.Logf("the world saw\n%s\nattempts %v, names %v", strings.Join(c.seen(), "\n"), attempts, names)
	if want := []string{"tcp " + canaryAddr + ":443", "udp " + dnsAddr + ":53"}; !slices.Equal(attempts, want) {
		t.Errorf("attempts %v, want %v", attempts, want)
	}
	if want := []string{byVKS, byHKP}; !slices.Equal(names, want) {
		t.Errorf("names %v, want %v", names, want)
	}
	if sent := c.sent(); len(sent) != 0 {
		t.Fatalf("something was sent: %v", sent)
	}

	// The positive control.
	s.gpg("gb", "--send-keys", bobKey)
	if sent := c.sent(); len(sent) != 1 || sent[0].method != "POST" || sent[0].url != "/pks/add" || sent[0].body < 200 {
		t.Errorf("gpg sent a key, and the canary saw %v of %v", sent, c.seen())
	} else {
		t.Logf("the canary catches %v", sent[0])
	}
}

// talk has ann and bob write to each other.
func (s *system) talk(ann, bob string) {
	s.t.Helper()
	s.omega("ann", "send", "--to", bob, "hello")
	s.omega("bob", "recv", "-n", "1", "--timeout", "30s")
	s.omega("bob", "send", "--to", ann, "good day")
	s.omega("ann", "recv", "-n", "1", "--timeout", "30s")
}

// look has everybody do what else there is.
func (s *system) look(ann, bob string) {
	s.t.Helper()
	s.omega("ann", "export", "--chat", bob, "--dir", s.dir+"/export")
	for _, who := range []string{"ann", "bob", "carol"} {
		for _, command := range [][]string{{"id"}, {"chats"}, {"homes"}, {"doctor"}, {"device", "list"}, {"account", "listed", "on"}} {
			s.omega(who, command...)
		}
	}
	s.omega("carol", "trace", ann)
	s.omega("carol", "lookup", "--public", bob) // who is known here is not asked for elsewhere
}

// ours has a gpg that knows our key server only fetch and send there.
func (s *system) ours(bob string) {
	s.t.Helper()
	own := s.gpgHome("gd", "Dora <dora@example.org>", fmt.Sprintf("standard-resolver\ndisable-ipv6\nkeyserver hkp://127.0.0.1:%d\n", webPort(3)))
	s.gpg("gd", "--recv-keys", bob)
	s.gpg("gd", "--send-keys", bob)
	s.gpg("gd", "--refresh-keys")
	for _, args := range [][]string{{"--send-keys", own}, {"--recv-keys", unknown}} {
		if out, err := s.try("gpg", append(s.gpgArgs("gd"), args...)...); err == nil {
			s.t.Errorf("gpg %s is content:\n%s", args, out)
		}
	}
	s.run("gpgconf", "--homedir", s.dir+"/gd", "--kill", "all")
}

// unknown is the fingerprint of nobody.
const unknown = "0123456789ABCDEF0123456789ABCDEF01234567"

// public has carol look for a stranger, who has a key at one of two public key
// servers, and for nobody.
func (s *system) public(c *canary) {
	s.t.Helper()
	stranger := s.gpgHome("ge", "Eve <eve@example.org>", "")
	hkp := "/pks/lookup?op=get&options=mr&search=0x"
	c.have(byHKP, hkp+stranger, s.gpg("ge", "--armor", "--export", stranger))
	for _, fp := range []string{stranger, unknown} {
		if out, err := s.try(s.dir+"/omega", "--home", s.dir+"/carol", "--json", "lookup", fp); err == nil || !strings.Contains(out, `"not_found"`) {
			s.t.Errorf("a usual look-up: %v\n%s", err, out)
		}
	}
	if got := c.seen(); len(got) != 0 {
		s.t.Errorf("nobody agreed, and the world saw\n%s", strings.Join(got, "\n"))
	}
	out := s.omega("carol", "lookup", "--public", stranger)
	for _, want := range []string{`"source":"public"`, `"server":"` + byHKP + `"`, `"unverified_user_ids":["Eve \u003ceve@example.org\u003e"]`} {
		if !strings.Contains(out, want) {
			s.t.Errorf("the answer lacks %s:\n%s", want, out)
		}
	}
	for range 2 { // the second time it is known to be nowhere
		if out, err := s.try(s.dir+"/omega", "--home", s.dir+"/carol", "--json", "lookup", "--public", unknown); err == nil || !strings.Contains(out, `"not_found"`) {
			s.t.Errorf("nobody: %v\n%s", err, out)
		}
	}
	vks := "GET " + byVKS + "/vks/v1/by-fingerprint/"
	want := []string{
		vks + stranger + " (0 octets)", "GET " + byHKP + hkp + stranger + " (0 octets)",
		vks + unknown + " (0 octets)", "GET " + byHKP + hkp + unknown + " (0 octets)",
	}
	if got := c.seen(); !slices.Equal(got, want) {
		s.t.Errorf("the world saw\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
