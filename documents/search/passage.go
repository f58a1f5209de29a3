package search

import (
	"strings"
	"unicode/utf8"
)

// Piece is a part of a passage; Hit when it is something that was looked for.
type Piece struct {
	Text string
	Hit  bool
}

// Passage is the part of a text where most of what was looked for stands.
type Passage struct {
	Pieces []Piece
	Terms  int // how many terms of the query stand in the whole text
}

// maxHits bounds how many places of one text are weighed.
const maxHits = 400

type hit struct{ start, end, term int }

// Passage finds where in text the query's words stand and cuts out about width
// characters around the best place. Without any it is empty.
func (q Query) Passage(text string, width int) Passage {
	hits, terms := q.hits(text)
	if len(hits) == 0 {
		return Passage{}
	}
	from, to := best(hits, width)
	begin, end := around(text, hits[from].start, hits[to].end, width)
	var p Passage
	p.Terms = terms
	add := func(s string, found bool) {
		if s != "" {
			p.Pieces = append(p.Pieces, Piece{s, found})
		}
	}
	at := begin
	if begin > 0 {
		add("… ", false)
	}
	for _, h := range hits[from : to+1] {
		if h.start < at {
			continue // within the phrase before it
		}
		add(flat(text[at:h.start]), false)
		add(flat(text[h.start:h.end]), true)
		at = h.end
	}
	add(flat(text[at:end]), false)
	if end < len(text) {
		add(" …", false)
	}
	return p
}

// flat puts a passage on one line.
func flat(s string) string { return strings.NewReplacer("\n", " ", "\t", " ", "\r", "").Replace(s) }

// hits lists the places of the query's terms in their order, and how many
// different terms there are.
func (q Query) hits(text string) (hits []hit, terms int) {
	longest := 1
	for _, t := range q {
		longest = max(longest, len(t.Stems))
	}
	seen := make([]bool, len(q))
	var window []Word
	look := func() bool {
		for i, t := range q {
			if n := t.matches(window); n > 0 {
				if !seen[i] {
					seen[i], terms = true, terms+1
				}
				hits = append(hits, hit{window[0].Start, window[n-1].End, i})
				break
			}
		}
		window = window[1:]
		return len(hits) < maxHits || terms < len(q) && len(hits) < 10*maxHits
	}
	for w := range Words(text) {
		if window = append(window, w); len(window) == longest && !look() {
			return hits, terms
		}
	}
	for len(window) > 0 && look() {
	}
	return hits, terms
}

// best is the stretch of at most width bytes with most different terms, then
// with most hits; the first of those.
func best(hits []hit, width int) (from, to int) {
	in := map[int]int{}
	most, many, left := 0, 0, 0
	for right, h := range hits {
		in[h.term]++
		for left < right && h.end-hits[left].start > width {
			if in[hits[left].term]--; in[hits[left].term] == 0 {
				delete(in, hits[left].term)
			}
			left++
		}
		if n := right - left + 1; len(in) > most || len(in) == most && n > many {
			most, many, from, to = len(in), n, left, right
		}
	}
	return from, to
}

// around widens a stretch to whole words, up to width bytes in all.
func around(text string, begin, end, width int) (int, int) {
	spare := max(0, width-(end-begin))
	b := max(0, begin-spare/3)
	e := min(len(text), end+spare-(begin-b))
	for b > 0 && !utf8.RuneStart(text[b]) {
		b++
	}
	for e < len(text) && !utf8.RuneStart(text[e]) {
		e--
	}
	if b > 0 {
		if i := strings.IndexAny(text[b:begin], " \n"); i >= 0 {
			b += i + 1
		} else {
			b = begin
		}
	}
	if e < len(text) {
		if i := strings.LastIndexAny(text[end:e], " \n"); i >= 0 {
			e = end + i
		} else {
			e = end
		}
	}
	return b, e
}
