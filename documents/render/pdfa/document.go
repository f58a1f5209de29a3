// Package pdfa writes tagged PDF/A-2a: pages drawn by the caller, the structure tree that says what the drawing means, links,
// bookmarks, metadata and embedded fonts. It knows nothing about materials; package render lays them out.
//
// What it follows: ISO 19005-2 (PDF/A-2, level A), ISO 32000-1 (PDF 1.7) and ISO 14289-1 (PDF/UA-1) for the tags. What is in
// a file and how it is ordered is promised in file.go, because signatures are appended to these bytes.
//
//   - document.go: Document and the tree of Elements (ISO 32000-1, 14.7–14.8)
//   - page.go: drawing on a page, marked content, links
//   - file.go: objects, cross-reference table, the whole file
//   - fonts.go: font dictionaries, character maps
//   - metadata.go: XMP and the information dictionary
//   - icc.go: the sRGB profile of the output intent
package pdfa

import (
	"time"

	"spolupis/documents/render/font"
)

// Meta describes the document. Title and Lang are required by PDF/UA.
type Meta struct {
	Title      string
	Author     string
	Lang       string // RFC 3066, such as "cs"
	Identifier string // dc:identifier
	Producer   string
	Date       time.Time // of creation and change; zero = not said
	Landscape  bool
	// Twin is for tests only: 1 writes the same drawing as PDF/A-1a, for checkers that know nothing newer.
	Twin int
}

// Size is the width and height of the pages.
func (m Meta) Size() (width, height float64) {
	if m.Landscape {
		return Height, Width
	}
	return Width, Height
}

// Document is a PDF under construction. Not safe for concurrent use.
type Document struct {
	Meta     Meta
	Root     *Element
	fonts    []*font.Subset
	pages    []*Page
	links    []*link
	outlines []outline
}

// New starts a document drawn with the given fonts; Page.Text names them by index.
func New(m Meta, fonts []*font.Subset) *Document {
	return &Document{Meta: m, fonts: fonts, Root: &Element{tag: "Document"}}
}

// Element is a node of the structure tree.
type Element struct {
	tag    string
	attrs  string // PDF dictionary
	actual string // ActualText as a PDF string
	parent *Element
	kids   []kid
	object int
}

// kid is one of: an element, marked content on a page, a link annotation.
type kid struct {
	element *Element
	page    *Page
	content int
	link    *link
}

// Add appends a child with one of the standard structure types (ISO 32000-1, 14.8.4).
func (e *Element) Add(tag string) *Element {
	c := &Element{tag: tag, parent: e}
	e.kids = append(e.kids, kid{element: c})
	return c
}

// Numbered says how the items of an "L" are labelled: "Disc" or "Decimal".
func (e *Element) Numbered(how string) *Element {
	e.attrs = "<</O/List/ListNumbering/" + how + ">>"
	return e
}

// Heads says that a "TH" is the head of its column.
func (e *Element) Heads() *Element {
	e.attrs = "<</O/Table/Scope/Column>>"
	return e
}

// outline is a bookmark.
type outline struct {
	level int
	title string
	page  *Page
	y     float64
}

// Bookmark adds an entry of the outline; level 1 is the outermost. Levels may be skipped.
func (d *Document) Bookmark(level int, title string, p *Page, y float64) {
	d.outlines = append(d.outlines, outline{level, title, p, y})
}
