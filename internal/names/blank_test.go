package names

import "testing"

func TestBlank(t *testing.T) {
	for _, row := range []struct {
		name string
		want bool
	}{
		{"", true},
		{" \t\n", true},
		{"\u3000\u00a0\u2003", true},         // spaces of every width
		{"\u3164", true},                     // HANGUL FILLER
		{"\u115f\u1160", true},               // HANGUL CHOSEONG and JUNGSEONG FILLER
		{"\uffa0", true},                     // HALFWIDTH HANGUL FILLER
		{"\u2800\u2800", true},               // BRAILLE PATTERN BLANK
		{"\u200b\u200c\u200d\u2060", true},   // joiners
		{"\u00ad\u034f\u180e\ufe0f", true},   // soft hyphen, grapheme joiner, vowel separator, variation selector
		{"\u17b4\u17b5", true},               // inherent vowels of Khmer
		{"\U000e0041\U000e0100", true},       // tag, variation selector supplement
		{"\u2062\u206a\U0001d173", true},     // invisible times, deprecated format, musical
		{"\u3164 \u2800\u200b", true},        // mixed
		{"王小明", false},                       // and what is seen
		{"\u3164王", false},                   //
		{"👨\u200d👩\u200d👧", false},           // joined
		{".", false},                         //
		{"⠿", false},                         // braille with dots
		{"\u0301", false},                    // a mark alone is drawn
		{"\ufffd", false},                    //
		{"\u0600", false},                    // a sign that is drawn, though of class Cf
		{"\ue000", false},                    // private use: nobody knows
		{"ㅤ", true},                          // the filler as people paste it
		{"a", false},                         //
		{"\U0001f600", false},                //
		{"\u1680", true},                     // OGHAM SPACE MARK
		{"\u2028\u2029", true},               // separators
		{"\u0000\u001b", true},               // controls
		{"\u202e\u2066", true},               // direction
		{"\U00013430", false},                // joins hieroglyphs, and is drawn by many fonts
		{"0", false},                         //
		{"\u3164\u3164\u3164x\u3164", false}, //
	} {
		if got := Blank(row.name); got != row.want {
			t.Errorf("Blank(%+q) = %t, want %t", row.name, got, row.want)
		}
		want := row.name
		if row.want {
			want = ""
		}
		if got := Shown(row.name); got != want {
			t.Errorf("Shown(%+q) = %+q, want %+q", row.name, got, want)
		}
	}
}
