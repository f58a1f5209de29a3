package body

import (
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Clean is the one definition of which characters a frozen text may hold. It is applied before hashing, comparing and
// drawing, so that all three speak of the same string:
//
//   - line ends of every sort, also U+2028, U+2029 and U+0085, become a space: inside a block there are no lines;
//   - control characters, bad UTF-8, lone surrogates and noncharacters become U+FFFD, visibly, because neither Markdown
//     nor XML nor a PDF can carry them;
//   - a byte order mark inside text becomes U+2060, which means the same and survives parsers;
//   - the rest is put into Unicode normal form C, so that "é" typed in two ways has one hash.
//
// The tab stays.
func Clean(s string) string {
	if plain(s) {
		return s
	}
	return norm.NFC.String(strings.Map(cleanRune, s))
}

func plain(s string) bool {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c >= utf8.RuneSelf || c < 0x20 && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}

func cleanRune(r rune) rune {
	switch {
	case r == '\t':
		return r
	case r == '\n' || r == '\r' || r == '\v' || r == '\f' || r == 0x85 || r == 0x2028 || r == 0x2029:
		return ' '
	case r < 0x20 || r >= 0x7f && r < 0xa0:
		return utf8.RuneError
	case r == 0xfeff:
		return 0x2060
	case r >= 0xfdd0 && r <= 0xfdef || r&0xfffe == 0xfffe || r >= 0xd800 && r < 0xe000:
		return utf8.RuneError
	}
	return r
}
