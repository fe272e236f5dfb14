// Package i18n is the catalogue of everything the programs say to people: each
// text in the Chinese of Taiwan, which is the source language, and in English.
package i18n

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// A Lang is a language of the catalogue.
type Lang int

const (
	Chinese Lang = iota // 繁體中文（台灣）, the source
	English             // complete as well
)

// Detect chooses the language from the environment variables LC_ALL,
// LC_MESSAGES and LANG, in this order; getenv is os.Getenv. C, POSIX and
// everything that is not Chinese is English.
func Detect(getenv func(string) string) Lang {
	for _, name := range []string{"LC_ALL", "LC_MESSAGES", "LANG"} {
		if v := getenv(name); v != "" {
			if strings.HasPrefix(strings.ToLower(v), "zh") {
				return Chinese
			}
			return English
		}
	}
	return English
}

// A Text is a catalogue entry with what goes into it. It travels as key and
// arguments and is put into words where it is shown.
type Text struct {
	Key  string   `json:"key"`
	Args []string `json:"args,omitempty"`
}

// T makes a Text. The arguments are put into words with fmt.Sprint.
func T(key string, args ...any) Text {
	t := Text{Key: key}
	for _, a := range args {
		if d, ok := a.(time.Duration); ok {
			t.Args = append(t.Args, durationMark+d.String())
			continue
		}
		t.Args = append(t.Args, fmt.Sprint(a))
	}
	return t
}

// durationMark is before arguments that are durations: how they are written is a
// matter of the language.
const durationMark = "duration:"

// words is an argument as it is shown.
func words(arg string, l Lang) string {
	text, marked := strings.CutPrefix(arg, durationMark)
	if d, err := time.ParseDuration(text); marked && err == nil {
		return Duration(d, l)
	}
	return arg
}

// units of durations, the greatest first.
var units = []struct {
	of time.Duration
	zh string
}{
	{24 * time.Hour, "天"}, {time.Hour, "小時"}, {time.Minute, "分鐘"}, {time.Second, "秒"}, {time.Millisecond, "毫秒"}, {time.Microsecond, "微秒"},
}

// Duration writes a duration: 1 小時 30 分鐘, 1.5 秒; in English as Go does.
func Duration(d time.Duration, l Lang) string {
	if l != Chinese {
		return d.String()
	}
	if d < 0 {
		return "-" + Duration(-d, l)
	}
	if d < time.Minute { // one unit, with its fraction
		for _, u := range units[3:] {
			if d >= u.of {
				return strconv.FormatFloat(float64(d)/float64(u.of), 'f', -1, 64) + " " + u.zh
			}
		}
		return "0 秒"
	}
	var out []string
	for _, u := range units[:4] {
		if n := d / u.of; n > 0 {
			out = append(out, fmt.Sprint(int64(n))+" "+u.zh)
		}
		d %= u.of
	}
	return strings.Join(out, " ")
}

// In puts t into words. A key that the catalogue lacks shows as itself.
func (t Text) In(l Lang) string {
	e, ok := find(t.Key)
	if !ok {
		return strings.TrimSpace(t.Key + " " + strings.Join(t.Args, " "))
	}
	return t.form(e, l)
}

// form is an entry with the arguments of t.
func (t Text) form(e entry, l Lang) string {
	form := e.zh
	if l == English {
		form = e.en
	}
	for i, a := range t.Args {
		a = words(a, l)
		form = counted(strings.ReplaceAll(form, fmt.Sprintf("{%d}", i), a), fmt.Sprintf("{%d ", i), a)
	}
	return form
}

// counted puts a number with its noun, {0 key}, into words: 1 key, 2 keys.
func counted(form, begin, number string) string {
	before, rest, found := strings.Cut(form, begin)
	noun, after, closed := strings.Cut(rest, "}")
	if !found || !closed {
		return form
	}
	if number != "1" {
		noun += "s"
	}
	return before + number + " " + noun + after
}

// parts of the catalogue; no key stands in two.
var parts = []map[string]entry{
	catalogue, commands, trial, tracing, servers, simulation, daemon, configuration, site, ends,
	messaging, files, archives, groups, faces,
	contacts, secrets, devices, browser, stickers, terminal, none, examples,
}

// Entries returns the entries whose keys begin with one of some prefixes, for faces that
// put texts of the core into words themselves, and in which nobody types a command: Chinese, then English, by key.
func Entries(prefixes ...string) map[string][2]string {
	out := map[string][2]string{}
	for _, part := range parts {
		for key, e := range part {
			for _, p := range prefixes {
				if strings.HasPrefix(key, p) {
					said := faceEntry(key, e)
					out[key] = [2]string{said.zh, said.en}
				}
			}
		}
	}
	return out
}

// find looks through the parts of the catalogue.
func find(key string) (e entry, ok bool) {
	for _, part := range parts {
		if e, ok = part[key]; ok {
			break
		}
	}
	return e, ok
}

// An Error is an error with words in both languages. Where it is wrapped, the
// words around it are of no language, such as the name of a file.
type Error struct {
	Text
	Err error // the reason, for errors.Is; may be nil
}

// Error is the text in English, for logs.
func (e *Error) Error() string { return e.In(English) }

// Unwrap returns the reason.
func (e *Error) Unwrap() error { return e.Err }

// Words is what people are told of err: as its Error says it, in l, where it has
// one.
func Words(err error, l Lang) string {
	var e *Error
	if errors.As(err, &e) {
		return strings.Replace(err.Error(), e.Error(), e.In(l), 1)
	}
	return err.Error()
}

// IsZero reports whether t says nothing.
func (t Text) IsZero() bool { return t.Key == "" }

// entry is one text in both languages; {0}, {1} … are the arguments. In English
// {0 key} is a number of keys.
type entry struct{ zh, en string }
