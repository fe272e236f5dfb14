package tui

import "strings"

// An ink is a style of text: the low byte is what the text is, the high one the
// paper that it stands on.
type ink uint16

// What text is.
const (
	noInk ink = iota
	inkDim
	inkBold
	inkName
	inkName2
	inkName3
	inkName4
	inkAccent
	inkSecure
	inkGood
	inkWarn
	inkBad
	inkLink
	inkCode
	inkBadge
	inkMutedBadge
	inkItalic
	inkUnder
	inkStrike
	inkSpoiler
	inkHead
	inkSecureHead
	inks
)

// What text stands on.
const (
	paperOwn ink = (iota + 1) << 8
	paperOther
	paperOwnSecure
	paperSelected
	paperBar
	paperSecureBar
	paperBox
	papers = iota + 1
)

// on puts an ink on a paper, if it has none yet.
func (i ink) on(paper ink) ink {
	if i>>8 != 0 {
		return i
	}
	return i | paper
}

// A theme is how inks look.
type theme struct {
	text   [inks]string
	papers [papers]string
	made   map[ink]string // sequences, made when they are first written
}

// sgr is the sequence that begins an ink.
func (t *theme) sgr(i ink) string {
	if s, ok := t.made[i]; ok {
		return s
	}
	parts := []string{"0"}
	if p := t.papers[i>>8]; p != "" {
		parts = append(parts, p)
	}
	if s := t.text[i&0xff]; s != "" {
		parts = append(parts, s)
	}
	s := "\x1b[" + strings.Join(parts, ";") + "m"
	t.made[i] = s
	return s
}

// newTheme is the theme for a light or a dark background, or for terminals without
// colours, or with sixteen. All colours are of the 256 that most terminals have, since the renderer
// makes strangely different ones of others where there are no more.
func newTheme(dark, mono, few bool) *theme {
	if mono {
		return monoTheme()
	}
	t := colours(lightPalette)
	if dark {
		t = colours(darkPalette)
	}
	if few { // the nearest of sixteen to what is chosen is what lies behind it
		t.papers[paperSelected>>8] = map[bool]string{true: "100;97", false: "47;30"}[dark]
	}
	return t
}

// The palettes for dark and light backgrounds.
var (
	darkPalette = palette{
		paper: "38;2;238;238;238",
		dim:   "38;2;158;158;158", accent: "38;2;255;175;0", secure: "38;2;95;215;135", good: "38;2;95;215;95", warn: "38;2;255;175;95",
		bad: "38;2;255;95;95", link: "4;38;2;95;175;255", code: "38;2;215;175;135",
		names: [4]string{"1;38;2;95;175;255", "1;38;2;255;175;135", "1;38;2;175;175;255", "1;38;2;95;215;215"},
		own:   "48;2;0;0;95", other: "48;2;48;48;48", ownSecure: "48;2;0;95;0", selected: "48;2;68;68;68", bar: "48;2;38;38;38", secureBar: "48;2;0;95;0", box: "48;2;38;38;38",
		badge: "1;38;2;28;28;28;48;2;255;175;0", muted: "38;2;28;28;28;48;2;158;158;158",
	}
	lightPalette = palette{
		paper: "38;2;28;28;28",
		dim:   "38;2;88;88;88", accent: "38;2;135;95;0", secure: "38;2;0;95;0", good: "38;2;0;95;0", warn: "38;2;135;95;0",
		bad: "38;2;175;0;0", link: "4;38;2;0;95;175", code: "38;2;135;95;0",
		names: [4]string{"1;38;2;0;95;175", "1;38;2;175;95;0", "1;38;2;95;0;175", "1;38;2;0;95;95"},
		own:   "48;2;215;215;255", other: "48;2;238;238;238", ownSecure: "48;2;215;255;215", selected: "48;2;208;208;208", bar: "48;2;228;228;228", secureBar: "48;2;215;255;215", box: "48;2;228;228;228",
		badge: "1;38;2;255;255;255;48;2;135;95;0", muted: "38;2;255;255;255;48;2;88;88;88",
	}
)

// A palette is what themes differ in: SGR parameters.
type palette struct {
	paper                                                string // of text on any paper: what the terminal takes for text may be as dark as that
	dim, accent, secure, good, warn, bad, link, code     string
	names                                                [4]string
	own, other, ownSecure, selected, bar, secureBar, box string
	badge, muted                                         string
}

func colours(p palette) *theme {
	t := &theme{made: map[ink]string{}}
	t.text = [inks]string{
		inkDim: p.dim, inkBold: "1", inkName: p.names[0], inkName2: p.names[1], inkName3: p.names[2], inkName4: p.names[3],
		inkAccent: "1;" + p.accent, inkSecure: "1;" + p.secure, inkGood: p.good, inkWarn: p.warn, inkBad: "1;" + p.bad, inkLink: p.link, inkCode: p.code,
		inkBadge: p.badge, inkMutedBadge: p.muted, inkItalic: "3", inkUnder: "4", inkStrike: "9", inkSpoiler: "7;2",
		inkHead: "1", inkSecureHead: "1;" + p.secure,
	}
	t.papers = [papers]string{paperOwn >> 8: p.own, paperOther >> 8: p.other, paperOwnSecure >> 8: p.ownSecure, paperSelected >> 8: p.selected, paperBar >> 8: p.bar, paperSecureBar >> 8: p.secureBar, paperBox >> 8: p.box}
	for i := range t.papers[1:] {
		t.papers[i+1] += ";" + p.paper
	}
	return t
}

// monoTheme tells things apart by weight and inversion only.
func monoTheme() *theme {
	t := &theme{made: map[ink]string{}}
	t.text = [inks]string{
		inkBold: "1", inkName: "1", inkName2: "1", inkName3: "1", inkName4: "1", inkAccent: "1", inkSecure: "1", inkWarn: "1", inkBad: "1;4", inkLink: "4",
		inkBadge: "1;7", inkMutedBadge: "7", inkItalic: "3", inkUnder: "4", inkStrike: "9", inkSpoiler: "7;8", inkHead: "1", inkSecureHead: "1;7",
	}
	t.papers = [papers]string{paperSelected >> 8: "7"}
	return t
}

// A glyphset is the characters that the screen is drawn with.
type glyphset struct {
	down, across, secureDown, secureAcross, bar, dot, point, quote string
	stored, delivered, queued, failed, scheduled                   string
}

// glyphs of terminals whose characters of open width take one column, or two: there
// lines are drawn in ASCII.
func (m metric) glyphs() glyphset {
	g := glyphset{down: "│", across: "─", secureDown: "║", secureAcross: "═", bar: "▌", dot: "·", point: "›", quote: "▎", stored: "✓", delivered: "✓✓", queued: "◷", failed: "✗", scheduled: "⏰"}
	if m.wideAmbiguous() {
		g.down, g.across, g.secureDown, g.secureAcross, g.bar, g.dot, g.point, g.quote, g.queued = "|", "-", "#", "=", ">", "-", ">", "|", "o"
	}
	return g
}
