package office

import (
	"slices"
	"strconv"
	"strings"

	"spolupis/documents/body"
)

// Numbered gives tracked changes the ids that files do not know: neighbouring pieces with one author and date are one change, as a person
// made them in one go; a replaced word is both gone and come. The same text is numbered the same way. It returns how many changes there are.
func Numbered(b body.Body) (body.Body, int) {
	n := 0
	number := func(c *body.Change, beside ...*body.Change) *body.Change {
		if c == nil {
			return nil
		}
		for _, x := range beside {
			if x != nil && x.By == c.By && x.At == c.At {
				return x
			}
		}
		n++
		return &body.Change{ID: "f" + strconv.Itoa(n), By: c.By, At: c.At}
	}
	var ins, del *body.Change // of the piece before
	next := func(i, d **body.Change) {
		ins, del = number(*i, ins, del), number(*d, del, ins)
		*i, *d = ins, del
	}
	out := slices.Clone(b.Blocks)
	for i := range out {
		x := &out[i]
		next(&x.Ins, &x.Del)
		x.Runs = slices.Clone(x.Runs)
		for k := range x.Runs {
			next(&x.Runs[k].Ins, &x.Runs[k].Del)
		}
	}
	return body.Body{Blocks: out}, n
}

// revisions counts tracked changes as Word does: every stretch put in, and every one taken out, by one author at one time.
func revisions(blocks []body.Block) (n int) {
	var ins, del *body.Change
	next := func(i, d *body.Change) {
		if i != nil && (ins == nil || *ins != *i) {
			n++
		}
		if d != nil && (del == nil || *del != *d) {
			n++
		}
		ins, del = i, d
	}
	for _, x := range blocks {
		next(x.Ins, x.Del)
		for _, r := range x.Runs {
			next(r.Ins, r.Del)
		}
	}
	return n
}

func before(ins, _ *body.Change) bool { return ins == nil }
func after(_, del *body.Change) bool  { return del == nil }

// joins reports whether two neighbouring paragraphs could be one: both in the same cell, or both outside tables.
func joins(a, b body.Block) bool {
	if (a.Cell == nil) != (b.Cell == nil) || a.Kind == body.Rule || b.Kind == body.Rule {
		return false
	}
	return a.Cell == nil || *a.Cell == *b.Cell
}

// settle brings tracked changes into the one form they have in a live text and that Write expects: no blank paragraphs but in cells; a paragraph that is
// inserted or deleted as a whole has the break before it changed too, as its first words are; no break is changed that cannot go, because what stands before
// is no paragraph of the same place. Both texts stay what they were.
func settle(blocks []body.Block) []body.Block {
	blocks = withoutBlanks(blocks)
	for i := range blocks {
		x := &blocks[i]
		if opensCell(blocks, i) {
			continue // a cell stays when its text goes
		}
		x.Runs = spread(x.Runs, func(r *body.Run) **body.Change { return &r.Ins })
		x.Runs = spread(x.Runs, func(r *body.Run) **body.Change { return &r.Del })
		if c := whole(x.Runs, insertion); c != nil {
			x.Ins = c
		}
		if c := whole(x.Runs, deletion); c != nil {
			x.Del = c
		}
	}
	rows(blocks, func(x *body.Block) **body.Change { return &x.Ins }, insertion)
	rows(blocks, func(x *body.Block) **body.Change { return &x.Del }, deletion)
	loosen(blocks, before, func(x *body.Block) **body.Change { return &x.Ins })
	loosen(blocks, after, func(x *body.Block) **body.Change { return &x.Del })
	return blocks
}

func seen(s string) bool { return strings.TrimSpace(s) != "" }

// rows makes the first breaks of all cells in a row changed, or none of them: only a whole row is inserted or deleted.
func rows(blocks []body.Block, of func(*body.Block) **body.Change, how func(body.Run) *body.Change) {
	for i := 0; i < len(blocks); {
		if blocks[i].Cell == nil {
			i++
			continue
		}
		j, all := i, true
		var c *body.Change
		for ; j < len(blocks) && blocks[j].Cell != nil && blocks[j].Cell.Table == blocks[i].Cell.Table && blocks[j].Cell.Row == blocks[i].Cell.Row; j++ {
			if x := &blocks[j]; len(x.Runs) > 0 {
				all = all && *of(x) != nil && whole(x.Runs, how) != nil
				if c == nil {
					c = whole(x.Runs, how)
				}
			}
		}
		for k := i; k < j; k++ {
			x := of(&blocks[k])
			switch {
			case all && c != nil:
				*x = c
			case opensCell(blocks, k):
				*x = nil
			}
		}
		i = j
	}
}

// opensCell reports whether block i is the first in a cell. The break before it is the cell itself.
func opensCell(blocks []body.Block, i int) bool {
	return blocks[i].Cell != nil && (i == 0 || !joins(blocks[i-1], blocks[i]))
}

func insertion(r body.Run) *body.Change { return r.Ins }
func deletion(r body.Run) *body.Change  { return r.Del }

// whole is the change of the first run when all runs are changed so.
func whole(rs []body.Run, how func(body.Run) *body.Change) *body.Change {
	for _, r := range rs {
		if how(r) == nil {
			return nil
		}
	}
	if len(rs) == 0 {
		return nil
	}
	return how(rs[0])
}

// spread makes the spaces changed too in a paragraph of which nothing else is left: without the change it would be blank, and go.
func spread(rs []body.Run, of func(*body.Run) **body.Change) []body.Run {
	var c *body.Change
	for i := range rs {
		switch own := *of(&rs[i]); {
		case own != nil && c == nil:
			c = own
		case own == nil && seen(rs[i].Text):
			return rs
		}
	}
	if c == nil {
		return rs
	}
	rs = slices.Clone(rs)
	for i := range rs {
		if x := of(&rs[i]); *x == nil {
			*x = c
		}
	}
	return rs
}

// withoutBlanks drops blank paragraphs outside cells. Two paragraphs part by any break between them that stays.
func withoutBlanks(blocks []body.Block) (out []body.Block) {
	var ins, del *body.Change
	pending := false
	for _, x := range blocks {
		if x.Cell == nil && x.Kind != body.Rule && x.Kind != body.Code && x.Blank() {
			if !pending {
				ins, del = x.Ins, x.Del
			}
			ins, del = both(ins, x.Ins), both(del, x.Del)
			pending = true
			continue
		}
		if pending && x.Cell == nil {
			x.Ins, x.Del = both(x.Ins, ins), both(x.Del, del)
		}
		pending = false
		out = append(out, x)
	}
	return out
}

func both(a, b *body.Change) *body.Change {
	if b == nil {
		return nil
	}
	return a
}

// loosen unmarks breaks that could not go.
func loosen(blocks []body.Block, keep func(ins, del *body.Change) bool, of func(*body.Block) **body.Change) {
	last := -1
	for i := range blocks {
		x := &blocks[i]
		left := len(x.Runs) == 0 && x.Cell == nil
		for _, r := range x.Runs {
			left = left || keep(r.Ins, r.Del)
		}
		c := of(x)
		if *c != nil && left && (last < 0 || !joins(blocks[last], *x) || !joins(blocks[i-1], *x)) {
			*c = nil
		}
		if *c == nil {
			last = i
		}
	}
}
