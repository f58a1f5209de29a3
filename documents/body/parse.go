package body

import (
	"bytes"
	"crypto/sha256"
	"encoding/base32"
	"strconv"
	"strings"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	east "github.com/yuin/goldmark/extension/ast"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/text"
	"github.com/yuin/goldmark/util"
)

var (
	reader     = goldmark.New(goldmark.WithExtensions(extension.Table)).Parser()
	blocksOnly = goldmark.New(goldmark.WithExtensions(extension.Table), goldmark.WithParser(parser.NewParser(
		parser.WithBlockParsers(parser.DefaultBlockParsers()...),
		parser.WithInlineParsers(util.Prioritized(nothing{}, 1)),
		parser.WithParagraphTransformers(parser.DefaultParagraphTransformers()...),
	))).Parser()
)

// nothing is an inline parser that no character triggers.
type nothing struct{}

func (nothing) Trigger() []byte                                      { return []byte{0} }
func (nothing) Parse(ast.Node, text.Reader, parser.Context) ast.Node { return nil }

// Parse reads Markdown from outside (CommonMark with tables) into a canonical Body without ids. Text is never dropped: what
// the flat model has no shape for keeps its words in the nearest shape it has.
//
//   - headings 4–6 become 3; a heading inside a list or quote becomes bold text there
//   - raw HTML stays as visible text; only <br> is understood, as a line break
//   - a line break inside a paragraph starts the next paragraph of the same kind (there are no lines inside a block)
//   - a quote inside a list becomes a paragraph of its item, a list inside a quote a list; a table ends the list it is in
//   - a picture keeps its description, linked to its address; a link's title stays in brackets behind its text; a link
//     to anything but http, https, mailto or a relative address keeps its text only; unused link definitions stay as text
//   - the language name of a code block and rules inside lists are left out: they are not text
//
// Bad input gives a *ParseError; the limits are the constants Max….
func Parse(md []byte) (Body, error) {
	md = lines(md)
	if err := scan(md); err != nil {
		return Body{}, err
	}
	if err := shape(md); err != nil {
		return Body{}, err
	}
	return reread(md), nil
}

// Reread reads bytes that Markdown wrote, of any size. The renderers use it, so that what is drawn is what the bytes say
// and not what was in memory.
func Reread(md []byte) Body { return reread(lines(md)) }

// lines takes the byte order mark and the three conventions of line ends away.
func lines(md []byte) []byte {
	md = bytes.TrimPrefix(md, []byte("\ufeff"))
	if bytes.IndexByte(md, '\r') >= 0 {
		md = bytes.ReplaceAll(md, []byte("\r\n"), []byte("\n"))
		md = bytes.ReplaceAll(md, []byte("\r"), []byte("\n"))
	}
	return md
}

func reread(md []byte) Body {
	p := &parsing{md: md, used: map[string]bool{}}
	doc := reader.Parse(text.NewReader(md))
	p.references(doc)
	p.blocks(doc, place{list: -1, quote: -1})
	return Body{Blocks: p.out}.Canonical()
}

// parsing turns goldmark's tree into blocks.
type parsing struct {
	md   []byte
	out  []Block
	used map[string]bool // labels of link definitions some link stands on
	ids  int
	salt []byte
}

// place is where in the tree a block stands.
type place struct {
	list  int  // depth of the innermost list, -1 outside
	kind  Kind // of that list
	quote int  // depth of quotes, -1 outside
	item  *int // how many blocks the innermost item has given so far
	start int  // number of that item when it begins a list
}

func (p *parsing) blocks(n ast.Node, at place) {
	for c := n.FirstChild(); c != nil; c = c.NextSibling() {
		p.block(c, at)
	}
}

func (p *parsing) block(n ast.Node, at place) {
	switch v := n.(type) {
	case *ast.Heading:
		if at.list < 0 && at.quote < 0 {
			p.paragraphs(p.inline(v, Run{}), Block{Kind: Heading, Level: v.Level})
			return
		}
		p.text(p.inline(v, Run{Strong: true}), at)
	case *ast.Paragraph, *ast.TextBlock:
		p.text(p.inline(n, Run{}), at)
	case *ast.Blockquote:
		at.quote++
		p.blocks(n, at)
	case *ast.List:
		p.list(v, at)
	case *ast.ThematicBreak:
		if at.list < 0 && at.quote < 0 {
			p.out = append(p.out, Block{Kind: Rule})
		}
	case *ast.FencedCodeBlock, *ast.CodeBlock:
		p.code(n, at)
	case *ast.HTMLBlock:
		p.raw(n.Lines(), at)
		if v.HasClosure() {
			p.text([]Run{{Text: trimLine(v.ClosureLine.Value(p.md))}}, at)
		}
	case *ast.LinkReferenceDefinition:
		if _, ok := SafeLink(string(v.Destination)); !ok || len(v.Title) > 0 || !p.used[label(v.Label)] {
			p.raw(n.Lines(), at)
		}
	case *east.Table:
		p.table(v)
	default:
		if n.Type() == ast.TypeBlock && n.HasChildren() {
			p.blocks(n, at)
		}
	}
}

// text adds a paragraph where it stands; a run that is a line break cuts it in two.
func (p *parsing) text(rs []Run, at place) {
	for _, part := range cut(rs) {
		x := Block{Kind: Paragraph, Runs: part}
		switch {
		case at.list >= 0:
			x.Level = at.list + 1
			if *at.item == 0 {
				x.Kind, x.Level, x.Start = at.kind, at.list, at.start
			}
			*at.item++
		case at.quote >= 0:
			x.Kind, x.Level = Quote, at.quote
		}
		p.out = append(p.out, x)
	}
}

// paragraphs adds one block per line of rs.
func (p *parsing) paragraphs(rs []Run, like Block) {
	for _, part := range cut(rs) {
		like.Runs = part
		p.out = append(p.out, like)
	}
}

// lineBreak is the text of a run that ends a line.
const lineBreak = "\n"

func cut(rs []Run) [][]Run {
	var out [][]Run
	from := 0
	for i := 0; i <= len(rs); i++ {
		if i == len(rs) || rs[i].Text == lineBreak {
			out = append(out, rs[from:i:i])
			from = i + 1
		}
	}
	return out
}

func (p *parsing) list(l *ast.List, at place) {
	at.list++
	at.kind = Bullet
	if l.IsOrdered() {
		at.kind = Numbered
	}
	first := true
	for it := l.FirstChild(); it != nil; it = it.NextSibling() {
		n := 0
		at.item, at.start = &n, 0
		if first && l.IsOrdered() {
			at.start = max(l.Start, 1)
		}
		first = false
		if c := it.FirstChild(); c == nil || c.Kind() != ast.KindParagraph && c.Kind() != ast.KindTextBlock && c.Kind() != ast.KindHeading {
			p.text(nil, at) // an item without a text of its own
		}
		p.blocks(it, at)
	}
}

func (p *parsing) code(n ast.Node, at place) {
	for i := 0; i < n.Lines().Len(); i++ {
		seg := n.Lines().At(i)
		line := strings.TrimSuffix(string(seg.Value(p.md)), "\n")
		if at.list < 0 && at.quote < 0 {
			p.out = append(p.out, Block{Kind: Code, Runs: []Run{{Text: line}}})
		} else if strings.TrimSpace(line) != "" {
			p.text([]Run{{Text: line, Code: true}}, at)
		}
	}
}

// raw keeps source lines as text.
func (p *parsing) raw(ls *text.Segments, at place) {
	for i := 0; i < ls.Len(); i++ {
		seg := ls.At(i)
		if t := trimLine(seg.Value(p.md)); t != "" {
			p.text([]Run{{Text: t}}, at)
		}
	}
}

func trimLine(b []byte) string { return strings.TrimSpace(string(b)) }

func (p *parsing) table(t *east.Table) {
	table := p.id()
	var cols []string
	for range t.Alignments {
		cols = append(cols, p.id())
	}
	for r := t.FirstChild(); r != nil; r = r.NextSibling() {
		row, j := p.id(), 0
		head := r.Kind() == east.KindTableHeader
		from, blank := len(p.out), true
		for c := r.FirstChild(); c != nil && j < len(cols); c = c.NextSibling() {
			x := Block{Kind: Paragraph, Cell: &Cell{Table: table, Row: row, Col: cols[j], Head: head}}
			switch t.Alignments[j] {
			case east.AlignLeft:
				x.Align = "left"
			case east.AlignCenter:
				x.Align = "center"
			case east.AlignRight:
				x.Align = "right"
			}
			rs := p.inline(c, Run{})
			blank = blank && (Block{Runs: tidy(rs)}).Blank()
			p.paragraphs(rs, x)
			j++
		}
		if head && blank && r.NextSibling() != nil {
			p.out = p.out[:from] // Markdown cannot have a table without a header; an empty one means none
		}
	}
}

// id returns an identifier that looks random and is the same for the same input.
func (p *parsing) id() string {
	if p.salt == nil {
		sum := sha256.Sum256(p.md)
		p.salt = sum[:]
	}
	p.ids++
	sum := sha256.Sum256(strconv.AppendInt(p.salt[:len(p.salt):len(p.salt)], int64(p.ids), 10))
	return strings.ToLower(base32.StdEncoding.EncodeToString(sum[:5]))
}
