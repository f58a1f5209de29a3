package render

import (
	gomath "math"

	"spolupis/documents/body"
	"spolupis/documents/render/pdfa"
)

const (
	padX = 5.0
	padY = 3.5
)

// tableSizes are tried from the largest until the longest words fit.
var tableSizes = []style{{size: 9.5, lead: 13}, {size: 8.5, lead: 11.5}, {size: 7.5, lead: 10.5}, {size: 6.5, lead: 9}}

// grid is a table being drawn.
type grid struct {
	*drawing
	style   style
	pad     float64   // beside the text of a cell
	columns []float64 // inner widths
	align   []string
	rows    []gridRow
	head    bool
	element *pdfa.Element
	group   *pdfa.Element // THead or TBody
}

// gridRow is a row cut into lines; cells share the height.
type gridRow struct {
	cells [][]cellLine
	lines int
}

// cellLine is a line of a cell and the paragraph it belongs to.
type cellLine struct {
	line
	paragraph int
}

func (d *drawing) table(t *body.Table) {
	g := &grid{drawing: d, align: t.Align, head: t.Head, element: d.doc.Root.Add("Table")}
	g.fit(t)
	for i := range g.rows {
		switch {
		case i == 0 && g.head:
			g.group = g.element.Add("THead")
			next := 0.0
			if len(g.rows) > 1 { // a header never stands alone at the foot of a page
				next = min(g.height(1), 8*g.style.lead)
			}
			g.need(g.height(0) + next)
		case i == 0 || i == 1 && g.head:
			g.group = g.element.Add("TBody")
		}
		g.row(i)
	}
}

// fit chooses the type size and the widths of columns, and breaks all cells into lines. Every column gets its longest word;
// what is left is shared in proportion to what the columns would like.
func (g *grid) fit(t *body.Table) {
	n := len(t.Align)
	g.pad = min(padX, (g.right-left)/float64(6*n))
	available := g.right - left - float64(n)*2*g.pad
	var chars [][][][]char // row, column, paragraph
	least, most := make([]float64, n), make([]float64, n)
	for k, s := range tableSizes {
		g.style = s
		sum := 0.0
		chars = chars[:0]
		for j := range least {
			least[j], most[j] = 0, 0
		}
		for i, row := range t.Rows {
			bold := s
			bold.bold = t.Head && i == 0
			var cells [][][]char
			for j, cell := range row {
				var ps [][]char
				for _, x := range cell {
					cs := g.chars(x.Runs, bold)
					word, all := widest(cs, s.size)
					least[j], most[j] = max(least[j], word+0.5), max(most[j], all+0.5)
					ps = append(ps, cs)
				}
				cells = append(cells, ps)
			}
			chars = append(chars, cells)
		}
		for _, w := range least {
			sum += w
		}
		if sum <= available || k == len(tableSizes)-1 {
			break
		}
	}
	g.columns = share(least, most, available)
	for _, cells := range chars {
		var r gridRow
		for j, ps := range cells {
			var ls []cellLine
			for k, p := range ps {
				for _, l := range wrap(p, g.columns[j], g.style.size) {
					ls = append(ls, cellLine{l, k})
				}
			}
			r.cells = append(r.cells, ls)
			r.lines = max(r.lines, len(ls))
		}
		g.rows = append(g.rows, r)
	}
}

// share divides the available width among columns. Columns that need little get it, so that a name does not break beside a
// column with slack; the others share the rest by the square root of what they would like.
func share(least, most []float64, available float64) []float64 {
	sumLeast, sumMost := 0.0, 0.0
	for j := range least {
		sumLeast += least[j]
		sumMost += most[j]
	}
	out := make([]float64, len(least))
	if sumLeast >= available || sumMost <= available {
		for j := range out {
			if sumLeast >= available { // words will be cut
				out[j] = available * max(least[j], 1) / max(sumLeast, 1)
			} else {
				out[j] = most[j] + (available-sumMost)/float64(len(out))
			}
		}
		return out
	}
	copy(out, least)
	rest := available - sumLeast
	hungry := map[int]bool{}
	for j := range out {
		hungry[j] = true
	}
	for again := true; again; {
		again = false
		weight := 0.0
		for j := range out { // in order: sums of floats depend on it
			if hungry[j] {
				weight += gomath.Sqrt(most[j])
			}
		}
		for j := range out {
			if part := rest * gomath.Sqrt(most[j]) / weight; hungry[j] && least[j]+part >= most[j] {
				out[j] = most[j]
				rest -= most[j] - least[j]
				weight -= gomath.Sqrt(most[j])
				delete(hungry, j)
				again = true
			}
		}
		if !again {
			for j := range out {
				if hungry[j] {
					out[j] += rest * gomath.Sqrt(most[j]) / weight
				}
			}
		}
	}
	return out
}

func (g *grid) height(i int) float64 { return float64(g.rows[i].lines)*g.style.lead + 2*padY }

// row draws row i. A row that fits on no page is cut between lines; on each new page the header comes again.
func (g *grid) row(i int) {
	r := g.rows[i]
	element := g.group.Add("TR")
	cells := make([]*pdfa.Element, len(r.cells))
	paragraphs := make([]map[int]*pdfa.Element, len(r.cells))
	for j := range cells {
		if g.head && i == 0 {
			cells[j] = element.Add("TH").Heads()
		} else {
			cells[j] = element.Add("TD")
		}
		paragraphs[j] = map[int]*pdfa.Element{}
	}
	part := func(j, paragraph int) *pdfa.Element {
		e := paragraphs[j][paragraph]
		if e == nil {
			e = cells[j].Add("P")
			paragraphs[j][paragraph] = e
		}
		return e
	}
	again := g.head && i > 0
	full := g.top - bottom // of a page for this row
	if again {
		full -= g.height(0)
	}
	for from := 0; ; {
		rest := r.lines - from
		room := int((g.y - bottom - 2*padY) / g.style.lead)
		if rest <= room {
			g.slice(i, from, r.lines, part)
			return
		}
		splits := g.height(i) > full || from > 0
		if splits && room >= 3 {
			g.slice(i, from, from+room, part)
			from += room
		}
		fresh := g.fresh()
		g.newPage()
		if again {
			g.slice(0, 0, g.rows[0].lines, nil)
		}
		if fresh && !splits {
			g.slice(i, from, r.lines, part) // not even an empty page is high enough: cannot happen, but must not loop
			return
		}
	}
}

// slice draws lines from–to of a row with its borders. Without part it is the repeated header: furniture.
func (g *grid) slice(i, from, to int, part func(j, paragraph int) *pdfa.Element) {
	h := float64(to-from)*g.style.lead + 2*padY
	g.page.Artifact()
	if g.head && i == 0 {
		g.page.Fill(0.925, left, g.y-h, g.right-left, h)
	}
	x := left
	for j := range g.columns {
		w := g.columns[j] + 2*g.pad
		g.page.Line(0.55, 0.5, x, g.y, x, g.y-h)
		x += w
	}
	g.page.Line(0.55, 0.5, g.right, g.y, g.right, g.y-h)
	g.page.Line(0.55, 0.5, left, g.y, g.right, g.y)
	g.page.Line(0.55, 0.5, left, g.y-h, g.right, g.y-h)
	x = left
	for j, ls := range g.rows[i].cells {
		for k := from; k < min(to, len(ls)); k++ {
			l, at := ls[k], x+g.pad
			switch g.align[j] {
			case "right":
				at += g.columns[j] - l.width
			case "center":
				at += (g.columns[j] - l.width) / 2
			}
			var e *pdfa.Element
			if part != nil {
				e = part(j, l.paragraph)
			}
			g.draw(g.page, e, l.line, at, baseline(g.y-padY-float64(k-from)*g.style.lead, g.style.lead, g.style.size), g.style)
		}
		x += g.columns[j] + 2*g.pad
	}
	g.y -= h
}
