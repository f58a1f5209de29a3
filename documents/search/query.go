package search

import (
	"strings"
	"unicode/utf8"
)

// MaxTerms is how many terms of a question count.
const MaxTerms = 12

// Term is one thing that must stand in a text: a word, or several next to each
// other.
type Term struct {
	Stems []string
	// Prefix: the last word may go on, as in "dotač*".
	Prefix bool
}

// Query is what somebody looks for: every term must be there.
type Query []Term

// Parse reads what was typed into a search field. Words in quotes, and words
// that nothing but a sign divides, such as "12/2026", must stand next to each
// other; a star at the end of a word stands for any ending.
func Parse(text string) Query {
	var q Query
	text = quotes.Replace(text)
	for quoted := false; text != ""; quoted = !quoted {
		part, rest, found := strings.Cut(text, `"`)
		if !found {
			quoted = false // a quote that is never closed means nothing
		}
		if quoted {
			q = q.with(part)
		} else {
			for _, chunk := range strings.Fields(part) {
				q = q.with(chunk)
			}
		}
		if text = rest; !found {
			break
		}
	}
	if telling := q.telling(); len(telling) > 0 {
		q = telling
	}
	return q[:min(len(q), MaxTerms)]
}

var quotes = strings.NewReplacer("„", `"`, "“", `"`, "”", `"`, "»", `"`, "«", `"`)

func (q Query) with(text string) Query {
	t := Term{Stems: Stems(text)}
	if len(t.Stems) == 0 {
		return q
	}
	if before, ok := strings.CutSuffix(strings.TrimRight(text, ".,;:!?)"), "*"); ok {
		// The beginning of a word is no word: it keeps its letters.
		var last Word
		for w := range Words(before) {
			last = w
		}
		var folded []byte
		for _, r := range before[last.Start:last.End] {
			folded = fold(folded, r)
		}
		if utf8.RuneCount(folded) >= 3 { // less would be half the dictionary
			t.Prefix, t.Stems[len(t.Stems)-1] = true, string(folded)
		}
	}
	return append(q, t)
}

// telling leaves out single words that stand in every text.
func (q Query) telling() Query {
	var out Query
	for _, t := range q {
		if len(t.Stems) > 1 || !silent[t.Stems[0]] {
			out = append(out, t)
		}
	}
	return out
}

// matches tells how many of the words at hand, the first of which has just been
// read, are term t; 0 when they are not.
func (t Term) matches(words []Word) int {
	if len(words) < len(t.Stems) {
		return 0
	}
	for i, s := range t.Stems {
		if got := words[i].Stem; got != s && !(t.Prefix && i == len(t.Stems)-1 && strings.HasPrefix(got, s)) {
			return 0
		}
	}
	return len(t.Stems)
}
