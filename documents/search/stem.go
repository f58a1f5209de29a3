package search

// Stem is the stem of a word already in lower case and without diacritics.
func Stem(folded string) string { return stem([]byte(folded)) }

// stem takes off the endings of Czech declension, after the light stemmer of
// L. Dolamic and J. Savoy (Indexing and stemming approaches for the Czech
// language, 2009). It differs in three ways, all because people search without
// diacritics and both spellings must meet. It works on folded letters. It
// takes endings off until none is left, because folding makes some endings of
// stems ("program", "termín") look like those of cases: the nominative then
// loses no more than the others do. It drops a movable e before it softens
// consonants ("účet" and "účtu"). It uses up w.
func stem(w []byte) string {
	if len(w) > maxStem {
		w = w[:maxStem]
		for len(w) > 0 && w[len(w)-1] >= 0x80 { // do not cut through a character
			w = w[:len(w)-1]
		}
	}
	letters := true
	for _, b := range w {
		if b < 'a' || b > 'z' {
			letters = false
			break
		}
	}
	if !letters {
		return zeroless(string(w)) // numbers and other alphabets
	}
	for {
		n := ending(w)
		if n == 0 {
			break
		}
		w = w[:len(w)-n]
	}
	if n := len(w); n > 3 && w[n-2] == 'e' && !vowel(w[n-1]) && !vowel(w[n-3]) {
		w[n-2] = w[n-1] // rozpočet: rozpočtu
		w = w[:n-1]
	}
	return string(soften(w))
}

func vowel(b byte) bool {
	switch b {
	case 'a', 'e', 'i', 'o', 'u', 'y':
		return true
	}
	return false
}

// ending returns how long the ending of a word is, 0 when it has none. At least
// three letters stay.
func ending(w []byte) int {
	n := len(w)
	if n > 5 {
		switch string(w[n-3:]) {
		case "ech", "ich", "ach", "ych", "eho", "iho", "ami", "emi", "imi", "ymi":
			return 3
		}
	}
	if n > 4 {
		switch string(w[n-2:]) {
		case "em", "im", "ym", "um", "am", "ov", "uv":
			return 2
		case "mi":
			if !vowel(w[n-3]) { // lidmi; but soukromí
				return 2
			}
		}
	}
	if n > 3 && vowel(w[n-1]) {
		return 1
	}
	return 0
}

// soften undoes what some endings do to the last consonant: úřednici, krajští,
// Praze. The other forms of the word change alike.
func soften(w []byte) []byte {
	n := len(w)
	if n < 3 {
		return w
	}
	switch w[n-1] {
	case 'c':
		w[n-1] = 'k'
	case 'z':
		w[n-1] = 'h'
	case 't':
		if w[n-2] == 's' || w[n-2] == 'c' {
			w[n-1] = 'k'
		}
	}
	return w
}

// silent are words too common to tell texts apart. They count only inside a
// phrase, or when nothing else was asked for.
var silent = func() map[string]bool {
	m := map[string]bool{}
	for _, w := range []string{"a", "i", "v", "ve", "na", "se", "je", "k", "ke", "ku", "o", "u", "z", "ze", "s", "do", "po", "pro", "pri", "za", "od", "ode",
		"dle", "ci", "by", "the", "of", "and", "in", "to"} {
		m[Stem(w)] = true
	}
	return m
}()
