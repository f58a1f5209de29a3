package office

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"spolupis/documents/body"
)

// piece is a paragraph break or a run, with what tracked changes do to it.
type piece struct {
	block    int // in the tracked body
	at       int // bytes from the start of the block's text; -1 for the break
	brk      bool
	text     string // "\n" for a break
	cell     *body.Cell
	ins, del *body.Change
	old      int // where it stands in the flat text before the changes
}

func (p *piece) changed() bool { return p.ins != nil || p.del != nil }

// proposal is a stretch of neighbouring changed pieces.
type proposal struct {
	first, end int // pieces
	from, to   int // in the flat text before the changes
	old, word  string
	changes    []body.Change
	loose      bool // no comment could carry it as a wording
}

// Proposals is what becomes of tracked changes in a text that has none: the text before the changes, and one comment for each
// change, anchored at the passage, with the wording that would replace it. Accepting them all, in any order, gives the words of After.
// A mere insertion takes the word beside it into its passage, because a passage cannot be empty. What cannot be a wording (rows and
// cells of tables, text into an empty cell, very long texts) is a comment with Gone and Added. The comments of d
// stay; one that stands exactly on a changed passage gets the wording. Positions are those of the returned body.
func (d Document) Proposals(longest int) (body.Body, []Comment) {
	p := proposing{pieces: pieces(d.Body), longest: longest}
	p.gather()
	p.anchor()
	text, at := p.original(d.Body)
	var out []Comment
	taken := map[*proposal]bool{}
	for _, c := range d.Comments {
		if c.From != c.To {
			from, to := p.find(c.From), p.find(c.To)
			g := p.at(from, to)
			if from >= to && g != nil {
				from, to = g.from, g.to
			} else if g != nil && !taken[g] && !g.loose && c.Proposed == nil && len(c.Changes) == 0 {
				taken[g] = true
				c.Proposed, c.Changes = &g.word, g.changes
			}
			c.From, c.To = at(from), at(to)
			if from >= to {
				c.From, c.To = Point{}, Point{}
			}
		}
		out = append(out, c)
	}
	for i := range p.groups {
		if g := &p.groups[i]; !taken[g] {
			if c := p.comment(g, at); c.Proposed != nil || c.Gone+c.Added != "" {
				out = append(out, c)
			}
		}
	}
	slices.SortStableFunc(out, func(a, b Comment) int { return a.From.Compare(b.From) })
	return text, out
}

// Compare orders places as they stand in the text.
func (a Point) Compare(b Point) int {
	if a.Block != b.Block {
		return a.Block - b.Block
	}
	return a.Offset - b.Offset
}

type proposing struct {
	pieces  []piece
	groups  []proposal
	longest int       // characters of a wording
	text    body.Body // before the changes
	starts  []int     // breaks of text
}

func pieces(b body.Body) (out []piece) {
	flat := 0
	add := func(p piece) {
		p.old = flat
		if p.ins == nil {
			flat += len(p.text)
		}
		out = append(out, p)
	}
	for i, x := range b.Blocks {
		add(piece{block: i, at: -1, brk: true, text: "\n", cell: x.Cell, ins: x.Ins, del: x.Del})
		n := 0
		for _, r := range x.Runs {
			add(piece{block: i, at: n, text: r.Text, cell: x.Cell, ins: r.Ins, del: r.Del})
			n += len(r.Text)
		}
	}
	return out
}

// gather makes the groups. A group does not go from one cell of a table to another.
func (p *proposing) gather() {
	open := false
	for i := range p.pieces {
		x := &p.pieces[i]
		if !x.changed() {
			open = false
			continue
		}
		if !open || x.brk && i > 0 && !sameCell(p.pieces[i-1].cell, x.cell) {
			p.groups = append(p.groups, proposal{first: i, from: x.old})
			open = true
		}
		g := &p.groups[len(p.groups)-1]
		g.end = i + 1
		if x.brk && (i == 0 || !sameCell(p.pieces[i-1].cell, x.cell)) {
			g.loose = x.cell != nil || i > 0 && p.pieces[i-1].cell != nil && x.del == nil
		}
	}
	for i := range p.groups {
		p.fill(&p.groups[i])
	}
}

func sameCell(a, b *body.Cell) bool { return a == nil && b == nil || a != nil && b != nil && *a == *b }

// fill gathers what the pieces of a group say.
func (p *proposing) fill(g *proposal) {
	var old, word strings.Builder
	named := map[body.Change]bool{}
	for _, x := range p.pieces[g.first:g.end] {
		if x.ins == nil {
			old.WriteString(x.text)
		}
		if x.del == nil {
			word.WriteString(x.text)
		}
		for _, c := range []*body.Change{x.ins, x.del} {
			if c == nil || len(g.changes) == maxNamed {
				continue
			}
			if who := (body.Change{By: c.By, At: c.At}); !named[who] {
				named[who] = true
				g.changes = append(g.changes, who)
			}
		}
	}
	g.old, g.word = old.String(), word.String()
	g.to = g.from + len(g.old)
}

// anchor gives every group a passage a person can see, and sets aside those that cannot have one.
func (p *proposing) anchor() {
	taken := 0 // bytes of the piece behind the last group that are in its passage
	var out []proposal
	for _, g := range p.groups {
		between, right := p.plain(g.first-1), p.plain(g.end)
		if len(out) == 0 || out[len(out)-1].end != g.first-1 {
			taken = 0
		}
		was := taken
		between, taken = between[min(taken, len(between)):], 0
		if strings.TrimSpace(g.old) == "" && !g.loose {
			switch left, right := lastWord(between), firstWord(right); {
			case seen(left):
				g.from -= len(left)
				g.old, g.word = left+g.old, left+g.word
			case was > 0: // the group before took the only word there was between
				last := &out[len(out)-1]
				last.join(g, between)
				continue
			case seen(right):
				taken = len(right)
				g.to += taken
				g.old, g.word = g.old+right, g.word+right
			case g.old == "":
				taken = p.turn(&g)
				g.loose = taken == 0
			}
		}
		if g.word == g.old {
			continue // only marks changed
		}
		g.loose = g.loose || utf8.RuneCountInString(g.word) > p.longest
		if last := len(out) - 1; last >= 0 && g.loose && out[last].loose && out[last].end == g.first {
			out[last].join(g, "")
			continue
		}
		out = append(out, g)
	}
	p.groups = out
}

// turn is for paragraphs inserted before all others: "¶new" and then "¶old" is as well "¶" and then "new¶old", which has a word to stand on. It
// returns how much of the paragraph behind is in the passage, 0 when there is none.
func (p *proposing) turn(g *proposal) int {
	first := p.pieces[g.first]
	if !first.brk || g.end >= len(p.pieces) || !p.pieces[g.end].brk || p.pieces[g.end].changed() || !sameCell(first.cell, p.pieces[g.end].cell) {
		return 0
	}
	word := firstWord(p.plain(g.end + 1))
	if !seen(word) {
		return 0
	}
	g.end++
	g.from++
	g.to = g.from + len(word)
	g.old, g.word = word, strings.TrimPrefix(g.word, "\n")+"\n"+word
	return len(word)
}

// join takes the group behind into g, with what stands between.
func (g *proposal) join(next proposal, between string) {
	g.end, g.to = next.end, next.to
	g.old, g.word = g.old+between+next.old, g.word+between+next.word
	g.changes = append(g.changes, next.changes...)
}

func seen(s string) bool { return strings.TrimSpace(s) != "" }

// plain is the text of piece i when it stands there before and after the changes.
func (p *proposing) plain(i int) string {
	if i < 0 || i >= len(p.pieces) || p.pieces[i].brk || p.pieces[i].changed() {
		return ""
	}
	return p.pieces[i].text
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

// original returns the text before the changes, and where an offset in its flat text is.
func (p *proposing) original(b body.Body) (body.Body, func(int) Point) {
	raw := resolve(b, before)
	for i := range raw.Blocks {
		raw.Blocks[i].ID = blockID(i)
	}
	p.text = raw.Canonical()
	text := p.text
	index := map[string]int{}
	for i := range text.Blocks {
		index[text.Blocks[i].ID] = i
		text.Blocks[i].ID = ""
	}
	starts := breaks(raw)
	p.starts = breaks(text)
	return text, func(at int) Point {
		i, found := slices.BinarySearch(starts, at)
		if !found {
			i--
		}
		if i < 0 {
			return Point{0, -1}
		}
		k, ok := index[raw.Blocks[i].ID]
		if !ok { // a blank paragraph that was dropped: the next that is there
			for i++; i < len(raw.Blocks); i++ {
				if k, ok = index[raw.Blocks[i].ID]; ok {
					return Point{k, -1}
				}
			}
			return end(text)
		}
		return Point{k, min(at-starts[i]-1, len(text.Blocks[k].Text()))}
	}
}

// breaks are the places of the breaks before the blocks in the flat text.
func breaks(raw body.Body) (out []int) {
	at := 0
	for _, x := range raw.Blocks {
		out = append(out, at)
		at += 1 + len(x.Text())
	}
	return out
}

func end(b body.Body) Point {
	if n := len(b.Blocks); n > 0 {
		return Point{n - 1, len(b.Blocks[n-1].Text())}
	}
	return Point{}
}

// find turns a place in the tracked body into one in the flat text before the changes.
func (p *proposing) find(x Point) int {
	i, found := slices.BinarySearchFunc(p.pieces, x, func(y piece, x Point) int { return Point{y.block, y.at}.Compare(x) })
	if !found {
		i--
	}
	if i < 0 {
		return 0
	}
	y := p.pieces[i]
	if y.ins != nil {
		return y.old
	}
	if y.brk && x.Offset >= 0 {
		return y.old + 1
	}
	return y.old + min(max(x.Offset-y.at, 0), len(y.text))
}

// at is the group that changes exactly the passage, or the one a comment on an empty passage stands in.
func (p *proposing) at(from, to int) *proposal {
	i, _ := slices.BinarySearchFunc(p.groups, from, func(g proposal, at int) int { return g.to - at })
	for ; i < len(p.groups) && p.groups[i].from <= from; i++ {
		g := &p.groups[i]
		if from >= to {
			if !g.loose && g.from < g.to {
				return g
			}
			continue
		}
		// The passage of a comment does not reach over breaks at its edges.
		text := strings.Trim(g.old, "\n")
		if start := g.from + strings.Index(g.old, text); text != "" && (from == g.from || from == start) && (to == g.to || to == start+len(text)) {
			return g
		}
	}
	return nil
}

// flat is the place of a point of the text before the changes in its flat text.
func (p *proposing) flat(x Point) int {
	if x.Block >= len(p.starts) {
		return 0
	}
	return p.starts[x.Block] + 1 + x.Offset
}

func (p *proposing) comment(g *proposal, at func(int) Point) Comment {
	c := Comment{From: at(g.from), To: at(g.to), Changes: g.changes}
	if p.flat(c.From) >= p.flat(c.To) { // only spaces that went with a blank paragraph
		c.From, c.To = Point{}, Point{}
		g.loose = true
	}
	for i := c.From.Block; i <= c.To.Block && i < len(p.text.Blocks); i++ {
		// What stood before the first line of a cell was blank and is gone: the break is now the cell's own.
		whole := i > c.From.Block || c.From.Offset < 0
		g.loose = g.loose || whole && opensCell(p.text.Blocks, i) && (i < c.To.Block || c.To.Offset >= 0)
	}
	if g.loose {
		c.Gone, c.Added = strings.TrimSpace(g.old), strings.TrimSpace(g.word)
		return c
	}
	c.Proposed = &g.word
	return c
}
