package office

import (
	"encoding/xml"

	"spolupis/documents/body"
)

// grid is a table being read.
type grid struct {
	id     string
	cols   []string
	merged bool
}

func (g *grid) col(r *reader, n int) string {
	for len(g.cols) <= n {
		g.cols = append(g.cols, r.id())
	}
	return g.cols[n]
}

// table reads <w:tbl> (ECMA-376 part 1, 17.4.37). One inside a cell becomes lines of the cell, one for each row.
func (r *reader) table() error {
	r.item = -1
	if r.cell > 0 || r.inNotes {
		r.left.add("nested", "")
		return r.p.children(func(e *xml.StartElement) error {
			if nameOf(e) == "w:tr" {
				return r.innerRow()
			}
			return r.p.children(r.rowLevel)
		})
	}
	g := &grid{id: r.id()}
	first := true
	var level func(e *xml.StartElement) error
	level = func(e *xml.StartElement) error {
		switch nameOf(e) {
		case "w:tr":
			err := r.row(g, first)
			first = false
			return err
		case "w:sdt":
			return r.control(level)
		case "w:tblPr", "w:tblGrid", "w:tblPrEx":
			return r.tableProps()
		case "w:sdtPr":
			return r.p.skip()
		case "w:commentRangeStart", "w:commentRangeEnd":
			return r.block(e)
		}
		return r.p.children(level)
	}
	err := r.p.children(level)
	if g.merged {
		r.left.add("merged", "")
	}
	return err
}

// tableProps passes over the looks of a table and notes that a change of them was tracked.
func (r *reader) tableProps() error {
	return r.p.children(func(e *xml.StartElement) error {
		switch nameOf(e) {
		case "w:tblPrChange", "w:tblGridChange", "w:tblPrExChange":
			r.left.add("table_change", changeOf(e).By)
		}
		return r.p.skip()
	})
}

// rowLevel passes over what stands between the rows of an inner table.
func (r *reader) rowLevel(e *xml.StartElement) error {
	if nameOf(e) == "w:tr" {
		return r.innerRow()
	}
	return r.p.children(r.rowLevel)
}

// innerRow joins the cells of a row into lines of the outer cell.
func (r *reader) innerRow() error {
	return r.p.children(func(e *xml.StartElement) error {
		if nameOf(e) == "w:tc" {
			return r.story()
		}
		return r.p.skip()
	})
}

// row reads <w:tr> (17.4.78).
func (r *reader) row(g *grid, first bool) error {
	id, at, head := r.id(), 0, false
	var ins, del *body.Change
	from := len(r.blocks)
	var level func(e *xml.StartElement) error
	level = func(e *xml.StartElement) (err error) {
		switch nameOf(e) {
		case "w:trPr":
			return r.p.children(func(e *xml.StartElement) error {
				switch nameOf(e) {
				case "w:tblHeader":
					head = on(e) && first
				case "w:gridBefore":
					at = number(val(e), 0, 0, body.MaxColumns+1)
				case "w:ins":
					ins = changeOf(e)
				case "w:del":
					del = changeOf(e)
				case "w:trPrChange":
					r.left.add("table_change", changeOf(e).By)
				}
				return r.p.skip()
			})
		case "w:tc":
			at, err = r.tableCell(g, id, at)
			return err
		case "w:sdt":
			return r.control(level)
		case "w:tblPrEx", "w:sdtPr":
			return r.p.skip()
		case "w:commentRangeStart", "w:commentRangeEnd":
			return r.block(e)
		}
		return r.p.children(level)
	}
	if err := r.p.children(level); err != nil {
		return err
	}
	for i := from; i < len(r.blocks); i++ {
		x := &r.blocks[i]
		x.Cell.Head = head
		r.whole(x, ins, del)
	}
	return nil
}

// whole marks all of a block as changed with its row.
func (r *reader) whole(x *paragraph, ins, del *body.Change) {
	if ins == nil && del == nil {
		return
	}
	x.Ins, x.Del = ins, del
	for i := range x.Runs {
		if x.Runs[i].Ins == nil {
			x.Runs[i].Ins = ins
		}
		if x.Runs[i].Del == nil {
			x.Runs[i].Del = del
		}
	}
}

// tableCell reads <w:tc> (17.4.65) and returns the column after it.
func (r *reader) tableCell(g *grid, row string, at int) (int, error) {
	if at >= body.MaxColumns {
		return 0, refuse("columns", r.p.name, body.MaxColumns, "a table of more than %d columns", body.MaxColumns)
	}
	if r.made >= MaxBlocks {
		return 0, refuse("cells", r.p.name, MaxBlocks, "more than %d paragraphs and cells", MaxBlocks)
	}
	span, follows := 1, false
	from := len(r.blocks)
	r.cell++
	err := r.p.children(func(e *xml.StartElement) error {
		if nameOf(e) != "w:tcPr" {
			return r.block(e)
		}
		return r.p.children(func(e *xml.StartElement) error {
			switch nameOf(e) {
			case "w:gridSpan":
				span = number(val(e), 1, 1, body.MaxColumns)
			case "w:vMerge":
				follows = val(e) != "restart"
			case "w:cellIns", "w:cellDel", "w:cellMerge", "w:tcPrChange":
				r.left.add("table_change", changeOf(e).By)
			}
			return r.p.skip()
		})
	})
	r.cell--
	if len(r.blocks) == from {
		r.begin(paragraph{Block: body.Block{Kind: body.Paragraph}})
		r.end()
	}
	g.merged = g.merged || span > 1 || follows
	for i := from; i < len(r.blocks); i++ {
		x := &r.blocks[i]
		x.Cell = &body.Cell{Table: g.id, Row: row, Col: g.col(r, at)}
		if x.Kind == body.Heading {
			for k := range x.Runs {
				x.Runs[k].Strong = true
			}
		}
		x.Kind, x.Level, x.Start = body.Paragraph, 0, 0
	}
	for k := range span - 1 { // the columns a joined cell covers
		if at+1+k < body.MaxColumns {
			g.col(r, at+1+k)
		}
	}
	return at + span, err
}
