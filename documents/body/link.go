package body

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxLink is the longest link target kept, in bytes.
const maxLink = 2000

// SafeLink returns the target in the one spelling we store, or false when it may not be a link: anything but http, https,
// mailto and relative addresses (goldmark by itself lets blob:, intent: and //host pass). Characters that Markdown or HTML
// would have to escape are percent-encoded, so the same bytes stand in every output.
func SafeLink(href string) (string, bool) {
	href = strings.TrimFunc(href, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) })
	if href == "" || len(href) > maxLink || !utf8.ValidString(href) {
		return "", false
	}
	if strings.ContainsFunc(href, func(r rune) bool { return unicode.IsControl(r) || cleanRune(r) != r }) {
		return "", false
	}
	if i := strings.IndexAny(href, ":/?#"); i >= 0 && href[i] == ':' {
		scheme, rest := strings.ToLower(href[:i]), href[i+1:]
		switch scheme {
		case "http", "https":
			if !strings.HasPrefix(rest, "//") || len(rest) < 3 || strings.ContainsAny(rest[2:3], "/\\?#") {
				return "", false
			}
		case "mailto":
			if rest == "" {
				return "", false
			}
		default:
			return "", false
		}
		href = scheme + ":" + rest
	} else if strings.ContainsRune(href, '\\') || strings.HasPrefix(href, "//") {
		return "", false // browsers read \ as /, and // is another host
	}
	var s strings.Builder
	for _, r := range Clean(href) {
		if r > ' ' && r < 0x7f && !strings.ContainsRune("()<>\"'\\`{}|^[]*_~$!", r) || r >= 0xa0 && unicode.IsGraphic(r) && !unicode.IsSpace(r) {
			s.WriteRune(r)
			continue
		}
		for _, c := range []byte(string(r)) {
			const hex = "0123456789ABCDEF"
			s.WriteByte('%')
			s.WriteByte(hex[c>>4])
			s.WriteByte(hex[c&15])
		}
	}
	if s.Len() > maxLink {
		return "", false
	}
	return s.String(), true
}
