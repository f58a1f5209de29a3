package filetype

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// MaxName is the length of a cleaned name in characters.
const MaxName = 120

// reserved are names that Windows gives to devices, whatever their extension.
var reserved = map[string]bool{"con": true, "prn": true, "aux": true, "nul": true, "com1": true, "com2": true, "com3": true, "com4": true,
	"lpt1": true, "lpt2": true, "lpt3": true}

// Clean makes of the name that came with a file one that every system can save:
// without folders, control characters and letters that turn the direction of
// writing (which make "fdp.exe" of "exe.pdf"), in NFC, at most MaxName
// characters with the extension kept. "" when nothing is left.
func Clean(name string) string {
	name = strings.ToValidUTF8(name, "")
	name = name[strings.LastIndexAny(name, `/\`)+1:]
	name = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case unicode.Is(unicode.C, r):
			return -1
		case strings.ContainsRune(`<>:"|?*`, r):
			return '_'
		}
		return r
	}, name)
	name = norm.NFC.String(name)
	name = strings.Trim(strings.Join(strings.Fields(name), " "), ". ")
	stem, ext := name, ""
	if i := strings.LastIndexByte(name, '.'); i >= 0 {
		stem, ext = strings.TrimRight(name[:i], " "), name[i:]
	}
	if reserved[strings.ToLower(stem)] {
		stem = "_" + stem
	}
	for utf8.RuneCountInString(stem)+utf8.RuneCountInString(ext) > MaxName && stem != "" {
		_, n := utf8.DecodeLastRuneInString(stem)
		stem = strings.TrimRight(stem[:len(stem)-n], " ")
	}
	if utf8.RuneCountInString(stem)+utf8.RuneCountInString(ext) > MaxName { // an extension longer than a name
		return ""
	}
	return stem + ext
}
