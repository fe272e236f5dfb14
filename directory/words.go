package directory

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/omega-im/omega/internal/i18n"
)

// words is the language of one page. explicit: the reader chose it, so links
// carry it on.
type words struct {
	lang     i18n.Lang
	explicit bool
}

// languageOf reads what the reader chose, or what the browser prefers. The source
// language is for everyone who prefers neither.
func languageOf(r *http.Request) words {
	tag := strings.ToLower(r.URL.Query().Get("lang"))
	switch primary, _, _ := strings.Cut(tag, "-"); primary {
	case "zh":
		return words{i18n.Chinese, true}
	case "en":
		return words{i18n.English, true}
	}
	return words{preferred(r.Header.Get("Accept-Language")), false}
}

// maxPreferences bounds what is read of Accept-Language.
const maxPreferences = 16

// preferred reads Accept-Language (RFC 9110, section 12.5.4).
func preferred(header string) i18n.Lang {
	best, lang := 0.0, i18n.Chinese
	for _, one := range strings.SplitN(header, ",", maxPreferences) {
		tag, params, _ := strings.Cut(strings.TrimSpace(one), ";")
		q := 1.0
		if v, ok := strings.CutPrefix(strings.TrimSpace(params), "q="); ok {
			q, _ = strconv.ParseFloat(v, 64)
		}
		tag = strings.ToLower(tag)
		zh := tag == "zh" || strings.HasPrefix(tag, "zh-")
		en := tag == "en" || strings.HasPrefix(tag, "en-")
		if (zh || en) && q > best {
			best, lang = q, i18n.Chinese
			if en {
				lang = i18n.English
			}
		}
	}
	return lang
}

// gap is what stands between two sentences: nothing after the full width stops of
// Chinese.
func (w words) gap() string {
	if w.lang == i18n.Chinese {
		return ""
	}
	return " "
}

// Lang is the value of ?lang=, Explicit whether the reader chose it.
func (w words) Lang() string {
	if w.lang == i18n.English {
		return "en"
	}
	return "zh"
}

// Explicit reports whether the reader chose the language.
func (w words) Explicit() bool { return w.explicit }

func (w words) t(key string, args ...any) string { return i18n.T(key, args...).In(w.lang) }

// link is a path of this site in the language that was chosen.
func (w words) link(path string) string {
	if !w.explicit {
		return path
	}
	return path + "?" + url.Values{"lang": {w.Lang()}}.Encode()
}

// clock is a moment for people, in UTC, which every reader of a page that is
// made for all of them can use; scripts turn it into "3 min ago".
func (w words) clock(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }
