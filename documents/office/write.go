package office

import (
	"archive/zip"
	"bytes"
	"cmp"
	"encoding/xml"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"spolupis/documents/body"
)

// Write makes a .docx of d. The same document gives the same bytes. Read gives back its body, tracked changes and comments; of the body
// the canonical form is written.
func Write(d Document) ([]byte, error) {
	blocks := slices.Clone(d.Body.Canonical().Blocks)
	w := &writer{d: d, blocks: settle(blocks), links: map[string]string{}}
	w.comments()
	w.text()
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	for _, p := range w.parts() {
		f, err := z.Create(p.name)
		if err != nil {
			return nil, fmt.Errorf("write %s: %w", p.name, err)
		}
		if _, err := f.Write([]byte(p.xml)); err != nil {
			return nil, fmt.Errorf("write %s: %w", p.name, err)
		}
	}
	if err := z.Close(); err != nil {
		return nil, fmt.Errorf("write docx: %w", err)
	}
	return out.Bytes(), nil
}

type writer struct {
	d       Document
	blocks  []body.Block
	out     strings.Builder
	links   map[string]string // address -> relation
	targets []string          // addresses in the order of their relations
	changes int
	nums    []restart // lists, from numId 2 on; 1 is the bullets
	open    []openNum
	stands  map[int][]boundary // block -> where comments begin and end in it
	all     []written
}

// restart is a numbered list that begins with a number of its own.
type restart struct{ level, start int }

type openNum struct {
	kind body.Kind
	id   int
}

// boundary is where a comment begins or ends in a block.
type boundary struct {
	at      int
	end     bool
	comment int
}

// written is a comment or an answer as the file numbers it.
type written struct {
	author string
	at     time.Time
	text   string
	done   bool
	parent int // -1 = none
}

// comments numbers the comments and finds out where they stand.
func (w *writer) comments() {
	w.stands = map[int][]boundary{}
	for _, c := range w.d.Comments {
		first := len(w.all)
		w.all = append(w.all, written{c.Author, c.At, c.Text, c.Done, -1})
		for _, r := range c.Replies {
			w.all = append(w.all, written{r.Author, r.At, r.Text, c.Done, first})
		}
		from, to := w.clip(c.From), w.clip(c.To)
		if from.Compare(to) >= 0 {
			from, to = Point{}, Point{}
		}
		for id := first; id < len(w.all); id++ {
			w.stands[from.Block] = append(w.stands[from.Block], boundary{from.Offset, false, id})
			w.stands[to.Block] = append(w.stands[to.Block], boundary{to.Offset, true, id})
		}
	}
	for _, b := range w.stands {
		slices.SortStableFunc(b, func(x, y boundary) int {
			if x.at == y.at && x.comment == y.comment {
				return 0
			}
			return cmp.Compare(x.at, y.at)
		})
	}
}

func (w *writer) clip(p Point) Point {
	if p.Block >= len(w.blocks) {
		return end(body.Body{Blocks: w.blocks})
	}
	return Point{p.Block, min(max(p.Offset, 0), len(w.blocks[p.Block].Text()))}
}

// text writes the blocks.
func (w *writer) text() {
	own := w.marks()
	if len(w.blocks) == 0 {
		w.out.WriteString("<w:p>")
		w.runs(body.Block{}, 0)
		w.out.WriteString("</w:p>")
	}
	for i := 0; i < len(w.blocks); {
		if w.blocks[i].Cell != nil {
			w.open = nil
			i = w.table(i, own)
			continue
		}
		w.paragraph(i, own[i])
		i++
	}
	// Two tables in a row would be one, and a document cannot end with a table.
	if n := len(w.blocks); n > 0 && w.blocks[n-1].Cell != nil {
		w.out.WriteString("<w:p/>")
	}
}

// mark is the tracked change of the mark that ends a paragraph.
type mark struct{ ins, del *body.Change }

// marks turns changes of the break before a block into changes of the mark at the end of a paragraph: of its own where all of it is inserted or
// deleted and the mark is free, else of the one before. It is how Word writes them, and rejecting then leaves the neighbours as they were.
func (w *writer) marks() []mark {
	out := make([]mark, len(w.blocks))
	place := func(of func(*body.Block) *body.Change, how func(body.Run) *body.Change, put func(*mark, *body.Change)) {
		own := make([]bool, len(w.blocks)+1)
		for i := len(w.blocks) - 1; i >= 0; i-- {
			last := i+1 == len(w.blocks) || !joins(w.blocks[i], w.blocks[i+1])
			own[i] = of(&w.blocks[i]) != nil && whole(w.blocks[i].Runs, how) != nil && !last && (of(&w.blocks[i+1]) == nil || own[i+1])
		}
		for i := range w.blocks {
			switch c := of(&w.blocks[i]); {
			case c == nil || opensCell(w.blocks, i):
			case own[i]:
				put(&out[i], c)
			case i > 0 && joins(w.blocks[i-1], w.blocks[i]):
				put(&out[i-1], c)
			}
		}
	}
	place(func(x *body.Block) *body.Change { return x.Ins }, insertion, func(m *mark, c *body.Change) { m.ins = c })
	place(func(x *body.Block) *body.Change { return x.Del }, deletion, func(m *mark, c *body.Change) { m.del = c })
	return out
}

func (w *writer) paragraph(i int, m mark) {
	x := w.blocks[i]
	w.out.WriteString("<w:p><w:pPr>")
	if s := paragraphStyle(x); s != "" {
		w.out.WriteString(`<w:pStyle w:val="` + s + `"/>`)
	}
	w.list(x)
	if x.Cell != nil && x.Align != "" {
		w.out.WriteString(`<w:jc w:val="` + x.Align + `"/>`)
	}
	if m.ins != nil || m.del != nil {
		w.out.WriteString("<w:rPr>")
		if m.ins != nil {
			w.change("ins", m.ins, "/>")
		}
		if m.del != nil {
			w.change("del", m.del, "/>")
		}
		w.out.WriteString("</w:rPr>")
	}
	w.was(x)
	w.out.WriteString("</w:pPr>")
	w.runs(x, i)
	w.out.WriteString("</w:p>")
}

// was writes what a paragraph was before a proposed change of its style. The number of an item follows from the list around it, which the
// item would join again: here it counts from what it carried.
func (w *writer) was(x body.Block) {
	if x.Was == nil || x.Cell != nil {
		return
	}
	old := body.Block{Kind: x.Was.Kind, Level: x.Was.Level, Start: x.Was.Start}
	w.change("pPrChange", &x.Was.Change, "><w:pPr>")
	if s := paragraphStyle(old); s != "" {
		w.out.WriteString(`<w:pStyle w:val="` + s + `"/>`)
	}
	switch old.Kind {
	case body.Bullet:
		w.member(old.Level, 1)
	case body.Numbered:
		w.nums = append(w.nums, restart{old.Level, max(old.Start, 1)})
		w.member(old.Level, len(w.nums)+1)
	}
	w.out.WriteString("</w:pPr></w:pPrChange>")
}

func (w *writer) member(level, list int) {
	fmt.Fprintf(&w.out, `<w:numPr><w:ilvl w:val="%d"/><w:numId w:val="%d"/></w:numPr>`, level, list)
}

func paragraphStyle(x body.Block) string {
	switch x.Kind {
	case body.Heading:
		return "Heading" + strconv.Itoa(x.Level)
	case body.Quote:
		if x.Level > 0 {
			return "Quote" + strconv.Itoa(x.Level+1)
		}
		return "Quote"
	case body.Code:
		return "SourceCode"
	case body.Rule:
		return "HorizontalLine"
	case body.Bullet, body.Numbered:
		return "ListParagraph"
	}
	if x.Level > 1 {
		return "ListContinue" + strconv.Itoa(x.Level)
	} else if x.Level == 1 {
		return "ListContinue"
	}
	return ""
}

// list writes which list an item belongs to. Every list that begins, or counts from another number, is a list of its own.
func (w *writer) list(x body.Block) {
	switch {
	case x.Kind == body.Paragraph && x.Level > 0:
		w.open = w.open[:min(x.Level, len(w.open))]
		return
	case x.Kind != body.Bullet && x.Kind != body.Numbered:
		w.open = nil
		return
	}
	at := min(x.Level, len(w.open))
	if at == len(w.open) || w.open[at].kind != x.Kind || x.Start != 0 {
		n := openNum{x.Kind, 1}
		if x.Kind == body.Numbered {
			w.nums = append(w.nums, restart{x.Level, max(x.Start, 1)})
			n.id = len(w.nums) + 1
		}
		w.open = append(w.open[:at:at], n)
	}
	w.open = w.open[:at+1]
	w.member(x.Level, w.open[at].id)
}

// runs writes the text of block i, cut where comments begin and end.
func (w *writer) runs(x body.Block, i int) {
	stands := w.stands[i]
	at := 0
	upTo := func(n int) {
		for len(stands) > 0 && stands[0].at <= n {
			w.boundary(stands[0])
			stands = stands[1:]
		}
	}
	upTo(0)
	for _, r := range x.Runs {
		for r.Text != "" {
			n := len(r.Text)
			if len(stands) > 0 {
				n = min(n, stands[0].at-at)
			}
			piece := r
			piece.Text, r.Text = r.Text[:n], r.Text[n:]
			w.run(piece)
			at += n
			upTo(at)
		}
	}
	upTo(at)
}

func (w *writer) boundary(b boundary) {
	if !b.end {
		fmt.Fprintf(&w.out, `<w:commentRangeStart w:id="%d"/>`, b.comment)
		return
	}
	fmt.Fprintf(&w.out, `<w:commentRangeEnd w:id="%d"/><w:r><w:rPr><w:rStyle w:val="CommentReference"/></w:rPr><w:commentReference w:id="%d"/></w:r>`, b.comment, b.comment)
}

var bookmark = regexp.MustCompile(`^#[A-Za-z][A-Za-z0-9_]{0,39}$`)

func (w *writer) run(r body.Run) {
	ends := ""
	switch {
	case bookmark.MatchString(r.Link):
		w.out.WriteString(`<w:hyperlink w:anchor="` + r.Link[1:] + `">`)
		ends = "</w:hyperlink>"
	case r.Link != "":
		w.out.WriteString(`<w:hyperlink r:id="` + w.relation(r.Link) + `">`)
		ends = "</w:hyperlink>"
	}
	tag := "w:t"
	if r.Ins != nil {
		w.change("ins", r.Ins, ">")
		ends = "</w:ins>" + ends
	}
	if r.Del != nil {
		w.change("del", r.Del, ">")
		ends, tag = "</w:del>"+ends, "w:delText"
	}
	w.out.WriteString("<w:r>")
	w.runProps(r)
	for k, t := range strings.Split(r.Text, "\t") {
		if k > 0 {
			w.out.WriteString("<w:tab/>")
		}
		if t != "" {
			w.out.WriteString("<" + tag + ` xml:space="preserve">` + escape(t) + "</" + tag + ">")
		}
	}
	w.out.WriteString("</w:r>" + ends)
}

func (w *writer) runProps(r body.Run) {
	props := looks(r.Strong, r.Em, r.Code, r.Link)
	was := r.Was
	if was != nil && was.Strong == r.Strong && was.Em == r.Em && was.Code == r.Code {
		was = nil // of a link, which is no property of its text
	}
	if props == "" && was == nil {
		return
	}
	w.out.WriteString("<w:rPr>" + props)
	if was != nil {
		w.change("rPrChange", &was.Change, "><w:rPr>"+looks(was.Strong, was.Em, was.Code, was.Link)+"</w:rPr></w:rPrChange>")
	}
	w.out.WriteString("</w:rPr>")
}

// looks are the properties of a run with these marks.
func looks(strong, em, code bool, link string) (props string) {
	switch {
	case code:
		props = `<w:rStyle w:val="SourceText"/>`
	case link != "":
		props = `<w:rStyle w:val="Hyperlink"/>`
	}
	if strong {
		props += "<w:b/>"
	}
	if em {
		props += "<w:i/>"
	}
	return props
}

func (w *writer) relation(href string) string {
	id := w.links[href]
	if id == "" {
		w.targets = append(w.targets, href)
		id = "rLink" + strconv.Itoa(len(w.targets))
		w.links[href] = id
	}
	return id
}

// change opens a tracked change (ECMA-376 part 1, 17.13.5).
func (w *writer) change(name string, c *body.Change, ends string) {
	w.changes++
	fmt.Fprintf(&w.out, `<w:%s w:id="%d" w:author="%s"`, name, 100_000+w.changes, escape(cmp.Or(c.By, "?")))
	if c.At != 0 {
		w.out.WriteString(` w:date="` + stamp(time.UnixMilli(c.At).UTC()) + `"`)
	}
	w.out.WriteString(ends)
}

// stamp writes a date as Word does: what the clock on the wall says, called UTC.
func stamp(t time.Time) string { return t.Format("2006-01-02T15:04:05Z") }

// table writes the table that begins at block i and returns the index after it.
func (w *writer) table(i int, own []mark) int {
	t, after := body.Body{Blocks: w.blocks}.TableAt(i)
	if i > 0 && w.blocks[i-1].Cell != nil {
		w.out.WriteString("<w:p/>")
	}
	widths := w.widths(len(t.Align))
	w.out.WriteString(`<w:tbl><w:tblPr><w:tblStyle w:val="TableGrid"/><w:tblW w:w="5000" w:type="pct"/>`)
	if t.Head {
		w.out.WriteString(`<w:tblLook w:val="0020" w:firstRow="1" w:lastRow="0" w:firstColumn="0" w:lastColumn="0" w:noHBand="1" w:noVBand="1"/>`)
	}
	w.out.WriteString(`</w:tblPr><w:tblGrid>`)
	for _, width := range widths {
		fmt.Fprintf(&w.out, `<w:gridCol w:w="%d"/>`, width)
	}
	w.out.WriteString("</w:tblGrid>")
	for n, row := range t.Rows {
		w.out.WriteString("<w:tr>")
		w.rowProps(row, t.Head && n == 0)
		for k, cell := range row {
			fmt.Fprintf(&w.out, `<w:tc><w:tcPr><w:tcW w:w="%d" w:type="dxa"/></w:tcPr>`, widths[k])
			for range cell {
				w.paragraph(i, own[i])
				i++
			}
			w.out.WriteString("</w:tc>")
		}
		w.out.WriteString("</w:tr>")
	}
	w.out.WriteString("</w:tbl>")
	return after
}

// widths are those of the columns of a table, in twentieths of a point.
func (w *writer) widths(n int) []int {
	width, sum := 9000, n // of the text on an A4 page
	if w.d.Landscape {
		width = 14570
	}
	shares := w.d.Columns
	if len(shares) != n {
		shares = slices.Repeat([]int{1}, n)
	} else {
		sum = 0
		for _, s := range shares {
			sum += s
		}
	}
	out := make([]int, n)
	for i, s := range shares {
		out[i] = width * s / sum
	}
	return out
}

func (w *writer) rowProps(row [][]body.Block, head bool) {
	ins, del := row[0][0].Ins, row[0][0].Del
	if !head && ins == nil && del == nil {
		return
	}
	w.out.WriteString("<w:trPr>")
	if head {
		w.out.WriteString("<w:tblHeader/>")
	}
	if ins != nil {
		w.change("ins", ins, "/>")
	}
	if del != nil {
		w.change("del", del, "/>")
	}
	w.out.WriteString("</w:trPr>")
}

func escape(s string) string {
	var b strings.Builder
	xml.EscapeText(&b, []byte(s)) // a Builder takes everything
	return b.String()
}
