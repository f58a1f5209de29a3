package render

import (
	"fmt"

	"spolupis/documents/render/font"
	"spolupis/documents/render/pdfa"
)

// The page, in points: A4 with the margins of an office letter.
const (
	margin = 70.0
	bottom = 84.0
	left   = 71.0
	beside = 68.0 // on the right
)

// flow is the place on the current page where the next line goes.
type flow struct {
	typesetter
	doc  *pdfa.Document
	page *pdfa.Page
	// height is that of the page; top and right are where text may begin and end on it.
	height, top, right float64
	y                  float64   // top of what comes next
	bars               []float64 // x of the lines beside quoted text
}

func newFlow(m pdfa.Meta) *flow {
	f := &flow{typesetter: typesetter{faces: loaded().faces}}
	var subsets []*font.Subset
	for _, face := range f.faces {
		subsets = append(subsets, font.NewSubset(face))
	}
	f.doc = pdfa.New(m, subsets)
	width, height := m.Size()
	f.height, f.top, f.right = height, height-margin, width-beside
	f.newPage()
	return f
}

func (f *flow) newPage() {
	f.page = f.doc.Page()
	f.y = f.top
}

// fresh reports whether nothing stands on the page yet.
func (f *flow) fresh() bool { return f.y >= f.top-0.01 }

// need starts a new page unless h points are left; it reports whether it did.
func (f *flow) need(h float64) bool {
	if f.y-h >= bottom || f.fresh() {
		return false
	}
	f.newPage()
	return true
}

// down moves on, drawing the bars beside a quotation.
func (f *flow) down(h float64) {
	for _, x := range f.bars {
		f.page.Artifact()
		f.page.Line(0.6, 1.6, x, f.y, x, f.y-h)
	}
	f.y -= h
}

// skip leaves space between blocks; none at the top of a page.
func (f *flow) skip(h float64) {
	if !f.fresh() && len(f.bars) == 0 {
		f.y -= h
	} else if !f.fresh() {
		f.down(h)
	}
}

// lines draws a paragraph between x1 and x2. keep is the space that must be left below its last line on the same page.
// Neither the first nor the last line of a paragraph stands alone on a page.
func (f *flow) lines(e *pdfa.Element, ls []line, x1, x2 float64, s style, keep float64) {
	for i, l := range ls {
		h := s.lead
		switch {
		case i == 0 && len(ls) <= 3:
			h = s.lead*float64(len(ls)) + keep
		case i == 0 || i == len(ls)-2:
			h = 2 * s.lead
		}
		if i == len(ls)-2 && i > 0 {
			h += keep
		}
		f.need(h)
		x := x1
		switch s.align {
		case "right":
			x = x2 - l.width
		case "center":
			x = (x1 + x2 - l.width) / 2
		}
		at, size := f.y, s.size
		f.down(s.lead)
		f.draw(f.page, e, l, x, baseline(at, s.lead, size), s)
	}
}

// baseline centres the text in its line.
func baseline(y, lead, size float64) float64 { return y - lead/2 - size*0.35 }

// furniture draws the feet of all pages, when their number is known, and heads from the second page on.
func (f *flow) furniture(m Meta) {
	l := labelsOf(m.Lang)
	pages := f.doc.Pages()
	for i, p := range pages {
		p.Artifact()
		p.Ink(0.3, 0.3, 0.3)
		if i > 0 {
			f.furnitureText(p, sans, 8, left, f.height-46, f.shorten(m.Title, sans, 8, f.right-left))
			p.Line(0.75, 0.5, left, f.height-52, f.right, f.height-52)
		}
		p.Line(0.6, 0.5, left, bottom-18, f.right, bottom-18)
		where := fmt.Sprintf(l.page, i+1, len(pages))
		f.furnitureText(p, sans, 8, f.right-f.width(sans, 8, where), bottom-30, where)
		f.furnitureText(p, sansBold, 8, left, bottom-30, f.shorten(m.label(), sansBold, 8, f.right-left-90))
		f.furnitureText(p, sans, 6.5, left, bottom-41, l.hash)
		f.furnitureText(p, mono, 6, left+f.width(sans, 6.5, l.hash)+4, bottom-41, m.SHA256)
		p.Ink(0, 0, 0)
	}
}

func (f *flow) furnitureText(p *pdfa.Page, face int, size, x, y float64, text string) {
	var cs []char
	for _, r := range text {
		cs = f.add(cs, r, face)
	}
	f.draw(p, nil, line{chars: cs}, x, y, style{size: size})
}

// shorten cuts a text that is too wide and says so with an ellipsis.
func (f *flow) shorten(text string, face int, size, width float64) string {
	if f.width(face, size, text) <= width {
		return text
	}
	rs := []rune(text)
	for len(rs) > 0 && f.width(face, size, string(rs)+"…") > width {
		rs = rs[:len(rs)-1]
	}
	return string(rs) + "…"
}

type labels struct{ page, version, hash string }

// labelsOf are the few words that stand in the foot of a frozen document; they are part of its bytes and of the render
// profile, so they do not come from the pages' dictionaries.
func labelsOf(lang string) labels {
	if lang == "en" {
		return labels{page: "page %d of %d", version: "version %d", hash: "SHA-256 of the text"}
	}
	return labels{page: "strana %d z %d", version: "verze %d", hash: "SHA-256 textu"}
}
