package node

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/pelletier/go-toml/v2"

	"github.com/omega-im/omega/internal/i18n"
)

// DefaultConfig is the commented configuration that `omegad config` prints: it
// has every key, with its default.
//
//go:embed omegad.toml
var DefaultConfig string

//go:embed omegad.zh.toml
var defaultConfigChinese string

// DefaultConfigIn is DefaultConfig with comments in a language.
func DefaultConfigIn(l i18n.Lang) string {
	if l == i18n.Chinese {
		return defaultConfigChinese
	}
	return DefaultConfig
}

// Config is one server's configuration file.
type Config struct {
	Name     string `toml:"name"`
	Operator string `toml:"operator"`
	Site     string `toml:"site"`
	Dir      string `toml:"dir"`

	Listen struct {
		Client string `toml:"client"`
		Peer   string `toml:"peer"`
		HTTP   string `toml:"http"`
		Admin  string `toml:"admin"`
	} `toml:"listen"`

	Announce struct {
		Client string `toml:"client"`
		Peer   string `toml:"peer"`
		HTTP   string `toml:"http"`
		NAT    bool   `toml:"nat"`
	} `toml:"announce"`

	Cloud struct {
		Bootstrap []string `toml:"bootstrap"`
		Transit   bool     `toml:"transit"`
		Private   bool     `toml:"private"`
		Vouch     int      `toml:"vouch"`
		Vouches   []string `toml:"vouches"`
		Deny      []string `toml:"deny"`
	} `toml:"cloud"`

	Registration string `toml:"registration"`

	Store struct {
		Kind      string   `toml:"kind"`
		Reserve   ByteSize `toml:"reserve"`
		KeyCache  ByteSize `toml:"key_cache"`
		MailCache ByteSize `toml:"mail_cache"`
	} `toml:"store"`

	Keys struct {
		Everything int `toml:"everything"`
		Budget     int `toml:"budget"`
	} `toml:"keys"`

	Quota struct {
		Messages int      `toml:"messages"`
		Bytes    ByteSize `toml:"bytes"`
	} `toml:"quota"`

	Media struct {
		Quota   ByteSize `toml:"quota"`
		Room    ByteSize `toml:"room"`
		Reserve ByteSize `toml:"reserve"`
	} `toml:"media"`

	Homes struct {
		MinAge Duration `toml:"min_age"`
	} `toml:"homes"`

	Probe struct {
		Interval Duration `toml:"interval"`
	} `toml:"probe"`

	Fallback struct {
		Servers []string `toml:"servers"`
	} `toml:"fallback"`

	Spool struct {
		Messages int      `toml:"messages"`
		Bytes    ByteSize `toml:"bytes"`
	} `toml:"spool"`

	Limits struct {
		SendRate    int      `toml:"send_rate"`
		SendBurst   int      `toml:"send_burst"`
		IdleTimeout Duration `toml:"idle_timeout"`
		HalfOpen    int      `toml:"half_open"`
		HalfPerHost int      `toml:"half_open_per_host"`
		Handshakes  float64  `toml:"handshakes_per_second"`
		Guests      int      `toml:"guests"`

		Connections  int     `toml:"connections"`
		HTTPRequests float64 `toml:"http_requests_per_second"`
		HTTPPerHost  int     `toml:"http_at_once_per_host"`
		HTTPOpen     int     `toml:"http_at_once"`
	} `toml:"limits"`

	LogLevel string `toml:"log_level"`
}

// A ByteSize is a number of octets, written as a number or with KiB, MiB or
// GiB behind it.
type ByteSize int64

// UnmarshalText reads a size.
func (b *ByteSize) UnmarshalText(text []byte) error {
	s, unit := strings.TrimSpace(string(text)), int64(1)
	for suffix, u := range map[string]int64{"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30} {
		if t, ok := strings.CutSuffix(s, suffix); ok {
			s, unit = strings.TrimSpace(t), u
		}
	}
	var n int64
	if _, err := fmt.Sscanf(s+"\n", "%d\n", &n); err != nil || n < 0 || n > 1<<50/unit {
		return fmt.Errorf("%q"+notSize, text)
	}
	*b = ByteSize(n * unit)
	return nil
}

// A Duration is a time like 90s or 5m.
type Duration time.Duration

// UnmarshalText reads a duration.
func (d *Duration) UnmarshalText(text []byte) error {
	v, err := time.ParseDuration(string(text))
	if err != nil || v < 0 {
		return fmt.Errorf("%q"+notTime, text)
	}
	*d = Duration(v)
	return nil
}

// LoadConfig reads a configuration file over the defaults. Every error names
// the file and, where there is one, the line.
func LoadConfig(path string) (*Config, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	cfg, err := ParseConfig(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if !filepath.IsAbs(cfg.Dir) {
		cfg.Dir = filepath.Join(filepath.Dir(path), cfg.Dir)
	}
	for i, v := range cfg.Cloud.Vouches {
		if !filepath.IsAbs(v) {
			cfg.Cloud.Vouches[i] = filepath.Join(filepath.Dir(path), v)
		}
	}
	return cfg, nil
}

// ParseConfig reads a configuration over the defaults. An unknown key is an
// error that names its line.
func ParseConfig(b []byte) (*Config, error) {
	cfg := &Config{}
	for _, layer := range [][]byte{[]byte(DefaultConfig), b} {
		dec := toml.NewDecoder(bytes.NewReader(layer))
		dec.DisallowUnknownFields()
		if err := dec.Decode(cfg); err != nil {
			return nil, configError(err, layer)
		}
	}
	return cfg, cfg.check()
}

func configError(err error, file []byte) error {
	var strict *toml.StrictMissingError
	if errors.As(err, &strict) && len(strict.Errors) > 0 {
		e := strict.Errors[0]
		row, _ := e.Position()
		return wrong("config.unknown", row, strings.Join(e.Key(), "."))
	}
	var decode *toml.DecodeError
	if errors.As(err, &decode) {
		row, col := decode.Position()
		at := place(file, row, col)
		return decodeProblem(decode, row, at.column, at.char)
	}
	return err
}

// A spot is where something stands in a line, in characters; the library counts
// octets.
type spot struct {
	column int
	char   string
}

func place(file []byte, row, octet int) spot {
	lines := bytes.Split(file, []byte("\n"))
	if row < 1 || row > len(lines) || octet < 1 || octet > len(lines[row-1])+1 {
		return spot{octet, ""}
	}
	line := lines[row-1]
	char, size := utf8.DecodeRune(line[octet-1:])
	at := spot{column: utf8.RuneCount(line[:octet-1]) + 1}
	if size > 0 && unicode.IsGraphic(char) {
		at.char = string(char)
	}
	return at
}

// syntaxProblems are what the library says of a file's form, and the catalogue's
// names for it.
var syntaxProblems = []struct{ part, key string }{
	{"at start of key", "config.syntax.key"}, {"at start of value", "config.syntax.value"},
	{"cannot have new lines", "config.syntax.quote"}, {"expected newline", "config.syntax.rest"},
}

// decodeProblem says what is wrong with a value, or with the file's form.
func decodeProblem(err *toml.DecodeError, row, col int, char string) error {
	text := strings.TrimPrefix(err.Error(), "toml: ")
	key := strings.Join(err.Key(), ".")
	for part, what := range map[string]string{notSize: "config.size", notTime: "config.time"} {
		if before, _, found := strings.Cut(text, part); found {
			return wrong(what, row, col, before)
		}
	}
	if key != "" && strings.Contains(text, "struct field") {
		return wrong("config.kind", row, col, key)
	}
	for _, p := range syntaxProblems {
		if strings.Contains(text, p.part) && (char != "" || p.key == "config.syntax.quote") {
			return wrong(p.key, row, col, char)
		}
	}
	return wrong("config.syntax", row, col, text)
}

// What values that cannot be read are not, behind the value.
const (
	notSize = " is not a size"
	notTime = " is not a time"
)
