package pdfa

import (
	"strconv"
)

// A4 in points.
const (
	Width  = 595.276
	Height = 841.890
)

// Page is a page being drawn. All drawing belongs either to an element (Mark) or to the furniture of the page (Artifact),
// as ISO 19005-2, 6.7.2.2 demands.
type Page struct {
	doc      *Document
	index    int
	content  []byte
	owners   []*Element // element of each marked content
	open     *Element
	artifact bool
	links    []*link
}

// link is a link annotation.
type link struct {
	page    *Page
	rect    [4]float64
	uri     string
	text    string
	element *Element
	object  int
}

// Page adds an empty page.
func (d *Document) Page() *Page {
	p := &Page{doc: d, index: len(d.pages)}
	d.pages = append(d.pages, p)
	return p
}

// Pages is the number of pages so far.
func (d *Document) Pages() []*Page { return d.pages }

// Mark makes what is drawn next part of the element.
func (p *Page) Mark(e *Element) {
	if p.open != e {
		p.mark(e, "")
	}
}

func (p *Page) mark(e *Element, properties string) {
	p.end()
	id := len(p.owners)
	p.owners = append(p.owners, e)
	e.kids = append(e.kids, kid{page: p, content: id})
	p.op("/" + e.tag + " <</MCID " + strconv.Itoa(id) + properties + ">> BDC")
	p.open = e
}

// Artifact makes what is drawn next furniture: rules, borders, running heads and feet. Readers skip it.
func (p *Page) Artifact() {
	if p.artifact {
		return
	}
	p.end()
	p.op("/Artifact BMC")
	p.artifact = true
}

func (p *Page) end() {
	if p.open != nil || p.artifact {
		p.op("EMC")
	}
	p.open, p.artifact = nil, false
}

func (p *Page) op(s string) {
	p.content = append(append(p.content, s...), '\n')
}

func (p *Page) nums(vs ...float64) {
	for _, v := range vs {
		p.content = appendNumber(p.content, v)
		p.content = append(p.content, ' ')
	}
}

// appendNumber writes at most three decimals and no exponent (ISO 32000-1, 7.3.3).
func appendNumber(b []byte, v float64) []byte {
	b = strconv.AppendFloat(b, v, 'f', 3, 64)
	for b[len(b)-1] == '0' {
		b = b[:len(b)-1]
	}
	if b[len(b)-1] == '.' {
		b = b[:len(b)-1]
	}
	return b
}

// Text draws characters with the font of that index, from (x, y) on the base line.
func (p *Page) Text(fontIndex int, size, x, y float64, text []rune) {
	p.content = append(p.content, "BT /F"...)
	p.content = strconv.AppendInt(p.content, int64(fontIndex), 10)
	p.content = append(p.content, ' ')
	p.nums(size)
	p.content = append(p.content, "Tf "...)
	p.nums(x, y)
	p.content = append(p.content, "Td <"...)
	f := p.doc.fonts[fontIndex]
	for _, r := range text {
		p.content = appendHex(p.content, f.Code(r))
	}
	p.op("> Tj ET")
}

func appendHex(b []byte, v uint16) []byte {
	const hex = "0123456789ABCDEF"
	return append(b, hex[v>>12], hex[v>>8&15], hex[v>>4&15], hex[v&15])
}

// MarkInstead makes what is drawn next a piece of its own inside e that stands for the text (ISO 32000-1, 14.9.4): search,
// copying and screen readers get the text. It is said twice, in the structure tree and beside the drawing, because programs
// look in one place or the other; a marked content nested in another would be missed by some.
func (p *Page) MarkInstead(e *Element, text string) {
	span := e.Add("Span")
	span.actual = textString(text)
	p.mark(span, "/ActualText "+textString(text))
}

// Ink sets the colour of text and fills, 0 to 1 each.
func (p *Page) Ink(r, g, b float64) {
	p.nums(r, g, b)
	p.op("rg")
}

// Fill paints a rectangle in a shade of grey.
func (p *Page) Fill(grey, x, y, w, h float64) {
	p.content = append(p.content, "q "...)
	p.nums(grey)
	p.content = append(p.content, "g "...)
	p.nums(x, y, w, h)
	p.op("re f Q")
}

// Line draws a straight line of that width in a shade of grey.
func (p *Page) Line(grey, width, x1, y1, x2, y2 float64) {
	p.content = append(p.content, "q "...)
	p.nums(grey)
	p.content = append(p.content, "G "...)
	p.nums(width)
	p.content = append(p.content, "w "...)
	p.nums(x1, y1)
	p.content = append(p.content, "m "...)
	p.nums(x2, y2)
	p.op("l S Q")
}

// Link starts or widens a link inside parent and returns the element to Mark for its text. Calls for the same target one
// after the other on one line are one link.
func (p *Page) Link(parent *Element, uri, text string, x1, y1, x2, y2 float64) *Element {
	if n := len(p.links); n > 0 {
		if l := p.links[n-1]; l.uri == uri && l.element.parent == parent && l.rect[1] == y1 && x1-l.rect[2] < 0.01 && l.rect[2]-x1 < 0.01 {
			l.rect[2] = x2
			if len(l.text) < 10_000 { // it becomes a string, and strings have a limit (ISO 19005-2, 6.1.13)
				l.text += text
			}
			return l.element
		}
	}
	l := &link{page: p, rect: [4]float64{x1, y1, x2, y2}, uri: uri, text: text, element: parent.Add("Link")}
	l.element.kids = append(l.element.kids, kid{link: l})
	p.links = append(p.links, l)
	p.doc.links = append(p.doc.links, l)
	return l.element
}
