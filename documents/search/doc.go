// Package search makes a text and a question about it comparable: words
// without diacritics and without the endings of Czech grammar, so that
// "usnesení", "usnesením" and "usneseni" are the same word. It parses what
// people type into a search field, and shows the passages where their words
// stand. It keeps nothing; both databases index the stems made here.
package search

import (
	"iter"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Word is one word of a text.
type Word struct {
	Start, End int // bytes in the text
	Stem       string
}

// maxStem bounds a stem, in bytes: what is longer is no word that anybody types.
const maxStem = 48

// Words goes through the words of a text: runs of letters and digits. Each
// comes with the stem it is indexed under.
func Words(text string) iter.Seq[Word] {
	return func(yield func(Word) bool) {
		var folded []byte
		for at := 0; at < len(text); {
			var w Word
			if w, folded = next(text, at, folded[:0]); w.End == w.Start {
				return
			}
			if at = w.End; len(folded) == 0 {
				continue // nothing but accents
			}
			w.Stem = stem(folded)
			if !yield(w) {
				return
			}
		}
	}
}

// next finds the first word at or after a byte, and its folded letters.
func next(text string, at int, folded []byte) (Word, []byte) {
	w := Word{at, at, ""}
	for at < len(text) {
		r, size := rune(text[at]), 1
		if r >= utf8.RuneSelf {
			r, size = utf8.DecodeRuneInString(text[at:])
		}
		before := len(folded)
		folded = fold(folded, r)
		switch mark := unicode.Is(unicode.Mn, r); {
		case len(folded) == before && !mark:
			if w.End > w.Start {
				return w, folded
			}
			w.Start, w.End = at+size, at+size
		default:
			w.End = at + size
		}
		at += size
	}
	return w, folded
}

// latin is what the letters up to U+024F become; "" for what is no letter or digit.
var latin = func() (table [0x250]string) {
	special := map[rune]string{'ß': "ss", 'æ': "ae", 'œ': "oe", 'ø': "o", 'đ': "d", 'ð': "d", 'ł': "l", 'ı': "i", 'þ': "th"}
	for r := range rune(len(table)) {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			continue
		}
		low := unicode.ToLower(r)
		if s, ok := special[low]; ok {
			table[r] = s
			continue
		}
		for _, d := range norm.NFD.String(string(low)) {
			if !unicode.Is(unicode.Mn, d) {
				table[r] += string(d)
			}
		}
	}
	return table
}()

// fold appends r in lower case without diacritics, or nothing when r is no
// letter or digit.
func fold(to []byte, r rune) []byte {
	if int(r) < len(latin) {
		return append(to, latin[r]...)
	}
	if !unicode.IsLetter(r) && !unicode.IsDigit(r) {
		return to
	}
	for _, d := range norm.NFKD.String(string(unicode.ToLower(r))) {
		if unicode.IsLetter(d) || unicode.IsDigit(d) {
			to = utf8.AppendRune(to, d)
		}
	}
	return to
}

// Stems are the stems of a text in its order.
func Stems(text string) []string {
	var out []string
	for w := range Words(text) {
		out = append(out, w.Stem)
	}
	return out
}

// Key is what two spellings of one reference number have in common:
// "RK 012/2026", "rk 12/2026" and "RK12 / 2026" only differ in what is no
// letter or digit, in case and in leading zeros.
func Key(number string) string {
	var out strings.Builder
	for w := range Words(number) {
		for i, part := range parts(w.Stem) {
			if i > 0 || out.Len() > 0 {
				out.WriteByte(' ')
			}
			out.WriteString(part)
		}
	}
	return out.String()
}

// parts divides a word where letters and digits meet.
func parts(s string) []string {
	var out []string
	begin := 0
	for i := 1; i < len(s); i++ {
		if digit(s[i]) != digit(s[i-1]) {
			out = append(out, zeroless(s[begin:i]))
			begin = i
		}
	}
	return append(out, zeroless(s[begin:]))
}

func digit(b byte) bool { return b >= '0' && b <= '9' }

// zeroless drops leading zeros of a number, so that 012 and 12 meet.
func zeroless(s string) string {
	if s == "" || !digit(s[0]) {
		return s
	}
	if t := strings.TrimLeft(s, "0"); t != "" && digit(t[0]) {
		return t
	} else if t == "" {
		return "0"
	}
	return s
}
