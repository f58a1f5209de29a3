package body

// Widest and largest table that is kept as a table. Beyond it a table is written as paragraphs: filling a ragged grid
// would otherwise multiply a hostile body by itself.
const (
	MaxColumns = 64
	MaxCells   = 50_000
)

// table adds one table, made rectangular. Two people who add a row and a column at once can leave cells out of order and
// rows short; a row is all blocks with its row id, a column stands where the rows that have it put it.
func (c *canon) table(bs []Block) {
	type place struct{ row, col string }
	var rows, cols []string
	cells := map[place][]Block{}
	heads := map[place]bool{}
	colAt := map[string]int{}
	lastCol := map[string]int{} // row -> where its latest cell stands
	for _, x := range bs {
		p := place{x.Cell.Row, x.Cell.Col}
		if _, ok := lastCol[p.row]; !ok {
			rows = append(rows, p.row)
			lastCol[p.row] = -1
		}
		at, ok := colAt[p.col]
		if !ok {
			at = lastCol[p.row] + 1
			cols = append(cols[:at:at], append([]string{p.col}, cols[at:]...)...)
			if len(cols) <= MaxColumns {
				for i := at; i < len(cols); i++ {
					colAt[cols[i]] = i
				}
				for r, l := range lastCol {
					if l >= at {
						lastCol[r] = l + 1
					}
				}
			}
		}
		if len(cols) > MaxColumns || len(rows)*len(cols) > MaxCells {
			c.flat(bs)
			return
		}
		lastCol[p.row] = at
		cells[p] = append(cells[p], x)
		if x.Cell.Head {
			heads[p] = true
		}
	}
	align := make([]string, len(cols))
	for j, col := range cols {
		for _, row := range rows {
			for _, x := range cells[place{row, col}] {
				if align[j] == "" && (x.Align == "left" || x.Align == "center" || x.Align == "right") {
					align[j] = x.Align
				}
			}
		}
	}
	// The first row is a header when all its cells say so and there is something in it.
	head, seen := true, false
	for _, col := range cols {
		p := place{rows[0], col}
		head = head && (cells[p] == nil || heads[p])
		for _, x := range cells[p] {
			seen = seen || !Block{Runs: tidy(x.Runs)}.Blank()
		}
	}
	head = head && seen
	c.open, c.gap = nil, false
	for i, row := range rows {
		for j, col := range cols {
			at := &Cell{Table: bs[0].Cell.Table, Row: row, Col: col, Head: head && i == 0}
			n := len(c.out)
			var blank *Block
			for _, x := range cells[place{row, col}] {
				x = Block{ID: x.ID, Kind: Paragraph, Cell: at, Align: align[j], Runs: tidy(x.Runs), Ins: x.Ins, Del: x.Del, Was: x.Was}
				if x.Blank() {
					x.Runs = nil
					if blank == nil {
						blank = &x
					}
					continue
				}
				c.out = append(c.out, x)
			}
			if len(c.out) > n {
				continue
			}
			if blank == nil {
				blank = &Block{Kind: Paragraph, Cell: at, Align: align[j]}
			}
			c.out = append(c.out, *blank)
		}
	}
}

// flat adds the cells of a table too large to be one as plain paragraphs.
func (c *canon) flat(bs []Block) {
	for _, x := range bs {
		x.Kind, x.Level, x.Start = Paragraph, 0, 0
		c.add(x)
	}
}

// Table is a table of a canonical body, for writers that need rows. Cells share the blocks of the body.
type Table struct {
	Head  bool        // the first of Rows is a header
	Rows  [][][]Block // row, column, blocks of the cell; every row has len(Align) columns
	Align []string    // of the columns
}

// TableAt returns the table that begins at block i of a canonical body, and the index after it; nil when block i is not in
// a table. Ask only for the first block of a table.
func (b Body) TableAt(i int) (*Table, int) {
	if i >= len(b.Blocks) || b.Blocks[i].Cell == nil {
		return nil, i
	}
	first := b.Blocks[i].Cell
	t := &Table{Head: first.Head}
	row, col := "", ""
	for j := i; ; j++ {
		if j == len(b.Blocks) || b.Blocks[j].Cell == nil || b.Blocks[j].Cell.Table != first.Table {
			return t, j
		}
		x := b.Blocks[j]
		newRow := t.Rows == nil || x.Cell.Row != row
		if newRow {
			t.Rows = append(t.Rows, nil)
		}
		r := &t.Rows[len(t.Rows)-1]
		if newRow || x.Cell.Col != col {
			*r = append(*r, nil)
			if len(t.Rows) == 1 {
				t.Align = append(t.Align, x.Align)
			}
		}
		(*r)[len(*r)-1] = append((*r)[len(*r)-1], x)
		row, col = x.Cell.Row, x.Cell.Col
	}
}
