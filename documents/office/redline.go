package office

import (
	"slices"
	"strings"

	"spolupis/documents/body"
	"spolupis/documents/compare"
)

// Redline is a comparison as one text with tracked changes: rejecting them all gives the words of the old text, accepting them the new one.
// What only moved is deleted and inserted; new looks of words and paragraphs are taken as they are now, for a reader of changes in the text.
func Redline(d compare.Diff, by body.Change) body.Body {
	to := cells{table: map[string]string{}, row: map[string]string{}, col: map[string]string{}}
	for _, r := range d.Rows {
		if r.Old != nil && r.New != nil && r.Old.Cell != nil && r.New.Cell != nil {
			to.learn(*r.Old.Cell, *r.New.Cell)
		}
	}
	var out []body.Block
	for _, r := range d.Rows {
		switch {
		case r.New == nil:
			x := *r.Old
			x.Cell = to.now(x.Cell)
			out = append(out, marked(x, nil, &by))
		case r.Old == nil || r.Kind == compare.Moved:
			out = append(out, marked(*r.New, &by, nil))
		default:
			x := *r.New
			x.Ins, x.Del, x.Runs = nil, nil, wordRuns(r.Words, &by)
			out = append(out, x)
		}
	}
	for i := range out {
		out[i].ID = ""
	}
	return body.Body{Blocks: settle(body.Body{Blocks: settle(out)}.Canonical().Blocks)}
}

func marked(x body.Block, ins, del *body.Change) body.Block {
	x.Ins, x.Del, x.Runs = ins, del, slices.Clone(x.Runs)
	for i := range x.Runs {
		x.Runs[i].Ins, x.Runs[i].Del = ins, del
	}
	return x
}

func wordRuns(words []compare.Word, by *body.Change) (out []body.Run) {
	for _, w := range words {
		x := body.Run{Text: w.Text, Strong: w.Strong, Em: w.Em, Code: w.Code, Link: w.Link}
		switch w.Op {
		case compare.Insert:
			x.Ins = by
		case compare.Delete:
			x.Del = by
		}
		out = append(out, x)
	}
	return out
}

// cells tells which table, row and column of the new text one of the old is: those of an import or a restored draft have other names.
type cells struct{ table, row, col map[string]string }

func (c cells) learn(old, now body.Cell) {
	if _, ok := c.table[old.Table]; !ok {
		c.table[old.Table] = now.Table
	}
	if c.table[old.Table] != now.Table {
		return
	}
	if _, ok := c.row[old.Table+"|"+old.Row]; !ok {
		c.row[old.Table+"|"+old.Row] = now.Row
	}
	if _, ok := c.col[old.Table+"|"+old.Col]; !ok {
		c.col[old.Table+"|"+old.Col] = now.Col
	}
}

func (c cells) now(old *body.Cell) *body.Cell {
	if old == nil {
		return nil
	}
	x := *old
	if t, ok := c.table[old.Table]; ok {
		x.Table = t
	}
	if r, ok := c.row[old.Table+"|"+old.Row]; ok {
		x.Row = r
	}
	if k, ok := c.col[old.Table+"|"+old.Col]; ok {
		x.Col = k
	}
	return &x
}

// Propose marks a passage as deleted and puts the wording behind it as inserted, both by the same change. A line feed in the wording starts
// a paragraph like the one the passage begins in. Comments keep their places. It refuses, with false, a passage that another change
// touches or that goes from one cell of a table to another. The blocks of d are changed in place, their runs are not.
func (d *Document) Propose(from, to Point, wording string, by body.Change) bool {
	if from.Compare(to) >= 0 || to.Block >= len(d.Body.Blocks) || !free(d.Body, from, to) {
		return false
	}
	blocks := d.Body.Blocks
	rest := strike(blocks, from, to, &by)
	home := blocks[from.Block]
	var more []body.Block
	at := &blocks[to.Block].Runs
	lines := strings.Split(wording, "\n")
	for k, line := range lines {
		if k > 0 {
			more = append(more, body.Block{Kind: home.Kind, Level: home.Level, Cell: home.Cell, Align: home.Align, Ins: &by})
			at = &more[len(more)-1].Runs
		}
		if line != "" {
			*at = append(*at, body.Run{Text: line, Ins: &by})
		}
	}
	*at = append(*at, rest...)
	if len(more) > 0 {
		d.Body.Blocks = slices.Insert(blocks, to.Block+1, more...)
	}
	for i := range d.Comments {
		c := &d.Comments[i]
		if c.From == c.To {
			continue
		}
		c.From, c.To = moved(c.From, to, true, lines), moved(c.To, to, false, lines)
	}
	return true
}

// moved is where a point is after lines were inserted at another.
func moved(p, at Point, start bool, lines []string) Point {
	switch {
	case p.Block > at.Block:
		p.Block += len(lines) - 1
	case p.Block == at.Block && (p.Offset > at.Offset || start && p.Offset == at.Offset):
		if len(lines) > 1 {
			p.Block, p.Offset = p.Block+len(lines)-1, p.Offset-max(at.Offset, 0)
		}
		p.Offset += len(lines[len(lines)-1])
	}
	return p
}

// strike marks a passage as deleted and takes out, and returns, the runs behind it in its last block.
func strike(blocks []body.Block, from, to Point, by *body.Change) (rest []body.Run) {
	for i := from.Block; i <= to.Block; i++ {
		x := &blocks[i]
		start, end := 0, len(x.Text())
		if i == from.Block {
			start = max(from.Offset, 0)
		}
		if i == to.Block {
			end = max(to.Offset, 0)
		}
		before, passage := split(x.Runs, start)
		passage, behind := split(passage, end-start)
		for k := range passage {
			passage[k].Del = by
		}
		x.Runs = append(before, passage...)
		if i == to.Block {
			rest = behind
		}
		if i > from.Block && (i < to.Block || to.Offset >= 0) || i == from.Block && from.Offset < 0 {
			x.Del = by
		}
	}
	return rest
}

// free reports whether a passage is in one place and no tracked change touches it.
func free(b body.Body, from, to Point) bool {
	for i := from.Block; i <= to.Block; i++ {
		x := b.Blocks[i]
		if i > from.Block && !joins(b.Blocks[i-1], x) || x.Ins != nil || x.Del != nil || x.Kind == body.Rule {
			return false
		}
		at := 0
		for _, r := range x.Runs {
			inside := (i > from.Block || at+len(r.Text) >= from.Offset) && (i < to.Block || at <= to.Offset)
			if inside && (r.Ins != nil || r.Del != nil) {
				return false
			}
			at += len(r.Text)
		}
	}
	return true
}

// split cuts a row of runs after n bytes, into copies.
func split(rs []body.Run, n int) (a, b []body.Run) {
	for _, r := range rs {
		switch k := min(n, len(r.Text)); {
		case k == len(r.Text):
			a = append(a, r)
			n -= k
		case k == 0:
			b = append(b, r)
		default:
			left, right := r, r
			left.Text, right.Text = r.Text[:k], r.Text[k:]
			a, b = append(a, left), append(b, right)
			n = 0
		}
	}
	return a, b
}

// Placed is the canonical form of a text, and where points of it are afterwards.
func Placed(b body.Body, points []Point) (body.Body, []Point) {
	blocks := slices.Clone(b.Blocks)
	p := placing{raw: map[string]string{}, order: map[string]int{}}
	for i := range blocks {
		blocks[i].ID = blockID(i)
		p.raw[blocks[i].ID], p.order[blocks[i].ID] = blocks[i].Text(), i
	}
	p.text = body.Body{Blocks: blocks}.Canonical()
	p.keep()
	out := make([]Point, len(points))
	for i, x := range points {
		if x.Block < len(blocks) {
			out[i] = p.find(&spot{blockID(x.Block), max(x.Offset, 0)})
		} else {
			out[i] = end(p.text)
		}
	}
	return p.text, out
}
