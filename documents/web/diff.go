package web

import (
	"strconv"

	"spolupis/documents/body"
	"spolupis/documents/compare"
)

// section is a stretch of a comparison; a folded one is unchanged.
type section struct {
	Folded bool
	Rows   []diffRow
}

// diffRow is one block of a comparison, ready for a template.
type diffRow struct {
	Kind       compare.Kind
	Style      bool
	Class      string // how the block looks, such as "h1" or "li"
	Old, New   bool   // which sides have it
	Mark       string // number or bullet in front
	OldWords   []compare.Word
	NewWords   []compare.Word
	Words      []compare.Word
	Jump, Next int // anchors of this change and the next one; 0 for none
}

// fold turns a comparison into sections for the page, numbering the changes
// so that each leads to the next.
func fold(d compare.Diff) (sections []section, changes int) {
	for _, s := range d.Sections(1) {
		out := section{Folded: s.Folded}
		for _, r := range s.Rows {
			x := diffRow{Kind: r.Kind, Style: r.Style, Old: r.Old != nil, New: r.New != nil, Words: r.Words}
			if r.Kind == compare.Moved && r.New != nil {
				x.Old = false // stands on the old side where it was
			}
			b, n := r.New, r.NewNumber
			if b == nil {
				b, n = r.Old, r.OldNumber
			}
			x.Class, x.Mark = look(b, n)
			for _, w := range r.Words {
				if w.Op != compare.Insert {
					x.OldWords = append(x.OldWords, w)
				}
				if w.Op != compare.Delete {
					x.NewWords = append(x.NewWords, w)
				}
			}
			if r.Kind != compare.Same {
				changes++
				x.Jump, x.Next = changes, changes+1
			}
			out.Rows = append(out.Rows, x)
		}
		sections = append(sections, out)
	}
	for i := range sections {
		for j := range sections[i].Rows {
			if sections[i].Rows[j].Next > changes {
				sections[i].Rows[j].Next = 0
			}
		}
	}
	return sections, changes
}

// look is the class of a block and the mark in front of it.
func look(b *body.Block, number int) (class, mark string) {
	switch {
	case b.Cell != nil:
		class = "cell"
	case b.Kind == body.Heading:
		class = "h" + strconv.Itoa(b.Level)
	default:
		class = string(b.Kind)
	}
	switch b.Kind {
	case body.Bullet:
		mark = "•"
	case body.Numbered:
		mark = strconv.Itoa(number) + "."
	}
	return class, mark
}
