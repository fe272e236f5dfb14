package node

import (
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/pelletier/go-toml/v2"

	"github.com/omega-im/omega/internal/i18n"
)

// The default configuration says the same in both languages, and all of it.
func TestDefaultConfigIsValid(t *testing.T) {
	want, err := ParseConfig(nil)
	if err != nil {
		t.Fatal(err)
	}
	key := regexp.MustCompile(`(?m)^(\[\w+\]|\w+ = \S+)`)
	english := key.FindAllString(DefaultConfigIn(i18n.English), -1)
	for _, lang := range []i18n.Lang{i18n.English, i18n.Chinese} {
		text := DefaultConfigIn(lang)
		var got Config
		if err := toml.Unmarshal([]byte(text), &got); err != nil || !reflect.DeepEqual(&got, want) {
			t.Errorf("language %d: %+v, want %+v, %v", lang, got, *want, err)
		}
		if keys := key.FindAllString(text, -1); !slices.Equal(keys, english) || len(keys) < 40 {
			t.Errorf("language %d: keys %q, want %q", lang, keys, english)
		}
		if han := regexp.MustCompile(`\p{Han}`).MatchString(text); han != (lang == i18n.Chinese) {
			t.Errorf("language %d is in the other language", lang)
		}
	}
}

// What cannot work is an error that names the key, and the line where there is
// one.
func TestConfigErrors(t *testing.T) {
	tests := []struct{ config, want string }{
		{"nmae = \"x\"", `line 1: unknown key "nmae"`},
		{"[limits]\nsend_rate = \"many\"", "line 2, column 13: limits.send_rate: not a value of this kind"},
		{"[quota]\nbytes = \"64 elephants\"", `"64 elephants" is not a size`},
		{"name = \"" + strings.Repeat("x", 65) + "\"", "name: 65 octets"},
		{"operator = \"a\\nb\"", "operator: "},
		{"dir = \"\"", "dir: "},
		{"registration = \"perhaps\"", "registration: "},
		{"log_level = \"loud\"", "log_level: "},
		{"[listen]\nclient = \"7000\"", `listen.client: "7000" is not host:port`},
		{"[listen]\nclient = \":99999\"", "listen.client: "},
		{"[listen]\nclient = \"\"", "listen.client: an address is required"},
		{"[listen]\npeer = \":7000\"", "listen.peer: port 7000 is the one of listen.client already"},
		{"[listen]\nhttp = \"127.0.0.1:7000\"", "listen.http: port 7000"},
		{"[announce]\nclient = \"nohost\"", "announce.client: "},
		{"[announce]\npeer = \":7001\"", "announce.peer: "},
		{"[announce]\npeer = \"im.example.tw:25\"", "announce.peer: nobody dials port 25"},
		{"[announce]\nhttp = \"im.example.tw\"", "announce.http: "},
		{"[store]\nkind = \"paper\"", "store.kind: "},
		{"[quota]\nmessages = -1", "quota.messages: "},
		{"[limits]\nguests = 0", "limits.guests: "},
		{"[limits]\nsend_rate = 0", "limits.send_rate: "},
		{"[cloud]\nbootstrap = [\"x\"]", "cloud.bootstrap: "},
		{"[cloud]\ndeny = [\"x\"]", "cloud.deny: \"x\" is neither"},
		{"[cloud]\ndeny = [\"operator: \"]", "cloud.deny: "},
		{"[fallback]\nservers = [\"https://keys.example.org\"]", "fallback.servers: "},
		{"[cloud]\nvouch = 17", "cloud.vouch: 17"},
		{"[homes]\nmin_age = \"7d\"", `"7d" is not a time`},
		{"name = ", "line 1, column "},
	}
	for _, tt := range tests {
		_, err := ParseConfig([]byte(tt.config))
		if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "struct") {
			t.Errorf("%q: %v, want %q", tt.config, err, tt.want)
		}
		if text := i18n.Words(err, i18n.Chinese); !regexp.MustCompile(`\p{Han}`).MatchString(text) || strings.Contains(text, "{") {
			t.Errorf("%q says %q in Chinese", tt.config, text)
		}
	}
}

func TestConfigThatWorks(t *testing.T) {
	for _, config := range []string{
		"[limits]\nsend_rate = -1",
		"[listen]\nclient = \"127.0.0.1:7000\"\npeer = \"127.0.0.2:7000\"",
		"[listen]\nclient = \"127.0.0.1:0\"\npeer = \"127.0.0.1:0\"\nhttp = \"\"\nadmin = \"\"",
		"[announce]\nclient = \"im.example.tw:7000\"\npeer = \"[2001:db8::1]:7001\"\nhttp = \"https://im.example.tw\"",
	} {
		if _, err := ParseConfig([]byte(config)); err != nil {
			t.Errorf("%q: %v", config, err)
		}
	}
}

func TestConfigWarnings(t *testing.T) {
	tests := []struct {
		config string
		want   []string // the beginnings
	}{
		{"", []string{"announce.client", "announce.peer"}},
		{"[announce]\nnat = true", nil},
		{"[listen]\nclient = \"9.9.9.9:7000\"\npeer = \"9.9.9.9:7001\"", nil},
		{"[listen]\nclient = \"10.0.0.1:7000\"\npeer = \"9.9.9.9:7001\"", []string{"announce.client"}},
		{"[listen]\nclient = \"10.0.0.1:7000\"\npeer = \"9.9.9.9:7001\"\n[cloud]\nprivate = true", nil},
		{"[announce]\nclient = \"im.example.tw:7000\"\npeer = \"router.lan:7001\"", []string{"announce.peer"}},
		{"[announce]\nnat = true\n[listen]\nadmin = \":7090\"", []string{"listen.admin"}},
		{"[announce]\nnat = true\n[listen]\nadmin = \"localhost:7090\"", nil},
	}
	for _, tt := range tests {
		cfg, err := ParseConfig([]byte(tt.config))
		if err != nil {
			t.Fatal(err)
		}
		cfg.Limits.Connections = 100 // whatever this machine allows
		got := cfg.Warnings()
		ok := len(got) == len(tt.want)
		for i := range got {
			ok = ok && strings.HasPrefix(got[i].In(i18n.English), tt.want[i]) && strings.HasPrefix(got[i].In(i18n.Chinese), tt.want[i])
		}
		if !ok {
			t.Errorf("%q: %q, want %q", tt.config, got, tt.want)
		}
	}
}

func TestCheckMachine(t *testing.T) {
	dir := t.TempDir()
	for path, ok := range map[string]bool{
		dir: true, filepath.Join(dir, "new", "deeper"): true, "/proc/nope": false, "/dev/null/x": false,
	} {
		if err := (&Config{Dir: path}).CheckMachine(); (err == nil) != ok {
			t.Errorf("%s: %v", path, err)
		}
	}
	// Files that certify this server's key: serve and serve --check say the same.
	junk := filepath.Join(t.TempDir(), "junk")
	if err := os.WriteFile(junk, []byte("junk"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{junk, junk + "2"} {
		cfg := &Config{Dir: dir}
		cfg.Cloud.Vouches = []string{path}
		_, err := New(t.Context(), *cfg, Options{})
		if checked := cfg.CheckMachine(); checked == nil || err == nil || checked.Error() != err.Error() || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: the check says %v, the server %v", path, checked, err)
		}
	}
	if left, err := filepath.Glob(filepath.Join(dir, "*")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
