package names

import "unicode"

// Blank reports whether nothing can be seen of a text: it is empty, or has nothing but
// white space, controls, characters that fonts do not draw (Default_Ignorable_Code_Point
// of Unicode) and the few that they draw as nothing. A name of these is no name.
// (spec/chat.md, CHAT-86)
func Blank(s string) bool {
	for _, r := range s {
		if !blank(r) {
			return false
		}
	}
	return true
}

// Shown is a name as it is if something can be seen of it, else "".
func Shown(name string) string {
	if Blank(name) {
		return ""
	}
	return name
}

// blank reports whether nothing is drawn for a character.
func blank(r rune) bool {
	switch {
	case r == 0x2800, r == 0x1d159, r == 0x16fe4: // braille without dots, null note head, filler of Khitan
		return true
	case unicode.IsSpace(r), unicode.IsControl(r), unicode.In(r, unicode.White_Space, unicode.Zs, unicode.Zl, unicode.Zp):
		return true
	}
	return ignorable(r)
}

// ignorable is Default_Ignorable_Code_Point as DerivedCoreProperties.txt makes it of
// the properties that the library has.
func ignorable(r rune) bool {
	switch {
	case unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector):
		return true
	case r >= 0xfff9 && r <= 0xfffb, r >= 0x13430 && r <= 0x13440, unicode.Is(unicode.Prepended_Concatenation_Mark, r):
		return false
	}
	return unicode.Is(unicode.Cf, r)
}
