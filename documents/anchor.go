package documents

import (
	"fmt"
	"sort"
	"strings"
	"unicode/utf8"

	"spolupis/collab"
	"spolupis/collab/crdt"
)

// bodyName is the root of the live document that holds its text.
const bodyName = "body"

// around is how many characters before and after a quote are kept with it.
const around = 32

// minQuote is the shortest quote, in characters, that may find its place again
// by its wording alone: shorter ones repeat.
const minQuote = 8

// flat is a text laid out for searching: its characters, with every block
// marker as a line break, and a table between bytes and CRDT indexes.
type flat struct {
	text   string
	starts []span // in order of both bytes and units
	blocks []block
	units  int
}

type span struct {
	bytes, units int // where the span starts
	length       int // in units
	wide         bool
	attrs        crdt.Attrs
}

type block struct {
	id     string
	at     int // index of the marker in units, -1 for the implicit first paragraph
	marker map[string]any
}

// flatten lays out the text of a live document.
func flatten(t *crdt.Text) *flat {
	f := &flat{blocks: []block{{id: "0:0", at: -1}}}
	var text strings.Builder
	for _, op := range t.Delta() {
		switch {
		case op.Map != nil:
			id := op.Map.ID()
			f.blocks = append(f.blocks, block{id: fmt.Sprintf("%d:%d", id.Client, id.Clock), at: f.units, marker: op.Map.JSON()})
			f.starts = append(f.starts, span{bytes: text.Len(), units: f.units, length: 1})
			text.WriteByte('\n')
			f.units++
		case op.Embed != nil:
			f.starts = append(f.starts, span{bytes: text.Len(), units: f.units, length: 1})
			text.WriteByte('\n')
			f.units++
		default:
			// One span per run of characters of the same width keeps the table
			// exact without an entry per character.
			for i := 0; i < len(op.Insert); {
				r, size := utf8.DecodeRuneInString(op.Insert[i:])
				s := span{bytes: text.Len(), units: f.units, length: 1, wide: true, attrs: op.Attrs}
				if r > 0xFFFF {
					s.length = 2
				}
				if r < utf8.RuneSelf {
					end := i
					for end < len(op.Insert) && op.Insert[end] < utf8.RuneSelf {
						end++
					}
					size, s.length, s.wide = end-i, end-i, false
				}
				text.WriteString(op.Insert[i : i+size])
				f.units += s.length
				f.starts = append(f.starts, s)
				i += size
			}
		}
	}
	f.text = text.String()
	return f
}

// unit turns a byte offset into a CRDT index.
func (f *flat) unit(at int) int {
	i := sort.Search(len(f.starts), func(i int) bool { return f.starts[i].bytes > at }) - 1
	if i < 0 {
		return 0
	}
	s := f.starts[i]
	if s.wide {
		if at > s.bytes {
			return s.units + s.length
		}
		return s.units
	}
	return s.units + min(at-s.bytes, s.length)
}

// byteAt turns a CRDT index into a byte offset.
func (f *flat) byteAt(unit int) int {
	if unit >= f.units {
		return len(f.text)
	}
	i := sort.Search(len(f.starts), func(i int) bool { return f.starts[i].units > unit }) - 1
	if i < 0 {
		return 0
	}
	s := f.starts[i]
	if s.wide {
		return s.bytes
	}
	return s.bytes + unit - s.units
}

// between is the text from one CRDT index to another.
func (f *flat) between(from, to int) string {
	from, to = max(0, from), min(to, f.units)
	if from >= to {
		return ""
	}
	return f.text[f.byteAt(from):f.byteAt(to)]
}

// attrsAt are the attributes of the character at an index.
func (f *flat) attrsAt(unit int) crdt.Attrs {
	i := sort.Search(len(f.starts), func(i int) bool { return f.starts[i].units > unit }) - 1
	if i < 0 {
		return nil
	}
	return f.starts[i].attrs
}

// find returns the only place of quote, or false when there is none or more than one.
func (f *flat) find(quote string) (from, to int, ok bool) {
	first := strings.Index(f.text, quote)
	if quote == "" || first < 0 || strings.Contains(f.text[first+1:], quote) {
		return 0, 0, false
	}
	return f.unit(first), f.unit(first + len(quote)), true
}

// blockAt is the block that holds the character at an index.
func (f *flat) blockAt(unit int) block {
	i := sort.Search(len(f.blocks), func(i int) bool { return f.blocks[i].at > unit }) - 1
	return f.blocks[max(i, 0)]
}

// block finds a block by its id and returns the range of its text.
func (f *flat) block(id string) (from, to int, ok bool) {
	for i, b := range f.blocks {
		if b.id == id {
			to = f.units
			if i+1 < len(f.blocks) {
				to = f.blocks[i+1].at
			}
			return b.at + 1, to, true
		}
	}
	return 0, 0, false
}

func lastRunes(s string, n int) string {
	r := []rune(s)
	return string(r[max(0, len(r)-n):])
}

func firstRunes(s string, n int) string {
	r := []rune(s)
	return string(r[:min(n, len(r))])
}

// place is where a comment stands in the live text now.
type place struct {
	from, to int
	orphan   bool
	whole    bool // the comment is on the whole material
	anchor   *collab.Anchor
}

// text is a live document opened for placing comments in it.
type text struct {
	doc  *crdt.Doc
	body *crdt.Text
	flat *flat
}

func open(doc *crdt.Doc) *text {
	body := doc.Text(bodyName)
	return &text{doc: doc, body: body, flat: flatten(body)}
}

// anchor makes the pair of relative positions for a range: the start sticks to
// its first character and the end to its last, so text typed at either edge
// stays outside.
func (t *text) anchor(from, to int) *collab.Anchor {
	return &collab.Anchor{Start: t.body.RelativePosition(from, 0).Encode(), End: t.body.RelativePosition(to, -1).Encode()}
}

// place finds a comment: by its relative positions, else by its wording when
// that is long enough and occurs exactly once, else by its block. A comment
// found by none of them is an orphan. It never chooses between two matches.
func (t *text) place(c Comment) place {
	if c.Anchor == nil && c.Quote == "" && c.Block == "" {
		return place{whole: true, from: -1}
	}
	if c.Anchor != nil {
		if from, to, ok := collab.Resolve(t.doc, *c.Anchor); ok && from < to {
			return place{from: from, to: to, anchor: c.Anchor}
		}
	}
	quote := c.Quote
	if c.Applied && c.Proposed != nil {
		quote = *c.Proposed
	}
	if runes(quote) >= minQuote {
		if from, to, ok := t.flat.find(quote); ok {
			return place{from: from, to: to, anchor: t.anchor(from, to)}
		}
	}
	if from, to, ok := t.flat.block(c.Block); c.Block != "" && ok && from < to {
		return place{from: from, to: to, anchor: t.anchor(from, to)}
	}
	return place{orphan: true, from: t.flat.units, to: t.flat.units}
}

// read fills in what the server itself reads at a place.
func (t *text) read(c *Comment, from, to int) {
	c.Anchor = t.anchor(from, to)
	c.Quote = t.flat.between(from, to)
	// A character is at most two units. An import reads thousands of places.
	c.Prefix = lastRunes(t.flat.between(from-2*around, from), around)
	c.Suffix = firstRunes(t.flat.between(to, to+2*around), around)
	c.Block = t.flat.blockAt(from).id
}
