package body

import (
	"strings"

	"golang.org/x/text/unicode/norm"
)

const (
	maxListLevel  = 8 // deeper items stay at this depth
	maxQuoteLevel = 7
)

// Canonical is the tidy form of b, the one that is frozen, compared and drawn: text cleaned, equal neighbouring runs
// joined, blank paragraphs dropped, every level possible where it stands, tables rectangular. It never drops a visible
// character, and the canonical form of a canonical body is itself. b is not changed; runs may be shared.
func (b Body) Canonical() Body {
	c := canon{}
	for i := 0; i < len(b.Blocks); {
		x := b.Blocks[i]
		if x.Cell == nil {
			c.add(x)
			i++
			continue
		}
		var cells []Block
		cells, i = tableRun(b.Blocks, i)
		c.table(cells)
	}
	return Body{Blocks: c.out}
}

// tableRun returns the blocks of the table that begins at i, and the index after them. A blank paragraph that strayed
// between its cells does not cut the table in two.
func tableRun(bs []Block, i int) ([]Block, int) {
	id := bs[i].Cell.Table
	var cells []Block
	end := i
	for j := i; j < len(bs); j++ {
		switch x := bs[j]; {
		case x.Cell != nil && x.Cell.Table == id:
			cells = append(cells, x)
			end = j + 1
		case x.Cell != nil || x.Kind == Code || x.Kind == Rule || !(Block{Runs: tidy(x.Runs)}).Blank():
			return cells, end
		}
	}
	return cells, end
}

// canon builds the canonical row of blocks.
type canon struct {
	out  []Block
	open []openList // the lists around the next block, outermost first
	gap  bool       // a blank paragraph was dropped since the last block: a numbered list after it starts anew
}

type openList struct {
	kind Kind
	next int // number the next item would carry
	skip int // number of the item after dropped blank ones; 0 = none dropped
}

func (c *canon) add(x Block) {
	x.Cell, x.Align = nil, ""
	x.Runs = tidy(x.Runs)
	if x.Kind == "" {
		x.Kind = Paragraph
	}
	if x.Kind == Rule && !x.Blank() {
		x.Kind = Paragraph // text under a rule is text
	}
	switch x.Kind {
	case Bullet, Numbered:
		c.item(x)
	case Heading:
		x.Level = min(max(x.Level, 1), 3)
		c.plain(x)
	case Quote:
		x.Level = min(max(x.Level, 0), maxQuoteLevel)
		c.plain(x)
	case Rule:
		x.Runs, x.Level = nil, 0
		c.plain(x)
	case Code:
		x.Level = 0
		x.Runs = unmarked(x.Runs)
		c.plain(x)
	case Paragraph:
		x.Level = min(max(x.Level, 0), len(c.open))
		if x.Level == 0 {
			c.plain(x)
		} else if !x.Blank() {
			c.open = c.open[:x.Level]
			x.Start = 0
			c.out = append(c.out, x)
			c.gap = false
		}
	default:
		x.Kind, x.Level = Paragraph, 0
		c.plain(x)
	}
}

// plain adds a block that stands outside lists.
func (c *canon) plain(x Block) {
	if x.Kind != Code && x.Kind != Rule && x.Blank() {
		c.gap = true
		return
	}
	x.Start = 0
	c.open, c.gap = nil, false
	c.out = append(c.out, x)
}

// item adds a list item. Numbers are part of a resolution's meaning, so a blank item that is dropped, or a blank paragraph
// that used to part two lists, leaves its trace in Start.
func (c *canon) item(x Block) {
	x.Level = min(max(x.Level, 0), len(c.open), maxListLevel)
	fresh := len(c.open) == x.Level || c.open[x.Level].kind != x.Kind
	if !fresh && c.gap && x.Level == 0 && x.Kind == Numbered && x.Start == 0 {
		x.Start = 1
	}
	if x.Kind == Bullet || x.Start < 0 || x.Start > maxNumber {
		x.Start = 0
	}
	if x.Blank() {
		if fresh {
			if x.Level < len(c.open) {
				c.open = c.open[:x.Level]
			}
			return // nothing hangs on it yet; what follows moves up a level
		}
		c.open = c.open[:x.Level+1]
		l := &c.open[x.Level]
		if x.Start != 0 {
			l.next = x.Start
		}
		l.next++
		l.skip = l.next
		return
	}
	if fresh {
		c.open = append(c.open[:x.Level:x.Level], openList{kind: x.Kind, next: 1})
		if x.Start == 1 {
			x.Start = 0
		}
	}
	c.open = c.open[:x.Level+1]
	l := &c.open[x.Level]
	if x.Start == 0 && l.skip != 0 && x.Kind == Numbered {
		x.Start = l.skip
	}
	l.skip = 0
	if x.Start != 0 {
		l.next = x.Start
	}
	l.next++
	if l.next > maxNumber {
		l.next = 1
	}
	c.gap = false
	c.out = append(c.out, x)
}

// maxNumber keeps list numbers within the nine digits Markdown knows.
const maxNumber = 900_000_000

// Number returns the numbers of the items of a canonical body: for every numbered item the number it shows, 0 for all
// other blocks.
func (b Body) Numbers() []int {
	out := make([]int, len(b.Blocks))
	var open []openList
	for i, x := range b.Blocks {
		switch {
		case x.Cell != nil || x.Kind != Bullet && x.Kind != Numbered && !(x.Kind == Paragraph && x.Level > 0):
			open = nil
		case x.Kind == Paragraph:
			open = open[:min(x.Level, len(open))]
		default:
			lv := min(x.Level, len(open))
			if lv == len(open) || open[lv].kind != x.Kind {
				open = append(open[:lv:lv], openList{kind: x.Kind, next: 1})
			}
			open = open[:lv+1]
			if x.Kind == Numbered {
				if x.Start != 0 {
					open[lv].next = x.Start
				}
				out[i] = open[lv].next
				open[lv].next++
			}
		}
	}
	return out
}

// tidy cleans the text of runs and joins neighbours that look alike. A combining character belongs to the run of the letter
// it stands on, so that the joined text of the block is in normal form C too.
func tidy(rs []Run) []Run {
	var out []Run
	var tail []byte // combining characters that belong to the last of out; added at once
	join := func() {
		if len(tail) > 0 {
			out[len(out)-1].Text += string(tail)
			tail = tail[:0]
		}
	}
	for _, r := range rs {
		r.Text = strings.Map(cleanRune, r.Text)
		if r.Link != "" {
			r.Link, _ = SafeLink(r.Link)
		}
		if n := len(out); n > 0 && r.Text != "" {
			k := norm.NFC.FirstBoundaryInString(r.Text)
			if k < 0 {
				k = len(r.Text)
			}
			tail = append(tail, r.Text[:k]...)
			r.Text = r.Text[k:]
		}
		if r.Text != "" {
			join()
			out = append(out, r)
		}
	}
	join()
	out = rejoin(out)
	for i := range out {
		if !plain(out[i].Text) {
			out[i].Text = norm.NFC.String(out[i].Text)
		}
	}
	return out
}

// rejoin joins neighbours that have become alike.
func rejoin(rs []Run) []Run {
	out := rs[:0]
	for i := 0; i < len(rs); {
		end := i + 1
		for end < len(rs) && alike(rs[i], rs[end]) {
			end++
		}
		r := rs[i]
		if end > i+1 {
			r.Text = Block{Runs: rs[i:end]}.Text() // at once: a run added to a run again and again would cost the square
		}
		out = append(out, r)
		i = end
	}
	return out
}

func alike(a, b Run) bool {
	return a.Strong == b.Strong && a.Em == b.Em && a.Code == b.Code && a.Link == b.Link && sameChange(a.Ins, b.Ins) && sameChange(a.Del, b.Del) && sameLooks(a.Was, b.Was)
}

func sameLooks(a, b *Looks) bool {
	return a == b || a != nil && b != nil && *a == *b
}

func sameChange(a, b *Change) bool {
	return a == b || a != nil && b != nil && *a == *b
}

func unmarked(rs []Run) []Run {
	out := make([]Run, len(rs))
	for i, r := range rs {
		out[i] = Run{Text: r.Text, Ins: r.Ins, Del: r.Del, Was: r.Was}
	}
	return rejoin(out)
}
