package body

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Format names the rules by which Markdown writes. It goes into the manifest of a frozen version and changes when the same
// body would give other bytes.
const Format = "spolupis-markdown/1"

// ErrTrackedChanges says that a body still holds proposed insertions or deletions. Which text would be frozen is for a
// person to decide, so Markdown refuses.
var ErrTrackedChanges = errors.New("body has tracked changes")

// Markdown writes the canonical Markdown of b: UTF-8, line feeds, one block per line, a line feed at the end; an empty body
// gives no bytes. The only error a caller can cause is ErrTrackedChanges. Before it returns, the result is read back with
// goldmark and compared with b; a difference would be a bug here and is reported, never stored.
func Markdown(b Body) ([]byte, error) {
	if b.HasTrackedChanges() {
		return nil, ErrTrackedChanges
	}
	c := b.Canonical()
	w := writer{body: c, numbers: c.Numbers()}
	for i := 0; i < len(c.Blocks); {
		i = w.block(i)
	}
	md := []byte(w.String())
	if i, ok := sameBlocks(c.Blocks, reread(md).Blocks); !ok {
		return nil, fmt.Errorf("write Markdown: goldmark reads block %d otherwise", i)
	}
	return md, nil
}

type writer struct {
	strings.Builder
	body    Body
	numbers []int
	lists   []list // open around the next block, outermost first
	after   Kind   // kind of the block before; "" at the start
}

type list struct {
	kind   Kind
	indent int  // column where the item's text starts
	delim  byte // '.' or ')'
}

// block writes block i, or the whole table or listing that begins there, and returns the index of the next.
func (w *writer) block(i int) int {
	x := &w.body.Blocks[i]
	if x.Cell != nil {
		w.part()
		return w.table(i)
	}
	switch x.Kind {
	case Code:
		w.part()
		return w.listing(i)
	case Rule:
		w.part()
		w.WriteString("---\n")
	case Heading:
		w.part()
		w.WriteString(strings.Repeat("#", x.Level) + " " + w.inline(x, false) + "\n")
	case Quote:
		w.quote(x)
	case Bullet, Numbered:
		w.item(x, w.numbers[i])
	default:
		if x.Level > 0 {
			w.lists = w.lists[:x.Level]
			w.WriteString("\n" + strings.Repeat(" ", w.lists[x.Level-1].indent) + w.inline(x, false) + "\n")
			break
		}
		w.part()
		w.WriteString(w.inline(x, false) + "\n")
	}
	w.after = x.Kind
	return i + 1
}

// part ends open lists and leaves the blank line between blocks.
func (w *writer) part() {
	w.lists = nil
	if w.Len() > 0 {
		w.WriteByte('\n')
	}
}

// inline writes the text of a block and puts into the block what was given up.
func (w *writer) inline(x *Block, table bool) string {
	s, rs := inlineMarkdown(x.Runs, table)
	x.Runs = rejoin(rs)
	return s
}

func (w *writer) quote(x *Block) {
	mark := strings.Repeat("> ", x.Level+1)
	if w.after == Quote {
		w.WriteString(">\n") // the same quotation goes on
		w.lists = nil
	} else {
		w.part()
	}
	w.WriteString(mark + w.inline(x, false) + "\n")
}

func (w *writer) item(x *Block, number int) {
	indent, delim := 0, byte('.')
	if x.Level > 0 {
		indent = w.lists[x.Level-1].indent
	}
	fresh := len(w.lists) <= x.Level || w.lists[x.Level].kind != x.Kind || x.Start != 0
	if len(w.lists) > x.Level {
		delim = w.lists[x.Level].delim
		if fresh && w.lists[x.Level].kind == x.Kind {
			delim ^= '.' ^ ')' // the other delimiter is how Markdown parts two lists in a row
		}
		w.lists = w.lists[:x.Level+1]
	} else {
		w.lists = append(w.lists, list{})
	}
	// A list may follow its paragraph directly only when it counts from one.
	if fresh && (x.Level == 0 || number > 1) && w.Len() > 0 || w.after == Paragraph {
		w.WriteByte('\n')
	}
	mark := "- "
	if x.Kind == Numbered {
		mark = strconv.Itoa(number) + string(delim) + " "
	}
	w.lists[x.Level] = list{x.Kind, indent + len(mark), delim}
	w.WriteString(strings.Repeat(" ", indent) + mark + w.inline(x, false) + "\n")
}

// listing writes neighbouring lines of code between fences longer than any backticks inside.
func (w *writer) listing(i int) int {
	j, fence := i, 3
	for ; j < len(w.body.Blocks) && w.body.Blocks[j].Cell == nil && w.body.Blocks[j].Kind == Code; j++ {
		run := 0
		for _, r := range w.body.Blocks[j].Text() {
			if r != '`' {
				run = 0
				continue
			}
			run++
			fence = max(fence, run+1)
		}
	}
	f := strings.Repeat("`", fence) + "\n"
	w.WriteString(f)
	for ; i < j; i++ {
		w.WriteString(w.body.Blocks[i].Text() + "\n")
	}
	w.WriteString(f)
	w.after = Code
	return j
}

func (w *writer) table(i int) int {
	t, end := w.body.TableAt(i)
	at := i
	row := func(cells [][]Block) {
		for _, c := range cells {
			w.WriteString("| ")
			for k := range c {
				if k > 0 {
					w.WriteString("<br>")
				}
				w.WriteString(w.inline(&w.body.Blocks[at], true))
				at++
			}
			if c[0].Runs != nil {
				w.WriteByte(' ')
			}
		}
		w.WriteString("|\n")
	}
	rows := t.Rows
	if t.Head {
		row(rows[0])
		rows = rows[1:]
	} else {
		w.WriteString(strings.Repeat("| ", len(t.Align)) + "|\n")
	}
	for _, a := range t.Align {
		w.WriteString(map[string]string{"left": "| :--- ", "center": "| :---: ", "right": "| ---: "}[a])
		if a == "" {
			w.WriteString("| --- ")
		}
	}
	w.WriteString("|\n")
	for _, r := range rows {
		row(r)
	}
	w.after = "table"
	return end
}

// sameBlocks compares two canonical rows of blocks but for ids; it returns the first block that differs.
func sameBlocks(a, b []Block) (int, bool) {
	ids := map[string]string{}
	same := func(x, y string) bool {
		if v, ok := ids[x]; ok {
			return v == y
		}
		ids[x] = y
		return true
	}
	table := ""
	for i := range a {
		if i >= len(b) {
			return i, false
		}
		x, y := a[i], b[i]
		if x.Kind != y.Kind || x.Level != y.Level || x.Start != y.Start || x.Align != y.Align || (x.Cell == nil) != (y.Cell == nil) || !sameRuns(x.Runs, y.Runs) {
			return i, false
		}
		if x.Cell == nil {
			table = ""
			continue
		}
		if x.Cell.Table != table { // row and column ids mean something only inside one table
			table = x.Cell.Table
			clear(ids)
		}
		if x.Cell.Head != y.Cell.Head || !same("t", y.Cell.Table) || !same("r"+x.Cell.Row, y.Cell.Row) || !same("c"+x.Cell.Col, y.Cell.Col) {
			return i, false
		}
	}
	return len(a), len(a) == len(b)
}
