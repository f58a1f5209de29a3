package render

import (
	"strings"
	"unicode"
)

// before are words after which a Czech line must not end; after are words with which one must not begin when a number
// stands before them (ČSN 01 6910).
var (
	before = words("č. čís. čl. odst. písm. str. tab. obr. příl. kap. ust. č.j. čj. sp. zn. j. ev. tj. tzv. např. sv. ul. nám. cca část části bod bodu bodě odstavec odstavce článek článku " +
		"Ing. Mgr. Bc. MUDr. JUDr. PhDr. RNDr. MVDr. ThDr. PaedDr. Dr. doc. prof. arch. p. pí")
	after = words("Kč EUR USD CZK € % ‰ m km cm mm dm m² m³ km² ha kg g t l h hod. hod min s ks let roku rok dnů dní den měsíců měsíc " +
		"tis. mil. mld. Sb. Sb °C kW MW kWh MWh GB MB TB osob")
	months = words("ledna února března dubna května června července srpna září října listopadu prosince")
)

func words(s string) map[string]bool {
	m := map[string]bool{}
	for _, w := range strings.Fields(s) {
		m[w] = true
	}
	return m
}

// ties returns the indexes of the spaces at which no line may end.
func ties(rs []rune) map[int]bool {
	out := map[int]bool{}
	for i, r := range rs {
		if r == ' ' && i > 0 && i+1 < len(rs) && tied(rs, i) {
			out[i] = true
		}
	}
	return out
}

func tied(rs []rune, i int) bool {
	a := i
	for a > 0 && !unicode.IsSpace(rs[a-1]) {
		a--
	}
	z := i + 1
	for z < len(rs) && !unicode.IsSpace(rs[z]) {
		z++
	}
	left := strings.TrimLeft(string(rs[a:i]), "(„‚\"[")
	right := string(rs[i+1 : z])
	if left == "" || right == "" {
		return false
	}
	switch {
	case len(left) == 1 && strings.Contains("kKsSvVzZoOuUiIaA", left):
		return true // one-letter prepositions and conjunctions
	case left == "§" || left == "§§" || before[left]:
		return true
	case right == "–" || right == "—":
		return true // a dash may end a line, not begin it
	}
	bare := strings.TrimRight(right, ".,;:)“")
	last := rs[i-1]
	if digit(last) {
		return after[right] || after[bare] || after[bare+"."] || thousands(bare)
	}
	if strings.HasPrefix(left, "tis.") || strings.HasPrefix(left, "mil.") || strings.HasPrefix(left, "mld.") {
		return bare == "Kč" || bare == "EUR" || bare == "€"
	}
	// the parts of a date: 31. 3. 2027, 31. března
	return last == '.' && len(left) <= 3 && digit([]rune(left)[0]) && (digit(rs[i+1]) || months[bare])
}

func digit(r rune) bool { return r >= '0' && r <= '9' }

// thousands reports whether the word goes on a number cut into threes.
func thousands(w string) bool {
	n, _, _ := strings.Cut(w, ",")
	if len(n) != 3 {
		return false
	}
	for _, r := range n {
		if !digit(r) {
			return false
		}
	}
	return true
}
