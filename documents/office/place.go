package office

import (
	"sort"
	"strings"
	"unicode"
	"unicode/utf8"

	"spolupis/documents/body"
)

// spot is a place in the text while it is being read: a block, and bytes of its text as the file has it.
type spot struct {
	block string
	at    int
}

// here is the place reached.
func (r *reader) here() *spot {
	if r.cur != nil {
		return &spot{r.cur.ID, r.cur.size}
	}
	if n := len(r.blocks); n > 0 {
		return &spot{r.blocks[n-1].ID, r.blocks[n-1].size}
	}
	return &spot{"", 0}
}

// mark notes where the passage of a comment begins or ends.
func (r *reader) mark(id string, from bool) {
	c := r.spans[id]
	if c == nil {
		return
	}
	if from {
		c.from = r.here()
	} else {
		c.to = r.here()
	}
}

// refer notes where the mark of a comment stands; it is the place of a comment without a passage.
func (r *reader) refer(id string) {
	if c := r.spans[id]; c != nil && c.to == nil {
		c.to = r.here()
	}
}

// finish makes the document of what was read.
func (r *reader) finish() (Document, error) {
	blocks := r.marks()
	r.blocks = nil
	raw := map[string]string{} // text of each block as the file has it
	order := map[string]int{}
	for i, x := range blocks {
		raw[x.ID], order[x.ID] = x.Text(), i
	}
	text := body.Body{Blocks: settle(blocks)}.Canonical()
	// Canonical may have dropped blank cells' paragraphs or joined runs; changes are settled again on what is there.
	text = body.Body{Blocks: settle(text.Blocks)}
	renumber(text.Blocks)
	if err := r.joinedSize(text.Blocks); err != nil {
		return Document{}, err
	}
	if n := revisions(text.Blocks); n > MaxChanges {
		return Document{}, refuse("changes", r.main, MaxChanges, "%d tracked changes", n)
	}
	p := placing{raw: raw, order: order, text: text}
	p.keep()
	d := Document{Body: text, Left: r.left.list()}
	d.Comments = r.threads(&p)
	return d, nil
}

// joinedSize refuses a text whose tracked changes would join paragraphs into one that is too long.
func (r *reader) joinedSize(blocks []body.Block) error {
	for _, keep := range []func(ins, del *body.Change) bool{before, after} {
		size := 0
		for _, x := range blocks {
			if keep(x.Ins, x.Del) {
				size = 0
			}
			for _, run := range x.Runs {
				if keep(run.Ins, run.Del) {
					size += len(run.Text)
				}
			}
			if size > 2*body.MaxParagraph { // signs grow in normal form
				return refuse("paragraph", r.main, body.MaxParagraph>>10, "paragraphs joined to one of more than %d bytes", body.MaxParagraph)
			}
		}
	}
	return nil
}

// marks puts the tracked changes of paragraph marks, which end a paragraph, on the break before the next one; that of a paragraph inserted
// or deleted as a whole on its own, so that the others keep theirs. Lines of a table of contents go.
func (r *reader) marks() []body.Block {
	var out []paragraph
	for _, x := range r.blocks {
		if x.Kind != contentsLine {
			out = append(out, x)
		}
	}
	move := func(i int, c *body.Change, of func(*body.Block) **body.Change, how func(body.Run) *body.Change) {
		own := of(&out[i].Block)
		switch next := i + 1; {
		case c == nil:
		case *own == nil && whole(out[i].Runs, how) != nil && !out[i].continued && (out[i].Cell == nil || i > 0 && joins(out[i-1].Block, out[i].Block)):
			*own = c
		case next < len(out) && joins(out[i].Block, out[next].Block):
			*of(&out[next].Block) = c
		}
	}
	blocks := make([]body.Block, len(out))
	for i := range out {
		move(i, out[i].markIns, func(x *body.Block) **body.Change { return &x.Ins }, insertion)
		move(i, out[i].markDel, func(x *body.Block) **body.Change { return &x.Del }, deletion)
	}
	for i := range out {
		blocks[i] = out[i].Block
	}
	return blocks
}

// renumber takes away the numbers that follow from the order: Start stays where a number is out of turn.
func renumber(blocks []body.Block) {
	type list struct {
		kind body.Kind
		next int
	}
	var open []list
	for i := range blocks {
		x := &blocks[i]
		switch {
		case x.Cell != nil || x.Kind != body.Bullet && x.Kind != body.Numbered && (x.Kind != body.Paragraph || x.Level == 0):
			open = nil
		case x.Kind == body.Paragraph:
			open = open[:min(x.Level, len(open))]
		default:
			at := min(x.Level, len(open))
			if at == len(open) || open[at].kind != x.Kind {
				open = append(open[:at:at], list{x.Kind, 1})
			}
			open = open[:at+1]
			if x.Start == open[at].next {
				x.Start = 0
			}
			if x.Start != 0 {
				open[at].next = x.Start
			}
			open[at].next++
		}
	}
}

// placing finds places of the file in the canonical text.
type placing struct {
	raw   map[string]string
	order map[string]int // of all blocks, by id
	kept  []int          // order of the blocks of the canonical text
	text  body.Body
}

// keep notes which blocks are in the canonical text, and takes their ids away.
func (p *placing) keep() {
	last := 0
	for i := range p.text.Blocks {
		if at, ok := p.order[p.text.Blocks[i].ID]; ok { // not a cell that the table lacked
			last = at
		}
		p.kept = append(p.kept, last)
		p.text.Blocks[i].ID = ""
	}
}

func (p *placing) find(s *spot) Point {
	at, ok := p.order[s.block]
	if !ok { // a line of a table of contents, or before the first block
		return Point{0, 0}
	}
	i := sort.SearchInts(p.kept, at)
	switch {
	case i == len(p.kept):
		return end(p.text)
	case p.kept[i] != at:
		return Point{i, 0}
	}
	text := p.text.Blocks[i].Text()
	raw := p.raw[s.block]
	n := min(len(body.Clean(raw[:min(s.at, len(raw))])), len(text))
	for n > 0 && n < len(text) && !utf8.RuneStart(text[n]) {
		n--
	}
	return Point{i, n}
}

// passage is what a comment stands on. An empty one at the very beginning is how Write says "the whole document".
func (p *placing) passage(from, to *spot) (Point, Point) {
	if from == nil {
		from = to
	}
	if to == nil {
		to = from
	}
	if to == nil {
		return Point{}, Point{}
	}
	a, b := p.find(from), p.find(to)
	if a.Compare(b) < 0 && a.Offset == len(p.text.Blocks[a.Block].Text()) && a.Block < b.Block {
		a = Point{a.Block + 1, 0}
	}
	if a.Compare(b) < 0 && b.Offset == 0 {
		b = Point{b.Block - 1, len(p.text.Blocks[b.Block-1].Text())}
	}
	if a.Compare(b) < 0 {
		return a, b
	}
	if b == (Point{}) {
		return Point{}, Point{}
	}
	return p.word(b)
}

// word is the passage of a comment that has only a point: the word before it, or behind.
func (p *placing) word(at Point) (Point, Point) {
	if at.Block >= len(p.text.Blocks) {
		return Point{}, Point{}
	}
	text := p.text.Blocks[at.Block].Text()
	before, behind := text[:at.Offset], text[at.Offset:]
	if w := lastWord(before); strings.TrimSpace(w) != "" {
		return Point{at.Block, at.Offset - len(w)}, at
	}
	if w := firstWord(behind); strings.TrimSpace(w) != "" {
		return at, Point{at.Block, at.Offset + len(w)}
	}
	return Point{}, Point{}
}

func end(b body.Body) Point {
	if n := len(b.Blocks); n > 0 {
		return Point{n - 1, len(b.Blocks[n-1].Text())}
	}
	return Point{}
}

func lastWord(s string) string {
	end := len(strings.TrimRightFunc(s, unicode.IsSpace))
	return s[strings.LastIndexFunc(s[:end], unicode.IsSpace)+1:]
}

func firstWord(s string) string {
	start := len(s) - len(strings.TrimLeftFunc(s, unicode.IsSpace))
	if n := strings.IndexFunc(s[start:], unicode.IsSpace); n >= 0 {
		return s[:start+n]
	}
	return s
}

// threads are the comments with their answers, in the order of the file.
func (r *reader) threads(p *placing) (out []Comment) {
	at := map[*remark]int{}
	for _, c := range r.comments {
		if c.root() != c {
			continue
		}
		x := c.Comment
		x.From, x.To = p.passage(c.from, c.to)
		at[c] = len(out)
		out = append(out, x)
	}
	for _, c := range r.comments {
		if i, ok := at[c.root()]; ok && c.parent != nil && c.root() != c {
			out[i].Replies = append(out[i].Replies, Reply{c.Author, c.At, c.Text})
		}
	}
	return out
}
