package directory

import (
	"bytes"
	"encoding/json"
	"errors"

	"github.com/omega-im/omega/internal/i18n"
)

// noWords is where the words of the catalogue go in widget.js.
var noWords = []byte("{ zh: {}, en: {} }")

// widgetWords are what the widget says, by the names that it has for them. {0} and
// {1} are filled in there.
var widgetWords = map[string]string{
	"title": "site.widget.title", "more": "site.widget.more", "failed": "site.widget.failed", "up": "site.widget.up",
	"open": "site.reg.open", "closed": "site.reg.closed", "invite": "site.reg.invite",
}

// spoken gives the widget its words in both languages: it runs on pages of others,
// which it tells nothing of the reader's language.
func spoken(script []byte) ([]byte, error) {
	texts := map[string]map[string]string{"zh": {}, "en": {}}
	for name, key := range widgetWords {
		texts["zh"][name], texts["en"][name] = i18n.T(key).In(i18n.Chinese), i18n.T(key).In(i18n.English)
	}
	b, err := json.Marshal(texts)
	if err != nil {
		return nil, err
	}
	if bytes.Count(script, noWords) != 1 {
		return nil, errors.New("widget.js has no place for its words")
	}
	return bytes.Replace(script, noWords, b, 1), nil
}
