package render

import (
	"strconv"

	"spolupis/documents/body"
	"spolupis/documents/render/pdfa"
)

var (
	plain  = style{size: 10.5, lead: 15.5}
	listed = style{size: 8.5, lead: 12.5, code: true}
	heads  = [4]style{1: {size: 17, lead: 23, bold: true}, 2: {size: 13.5, lead: 19, bold: true}, 3: {size: 11.5, lead: 16.5, bold: true}}
	above  = [4]float64{1: 10, 2: 14, 3: 10} // space before a heading, by level
)

const (
	indent   = 20.0
	quoteBar = 16.0
	gap      = 7.0 // between paragraphs
	itemGap  = 2.5
)

// drawing is a body on its way onto pages.
type drawing struct {
	*flow
	body    body.Body
	numbers []int
	lists   []openList
	quotes  []*pdfa.Element
	after   body.Kind
}

// openList is a list around the next block: its element and the body of its current item.
type openList struct {
	list, item *pdfa.Element
	kind       body.Kind
}

func (d *drawing) blocks() {
	for i := 0; i < len(d.body.Blocks); {
		x := d.body.Blocks[i]
		if x.Kind != body.Quote || x.Cell != nil {
			d.quotes, d.bars = nil, nil
		}
		if !inList(x) {
			d.lists = nil
		}
		if x.Cell != nil {
			t, next := d.body.TableAt(i)
			d.skip(gap)
			d.table(t)
			d.after, i = "table", next
			continue
		}
		switch x.Kind {
		case body.Heading:
			d.heading(i)
		case body.Bullet, body.Numbered:
			d.item(i)
		case body.Quote:
			d.quote(x)
		case body.Code:
			i = d.listing(i) - 1
		case body.Rule:
			d.rule()
		default:
			d.paragraph(x)
		}
		d.after = x.Kind
		i++
	}
}

func inList(x body.Block) bool {
	return x.Cell == nil && (x.Kind == body.Bullet || x.Kind == body.Numbered || x.Kind == body.Paragraph && x.Level > 0)
}

func (d *drawing) heading(i int) {
	x := d.body.Blocks[i]
	s := heads[x.Level]
	ls := wrap(d.chars(x.Runs, s), d.right-left, s.size)
	keep := 2 * plain.lead // something of what it heads stays with it
	if !d.fresh() {
		d.need(above[x.Level] + float64(len(ls))*s.lead + gap/2 + keep)
		d.skip(above[x.Level])
	}
	d.doc.Bookmark(x.Level, clip(x.Text()), d.page, d.y)
	d.lines(d.doc.Root.Add("H"+strconv.Itoa(x.Level)), ls, left, d.right, s, keep)
	d.y -= 1
}

func (d *drawing) paragraph(x body.Block) {
	e, x1, space := d.doc.Root, left, gap
	if x.Level > 0 {
		e, x1, space = d.lists[x.Level-1].item, left+indent*float64(x.Level), itemGap
		d.lists = d.lists[:x.Level]
	}
	if d.after != body.Heading {
		d.skip(space)
	} else {
		d.skip(3)
	}
	d.lines(e.Add("P"), wrap(d.chars(x.Runs, plain), d.right-x1, plain.size), x1, d.right, plain, 0)
}

// item draws a list item; the structure is L, LI, Lbl and LBody, nested lists inside the body (ISO 32000-1, 14.8.4.3.3).
func (d *drawing) item(i int) {
	x := d.body.Blocks[i]
	if d.lists == nil && d.after != body.Heading {
		d.skip(gap - itemGap)
	}
	d.skip(itemGap)
	fresh := len(d.lists) <= x.Level || d.lists[x.Level].kind != x.Kind || x.Start != 0
	label, how := "•", "Disc"
	if x.Level%2 == 1 {
		label = "–"
	}
	if x.Kind == body.Numbered {
		label, how = strconv.Itoa(d.numbers[i])+".", "Decimal"
	}
	if fresh {
		parent := d.doc.Root
		if x.Level > 0 {
			parent = d.lists[x.Level-1].item
		}
		d.lists = append(d.lists[:x.Level:x.Level], openList{list: parent.Add("L").Numbered(how), kind: x.Kind})
	}
	d.lists = d.lists[:x.Level+1]
	li := d.lists[x.Level].list.Add("LI")
	lbl := li.Add("Lbl")
	d.lists[x.Level].item = li.Add("LBody")

	x1 := left + indent*float64(x.Level+1)
	ls := wrap(d.chars(x.Runs, plain), d.right-x1, plain.size)
	d.need(plain.lead * float64(min(len(ls), 2)))
	var cs []char
	for _, r := range label {
		cs = d.add(cs, r, serif)
	}
	d.draw(d.page, lbl, line{chars: cs}, x1-5-d.width(serif, plain.size, label), baseline(d.y, plain.lead, plain.size), plain)
	d.lines(d.lists[x.Level].item.Add("P"), ls, x1, d.right, plain, 0)
}

func (d *drawing) quote(x body.Block) {
	depth := x.Level + 1
	if len(d.quotes) == 0 {
		d.skip(gap)
	} else {
		d.bars = d.bars[:min(depth, len(d.bars))] // the bars that go on, go on through the gap
		d.skip(gap / 2)
	}
	d.quotes = d.quotes[:min(depth, len(d.quotes))]
	for len(d.quotes) < depth {
		parent := d.doc.Root
		if n := len(d.quotes); n > 0 {
			parent = d.quotes[n-1]
		}
		d.quotes = append(d.quotes, parent.Add("BlockQuote"))
		d.bars = append(d.bars, left+quoteBar*float64(len(d.quotes)-1)+5)
	}
	x1 := left + quoteBar*float64(depth)
	d.lines(d.quotes[depth-1].Add("P"), wrap(d.chars(x.Runs, plain), d.right-x1, plain.size), x1, d.right, plain, 0)
}

// listing draws neighbouring lines of code on a grey ground and returns the index after them.
func (d *drawing) listing(i int) int {
	d.skip(gap)
	all := d.doc.Root.Add("Div")
	const pad = 6.0
	for first := true; i < len(d.body.Blocks) && d.body.Blocks[i].Cell == nil && d.body.Blocks[i].Kind == body.Code; i++ {
		e := all.Add("P").Add("Code")
		last := i+1 == len(d.body.Blocks) || d.body.Blocks[i+1].Kind != body.Code || d.body.Blocks[i+1].Cell != nil
		ls := wrap(d.chars(expand(d.body.Blocks[i].Runs), listed), d.right-left-2*pad, listed.size)
		for n, l := range ls {
			h := listed.lead
			if first {
				h += pad / 2
			}
			if last && n == len(ls)-1 {
				h += pad / 2
			}
			d.need(h)
			d.page.Artifact()
			d.page.Fill(0.945, left, d.y-h, d.right-left, h)
			at := d.y
			if first {
				at -= pad / 2
			}
			d.draw(d.page, e, l, left+pad, baseline(at, listed.lead, listed.size), listed)
			d.y -= h
			first = false
		}
	}
	return i
}

// expand replaces tabs by spaces up to the next column of four.
func expand(rs []body.Run) []body.Run {
	var out []rune
	for _, r := range (body.Block{Runs: rs}).Text() {
		if r != '\t' {
			out = append(out, r)
			continue
		}
		for {
			out = append(out, ' ')
			if len(out)%4 == 0 {
				break
			}
		}
	}
	return []body.Run{{Text: string(out)}}
}

func (d *drawing) rule() {
	d.need(2 * gap)
	d.page.Artifact()
	d.page.Line(0.5, 0.7, left, d.y-gap-2, d.right, d.y-gap-2)
	d.y -= gap + 4
}
