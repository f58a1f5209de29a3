// Package compare says what changed between two versions of a material, for people: paragraph beside paragraph, word by
// word inside those that changed, with moves, changes of style and changes of formatting told apart from changes of text.
//
// compare.go holds the result, align.go decides which paragraph became which, words.go looks inside one.
package compare

import (
	"spolupis/documents/body"
)

// Kind says what happened to a block.
type Kind string

// What can happen to a block. A block that changed and moved is Moved and has Words.
const (
	Same     Kind = "same"
	Changed  Kind = "changed"
	Inserted Kind = "inserted"
	Deleted  Kind = "deleted"
	// Moved stands twice: where the block was (New is nil) and where it is (Old and New); Partner leads to the other.
	Moved Kind = "moved"
)

// Op says what happened to a word.
type Op string

// What can happen to a word. Format: the same text with other marks (Was holds the old ones).
const (
	Equal  Op = "equal"
	Insert Op = "insert"
	Delete Op = "delete"
	Format Op = "format"
)

// Diff is a comparison as rows in reading order. Read the old text by taking Old of the rows that are not the second half
// of a move, the new one by taking New of all rows.
type Diff struct {
	Rows   []Row  `json:"rows"`
	Counts Counts `json:"counts"`
}

// Counts are the numbers for the summary above a comparison. A move counts once.
type Counts struct {
	Changed  int `json:"changed"`
	Inserted int `json:"inserted"`
	Deleted  int `json:"deleted"`
	Moved    int `json:"moved"`
}

// Row is one block, or one pair: the unit of both the side-by-side and the one-column view.
type Row struct {
	Kind Kind        `json:"kind"`
	Old  *body.Block `json:"old,omitempty"`
	New  *body.Block `json:"new,omitempty"`
	// OldNumber and NewNumber are the numbers of a numbered item, 0 otherwise.
	OldNumber int `json:"oldNumber,omitempty"`
	NewNumber int `json:"newNumber,omitempty"`
	// Style is true when the block became another thing: kind, level, numbering, alignment.
	Style bool `json:"style,omitempty"`
	// Words is the text of the row, old and new together, in reading order; it is there for every kind.
	Words []Word `json:"words,omitempty"`
	// Partner is the index of the other row of a move, -1 otherwise.
	Partner int `json:"partner"`
}

// Word is a stretch of text with one fate and one set of marks.
type Word struct {
	Text string `json:"text"`
	Op   Op     `json:"op"`
	Marks
	Was *Marks `json:"was,omitempty"`
}

// Marks are the formatting of a word.
type Marks struct {
	Strong bool   `json:"strong,omitempty"`
	Em     bool   `json:"em,omitempty"`
	Code   bool   `json:"code,omitempty"`
	Link   string `json:"link,omitempty"`
}

// Section is a stretch of rows; a Folded one is unchanged and far from any change.
type Section struct {
	Folded bool  `json:"folded"`
	Rows   []Row `json:"rows"`
}

// Compare compares the canonical forms of two bodies. Blocks with the same id are the same block wherever they stand;
// what ids do not tell (an import, a restored draft) is found by text. It has no error: where two texts are too long or too
// different to match words, it says that the one was replaced by the other.
func Compare(a, b body.Body) Diff {
	a, b = a.Canonical(), b.Canonical()
	c := comparison{a: newSide(a), b: newSide(b), budget: maxWork}
	c.align()
	return c.rows()
}

// Changed reports whether the two texts differ in anything a reader could see.
func (d Diff) Changed() bool {
	return d.Counts != Counts{}
}

// Sections cuts the rows so that a page can fold what did not change, keeping up to context rows of it around each change.
func (d Diff) Sections(context int) []Section {
	near := make([]bool, len(d.Rows))
	for i, r := range d.Rows {
		if r.Kind == Same {
			continue
		}
		for k := max(0, i-context); k <= min(len(d.Rows)-1, i+context); k++ {
			near[k] = true
		}
	}
	var out []Section
	for i := range d.Rows {
		if n := len(out); n == 0 || out[n-1].Folded == near[i] {
			out = append(out, Section{Folded: !near[i]})
		}
		s := &out[len(out)-1]
		s.Rows = append(s.Rows, d.Rows[i])
	}
	return out
}

// rows lays the aligned blocks out: deletions stand where the old text had them, before what replaced them.
func (c *comparison) rows() Diff {
	d := Diff{Rows: []Row{}}
	first := map[int]int{} // old index of a moved block -> row where it was
	second := map[int]int{}
	i := 0
	old := func(upTo int) {
		for ; i < upTo; i++ {
			j := c.pair[i]
			switch {
			case j < 0:
				d.Counts.Deleted++
				d.Rows = append(d.Rows, c.row(Deleted, i, -1))
			case c.moved[i]:
				first[i] = len(d.Rows)
				d.Rows = append(d.Rows, c.row(Moved, i, -1))
			default:
				return // its row comes with the new block
			}
		}
	}
	old(len(c.a.blocks))
	for j := range c.b.blocks {
		k := c.back[j]
		switch {
		case k < 0:
			d.Counts.Inserted++
			d.Rows = append(d.Rows, c.row(Inserted, -1, j))
		case c.moved[k]:
			d.Counts.Moved++
			second[k] = len(d.Rows)
			d.Rows = append(d.Rows, c.row(Moved, k, j))
		default:
			old(k)
			i = k + 1
			r := c.row(Changed, k, j)
			if !r.Style && allEqual(r.Words) {
				r.Kind = Same
			} else {
				d.Counts.Changed++
			}
			d.Rows = append(d.Rows, r)
			old(len(c.a.blocks))
		}
	}
	old(len(c.a.blocks))
	for k, at := range first {
		d.Rows[at].Partner, d.Rows[second[k]].Partner = second[k], at
	}
	return d
}

func (c *comparison) row(kind Kind, i, j int) Row {
	r := Row{Kind: kind, Partner: -1}
	var before, after []body.Run
	if i >= 0 {
		r.Old, r.OldNumber = &c.a.blocks[i], c.a.numbers[i]
		before = r.Old.Runs
	}
	if j >= 0 {
		r.New, r.NewNumber = &c.b.blocks[j], c.b.numbers[j]
		after = r.New.Runs
	}
	if i >= 0 && j >= 0 {
		r.Style = restyled(r.Old, r.New)
	}
	r.Words = c.words(before, after)
	return r
}

func restyled(a, b *body.Block) bool {
	if a.Kind != b.Kind || a.Level != b.Level || a.Start != b.Start || a.Align != b.Align || (a.Cell == nil) != (b.Cell == nil) {
		return true
	}
	return a.Cell != nil && a.Cell.Head != b.Cell.Head
}

func allEqual(ws []Word) bool {
	for _, w := range ws {
		if w.Op != Equal {
			return false
		}
	}
	return true
}
